//! Erases a person, and revokes an erasure.

use std::collections::BTreeSet;

use crate::storage::pool::{Connection, Pool};
use jiff::Timestamp;
use uuid::Uuid;

use super::entries::list_entries;
pub use super::purge_inbox::Progress;
use super::purge_inbox::purge_deliveries;
use super::suppression_file::{BrandSuppressions, Entry, SuppressionFile, SuppressionFileError};
use crate::brand::Brand;
use crate::customer::model::identifier::Identifier;
use crate::customer::model::record::RecordKey;
use crate::customer::model::source::SourceKind;
use crate::ingest::purge::purge;
use crate::ingest::reserved_ids::PendingDerivation;
use crate::storage::StorageError;
use crate::storage::erasures::{
    ErasedCounts, complete_erasures, count_erased, insert_erasure, mark_erasure_revoked,
};
use crate::storage::person::list_person;
use crate::storage::suppression_hashes::{find_erasures, insert_hashes, list_hashes};
use crate::storage::suppressions::{SuppressionHash, SuppressionHasher};
use crate::storage::write_transaction::begin;

/// An erasure failed. If the suppression list already contains it, the running service, or its next start, finishes it.
#[derive(Debug, thiserror::Error)]
pub enum ErasureError {
    /// Postgres failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The suppression list would erase more of the brand than `erasure.max_erased_percent` allows.
    #[error(
        "the suppression file would erase {named} of the {all} {what} of brand {brand}. Check that the file belongs to this database. If it does, raise erasure.max_erased_percent, start the service, and set it back"
    )]
    TooMany {
        /// The brand.
        brand: String,
        /// "records", or "events": those of records that are not erased.
        what: &'static str,
        /// How many the list would erase.
        named: usize,
        /// How many the brand has.
        all: usize,
    },
    /// The suppression file cannot be used.
    #[error(transparent)]
    SuppressionFile(#[from] SuppressionFileError),
}

impl From<sqlx::Error> for ErasureError {
    fn from(error: sqlx::Error) -> Self {
        Self::Storage(error.into())
    }
}

/// The result of an erasure. It does not say who was erased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Id of the erasure in the suppression list.
    pub erasure_id: Uuid,
    /// When it began.
    pub erased_at: Timestamp,
    /// How much was deleted.
    pub counts: ErasedCounts,
    /// How many hashes the suppression list has for this erasure.
    pub entries: usize,
}

/// The person whose erasure is revoked.
#[derive(Clone)]
pub enum ErasureTarget {
    /// The person with this address.
    Address(Identifier),
    /// The person with a record of this id, or for whom an answer gave it out.
    Id(String),
}

impl ErasureTarget {
    /// The record keys that the id may mean. The id may stand alone, or after a kind or a source.
    #[must_use]
    pub fn record_keys(&self) -> BTreeSet<RecordKey> {
        let Self::Id(id) = self else { return BTreeSet::new() };
        let bare = id.split_once(':').map(|(_, bare)| bare);
        let of_any = |id: &str| {
            SourceKind::ALL
                .into_iter()
                .filter_map(|kind| RecordKey::new(kind, id))
                .collect::<Vec<_>>()
        };
        let whole: Option<RecordKey> = id.parse().ok();
        let of_source = bare.filter(|_| whole.is_none()).map(of_any).unwrap_or_default();
        of_any(id).into_iter().chain(whole).chain(of_source).collect()
    }
}

/// Erases the person of some records. It writes the suppression list first, in the file and in the database. If it is
/// interrupted after that, the service finishes the erasure.
///
/// # Errors
/// If the suppression file cannot be written (then nothing is erased), or if Postgres fails.
pub async fn erase(
    pool: &Pool,
    brand: &Brand,
    file: &SuppressionFile,
    records: &BTreeSet<RecordKey>,
    now: Timestamp,
    on_progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<Receipt, ErasureError> {
    let (erasure_id, records, entries) = add_suppressions(pool, brand, file, records, now).await?;
    let mut transaction = begin(pool, brand.id()).await?;
    let counts = purge(&mut transaction, brand, erasure_id, &records, &BTreeSet::new()).await?;
    count_erased(&mut transaction, brand.id(), erasure_id, counts).await?;
    transaction.commit().await?;
    purge_deliveries(pool, brand, erasure_id, on_progress).await?;
    let counts =
        complete_erasures(&mut *pool.acquire().await?, brand.id(), &[erasure_id].into(), now)
            .await?;
    Ok(Receipt { erasure_id, erased_at: now, counts, entries })
}

/// Adds a person to the suppression list. Returns the id of the erasure, the person's records, and the number of
/// hashes.
///
/// # Errors
/// As [`erase`].
pub async fn add_suppressions(
    pool: &Pool,
    brand: &Brand,
    file: &SuppressionFile,
    records: &BTreeSet<RecordKey>,
    now: Timestamp,
) -> Result<(Uuid, BTreeSet<RecordKey>, usize), ErasureError> {
    let erasure_id = Uuid::new_v4();
    let mut transaction = begin(pool, brand.id()).await?;
    let records = list_person(&mut transaction, brand.id(), records).await?;
    let hashes = list_entries(&mut transaction, brand, &records).await?;
    let entries = hashes.len();
    insert_erasure(&mut transaction, brand.id(), erasure_id, now).await?;
    insert_hashes(
        &mut transaction,
        brand.id(),
        &hashes.iter().map(|hash| (*hash, erasure_id)).collect(),
    )
    .await?;
    let has_key = file.read_brand(&brand.rules.slug, &brand.suppression_key)?.key.is_some();
    let entry = Entry { erased_at: now, revoked_at: None, hashes };
    let additions = BrandSuppressions {
        key: (!has_key).then_some(brand.suppression_key),
        erasures: [(erasure_id, entry)].into(),
    };
    file.append(&brand.rules.slug, &additions)?;
    transaction.commit().await?;
    Ok((erasure_id, records, entries))
}

/// Whether an erasure that is not revoked contains an address or an id.
///
/// # Errors
/// If Postgres fails.
pub async fn is_erased(
    db: &mut Connection,
    brand: &Brand,
    target: &ErasureTarget,
) -> Result<bool, StorageError> {
    Ok(!erasures_of(db, brand, target).await?.is_empty())
}

/// The erasures that contain an address or an id, and are not revoked.
///
/// # Errors
/// If Postgres fails.
pub async fn erasures_of(
    db: &mut Connection,
    brand: &Brand,
    target: &ErasureTarget,
) -> Result<BTreeSet<Uuid>, StorageError> {
    find_erasures(db, brand.id(), &hashes(brand, target)).await
}

/// The hashes by which the suppression list knows an address or an id.
fn hashes(brand: &Brand, target: &ErasureTarget) -> BTreeSet<SuppressionHash> {
    let hasher = SuppressionHasher::new(&brand.suppression_key);
    match target {
        ErasureTarget::Address(address) => {
            [hasher.exclusive(address), hasher.shared(address)].into()
        }
        ErasureTarget::Id(id) => {
            let keys = target.record_keys();
            keys.iter().map(|key| hasher.record(key)).chain([hasher.given_id(id)]).collect()
        }
    }
}

/// Revokes every erasure that contains an address or an id: from now on, new data of that person is accepted. Returns
/// how many erasures were revoked.
///
/// # Errors
/// If the suppression file cannot be written, or if Postgres fails.
pub async fn revoke_erasure(
    pool: &Pool,
    brand: &Brand,
    file: &SuppressionFile,
    target: &ErasureTarget,
    now: Timestamp,
) -> Result<usize, ErasureError> {
    let mut transaction = begin(pool, brand.id()).await?;
    let erasures = find_erasures(&mut transaction, brand.id(), &hashes(brand, target)).await?;
    let taken_back = Entry { erased_at: now, revoked_at: Some(now), hashes: BTreeSet::new() };
    let mut additions = BrandSuppressions {
        key: None,
        erasures: erasures.iter().map(|id| (*id, taken_back.clone())).collect(),
    };
    let known = file.read_brand(&brand.rules.slug, &brand.suppression_key)?;
    let mut hashes = BTreeSet::new();
    for (id, entry) in &mut additions.erasures {
        entry.erased_at = known.erasures.get(id).map_or(now, |known| known.erased_at);
        hashes.extend(list_hashes(&mut transaction, brand.id(), *id).await?);
        mark_erasure_revoked(&mut transaction, brand.id(), *id, now).await?;
    }
    let pending = PendingDerivation::store(&mut transaction, brand, hashes).await?;
    file.append(&brand.rules.slug, &additions)?;
    transaction.commit().await?;
    pending.derive(pool, brand).await?;
    Ok(erasures.len())
}

//! Explains why a lookup in the stored data finds nobody.

use crate::brand::Brand;
use crate::customer::model::record::RecordKey;
use crate::customer::model::source::{Source, SourceKind};
use crate::lookup::query::Question;
use crate::sources::api::{LiveWhen, LookupTarget};
use crate::storage::StorageError;
use crate::storage::invalidation::LookupHash;
use crate::storage::live_queries::{LastQuery, list_live_queries};
use crate::storage::pool::Connection;
use crate::storage::records::list_holders;
use crate::storage::suppression_hashes::find_erased;
use crate::storage::suppressions::{SuppressionHash, SuppressionHasher};

/// The most records that are listed.
const MOST_RECORDS: i64 = 10;

/// Why a lookup finds nobody. It is personal data, for an admin only. So it does not implement `Debug`.
pub struct Nobody {
    /// The address or id, as it was read.
    pub read_as: String,
    /// Whether a person with this address or id was erased.
    pub is_erased: bool,
    /// Records that have the address, although it finds nobody.
    pub holders: Vec<RecordKey>,
    /// What a lookup by HTTP learns from each source.
    pub sources: Vec<(Source, AskedSource)>,
}

/// What a lookup by HTTP learns from a source.
pub enum AskedSource {
    /// The service does not call this source, or its secret is not set for this command.
    NotConnected,
    /// The settings say that lookups never ask it.
    Off,
    /// It cannot find people in this way.
    CannotFind,
    /// It was never asked about this address or id.
    NeverAsked,
    /// When it was asked last, and whether it knew somebody.
    Asked(LastQuery),
}

/// Explains why a lookup finds nobody.
///
/// # Errors
/// When Postgres fails.
pub async fn explain_nobody(
    db: &mut Connection,
    brand: &Brand,
    question: &Question,
) -> Result<Nobody, StorageError> {
    let (read_as, hash, holders) = match question {
        Question::Address(address) => (
            address.value.clone(),
            LookupHash::of_address(&brand.secret, address),
            list_holders(db, brand.id(), address, MOST_RECORDS).await?,
        ),
        Question::Id(id) => (id.clone(), LookupHash::of_id(&brand.secret, id), Vec::new()),
    };
    let erased = find_erased(db, brand.id(), suppression_hashes(brand, question)).await?;
    let last_queries = list_live_queries(db, brand.id(), hash).await?;
    let asked = |source| (source, asked_source(brand, source, question, &last_queries));
    let sources = Source::ALL.map(asked).into();
    Ok(Nobody { read_as, is_erased: !erased.is_empty(), holders, sources })
}

/// The hashes under which the suppression list has an address, or the records with an id.
fn suppression_hashes(brand: &Brand, question: &Question) -> Vec<SuppressionHash> {
    let hasher = SuppressionHasher::new(&brand.suppression_key);
    match question {
        Question::Address(address) => vec![hasher.exclusive(address), hasher.shared(address)],
        Question::Id(id) => {
            let of_kinds = SourceKind::ALL.into_iter().filter_map(|kind| RecordKey::new(kind, id));
            let named = id.parse::<RecordKey>().ok();
            of_kinds.chain(named).map(|key| hasher.record(&key)).collect()
        }
    }
}

fn asked_source(
    brand: &Brand,
    source: Source,
    question: &Question,
    last_queries: &[LastQuery],
) -> AskedSource {
    let Some(account) = brand.rules.accounts.get(&source) else {
        return AskedSource::NotConnected;
    };
    if account.live.when == LiveWhen::Off {
        return AskedSource::Off;
    }
    let target = LookupTarget::from(question);
    if brand.rules.sources.api(source).find(&target, &[]).is_empty() {
        return AskedSource::CannotFind;
    }
    let last = last_queries.iter().find(|query| query.source == source);
    last.map_or(AskedSource::NeverAsked, |query| AskedSource::Asked(*query))
}

//! Copies erasures between the suppression file and the database.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::erase::ErasureError;
use super::erased_share::check_erased_share;
use super::suppression_file::{BrandSuppressions, Entry, SuppressionFile};
use crate::brand::Brand;
use crate::ingest::reserved_ids::PendingDerivation;
use crate::storage::StorageError;
use crate::storage::erasures::{
    ErasureRow, insert_erasure, list_erasures, mark_erasure_revoked, reopen_erasure,
};
use crate::storage::pool::Pool;
use crate::storage::suppression_hashes::{insert_hashes, list_hashes};
use crate::storage::suppressions::SuppressionHash;
use crate::storage::write_transaction::begin;

fn digest(hashes: &BTreeSet<SuppressionHash>) -> [u8; 32] {
    let mut digest = Sha256::new();
    hashes.iter().for_each(|hash| digest.update(hash.0));
    digest.finalize().into()
}

/// Copies erasures from the file to the database, unless they would erase too much of the brand. Returns all erasures
/// of the database.
pub(super) async fn import_from_file(
    pool: &Pool,
    brand: &Brand,
    of_file: Option<&BrandSuppressions>,
    max_erased_percent: u32,
) -> Result<Vec<ErasureRow>, ErasureError> {
    // Without the lock of the brand: usually there is nothing to copy.
    let rows = list_erasures(&mut *pool.acquire().await?, brand.id()).await?;
    let known: BTreeMap<Uuid, &ErasureRow> = rows.iter().map(|row| (row.erasure_id, row)).collect();
    let is_alike = |id: &Uuid, entry: &Entry| {
        let row = known.get(id);
        row.is_some_and(|row| {
            row.revoked_at.is_some()
                || (entry.revoked_at.is_none() && row.digest == digest(&entry.hashes))
        })
    };
    let additions: Vec<(&Uuid, &Entry)> = of_file
        .iter()
        .flat_map(|suppressions| &suppressions.erasures)
        .filter(|(id, entry)| !is_alike(id, entry))
        .collect();
    if additions.is_empty() {
        return Ok(rows);
    }
    let mut transaction = begin(pool, brand.id()).await?;
    let mut revoked = BTreeSet::new();
    for (id, entry) in additions {
        insert_erasure(&mut transaction, brand.id(), *id, entry.erased_at).await?;
        if let Some(at) = entry.revoked_at {
            revoked.extend(list_hashes(&mut transaction, brand.id(), *id).await?);
            mark_erasure_revoked(&mut transaction, brand.id(), *id, at).await?;
        } else if insert_hashes(
            &mut transaction,
            brand.id(),
            &entry.hashes.iter().map(|hash| (*hash, *id)).collect(),
        )
        .await?
        {
            reopen_erasure(&mut transaction, brand.id(), *id).await?;
        }
    }
    let rows = list_erasures(&mut transaction, brand.id()).await?;
    check_erased_share(&mut transaction, brand, max_erased_percent).await?;
    let pending = PendingDerivation::store(&mut transaction, brand, revoked).await?;
    transaction.commit().await?;
    pending.derive(pool, brand).await?;
    Ok(rows)
}

/// Copies erasures from the database to the file.
pub(super) async fn export_to_file(
    pool: &Pool,
    brand: &Brand,
    file: &SuppressionFile,
    of_file: &BrandSuppressions,
    rows: &[ErasureRow],
) -> Result<(), ErasureError> {
    let mut additions = BrandSuppressions::default();
    for row in rows {
        let known = of_file.erasures.get(&row.erasure_id);
        let is_alike = |known: &Entry| {
            known.revoked_at.is_some()
                || (row.revoked_at.is_none() && row.digest == digest(&known.hashes))
        };
        if known.is_some_and(is_alike) {
            continue;
        }
        let mut hashes = list_hashes(
            &mut *pool.acquire().await.map_err(StorageError::from)?,
            brand.id(),
            row.erasure_id,
        )
        .await?;
        if let Some(known) = known {
            hashes.retain(|hash| !known.hashes.contains(hash));
        }
        let is_new = known.is_none() || row.revoked_at.is_some() || !hashes.is_empty();
        let entry = Entry { erased_at: row.erased_at, revoked_at: row.revoked_at, hashes };
        additions.erasures.extend(is_new.then_some((row.erasure_id, entry)));
    }
    if !additions.erasures.is_empty() {
        additions.key = of_file.key.is_none().then_some(brand.suppression_key);
        file.append(&brand.rules.slug, &additions)?;
    }
    Ok(())
}

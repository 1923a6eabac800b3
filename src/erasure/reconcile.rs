//! Keeps the suppression file and the database equal, and erases again the persons whom a restored backup brought back.

use std::collections::BTreeSet;

use jiff::Timestamp;
use uuid::Uuid;

use super::erase::ErasureError;
use super::erase_again::{erase_events, erase_records};
use super::purge_inbox::purge_deliveries;
use super::suppression_copies::{export_to_file, import_from_file};
use super::suppression_file::{SuppressionFile, SuppressionFileError};
use crate::brand::Brand;
use crate::ingest::reserved_ids::derive_again;
use crate::storage::brands::get_or_insert_brand;
use crate::storage::erasures::{ErasureRow, complete_erasures};
use crate::storage::pool::Pool;
use crate::storage::suppression_hashes::{adopt_suppression_key, get_suppression_key, list_hashes};

/// Stores, for each brand, the key of the file's hashes, unless the database already has hashes of the brand. So a new
/// database recognises the persons that were erased before. Call this before brands are opened.
///
/// # Errors
/// If the file cannot be read, or if Postgres fails.
pub async fn adopt_keys(
    pool: &Pool,
    file: &SuppressionFile,
    slugs: &[&str],
) -> Result<(), ErasureError> {
    for (slug, suppressions) in file.read()? {
        if let Some(key) = suppressions.key.filter(|_| slugs.contains(&slug.as_str())) {
            let row = get_or_insert_brand(pool, &slug).await?;
            adopt_suppression_key(pool, row.brand_id, &key).await?;
        }
    }
    Ok(())
}

/// Makes the file and the database equal, and finishes the interrupted erasures that began by a given time: a command may
/// still be working on a later one. Returns how many erasures it finished.
///
/// # Errors
/// If the file or Postgres fails.
pub async fn reconcile(
    pool: &Pool,
    brand: &Brand,
    file: &SuppressionFile,
    max_erased_percent: u32,
    now: Timestamp,
    began_by: Timestamp,
) -> Result<usize, ErasureError> {
    if get_suppression_key(pool, brand.id()).await? != brand.suppression_key {
        tracing::error!(
            brand = brand.rules.slug,
            "database was replaced; restart the service, or erased persons may be visible"
        );
        return Ok(0);
    }
    let of_file = match file.read_brand(&brand.rules.slug, &brand.suppression_key) {
        Err(error @ SuppressionFileError::Foreign(_)) => {
            tracing::error!(brand = brand.rules.slug, %error, "suppression file ignored; persons in it count as not erased");
            None
        }
        read => Some(read?),
    };
    let rows = import_from_file(pool, brand, of_file.as_ref(), max_erased_percent).await?;
    // First finish the erasures, then write the file: its disk may be full.
    let is_open = |row: &&ErasureRow| {
        row.completed_at.is_none() && row.revoked_at.is_none() && row.erased_at <= began_by
    };
    let open: BTreeSet<Uuid> = rows.iter().filter(is_open).map(|row| row.erasure_id).collect();
    if !open.is_empty() {
        resume(pool, brand, &open, now).await?;
        tracing::info!(
            brand = brand.rules.slug,
            erasures = open.len(),
            "finished erasures that were interrupted, or undone by a restored backup"
        );
    }
    if let Some(of_file) = of_file {
        export_to_file(pool, brand, file, &of_file, &rows).await?;
    }
    Ok(open.len())
}

/// Searches all stored data for persons of the suppression list, and erases them.
async fn resume(
    pool: &Pool,
    brand: &Brand,
    open: &BTreeSet<Uuid>,
    now: Timestamp,
) -> Result<(), ErasureError> {
    let mut after = String::new();
    while let Some(last) = erase_records(pool, brand, &after).await? {
        after = last.to_string();
    }
    let mut hashes = BTreeSet::new();
    for erasure in open {
        hashes.extend(list_hashes(&mut *pool.acquire().await?, brand.id(), *erasure).await?);
    }
    derive_again(pool, brand, &hashes).await?;
    let mut after = String::new();
    while let Some(last) = erase_events(pool, brand, &after).await? {
        after = last.to_string();
    }
    if let Some(erasure) = open.first() {
        purge_deliveries(pool, brand, *erasure, &mut |_| ()).await?;
    }
    complete_erasures(&mut *pool.acquire().await?, brand.id(), open, now).await?;
    Ok(())
}

//! Making customers and answers anew from records: by command, and beside the service after a change of its settings.
//!
//! Record by record, everything is looked at again as if it had just arrived, in the same transactions that changes are
//! applied in. So it can run beside them, be interrupted anywhere and begin again, and writes only what differs.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::storage::pool::Pool;

use super::apply::run;
use super::batch::{Applied, ChangeBatch};
use crate::brand::Brand;
use crate::storage::StorageError;
use crate::storage::brands::{count_keys_after, finish_rederive, get_rederive, list_keys_after, save_rederive};

/// Records per transaction: short, so that changes never wait long.
const PAGE: usize = 200;

/// How far a rebuild has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Record keys looked at.
    pub done: u64,
    /// As many as there were at the beginning.
    pub total: u64,
    /// Customers that came out different.
    pub customers: usize,
}

/// A rebuild of one brand, page by page.
#[derive(Debug)]
pub struct Rebuild<'a> {
    pool: &'a Pool,
    brand: &'a Brand,
    after: String,
    progress: Progress,
}

impl<'a> Rebuild<'a> {
    /// Begins after a record key; after `""`, at the beginning.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn begin(pool: &'a Pool, brand: &'a Brand, after: String) -> Result<Self, StorageError> {
        let total = count_keys_after(pool, brand.id(), &after).await?;
        Ok(Self { pool, brand, after, progress: Progress { total, ..Progress::default() } })
    }

    /// Makes the next page of records anew. `None` at the end: then every customer was made with today's rules.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn step(&mut self) -> Result<Option<Progress>, StorageError> {
        let keys = list_keys_after(self.pool, self.brand.id(), &self.after, PAGE).await?;
        let Some(last) = keys.last().map(ToString::to_string) else {
            finish_rederive(self.pool, self.brand.id(), self.brand.rules.hash()).await?;
            return Ok(None);
        };
        self.after = last;
        let done = u64::try_from(keys.len()).unwrap_or(u64::MAX);
        let work = ChangeBatch { again: keys.into_iter().collect::<BTreeSet<_>>(), ..ChangeBatch::default() };
        let Applied { customers, .. } = run(self.pool, self.brand, &work).await?;
        self.progress.done = self.progress.done.saturating_add(done);
        self.progress.customers = self.progress.customers.saturating_add(customers);
        Ok(Some(self.progress))
    }
}

/// Makes every customer of a brand anew, and tells how far it is after each page.
///
/// # Errors
/// When Postgres fails.
pub async fn rebuild(pool: &Pool, brand: &Brand, on_progress: &mut (dyn FnMut(Progress) + Send)) -> Result<Progress, StorageError> {
    let mut rebuild = Rebuild::begin(pool, brand, String::new()).await?;
    on_progress(rebuild.progress);
    while let Some(progress) = rebuild.step().await? {
        on_progress(progress);
    }
    Ok(rebuild.progress)
}

/// Makes every customer anew that other settings made; goes on where an earlier sweep with the same settings ended. Gives
/// back whether there was anything to do.
///
/// # Errors
/// When Postgres fails.
pub async fn rederive(pool: &Pool, brand: &Brand) -> Result<bool, StorageError> {
    let rules = brand.rules.hash();
    let row = get_rederive(pool, brand.id()).await?;
    if row.derivation_hash.as_deref() == Some(rules.as_slice()) {
        return Ok(false);
    }
    let resumes = row.rederive_hash.as_deref() == Some(rules.as_slice());
    let after = row.rederive_after.filter(|_| resumes).unwrap_or_default();
    let mut rebuild = Rebuild::begin(pool, brand, after).await?;
    let records = rebuild.progress.total;
    if records > 0 {
        tracing::info!(brand = brand.rules.slug, records, "settings changed: customers are made anew in the background");
    }
    while let Some(progress) = rebuild.step().await? {
        save_rederive(pool, brand.id(), rules, &rebuild.after).await?;
        let left = progress.total.saturating_sub(progress.done);
        metrics::gauge!("hookpoint_rederive_records_left", "brand" => brand.rules.slug.clone())
            .set(f64::from(u32::try_from(left).unwrap_or(u32::MAX)));
        // Lookups and changes come first.
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    if records > 0 {
        tracing::info!(brand = brand.rules.slug, customers = rebuild.progress.customers, "all customers are made with today's settings");
    }
    Ok(records > 0)
}

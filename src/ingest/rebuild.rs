//! Derives customers and answers again from the stored records: by command, and in the background after a
//! change of settings.
//!
//! Every record is resolved again as if it had just arrived, in the same kind of transaction as changes. So a
//! rebuild can run beside changes and be interrupted and restarted at any time. It writes only what differs.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::storage::pool::Pool;

use super::apply::{resolve_again, run};
use super::batch::{Applied, ChangeBatch};
use crate::brand::Brand;
use crate::storage::StorageError;
use crate::storage::brands::{
    count_keys_after, finish_rederive, get_rederive, list_keys_after, save_rederive,
};
use crate::storage::derived_copy::DerivedCopy;

/// Records in one transaction. It is short, so that changes do not wait long.
const PAGE: usize = 200;

/// How far a rebuild is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Record keys resolved so far.
    pub done: u64,
    /// Record keys at the start.
    pub total: u64,
    /// Customers that changed.
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
    /// Starts after a record key; `""` starts at the beginning.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn begin(
        pool: &'a Pool,
        brand: &'a Brand,
        after: String,
    ) -> Result<Self, StorageError> {
        let total = count_keys_after(pool, brand.id(), &after).await?;
        Ok(Self { pool, brand, after, progress: Progress { total, ..Progress::default() } })
    }

    /// Derives the customers of the next page of records. `None` at the end: then all customers have the
    /// current rules.
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
        let batch = ChangeBatch {
            re_resolve: keys.into_iter().collect::<BTreeSet<_>>(),
            ..ChangeBatch::default()
        };
        let Applied { customers, .. } = run(self.pool, self.brand, &batch).await?;
        self.progress.done = self.progress.done.saturating_add(done);
        self.progress.customers = self.progress.customers.saturating_add(customers);
        Ok(Some(self.progress))
    }
}

/// Derives all customers of a brand again, and reports the progress after each page.
///
/// # Errors
/// When Postgres fails.
pub async fn rebuild(
    pool: &Pool,
    brand: &Brand,
    on_progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<Progress, StorageError> {
    let mut rebuild = Rebuild::begin(pool, brand, String::new()).await?;
    on_progress(rebuild.progress);
    while let Some(progress) = rebuild.step().await? {
        on_progress(progress);
    }
    Ok(rebuild.progress)
}

/// Derives all customers of a brand again, as [`rebuild`] does. But replicas that start with these rules, or reload them,
/// look at all customers again: those that run now may still apply changes by other rules.
///
/// # Errors
/// When Postgres fails.
pub async fn rebuild_leaving_open(
    pool: &Pool,
    brand: &Brand,
    on_progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<Progress, StorageError> {
    let made = rebuild(pool, brand, on_progress).await?;
    save_rederive(pool, brand.id(), brand.rules.hash(), "").await?;
    Ok(made)
}

/// Derives all customers of a brand again as [`rebuild`] does, but on a private copy of the derived data. Nothing is
/// changed, and changes of others go on.
///
/// Pages in transactions that are rolled back would not be exact: a page depends on what the pages before it have
/// written, such as the values that became shared.
///
/// # Errors
/// When Postgres fails.
pub async fn rebuild_copy(
    pool: &Pool,
    brand: &Brand,
    on_progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<DerivedCopy, StorageError> {
    on_progress(Progress::default());
    let mut copy = DerivedCopy::begin(pool, brand.id()).await?;
    let total = count_keys_after(copy.connection(), brand.id(), "").await?;
    let mut progress = Progress { total, ..Progress::default() };
    let mut after = String::new();
    loop {
        on_progress(progress);
        let keys = list_keys_after(copy.connection(), brand.id(), &after, PAGE).await?;
        let Some(last) = keys.last() else { return Ok(copy) };
        after = last.to_string();
        let done = u64::try_from(keys.len()).unwrap_or(u64::MAX);
        let Applied { customers, touched, .. } =
            resolve_again(copy.connection(), brand, keys.into_iter().collect()).await?;
        let touched: Vec<&str> =
            touched.before.keys().chain(touched.after.keys()).map(String::as_str).collect();
        copy.note_touched(&touched).await?;
        copy.give_way().await?;
        progress.done = progress.done.saturating_add(done);
        progress.customers = progress.customers.saturating_add(customers);
    }
}

/// Derives all customers again that other settings derived. Resumes an earlier run with the same settings.
/// Returns whether there was anything to do.
///
/// # Errors
/// When Postgres fails.
pub async fn rederive(pool: &Pool, brand: &Brand) -> Result<bool, StorageError> {
    let rules = brand.rules.hash();
    let row = get_rederive(pool, brand.id()).await?;
    // With a derivation by other rules under way, some customers already follow those.
    if row.derivation_hash.as_deref() == Some(rules.as_slice()) && row.rederive_hash.is_none() {
        return Ok(false);
    }
    let resumes = row.rederive_hash.as_deref() == Some(rules.as_slice());
    let after = row.rederive_after.filter(|_| resumes).unwrap_or_default();
    if !resumes {
        save_rederive(pool, brand.id(), rules, "").await?;
    }
    let mut rebuild = Rebuild::begin(pool, brand, after).await?;
    let records = rebuild.progress.total;
    if records > 0 {
        tracing::info!(
            brand = brand.rules.slug,
            records,
            "settings or rules changed; recomputing all customers in the background"
        );
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
        tracing::info!(
            brand = brand.rules.slug,
            customers = rebuild.progress.customers,
            "all customers recomputed with the current settings and rules"
        );
    }
    Ok(records > 0)
}

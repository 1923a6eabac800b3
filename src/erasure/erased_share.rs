//! Refuses a suppression list that probably belongs to another database.

use super::erase::ErasureError;
use super::named_records::named_after;
use crate::brand::Brand;
use crate::settings::percent_limit::max_allowed;
use crate::storage::person::list_event_keys;
use crate::storage::pool::Connection;
use crate::storage::purge::list_events_after;
use crate::storage::suppression_hashes::find_erased;
use crate::storage::suppressions::SuppressionHasher;

/// Events per page.
const PAGE: usize = 500;

/// Refuses a suppression list that would erase a large part of the brand: it probably belongs to another database,
/// because few persons are erased between two backups.
pub(super) async fn check_erased_share(
    db: &mut Connection,
    brand: &Brand,
    max_erased_percent: u32,
) -> Result<(), ErasureError> {
    let hasher = SuppressionHasher::new(&brand.suppression_key);
    let (mut named, mut of_named, mut all, mut after) = (0_usize, 0_usize, 0_usize, String::new());
    while let Some(page) = named_after(db, brand, &after).await? {
        after = page.last.to_string();
        all = all.saturating_add(page.number);
        named = named.saturating_add(page.erased.len());
        of_named = of_named.saturating_add(
            list_event_keys(db, brand.id(), &page.erased.into_keys().collect()).await?.len(),
        );
    }
    check_share(brand, "records", named, all, max_erased_percent)?;
    let (mut named, mut all, mut after) = (0_usize, 0_usize, String::new());
    loop {
        let keys = list_events_after(db, brand.id(), &after, PAGE).await?;
        let Some(last) = keys.last() else { break };
        after = last.to_string();
        all = all.saturating_add(keys.len());
        let found = find_erased(db, brand.id(), keys.iter().map(|key| hasher.event(key))).await?;
        named = named.saturating_add(
            keys.iter().filter(|key| found.contains_key(&hasher.event(key))).count(),
        );
    }
    check_share(brand, "events", named.saturating_sub(of_named), all, max_erased_percent)
}

fn check_share(
    brand: &Brand,
    what: &'static str,
    named: usize,
    all: usize,
    max_erased_percent: u32,
) -> Result<(), ErasureError> {
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    if count(named) <= max_allowed(count(all), max_erased_percent) {
        return Ok(());
    }
    Err(ErasureError::TooMany { brand: brand.rules.slug.clone(), what, named, all })
}

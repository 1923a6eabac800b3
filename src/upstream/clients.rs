//! The clients of all accounts.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::client::UpstreamClient;
use super::factory::UpstreamClientFactory;
use super::fair_share::Window;
use crate::brand::Brand;
use crate::clock::Clock;
use crate::customer::model::source::Source;
use crate::jobs::tasks::BackgroundTasks;
use crate::settings::file::CallSettings;
use crate::storage::account_status::get_account;
use crate::storage::pool::Pool;

/// The clients of all accounts.
#[derive(Clone, Default)]
pub struct UpstreamClients(Arc<BTreeMap<(i32, Source), Arc<UpstreamClient>>>);

impl UpstreamClients {
    /// Creates the clients of these brands. They make no call yet.
    #[must_use]
    pub fn new(
        pool: &Pool,
        brands: &[Arc<Brand>],
        settings: &CallSettings,
        background: &BackgroundTasks,
        clock: &Clock,
    ) -> Self {
        let factory = UpstreamClientFactory::new(pool, settings, Window::MINUTE, background, clock);
        let each = brands.iter().flat_map(|brand| {
            brand.rules.accounts.iter().map(move |(source, rules)| (brand, *source, rules))
        });
        let open = each.map(|(brand, source, rules)| {
            ((brand.id(), source), factory.open(brand, source, rules, None))
        });
        Self(Arc::new(open.collect()))
    }

    /// Updates the gauge of used rate limits.
    pub async fn measure(&self, pool: &Pool) {
        for account in self.0.values() {
            let Ok(row) = get_account(pool, account.brand.id(), account.source).await else {
                continue;
            };
            let used = row.granted.iter().fold(0_u32, |sum, number| sum.saturating_add(*number));
            let ratio = f64::from(used) / f64::from(account.calls_per_minute.max(1));
            let (brand, source) = (account.brand.rules.slug.clone(), account.source.as_str());
            metrics::gauge!("hookpoint_rate_limit_used_ratio", "brand" => brand, "source" => source).set(ratio);
        }
    }

    /// The client of a brand for a source.
    #[must_use]
    pub fn get(&self, brand_id: i32, source: Source) -> Option<&Arc<UpstreamClient>> {
        self.0.get(&(brand_id, source))
    }

    /// All clients of a brand.
    pub fn of_brand(&self, brand_id: i32) -> impl Iterator<Item = &Arc<UpstreamClient>> {
        self.0.iter().filter(move |((brand, _), _)| *brand == brand_id).map(|(_, account)| account)
    }
}

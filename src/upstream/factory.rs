//! Creates the clients of accounts.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use super::account_rate_limit::AccountRateLimit;
use super::allowed_origins::AllowedOrigins;
use super::auth::Authenticator;
use super::breaker::Breaker;
use super::client::UpstreamClient;
use super::fair_share::Window;
use super::http::Client;
use super::rate_limiter::Limits;
use super::shared_call::SharedCalls;
use crate::brand::Brand;
use crate::clock::Clock;
use crate::customer::model::source::Source;
use crate::jobs::tasks::BackgroundTasks;
use crate::settings::file::CallSettings;
use crate::sources::api::{AccountRules, ApiConnector};
use crate::storage::pool::Pool;
use crate::storage::upstream_accounts::AccountKey;

/// The most replies of an account that are applied at once.
const MAX_APPLIED_REPLIES: usize = 2;

/// Creates upstream clients, with the parts that they share.
pub struct UpstreamClientFactory {
    pool: Pool,
    client: Client,
    settings: CallSettings,
    window: Window,
    background: BackgroundTasks,
    clock: Clock,
}

impl UpstreamClientFactory {
    /// A factory. It makes no connection yet. The window is a minute, except in tests.
    #[must_use]
    pub fn new(
        pool: &Pool,
        settings: &CallSettings,
        window: Window,
        background: &BackgroundTasks,
        clock: &Clock,
    ) -> Self {
        let (pool, background, clock) = (pool.clone(), background.clone(), clock.clone());
        Self {
            pool,
            client: Client::new(settings, &[]),
            settings: settings.clone(),
            window,
            background,
            clock,
        }
    }

    /// Trusts one more certificate authority. No setting does this. It is for tests, whose sources have certificates of
    /// their own.
    #[must_use]
    pub fn trusting(mut self, authority: reqwest::Certificate) -> Self {
        self.client = Client::new(&self.settings, &[authority]);
        self
    }

    /// Creates the client of an account. It uses the connector of the source, unless another one is given.
    #[must_use]
    pub fn open(
        &self,
        brand: &Arc<Brand>,
        source: Source,
        rules: &AccountRules,
        api: Option<Arc<dyn ApiConnector>>,
    ) -> Arc<UpstreamClient> {
        let (pool, background, settings) = (&self.pool, &self.background, &self.settings);
        let key = AccountKey { brand_id: brand.id(), source };
        let slug = brand.rules.slug.as_str();
        let limits = Limits {
            calls: rules.calls_per_minute,
            window: self.window,
            max_concurrent: settings.max_concurrent,
        };
        let rate_limit = AccountRateLimit::new(pool, key, limits, background);
        let open_duration = Duration::from_secs(settings.breaker_open_seconds);
        Arc::new(UpstreamClient {
            brand: Arc::clone(brand),
            source,
            calls_per_minute: rules.calls_per_minute,
            api,
            allowed_origins: AllowedOrigins::new(&rules.base_url, &rules.origins),
            authenticator: Authenticator::new(
                rules,
                &self.client,
                &rate_limit,
                open_duration,
                background,
                &self.clock,
            ),
            client: self.client.clone(),
            breaker: Breaker::new(
                pool,
                key,
                slug,
                settings.breaker_failures,
                open_duration,
                background,
            ),
            rate_limit,
            shared_calls: SharedCalls::new(),
            background: background.clone(),
            clock: self.clock.clone(),
            turns: Semaphore::new(MAX_APPLIED_REPLIES),
        })
    }
}

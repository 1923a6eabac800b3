//! The clients of the sources' APIs, one for each account of a brand at a source. Every request to a source goes
//! through them.
//!
//! A call waits for the rate limit that all replicas share. Identical calls at the same time are made once. The
//! source's own [`ApiConnector`] builds the request and parses the reply. If calls fail again and again, a circuit breaker stops
//! them for a while.

mod allowed_origins;
mod auth;
mod breaker;
mod client;
mod connect_timing;
mod error;
mod fair_share;
mod http;
mod priority;
mod queue;
mod rate_limit_headers;
mod rate_limiter;
mod shared_call;
mod tls_error;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::storage::pool::Pool;
use tokio::sync::Semaphore;

use self::allowed_origins::AllowedOrigins;
use self::auth::Authenticator;
use self::breaker::Breaker;
pub use self::error::CallError;
pub use self::fair_share::Window;
use self::http::Client;
pub use self::priority::CallPriority;
use self::rate_limiter::{DistributedRateLimiter, Limits};
use self::shared_call::SharedCalls;
pub use self::tls_error::CertificateProblem;

use crate::brand::Brand;
use crate::clock::Clock;
use crate::customer::model::source::Source;
use crate::jobs::tasks::BackgroundTasks;
use crate::settings::file::CallSettings;
use crate::sources::api::{AccountRules, ApiConnector};
use crate::storage::upstream_accounts::{AccountKey, get_account};

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The client of one account of a brand at a source.
pub struct UpstreamClient {
    /// The brand.
    pub brand: Arc<Brand>,
    /// The source.
    pub source: Source,
    calls_per_minute: u32,
    api: Option<Arc<dyn ApiConnector>>,
    allowed_origins: AllowedOrigins,
    authenticator: Authenticator,
    client: Client,
    budget: Arc<DistributedRateLimiter>,
    breaker: Arc<Breaker>,
    shared_calls: Arc<SharedCalls>,
    background: BackgroundTasks,
    clock: Clock,
    turns: Semaphore,
}

/// The most replies of an account that are applied at once.
const TURNS: usize = 2;

impl UpstreamClient {
    /// The connector that builds requests and parses replies.
    fn api(&self) -> &dyn ApiConnector {
        self.api.as_deref().unwrap_or_else(|| self.brand.rules.sources.api(self.source))
    }

    /// The permits to apply a reply. They limit how many replies are applied at once.
    #[must_use]
    pub const fn turns(&self) -> &Semaphore {
        &self.turns
    }

    /// The number of calls that wait or are in flight. It is 0 after everything has ended.
    #[must_use]
    pub fn calls_under_way(&self) -> usize {
        self.shared_calls.len().max(self.budget.under_way()).max(self.budget.waiting())
    }

    /// Whether calls are likely to be made now. False while the circuit is open. Then one call at a time checks whether
    /// the source is back.
    #[must_use]
    pub fn is_callable(&self) -> bool {
        self.breaker.is_closed()
    }
}

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
            at_once: settings.max_concurrent,
        };
        let budget = DistributedRateLimiter::new(pool, key, limits, background);
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
                &budget,
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
            budget,
            shared_calls: SharedCalls::new(),
            background: background.clone(),
            clock: self.clock.clone(),
            turns: Semaphore::new(TURNS),
        })
    }
}

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
        let board = UpstreamClientFactory::new(pool, settings, Window::MINUTE, background, clock);
        let each = brands.iter().flat_map(|brand| {
            brand.rules.accounts.iter().map(move |(source, rules)| (brand, *source, rules))
        });
        let open = each.map(|(brand, source, rules)| {
            ((brand.id(), source), board.open(brand, source, rules, None))
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

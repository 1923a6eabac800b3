//! Builds the services that requests and background jobs share.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use actix_web::web::Data;

use super::given_ids::store_given;
use crate::brand::Brand;
use crate::clock::Clock;
use crate::http::api_keys::ApiKeyCache;
use crate::http::rate_limits::Rates;
use crate::inbox::wake_handles::WakeHandles;
use crate::ingest::live_search::LiveSearch;
use crate::jobs::tasks::BackgroundTasks;
use crate::lookup::cache::{AnswerCache, CacheLimits};
use crate::lookup::coalescing::{CoalescingLimits, LookupCoalescer};
use crate::lookup::finder::CustomerFinder;
use crate::lookup::given_ids::GivenIds;
use crate::lookup::history::{LookupHistory, MAX_WAITING};
use crate::lookup::query_customers::ReadRules;
use crate::lookup::read_through::ReadThrough;
use crate::lookup::repository::LookupRepository;
use crate::settings::{SettingsFile, trace_headers};
use crate::storage::StorageError;
use crate::storage::pool::{FurtherPools, Pool, Use};
use crate::telemetry::alarm::{Alarms, Part};
use crate::telemetry::traces::{self, Tracer};
use crate::upstream::UpstreamClients;
use crate::webhooks::handler::WebhookService;

/// Statement timeout for storing webhooks. By then the sender already has an answer that asks it to send the webhook
/// again, so the timeout only frees the connection.
const STORE_TIMEOUT: Duration = Duration::from_secs(5);

/// What the services are built from.
#[derive(Clone, Copy)]
pub(super) struct Resources<'a> {
    pub file: &'a SettingsFile,
    pub pool: &'a Pool,
    pub further_pools: &'a FurtherPools,
    /// The brands, by their id.
    pub brands: &'a HashMap<i32, Arc<Brand>>,
    pub clock: &'a Clock,
}

impl Resources<'_> {
    /// The brands, in no order.
    pub(super) fn all_brands(&self) -> Vec<Arc<Brand>> {
        self.brands.values().cloned().collect()
    }
}

/// The services that requests and background jobs share.
pub(super) struct Services {
    pub background: BackgroundTasks,
    pub alarms: Alarms,
    pub api_keys: Arc<ApiKeyCache>,
    pub cache: Arc<AnswerCache>,
    pub coalescer: Arc<LookupCoalescer>,
    pub accounts: UpstreamClients,
    pub finder: Arc<CustomerFinder>,
    /// Connections that only the storing of webhooks uses.
    pub delivery_pool: Pool,
    pub wake_handles: WakeHandles,
    pub webhook_service: Data<WebhookService>,
    pub tracer: Tracer,
    pub history: LookupHistory,
    pub given: GivenIds,
}

impl Services {
    /// Builds the services, and loads the API keys.
    pub(super) async fn build(resources: Resources<'_>) -> Result<Self, StorageError> {
        let Resources { file, pool, further_pools, brands, clock } = resources;
        let background = BackgroundTasks::new();
        let api_keys = Arc::new(ApiKeyCache::new(brands.clone(), rates(file)));
        api_keys.refresh(pool).await?;
        let cache = Arc::new(AnswerCache::new(cache_limits(file), brands.keys().copied()));
        let (given, answers) = GivenIds::new(clock.clone());
        background.spawn(store_given(answers, pool.clone(), background.clone()));
        let coalescer = coalescer(resources, &cache, &background);
        let all = resources.all_brands();
        let accounts = UpstreamClients::new(pool, &all, &file.calls, &background, clock);
        let search = LiveSearch { pool: pool.clone(), accounts: accounts.clone() };
        let finder = Arc::new(CustomerFinder {
            coalescer: Arc::clone(&coalescer),
            read_through: ReadThrough::new(search, deadline(file), background.clone()),
        });
        let wake_handles = WakeHandles::new(brands.keys().copied());
        let alarms = Alarms::default();
        let delivery_pool = further_pools.with(delivery_connections(file));
        let webhook_service = Data::new(WebhookService::new(
            (delivery_pool.clone(), alarms.of(Part::Storing, None)),
            &all,
            file,
            wake_handles.clone(),
            background.clone(),
            clock.clone(),
        ));
        let tracer = tracer(file, clock, &background);
        let history = history(resources, &background);
        Ok(Self {
            tracer,
            history,
            given,
            background,
            alarms,
            api_keys,
            cache,
            coalescer,
            accounts,
            finder,
            delivery_pool,
            wake_handles,
            webhook_service,
        })
    }
}

/// Sends traces, if the settings say so. A secret that was there when the settings were checked may be gone.
fn tracer(file: &SettingsFile, clock: &Clock, background: &BackgroundTasks) -> Tracer {
    let traces = &file.telemetry.traces;
    match trace_headers(traces) {
        Ok(headers) => traces::start(traces, headers, clock.clone(), background),
        Err(problem) => {
            let (key, problem) = (problem.key, problem.what);
            tracing::warn!(key, problem, "no traces are sent: a header cannot be read");
            Tracer::default()
        }
    }
}

/// Records lookups, unless the settings keep none.
fn history(resources: Resources<'_>, background: &BackgroundTasks) -> LookupHistory {
    let Resources { file, pool, clock, .. } = resources;
    if file.lookup.trace_days == 0 {
        return LookupHistory::default();
    }
    LookupHistory::start(pool.clone(), MAX_WAITING, clock.clone(), background)
}

fn coalescer(
    resources: Resources<'_>,
    cache: &Arc<AnswerCache>,
    background: &BackgroundTasks,
) -> Arc<LookupCoalescer> {
    let Resources { file, further_pools, brands, .. } = resources;
    let rules = ReadRules::from(&file.lookup);
    let limits =
        CoalescingLimits { deadline: deadline(file), max_waiting: file.lookup.max_waiting };
    let pool = further_pools.with(lookup_connections(file));
    let repository = LookupRepository::new(pool, rules, limits.deadline);
    let (cache, background) = (Arc::clone(cache), background.clone());
    let brands = brands.keys().copied();
    Arc::new(LookupCoalescer::new(repository, cache, background, limits, brands))
}

const fn deadline(file: &SettingsFile) -> Duration {
    Duration::from_millis(file.lookup.deadline_ms)
}

/// Connections that only the storing of webhooks uses, so that other work cannot block it. Waiting for a connection
/// ends when the webhook must be answered. The statement looks up single rows, also if Postgres plans it while the tables
/// are empty. It is planned once: planning takes longer than storing a webhook.
fn delivery_connections(file: &SettingsFile) -> Use {
    Use {
        connections: file.inbox.database_connections,
        timeout: Duration::from_millis(file.inbox.ack_timeout_ms),
        statement: Some(STORE_TIMEOUT),
        setup: "set enable_seqscan = off; set plan_cache_mode = force_generic_plan",
    }
}

/// Connections that only lookups use, so that other work cannot block them. Postgres plans each statement once, for any
/// address.
fn lookup_connections(file: &SettingsFile) -> Use {
    Use {
        connections: file.lookup.database_connections,
        timeout: Duration::ZERO,
        // No lookup waits that long. The timeout only stops statements in Postgres that were abandoned.
        statement: Some(deadline(file).saturating_mul(2)),
        setup: "set plan_cache_mode = force_generic_plan",
    }
}

/// The rate limits of the settings.
pub(super) const fn rates(file: &SettingsFile) -> Rates {
    let limits = &file.limits;
    Rates {
        lookups_per_second: limits.lookups_per_second,
        wrong_keys_per_minute: limits.wrong_keys_per_minute,
        not_found_per_minute: limits.not_found_per_minute,
        max_tracked_networks: limits.max_tracked_networks,
    }
}

const fn cache_limits(file: &SettingsFile) -> CacheLimits {
    let lookup = &file.lookup;
    CacheLimits {
        bytes: lookup.cache_megabytes.saturating_mul(1024 * 1024),
        fresh: Duration::from_secs(lookup.cache_seconds),
        negative_fresh: Duration::from_secs(lookup.negative_cache_seconds),
        stale: Duration::from_secs(lookup.stale_if_error_seconds),
    }
}

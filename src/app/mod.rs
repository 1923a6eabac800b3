//! Builds and runs the application: state, background work, shutdown.

mod jobs;
pub mod maintenance;
mod server;

use std::collections::HashMap;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::web::Data;
use tokio::sync::oneshot;

use self::jobs::BackgroundJobs;
use self::server::{metrics_server, public_server, raise_file_limit, run};
use crate::brand::{Brand, BrandRules};
use crate::clock::Clock;
use crate::erasure::erase::ErasureError;
use crate::erasure::reconcile::{adopt_keys, reconcile};
use crate::erasure::suppression_file::{SuppressionFile, SuppressionFileError};
use crate::http::api_keys::ApiKeyCache;
use crate::http::client_ip::Proxies;
use crate::http::health::{Gauges, Health};
use crate::http::rate_limits::{Rates, WrongKeys};
use crate::http::readiness::Readiness;
use crate::inbox::WakeHandles;
use crate::ingest::live_search::LiveSearch;
use crate::jobs::tasks::BackgroundTasks;
use crate::lookup::cache::{AnswerCache, CacheLimits};
use crate::lookup::change_listener::ChangeListener;
use crate::lookup::coalescing::{CoalescingLimits, LookupCoalescer};
use crate::lookup::handler::LookupService;
use crate::lookup::query_customers::ReadRules;
use crate::lookup::read_through::ReadThrough;
use crate::lookup::repository::LookupRepository;
use crate::settings::{SettingsFile, suppression_file};
use crate::storage::database::Database;
use crate::storage::pool::Use;
use crate::storage::suppressions::SuppressionKey;
use crate::storage::{StorageError, brands, migrate};
use crate::telemetry::alarm::{Alarms, Part};
use crate::upstream::UpstreamClients;
use crate::webhooks::handler::WebhookService;

/// A running application.
pub struct Application {
    /// Address of lookups and webhooks.
    pub address: SocketAddr,
    /// Address of the metrics, if they are served.
    pub metrics_address: Option<SocketAddr>,
    /// The brands, by their id.
    pub brands: HashMap<i32, Arc<Brand>>,
    /// The database.
    pub database: Database,
    coalescer: Arc<LookupCoalescer>,
    api_keys: Arc<ApiKeyCache>,
    change_listener: Arc<ChangeListener>,
    readiness: Readiness,
    servers: Vec<(ServerHandle, oneshot::Receiver<()>)>,
    background: BackgroundTasks,
    drain: Duration,
}

/// How long each of the last steps of a shutdown may take, after the servers have stopped.
const SHUTDOWN_STEP_TIMEOUT: Duration = Duration::from_secs(2);

/// Statement timeout for storing webhooks. By then the sender already has an answer that asks it to send the webhook
/// again, so the timeout only frees the connection.
const STORE_TIMEOUT: Duration = Duration::from_secs(5);

/// Why the application cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Postgres failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The suppression list cannot be read or reconciled.
    #[error(transparent)]
    Erasure(#[from] ErasureError),
    /// The service cannot listen on an address.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address, as in the settings.
        address: String,
        /// The reason.
        source: std::io::Error,
    },
}

/// Loads each brand of the settings with its id and its secrets. Inserts a brand that is new.
///
/// # Errors
/// When Postgres fails.
pub async fn open_brands(
    database: &Database,
    rules: Vec<BrandRules>,
) -> Result<HashMap<i32, Arc<Brand>>, StorageError> {
    let mut open = HashMap::new();
    for rules in rules {
        let row = brands::get_or_insert_brand(&database.pool, &rules.slug).await?;
        open.insert(row.brand_id, Arc::new(Brand { rules, row }));
    }
    Ok(open)
}

/// Loads the brands of the settings without writing. A brand that is not in the database gets a negative id, which has
/// no data.
///
/// # Errors
/// When Postgres fails.
pub async fn find_brands(
    database: &Database,
    rules: Vec<BrandRules>,
) -> Result<HashMap<i32, Arc<Brand>>, StorageError> {
    let mut found = HashMap::new();
    for (rules, n) in rules.into_iter().zip(1_i32..) {
        let row = brands::find_brand(&database.pool, &rules.slug).await?;
        let row = row.unwrap_or(brands::BrandRow {
            brand_id: n.saturating_neg(),
            secret: [0; 16],
            suppression_key: SuppressionKey([0; 32]),
        });
        found.insert(row.brand_id, Arc::new(Brand { rules, row }));
    }
    Ok(found)
}

/// Erases people again who are on the suppression list but have data. If only writing the suppression file fails, the
/// service still starts.
async fn reconcile_all(
    database: &Database,
    brands: &HashMap<i32, Arc<Brand>>,
    (suppressions, max_erased_percent): (&SuppressionFile, u32),
    clock: &Clock,
) -> Result<(), StartError> {
    for brand in brands.values() {
        match reconcile(
            &database.pool,
            brand,
            suppressions,
            max_erased_percent,
            clock.now(),
            clock.now(),
        )
        .await
        {
            Err(ErasureError::SuppressionFile(error @ SuppressionFileError::Write(..))) => {
                tracing::error!(brand = brand.rules.slug, %error, "failed to write the suppression file; a restored backup would bring back erased people");
            }
            done => {
                done?;
            }
        }
    }
    Ok(())
}

impl Application {
    /// Listens, migrates the database, and starts to answer.
    ///
    /// # Errors
    /// When an address is in use, or Postgres fails.
    pub async fn start(
        file: &SettingsFile,
        rules: Vec<BrandRules>,
        database: Database,
        clock: Clock,
    ) -> Result<Self, StartError> {
        let application = Self::start_unprepared(file, rules, database, clock).await?;
        application.set_prepared();
        Ok(application)
    }

    /// Like [`start`](Self::start), but the service is not ready before [`set_prepared`](Self::set_prepared). The demo
    /// fills the database in between.
    ///
    /// # Errors
    /// When an address is in use, or Postgres fails.
    pub async fn start_unprepared(
        file: &SettingsFile,
        rules: Vec<BrandRules>,
        database: Database,
        clock: Clock,
    ) -> Result<Self, StartError> {
        raise_file_limit();
        let listener = bind(&file.server.listen)?;
        let metrics_listener = if file.server.metrics_listen.is_empty() {
            None
        } else {
            Some(bind(&file.server.metrics_listen)?)
        };
        migrate(&database.pool).await?;
        let suppressions = SuppressionFile::new(suppression_file(file));
        adopt_keys(
            &database.pool,
            &suppressions,
            &rules.iter().map(|rules| rules.slug.as_str()).collect::<Vec<_>>(),
        )
        .await?;
        let brands = open_brands(&database, rules).await?;
        // This must come before the first answer: a restored backup may have brought back erased people.
        reconcile_all(&database, &brands, (&suppressions, file.erasure.max_erased_percent), &clock)
            .await?;
        warn_about_open_access(file, &brands);
        let needed = file
            .database
            .max_connections
            .saturating_add(file.lookup.database_connections)
            .saturating_add(file.inbox.database_connections)
            .saturating_add(1);
        if let Some(had) = database.lacks_connections(needed).await {
            tracing::warn!(
                needed,
                had,
                "Postgres or its pooler allows fewer connections than the settings need, so work fails under load; raise its limit or lower the settings"
            );
        }
        if let Some(exposure) = database.exposure() {
            tracing::warn!(
                exposure,
                "connection to Postgres is not fully protected; set sslmode=verify-full in the database URL"
            );
        }
        if database.logs_values().await? {
            tracing::warn!(
                "Postgres writes addresses of customers into its log; deploy/operate.md lists the settings that prevent it"
            );
        }
        let background = BackgroundTasks::new();
        let api_keys = Arc::new(ApiKeyCache::new(brands.clone(), rates(file)));
        api_keys.refresh(&database.pool).await?;
        let cache = Arc::new(AnswerCache::new(cache_limits(file), brands.keys().copied()));
        let rules = ReadRules {
            max_customers: usize::try_from(file.lookup.max_customers).unwrap_or(usize::MAX),
            multiple_matches: file.lookup.multiple_matches,
        };
        let limits = CoalescingLimits {
            deadline: Duration::from_millis(file.lookup.deadline_ms),
            max_waiting: file.lookup.max_waiting,
        };
        let store = LookupRepository::new(
            database.pool.beside(lookups(file, limits.deadline)),
            rules,
            limits.deadline,
        );
        let coalescer = LookupCoalescer::new(store, Arc::clone(&cache), background.clone(), limits);
        let all: Vec<Arc<Brand>> = brands.values().cloned().collect();
        let accounts = UpstreamClients::new(&database.pool, &all, &file.calls, &background, &clock);
        let search = LiveSearch { pool: database.pool.clone(), accounts: accounts.clone() };
        let live = ReadThrough::new(search, limits.deadline, background.clone());
        let lookup_service = Data::new(LookupService {
            allowed_networks: file.server.allowed_networks.clone(),
            proxies: Proxies {
                trusted: file.server.trusted_proxies.clone(),
                header: file.server.forwarded_header,
            },
            key_parameter: file.lookup.key_parameter.clone(),
            enforce_not_found_limit: file.limits.enforce_not_found_limit,
            api_keys: Arc::clone(&api_keys),
            wrong_keys: WrongKeys::new(rates(file)),
            cache: Arc::clone(&cache),
            coalescer: Arc::clone(&coalescer),
            live: Arc::clone(&live),
            clock: clock.clone(),
        });
        let pool = &database.pool;
        let wakes = WakeHandles::new(brands.keys().copied());
        let alarms = Alarms::default();
        let (delivery_writer, alarm) =
            (pool.beside(delivery_writer(file)), alarms.of(Part::Storing, None));
        let webhook_service = Data::new(WebhookService::new(
            (delivery_writer.clone(), alarm),
            &all,
            (&file.inbox, &file.limits),
            wakes.clone(),
            background.clone(),
            clock.clone(),
        ));
        let work = BackgroundJobs {
            file,
            pool,
            brands: &all,
            background: &background,
            clock: &clock,
            alarms: &alarms,
        };
        work.start_ingestion(&accounts, &wakes);
        work.start_maintenance(&webhook_service, suppressions);
        let change_listener = Arc::new(ChangeListener::new(pool, &coalescer, &cache, &api_keys));
        work.start_listeners(&change_listener, &api_keys);
        report_settings_hash(&brands);
        let gauges = Data::new(Gauges {
            pool: pool.clone(),
            delivery_writer,
            coalescer: Arc::clone(&coalescer),
            cache: Arc::clone(&cache),
            alarms: alarms.clone(),
            background: background.clone(),
        });
        let readiness = Readiness::new();
        background.spawn_endless({
            let (change_listener, readiness) = (Arc::clone(&change_listener), readiness.clone());
            async move {
                change_listener.until_connected().await;
                readiness.set_listener_connected();
            }
        });
        let health = Data::new(Health {
            coalescer: Arc::clone(&coalescer),
            cache,
            alarms: alarms.clone(),
            background: background.clone(),
            readiness: readiness.clone(),
        });
        let (address, metrics_address) = (
            local(&listener, file),
            metrics_listener.as_ref().map(|listener| local(listener, file)),
        );
        let listen_error = |address: &str| {
            let address = address.to_owned();
            move |source| StartError::Listen { address, source }
        };
        let public = public_server(file, listener, lookup_service, webhook_service, health)
            .map_err(listen_error(&file.server.listen))?;
        let mut servers = vec![run(public, &background)];
        if let Some(listener) = metrics_listener {
            servers.push(run(
                metrics_server(listener, gauges)
                    .map_err(listen_error(&file.server.metrics_listen))?,
                &background,
            ));
        }
        let drain = Duration::from_secs(file.server.drain_seconds);
        Ok(Self {
            address,
            metrics_address,
            brands,
            database,
            coalescer,
            api_keys,
            change_listener,
            readiness,
            servers,
            background,
            drain,
        })
    }

    /// Marks the preparation as done. The service is ready as soon as the change listener is connected.
    pub fn set_prepared(&self) {
        self.readiness.set_prepared();
    }

    /// The readiness of the service.
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        self.readiness.clone()
    }

    /// Shuts down. Reports "not ready" to load balancers, answers for the drain period, finishes requests in flight,
    /// and stops.
    pub async fn stop(self) {
        self.background.drain();
        tokio::time::sleep(self.drain).await;
        for (handle, _) in &self.servers {
            handle.stop(true).await;
        }
        for (_, stopped) in self.servers {
            let _ = stopped.await;
        }
        // A Postgres that does not answer must not block the shutdown.
        let written = tokio::time::timeout(
            SHUTDOWN_STEP_TIMEOUT,
            self.api_keys.write_last_used(&self.database.pool),
        )
        .await;
        if !matches!(written, Ok(Ok(()))) {
            tracing::warn!("failed to save last use of API keys");
        }
        let _ = tokio::time::timeout(SHUTDOWN_STEP_TIMEOUT, self.background.end()).await;
        self.database.close().await;
    }

    /// Waits until this replica has received all earlier change notifications.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn catch_up(&self) -> Result<(), StorageError> {
        self.change_listener.catch_up().await
    }

    /// The number of lookups that wait for Postgres.
    #[must_use]
    pub fn lookups_waiting(&self) -> u64 {
        self.coalescer.waiting()
    }

    /// Completes when the server has ended without a shutdown.
    pub async fn ended(&mut self) {
        if let Some((_, stopped)) = self.servers.first_mut() {
            let _ = stopped.await;
        }
    }
}

fn bind(address: &str) -> Result<TcpListener, StartError> {
    let listener = TcpListener::bind(address)
        .and_then(|listener| listener.set_nonblocking(true).map(|()| listener));
    listener.map_err(|source| StartError::Listen { address: address.to_owned(), source })
}

fn local(listener: &TcpListener, file: &SettingsFile) -> SocketAddr {
    let fallback =
        || file.server.listen.parse().unwrap_or_else(|_| SocketAddr::from(([127, 0, 0, 1], 0)));
    listener.local_addr().unwrap_or_else(|_| fallback())
}

/// Connections that only the storing of webhooks uses, so that other work cannot block it. Waiting for a connection
/// ends when the webhook must be answered. The statement looks up single rows, also if Postgres plans it while the tables
/// are empty.
fn delivery_writer(file: &SettingsFile) -> Use {
    let timeout = Duration::from_millis(file.inbox.ack_timeout_ms);
    Use {
        connections: file.inbox.database_connections,
        timeout,
        statement: Some(STORE_TIMEOUT),
        setup: "set enable_seqscan = off; set jit = off",
    }
}

/// Connections that only lookups use, so that other work cannot block them. Postgres plans each statement once, for any
/// address.
fn lookups(file: &SettingsFile, deadline: Duration) -> Use {
    let setup = "set plan_cache_mode = force_generic_plan; set jit = off";
    // No lookup waits that long. The timeout only stops statements in Postgres that were abandoned.
    Use {
        connections: file.lookup.database_connections,
        timeout: Duration::ZERO,
        statement: Some(deadline.saturating_mul(2)),
        setup,
    }
}

fn rates(file: &SettingsFile) -> Rates {
    let limits = &file.limits;
    Rates {
        lookups_per_second: limits.lookups_per_second,
        wrong_keys_per_minute: limits.wrong_keys_per_minute,
        not_found_per_minute: limits.not_found_per_minute,
        max_tracked_networks: limits.max_tracked_networks,
    }
}

fn cache_limits(file: &SettingsFile) -> CacheLimits {
    let lookup = &file.lookup;
    CacheLimits {
        bytes: lookup.cache_megabytes.saturating_mul(1024 * 1024),
        fresh: Duration::from_secs(lookup.cache_seconds),
        negative_fresh: Duration::from_secs(lookup.negative_cache_seconds),
        stale: Duration::from_secs(lookup.stale_if_error_seconds),
    }
}

fn warn_about_open_access(file: &SettingsFile, brands: &HashMap<i32, Arc<Brand>>) {
    let open = brands.values().filter(|brand| brand.rules.allowed_networks.is_empty());
    for brand in open.filter(|_| file.server.allowed_networks.is_empty()) {
        tracing::warn!(
            brand = brand.rules.slug,
            "any network may use this brand's API keys; allowed_networks of server and brand are empty"
        );
    }
    for brand in brands.values() {
        for verifier in brand
            .rules
            .webhook_verifiers
            .values()
            .filter(|verifier| verifier.proof.name() == "none")
        {
            let (brand, source) = (brand.rules.slug.as_str(), verifier.source.as_str());
            tracing::warn!(
                brand,
                source,
                "webhooks are not verified (verification is \"none\"); anyone who knows the URL can send data"
            );
        }
    }
    if brands.is_empty() {
        tracing::warn!("the settings have no brand; every API key is rejected");
    }
}

/// Sets the metric of the settings' hash, so that operators see whether replicas run with the same settings.
fn report_settings_hash(brands: &HashMap<i32, Arc<Brand>>) {
    for brand in brands.values() {
        let hash: String = brand.rules.hash().iter().map(|byte| format!("{byte:02x}")).collect();
        metrics::gauge!("hookpoint_settings_info", "brand" => brand.rules.slug.clone(), "hash" => hash).set(1.0);
    }
}

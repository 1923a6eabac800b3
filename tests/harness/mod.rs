//! A test bench for the service: a Postgres with many customers, replicas of the real program, baselines, and a load
//! client. Benchmarks and tests share it.
#![allow(dead_code, reason = "each of them uses a part")]

pub mod balancer;
pub mod baselines;
pub mod changes;
pub mod chaos;
pub mod client;
pub mod cluster;
pub mod comparison;
pub mod connection;
pub mod customers;
pub mod decisions;
pub mod failover;
pub mod failures;
pub mod faulty_proxy;
pub mod figures;
pub mod freshness;
pub mod frozen_replica;
pub mod hanging_sources;
pub mod inbox;
pub mod lookups;
pub mod machine;
pub mod outage;
pub mod patroni;
pub mod process;
pub mod recovery;
pub mod replica;
pub mod report;
pub mod restart;
pub mod rng;
pub mod rounds;
pub mod settings;
pub mod sync_runs;
pub mod webhook_checks;
pub mod webhooks;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use cluster::{layout, scratch};
use hookpoint::app::open_brands;
use hookpoint::brand::Brand;
use hookpoint::http::api_keys::hash_key;
use hookpoint::settings::Settings;
use hookpoint::storage::api_keys::{KeyRow, insert_key};
use hookpoint::storage::database::{Database, Place, PoolSize, Url};
use hookpoint::storage::embedded::{Embedded, Layout, SHARED_BUFFERS_MEGABYTES, sweep_abandoned};
use process::FrozenProcesses;

/// The API key of every shop.
pub const KEY: &str = "harness";

/// The brand of every shop.
pub const BRAND: &str = "
[brands.shop]
custom_fields = [
    { name = \"customerType\", value = \"{{ attributes.type }}\" },
    { name = \"customerSince\", value = \"{{ attributes.since }}\" },
    { name = \"favoriteColor\", value = \"{{ attributes.color }}\" },
    { name = \"loyaltyTier\", value = \"{{ attributes.tier }}\" },
    { name = \"version\", value = \"{{ attributes.version }}\" },
]
";

/// A directory with a Postgres in it. Both are removed with the process.
pub struct Harness {
    layout: Layout,
    /// The directory of other files.
    files: PathBuf,
    postgres: Option<Embedded>,
}

/// A database with a brand and its API key.
pub struct Shop {
    pub database: Database,
    pub brand: Arc<Brand>,
    pub url: String,
}

/// The URL of a database.
pub fn url_at(socket: &Path, database: &str) -> String {
    format!("postgres://hookpoint@localhost/{database}?host={}", socket.display())
}

const SIZE: PoolSize =
    PoolSize { connections: 4, acquire_timeout: Duration::from_secs(60), statement: None };

impl Harness {
    /// Starts a Postgres without fsync. First it removes the files of killed runs.
    pub async fn start() -> Self {
        Self::start_with(false, SHARED_BUFFERS_MEGABYTES).await
    }

    /// Like [`start`](Self::start), but commits wait for the disk.
    pub async fn start_durable() -> Self {
        Self::start_with(true, SHARED_BUFFERS_MEGABYTES).await
    }

    /// Like [`start`](Self::start), for a benchmark: Postgres has a quarter of the machine's memory, as its manual
    /// recommends.
    pub async fn start_large() -> Self {
        Self::start_with(false, machine::memory_megabytes() / 4).await
    }

    /// Like [`start_large`](Self::start_large), but commits wait for the disk.
    pub async fn start_large_durable() -> Self {
        Self::start_with(true, machine::memory_megabytes() / 4).await
    }

    async fn start_with(durable: bool, shared_buffers_megabytes: u64) -> Self {
        const PREFIX: &str = "hookpoint-harness-";
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        sweep_abandoned(&scratch(), PREFIX);
        let data_dir = scratch().join(format!(
            "{PREFIX}{}-{}",
            std::process::id(),
            NUMBER.fetch_add(1, Ordering::Relaxed)
        ));
        let layout = Layout { durable, shared_buffers_megabytes, ..layout(data_dir.clone()) };
        Self::start_on(layout, data_dir).await
    }

    /// Starts a Postgres with its data in one directory and all other files in another. Both are removed with the
    /// harness. Commits wait for the disk.
    pub async fn start_in(data_dir: PathBuf, files: PathBuf) -> Self {
        Self::start_on(Layout { durable: true, ..layout(data_dir) }, files).await
    }

    async fn start_on(layout: Layout, files: PathBuf) -> Self {
        let mut harness = Self { layout, files, postgres: None };
        harness.start_postgres().await;
        harness
    }

    /// Starts Postgres again, with the same data and socket.
    pub async fn start_postgres(&mut self) {
        self.postgres = Some(Embedded::start(self.layout.clone()).await.unwrap());
    }

    /// Stops Postgres as an operator would. The data stays.
    pub async fn stop_postgres(&mut self) {
        if let Some(postgres) = self.postgres.take() {
            postgres.stop().await;
        }
    }

    /// Crashes Postgres; its supervisor starts it again.
    pub async fn crash_postgres(&self) {
        let killed = self.postmaster();
        process::signal(killed.unwrap(), libc::SIGKILL);
        // Its child processes exist for a moment longer.
        while self.postmaster().is_none_or(|postmaster| Some(postmaster) == killed) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// The process id of Postgres. `None` while it does not run.
    pub fn postmaster(&self) -> Option<u32> {
        let file =
            std::fs::read_to_string(self.layout.data_dir.join("cluster/postmaster.pid")).ok()?;
        file.lines().next()?.parse().ok()
    }

    /// Makes Postgres hang: it accepts connections, and never responds.
    pub fn freeze_postgres(&self) -> Vec<FrozenProcesses> {
        let postmaster = self.postmaster().unwrap();
        // First the process that would start others.
        let held = FrozenProcesses::freeze(&[postmaster]);
        vec![held, FrozenProcesses::freeze(&process::children(postmaster))]
    }

    /// A directory for other files of the harness.
    pub fn directory(&self, name: &str) -> PathBuf {
        let directory = self.files.join(name);
        std::fs::create_dir_all(&directory).unwrap();
        directory
    }

    /// The socket of Postgres.
    pub fn socket(&self) -> PathBuf {
        self.postgres.as_ref().unwrap().connect_options().get_socket().unwrap().clone()
    }

    /// A new database with the schema, a brand, and an API key for it.
    pub async fn shop(&self, name: &str) -> Shop {
        self.shop_of(name, BRAND).await
    }

    /// Like [`shop`](Self::shop), with the given settings of the brand.
    pub async fn shop_of(&self, name: &str, brand: &str) -> Shop {
        let server = Database::open(
            &Place::Server(Url::from_environment(url_at(&self.socket(), "postgres"))),
            SIZE,
            false,
        )
        .await
        .unwrap();
        sqlx::query(sqlx::AssertSqlSafe(format!("create database {name}")))
            .execute(&server.pool)
            .await
            .unwrap();
        server.close().await;
        let shop = Shop::with(url_at(&self.socket(), name), brand).await;
        shop.open_with(KEY).await;
        // No background derivation may disturb the measurement.
        hookpoint::storage::brands::finish_rederive(
            &shop.database.pool,
            shop.brand.id(),
            shop.brand.rules.hash(),
        )
        .await
        .unwrap();
        shop
    }

    /// Stops Postgres and removes everything.
    pub async fn stop(mut self) {
        self.stop_postgres().await;
        let _ = std::fs::remove_dir_all(&self.layout.data_dir);
        let _ = std::fs::remove_dir_all(&self.files);
    }
}

impl Shop {
    /// Opens the database at a URL, after a service has prepared it.
    pub async fn at(url: String) -> Self {
        Self::with(url, BRAND).await
    }

    /// Like [`at`](Self::at), with the given settings of the brand.
    pub async fn with(url: String, brand: &str) -> Self {
        let database =
            Database::open(&Place::Server(Url::from_environment(url.clone())), SIZE, false)
                .await
                .unwrap();
        hookpoint::storage::migrate(&database.pool).await.unwrap();
        let settings = Settings::parse(brand, Path::new("harness.toml"))
            .unwrap_or_else(|mistakes| panic!("{mistakes:?}"));
        let brand = open_brands(&database.pool, settings.brands)
            .await
            .unwrap()
            .into_values()
            .next()
            .unwrap();
        Self { database, brand, url }
    }

    /// Adds an API key for the brand.
    pub async fn open_with(&self, key: &str) {
        self.open_brand_with(self.brand.id(), key).await;
    }

    /// Adds an API key for another brand of the same database.
    pub async fn open_brand_with(&self, brand_id: i32, key: &str) {
        let key = KeyRow {
            brand_id,
            key_id: uuid::Uuid::now_v7(),
            label: "harness".to_owned(),
            hash: hash_key(key.as_bytes()),
            created_at: "2026-11-21T12:00:00Z".parse().unwrap(),
            expires_at: None,
            revoked_at: None,
            last_used_at: None,
            last_rejected_at: None,
        };
        insert_key(&self.database.pool, &key).await.unwrap();
    }
}

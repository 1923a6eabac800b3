//! A replica: the real program as a process, with its own settings and log.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::process::Process;
use super::webhooks::signing;
use super::{BRAND, Harness};

/// The settings in which replicas differ.
#[derive(Clone)]
pub struct Plan {
    /// `127.0.0.1:0` means any free port.
    pub listen: String,
    pub workers: usize,
    pub drain_seconds: u32,
    /// More lines under `[lookup]`.
    pub lookup: String,
    /// More tables, including the brand's.
    pub tables: String,
    /// Additional environment variables.
    pub environment: Vec<(String, String)>,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:0".to_owned(),
            workers: 1,
            drain_seconds: 0,
            lookup: String::new(),
            tables: BRAND.to_owned(),
            environment: Vec::new(),
        }
    }
}

impl Plan {
    /// Settings of a replica that receives webhooks for the brand `shop`, with more lines under `[inbox]`.
    pub fn receiving(brand: &str, inbox: &str) -> Self {
        Self {
            tables: format!("[inbox]\n{inbox}\n{brand}{}", signing::settings("shop")),
            environment: signing::secrets(),
            ..Self::default()
        }
    }
}

/// A running replica that is ready.
pub struct Replica {
    pub process: Process,
    pub address: SocketAddr,
    /// The address of its metrics.
    pub metrics: SocketAddr,
    pub log: PathBuf,
}

impl Replica {
    /// Starts a replica on a database and waits until it is ready. A replica with the same name appends to the same
    /// log.
    pub async fn start(harness: &Harness, name: &str, plan: &Plan, url: &str) -> Self {
        Self::serve(&harness.directory(name), plan, "", Some(url)).await
    }

    /// Starts a replica with an embedded Postgres.
    pub async fn start_embedded(harness: &Harness, name: &str, plan: &Plan) -> Self {
        let directory = harness.directory(name);
        let database = format!("[database]\ndata_dir = {:?}\n", directory.join("data"));
        Self::serve(&directory, plan, &database, None).await
    }

    async fn serve(directory: &Path, plan: &Plan, database: &str, url: Option<&str>) -> Self {
        let mut starting = Starting::begin(directory, plan, database, url);
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            starting = match starting.ready() {
                Ok(replica) => return replica,
                Err(starting) => starting,
            };
            assert!(
                starting.process.ended().is_none() && Instant::now() < deadline,
                "it did not become ready: {}",
                starting.said()
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// The size of its log in bytes.
    pub fn log_bytes(&self) -> u64 {
        std::fs::metadata(&self.log).map_or(0, |meta| meta.len())
    }
}

/// A replica that is not ready yet.
pub struct Starting {
    pub process: Process,
    log: PathBuf,
    /// The start of its part of the log.
    begins: u64,
}

impl Starting {
    /// Starts a replica on a database.
    pub fn on(harness: &Harness, name: &str, plan: &Plan, url: &str) -> Self {
        Self::begin(&harness.directory(name), plan, "", Some(url))
    }

    fn begin(directory: &Path, plan: &Plan, database: &str, url: Option<&str>) -> Self {
        let Plan { listen, workers, drain_seconds, lookup, tables, environment } = plan;
        let settings = directory.join("hookpoint.toml");
        let text = format!(
            "[server]\nlisten = \"{listen}\"\nmetrics_listen = \"localhost:0\"\nworkers = {workers}\ndrain_seconds = {drain_seconds}\n
[lookup]\n{lookup}\n
[limits]\nlookups_per_second = 1000000\nnot_found_per_minute = 60000000\nwrong_keys_per_minute = 1000000\nidentical_webhooks_per_minute = 1000000\n
[telemetry]\nformat = \"json\"\nlevel = \"info\"\n
{database}{tables}"
        );
        std::fs::write(&settings, text).unwrap();
        let log = directory.join("hookpoint.log");
        // As in production: a line for every request.
        let stderr = std::fs::File::options().create(true).append(true).open(&log).unwrap();
        let begins = stderr.metadata().unwrap().len();
        let mut command = Command::new(env!("CARGO_BIN_EXE_hookpoint"));
        command
            .arg("--settings")
            .arg(&settings)
            .arg("serve")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(stderr);
        command
            .env_remove("HOOKPOINT_SETTINGS")
            .env_remove("DATABASE_URL")
            .envs(url.map(|url| ("DATABASE_URL", url)));
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        Self { process: Process::start(&mut command), log, begins }
    }

    /// Returns the replica if it is ready.
    pub fn ready(self) -> Result<Replica, Self> {
        let Some((address, metrics)) = self.said().lines().find_map(addresses) else {
            return Err(self);
        };
        let Self { process, log, .. } = self;
        Ok(Replica { process, address, metrics, log })
    }

    /// Its log so far.
    pub fn said(&self) -> String {
        let text = std::fs::read(&self.log).unwrap();
        String::from_utf8_lossy(&text[usize::try_from(self.begins).unwrap()..]).into_owned()
    }
}

/// Its addresses for lookups and for metrics, if this line of the log contains them.
fn addresses(line: &str) -> Option<(SocketAddr, SocketAddr)> {
    let value: serde_json::Value = serde_json::from_str(line).ok()?;
    let address = |name: &str| value[name].as_str()?.parse().ok();
    (value["message"] == "ready").then(|| Some((address("address")?, address("metrics")?)))?
}

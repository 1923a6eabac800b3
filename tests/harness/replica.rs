//! A replica: the real program as a process, with its own settings and log.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use hookpoint::settings::file::{LogFormat, SettingsFile, TelemetrySettings};

use super::process::{Process, launched};
use super::settings::TestSettings;
use super::webhooks::signing;
use super::{BRAND, Harness};

/// What a replica is started with.
#[derive(Clone)]
pub struct ReplicaSettings {
    pub settings: TestSettings,
    /// Additional environment variables.
    pub environment: Vec<(String, String)>,
    /// The program with its arguments that runs the replica, such as valgrind. Usually there is none.
    pub launcher: Vec<String>,
}

impl Default for ReplicaSettings {
    fn default() -> Self {
        Self::of(TestSettings::parse(BRAND))
    }
}

impl ReplicaSettings {
    /// A replica with these brands, on any free port. It limits no client.
    pub fn of(brands: TestSettings) -> Self {
        let settings = brands.with(|file| {
            "127.0.0.1:0".clone_into(&mut file.server.listen);
            "localhost:0".clone_into(&mut file.server.metrics_listen);
            file.console.listen.clear();
            (file.server.workers, file.server.drain_seconds) = (1, 0);
            file.limits.lookups_per_second = 1_000_000;
            file.limits.not_found_per_minute = 60_000_000;
            file.limits.wrong_keys_per_minute = 1_000_000;
            file.limits.identical_webhooks_per_minute = 1_000_000;
            // As in production: a line for every request.
            file.telemetry = TelemetrySettings {
                format: LogFormat::Json,
                level: "info".to_owned(),
                ..Default::default()
            };
        });
        Self { settings, environment: Vec::new(), launcher: Vec::new() }
    }

    /// A replica that receives webhooks for the brand `shop`.
    pub fn receiving(brand: &str) -> Self {
        let tables = format!("{brand}{}", signing::settings("shop"));
        Self { environment: signing::secrets(), ..Self::of(TestSettings::parse(&tables)) }
    }

    pub fn with(self, change: impl FnOnce(&mut SettingsFile)) -> Self {
        Self { settings: self.settings.with(change), ..self }
    }

    pub fn lookup_deadline(self, deadline: Duration) -> Self {
        let deadline_ms = u64::try_from(deadline.as_millis()).unwrap();
        Self { settings: self.settings.lookup_deadline_ms(deadline_ms), ..self }
    }

    /// The text of the settings file in a directory. The suppression file is there, too: nothing is written elsewhere.
    pub fn text_in(&self, directory: &Path) -> String {
        let settings = self.settings.clone().with(|file| {
            if file.erasure.suppression_file.is_empty() {
                let suppressions = directory.join("suppressions.jsonl");
                file.erasure.suppression_file = suppressions.display().to_string();
            }
        });
        settings.text()
    }

    /// With the address of a replica, for another one in its place.
    pub fn at(self, address: SocketAddr) -> Self {
        self.with(|file| file.server.listen = address.to_string())
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
    pub async fn start(
        harness: &Harness,
        name: &str,
        replica_settings: &ReplicaSettings,
        url: &str,
    ) -> Self {
        Self::serve(&harness.directory(name), replica_settings, Some(url)).await
    }

    /// Starts a replica with an embedded Postgres.
    pub async fn start_embedded(
        harness: &Harness,
        name: &str,
        replica_settings: &ReplicaSettings,
    ) -> Self {
        let directory = harness.directory(name);
        let data_dir = directory.join("data").display().to_string();
        let replica_settings =
            replica_settings.clone().with(|file| file.database.data_dir = data_dir);
        Self::serve(&directory, &replica_settings, None).await
    }

    async fn serve(
        directory: &Path,
        replica_settings: &ReplicaSettings,
        url: Option<&str>,
    ) -> Self {
        let mut starting = Starting::begin(directory, replica_settings, url);
        // valgrind takes ten times as long.
        let seconds = if replica_settings.launcher.is_empty() { 60 } else { 600 };
        let deadline = Instant::now() + Duration::from_secs(seconds);
        loop {
            starting = match starting.ready() {
                Ok(replica) => return replica,
                Err(starting) => starting,
            };
            assert!(
                starting.process.ended().is_none() && Instant::now() < deadline,
                "it did not become ready: {}",
                starting.log_text()
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
    pub fn on(
        harness: &Harness,
        name: &str,
        replica_settings: &ReplicaSettings,
        url: &str,
    ) -> Self {
        Self::begin(&harness.directory(name), replica_settings, Some(url))
    }

    fn begin(directory: &Path, replica_settings: &ReplicaSettings, url: Option<&str>) -> Self {
        let settings = directory.join("hookpoint.toml");
        std::fs::write(&settings, replica_settings.text_in(directory)).unwrap();
        let log = directory.join("hookpoint.log");
        let stderr = std::fs::File::options().create(true).append(true).open(&log).unwrap();
        let begins = stderr.metadata().unwrap().len();
        let program = env!("CARGO_BIN_EXE_hookpoint");
        let mut command = launched(&replica_settings.launcher, program);
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
        command.envs(replica_settings.environment.iter().map(|(name, value)| (name, value)));
        Self { process: Process::start(&mut command), log, begins }
    }

    /// Returns the replica if it is ready.
    pub fn ready(self) -> Result<Replica, Self> {
        let Some((address, metrics)) = self.log_text().lines().find_map(addresses) else {
            return Err(self);
        };
        let Self { process, log, .. } = self;
        Ok(Replica { process, address, metrics, log })
    }

    /// Its log so far.
    pub fn log_text(&self) -> String {
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

//! The replicas and their supervisor, which restarts a replica that ended, as an operating system's supervisor does.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::harness::Harness;
use crate::harness::connection::Connection;
use crate::harness::faulty_proxy::{FaultyProxy, ProxyTarget};
use crate::harness::process::FrozenProcesses;
use crate::harness::replica::{Replica, ReplicaSettings, Starting};
use crate::harness::settings::TestSettings;

/// The pause of the supervisor before a restart.
const PAUSE: Duration = Duration::from_millis(500);

/// How long after a fault a replica may still be busy.
pub const RECOVERY_TOLERANCE: Duration = Duration::from_secs(5);

/// A replica in any state.
pub struct Member {
    name: String,
    replica_settings: ReplicaSettings,
    /// Its normal settings, and the others.
    settings: [TestSettings; 2],
    url: String,
    pub proxy: FaultyProxy,
    clock: PathBuf,
    state: State,
    held: Option<FrozenProcesses>,
    pub record: Arc<Record>,
}

enum State {
    Starting(Starting),
    Running(Replica),
    /// It must not be started before this time. `None`: not until `may_start`.
    Down(Option<Instant>),
}

/// The data about a replica that other parts of the test use.
pub struct Record {
    pub address: SocketAddr,
    /// The number of starts. The cache ends with the process.
    pub starts: AtomicU64,
    /// Periods in which no answer in time can be expected. The last one may be open.
    away: Mutex<Vec<(Instant, Option<Instant>)>>,
}

impl Record {
    fn goes(&self) {
        self.away.lock().unwrap().push((Instant::now(), None));
    }

    fn is_back(&self) {
        if let Some((_, until @ None)) = self.away.lock().unwrap().last_mut() {
            *until = Some(Instant::now() + RECOVERY_TOLERANCE);
        }
    }

    /// Whether it was unavailable at any time between the two.
    pub fn was_away(&self, begin: Instant, end: Instant) -> bool {
        self.away
            .lock()
            .unwrap()
            .iter()
            .any(|(from, until)| *from <= end && until.is_none_or(|until| until >= begin))
    }
}

/// The file with the error of a replica's clock.
pub fn clock_of(harness: &Harness, name: &str) -> PathBuf {
    harness.directory(name).join("clock")
}

impl Member {
    /// Starts a replica that keeps its address over restarts, with a connection to the database through a proxy of its
    /// own.
    pub async fn start(
        harness: &Harness,
        name: &str,
        replica_settings: ReplicaSettings,
        other_settings: TestSettings,
        database: &str,
    ) -> Self {
        let proxy =
            FaultyProxy::start(ProxyTarget::Unix(harness.socket().join(".s.PGSQL.5432"))).await;
        let url = format!("postgres://hookpoint@{}/{database}?sslmode=disable", proxy.address);
        let clock = clock_of(harness, name);
        std::fs::write(&clock, "+0").unwrap();
        let replica = Replica::start(harness, name, &replica_settings, &url).await;
        let record =
            Record { address: replica.address, starts: AtomicU64::new(1), away: Mutex::default() };
        let settings = [replica_settings.settings, other_settings]
            .map(|settings| settings.with(|file| file.server.listen = replica.address.to_string()));
        let replica_settings =
            ReplicaSettings { settings: settings[0].clone(), ..replica_settings };
        let (name, record) = (name.to_owned(), Arc::new(record));
        Self {
            name,
            replica_settings,
            settings,
            url,
            proxy,
            clock,
            state: State::Running(replica),
            held: None,
            record,
        }
    }

    /// Supervises the replica. Returns a description of an unexpected event.
    pub fn watch(&mut self, harness: &Harness) -> Option<String> {
        let (state, mistake) = match std::mem::replace(&mut self.state, State::Down(None)) {
            State::Down(Some(until)) if Instant::now() >= until => (
                State::Starting(Starting::on(
                    harness,
                    &self.name,
                    &self.replica_settings,
                    &self.url,
                )),
                None,
            ),
            State::Starting(starting) => match starting.ready() {
                Ok(replica) => {
                    self.record.starts.fetch_add(1, Ordering::SeqCst);
                    self.record.is_back();
                    (State::Running(replica), None)
                }
                Err(mut starting) => match starting.process.ended() {
                    // It cannot start without Postgres.
                    Some(_) => (State::Down(Some(Instant::now() + PAUSE)), None),
                    None => (State::Starting(starting), None),
                },
            },
            State::Running(mut replica) => match replica.process.ended() {
                Some(status) => {
                    self.record.goes();
                    self.record.starts.fetch_add(1, Ordering::SeqCst);
                    let mistake = format!("{} ended unexpectedly: {status}", self.name);
                    (State::Down(Some(Instant::now() + PAUSE)), Some(mistake))
                }
                None => (State::Running(replica), None),
            },
            down @ State::Down(_) => (down, None),
        };
        self.state = state;
        mistake
    }

    /// Kills it with SIGKILL.
    pub fn kill(&mut self) {
        self.ends();
        self.state = State::Down(None);
    }

    /// Stops it with SIGTERM, and starts it again. Returns a description of an unexpected event.
    pub async fn restart(&mut self, has_other_settings: bool) -> Option<String> {
        let [usual, other] = &self.settings;
        self.replica_settings.settings =
            if has_other_settings { other.clone() } else { usual.clone() };
        self.ends();
        let state = std::mem::replace(&mut self.state, State::Down(Some(Instant::now())));
        let State::Running(mut replica) = state else { return None };
        replica.process.terminate();
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_secs(20) {
            match replica.process.ended() {
                Some(status) if status.success() => return None,
                Some(status) => {
                    return Some(format!("{} ended with {status} after SIGTERM", self.name));
                }
                None => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
        Some(format!("{} did not end within 20 s after SIGTERM", self.name))
    }

    /// Marks it as unavailable, unless it already is.
    fn goes(&self) {
        if self.is_running() {
            self.record.goes();
        }
    }

    /// Marks it as unavailable, with an empty cache afterwards.
    fn ends(&self) {
        self.goes();
        self.record.starts.fetch_add(1, Ordering::SeqCst);
    }

    /// Allows the supervisor to start it again.
    pub fn may_start(&mut self) {
        if let State::Down(until @ None) = &mut self.state {
            *until = Some(Instant::now());
        }
    }

    /// Stops it with SIGSTOP until `thaw`.
    pub fn freeze(&mut self) {
        let id = match &self.state {
            State::Starting(starting) => starting.process.id(),
            State::Running(replica) => replica.process.id(),
            State::Down(_) => return,
        };
        self.goes();
        self.held = Some(FrozenProcesses::freeze(&[id]));
    }

    pub fn thaw(&mut self) {
        if self.held.take().is_some() && matches!(self.state, State::Running(_)) {
            self.record.is_back();
        }
    }

    /// Sets the error of its clock.
    pub fn set_clock(&self, seconds: i64) {
        let beside = self.clock.with_extension("new");
        std::fs::write(&beside, format!("{seconds:+}")).unwrap();
        std::fs::rename(beside, &self.clock).unwrap();
    }

    pub fn is_running(&self) -> bool {
        matches!(self.state, State::Running(_))
    }

    /// The replica's own description of a problem. `None` if it is healthy.
    pub async fn complaint(&self) -> Option<String> {
        if !self.is_running() {
            let log_text = if let State::Starting(starting) = &self.state {
                starting.log_text()
            } else {
                String::new()
            };
            return Some(format!(
                "{} does not run; it was started: {}, its log: {log_text}",
                self.name,
                !matches!(self.state, State::Down(None))
            ));
        }
        let mut connection = Connection::new(self.record.address);
        let asked = connection.ask(b"GET /health/ready HTTP/1.1\r\nHost: localhost\r\n\r\n");
        let Ok(Ok(response)) = tokio::time::timeout(Duration::from_secs(2), asked).await else {
            return Some(format!("{} does not answer the health check", self.name));
        };
        let text = String::from_utf8_lossy(response.body).into_owned();
        (response.status != 200 || text.contains("failing"))
            .then(|| format!("{} reports: {} {text}", self.name, response.status))
    }
}

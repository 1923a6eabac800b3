//! The replicas, and who watches over them: one that ends is started again, as a supervisor of an operating system does.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::harness::Stand;
use crate::harness::connection::Connection;
use crate::harness::process::Held;
use crate::harness::replica::{Plan, Replica, Starting};
use crate::harness::wire::{End, Wire};

/// How long a supervisor waits before it starts again what ended.
const PAUSE: Duration = Duration::from_millis(500);

/// How long after a fault a replica may still be busy with what came meanwhile.
pub const AFTERMATH: Duration = Duration::from_secs(5);

/// A replica, whatever state it is in.
pub struct Member {
    name: String,
    plan: Plan,
    /// The settings that it usually has, and others.
    tables: [String; 2],
    url: String,
    pub wire: Wire,
    clock: PathBuf,
    state: State,
    held: Option<Held>,
    pub record: Arc<Record>,
}

enum State {
    Starting(Starting),
    Running(Replica),
    /// Nobody is to start it before this time; if there is none, before it is said.
    Down(Option<Instant>),
}

/// What others have to know of a replica.
pub struct Record {
    pub address: SocketAddr,
    /// How often it was started: what it remembers ends with it.
    pub life: AtomicU64,
    /// When nobody can expect answers in time; the last one may go on.
    away: Mutex<Vec<(Instant, Option<Instant>)>>,
}

impl Record {
    fn goes(&self) {
        self.away.lock().unwrap().push((Instant::now(), None));
    }

    fn is_back(&self) {
        if let Some((_, until @ None)) = self.away.lock().unwrap().last_mut() {
            *until = Some(Instant::now() + AFTERMATH);
        }
    }

    /// Whether it was away at any time in between.
    pub fn was_away(&self, begin: Instant, end: Instant) -> bool {
        self.away.lock().unwrap().iter().any(|(from, until)| *from <= end && until.is_none_or(|until| until >= begin))
    }
}

/// Where a replica's clock is told how wrong it is.
pub fn clock_of(harness: &Stand, name: &str) -> PathBuf {
    harness.directory(name).join("clock")
}

impl Member {
    /// Starts a replica that will be at the same address whenever it is started again, on a database behind a wire of its own.
    pub async fn start(harness: &Stand, name: &str, plan: Plan, other_tables: String, database: &str) -> Self {
        let wire = Wire::lay(End::Unix(harness.socket().join(".s.PGSQL.5432"))).await;
        let url = format!("postgres://hookpoint@{}/{database}?sslmode=disable", wire.address);
        let clock = clock_of(harness, name);
        std::fs::write(&clock, "+0").unwrap();
        let replica = Replica::start(harness, name, &plan, &url).await;
        let record = Record { address: replica.address, life: AtomicU64::new(1), away: Mutex::default() };
        let tables = [plan.tables.clone(), other_tables];
        let plan = Plan { listen: replica.address.to_string(), ..plan };
        let (name, record) = (name.to_owned(), Arc::new(record));
        Self { name, plan, tables, url, wire, clock, state: State::Running(replica), held: None, record }
    }

    /// Looks after it. Says what nobody wanted.
    pub fn watch(&mut self, harness: &Stand) -> Option<String> {
        let (state, mistake) = match std::mem::replace(&mut self.state, State::Down(None)) {
            State::Down(Some(until)) if Instant::now() >= until => (State::Starting(Starting::on(harness, &self.name, &self.plan, &self.url)), None),
            State::Starting(starting) => match starting.ready() {
                Ok(replica) => {
                    self.record.life.fetch_add(1, Ordering::SeqCst);
                    self.record.is_back();
                    (State::Running(replica), None)
                }
                Err(mut starting) => match starting.process.ended() {
                    // Without Postgres it can't start.
                    Some(_) => (State::Down(Some(Instant::now() + PAUSE)), None),
                    None => (State::Starting(starting), None),
                },
            },
            State::Running(mut replica) => match replica.process.ended() {
                Some(status) => {
                    self.record.goes();
                    self.record.life.fetch_add(1, Ordering::SeqCst);
                    let mistake = format!("{} ended although nobody here ended it: {status}", self.name);
                    (State::Down(Some(Instant::now() + PAUSE)), Some(mistake))
                }
                None => (State::Running(replica), None),
            },
            down @ State::Down(_) => (down, None),
        };
        self.state = state;
        mistake
    }

    /// It ends at once.
    pub fn kill(&mut self) {
        self.ends();
        self.state = State::Down(None);
    }

    /// It ends as when it is told to, and is started again. Says what nobody wanted.
    pub async fn restart(&mut self, has_other_settings: bool) -> Option<String> {
        let [usual, other] = &self.tables;
        self.plan.tables = if has_other_settings { other.clone() } else { usual.clone() };
        self.ends();
        let state = std::mem::replace(&mut self.state, State::Down(Some(Instant::now())));
        let State::Running(mut replica) = state else { return None };
        replica.process.terminate();
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_secs(20) {
            match replica.process.ended() {
                Some(status) if status.success() => return None,
                Some(status) => return Some(format!("{} was told to end, and ended with {status}", self.name)),
                None => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
        Some(format!("{} was told to end, and did not within 20 s", self.name))
    }

    /// It goes away for a while, if it isn't away already.
    fn goes(&self) {
        if self.is_running() {
            self.record.goes();
        }
    }

    /// Likewise, and what it remembers is lost.
    fn ends(&self) {
        self.goes();
        self.record.life.fetch_add(1, Ordering::SeqCst);
    }

    /// It may be started again.
    pub fn may_start(&mut self) {
        if let State::Down(until @ None) = &mut self.state {
            *until = Some(Instant::now());
        }
    }

    /// It stops in the middle of whatever it does, until it is thawed.
    pub fn freeze(&mut self) {
        let id = match &self.state {
            State::Starting(starting) => starting.process.id(),
            State::Running(replica) => replica.process.id(),
            State::Down(_) => return,
        };
        self.goes();
        self.held = Some(Held::hold(&[id]));
    }

    pub fn thaw(&mut self) {
        if self.held.take().is_some() && matches!(self.state, State::Running(_)) {
            self.record.is_back();
        }
    }

    /// How wrong its clock is from now on.
    pub fn set_clock(&self, seconds: i64) {
        let beside = self.clock.with_extension("new");
        std::fs::write(&beside, format!("{seconds:+}")).unwrap();
        std::fs::rename(beside, &self.clock).unwrap();
    }

    pub fn is_running(&self) -> bool {
        matches!(self.state, State::Running(_))
    }

    /// What it says of itself, if that isn't that all is well.
    pub async fn complaint(&self) -> Option<String> {
        if !self.is_running() {
            let said = if let State::Starting(starting) = &self.state { starting.said() } else { String::new() };
            return Some(format!("{} does not run; it is asked to start: {}, and said: {said}", self.name, !matches!(self.state, State::Down(None))));
        }
        let mut connection = Connection::new(self.record.address);
        let asked = connection.ask(b"GET /health/ready HTTP/1.1\r\nHost: localhost\r\n\r\n");
        let Ok(Ok(response)) = tokio::time::timeout(Duration::from_secs(2), asked).await else {
            return Some(format!("{} does not say how it is", self.name));
        };
        let text = String::from_utf8_lossy(response.body).into_owned();
        (response.status != 200 || text.contains("failing")).then(|| format!("{} says of itself: {} {text}", self.name, response.status))
    }
}

//! Checks the freshness of answers: two replicas with constant lookups and changes, and a checker that knows when each
//! change was committed.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hookpoint::ingest::apply::apply;
use tokio::sync::mpsc;

use super::changes::{change, request, version, wait_until_current, webhook};
use super::client::{Answer, Load, RequestGenerator};
use super::connection::Connection;
use super::customers::shuffled;
use super::figures::Latencies;
use super::replica::{Replica, ReplicaSettings};
use super::report::{Report, Scale};
use super::webhooks::signing;
use super::{BRAND, Harness, Shop, changes};

const PEOPLE: usize = 300;

/// How changes arrive.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum ChangePath {
    /// Through the write path directly. A change counts from its commit.
    Applied,
    /// As webhooks. A change counts from its acknowledgement.
    Webhooks,
}

impl ChangePath {
    /// The promised time until both replicas show a change, for 99 of 100 changes.
    const fn promised(self) -> Duration {
        match self {
            Self::Applied => Duration::from_millis(100),
            Self::Webhooks => Duration::from_millis(150),
        }
    }
}

/// The timeout for a change.
const TIMEOUT: Duration = Duration::from_secs(120);

/// The known versions, and any contradictions.
struct VersionLog {
    /// The newest version that may be visible, by person.
    begun: Vec<AtomicU64>,
    /// The newest version that each replica has shown, by person.
    shown: [Vec<AtomicU64>; 2],
    broken: Mutex<Vec<String>>,
}

impl VersionLog {
    fn new() -> Self {
        let zeros = || (0..PEOPLE).map(|_| AtomicU64::new(0)).collect::<Vec<_>>();
        Self { begun: zeros(), shown: [zeros(), zeros()], broken: Mutex::default() }
    }

    fn broke(&self, what: String) {
        self.broken.lock().unwrap().push(what);
    }

    /// The lowest version that the response to a request sent now may show.
    fn asked(&self, replica: usize, person: usize) -> u64 {
        self.shown[replica][person].load(Ordering::SeqCst)
    }

    /// Checks a response. Returns the version that it shows.
    fn answered(&self, replica: usize, person: usize, at_least: u64, body: &[u8]) -> Option<u64> {
        let shown = version(person, body)?;
        let begun = self.begun[person].load(Ordering::SeqCst);
        if shown < at_least {
            self.broke(format!("replica {replica} showed version {shown} of person {person} after it had shown {at_least}"));
        }
        if shown > begun {
            self.broke(format!("replica {replica} showed version {shown} of person {person} when {begun} was the newest"));
        }
        self.shown[replica][person].fetch_max(shown, Ordering::SeqCst);
        Some(shown)
    }
}

/// Sends lookups all the time.
struct Lookups {
    version_log: Arc<VersionLog>,
    replica: usize,
    requests: Vec<Vec<u8>>,
    under_way: HashMap<u64, u64>,
}

fn person(n: u64) -> usize {
    shuffled(n, PEOPLE as u64) as usize
}

impl RequestGenerator for Lookups {
    fn ask(&mut self, n: u64, request: &mut Vec<u8>) {
        self.under_way.insert(n, self.version_log.asked(self.replica, person(n)));
        request.extend_from_slice(&self.requests[person(n)]);
    }

    fn is_right(&mut self, n: u64, answer: &Answer<'_>) -> bool {
        let at_least = self.under_way.remove(&n).unwrap();
        answer.status == 200
            && self.version_log.answered(self.replica, person(n), at_least, answer.body).is_some()
    }
}

/// A committed change.
struct Committed {
    person: usize,
    version: u64,
    at: Instant,
}

/// Repeats a lookup at a replica until it shows a change.
async fn watch(
    version_log: &VersionLog,
    replica: usize,
    connection: &mut Connection,
    change: &Committed,
) {
    let deadline = change.at + TIMEOUT;
    loop {
        let at_least = version_log.asked(replica, change.person);
        let shown = match connection.ask(&request(change.person)).await {
            Ok(response) => version_log.answered(replica, change.person, at_least, response.body),
            Err(_) => None,
        };
        if shown.is_some_and(|shown| shown >= change.version) {
            return;
        }
        if Instant::now() > deadline {
            return version_log.broke(format!(
                "replica {replica} never showed version {} of person {}: {shown:?}",
                change.version, change.person
            ));
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

pub async fn run(harness: &Harness, scale: Scale, change_path: ChangePath) -> Report {
    let (name, brand) = match change_path {
        ChangePath::Applied => ("freshness", BRAND),
        ChangePath::Webhooks => ("freshness_of_webhooks", changes::BRAND),
    };
    let shop = harness.shop_of(name, brand).await;
    for person in 0..PEOPLE {
        match change_path {
            ChangePath::Applied => change(&shop, person, 0).await,
            ChangePath::Webhooks => {
                let changes = webhook(person, 0).changes(&shop.brand.rules.sources);
                apply(&shop.database.pool, &shop.brand, changes).await.unwrap();
            }
        }
    }
    let replica_settings = ReplicaSettings::receiving(brand).lookup_deadline(scale.deadline);
    let [one, other] = [0, 1].map(|n| format!("{name}-{n}"));
    let replicas = [
        Replica::start(harness, &one, &replica_settings, &shop.url).await,
        Replica::start(harness, &other, &replica_settings, &shop.url).await,
    ];
    let version_log = Arc::new(VersionLog::new());
    let mut report = Report::default();
    let loads = [0, 1].map(|replica| {
        let requests = (0..PEOPLE).map(request).collect();
        let lookups = Lookups {
            version_log: Arc::clone(&version_log),
            replica,
            requests,
            under_way: HashMap::new(),
        };
        // Longer than the changes can take. It is stopped early.
        Load::at_rate(replicas[replica].address, scale.lookups_per_second / 2, scale.duration * 20)
            .start(lookups)
    });
    let (seen, changes, seconds) =
        make_changes(&shop, &version_log, &replicas, scale, change_path).await;
    report.figure(
        "changes",
        format!(
            "{changes}, {:.0} a second of {} that were due",
            changes as f64 / seconds,
            scale.changes_per_second
        ),
    );
    let [p50, p95, p99] = [50.0, 95.0, 99.0].map(|percent| seen.percentile_ms(percent));
    let from = if change_path == ChangePath::Applied { "a commit" } else { "a 2xx" };
    report.figure(
        &format!("from {from} until both replicas show it"),
        format!("p50 {p50:.1} ms, p95 {p95:.1} ms, p99 {p99:.1} ms, max {:.1} ms", seen.max_ms()),
    );
    report.expect_within(
        "99 of 100 changes are seen within",
        Duration::from_secs_f64(p99 / 1_000.0),
        change_path.promised(),
    );
    for (replica, load) in loads.into_iter().enumerate() {
        report.expect_right(&format!("lookups of replica {replica}"), &load.end().await.0);
    }
    check_final_answers(&shop, &version_log, &replicas).await;
    report.broken.append(&mut version_log.broken.lock().unwrap());
    shop.database.close().await;
    report
}

/// Changes people at a fixed rate. Returns the time until both replicas showed each change.
async fn make_changes(
    shop: &Shop,
    version_log: &Arc<VersionLog>,
    replicas: &[Replica; 2],
    scale: Scale,
    change_path: ChangePath,
) -> (Latencies, u64, f64) {
    const WATCHERS: usize = 32;
    let (sender, receiver) = mpsc::channel::<Committed>(100_000);
    let receiver = Arc::new(tokio::sync::Mutex::new(receiver));
    let addresses = [replicas[0].address, replicas[1].address];
    let watchers: Vec<_> = (0..WATCHERS)
        .map(|_| {
            let (version_log, receiver) = (Arc::clone(version_log), Arc::clone(&receiver));
            tokio::spawn(async move {
                let (mut seen, [mut one, mut other]) =
                    (Latencies::default(), addresses.map(Connection::new));
                loop {
                    let Some(change) = receiver.lock().await.recv().await else { return seen };
                    tokio::join!(
                        watch(&version_log, 0, &mut one, &change),
                        watch(&version_log, 1, &mut other, &change)
                    );
                    seen.record(change.at.elapsed());
                }
            })
        })
        .collect();
    let posts = (change_path == ChangePath::Webhooks).then(|| start_to_post(addresses, &sender));
    let (begin, mut version) = (Instant::now(), 0_u64);
    let mut due = tokio::time::interval(Duration::from_secs(2) / scale.changes_per_second);
    while begin.elapsed() < scale.duration {
        due.tick().await;
        // Twice in a row: the first change makes a replica query the answer again, and the second one invalidates that
        // query.
        let person = person(version.wrapping_mul(7));
        for _ in 0..2 {
            version += 1;
            version_log.begun[person].store(version, Ordering::SeqCst);
            match &posts {
                Some(posts) => posts.send((person, version)).await.unwrap(),
                None => {
                    change(shop, person, version).await;
                    sender.send(Committed { person, version, at: Instant::now() }).await.unwrap();
                }
            }
        }
    }
    let seconds = begin.elapsed().as_secs_f64();
    drop((sender, posts));
    let mut seen = Latencies::default();
    for watcher in watchers {
        seen.add(&watcher.await.unwrap());
    }
    (seen, version, seconds)
}

/// Starts tasks that send webhooks to either replica, until each is acknowledged.
fn start_to_post(
    replicas: [SocketAddr; 2],
    sender: &mpsc::Sender<Committed>,
) -> mpsc::Sender<(usize, u64)> {
    const POSTERS: usize = 16;
    let (posts, receiver) = mpsc::channel::<(usize, u64)>(100_000);
    let receiver = Arc::new(tokio::sync::Mutex::new(receiver));
    for n in 0..POSTERS {
        let (receiver, sender, mut connection) =
            (Arc::clone(&receiver), sender.clone(), Connection::new(replicas[n % 2]));
        tokio::spawn(async move {
            let mut request = Vec::new();
            loop {
                let Some((person, version)) = receiver.lock().await.recv().await else { return };
                request.clear();
                signing::write("shop", &webhook(person, version), &mut request);
                while !connection.ask(&request).await.is_ok_and(|response| response.status == 202) {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                sender.send(Committed { person, version, at: Instant::now() }).await.unwrap();
            }
        });
    }
    posts
}

/// After all notifications are processed, every answer must be the newest. An older one would be a stale cached answer.
async fn check_final_answers(shop: &Shop, version_log: &VersionLog, replicas: &[Replica; 2]) {
    for (replica, process) in replicas.iter().enumerate() {
        let mut connection = Connection::new(process.address);
        if !wait_until_current(shop, &mut connection, TIMEOUT).await {
            return version_log
                .broke(format!("replica {replica} never received the notification of a new key"));
        }
        for person in 0..PEOPLE {
            let expected = version_log.begun[person].load(Ordering::SeqCst);
            let response = connection.ask(&request(person)).await;
            let shown = response.ok().and_then(|response| version(person, response.body));
            if shown != Some(expected) {
                version_log.broke(format!("in the end replica {replica} shows {shown:?} of person {person} instead of {expected}"));
            }
        }
    }
}

//! Checks that the service keeps working while Postgres is unavailable, and recovers by itself: a server that stops,
//! one that hangs, a lost listener connection, and an embedded server that is killed.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::changes::{change, has_shown, wait_until_current};
use super::client::{Answer, Load, RequestGenerator};
use super::connection::Connection;
use super::figures::Latencies;
use super::lookups::{LookupTarget, Lookups};
use super::process::signal;
use super::replica::{Replica, ReplicaSettings};
use super::report::{Report, Scale};
use super::{Harness, KEY, Shop, customers, url_at};

/// The first customers are looked up all the time. The ones after them were looked up once.
const HOT: u64 = 20;
const ONCE: u64 = 1_000;
const CUSTOMERS: u64 = 8_000;

/// How long answers are fresh.
const FRESH: Duration = Duration::from_secs(2);

/// The tolerance after the deadline of an answer.
const SLACK: Duration = Duration::from_millis(500);

/// The time limit for full recovery after Postgres is back.
const RECOVERED_WITHIN: Duration = Duration::from_secs(5);

/// The time limit until a change is visible after notifications were lost.
const CHANGE_VISIBLE_WITHIN: Duration = Duration::from_secs(10);

/// The timeout of every wait.
const TIMEOUT: Duration = Duration::from_secs(60);

const BEFORE: usize = 0;
const DURING: usize = 1;
const AFTER: usize = 2;

/// Lookups, with latencies for each part of the scenario.
struct Parts {
    lookups: Lookups,
    part: Arc<AtomicUsize>,
    latencies: [Latencies; 3],
}

impl RequestGenerator for Parts {
    fn ask(&mut self, n: u64, request: &mut Vec<u8>) {
        self.lookups.ask(n, request);
    }

    fn is_right(&mut self, n: u64, answer: &Answer<'_>) -> bool {
        self.latencies[self.part.load(Ordering::Relaxed)].record(answer.latency);
        self.lookups.is_right(n, answer)
    }
}

/// Lookups that must fail with an error status.
struct RefusedLookups(Lookups);

impl RequestGenerator for RefusedLookups {
    fn ask(&mut self, n: u64, request: &mut Vec<u8>) {
        self.0.ask(n, request);
    }

    fn is_right(&mut self, _: u64, answer: &Answer<'_>) -> bool {
        answer.status == 500
    }
}

pub async fn run(harness: &mut Harness, scale: Scale) -> Report {
    let mut report = Report::default();
    let shop = harness.shop("outage").await;
    customers::load(&shop.database.pool, &shop.brand, CUSTOMERS).await;
    let replica_settings = ReplicaSettings::default()
        .lookup_deadline(scale.deadline)
        .with(|file| file.lookup.cache_seconds = FRESH.as_secs());
    let replica = Replica::start(harness, "outage", &replica_settings, &shop.url).await;
    // It caches nothing until its change listener is connected.
    if !wait_until_current(&shop, &mut Connection::new(replica.address), TIMEOUT).await {
        report.broken.push("the replica never received the notification of a new key".to_owned());
    }
    shop.database.close().await;
    a_server_is_away(harness, &replica, OutageKind::Stopped, scale, &mut report).await;
    a_server_is_away(harness, &replica, OutageKind::Hanging, scale, &mut report).await;
    let shop = Shop::at(shop.url).await;
    a_listener_is_cut(&shop, &replica, &mut report).await;
    shop.database.close().await;
    a_service_ends_while_its_server_hangs(harness, replica, &mut report).await;
    a_server_of_its_own_is_killed(harness, scale, &mut report).await;
    report
}

/// The kind of outage of Postgres.
#[derive(Clone, Copy, PartialEq, Eq)]
enum OutageKind {
    /// Connections are refused.
    Stopped,
    /// Connections hang.
    Hanging,
}

/// Lookups of all customers, in an order that begins with those that are looked up often or were looked up once.
fn lookups() -> Lookups {
    Lookups::new(LookupTarget::Everybody(CUSTOMERS))
}

async fn a_server_is_away(
    harness: &mut Harness,
    replica: &Replica,
    how: OutageKind,
    scale: Scale,
    report: &mut Report,
) {
    let (what, first) =
        if how == OutageKind::Stopped { ("stopped", HOT) } else { ("hanging", CUSTOMERS) };
    let per_second = scale.lookups_per_second / 2;
    // Enough connections if each answer takes its deadline, and none that is idle for long.
    let at_rate = |per_second: u32, first: u64| {
        Load::at_rate(replica.address, per_second, TIMEOUT * 10)
            .from(first)
            .over(per_second.clamp(8, 500))
    };
    let (once, _) = Load::as_fast_as_possible(replica.address, TIMEOUT)
        .from(first)
        .requests(ONCE)
        .start(lookups())
        .wait()
        .await;
    report.expect_right(&format!("{what}: customers looked up once before"), &once);
    let part = Arc::new(AtomicUsize::new(BEFORE));
    let hot = Parts {
        lookups: Lookups::new(LookupTarget::Each(HOT)),
        part: Arc::clone(&part),
        latencies: Default::default(),
    };
    let hot = at_rate(per_second, 0).start(hot);
    tokio::time::sleep(FRESH / 2).await;

    part.store(DURING, Ordering::Relaxed);
    let held = match how {
        OutageKind::Stopped => {
            harness.stop_postgres().await;
            Vec::new()
        }
        OutageKind::Hanging => harness.freeze_postgres(),
    };
    // At this rate each of them is looked up once more at most.
    let expired = at_rate(50, first).requests(ONCE).start(lookups());
    let cold = at_rate(10, first + ONCE).start(RefusedLookups(lookups()));
    tokio::time::sleep(scale.duration).await;
    let ((expired, _), (cold, _)) = tokio::join!(expired.end(), cold.end());
    part.store(AFTER, Ordering::Relaxed);
    let started = Instant::now();
    drop(held);
    if how == OutageKind::Stopped {
        harness.start_postgres().await;
    }
    let needed = started.elapsed();
    let (back, next) = wait_for_cold(replica, first + ONCE * 5).await;
    let (after, _) =
        at_rate(per_second, next).requests(u64::from(per_second)).start(lookups()).wait().await;
    let (hot, parts) = hot.end().await;
    report.expect_right(&format!("{what}: hot customers, all the time"), &hot);
    for (when, latencies) in ["before", "during", "after"].iter().zip(&parts.latencies) {
        let [p50, p99] = [50.0, 99.0].map(|percent| latencies.percentile_ms(percent));
        report.figure(
            &format!("{what}: hot customers, {when}"),
            format!("p50 {p50:.2} ms, p99 {p99:.2} ms, max {:.2} ms", latencies.max_ms()),
        );
    }
    report
        .expect_right(&format!("{what}: customers looked up once, whose answers expire"), &expired);
    report.expect_right(&format!("{what}: customers never looked up before, refused"), &cold);
    let longest = Duration::from_secs_f64(cold.latencies.max_ms() / 1_000.0);
    report.expect_within(&format!("{what}: the longest refusal"), longest, scale.deadline + SLACK);
    report.expect_within(
        &format!(
            "{what}: until customers never looked up before are found again ({needed:.1?} to start)"
        ),
        back,
        RECOVERED_WITHIN,
    );
    report.expect_right(&format!("{what}: customers never looked up before, afterwards"), &after);
}

/// Looks up another customer each time until one is found. Returns the time that it took, and the next customer.
async fn wait_for_cold(replica: &Replica, first: u64) -> (Duration, u64) {
    let (begin, mut connection, mut lookups) =
        (Instant::now(), Connection::new(replica.address), lookups());
    for n in first.. {
        let mut request = Vec::new();
        lookups.ask(n, &mut request);
        if let Ok(response) = connection.ask(&request).await
            && lookups.is_right(
                n,
                &Answer { status: response.status, body: response.body, latency: begin.elapsed() },
            )
        {
            return (begin.elapsed(), n + 1);
        }
        assert!(begin.elapsed() < TIMEOUT, "no lookup succeeds any more");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    unreachable!("there are always more")
}

/// Cuts only the listener's connection. Nothing else fails, so nothing else can reveal the loss.
async fn a_listener_is_cut(shop: &Shop, replica: &Replica, report: &mut Report) {
    change(shop, 1, 0).await;
    let mut connection = Connection::new(replica.address);
    if !has_shown(&mut connection, 1, 0, TIMEOUT).await {
        report.broken.push("a new person is not found".to_owned());
    }
    let cut = "select count(pg_terminate_backend(pid)) from pg_stat_activity where datname = current_database() and query ilike 'listen%'";
    let (cut,): (i64,) = sqlx::query_as(cut).fetch_one(&shop.database.pool).await.unwrap();
    assert_eq!(cut, 1, "one connection listens");
    change(shop, 1, 1).await;
    let begin = Instant::now();
    if !has_shown(&mut connection, 1, 1, TIMEOUT).await {
        report
            .broken
            .push("a change is never seen after the listener's connection was cut".to_owned());
    }
    report.expect_within(
        "until a change is seen after the listener's connection was cut",
        begin.elapsed(),
        CHANGE_VISIBLE_WITHIN,
    );
}

/// If a database hangs, an operator restarts the programs that use it first.
async fn a_service_ends_while_its_server_hangs(
    harness: &Harness,
    mut replica: Replica,
    report: &mut Report,
) {
    let held = harness.freeze_postgres();
    let mut connection = Connection::new(replica.address);
    let (mut lookups, mut request) = (lookups(), Vec::new());
    lookups.ask(0, &mut request);
    let _ = connection.ask(&request).await;
    let begin = Instant::now();
    replica.process.terminate();
    while replica.process.ended().is_none() && begin.elapsed() < TIMEOUT {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    report.expect_within(
        "until the service ends after SIGTERM while Postgres hangs",
        begin.elapsed(),
        Duration::from_secs(20),
    );
    drop(held);
}

async fn a_server_of_its_own_is_killed(harness: &Harness, scale: Scale, report: &mut Report) {
    let replica_settings = ReplicaSettings::default().lookup_deadline(scale.deadline);
    let replica = Replica::start_embedded(harness, "embedded", &replica_settings).await;
    let postmaster = harness.directory("embedded").join("data/cluster/postmaster.pid");
    // Between two servers this file does not exist.
    let postmaster = move || {
        std::fs::read_to_string(&postmaster)
            .unwrap_or_default()
            .lines()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    // The process id is in its first line, the directory of its socket in the fifth.
    let shop = Shop::at(url_at(postmaster()[4].as_ref(), "postgres")).await;
    // The service derives stored customers first. There are none yet.
    let rederived = async |shop: &Shop| {
        hookpoint::storage::brands::get_rederive(&shop.database.pool, shop.brand.id())
            .await
            .unwrap()
            .derivation_hash
    };
    while rederived(&shop).await.is_none() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    customers::load(&shop.database.pool, &shop.brand, CUSTOMERS / 4).await;
    shop.open_with(KEY).await;
    shop.database.close().await;
    let small = |n: u64| n % (CUSTOMERS / 4);
    let (_, next) = wait_for_cold(&replica, small(0)).await;
    let killed = postmaster()[0].clone();
    let begin = Instant::now();
    signal(killed.parse().unwrap(), libc::SIGKILL);
    // Processes of the killed server may respond for a moment longer.
    while postmaster().first().is_none_or(|number| *number == killed) && begin.elapsed() < TIMEOUT {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    wait_for_cold(&replica, small(next)).await;
    report.expect_within(
        "until another server answers after the service's own Postgres was killed",
        begin.elapsed(),
        CHANGE_VISIBLE_WITHIN,
    );
}

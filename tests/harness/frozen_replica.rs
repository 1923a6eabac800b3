//! Checks the effect of a replica that hangs in the middle of a transaction: no connection is closed, so Postgres keeps
//! all its locks. Other replicas must continue with the locked brand soon, and no webhook may be lost or doubled when
//! the replica continues.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hookpoint::storage::brands::get_or_insert_brand;
use hookpoint::storage::pool::Pool;

use super::changes::{has_shown_to, webhook};
use super::connection::Connection;
use super::process::FrozenProcesses;
use super::replica::{Replica, ReplicaSettings};
use super::report::Report;
use super::rng::Rng;
use super::settings::TestSettings;
use super::webhook_checks::{check_deliveries, wait_until_applied, waiting};
use super::webhooks::sender::Sender;
use super::webhooks::{Webhook, signing};
use super::{Harness, Shop};

const BRANDS: [&str; 3] = ["here", "there", "elsewhere"];

/// The promised times for the other replica to apply new webhooks: of a brand without a lock, and of a locked brand.
const AT_ONCE: Duration = Duration::from_secs(5);
const BEFORE_LONG: Duration = Duration::from_secs(15);

/// The timeout of every wait.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The lease of a worker, after which another one takes a webhook over.
const LEASE: Duration = Duration::from_secs(5);

/// Webhooks of each brand: how many exist for the time before the stop, how many of them are sent first, how many
/// together, and how many follow after the stop.
const BEFORE: usize = 5_000;
const WARM: usize = 50;
const BURST: usize = 3;
const AFTERWARDS: usize = 5;

fn tables() -> String {
    let brand = |slug: &str| {
        format!(
            "[brands.{slug}]\ncustom_fields = [{{ name = \"version\", value = \"{{{{ omniotap.job_title }}}}\" }}]\n"
        )
    };
    BRANDS.map(brand).concat()
}

fn replica_settings() -> ReplicaSettings {
    let tables = tables() + &BRANDS.map(signing::settings).concat();
    let replica_settings = ReplicaSettings::of(TestSettings::parse(&tables))
        .lookup_deadline(Duration::from_secs(20))
        .with(|file| file.inbox.lease_seconds = LEASE.as_secs());
    ReplicaSettings { environment: signing::secrets(), ..replica_settings }
}

/// A brand, and the people in its webhooks. No other brand has them.
struct Part {
    slug: &'static str,
    brand_id: i32,
    first: usize,
    /// Before and after the stop.
    webhooks: [Arc<Vec<Webhook>>; 2],
}

impl Part {
    async fn open(shop: &Shop, n: usize) -> Self {
        let (slug, first) = (BRANDS[n], n * 100_000);
        let brand_id = get_or_insert_brand(&shop.database.pool, slug).await.unwrap().brand_id;
        shop.open_brand_with(brand_id, slug).await;
        let people = |from: usize, of: usize| {
            Arc::new((from..from + of).map(|person| webhook(person, 0)).collect())
        };
        Self {
            slug,
            brand_id,
            first,
            webhooks: [people(first, BEFORE), people(first + BEFORE, AFTERWARDS)],
        }
    }

    /// Sends webhooks, once they are released, to any of some replicas.
    fn send(&self, webhooks: &Arc<Vec<Webhook>>, replicas: Vec<SocketAddr>) -> Sender {
        Sender::start(self.slug, Arc::clone(webhooks), (0..webhooks.len()).collect(), replicas, 8)
    }

    async fn has_shown(&self, replica: SocketAddr, person: usize, timeout: Duration) -> bool {
        has_shown_to(self.slug, &mut Connection::new(replica), person, 0, timeout).await
    }
}

/// The brands that are locked for longer than any normal work takes.
async fn held_brands(pool: &Pool) -> BTreeSet<i32> {
    let query = "select distinct objid::integer from pg_locks join pg_stat_activity using (pid)
        where locktype = 'advisory' and classid = 1752131440 and granted and state like 'idle in transaction%'
            and state_change < clock_timestamp() - interval '250 milliseconds'";
    sqlx::query_as::<_, (i32,)>(query)
        .fetch_all(pool)
        .await
        .unwrap()
        .into_iter()
        .map(|(id,)| id)
        .collect()
}

/// Stops a replica at random moments, until it holds locks of brands while it is stopped.
async fn stop_holding(
    pool: &Pool,
    replica: &Replica,
    senders: &[Sender],
) -> Option<(FrozenProcesses, Instant, BTreeSet<i32>)> {
    let (begin, mut rng) = (Instant::now(), Rng(7));
    // First everything runs, so that query plans exist.
    senders.iter().for_each(|sender| sender.release(WARM));
    while senders.iter().any(|sender| sender.acknowledgements() < WARM) || waiting(pool).await > 0 {
        assert!(begin.elapsed() < TIMEOUT, "webhooks are not acknowledged");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let begin = Instant::now();
    while begin.elapsed() < TIMEOUT {
        senders.iter().for_each(|sender| sender.release(BURST));
        tokio::time::sleep(Duration::from_millis(10 + rng.roll(40) as u64)).await;
        let (held, stopped_at) = (FrozenProcesses::freeze(&[replica.process.id()]), Instant::now());
        tokio::time::sleep(Duration::from_millis(400)).await;
        let brands = held_brands(pool).await;
        if !brands.is_empty() {
            return Some((held, stopped_at, brands));
        }
        drop(held);
        // Wait until the new webhooks are applied.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    None
}

/// The number of pending webhooks that were received before a time.
async fn left_from(pool: &Pool, begun: jiff::Timestamp) -> i64 {
    let query = "select count(*) from deliveries where state = 'pending' and received_at < $1";
    sqlx::query_as::<_, (i64,)>(query)
        .bind(jiff_sqlx::Timestamp::from(begun))
        .fetch_one(pool)
        .await
        .unwrap()
        .0
}

/// Checks the webhooks that the other replica receives while one is stopped.
async fn check_other_replica(
    parts: &[Part],
    held: &BTreeSet<i32>,
    stopped_at: Instant,
    other: SocketAddr,
    report: &mut Report,
) {
    let senders: Vec<Sender> =
        parts.iter().map(|part| part.send(&part.webhooks[1], vec![other])).collect();
    senders.iter().for_each(|sender| sender.release(AFTERWARDS));
    for (part, sender) in parts.iter().zip(senders) {
        let acknowledged = sender.end(TIMEOUT).await.len();
        if acknowledged < AFTERWARDS {
            report.broken.push(format!("{acknowledged} of {AFTERWARDS} webhooks of {} are acknowledged while a replica is stopped", part.slug));
        }
    }
    let sent_at = Instant::now();
    // Check the brands with the shorter limit first.
    let (slow, quick): (Vec<&Part>, Vec<&Part>) =
        parts.iter().partition(|part| held.contains(&part.brand_id));
    for (parts, from, promised) in [(quick, sent_at, AT_ONCE), (slow, stopped_at, BEFORE_LONG)] {
        for part in parts {
            let mut missing = 0;
            for person in (0..AFTERWARDS).map(|n| part.first + BEFORE + n) {
                missing += usize::from(!part.has_shown(other, person, TIMEOUT).await);
            }
            let held = if held.contains(&part.brand_id) {
                "locked by the stopped replica"
            } else {
                "not locked"
            };
            report.expect_within(&format!("{}, {held}", part.slug), from.elapsed(), promised);
            if missing > 0 {
                let of = format!("{missing} of {AFTERWARDS} webhooks of {}, {held},", part.slug);
                report.broken.push(format!("{of} are never applied by the other replica"));
            }
        }
    }
}

pub async fn run(harness: &Harness) -> Report {
    let mut report = Report::default();
    let shop = harness.shop_of("stopped", &tables()).await;
    let pool = &shop.database.pool;
    let mut parts = Vec::new();
    for n in 0..BRANDS.len() {
        parts.push(Part::open(&shop, n).await);
    }
    let stopped = Replica::start(harness, "stopped-0", &replica_settings(), &shop.url).await;
    let other = Replica::start(harness, "stopped-1", &replica_settings(), &shop.url).await;
    let both = vec![stopped.address, other.address];
    let senders: Vec<Sender> =
        parts.iter().map(|part| part.send(&part.webhooks[0], both.clone())).collect();
    let Some((held, stopped_at, brands)) = stop_holding(pool, &stopped, &senders).await else {
        report.broken.push(
            "the replica never held a lock when it was stopped, so the test proves nothing"
                .to_owned(),
        );
        return report;
    };
    let begun = jiff::Timestamp::now();
    report.figure("brands locked by the stopped replica", brands.len());
    if brands.len() == BRANDS.len() {
        report
            .broken
            .push("it holds the locks of all brands, so the test proves nothing".to_owned());
    }
    check_other_replica(&parts, &brands, stopped_at, other.address, &mut report).await;
    let deadline = Instant::now() + TIMEOUT;
    let mut left = left_from(pool, begun).await;
    while left > 0 && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(100)).await;
        left = left_from(pool, begun).await;
    }
    report.expect_within("webhooks from before the stop", stopped_at.elapsed(), BEFORE_LONG);
    if left > 0 {
        report.broken.push(format!("{left} webhooks from before the stop are never applied"));
    }

    drop(held);
    check_all(&shop, &parts, senders, [&stopped, &other], &mut report).await;
    shop.database.close().await;
    report
}

/// Checks that no webhook is lost or doubled after both continue.
async fn check_all(
    shop: &Shop,
    parts: &[Part],
    senders: Vec<Sender>,
    replicas: [&Replica; 2],
    report: &mut Report,
) {
    let (mut webhooks, mut acknowledged) = (Vec::new(), Vec::new());
    // Webhooks that were never released are not sent any more.
    let ended =
        futures_util::future::join_all(senders.into_iter().map(|sender| sender.end(TIMEOUT))).await;
    for (part, before) in parts.iter().zip(ended) {
        acknowledged.extend(before.iter().map(|n| webhooks.len() + n));
        webhooks.extend(part.webhooks[0].iter().cloned());
        acknowledged.extend((0..AFTERWARDS).map(|n| webhooks.len() + n));
        webhooks.extend(part.webhooks[1].iter().cloned());
        let sample =
            before.iter().rev().step_by(before.len().div_ceil(20).max(1)).map(|n| part.first + n);
        for person in sample.chain((0..AFTERWARDS).map(|n| part.first + BEFORE + n)) {
            for (n, replica) in replicas.iter().enumerate() {
                if !part.has_shown(replica.address, person, TIMEOUT).await {
                    report
                        .broken
                        .push(format!("a person of {} is never found by replica {n}", part.slug));
                    return;
                }
            }
        }
    }
    report.figure("webhooks", acknowledged.len());
    let left = wait_until_applied(&shop.database.pool).await;
    check_deliveries(&shop.database.pool, &webhooks, &acknowledged, left, report).await;
}

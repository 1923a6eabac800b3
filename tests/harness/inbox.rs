//! Checks that every acknowledged webhook is applied exactly once: two replicas are killed repeatedly, Postgres stops
//! and crashes, the sender retries webhooks without a 2xx, and there are duplicates in random order. The result is
//! compared with the same webhooks, applied in order by the write path alone, without an inbox.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hookpoint::ingest::apply::apply;

use super::replica::{Replica, ReplicaSettings};
use super::report::Report;
use super::rng::Rng;
use super::webhook_checks::{
    check_answers, check_deliveries, check_faults, count_takeovers, wait_until_applied, waiting,
};
use super::webhooks::Webhook;
use super::webhooks::sender::Sender;
use super::webhooks::sequence::WebhookSequence;
use super::{Harness, Shop, comparison};

/// The size of the scenario, and the least effects that prove something.
#[derive(Clone, Copy)]
pub struct KillScenario {
    pub webhooks: usize,
    pub kills: usize,
    pub restarts: usize,
    /// Kills while webhooks wait to be applied.
    pub kills_that_matter: usize,
    /// Webhooks whose worker was killed, and which another worker took over.
    pub takeovers: usize,
    /// Webhooks that had to be sent again.
    pub retries: usize,
    pub seed: u64,
}

impl KillScenario {
    /// Small, for a quick check.
    pub const SHORT: Self = Self {
        webhooks: 500,
        kills: 3,
        restarts: 1,
        kills_that_matter: 1,
        takeovers: 0,
        retries: 1,
        seed: 7,
    };

    /// The size for which the results are promised.
    pub const FULL: Self = Self {
        webhooks: 20_000,
        kills: 50,
        restarts: 6,
        kills_that_matter: 30,
        takeovers: 1,
        retries: 1,
        seed: 7,
    };
}

/// A brand with records of four systems.
pub const BRAND: &str = "
[brands.shop]
custom_fields = [
    { name = \"company\", value = \"{{ omniotap.company }}\" },
    { name = \"status\", value = \"{{ attributes.status }}\" },
    { name = \"customerSince\", value = \"{{ omneo.customer_since | date }}\" },
    { name = \"points\", value = \"{{ omneo.points }}\" },
    { name = \"favoriteColor\", value = \"{{ omneo.custom_favorite_color }}\" },
]
[brands.shop.sources.omnilab]
external_id_kind = \"omneo.profile\"
[brands.shop.sources.omneo]
identity_kinds = { crm = \"omniotap.contact\" }
";

/// The lease of a worker, after which another one takes a webhook over.
const LEASE: Duration = Duration::from_secs(5);

/// The timeout of every wait.
pub const TIMEOUT: Duration = Duration::from_secs(120);

const CONNECTIONS: u64 = 16;

/// The settings of a replica with this brand.
pub fn replica_settings() -> ReplicaSettings {
    ReplicaSettings::receiving(BRAND)
        .lookup_deadline(Duration::from_secs(20))
        .with(|file| file.inbox.lease_seconds = LEASE.as_secs())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// Kills one replica, or both at once, so that no process knows what was in progress.
    Kill(&'static [usize]),
    Stop,
    Crash,
}

fn faults(scenario: KillScenario, rng: &mut Rng) -> Vec<Fault> {
    const VICTIMS: [&[usize]; 4] = [&[0], &[0, 1], &[1], &[1, 0]];
    let (mut faults, mut kills) = (Vec::new(), 0);
    while kills < scenario.kills {
        let victims = VICTIMS[faults.len() % VICTIMS.len()];
        faults.push(Fault::Kill(&victims[..victims.len().min(scenario.kills - kills)]));
        kills += victims.len();
    }
    faults.extend(
        (0..scenario.restarts).map(|n| if n % 2 == 0 { Fault::Crash } else { Fault::Stop }),
    );
    rng.shuffled(faults)
}

/// The observed effects of the faults.
#[derive(Default)]
pub struct Seen {
    pub kills: usize,
    pub kills_that_matter: usize,
    /// Webhooks waiting at each kill of a replica.
    pub waiting: Vec<i64>,
    pub restarts: usize,
}

pub async fn run(harness: &mut Harness, scenario: KillScenario) -> Report {
    let mut report = Report::default();
    let webhooks: Arc<Vec<Webhook>> =
        Arc::new(WebhookSequence::of(scenario.seed, scenario.webhooks).collect());
    let calm = harness.shop_of("inbox_calm", BRAND).await;
    apply_in_order(&calm, &webhooks).await;
    let shop = harness.shop_of("inbox", BRAND).await;
    count_takeovers(&shop.database.pool).await;
    let mut rng = Rng(scenario.seed);
    let mut order: Vec<usize> = (0..webhooks.len()).collect();
    order.extend((0..webhooks.len() / 12).map(|_| rng.roll(webhooks.len())));
    let order = rng.shuffled(order);
    report.figure(
        "webhooks",
        format!("{}, of which {} are sent twice", order.len(), order.len() - webhooks.len()),
    );
    let mut replicas = Vec::new();
    for n in 0..2 {
        let replica =
            Replica::start(harness, &format!("inbox-{n}"), &replica_settings(), &shop.url).await;
        // After a restart it must have the same address.
        replicas.push((replica_settings().at(replica.address), replica));
    }
    let addresses: Vec<_> = replicas.iter().map(|(_, replica)| replica.address).collect();
    let begin = Instant::now();
    let sender =
        Sender::start("shop", Arc::clone(&webhooks), order, addresses.clone(), CONNECTIONS);
    let seen =
        inject_faults(harness, &shop, &sender, &mut replicas, faults(scenario, &mut rng), &mut rng)
            .await;
    sender.release(sender.of());
    let (of, failures) = (sender.of(), sender.failures());
    let acknowledged = sender.end(TIMEOUT).await;
    if acknowledged.len() < webhooks.len() {
        report.broken.push(format!(
            "{} of {of} webhooks were never acknowledged: {failures:?}",
            webhooks.len() - acknowledged.len()
        ));
    }
    let left = wait_until_applied(&shop.database.pool).await;
    // The connections from before the outage are unusable.
    let [shop, calm] = [Shop::with(shop.url, BRAND).await, Shop::with(calm.url, BRAND).await];
    report.figure(
        "until all was acknowledged and applied",
        format!("{:.1} s", begin.elapsed().as_secs_f64()),
    );
    check_deliveries(&shop.database.pool, &webhooks, &acknowledged, left, &mut report).await;
    check_faults(&shop.database.pool, scenario, &seen, &failures, &mut report).await;
    let ended = replicas.iter_mut().filter_map(|(_, replica)| replica.process.ended());
    let ended: Vec<String> =
        ended.map(|status| format!("a replica ended unexpectedly: {status}")).collect();
    if ended.is_empty() {
        check_answers(harness, &shop, &calm, &addresses, &mut report).await;
    }
    report.broken.extend(ended);
    calm.database.close().await;
    shop.database.close().await;
    report
}

/// The calm run, for comparison.
pub async fn apply_in_order(shop: &Shop, webhooks: &[Webhook]) {
    for some in webhooks.chunks(20) {
        let changes =
            some.iter().flat_map(|webhook| webhook.changes(&shop.brand.rules.sources)).collect();
        apply(&shop.database.pool, &shop.brand, changes).await.unwrap();
    }
}

/// Releases webhooks in bursts, with a fault in each burst.
async fn inject_faults(
    harness: &mut Harness,
    shop: &Shop,
    sender: &Sender,
    replicas: &mut [(ReplicaSettings, Replica)],
    faults: Vec<Fault>,
    rng: &mut Rng,
) -> Seen {
    let mut seen = Seen::default();
    let burst = sender.of() / (faults.len() + 1);
    for (n, fault) in faults.into_iter().enumerate() {
        sender.release(burst);
        let until = (n * burst + rng.roll(burst) / 2).min(sender.of());
        let deadline = Instant::now() + TIMEOUT;
        while sender.acknowledgements() < until && Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        match fault {
            Fault::Kill(victims) => {
                let before = waiting(&shop.database.pool).await;
                victims.iter().for_each(|victim| replicas[*victim].1.process.kill());
                let after = waiting(&shop.database.pool).await;
                seen.kills += victims.len();
                seen.kills_that_matter += if before > 0 && after > 0 { victims.len() } else { 0 };
                seen.waiting.push(after);
                for victim in victims {
                    let (replica_settings, replica) = &mut replicas[*victim];
                    *replica = Replica::start(
                        harness,
                        &format!("inbox-{victim}"),
                        replica_settings,
                        &shop.url,
                    )
                    .await;
                }
            }
            Fault::Stop => {
                harness.stop_postgres().await;
                tokio::time::sleep(Duration::from_millis(rng.roll(500) as u64)).await;
                harness.start_postgres().await;
                seen.restarts += 1;
            }
            Fault::Crash => {
                harness.crash_postgres().await;
                seen.restarts += 1;
            }
        }
    }
    seen
}

/// Checks that the result of the webhooks does not depend on order and duplicates. Otherwise nothing could be compared.
pub async fn check_order(harness: &Harness, scenario: KillScenario) -> Report {
    let mut report = Report::default();
    let webhooks: Vec<Webhook> = WebhookSequence::of(scenario.seed, scenario.webhooks).collect();
    let calm = harness.shop_of("story_calm", BRAND).await;
    apply_in_order(&calm, &webhooks).await;
    let shop = harness.shop_of("story", BRAND).await;
    let mut rng = Rng(scenario.seed);
    let twice = (0..webhooks.len() / 12)
        .map(|_| webhooks[rng.roll(webhooks.len())].clone())
        .collect::<Vec<_>>();
    apply_in_order(&shop, &rng.shuffled([webhooks, twice].concat())).await;
    let (differences, same) = comparison::differences(&shop, &calm).await;
    report.figure("rows that are as in a calm run", same);
    report.broken.extend(differences);
    for shop in [shop, calm] {
        shop.database.close().await;
    }
    report
}

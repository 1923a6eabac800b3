//! Checks failover: the service must find the new primary when the old one of a cluster is killed, freezes or is cut
//! off. Meanwhile lookups of known people are always answered. Afterwards, webhooks are stored and applied again within
//! seconds, no acknowledged webhook is lost or doubled, and in the end all answers are the newest.

mod faults;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use self::faults::{faults, inject_faults};
use super::changes::wait_until_current;
use super::client::{Load, Running};
use super::connection::Connection;
use super::failures::{Failures, Watched};
use super::inbox::{BRAND, apply_in_order};
use super::lookups::{LookupTarget, Lookups};
use super::patroni::{Cluster, ROOT, SERVICE, TIMEOUT};
use super::process::FrozenProcesses;
use super::recovery::{Longest, Recovery, waiting};
use super::replica::{Replica, ReplicaSettings};
use super::report::Report;
use super::webhook_checks::{check_answers, check_deliveries, wait_until_applied};
use super::webhooks::Webhook;
use super::webhooks::sender::Sender;
use super::webhooks::sequence::WebhookSequence;
use super::{Harness, KEY, Shop, customers};

/// The number of faults of each kind.
#[derive(Clone, Copy)]
pub struct Failovers {
    pub kills: usize,
    pub freezes: usize,
    pub partitions: usize,
}

impl Failovers {
    /// The number for which the results are promised.
    pub const FULL: Self = Self { kills: 5, freezes: 2, partitions: 2 };

    /// Parses a text such as `5,2,2`.
    pub fn parse(text: &str) -> Option<Self> {
        let numbers: Vec<usize> =
            text.split(',').map(|number| number.parse().ok()).collect::<Option<_>>()?;
        let [kills, freezes, partitions] = numbers.try_into().ok()?;
        Some(Self { kills, freezes, partitions })
    }
}

/// Half of these go to each of the two replicas.
const WEBHOOKS_A_SECOND: u32 = 200;

const KNOWN_A_SECOND: u32 = 400;

const OTHERS_A_SECOND: u32 = 100;

/// The first customers are looked up repeatedly. Each of the others is looked up once at most; after them follow people
/// who do not exist.
const KNOWN: u64 = 200;

const CUSTOMERS: u64 = 4_000;

/// How many seconds of webhooks exist for each fault.
const SECONDS_EACH: usize = 75;

/// One of the two replicas, with its share of the load.
pub struct LoadedReplica {
    replica: Replica,
    pub sender: Sender,
    known: Failures,
    pub others: Failures,
    loads: [Running<Watched>; 2],
}

impl LoadedReplica {
    /// Starts the lookups of the replica. Webhooks are sent as they are released.
    async fn start(
        replica: Replica,
        webhooks: &Arc<Vec<Webhook>>,
        n: usize,
        report: &mut Report,
    ) -> Self {
        let (address, known, others) = (replica.address, Failures::default(), Failures::default());
        let (first, _) = Load::as_fast_as_possible(address, TIMEOUT)
            .requests(KNOWN)
            .start(Lookups::new(LookupTarget::Each(KNOWN)))
            .wait()
            .await;
        report.expect_right(&format!("replica {n}: known people, first lookup"), &first);
        // Longer than the whole scenario, with enough connections if each answer takes its deadline.
        let load =
            |per_second: u32| Load::at_rate(address, per_second / 2, TIMEOUT * 60).over(per_second);
        let loads = [
            load(KNOWN_A_SECOND).start(Watched {
                lookups: Lookups::new(LookupTarget::Each(KNOWN)),
                failures: known.clone(),
            }),
            load(OTHERS_A_SECOND).from(KNOWN).start(Watched {
                lookups: Lookups::new(LookupTarget::Everybody(CUSTOMERS)),
                failures: others.clone(),
            }),
        ];
        let order = (n..webhooks.len()).step_by(2).collect();
        let sender = Sender::start_in_order("shop", Arc::clone(webhooks), order, vec![address], 64);
        Self { replica, sender, known, others, loads }
    }

    pub fn refused_webhooks(&self) -> usize {
        self.sender.failures().values().sum()
    }

    /// Whether the replica reports that it is healthy.
    async fn is_healthy(&self) -> bool {
        let mut connection = Connection::new(self.replica.address);
        let asked = connection.ask(b"GET /health/ready HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
        asked.is_ok_and(|response| {
            response.status == 200 && !String::from_utf8_lossy(response.body).contains("failing")
        })
    }
}

pub async fn run(harness: &Harness, failovers: Failovers) -> Report {
    let mut report = Report::default();
    let mut cluster = Cluster::start(harness).await;
    let (primary, _) = cluster.primary_but(None).await.unwrap();
    let shop = open_shop(&cluster, primary).await;
    let faults = faults(failovers);
    let webhooks = (faults.len() + 1) * SECONDS_EACH * WEBHOOKS_A_SECOND as usize;
    let webhooks: Arc<Vec<Webhook>> = Arc::new(WebhookSequence::of(7, webhooks).collect());
    let mut loaded_replicas = Vec::new();
    for n in 0..2 {
        let replica = Replica::start(
            harness,
            &format!("failover-{n}"),
            &ReplicaSettings::receiving(BRAND),
            &cluster.service_url("shop"),
        )
        .await;
        // It caches nothing until its change listener is connected.
        if !wait_until_current(&shop, &mut Connection::new(replica.address), TIMEOUT).await {
            report.broken.push(format!("replica {n} never received the notification of a new key"));
        }
        loaded_replicas.push(LoadedReplica::start(replica, &webhooks, n, &mut report).await);
    }
    shop.database.close().await;
    let released = AtomicUsize::new(0);
    tokio::select! {
        () = release(&loaded_replicas, &released) => unreachable!("it goes on for ever"),
        () = inject_faults(&mut cluster, &loaded_replicas, &faults, &mut report) => {}
    }
    check_all(
        harness,
        &cluster,
        loaded_replicas,
        &webhooks[..webhooks.len().min(released.into_inner())],
        &mut report,
    )
    .await;
    report
}

/// Creates a database with a brand, its key and the customers that are looked up.
async fn open_shop(cluster: &Cluster, primary: usize) -> Shop {
    cluster.make_database(primary, "shop").await;
    let shop = Shop::with(cluster.url(primary, SERVICE, "shop"), BRAND).await;
    shop.open_with(KEY).await;
    hookpoint::storage::brands::finish_rederive(
        &shop.database.pool,
        shop.brand.id(),
        shop.brand.rules.hash(),
    )
    .await
    .unwrap();
    let root = Shop::with(cluster.url(primary, ROOT, "shop"), BRAND).await;
    customers::load(&root.database.pool, &root.brand, CUSTOMERS).await;
    root.database.close().await;
    shop
}

/// Releases webhooks at their rate.
async fn release(loaded_replicas: &[LoadedReplica], released: &AtomicUsize) {
    let mut due = tokio::time::interval(Duration::from_secs(2) / WEBHOOKS_A_SECOND);
    loop {
        due.tick().await;
        loaded_replicas.iter().for_each(|loaded| loaded.sender.release(1));
        released.fetch_add(loaded_replicas.len(), Ordering::SeqCst);
    }
}

/// Checks that no webhook is lost or doubled, and all answers are the newest.
async fn check_all(
    harness: &Harness,
    cluster: &Cluster,
    loaded_replicas: Vec<LoadedReplica>,
    webhooks: &[Webhook],
    report: &mut Report,
) {
    let begin = Instant::now();
    while loaded_replicas.iter().map(|loaded| loaded.sender.acknowledgements()).sum::<usize>()
        < webhooks.len()
        && begin.elapsed() < TIMEOUT
    {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let (mut acknowledged, mut replicas) = (Vec::new(), Vec::new());
    for (n, loaded) in loaded_replicas.into_iter().enumerate() {
        let LoadedReplica {
            mut replica,
            sender,
            known,
            others,
            loads: [load_of_known, load_of_others],
        } = loaded;
        report.figure(
            &format!(
                "replica {n}: webhooks without a 2xx, by status (0: no answer), all sent again"
            ),
            format!("{:?}", sender.failures()),
        );
        acknowledged.extend(sender.end(Duration::ZERO).await);
        report.expect_right(
            &format!("replica {n}: known people, all the time"),
            &load_of_known.end().await.0,
        );
        let (figures, _) = load_of_others.end().await;
        report.figure(
            &format!("replica {n}: other people, refused while there was no primary"),
            figures.describe(),
        );
        let odd: Vec<_> =
            figures.statuses.keys().filter(|status| ![200, 500, 503].contains(*status)).collect();
        if figures.failed() > 0
            || !odd.is_empty()
            || others.have_been_wrong()
            || known.have_been_wrong()
        {
            report.broken.push(format!(
                "replica {n}: lookups were not answered at all, with {odd:?}, or wrong: {}",
                figures.describe()
            ));
        }
        report.broken.extend(
            replica
                .process
                .ended()
                .map(|status| format!("replica {n} ended unexpectedly: {status}")),
        );
        replicas.push(replica);
    }
    report.figure("webhooks", format!("{} of {} acknowledged", acknowledged.len(), webhooks.len()));
    if acknowledged.len() < webhooks.len() {
        report.broken.push(format!(
            "{} of {} webhooks were never acknowledged",
            webhooks.len() - acknowledged.len(),
            webhooks.len()
        ));
    }
    let (primary, _) = cluster.primary_but(None).await.unwrap();
    let shop = Shop::with(cluster.url(primary, SERVICE, "shop"), BRAND).await;
    let left = wait_until_applied(&shop.database.pool).await;
    check_deliveries(&shop.database.pool, webhooks, &acknowledged, left, report).await;
    let calm = harness.shop_of("failover_calm", BRAND).await;
    customers::load(&calm.database.pool, &calm.brand, CUSTOMERS).await;
    apply_in_order(&calm, webhooks).await;
    let addresses: Vec<_> = replicas.iter().map(|replica| replica.address).collect();
    check_answers(harness, &shop, &calm, &addresses, report).await;
    calm.database.close().await;
    shop.database.close().await;
}

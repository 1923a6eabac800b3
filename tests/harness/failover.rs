//! Checks failover: the service must find the new primary when the old one of a cluster is killed, freezes or is cut
//! off. Meanwhile lookups of known people are always answered. Afterwards, webhooks are stored and applied again within
//! seconds, no acknowledged webhook is lost or doubled, and in the end all answers are the newest.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::changes::wait_until_current;
use super::client::{Load, Running};
use super::connection::Connection;
use super::failures::{Failures, Watched};
use super::inbox::{BRAND, apply_in_order};
use super::lookups::{LookupTarget, Lookups};
use super::outcome::{check_answers, check_deliveries, wait_until_applied};
use super::patroni::{Cluster, PATIENCE, ROOT, SERVICE};
use super::process::Held;
use super::recovery::{Again, Longest, waiting};
use super::replica::{Plan, Replica};
use super::report::Report;
use super::webhooks::Webhook;
use super::webhooks::sender::Sender;
use super::webhooks::story::Story;
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

/// How long a node is frozen or cut off, and how long a dead one stays down after the new primary is there.
const AWAY: Duration = Duration::from_secs(30);
const DEAD: Duration = Duration::from_secs(2);

/// The pause without faults before the next fault.
const CALM: Duration = Duration::from_secs(5);

/// How many seconds of webhooks exist for each fault.
const SECONDS_EACH: usize = 75;

/// A fault of a primary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Killed,
    Frozen,
    CutOff,
}

/// One of the two replicas, with its share of the load.
pub struct Side {
    replica: Replica,
    pub sender: Sender,
    known: Failures,
    pub others: Failures,
    loads: [Running<Watched>; 2],
}

impl Side {
    /// Starts the lookups of the replica. Webhooks are sent as they are released.
    async fn start(
        replica: Replica,
        webhooks: &Arc<Vec<Webhook>>,
        n: usize,
        report: &mut Report,
    ) -> Self {
        let (address, known, others) = (replica.address, Failures::default(), Failures::default());
        let (first, _) = Load::as_fast_as_possible(address, PATIENCE)
            .requests(KNOWN)
            .start(Lookups::new(LookupTarget::Each(KNOWN)))
            .wait()
            .await;
        report.expect_right(&format!("replica {n}: known people, first lookup"), &first);
        // Longer than the whole scenario, with enough connections if each answer takes its deadline.
        let load = |per_second: u32| {
            Load::at_rate(address, per_second / 2, PATIENCE * 60).over(per_second)
        };
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
    let webhooks: Arc<Vec<Webhook>> = Arc::new(Story::of(7, webhooks).collect());
    let mut sides = Vec::new();
    for n in 0..2 {
        let replica = Replica::start(
            harness,
            &format!("failover-{n}"),
            &Plan::receiving(BRAND),
            &cluster.service_url("shop"),
        )
        .await;
        // It caches nothing until its change listener is connected.
        if !wait_until_current(&shop, &mut Connection::new(replica.address), PATIENCE).await {
            report.broken.push(format!("replica {n} never received the notification of a new key"));
        }
        sides.push(Side::start(replica, &webhooks, n, &mut report).await);
    }
    shop.database.close().await;
    let released = AtomicUsize::new(0);
    tokio::select! {
        () = release(&sides, &released) => unreachable!("it goes on for ever"),
        () = make_trouble(&mut cluster, &sides, &faults, &mut report) => {}
    }
    check_all(
        harness,
        &cluster,
        sides,
        &webhooks[..webhooks.len().min(released.into_inner())],
        &mut report,
    )
    .await;
    report
}

/// The faults in turn, as far as there are enough of each kind.
fn faults(failovers: Failovers) -> Vec<Fault> {
    let Failovers { kills, freezes, partitions } = failovers;
    let most = kills.max(freezes).max(partitions);
    let turns = (0..most).flat_map(|turn| {
        [(Fault::Killed, kills), (Fault::Frozen, freezes), (Fault::CutOff, partitions)]
            .map(|(fault, of)| (fault, turn < of))
    });
    turns.filter_map(|(fault, happens)| happens.then_some(fault)).collect()
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
async fn release(sides: &[Side], released: &AtomicUsize) {
    let mut due = tokio::time::interval(Duration::from_secs(2) / WEBHOOKS_A_SECOND);
    loop {
        due.tick().await;
        sides.iter().for_each(|side| side.sender.release(1));
        released.fetch_add(sides.len(), Ordering::SeqCst);
    }
}

async fn make_trouble(
    cluster: &mut Cluster,
    sides: &[Side],
    faults: &[Fault],
    report: &mut Report,
) {
    let mut longest = Longest::default();
    for (n, fault) in faults.iter().enumerate() {
        until_calm(cluster).await;
        let name = format!(
            "{}. the primary is {}",
            n + 1,
            match fault {
                Fault::Killed => "killed",
                Fault::Frozen => "frozen",
                Fault::CutOff => "cut off",
            }
        );
        if !strike(cluster, sides, *fault, &name, &mut longest, report).await {
            return;
        }
    }
    longest.tell(report);
}

/// Waits until the pending webhooks are applied.
async fn until_calm(cluster: &Cluster) {
    tokio::time::sleep(CALM).await;
    let (primary, begin) = cluster.primary_but(None).await.expect("a primary");
    let mut connection = cluster.connect(primary, "shop").await.unwrap();
    // Some webhooks are always in flight.
    while waiting(&mut connection).await.is_none_or(|waiting| waiting > 100)
        && begin.elapsed() < PATIENCE / 2
    {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Applies a fault to the primary, and checks the results. Returns whether the cluster is whole in the end.
async fn strike(
    cluster: &mut Cluster,
    sides: &[Side],
    fault: Fault,
    name: &str,
    longest: &mut Longest,
    report: &mut Report,
) -> bool {
    let (victim, _) = cluster.primary_but(None).await.expect("a primary");
    let asked_before: Vec<usize> = sides.iter().map(|side| side.known.asked()).collect();
    let struck_at = Instant::now();
    let held = match fault {
        Fault::Killed => {
            cluster.kill(victim);
            Vec::new()
        }
        Fault::Frozen => cluster.freeze(victim),
        Fault::CutOff => {
            cluster.cut_off(victim);
            Vec::new()
        }
    };
    let Some((primary, since)) = cluster.primary_but(Some(victim)).await else {
        end_fault(cluster, fault, victim, held);
        report.broken.push(format!("{name}: no other one became the primary within {PATIENCE:?}"));
        return false;
    };
    let connection = cluster.connect(primary, "shop").await.unwrap();
    let rejoin = async {
        tokio::time::sleep_until(
            if fault == Fault::Killed {
                since + DEAD
            } else {
                (struck_at + AWAY).max(since + DEAD)
            }
            .into(),
        )
        .await;
        end_fault(cluster, fault, victim, held);
        let mended_at = Instant::now();
        (cluster.becomes_whole(primary).await, mended_at.elapsed())
    };
    let (again, (is_whole, rejoined)) =
        tokio::join!(Again::watch(connection, sides, since), rejoin);
    let is_healthy = sides[0].is_healthy().await && sides[1].is_healthy().await;

    let failed: Vec<usize> = sides.iter().map(|side| side.known.since(struck_at).len()).collect();
    let asked: Vec<usize> =
        sides.iter().zip(asked_before).map(|(side, before)| side.known.asked() - before).collect();
    let refused = sides.iter().map(|side| side.others.since(struck_at).len()).sum::<usize>();
    let last_refused = sides
        .iter()
        .flat_map(|side| side.others.since(since))
        .map(|at| at - since)
        .max()
        .unwrap_or_default();
    let [elected, rejoined] = [since - struck_at, rejoined].map(|took| took.as_secs_f64());
    report.figure(
        name,
        format!(
            "another one after {elected:.1} s; {again}; the last of others was refused after {:.2} s ({refused} in all); \
            of {asked:?} lookups of known people {failed:?} failed; the old one was back {rejoined:.1} s after it could",
            last_refused.as_secs_f64()
        ),
    );
    if failed.iter().sum::<usize>() > 0 {
        let statuses: Vec<String> =
            sides.iter().map(|side| side.known.describe(struck_at)).collect();
        report
            .broken
            .push(format!("{name}: lookups of known people failed on the replicas: {statuses:?}"));
    }
    if !again.is_all() {
        report.broken.push(format!("{name}: not everything went on again: {again}"));
    }
    if !is_whole || !is_healthy {
        report.broken.push(format!("{name}: afterwards the cluster is whole: {is_whole}, and both replicas call themselves well: {is_healthy}"));
    }
    longest.note(since - struck_at, &again, last_refused);
    is_whole
}

/// Ends a fault.
fn end_fault(cluster: &mut Cluster, fault: Fault, victim: usize, held: Vec<Held>) {
    drop(held);
    match fault {
        Fault::Killed => cluster.start_again(victim),
        Fault::Frozen => {}
        Fault::CutOff => cluster.heal(victim),
    }
}

/// Checks that no webhook is lost or doubled, and all answers are the newest.
async fn check_all(
    harness: &Harness,
    cluster: &Cluster,
    sides: Vec<Side>,
    webhooks: &[Webhook],
    report: &mut Report,
) {
    let begin = Instant::now();
    while sides.iter().map(|side| side.sender.acknowledgements()).sum::<usize>() < webhooks.len()
        && begin.elapsed() < PATIENCE
    {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let (mut acknowledged, mut replicas) = (Vec::new(), Vec::new());
    for (n, side) in sides.into_iter().enumerate() {
        let Side { mut replica, sender, known, others, loads: [load_of_known, load_of_others] } =
            side;
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

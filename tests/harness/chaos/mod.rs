//! Everything at once: replicas are killed, frozen and get wrong clocks; connections are lost, silent, slow and cut;
//! Postgres crashes, stops, hangs, is read-only and full; a source hangs, throttles and sends false data; webhooks are
//! duplicated, out of order and forged. Lookups and webhooks continue all the time. In the end every acknowledged
//! webhook is applied once. No answer was ever wrong, from another brand, or late. Within a minute of the last fault of
//! each round, everything has recovered.

mod fault_phase;
mod final_checks;
mod lookup_load;
mod replicas;
mod rounds;
pub mod schedule;
pub mod setup;
mod webhook_forger;

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use hookpoint::clock::Clock;
use hookpoint::customer::model::source::Source;
use hookpoint::demo::simulators::{ObjectKind, Simulators};
use hookpoint::demo::webhook_signer::Secrets;
use hookpoint::storage::brands::get_or_insert_brand;

use self::rounds::{go_through, reconcile, reconcile_repeatedly, wait_until};
use self::setup::{demo, mount, start};
use super::cluster::scratch;
use super::process::Process;
use super::replica::ReplicaSettings;
use super::report::Report;
use super::rng::Rng;
use super::settings::TestSettings;
use super::sync_runs::backfill::BackgroundChanges;
use super::sync_runs::{contact, data, environment, generous};
use super::webhook_checks::waiting;
use super::webhooks::sender::Sender;
use super::webhooks::sequence::WebhookSequence;
use super::webhooks::{Webhook, signing};
use super::{Harness, changes, inbox};
use fault_phase::FaultTargets;
use lookup_load::{CHANGING, DEADLINE, LookupLoad, SOURCE_ONLY, UNCHANGING};
use replicas::Member;
use schedule::{Round, draw};
use webhook_forger::WebhookForger;

/// The time limit for recovery after the last fault of a round.
const HEALED: Duration = Duration::from_secs(60);

/// Webhooks per second.
const WEBHOOKS_A_SECOND: u32 = 30;

const VERSIONS_A_SECOND: u32 = 10;

const CONTACTS: usize = 300;

/// The length of a run. Its faults follow from its seed.
#[derive(Clone, Copy)]
pub struct Chaos {
    pub rounds: usize,
    pub round: Round,
    pub seed: u64,
    /// Whether the test may mount a disk of its own, which it can fill.
    pub has_mounts: bool,
    /// Prints progress.
    pub print_progress: fn(String),
}

/// The webhooks, and how many were released.
struct Flow {
    people: Sender,
    versions: Sender,
    people_released: AtomicUsize,
    versions_released: AtomicUsize,
}

impl Flow {
    fn is_acknowledged(&self, but: usize) -> bool {
        let missing = |sender: &Sender, released: &AtomicUsize| {
            released.load(Ordering::SeqCst).saturating_sub(sender.acknowledgements())
        };
        missing(&self.people, &self.people_released)
            + missing(&self.versions, &self.versions_released)
            <= but
    }

    /// Releases webhooks at their rates, without end.
    async fn release(&self, forger: &WebhookForger, lookup_load: &LookupLoad) {
        let mut due = tokio::time::interval(Duration::from_secs(1) / WEBHOOKS_A_SECOND);
        due.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Burst);
        for n in 1_u32.. {
            due.tick().await;
            if self.people_released.load(Ordering::SeqCst) < self.people.of() {
                self.people.release(1);
                forger
                    .sent
                    .store(self.people_released.fetch_add(1, Ordering::SeqCst), Ordering::SeqCst);
            }
            if n.is_multiple_of(WEBHOOKS_A_SECOND / VERSIONS_A_SECOND)
                && self.versions_released.load(Ordering::SeqCst) < self.versions.of()
            {
                let released = self.versions_released.fetch_add(1, Ordering::SeqCst);
                lookup_load
                    .versions
                    .store(released.saturating_sub(UNCHANGING) / CHANGING + 1, Ordering::SeqCst);
                self.versions.release(1);
            }
        }
    }
}

/// The numbers in a slightly random order, one in twelve of them twice.
fn disorder(of: usize, rng: &mut Rng) -> Vec<usize> {
    let mut order = Vec::new();
    let all: Vec<usize> = (0..of).collect();
    for some in all.chunks(120) {
        let twice: Vec<usize> = (0..some.len() / 12).map(|_| *rng.pick(some)).collect();
        order.extend(rng.shuffled([some, &twice].concat()));
    }
    order
}

pub async fn run(chaos: Chaos) -> Report {
    let mut report = Report::default();
    let directory = scratch().join(format!("hookpoint-chaos-{}", std::process::id()));
    let (disk, files) = (directory.join("disk"), directory.join("files"));
    std::fs::create_dir_all(&disk).unwrap();
    if chaos.has_mounts {
        mount(&disk);
    }
    let mut harness = Harness::start_in(disk.join("data"), files).await;
    let disk = chaos.has_mounts.then_some(disk);
    let secrets = Secrets::known();
    let data = data(CONTACTS);
    let mut simulators =
        Simulators::start(Arc::clone(&data), &secrets, generous(), Clock::system()).unwrap();
    let shop = harness.shop_of("chaos", inbox::BRAND).await;
    let support_id = get_or_insert_brand(&shop.database.pool, "support").await.unwrap().brand_id;
    let demo_id = get_or_insert_brand(&shop.database.pool, "demo").await.unwrap().brand_id;
    shop.open_brand_with(support_id, "support").await;
    shop.open_brand_with(demo_id, "demo").await;
    let url = shop.url.clone();
    let reconcile_directory = harness.directory("reconcile");
    let members = [
        start(&harness, 0, &simulators, &secrets).await,
        start(&harness, 1, &simulators, &secrets).await,
    ];
    simulators.send_webhooks_to(format!("http://{}", members[0].record.address)).unwrap();

    let (records, mut rng) =
        (members.each_ref().map(|member| Arc::clone(&member.record)), Rng(chaos.seed));
    let addresses: Vec<_> = records.iter().map(|record| record.address).collect();
    let seconds = chaos.rounds * chaos.round.lasts.as_secs() as usize;
    let people: Arc<Vec<Webhook>> =
        Arc::new(WebhookSequence::of(chaos.seed, seconds * WEBHOOKS_A_SECOND as usize).collect());
    let order = Arc::new(disorder(people.len(), &mut rng));
    let unchanging = (0..UNCHANGING + CHANGING).map(|person| changes::webhook(person, 0));
    let changing = (0..seconds * VERSIONS_A_SECOND as usize)
        .map(|n| changes::webhook(UNCHANGING + n % CHANGING, (n / CHANGING) as u64 + 1));
    let versions: Arc<Vec<Webhook>> = Arc::new(unchanging.chain(changing).collect());
    let flow = Flow {
        people: Sender::start_in_order(
            "shop",
            Arc::clone(&people),
            order.to_vec(),
            addresses.clone(),
            32,
        ),
        versions: Sender::start_in_order(
            "support",
            Arc::clone(&versions),
            (0..versions.len()).collect(),
            addresses.clone(),
            16,
        ),
        people_released: AtomicUsize::new(0),
        versions_released: AtomicUsize::new(UNCHANGING + CHANGING),
    };
    flow.versions.release(UNCHANGING + CHANGING);
    while !flow.is_acknowledged(0) || waiting(&shop.database.pool).await > 0 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    shop.database.close().await;

    let (lookup_load, forger) = (LookupLoad::default(), WebhookForger::default());
    records.iter().enumerate().for_each(|(n, record)| lookup_load.start(n, record));
    forger.start("shop", Arc::clone(&people), Arc::clone(&order), addresses.clone(), chaos.seed);
    let mut targets = FaultTargets::new(&mut harness, members, &simulators, disk.clone());
    let mut background_changes =
        BackgroundChanges { rng: Rng(chaos.seed), created: 0, contacts: CONTACTS, version: 0 };
    let mut calm = Vec::new();
    {
        let reconciles = reconcile_repeatedly(&reconcile_directory, &url, &simulators, &secrets);
        let changing_contacts = async {
            for second in 0.. {
                tokio::time::sleep(Duration::from_secs(1)).await;
                // The last webhooks must be sent before the run ends.
                if second < seconds.saturating_sub(HEALED.as_secs() as usize).max(seconds / 2) {
                    background_changes.step(&data);
                    data.put(ObjectKind::Contact, contact(SOURCE_ONLY + second, 0, data.now()));
                    lookup_load.source_only.store(second + 1, Ordering::SeqCst);
                }
            }
        };
        tokio::select! {
            () = flow.release(&forger, &lookup_load) => unreachable!("it goes on for ever"),
            () = changing_contacts => unreachable!("it goes on for ever"),
            () = reconciles => unreachable!("it goes on for ever"),
            () = go_through(&mut targets, chaos, &flow, &url, &mut calm, &mut report) => {}
        }
    }
    forger.end(&mut report);
    report.figure("acknowledged when the last round was over", flow.is_acknowledged(100));
    final_checks::check_all(
        targets,
        &url,
        &secrets,
        (flow, &people, &order, &versions),
        (&lookup_load, &calm),
        &mut report,
    )
    .await;
    lookup_load.end();
    final_checks::check_logs_for_personal_data(&directory, &mut report);
    if !report.broken.is_empty() || !report.late.is_empty() {
        final_checks::keep_logs(&directory, chaos, &mut report);
    }
    simulators.stop().await;
    harness.stop().await;
    if let Some(disk) = disk {
        let _ = Command::new("umount").arg(disk).status();
    }
    let _ = std::fs::remove_dir_all(&directory);
    report
}

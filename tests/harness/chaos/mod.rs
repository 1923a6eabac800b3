//! Everything at once: replicas are killed, frozen and get wrong clocks; connections are lost, silent, slow and cut;
//! Postgres crashes, stops, hangs, is read-only and full; a source hangs, throttles and sends false data; webhooks are
//! duplicated, out of order and forged. Lookups and webhooks continue all the time. In the end every acknowledged
//! webhook is applied once. No answer was ever wrong, from another brand, or late. Within a minute of the last fault of
//! each round, everything has recovered.

mod asking;
mod fault_phase;
mod final_checks;
mod forger;
mod replicas;
pub mod schedule;

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use hookpoint::clock::Clock;
use hookpoint::customer::model::source::Source;
use hookpoint::demo::systems::{ObjectKind, Systems};
use hookpoint::demo::webhook_signer::Secrets;
use hookpoint::storage::brands::get_or_insert_brand;

use super::collecting::{Life, contact, environment, generous, world};
use super::outcome::waiting;
use super::process::Process;
use super::replica::Plan;
use super::report::Report;
use super::rng::Dice;
use super::settings::TestSettings;
use super::webhooks::sender::Sender;
use super::webhooks::story::Story;
use super::webhooks::{Webhook, signing};
use super::{Harness, changes, inbox, parent};
use asking::{DEADLINE, LookupLoad, MOVING, STILL, STRANGERS};
use fault_phase::FaultTargets;
use forger::WebhookForger;
use replicas::Member;
use schedule::{Round, draw};

/// The time limit for recovery after the last fault of a round.
const HEALED: Duration = Duration::from_secs(60);

/// Webhooks per second.
const STORY_A_SECOND: u32 = 30;
const VERSIONS_A_SECOND: u32 = 10;
const CONTACTS: usize = 300;

/// The size of the disk that the test fills.
const DISK: &str = "size=4g";

/// The length of a run. Its faults follow from its seed.
#[derive(Clone, Copy)]
pub struct Chaos {
    pub rounds: usize,
    pub round: Round,
    pub seed: u64,
    /// Whether the test may mount a disk of its own, which it can fill.
    pub has_mounts: bool,
    /// Prints progress.
    pub tell: fn(String),
}

/// A brand whose people come from webhooks of one system's contacts.
fn desk() -> String {
    "[brands.desk]\ncustom_fields = [{ name = \"brand\", value = \"desk\" }, { name = \"version\", value = \"{{ omniotap.job_title }}\" }]\n"
        .to_owned()
}

/// A brand whose source is called through its API.
fn demo(systems: &Systems) -> String {
    format!(
        "[brands.demo]
custom_fields = [{{ name = \"brand\", value = \"demo\" }}, {{ name = \"company\", value = \"{{{{ omniotap.company }}}}\" }}]
[brands.demo.sources.omniotap.webhook]
verification = \"signature\"
secrets = [{{ env = \"OMNIOTAP_SECRET\" }}]
[brands.demo.sources.omniotap.api]
base_url = \"{}\"
key = [{{ env = \"OMNIOTAP_API\" }}]
calls_per_minute = 60000
page_size = 100
[brands.demo.sources.omniotap.api.live]
when = \"unknown\"
negative_ttl_seconds = 1
",
        systems.base_url(Source::OmnioTap)
    )
}

/// The webhooks, and how many were released.
struct Flow {
    story: Sender,
    versions: Sender,
    story_released: AtomicUsize,
    versions_released: AtomicUsize,
}

impl Flow {
    fn is_acknowledged(&self, but: usize) -> bool {
        let missing = |sender: &Sender, released: &AtomicUsize| {
            released.load(Ordering::SeqCst).saturating_sub(sender.acknowledgements())
        };
        missing(&self.story, &self.story_released)
            + missing(&self.versions, &self.versions_released)
            <= but
    }

    /// Releases webhooks at their rates, without end.
    async fn release(&self, forger: &WebhookForger, asked: &LookupLoad) {
        let mut due = tokio::time::interval(Duration::from_secs(1) / STORY_A_SECOND);
        due.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Burst);
        for n in 1_u32.. {
            due.tick().await;
            if self.story_released.load(Ordering::SeqCst) < self.story.of() {
                self.story.release(1);
                forger
                    .sent
                    .store(self.story_released.fetch_add(1, Ordering::SeqCst), Ordering::SeqCst);
            }
            if n.is_multiple_of(STORY_A_SECOND / VERSIONS_A_SECOND)
                && self.versions_released.load(Ordering::SeqCst) < self.versions.of()
            {
                let released = self.versions_released.fetch_add(1, Ordering::SeqCst);
                asked.versions.store(released.saturating_sub(STILL) / MOVING + 1, Ordering::SeqCst);
                self.versions.release(1);
            }
        }
    }
}

/// The numbers in a slightly random order, one in twelve of them twice.
fn disorder(of: usize, rng: &mut Dice) -> Vec<usize> {
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
    let directory = parent().join(format!("hookpoint-chaos-{}", std::process::id()));
    let (disk, files) = (directory.join("disk"), directory.join("files"));
    std::fs::create_dir_all(&disk).unwrap();
    if chaos.has_mounts {
        mount(&disk);
    }
    let mut harness = Harness::start_in(disk.join("data"), files, true).await;
    let disk = chaos.has_mounts.then_some(disk);
    let secrets = Secrets::known();
    let world = world(CONTACTS);
    let mut systems =
        Systems::start(Arc::clone(&world), &secrets, generous(), Clock::system()).unwrap();
    let shop = harness.shop_of("chaos", inbox::BRAND).await;
    let desk_id = get_or_insert_brand(&shop.database.pool, "desk").await.unwrap().brand_id;
    let demo_id = get_or_insert_brand(&shop.database.pool, "demo").await.unwrap().brand_id;
    shop.open_brand_with(desk_id, "desk").await;
    shop.open_brand_with(demo_id, "demo").await;
    let url = shop.url.clone();
    let walks_in = harness.directory("walk");
    let members = [
        start(&harness, 0, &systems, &secrets).await,
        start(&harness, 1, &systems, &secrets).await,
    ];
    systems.send_webhooks_to(format!("http://{}", members[0].record.address)).unwrap();

    let (records, mut rng) =
        (members.each_ref().map(|member| Arc::clone(&member.record)), Dice(chaos.seed));
    let addresses: Vec<_> = records.iter().map(|record| record.address).collect();
    let seconds = chaos.rounds * chaos.round.lasts.as_secs() as usize;
    let story: Arc<Vec<Webhook>> =
        Arc::new(Story::of(chaos.seed, seconds * STORY_A_SECOND as usize).collect());
    let order = Arc::new(disorder(story.len(), &mut rng));
    let still = (0..STILL + MOVING).map(|person| changes::webhook(person, 0));
    let moving = (0..seconds * VERSIONS_A_SECOND as usize)
        .map(|n| changes::webhook(STILL + n % MOVING, (n / MOVING) as u64 + 1));
    let versions: Arc<Vec<Webhook>> = Arc::new(still.chain(moving).collect());
    let flow = Flow {
        story: Sender::start_in_order(
            "shop",
            Arc::clone(&story),
            order.to_vec(),
            addresses.clone(),
            32,
        ),
        versions: Sender::start_in_order(
            "desk",
            Arc::clone(&versions),
            (0..versions.len()).collect(),
            addresses.clone(),
            16,
        ),
        story_released: AtomicUsize::new(0),
        versions_released: AtomicUsize::new(STILL + MOVING),
    };
    flow.versions.release(STILL + MOVING);
    while !flow.is_acknowledged(0) || waiting(&shop.database.pool).await > 0 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    shop.database.close().await;

    let (asked, forger) = (LookupLoad::default(), WebhookForger::default());
    records.iter().enumerate().for_each(|(n, record)| asked.start(n, record));
    forger.start("shop", Arc::clone(&story), Arc::clone(&order), addresses.clone(), chaos.seed);
    let mut field = FaultTargets::new(&mut harness, members, &systems, disk.clone());
    let mut life = Life { rng: Dice(chaos.seed), born: 0, contacts: CONTACTS, version: 0 };
    let mut calm = Vec::new();
    {
        let walks = walk_again_and_again(&walks_in, &url, &systems, &secrets);
        let living = async {
            for second in 0.. {
                tokio::time::sleep(Duration::from_secs(1)).await;
                // The last webhooks must be sent before the run ends.
                if second < seconds.saturating_sub(HEALED.as_secs() as usize).max(seconds / 2) {
                    life.step(&world);
                    world.put(ObjectKind::Contact, contact(STRANGERS + second, 0, world.now()));
                    asked.strangers.store(second + 1, Ordering::SeqCst);
                }
            }
        };
        tokio::select! {
            () = flow.release(&forger, &asked) => unreachable!("it goes on for ever"),
            () = living => unreachable!("it goes on for ever"),
            () = walks => unreachable!("it goes on for ever"),
            () = go_through(&mut field, chaos, &flow, &url, &mut calm, &mut report) => {}
        }
    }
    forger.end(&mut report);
    report.figure("acknowledged when the last round was over", flow.is_acknowledged(100));
    final_checks::check_all(
        field,
        &url,
        &secrets,
        (flow, &story, &order, &versions),
        (&asked, &calm),
        &mut report,
    )
    .await;
    asked.end();
    final_checks::check_logs_for_personal_data(&directory, &mut report);
    if !report.broken.is_empty() || !report.late.is_empty() {
        final_checks::keep_logs(&directory, chaos, &mut report);
    }
    systems.stop().await;
    harness.stop().await;
    if let Some(disk) = disk {
        let _ = Command::new("umount").arg(disk).status();
    }
    let _ = std::fs::remove_dir_all(&directory);
    report
}

/// Mounts a disk of its own, in memory, on a directory.
fn mount(directory: &Path) {
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", DISK, "tmpfs"])
        .arg(directory)
        .status()
        .unwrap();
    assert!(mounted.success(), "no disk of our own can be mounted");
}

async fn start(harness: &Harness, n: usize, systems: &Systems, secrets: &Secrets) -> Member {
    let name = format!("chaos-{n}");
    let tables = [
        inbox::BRAND,
        &desk(),
        &demo(systems),
        &signing::settings("shop"),
        &signing::settings("desk"),
    ]
    .concat();
    let mut environment = environment(secrets);
    environment.extend(signing::secrets());
    environment.extend(wrong_times(&replicas::clock_of(harness, &name)));
    let plan = Plan::of(TestSettings::parse(&tables))
        .lookup_deadline(DEADLINE)
        .with(|file| file.sync.lease_seconds = 5);
    let plan = Plan { environment, ..plan };
    let other = plan.settings.clone().custom_field("company", "Company: {{ omniotap.company }}");
    Member::start(harness, &name, plan, other, "chaos").await
}

/// The environment that makes a program read its clock's error from a file, if libfaketime is installed.
fn wrong_times(clock: &Path) -> Vec<(String, String)> {
    let Some(library) = faketime() else { return Vec::new() };
    let of = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    vec![
        of("LD_PRELOAD", library),
        of("FAKETIME_TIMESTAMP_FILE", &clock.display().to_string()),
        of("FAKETIME_CACHE_DURATION", "1"),
        of("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
    ]
}

/// The library that gives programs a wrong clock.
pub fn faketime() -> Option<&'static str> {
    [
        "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
        "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
    ]
    .into_iter()
    .find(|library| Path::new(library).exists())
}

/// Compares everything with the source repeatedly, as the nightly reconcile does.
async fn walk_again_and_again(directory: &Path, url: &str, systems: &Systems, secrets: &Secrets) {
    loop {
        tokio::time::sleep(Duration::from_secs(40)).await;
        scan(directory, url, systems, secrets).await;
    }
}

/// Returns whether the comparison was complete.
async fn scan(directory: &Path, url: &str, systems: &Systems, secrets: &Secrets) -> bool {
    let settings = directory.join("walk.toml");
    std::fs::write(&settings, demo(systems)).unwrap();
    let log = std::fs::File::create(directory.join("walk.log")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_hookpoint"));
    command.arg("--settings").arg(settings).args(["sync", "run", "--source", "omniotap"]);
    command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
    command.env("DATABASE_URL", url).envs(environment(secrets));
    let (mut process, begin) = (Process::start(&mut command), Instant::now());
    while begin.elapsed() < HEALED {
        if let Some(status) = process.ended() {
            return status.success();
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    false
}

/// Runs all faults.
async fn go_through(
    field: &mut FaultTargets<'_>,
    chaos: Chaos,
    flow: &Flow,
    url: &str,
    calm: &mut Vec<(Instant, Instant)>,
    report: &mut Report,
) {
    let rounds = draw(chaos.seed, chaos.rounds, chaos.round, field.disk.is_some());
    let faults = rounds.iter().flatten().filter(|event| event.begins).count();
    report.figure("faults", format!("{faults} in {} rounds", chaos.rounds));
    let mut longest = Duration::ZERO;
    for (n, events) in rounds.into_iter().enumerate() {
        let begin = Instant::now();
        (chaos.tell)(format!("  round {n}"));
        for event in events {
            wait_until(field, begin + event.at, report).await;
            let what = if event.begins { "begins" } else { "ends" };
            (chaos.tell)(format!("    {:5.1} s: {} {what}", event.at.as_secs_f64(), event.fault));
            if event.begins {
                field.begin(event.fault, report).await;
            } else {
                field.end(event.fault, report).await;
            }
        }
        wait_until(field, begin + chaos.round.fault_phase, report).await;
        let last = Instant::now();
        let mut complaint = Some(String::new());
        while complaint.is_some() && last.elapsed() < HEALED {
            wait_until(field, Instant::now() + Duration::from_millis(200), report).await;
            complaint = complaints(field, flow, url).await;
        }
        let took = last.elapsed();
        longest = longest.max(took);
        match complaint {
            Some(complaint) => report.late.push(format!(
                "round {n}: not recovered {HEALED:?} after its last fault: {complaint}"
            )),
            None => (chaos.tell)(format!(
                "    recovered {:.1} s after the last fault",
                took.as_secs_f64()
            )),
        }
        let from = Instant::now();
        wait_until(field, begin + chaos.round.lasts, report).await;
        calm.push((from, Instant::now()));
    }
    report.figure(
        "longest recovery after the last fault of a round",
        format!("{:.1} s", longest.as_secs_f64()),
    );
}

/// Waits, and restarts replicas that ended.
async fn wait_until(field: &mut FaultTargets<'_>, until: Instant, report: &mut Report) {
    loop {
        field.watch(report);
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        tokio::time::sleep(left.min(Duration::from_millis(100))).await;
    }
}

/// The first sign that the service has not recovered, if there is one.
async fn complaints(field: &FaultTargets<'_>, flow: &Flow, url: &str) -> Option<String> {
    for member in &field.members {
        if let Some(complaint) = member.complaint().await {
            return Some(complaint);
        }
        if !asking::answers_about_nobody(&member.record, 0).await {
            return Some("lookups do not reach Postgres".to_owned());
        }
    }
    // Some webhooks are always in flight.
    if !flow.is_acknowledged(60) {
        return Some("webhooks are not acknowledged".to_owned());
    }
    let waiting = async {
        use sqlx::Connection;
        let mut connection = sqlx::postgres::PgConnection::connect(url).await.ok()?;
        super::recovery::waiting(&mut connection).await
    };
    match waiting.await {
        Some(0..100) => None,
        waiting => Some(format!("{waiting:?} webhooks wait to be applied")),
    }
}

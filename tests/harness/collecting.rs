//! Checks that all data of a source is stored in the end: a backfill while replicas are killed repeatedly and webhooks
//! arrive, lost webhooks, and a rate limit that two replicas share.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hookpoint::clock::Clock;
use hookpoint::customer::model::field_versions::FieldVersions;
use hookpoint::customer::model::record::{Change, RecordKey};
use hookpoint::customer::model::source::{Source, SourceKind};
use hookpoint::demo::systems::{ObjectKind, SystemOptions, Systems, World};
use hookpoint::demo::webhook_signer::Secrets;
use hookpoint::sources::SourceSettings;
use hookpoint::sources::api::{ApiConnector, Reply};
use hookpoint::storage::pool::Pool;
use hookpoint::storage::records::list_records_after;
use hookpoint::storage::sync_streams::{StreamRow, list_streams};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::client::{Answer, Load, RequestGenerator};
use super::lookups::{LookupTarget, Lookups};
use super::replica::{Plan, Replica};
use super::report::Report;
use super::rng::Dice;
use super::settings::TestSettings;
use super::{Harness, Shop};

/// The size of the scenario.
#[derive(Clone, Copy)]
pub struct Collection {
    pub contacts: usize,
    /// Replicas killed during the scan.
    pub kills: usize,
    /// Changes during the scan.
    pub changes: usize,
    /// Changes after the scan. One in twenty of their webhooks is lost.
    pub later_changes: usize,
    pub seed: u64,
}

impl Collection {
    /// Small, for a quick check.
    pub const SHORT: Self =
        Self { contacts: 1_500, kills: 2, changes: 150, later_changes: 200, seed: 7 };

    /// The size for which the results are promised.
    pub const FULL: Self =
        Self { contacts: 100_000, kills: 5, changes: 5_000, later_changes: 5_000, seed: 7 };
}

/// The timeout of every wait.
const PATIENCE: Duration = Duration::from_secs(600);

const BRAND: &str = "demo";

/// Settings of a brand whose CRM has an API.
fn brand(systems: &Systems, calls_per_minute: u32, live: &str) -> String {
    format!(
        "[brands.{BRAND}]
custom_fields = [{{ name = \"company\", value = \"{{{{ omniotap.company }}}}\" }}]
[brands.{BRAND}.sources.omniotap.webhook]
verification = \"signature\"
secrets = [{{ env = \"OMNIOTAP_SECRET\" }}]
[brands.{BRAND}.sources.omniotap.api]
base_url = \"{}\"
key = [{{ env = \"OMNIOTAP_API\" }}]
calls_per_minute = {calls_per_minute}
page_size = 100
[brands.{BRAND}.sources.omniotap.api.live]
when = \"{live}\"
",
        systems.base_url(Source::OmnioTap)
    )
}

pub fn environment(secrets: &Secrets) -> Vec<(String, String)> {
    vec![
        ("OMNIOTAP_SECRET".to_owned(), "demo-secret-omniotap".to_owned()),
        ("OMNIOTAP_API".to_owned(), secrets.of_api(Source::OmnioTap)),
    ]
}

/// A replica with this brand.
fn plan(brand: &str, secrets: &Secrets) -> Plan {
    Plan { environment: environment(secrets), ..Plan::of(TestSettings::parse(brand)) }
}

/// A contact of the CRM.
pub fn contact(n: usize, version: usize, at: Timestamp) -> Value {
    json!({
        "id": format!("c{n}"), "firstName": format!("Ann{n}"), "lastName": "Smit", "email": format!("p{n}@example.org"),
        "phone": format!("+316{:08}", 10_000_000 + n), "company": format!("Company {version}"),
        "createdAt": "2024-03-01T09:00:00.000Z", "updatedAt": at.to_string()
    })
}

/// A world with this many contacts, created long ago.
pub fn world(contacts: usize) -> Arc<World> {
    let world = Arc::new(World::new(Clock::system()));
    let at: Timestamp = "2025-01-01T09:00:00Z".parse().unwrap();
    for n in 0..contacts {
        world.put(ObjectKind::Contact, contact(n, 0, at));
    }
    world
}

/// A rate limit that is never reached.
pub fn generous() -> SystemOptions {
    SystemOptions { calls: 1_000_000, window_seconds: 60, ..SystemOptions::default() }
}

/// Changes, creates and removes contacts, with a webhook for each.
pub struct Life {
    pub rng: Dice,
    pub born: usize,
    pub contacts: usize,
    pub version: usize,
}

impl Life {
    pub fn step(&mut self, world: &World) {
        self.version += 1;
        let (n, version, now) = (self.rng.roll(self.contacts), self.version, world.now());
        match self.rng.roll(10) {
            0 => world.delete(ObjectKind::Contact, &format!("c{n}")),
            1 | 2 => {
                world
                    .change(ObjectKind::Contact, &contact(self.contacts + self.born, version, now));
                self.born += 1;
            }
            _ if world.get(ObjectKind::Contact, &format!("c{n}")).is_some() => {
                world.change(ObjectKind::Contact, &contact(n, version, now));
            }
            _ => {}
        }
    }
}

async fn stream_of(pool: &Pool, brand_id: i32) -> Option<StreamRow> {
    list_streams(pool, brand_id).await.unwrap().into_iter().find(|row| row.stream == "contacts")
}

/// Waits until a run that began after `since` has read all contacts.
async fn wait_until_complete(pool: &Pool, brand_id: i32) -> bool {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        if stream_of(pool, brand_id)
            .await
            .is_some_and(|row| row.last_full_started_at.is_some() && row.finished_at.is_some())
        {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    false
}

async fn wait_until_applied(systems: &Systems, pool: &Pool) {
    systems.webhooks_settled().await;
    super::outcome::wait_until_applied(pool).await;
}

/// The differences between the contacts of the source and the stored ones.
pub async fn differences(world: &World, shop: &Shop) -> Vec<String> {
    let sources = SourceSettings::default();
    let api: &dyn ApiConnector = sources.api(Source::OmnioTap);
    let ask = api.first("contacts", None).unwrap();
    let received_at = Clock::system().now();
    let heard = api
        .read(
            &ask,
            &Reply {
                body: json!({"data": world.all(ObjectKind::Contact)}),
                is_missing: false,
                received_at,
            },
        )
        .unwrap();
    let mut expected: BTreeMap<RecordKey, FieldVersions> = BTreeMap::new();
    for change in heard.changes {
        if let Change::Record { key, update } = change {
            expected.insert(key, FieldVersions::from(update));
        }
    }
    let mut db = shop.database.pool.acquire().await.unwrap();
    let kind = SourceKind::OmnioTapContact;
    let known = list_records_after(&mut db, shop.brand.id(), kind, "", i64::MAX).await.unwrap();
    let mut differences = Vec::new();
    let mut known: BTreeMap<RecordKey, FieldVersions> =
        known.into_iter().map(|record| (record.key, record.versions)).collect();
    for (key, expected) in expected {
        match known.remove(&key) {
            Some(known) if known.has_same_values_as(&expected) => {}
            Some(_) => differences.push(format!("{} is another one here", key.id)),
            None => differences.push(format!("{} is not here", key.id)),
        }
    }
    differences.extend(known.into_keys().map(|key| format!("{} is here only", key.id)));
    differences
}

fn expect_same(report: &mut Report, what: &str, differences: &[String]) {
    if !differences.is_empty() {
        let shown: Vec<&str> = differences.iter().take(5).map(String::as_str).collect();
        report.broken.push(format!(
            "{what}: {} contacts differ: {}",
            differences.len(),
            shown.join(", ")
        ));
    }
}

/// A backfill with killed replicas while webhooks arrive. Then some webhooks are lost, and a reconcile finds and
/// repairs the differences.
pub async fn backfill(harness: &Harness, collection: Collection) -> Report {
    let mut report = Report::default();
    let secrets = Secrets::known();
    let world = world(collection.contacts);
    let mut systems =
        Systems::start(Arc::clone(&world), &secrets, generous(), Clock::system()).unwrap();
    let tables = brand(&systems, 60_000, "off");
    let shop = harness.shop_of("collecting", &tables).await;
    let plan = plan(&tables, &secrets)
        .with(|file| (file.sync.lease_seconds, file.inbox.lease_seconds) = (5, 5));
    let begin = Instant::now();
    let mut replicas = Vec::new();
    for n in 0..2 {
        let replica = Replica::start(harness, &format!("collecting-{n}"), &plan, &shop.url).await;
        replicas.push((plan.clone().at(replica.address), replica));
    }
    systems.send_webhooks_to(format!("http://{}", replicas[0].1.address)).unwrap();
    let mut life =
        Life { rng: Dice(collection.seed), born: 0, contacts: collection.contacts, version: 0 };
    let mut in_the_middle = 0;
    for kill in 0..=collection.kills {
        let share = collection.contacts * kill / (collection.kills + 1);
        let deadline = Instant::now() + PATIENCE;
        // The scan must have progressed enough for a kill to matter. Do not wait for a run that is over.
        let scanned = async || {
            stream_of(&shop.database.pool, shop.brand.id())
                .await
                .map_or((0, false), |row| (row.scanned as usize, row.finished_at.is_some()))
        };
        while let (so_far, false) = scanned().await
            && so_far < share
            && Instant::now() < deadline
        {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        (0..collection.changes / (collection.kills + 1)).for_each(|_| life.step(&world));
        if kill < collection.kills {
            let (so_far, is_over) = scanned().await;
            in_the_middle += usize::from(!is_over && so_far < collection.contacts);
            for (n, (plan, replica)) in replicas.iter_mut().enumerate() {
                replica.process.kill();
                *replica =
                    Replica::start(harness, &format!("collecting-{n}"), plan, &shop.url).await;
            }
        }
    }
    if !wait_until_complete(&shop.database.pool, shop.brand.id()).await {
        report.broken.push("the backfill did not end".to_owned());
    }
    let took = begin.elapsed();
    wait_until_applied(&systems, &shop.database.pool).await;
    report.figure(
        "contacts, changes meanwhile",
        format!(
            "{}, {}",
            collection.contacts,
            collection.changes / (collection.kills + 1) * (collection.kills + 1)
        ),
    );
    report.figure(
        "kills of both replicas, of them in the middle",
        format!("{}, {in_the_middle}", collection.kills),
    );
    report.figure("until the backfill was complete", format!("{:.1} s", took.as_secs_f64()));
    report.figure("calls", systems.arrivals(Source::OmnioTap).len());
    if in_the_middle == 0 {
        report.broken.push("no kill fell into the backfill".to_owned());
    }
    let differing = differences(&world, &shop).await;
    report.figure("contacts that differ after the backfill", differing.len());
    expect_same(&mut report, "after the backfill", &differing);

    systems.lose_webhooks(Source::OmnioTap, 50);
    (0..collection.later_changes).for_each(|_| life.step(&world));
    wait_until_applied(&systems, &shop.database.pool).await;
    let lost = differences(&world, &shop).await.len();
    report.figure("contacts that differ after one webhook in twenty was lost", lost);
    let said = sync_run(harness, &plan, &shop).await;
    report.figure(
        "`hookpoint sync run`",
        said.lines().rfind(|line| line.contains("contacts")).unwrap_or(&said),
    );
    let row = stream_of(&shop.database.pool, shop.brand.id()).await.unwrap();
    let found = (row.changed + row.deleted) as usize;
    let share = f64::from(row.drift.unwrap_or_default());
    report.figure(
        "of them found by the reconcile, drift",
        format!("{found}, {:.3} %", share * 100.0),
    );
    if found != lost || lost == 0 || share <= 0.0 {
        report.broken.push(format!("{lost} differed, and the reconcile found {found}"));
    }
    expect_same(&mut report, "after the reconcile", &differences(&world, &shop).await);
    drop(replicas);
    systems.stop().await;
    shop.database.close().await;
    report
}

/// Compares everything with `hookpoint sync run`.
async fn sync_run(harness: &Harness, plan: &Plan, shop: &Shop) -> String {
    let settings = harness.directory("sync-run").join("hookpoint.toml");
    std::fs::write(&settings, plan.settings.text()).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_hookpoint"));
    command
        .arg("--settings")
        .arg(&settings)
        .args(["sync", "run", "--source", "omniotap"])
        .stdin(Stdio::null());
    command
        .env("DATABASE_URL", &shop.url)
        .envs(plan.environment.iter().map(|(name, value)| (name, value)));
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// Lookups that must all be answered, with any result.
struct Answered(Lookups);

impl RequestGenerator for Answered {
    fn ask(&mut self, n: u64, request: &mut Vec<u8>) {
        self.0.ask(n, request);
    }

    fn is_right(&mut self, _: u64, answer: &Answer<'_>) -> bool {
        answer.status == 200 && answer.body == b"[]"
    }
}

/// The granted calls with their time and priority.
async fn granted(pool: &Pool) -> Vec<(f64, i16)> {
    sqlx::query_as(
        "select extract(epoch from granted_at)::float8, priority from call_grants cross join generate_series(1, number) order by granted_at",
    )
    .fetch_all(pool)
    .await
    .unwrap()
}

/// Two replicas with more cold lookups than the rate limit allows, and a backfill: the limit is never exceeded, and
/// both get a share.
pub async fn budget(harness: &Harness, duration: Duration, per_second: u32) -> Report {
    const LIMIT: usize = 60;
    let mut report = Report::default();
    let secrets = Secrets::known();
    let world = world(20_000);
    // The vendor's own limit is very high, so only the service's limit counts here.
    let systems =
        Systems::start(Arc::clone(&world), &secrets, generous(), Clock::system()).unwrap();
    let tables = brand(&systems, LIMIT as u32, "unknown");
    let shop = harness.shop_of("budget", &tables).await;
    let plan = plan(&tables, &secrets);
    let mut replicas = Vec::new();
    for n in 0..2 {
        replicas.push(Replica::start(harness, &format!("budget-{n}"), &plan, &shop.url).await);
    }
    let loads: Vec<_> = (0..2_u64)
        .map(|n| {
            let load = Load::at_rate(replicas[n as usize].address, per_second / 2, duration)
                .over(200)
                .from(n * 10_000_000);
            load.start(Answered(Lookups::new(LookupTarget::Nobody)))
        })
        .collect();
    for (n, load) in loads.into_iter().enumerate() {
        let (figures, _) = load.wait().await;
        report.expect_right(&format!("cold lookups of replica {n}"), &figures);
    }
    let arrivals = systems.arrivals(Source::OmnioTap);
    let times: Vec<f64> =
        arrivals.iter().map(|arrival| arrival.at.as_microsecond() as f64 / 1e6).collect();
    let most = times
        .iter()
        .map(|begin| times.iter().filter(|at| (*begin..begin + 60.0).contains(*at)).count())
        .max()
        .unwrap_or_default();
    let refused = arrivals.iter().filter(|arrival| arrival.status == 429).count();
    report.figure(
        "calls that came, most of them in any 60 s, of them refused",
        format!("{}, {most}, {refused}", times.len()),
    );
    if most > LIMIT || refused > 0 {
        report.broken.push(format!("{most} calls came within 60 s, {refused} were refused"));
    }
    let granted = granted(&shop.database.pool).await;
    // Count whole minutes after the first call.
    let first = granted.first().map_or(0.0, |(at, _)| *at);
    let mut minutes = Vec::new();
    for minute in 1..(duration.as_secs() / 60) {
        let begin = first + minute as f64 * 60.0;
        let within = |class: &dyn Fn(i16) -> bool| {
            granted
                .iter()
                .filter(|(at, of)| (begin..begin + 60.0).contains(at) && class(*of))
                .count()
        };
        minutes.push((within(&|class| class == 0), within(&|class| class > 0)));
    }
    report.figure("in each further minute, calls of lookups and others", format!("{minutes:?}"));
    for (live, others) in minutes {
        if live < 40 || others == 0 {
            report
                .broken
                .push(format!("of a minute's calls {live} were lookups, and {others} others"));
        }
    }
    drop(replicas);
    systems.stop().await;
    shop.database.close().await;
    report
}

/// Measures an unobstructed backfill: its speed, its cost, and how much of a small rate limit it uses.
pub async fn scan(harness: &Harness, contacts: usize, minutes: u64) -> Report {
    const LIMIT: u32 = 60;
    let mut report = Report::default();
    let secrets = Secrets::known();
    let world = world(contacts);
    let systems =
        Systems::start(Arc::clone(&world), &secrets, generous(), Clock::system()).unwrap();
    let tables = brand(&systems, 60_000, "off");
    let shop = harness.shop_of("walk", &tables).await;
    let begin = Instant::now();
    let replica = Replica::start(harness, "walk", &plan(&tables, &secrets), &shop.url).await;
    wait_until_complete(&shop.database.pool, shop.brand.id()).await;
    let (took, cpu) = (begin.elapsed(), replica.process.processor_time());
    report.figure("contacts a second", format!("{:.0}", contacts as f64 / took.as_secs_f64()));
    let each = cpu.as_secs_f64() * 1_000.0 / contacts as f64;
    report.figure("processor time of ours for each", format!("{each:.3} ms, promised: 1 ms"));
    if each > 1.0 {
        report.late.push(format!("{each:.3} ms of processor time for each contact"));
    }
    expect_same(&mut report, "after the backfill", &differences(&world, &shop).await);
    drop(replica);
    shop.database.close().await;

    systems.clear_request_log();
    let tables = brand(&systems, LIMIT, "off");
    let shop = harness.shop_of("walk_slowly", &tables).await;
    let replica = Replica::start(harness, "walk-slowly", &plan(&tables, &secrets), &shop.url).await;
    let begin = Clock::system().now().as_microsecond();
    tokio::time::sleep(Duration::from_secs(minutes * 60)).await;
    let arrivals = systems.arrivals(Source::OmnioTap);
    let came = arrivals
        .iter()
        .filter(|arrival| {
            (begin..begin + minutes as i64 * 60_000_000).contains(&arrival.at.as_microsecond())
        })
        .count();
    let share = came as f64 / (f64::from(LIMIT) * minutes as f64);
    report.figure(
        "budget used while work remained",
        format!("{:.1} % ({came} calls in {minutes} minutes), promised: 95 %", share * 100.0),
    );
    if share < 0.95 {
        report.late.push(format!("{:.1} % of the budget were used", share * 100.0));
    }
    drop(replica);
    systems.stop().await;
    shop.database.close().await;
    report
}

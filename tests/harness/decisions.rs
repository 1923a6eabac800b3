//! People decide on the command line who is who, while two replicas apply webhooks: three processes on one database. In
//! the end everything derived is as a rebuild from nothing makes it, and both replicas answer the same bytes.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::changes::wait_until_current;
use super::connection::Connection;
use super::figures::Latencies;
use super::inbox::{BRAND, TIMEOUT, replica_settings};
use super::replica::Replica;
use super::report::Report;
use super::rng::Rng;
use super::webhook_checks::wait_until_applied;
use super::webhooks::sender::Sender;
use super::webhooks::sequence::WebhookSequence;
use super::webhooks::{Webhook, bodies, signing};
use super::{Harness, KEY, Shop, comparison};

const SEED: u64 = 11;

const WEBHOOKS: usize = 360;

/// The number of commands while webhooks are applied.
const ACTS: usize = 30;

/// The phone of the couple.
const LINE: &str = "+31644556677";

const RUBEN: &str = "omniotap.contact:couple-ruben";
const IRIS: &str = "omneo.profile:couple-iris";

/// The program, for commands of people.
struct Program {
    settings: PathBuf,
    url: String,
}

impl Program {
    fn new(harness: &Harness, shop: &Shop) -> Self {
        let directory = harness.directory("decisions-person");
        let settings = directory.join("hookpoint.toml");
        std::fs::write(&settings, replica_settings().text_in(&directory)).unwrap();
        Self { settings, url: shop.url.clone() }
    }

    async fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hookpoint"));
        command.arg("--settings").arg(&self.settings).args(arguments);
        command.env_remove("HOOKPOINT_SETTINGS").env("DATABASE_URL", &self.url);
        command.envs(signing::secrets());
        tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
    }

    /// Decides something. Returns the id of the decision, or why it was refused.
    async fn decide(&self, command: &[&str]) -> Result<String, String> {
        let by = ["--yes", "--by", "Femke", "--reason", "the caller said so", "--json"];
        let ended = self.run(&[command, &by].concat()).await;
        match serde_json::from_slice::<Value>(&ended.stdout) {
            Ok(decided) => Ok(decided["decision_id"].as_str().unwrap().to_owned()),
            Err(_) => Err(String::from_utf8_lossy(&ended.stderr).into_owned()),
        }
    }
}

pub async fn run(harness: &Harness) -> Report {
    let mut report = Report::default();
    let shop = harness.shop_of("decisions", BRAND).await;
    let program = Program::new(harness, &shop);
    let mut replicas = Vec::new();
    for name in ["decisions-0", "decisions-1"] {
        replicas.push(Replica::start(harness, name, &replica_settings(), &shop.url).await);
    }
    let addresses: Vec<SocketAddr> = replicas.iter().map(|replica| replica.address).collect();
    decide_while_webhooks_arrive(&shop, &program, &addresses, &mut report).await;
    check_rebuild(&shop, &program, &mut report).await;
    check_same_answers(&shop, &addresses, &mut report).await;
    check_couple(&shop, &program, &addresses, &mut report).await;
    check_rebuild(&shop, &program, &mut report).await;
    shop.database.close().await;
    report
}

/// Sends webhooks to both replicas, in random order and some of them twice. Meanwhile a person joins, separates, shares
/// and undoes.
async fn decide_while_webhooks_arrive(
    shop: &Shop,
    program: &Program,
    addresses: &[SocketAddr],
    report: &mut Report,
) {
    let mut rng = Rng(SEED);
    let webhooks: Arc<Vec<Webhook>> = Arc::new(WebhookSequence::of(SEED, WEBHOOKS).collect());
    let again: Vec<usize> = (0..WEBHOOKS / 10).map(|_| rng.roll(WEBHOOKS)).collect();
    let order = rng.shuffled((0..WEBHOOKS).chain(again).collect());
    let of = order.len();
    let sender = Sender::start("shop", Arc::clone(&webhooks), order, addresses.to_vec(), 8);
    let (mut in_force, mut refused) = (Vec::<String>::new(), Vec::new());
    let (mut decided, mut undone) = (0, 0);
    for n in 0..ACTS {
        sender.release(of / ACTS);
        if n == 0 {
            // The first command needs somebody to decide about.
            while records(shop).await.len() < 2 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
        let records = records(shop).await;
        let [one, other] = [rng.pick(&records), rng.pick(&records)];
        let phone = format!("+3162{:07}", rng.roll(20));
        let undo = rng.roll(in_force.len().max(1));
        let act = match rng.roll(6) {
            0 | 1 => vec!["customer", "join", one, other],
            2 => vec!["customer", "separate", one],
            3 => vec!["value", "share", "--phone", &phone],
            _ if in_force.is_empty() => vec!["customer", "join", one, other],
            _ => vec!["decision", "undo", &in_force[undo]],
        };
        let is_undo = act[0] == "decision";
        match program.decide(&act).await {
            Ok(_) if is_undo => {
                in_force.remove(undo);
                undone += 1;
            }
            Ok(id) => {
                in_force.push(id);
                decided += 1;
            }
            Err(why) => refused.push(why),
        }
    }
    sender.release(of);
    let acknowledged = sender.end(TIMEOUT).await.len();
    let left = wait_until_applied(&shop.database.pool).await;
    let refusals = refused.len();
    report.figure("decided, undone and refused", format!("{decided}, {undone}, {refusals}"));
    if acknowledged < WEBHOOKS || left > 0 {
        report.broken.push(format!("{acknowledged} acknowledged, {left} not applied"));
    }
    if decided < ACTS / 4 || undone < 2 {
        report.broken.push(format!("too little was decided to prove anything: {refused:?}"));
    }
}

/// The keys of the records that exist.
async fn records(shop: &Shop) -> Vec<String> {
    let query = "select record_key from records where live order by record_key";
    let rows: Vec<(String,)> = sqlx::query_as(query).fetch_all(&shop.database.pool).await.unwrap();
    rows.into_iter().map(|(key,)| key).collect()
}

/// Rebuilds everything derived, from nothing, and compares it with what the replicas and the person left.
async fn check_rebuild(shop: &Shop, program: &Program, report: &mut Report) {
    let before = comparison::snapshot(shop).await;
    let derived =
        "truncate customers, customer_records, customer_addresses, answers, match_reviews,
        identifiers, shared_values";
    sqlx::query(derived).execute(&shop.database.pool).await.unwrap();
    let ended = program.run(&["rebuild"]).await;
    if !ended.status.success() {
        report.broken.push(format!("rebuild: {}", String::from_utf8_lossy(&ended.stderr)));
    }
    let after = comparison::snapshot(shop).await;
    report.figure("rows that a rebuild makes again", after.len());
    let (missing, more) = (before.difference(&after), after.difference(&before));
    let some: Vec<_> = missing.take(2).chain(more.take(2)).collect();
    if !some.is_empty() || after.is_empty() {
        report.broken.push(format!("a rebuild differs: {some:#?}"));
    }
}

/// Both replicas answer each lookup with the same bytes.
async fn check_same_answers(shop: &Shop, addresses: &[SocketAddr], report: &mut Report) {
    let questions = Arc::new(comparison::questions(shop).await);
    let mut answers = Vec::new();
    for address in addresses {
        wait_until_current(shop, &mut Connection::new(*address), TIMEOUT).await;
        match comparison::answers(*address, &questions).await {
            Ok(of_replica) => answers.push(of_replica),
            Err(figures) => return report.broken.push(format!("lookups failed: {figures}")),
        }
    }
    let different = (0..questions.len()).filter(|n| answers[0][*n] != answers[1][*n]).count();
    report.figure("lookups on both replicas", questions.len());
    if different > 0 || questions.len() < 50 {
        report.broken.push(format!("{different} of {} answers differ", questions.len()));
    }
}

/// A couple with one phone: two customers, also if the phone is shared; one, as soon as they are joined; two again, when
/// that is undone.
async fn check_couple(
    shop: &Shop,
    program: &Program,
    addresses: &[SocketAddr],
    report: &mut Report,
) {
    let couple = Arc::new(couple());
    let sender = Sender::start("shop", Arc::clone(&couple), vec![0, 1], addresses.to_vec(), 2);
    sender.release(couple.len());
    sender.end(TIMEOUT).await;
    wait_until_applied(&shop.database.pool).await;
    expect_by_phone(2, "at first", shop, addresses, report).await;
    let shared = program.decide(&["value", "share", "--phone", LINE]).await;
    expect_by_phone(2, "shared", shop, addresses, report).await;
    let joined = program.decide(&["customer", "join", RUBEN, IRIS]).await;
    expect_by_phone(1, "joined", shop, addresses, report).await;
    let undone = match &joined {
        Ok(id) => program.decide(&["decision", "undo", id]).await,
        Err(_) => joined.clone(),
    };
    expect_by_phone(2, "undone", shop, addresses, report).await;
    report.broken.extend([shared, joined, undone].into_iter().filter_map(Result::err));
}

fn couple() -> Vec<Webhook> {
    let at = "2026-10-01T09:00:00Z".parse().unwrap();
    let fields = |value: Value| value.as_object().unwrap().clone();
    let ruben = json!({ "id": "couple-ruben", "firstName": "Ruben", "lastName": "Smit",
        "email": "ruben@example.org", "phone": LINE });
    let iris = json!({ "id": "couple-iris", "first_name": "Iris", "last_name": "Smit",
        "email": "iris@example.org", "mobile_phone": LINE, "mobile_phone_country": "NL" });
    vec![
        bodies::omniotap(900_001, "contact", "created", at, fields(ruben)),
        bodies::omneo("profile.created", at, fields(iris)),
    ]
}

/// How long it takes until both replicas answer by a decision, from the end of its command, which has stored it then.
pub async fn measure(harness: &Harness, rounds: usize) -> Report {
    let mut report = Report::default();
    let shop = harness.shop_of("decisions_speed", BRAND).await;
    let program = Program::new(harness, &shop);
    let first = Replica::start(harness, "decisions-speed-0", &replica_settings(), &shop.url).await;
    let other = Replica::start(harness, "decisions-speed-1", &replica_settings(), &shop.url).await;
    let addresses = vec![first.address, other.address];
    let sender = Sender::start("shop", Arc::new(couple()), vec![0, 1], addresses.clone(), 2);
    sender.release(2);
    sender.end(TIMEOUT).await;
    wait_until_applied(&shop.database.pool).await;
    let mut latencies = Latencies::default();
    for _ in 0..rounds {
        let joined = program.decide(&["customer", "join", RUBEN, IRIS]).await.unwrap();
        let stored = Instant::now();
        until_found(1, &addresses, &mut report).await;
        latencies.record(stored.elapsed());
        program.decide(&["decision", "undo", &joined]).await.unwrap();
        let stored = Instant::now();
        until_found(2, &addresses, &mut report).await;
        latencies.record(stored.elapsed());
    }
    let [p50, p99] = [50.0, 99.0].map(|percent| latencies.percentile_ms(percent));
    let (count, max) = (latencies.count(), latencies.max_ms());
    let figure = format!("{count}, p50 {p50:.1} ms, p99 {p99:.1} ms, max {max:.1} ms");
    report.figure("decided or undone, until both replicas answer by it", figure);
    if max > 1_000.0 {
        report.late.push(format!("an answer changed after {max:.0} ms, not within a second"));
    }
    shop.database.close().await;
    report
}

/// Asks both replicas until they find so many customers by the phone.
async fn until_found(customers: usize, addresses: &[SocketAddr], report: &mut Report) {
    let give_up = Instant::now() + TIMEOUT;
    for address in addresses {
        let mut connection = Connection::new(*address);
        let request = request(&by_phone());
        loop {
            let body = connection.ask(request.as_bytes()).await.unwrap().body.to_vec();
            let found = serde_json::from_slice::<Vec<Value>>(&body).unwrap_or_default();
            if found.len() == customers {
                break;
            }
            if Instant::now() > give_up {
                return report.broken.push(format!("{address} never found {customers} customers"));
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

fn by_phone() -> String {
    format!("channelAddressType=phoneNumber&address=%2B{}", &LINE[1..])
}

fn request(asked: &str) -> String {
    format!("GET /omnidesk/customerlookup?key={KEY}&{asked} HTTP/1.1\r\nHost: localhost\r\n\r\n")
}

/// Both replicas find so many customers by the phone, one by each id, and answer the same bytes.
async fn expect_by_phone(
    customers: usize,
    when: &str,
    shop: &Shop,
    addresses: &[SocketAddr],
    report: &mut Report,
) {
    let by_id = ["primaryID=couple-ruben", "primaryID=couple-iris"].map(str::to_owned);
    let [one, other] = by_id;
    for (asked, expected) in [(by_phone(), customers), (one, 1), (other, 1)] {
        let mut bodies = Vec::new();
        for address in addresses {
            let mut connection = Connection::new(*address);
            wait_until_current(shop, &mut connection, TIMEOUT).await;
            bodies.push(connection.ask(request(&asked).as_bytes()).await.unwrap().body.to_vec());
        }
        let found = serde_json::from_slice::<Vec<Value>>(&bodies[0]).unwrap_or_default().len();
        if found != expected || bodies[0] != bodies[1] {
            report
                .broken
                .push(format!("{when}: {asked} finds {found}, not {expected}; or not the same"));
        }
    }
}

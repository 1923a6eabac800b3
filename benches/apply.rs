//! The cost of a change among few and among very many people, and of phone lines that very many people share.
//!
//! `cargo bench --bench apply` runs everything, with 1,000,000 records; `cargo bench --bench apply -- 100000` uses
//! fewer. It ends with an error if a change takes more than five round trips, if a change or a lookup reads a whole
//! table, or if a line that very many people share joins people.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::as_conversions,
    clippy::disallowed_methods
)]

#[path = "../tests/harness/round_trips.rs"]
mod round_trips;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hookpoint::app::open_brands;
use hookpoint::brand::Brand;
use hookpoint::customer::model::email::Email;
use hookpoint::customer::model::phone::Phone;
use hookpoint::customer::model::record::Change;
use hookpoint::ingest::apply::apply;
use hookpoint::ingest::rebuild::rebuild;
use hookpoint::lookup::query::Question;
use hookpoint::lookup::query_customers::{ReadRules, find};
use hookpoint::settings::Settings;
use hookpoint::settings::file::MultipleMatches;
use hookpoint::storage::database::{Database, Place, PoolSize, Url};
use hookpoint::storage::embedded::{Embedded, Layout, SHARED_BUFFERS_MEGABYTES};
use round_trips::{CountingProxy, contact, fill, rows_read, sequential_scans};

const SIZE: PoolSize =
    PoolSize { connections: 2, acquire_timeout: Duration::from_secs(60), statement: None };

struct Server {
    embedded: Embedded,
    dir: PathBuf,
}

impl Server {
    async fn database(&self, name: &str, through: Option<&Path>) -> Database {
        let own = self.dir.join("run");
        let socket = through.unwrap_or(&own).display().to_string();
        let url = |name: &str| {
            Place::Server(Url::from_environment(format!(
                "postgres://hookpoint@localhost/{name}?host={socket}"
            )))
        };
        let server = Database::open(&url("postgres"), SIZE, false).await.unwrap();
        let create = format!("create database {name}");
        if sqlx::query(sqlx::AssertSqlSafe(create)).execute(&server.pool).await.is_ok() {
            let database = Database::open(&url(name), SIZE, false).await.unwrap();
            hookpoint::storage::migrate(&database.pool).await.unwrap();
            database.close().await;
        }
        server.close().await;
        Database::open(&url(name), SIZE, false).await.unwrap()
    }
}

async fn brand(database: &Database) -> Arc<Brand> {
    let settings = Settings::parse("[brands.shop]\n", Path::new("bench.toml"))
        .unwrap_or_else(|mistakes| panic!("{mistakes:?}"));
    open_brands(&database.pool, settings.brands).await.unwrap().into_values().next().unwrap()
}

fn main() {
    let records =
        std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(1_000_000);
    tokio::runtime::Runtime::new().unwrap().block_on(run(records));
}

async fn run(records: u32) {
    let dir = std::env::temp_dir().join(format!("hookpoint-bench-{}", std::process::id()));
    let layout = Layout {
        data_dir: dir.clone(),
        postgres_bin: None,
        cache_dir: dir.join("binaries"),
        fetch: true,
        shared_buffers_megabytes: SHARED_BUFFERS_MEGABYTES,
        durable: false,
    };
    let server = Server { embedded: Embedded::start(layout).await.unwrap(), dir };
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    println!(
        "{cores} cores, embedded Postgres without fsync; a change is one record's, in a transaction of its own\n"
    );
    println!(
        "{:>10}  {:>8}  {:>8}  {:>8}  {:>11}  {:>9}  tables read from end to end",
        "records", "p50 ms", "p95 ms", "p99 ms", "round trips", "rows read"
    );
    for records in [records / 100, records / 10, records] {
        one_change(&server, records).await;
    }
    println!(
        "\n{:<34}  {:>8}  changes/s, tenth by tenth",
        "a line that very many share", "records"
    );
    // Above the cap, so that nobody may be joined.
    let (first, mailboxes) =
        ((records / 10).clamp(2_000, 100_000), (records / 100).clamp(2_000, 10_000));
    a_shared_line(&server, "phone, everybody named otherwise", first, &|n| {
        vec![("name.first", name(n)), ("phone.main", "+31201234567".to_owned())]
    })
    .await;
    a_shared_line(&server, "phone, without names", first, &|n| {
        vec![("email.main", format!("p{n}@example.org")), ("phone.main", "+31201234567".to_owned())]
    })
    .await;
    a_shared_line(&server, "mailbox, everybody named otherwise", mailboxes, &|n| {
        vec![("name.first", name(n)), ("email.main", "all@example.org".to_owned())]
    })
    .await;
    a_shared_line(&server, "mailbox, without names", mailboxes, &|n| {
        vec![("phone.main", format!("+316{n:08}")), ("email.main", "all@example.org".to_owned())]
    })
    .await;
    a_rebuild(&server, records / 10).await;
    let dir = server.dir.clone();
    server.embedded.stop().await;
    let _ = std::fs::remove_dir_all(dir);
}

/// First names that do not agree with each other.
fn name(n: u32) -> String {
    (0..8)
        .map(|digit| {
            char::from(b'a' + (n.wrapping_mul(2_654_435_761).rotate_left(digit * 4) % 26) as u8)
        })
        .collect::<String>()
        + &n.to_string()
}

async fn one_change(server: &Server, records: u32) {
    let name = format!("records_{records}");
    let direct = server.database(&name, None).await;
    let brand = brand(&direct).await;
    let people = records / 2;
    fill(&direct.pool, brand.id(), people).await;
    direct.close().await;
    let direct = server.database(&name, None).await;
    let (scans, rows) = (sequential_scans(&direct.pool).await, rows_read(&direct.pool).await);
    let proxy = server.dir.join("proxy");
    let turnstile = CountingProxy::open(&proxy, &server.dir.join("run"));
    let database = server.database(&name, Some(&proxy)).await;
    // The first changes prepare statements.
    for n in 1..=20 {
        apply(
            &database.pool,
            &brand,
            vec![contact(&format!("p{n}"), 0, &[("name.first", "Anne")])],
        )
        .await
        .unwrap();
    }
    let (mut times, mut trips) = (Vec::new(), 0);
    for n in 0..500_u32 {
        let id = format!("p{}", n.wrapping_mul(2_654_435_761) % people + 1);
        let (phone, email) = (
            format!("+3165{n:07}"),
            format!("p{}@example.org", n.wrapping_mul(40_503) % people + 1),
        );
        let fields = match n % 4 {
            0 => vec![("name.first", "Anne")],
            1 => vec![("phone.main", phone.as_str())],
            2 => vec![("email.second", email.as_str())],
            _ => vec![("attribute.segment", "gold")],
        };
        let (before, started) = (turnstile.trips(), Instant::now());
        apply(&database.pool, &brand, vec![contact(&id, i64::from(n) + 1, &fields)]).await.unwrap();
        times.push(started.elapsed().as_secs_f64() * 1_000.0);
        trips = trips.max(turnstile.trips() - before);
    }
    // Lookups must not read a whole table either.
    let rules = ReadRules { max_customers: 10, multiple_matches: MultipleMatches::All };
    for n in (1..=people).step_by((people / 50).max(1) as usize) {
        let email = Email::parse(&format!("p{n}@example.org")).unwrap();
        let phone = Phone::parse_e164(&format!("+316{n:08}")).unwrap();
        for question in [
            Question::Address(email.into()),
            Question::Address(phone.into()),
            Question::Id(format!("p{n}")),
            Question::Id(format!("t{n}")),
        ] {
            find(&database.pool, &brand, &question, rules).await.unwrap();
        }
    }
    database.close().await;
    let after = sequential_scans(&direct.pool).await;
    let scanned: Vec<&String> = after
        .iter()
        .zip(&scans)
        .filter(|(after, before)| after != before)
        .map(|((table, _), _)| table)
        .collect();
    let read = scanned.len();
    let rows = (rows_read(&direct.pool).await - rows) / 720;
    times.sort_by(f64::total_cmp);
    let percentile = |percent: usize| times[times.len() * percent / 100];
    println!(
        "{records:>10}  {:>8.2}  {:>8.2}  {:>8.2}  {trips:>11}  {rows:>9}  {read}",
        percentile(50),
        percentile(95),
        percentile(99)
    );
    assert!(
        trips <= 5 && read == 0 && rows < 500,
        "a change costs too much; read from end to end: {scanned:?}"
    );
    direct.close().await;
}

async fn a_shared_line(
    server: &Server,
    what: &str,
    records: u32,
    fields: &dyn Fn(u32) -> Vec<(&'static str, String)>,
) {
    let database =
        server.database(&format!("shared_{}", what.replace([' ', ','], "_")), None).await;
    let brand = brand(&database).await;
    let changes: Vec<Change> = (0..records)
        .map(|n| {
            let fields = fields(n);
            let fields: Vec<(&str, &str)> =
                fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
            contact(&format!("c{n}"), 0, &fields)
        })
        .collect();
    let mut rates = Vec::new();
    for tenth in changes.chunks((changes.len() / 10).max(1)) {
        let started = Instant::now();
        for batch in tenth.chunks(200) {
            apply(&database.pool, &brand, batch.to_vec()).await.unwrap();
        }
        rates.push(format!("{:.0}", tenth.len() as f64 / started.elapsed().as_secs_f64()));
    }
    println!("{what:<34}  {records:>8}  {}", rates.join(" "));
    let (customers,): (i64,) =
        sqlx::query_as("select count(*) from customers").fetch_one(&database.pool).await.unwrap();
    assert_eq!(customers, i64::from(records), "a line that very many people share joins nobody");
    database.close().await;
}

async fn a_rebuild(server: &Server, records: u32) {
    let database = server.database(&format!("records_{records}"), None).await;
    let brand = brand(&database).await;
    let started = Instant::now();
    let made = rebuild(&database.pool, &brand, &mut |_| {}).await.unwrap();
    let seconds = started.elapsed().as_secs_f64();
    println!(
        "\na rebuild of {} record keys with other settings: {seconds:.1} s, {:.0} a second",
        made.done,
        made.done as f64 / seconds
    );
    database.close().await;
}

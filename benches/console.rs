//! How fast the pages of the console are among many customers and webhooks, and whether lookups notice people who click.
//!
//! `cargo bench --bench console` runs a short form among 2,000 customers and 10,000 webhooks; `-- --customers 1000000
//! --rounds 50` is a long one. With `-- --load 30`, 20 people also click for 30 seconds beside 1,000 lookups a second, each
//! once in two seconds; with `--reading 500`, twice a second. It names the missed goals.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::string_slice,
    clippy::as_conversions,
    clippy::disallowed_methods
)]

#[path = "../tests/harness/mod.rs"]
mod harness;
#[path = "../tests/harness/round_trips.rs"]
#[allow(dead_code, reason = "only its population is used")]
mod round_trips;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use harness::client::Load;
use harness::figures::{Figures, Latencies, Quartiles};
use harness::lookups::{LookupTarget, Lookups};
use harness::replica::{Replica, ReplicaSettings};
use harness::{Harness, Shop, customers, machine};
use hookpoint::admin::audit::{Attribution, Via};
use hookpoint::admin::console_access::create_link;
use hookpoint::admin::role::Role;
use hookpoint::storage::reviews::{list_reviews, review_id};
use jiff::Timestamp;
use sqlx::AssertSqlSafe;
use tokio::task::JoinHandle;

/// The longest time of a page, for 95 of 100 requests.
const PAGE_GOAL_MS: f64 = 50.0;

/// How much slower lookups may be beside people who click.
const LOAD_GOAL: f64 = 1.2;

/// So many people click.
const PEOPLE: u64 = 20;

/// So many customers exist only to be looked up.
const LOOKED_UP: u64 = 20_000;

/// How often lookups without and with people take turns.
const TURNS: u32 = 5;

/// The pause between two clicks of a person, in milliseconds.
const READING_MS: u64 = 2_000;

fn number(name: &str, otherwise: u64) -> u64 {
    let arguments: Vec<String> = std::env::args().collect();
    let at = arguments.iter().position(|argument| argument == name);
    at.map_or(otherwise, |at| arguments[at + 1].parse().expect("a number"))
}

#[tokio::main]
async fn main() {
    let (people, rounds, load) =
        (number("--customers", 2_000), number("--rounds", 20), number("--load", 0));
    let harness = Harness::start_large().await;
    let shop = harness.shop("shop").await;
    println!("{}", machine::describe(&shop.database.pool).await);
    let begun = Instant::now();
    fill(&shop, people).await;
    println!(
        "{people} customers and {} webhooks (loaded in {:.0} s)\n",
        people * 5,
        begun.elapsed().as_secs_f64()
    );
    let console = free_address();
    let settings =
        ReplicaSettings::default().with(|file| file.console.listen = console.to_string());
    let replica = Replica::start(&harness, "console", &settings, &shop.url).await;
    let visitor = Visitor::enter(&shop, console).await;
    let mut missed = pages(&visitor, rounds).await;
    if load > 0 {
        let reading = Duration::from_millis(number("--reading", READING_MS));
        let time = Duration::from_secs(load);
        missed.extend(beside_lookups(&replica, &visitor, time, reading).await);
    }
    drop(replica);
    shop.database.close().await;
    harness.stop().await;
    println!();
    match missed.is_empty() {
        true => println!("all goals are met"),
        false => missed.iter().for_each(|goal| println!("missed: {goal}")),
    }
}

/// An address on which nothing listens.
fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// Customers, five webhooks of each, a lookup of each, and a question and an act for every hundredth. All webhooks of a million
/// customers are younger than `inbox.retention_days`: the service deletes older ones.
async fn fill(shop: &Shop, people: u64) {
    let (pool, brand) = (&shop.database.pool, shop.brand.id());
    customers::load(pool, &shop.brand, LOOKED_UP).await;
    round_trips::fill(pool, brand, u32::try_from(people).unwrap()).await;
    let deliveries = people * 5;
    let statements = [
        format!(
            "insert into deliveries (brand_id, delivery_id, source, event, headers, body, received_at, priority, state, due_at, finished_at, note)
            select {brand}, (lpad(to_hex((extract(epoch from at) * 1000)::bigint), 12, '0') || '70008' || lpad(to_hex(n), 15, '0'))::uuid,
                (array['omneo', 'omniotap', 'omnilab', 'syncaroo'])[1 + n % 4], 'thing.updated', '{{}}', '{{}}', at, 1,
                case when n % 1000 = 0 then 'dead' when n % 1003 = 0 then 'discarded' else 'done' end, at, at,
                case when n % 1000 = 0 then 'there is no usable id' else '' end
            from (select n, now() - n * interval '0.4 second' as at from generate_series(1, {deliveries}) as n) as numbered"
        ),
        format!(
            "insert into lookup_history (brand_id, asked_at, request_id, question_hash, question_kind, status, cache, customer_keys, sources, duration_us)
            select {brand}, now() - n * interval '1 second', gen_random_uuid(), decode(md5(n::text), 'hex'), 'email', 200, 'hit',
                array['omneo.profile:p' || n], '', 300
            from generate_series(1, {people}) as n"
        ),
        format!(
            "insert into match_reviews (brand_id, level, kind, value, conflict, customer_keys, first_key)
            select {brand}, 'phone', 'telephone', '+317' || lpad(n::text, 8, '0'), 'first_names',
                array['omneo.profile:p' || n, 'omneo.profile:p' || (n + 1)], 'omneo.profile:p' || n
            from generate_series(1, {people} - 1, 100) as n"
        ),
        format!(
            "insert into audit_log (brand_id, action_id, action, done_by, reason, begun_at, outcome, target)
            select {brand}, gen_random_uuid(), 'view customer', 'Femke', 'ticket', now() - n * interval '1 second', 'shown', ''
            from generate_series(1, {people}) as n"
        ),
    ];
    let (mut connection, _) = pool.acquire_within().await.unwrap();
    for statement in statements {
        sqlx::query(AssertSqlSafe(statement)).execute(&mut connection).await.unwrap();
    }
    name_reviews(shop).await;
    sqlx::raw_sql("vacuum analyze").execute(&mut connection).await.unwrap();
    sqlx::raw_sql("checkpoint").execute(&mut connection).await.unwrap();
}

/// Gives the questions their ids, as the service does when it writes them.
async fn name_reviews(shop: &Shop) {
    let (brand, mut db) = (&shop.brand, shop.database.pool.acquire().await.unwrap());
    let open = list_reviews(&mut db, brand.id()).await.unwrap();
    let ids: Vec<String> =
        open.iter().map(|open| review_id(&brand.secret, &open.review, &[])).collect();
    let values: Vec<&str> = open.iter().map(|open| open.review.value.as_str()).collect();
    let named = sqlx::query(
        "update match_reviews set review_id = named.id from unnest($2::text[], $3::text[]) as named (value, id)
        where brand_id = $1 and match_reviews.value = named.value",
    );
    named.bind(brand.id()).bind(values).bind(ids).execute(&mut *db).await.unwrap();
}

/// A person who is logged in, and the pages that they open.
#[derive(Clone)]
struct Visitor {
    client: reqwest::Client,
    origin: String,
    cookie: String,
    pages: Vec<(&'static str, String)>,
}

/// The search of customers, which is a form.
const SEARCH: &str = "customers, a search";

impl Visitor {
    async fn enter(shop: &Shop, console: SocketAddr) -> Self {
        let by = Attribution { by: "bench", reason: "", via: Via::Command };
        let who = (Role::Admin, "Femke");
        let code = create_link(&shop.database.pool, &shop.brand, who, by, Timestamp::now()).await;
        let code = format!("code={}.{}", shop.brand.rules.slug, code.unwrap().reveal());
        // The client wants one, although it only speaks plain HTTP here.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        let origin = format!("http://{console}");
        let nobody = Self { client, origin, cookie: String::new(), pages: Vec::new() };
        let entered = nobody.send("/login", Some(code)).await;
        assert_eq!(entered.status(), 303, "{}", entered.text().await.unwrap());
        let cookie = entered.headers()["set-cookie"].to_str().unwrap();
        let cookie = cookie.split(';').next().unwrap().to_owned();
        let visitor = Self { cookie, ..nobody };
        let pages = visitor.find_pages().await;
        Self { pages, ..visitor }
    }

    async fn send(&self, path: &str, form: Option<String>) -> reqwest::Response {
        let url = format!("{}{path}", self.origin);
        let request = match form {
            Some(form) => self
                .client
                .post(url)
                .header("content-type", "application/x-www-form-urlencoded")
                .header("sec-fetch-site", "same-origin")
                .body(form),
            None => self.client.get(url),
        };
        request.header("cookie", &self.cookie).send().await.unwrap()
    }

    /// The result of a search, which has an address of its own.
    async fn search(&self, path: &str) -> reqwest::Response {
        let found = self.send(path, Some("text=p7%40example.org".to_owned())).await;
        assert_eq!(found.status(), 303);
        let address = found.headers()["location"].to_str().unwrap();
        self.send(address, None).await
    }

    /// The first link of a page that begins like this.
    async fn link(&self, page: &str, beginning: &str) -> String {
        let html = match page == "/shop/customers" {
            true => self.search(page).await,
            false => self.send(page, None).await,
        };
        let html = html.text().await.unwrap().replace("&#x2f;", "/");
        let links = html.split("href=\"").skip(1).map(|rest| rest.split('"').next().unwrap());
        let mut links = links.filter(|link| link.starts_with(beginning));
        links.next().unwrap_or_else(|| panic!("{page} has no link to {beginning}")).to_owned()
    }

    /// All pages, and one of each kind that is about something.
    async fn find_pages(&self) -> Vec<(&'static str, String)> {
        let customer = self.link("/shop/customers", "/shop/customers/").await;
        let delivery = self.link("/shop/inbox", "/shop/inbox/").await;
        let review = self.link("/shop/reviews", "/shop/reviews/").await;
        let decision = self.link("/shop/decisions", "/shop/decisions/").await;
        vec![
            ("overview", "/shop/".to_owned()),
            (SEARCH, "/shop/customers".to_owned()),
            ("customer", customer.clone()),
            ("customer, timeline", format!("{customer}/timeline")),
            ("reviews", "/shop/reviews".to_owned()),
            ("review", review),
            ("decisions", "/shop/decisions".to_owned()),
            ("decision", decision),
            ("lookups", "/shop/lookups".to_owned()),
            ("sources", "/shop/sources".to_owned()),
            ("source", "/shop/sources/omneo".to_owned()),
            ("inbox", "/shop/inbox".to_owned()),
            ("inbox, failed", "/shop/inbox?state=dead".to_owned()),
            ("inbox, an event of nothing", "/shop/inbox?event=nothing".to_owned()),
            ("webhook", delivery),
            ("keys", "/shop/keys".to_owned()),
            ("settings", "/shop/settings".to_owned()),
            ("people", "/shop/people".to_owned()),
            ("audit log", "/shop/audit".to_owned()),
            ("audit log, an action", "/shop/audit?action=view+customer".to_owned()),
        ]
    }

    /// Opens a page, and returns how long that took.
    async fn open(&self, (name, path): &(&'static str, String)) -> Duration {
        let begun = Instant::now();
        let response = match *name == SEARCH {
            true => self.search(path).await,
            false => self.send(path, None).await,
        };
        let status = response.status();
        let html = response.text().await.unwrap();
        assert_eq!(status, 200, "{name}: {html}");
        begun.elapsed()
    }
}

/// Measures each page. Returns the missed goals.
async fn pages(visitor: &Visitor, rounds: u64) -> Vec<String> {
    println!("{:<30}  {:>8}  {:>8}  {:>8}", "page", "p50 ms", "p95 ms", "max ms");
    let mut missed = Vec::new();
    for page in &visitor.pages {
        visitor.open(page).await;
        let mut latencies = Latencies::default();
        for _ in 0..rounds {
            latencies.record(visitor.open(page).await);
        }
        let (p95, name) = (latencies.percentile_ms(95.0), page.0);
        let (p50, most) = (latencies.percentile_ms(50.0), latencies.max_ms());
        println!("{name:<30}  {p50:>8.2}  {p95:>8.2}  {most:>8.2}");
        if p95 > PAGE_GOAL_MS {
            missed.push(format!("{name} in {PAGE_GOAL_MS} ms: {p95:.1} ms"));
        }
    }
    missed
}

/// Lookups at a fixed rate, in turns without and with people who click. Returns the missed goals.
async fn beside_lookups(
    replica: &Replica,
    visitor: &Visitor,
    time: Duration,
    reading: Duration,
) -> Vec<String> {
    println!("\nlookups, 1,000 due each second");
    let lookups = async || -> Figures {
        let load = Load::at_rate(replica.address, 1_000, time / TURNS);
        load.start(Lookups::new(LookupTarget::Each(LOOKED_UP))).wait().await.0
    };
    // The first lookups fill the cache.
    let load = Load::as_fast_as_possible(replica.address, time).requests(LOOKED_UP);
    load.start(Lookups::new(LookupTarget::Each(LOOKED_UP))).wait().await;
    let (mut missed, mut ratios) = (Vec::new(), Vec::new());
    let (mut alone, mut beside, mut pages) = (Latencies::default(), Latencies::default(), 0);
    for _ in 0..TURNS {
        let quiet = lookups().await;
        let people = People::begin(visitor, reading);
        let busy = lookups().await;
        pages += people.end().await;
        ratios.push(busy.latencies.percentile_ms(99.0) / quiet.latencies.percentile_ms(99.0));
        for (figures, all) in [(quiet, &mut alone), (busy, &mut beside)] {
            all.add(&figures.latencies);
            if !figures.is_right() {
                missed.push(format!("wrong answers: {}", figures.describe()));
            }
        }
    }
    let who = format!("beside {PEOPLE} people, {pages} pages");
    for (who, latencies) in [("alone", &alone), (who.as_str(), &beside)] {
        let [p50, p99] = [50.0, 99.0].map(|percent| latencies.percentile_ms(percent));
        println!("  {who:<32}  p50 {p50:>6.2} ms, p99 {p99:>6.2} ms");
    }
    let ratio = Quartiles::of(&ratios);
    println!("  p99, beside people to alone       {}, turn by turn", ratio.describe(2));
    let ratio = ratio.median;
    if ratio > LOAD_GOAL {
        missed.push(format!("lookups at {LOAD_GOAL} times the p99 without people: {ratio:.2}"));
    }
    missed
}

/// People who click from page to page.
struct People {
    is_over: Arc<AtomicBool>,
    clicks: Arc<AtomicU64>,
    clicking: Vec<JoinHandle<()>>,
}

impl People {
    fn begin(visitor: &Visitor, reading: Duration) -> Self {
        let (is_over, clicks) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let person = |person| {
            let (visitor, is_over, clicks) =
                (visitor.clone(), Arc::clone(&is_over), Arc::clone(&clicks));
            tokio::spawn(async move {
                let pages = visitor.pages.len() as u64;
                let mut page = person;
                while !is_over.load(Ordering::Relaxed) {
                    visitor.open(&visitor.pages[(page % pages) as usize]).await;
                    clicks.fetch_add(1, Ordering::Relaxed);
                    page += 7;
                    tokio::time::sleep(reading).await;
                }
            })
        };
        let clicking = (0..PEOPLE).map(person).collect();
        Self { is_over, clicks, clicking }
    }

    /// Returns how many pages they opened.
    async fn end(self) -> u64 {
        self.is_over.store(true, Ordering::Relaxed);
        for person in self.clicking {
            person.await.unwrap();
        }
        self.clicks.load(Ordering::Relaxed)
    }
}

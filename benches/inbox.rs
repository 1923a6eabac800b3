//! The cost of webhooks: receiving, compared with a minimal program that commits one row for each request; applying;
//! and the time until lookups show the change. Commits wait for the disk.
//!
//! `cargo bench --bench inbox` runs a short form; `-- apply --deliveries 1000000 --rounds 1` is a long one. `-- receipt`,
//! `-- apply` and `-- freshness` run one of the parts. It ends with an error if a webhook was lost, a result
//! is wrong or a promise is broken, and names the missed goals.
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

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use harness::baselines::{self, Baseline};
use harness::client::{Answer, Load, RequestGenerator};
use harness::figures::{Figures, Quartiles};
use harness::freshness::{self, ChangePath};
use harness::inbox::BRAND;
use harness::replica::{Replica, ReplicaSettings};
use harness::report::Scale;
use harness::rounds::{self, Rounds};
use harness::webhooks::sequence::WebhookSequence;
use harness::webhooks::signing;
use harness::{Harness, Shop, machine};
use hookpoint::storage::delivery_queue::{DeliveryRow, insert_deliveries, new_id};

// The baselines use the same allocator as the service.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// More than any machine so far received in a second.
const MOST_PER_SECOND: u64 = 25_000;

/// The measurements and their results.
struct Bench {
    deliveries: usize,
    seconds: u64,
    rounds: u64,
    problems: Vec<String>,
    goals: Vec<String>,
}

fn main() {
    baselines::run_baseline_if_requested();
    let arguments: Vec<String> = std::env::args().collect();
    let number = |name: &str, usual: u64| {
        let Some(at) = arguments.iter().position(|argument| argument == name) else { return usual };
        arguments
            .get(at + 1)
            .and_then(|number| number.parse::<u64>().ok())
            .unwrap_or_else(|| panic!("{name} needs a number"))
            .max(1)
    };
    let deliveries = number("--deliveries", 40_000) as usize;
    let mut bench = Bench {
        deliveries,
        seconds: number("--seconds", 3),
        rounds: number("--rounds", 5),
        problems: Vec::new(),
        goals: Vec::new(),
    };
    let parts = ["receipt", "apply", "freshness"];
    let named: Vec<&str> = parts
        .into_iter()
        .filter(|name| arguments.iter().any(|argument| argument == name))
        .collect();
    tokio::runtime::Runtime::new().unwrap().block_on(bench.run(if named.is_empty() {
        &parts
    } else {
        &named
    }));
    println!();
    bench.goals.iter().for_each(|goal| println!("{goal}"));
    assert!(
        bench.problems.is_empty(),
        "something was lost, wrong or too late:\n{}",
        bench.problems.join("\n")
    );
}

impl Bench {
    async fn run(&mut self, parts: &[&str]) {
        let harness = Harness::start_large_durable().await;
        let shop = harness.shop_of("receipt", BRAND).await;
        println!(
            "{}, fsync and synchronous_commit on",
            machine::describe(&shop.database.pool).await
        );
        if parts.contains(&"receipt") {
            self.receipt(&harness, &shop).await;
        }
        shop.database.close().await;
        harness.stop().await;
        if parts.contains(&"apply") {
            self.apply().await;
        }
        if parts.contains(&"freshness") {
            self.freshness().await;
        }
    }

    /// Measures a service that only receives and commits webhooks, as the baseline does.
    async fn receipt(&mut self, harness: &Harness, shop: &Shop) {
        let mut replica = Replica::start(
            harness,
            "receiving",
            &ReplicaSettings::receiving(BRAND).with(|file| file.inbox.workers = 0),
            &shop.url,
        )
        .await;
        let floor = Baseline::committing(&shop.database.pool, &shop.url).await;
        let mut webhooks = WebhookSequence::new(1, 1_000);
        println!(
            "\nwebhooks of four systems received, {} rounds of {} s, one worker",
            self.rounds, self.seconds
        );
        println!("{}", rounds::head());
        for connections in [8, 32, 128] {
            let (mut service, mut bare) = (Rounds::default(), Rounds::default());
            for _ in 0..self.rounds {
                // Both get the same requests. The service never received them before.
                let requests = self.sign(&mut webhooks, self.seconds * MOST_PER_SECOND);
                let load = |address| {
                    Load::as_fast_as_possible(address, Duration::from_secs(self.seconds))
                        .over(connections)
                };
                let figures = [
                    self.race(shop, load(replica.address), &requests, &mut service).await,
                    self.race(shop, load(floor.address), &requests, &mut bare).await,
                ];
                for (figures, who) in figures.iter().zip(["hookpoint", "bare handler"]) {
                    self.expect_right(who, figures);
                }
            }
            println!("{}", service.describe(&format!("hookpoint, {connections} connections")));
            println!("{}", bare.describe("bare handler, a row a request"));
            let (ratio, line) = rounds::ratio(&service, &bare, "a row a request");
            println!("{line}");
            self.goal(
                &format!(
                    "received over {connections} connections at 1.5 of a row a request or more"
                ),
                ratio,
                ratio >= 1.5,
            );
        }
        for (who, address) in [
            ("hookpoint, 1000 due each second", replica.address),
            ("row a request, 1000 due a second", floor.address),
        ] {
            let requests = self.sign(&mut webhooks, self.seconds * 1_000);
            let mut rounds = Rounds::default();
            let load = Load::at_rate(address, 1_000, Duration::from_secs(self.seconds));
            let figures = self.race(shop, load, &requests, &mut rounds).await;
            self.expect_right(who, &figures);
            println!("{}", rounds.describe(who));
        }
        if let Some(status) = replica.process.ended() {
            self.problems.push(format!("the service ended by itself: {status}"));
        }
    }

    /// Requests signed with the current time.
    fn sign(&self, webhooks: &mut WebhookSequence, count: u64) -> Arc<Vec<Vec<u8>>> {
        let request = |webhook| {
            let mut request = Vec::new();
            signing::write("shop", &webhook, &mut request);
            request
        };
        Arc::new(webhooks.take(count as usize).map(request).collect())
    }

    /// Sends requests one after the other until there are no more, into an empty inbox.
    async fn race(
        &self,
        shop: &Shop,
        load: Load,
        requests: &Arc<Vec<Vec<u8>>>,
        rounds: &mut Rounds,
    ) -> Figures {
        sqlx::raw_sql("checkpoint").execute(&shop.database.pool).await.unwrap();
        let asker = Posts(Arc::clone(requests));
        let (figures, _) = load.requests(requests.len() as u64).start(asker).wait().await;
        rounds.add(&figures);
        figures
    }

    /// Measures how fast one service applies the pending webhooks of an inbox.
    async fn apply(&mut self) {
        println!(
            "\n{} deliveries about {} people of four systems, applied by one service, {} rounds",
            self.deliveries,
            (self.deliveries / 6).max(3),
            self.rounds
        );
        let (mut rates, mut flatness) = (Vec::new(), Vec::new());
        for _ in 0..self.rounds {
            let tenths = self.apply_once().await;
            let seconds: f64 = tenths.iter().map(|rate| rate.recip()).sum();
            rates.push(tenths.len() as f64 / seconds);
            flatness.push(tenths[9] / tenths[0]);
        }
        let [rates, flatness] = [&rates, &flatness].map(|figures| Quartiles::of(figures));
        println!("  deliveries/s                        {}", rates.describe(0));
        println!("  last tenth to the first             {}", flatness.describe(2));
        let (rate, flatness) = (rates.median, flatness.median);
        self.goal("deliveries applied a second, 5000 or more", rate, rate >= 5_000.0);
        let goal = format!("the last tenth of {} at 0.83 of the first or more", self.deliveries);
        self.goal(&goal, flatness, flatness >= 0.83);
    }

    /// The deliveries a second of each tenth.
    async fn apply_once(&mut self) -> [f64; 10] {
        let harness = Harness::start_large_durable().await;
        let shop = harness.shop_of("applied", BRAND).await;
        fill(&shop, self.deliveries).await;
        let replica =
            Replica::start(&harness, "applying", &ReplicaSettings::receiving(BRAND), &shop.url)
                .await;
        let is_waiting =
            "select exists (select from deliveries where brand_id = 1 and state = 'pending')";
        while sqlx::query_as::<_, (bool,)>(is_waiting)
            .fetch_one(&shop.database.pool)
            .await
            .unwrap()
            .0
        {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        let (done,): (i64,) =
            sqlx::query_as("select count(*) from deliveries where state = 'done'")
                .fetch_one(&shop.database.pool)
                .await
                .unwrap();
        if done != self.deliveries as i64 {
            self.problems.push(format!("of {} deliveries {done} are done", self.deliveries));
        }
        let times: Vec<(f64,)> = sqlx::query_as("select extract(epoch from finished_at)::float8 from deliveries where state = 'done' order by 1")
            .fetch_all(&shop.database.pool)
            .await
            .unwrap();
        let at = |tenth: usize| times[(times.len() * tenth / 10).min(times.len() - 1)].0;
        let tenths = std::array::from_fn(|tenth| {
            times.len() as f64 / 10.0 / (at(tenth + 1) - at(tenth)).max(0.001)
        });
        println!(
            "  deliveries/s, tenth by tenth        {}",
            tenths.map(|rate| format!("{rate:.0}")).join(" ")
        );
        println!(
            "  memory of the service at most       {} MB",
            replica.process.memory("VmHWM") / 1024 / 1024
        );
        drop(replica);
        shop.database.close().await;
        harness.stop().await;
        tenths
    }

    async fn freshness(&mut self) {
        println!(
            "\nfrom the 2xx to the changed answer, two replicas, 200 webhooks and 1000 lookups a second, {} rounds",
            self.rounds
        );
        let mut p99s = Vec::new();
        for _ in 0..self.rounds {
            let harness = Harness::start_large_durable().await;
            let scale = Scale::full(Duration::from_secs(self.seconds.max(10)));
            let report = freshness::run(&harness, scale, ChangePath::Webhooks).await;
            report.figures.iter().for_each(|figure| println!("  {figure}"));
            p99s.extend(report.took.iter().map(|took| took.as_secs_f64() * 1_000.0));
            self.problems.extend(report.broken);
            self.problems.extend(report.late);
            harness.stop().await;
        }
        let p99 = Quartiles::of(&p99s);
        println!("  p99 of each round                   {} ms", p99.describe(1));
        let p99 = p99.median;
        self.goal("a webhook's change on both replicas within 100 ms, p99", p99, p99 <= 100.0);
    }

    fn expect_right(&mut self, what: &str, figures: &Figures) {
        if !figures.is_right() {
            self.problems.push(format!("{what}: {}", figures.describe()));
        }
    }

    fn goal(&mut self, what: &str, figure: f64, is_met: bool) {
        self.goals
            .push(format!("goal: {what}: {figure:.2}, {}", if is_met { "met" } else { "missed" }));
    }
}

/// Puts webhooks into an inbox, as if they had been received over HTTP.
async fn fill(shop: &Shop, deliveries: usize) {
    let parser = |source| shop.brand.rules.sources.parser(source);
    let mut webhooks = WebhookSequence::of(2, deliveries).peekable();
    while webhooks.peek().is_some() {
        let now = jiff::Timestamp::now();
        let row = |webhook: harness::webhooks::Webhook| {
            let headers: BTreeMap<String, String> =
                webhook.header.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
            let delivery =
                hookpoint::sources::Delivery { headers, body: webhook.body, received_at: now };
            let event = parser(webhook.source).meta(&delivery).event;
            let hookpoint::sources::Delivery { headers, body, .. } = delivery;
            DeliveryRow {
                delivery_id: new_id(now),
                source: webhook.source,
                event,
                headers,
                body,
                priority: 1,
                key: None,
                content: [0; 16],
                last: None,
            }
        };
        let rows: Vec<DeliveryRow> = webhooks.by_ref().take(2_000).map(row).collect();
        insert_deliveries(&shop.database.pool, shop.brand.id(), &rows, 10, None).await.unwrap();
    }
    for statement in ["vacuum analyze deliveries", "checkpoint"] {
        sqlx::raw_sql(statement).execute(&shop.database.pool).await.unwrap();
    }
}

/// Prepared requests.
struct Posts(Arc<Vec<Vec<u8>>>);

impl RequestGenerator for Posts {
    fn ask(&mut self, n: u64, request: &mut Vec<u8>) {
        request.extend_from_slice(&self.0[n as usize]);
    }

    fn is_right(&mut self, _: u64, answer: &Answer<'_>) -> bool {
        answer.status == 202
    }
}

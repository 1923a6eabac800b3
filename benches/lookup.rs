//! The cost of a lookup: the service as in production (a key, limits, metrics, a log line for every request), compared
//! with minimal programs that answer the same request.
//!
//! `cargo bench --bench lookup` runs a short form among 20,000 customers; `-- --customers 1000000 --seconds 5 --rounds
//! 5` is a long one. `-- growth --customers 5000000` compares lookups among so many customers with those among few. It
//! ends with an error if an answer was wrong or missing, and names the missed goals.
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

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use harness::baselines::{self, Baseline};
use harness::client::{CONNECTIONS, Load};
use harness::figures::{Figures, Quartiles};
use harness::lookups::{LookupTarget, Lookups};
use harness::process::children;
use harness::replica::{Replica, ReplicaSettings};
use harness::rounds::{self, Rounds};
use harness::{Harness, Shop, customers, machine};

// The baselines use the same allocator as the service.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const MB: f64 = 1024.0 * 1024.0;

/// How often the start is measured.
const STARTS: usize = 5;

/// The customers with which many are compared.
const FEW: u64 = 50_000;

/// The sizes from the arguments.
struct Size {
    customers: u64,
    seconds: u64,
    rounds: u64,
    distinct: u64,
    is_growth: bool,
}

impl Size {
    fn read() -> Self {
        let arguments: Vec<String> = std::env::args().collect();
        let number = |name: &str| {
            let at = arguments.iter().position(|argument| argument == name)?;
            Some(
                arguments
                    .get(at + 1)
                    .and_then(|number| number.parse::<u64>().ok())
                    .unwrap_or_else(|| panic!("{name} needs a number")),
            )
        };
        let customers = number("--customers").unwrap_or(20_000).max(100);
        let distinct =
            number("--distinct").unwrap_or(if customers > 20_000 { 1_000_000 } else { 50_000 });
        Self {
            customers,
            seconds: number("--seconds").unwrap_or(2).max(1),
            rounds: number("--rounds").unwrap_or(3).max(1),
            distinct,
            is_growth: arguments.iter().any(|argument| argument == "growth"),
        }
    }

    const fn round(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }
}

/// The measurements and their results.
struct Bench {
    size: Size,
    problems: Vec<String>,
    goals: Vec<String>,
}

fn main() {
    baselines::run_baseline_if_requested();
    let mut bench = Bench { size: Size::read(), problems: Vec::new(), goals: Vec::new() };
    tokio::runtime::Runtime::new().unwrap().block_on(bench.run());
    println!();
    bench.goals.iter().for_each(|goal| println!("{goal}"));
    assert!(
        bench.problems.is_empty(),
        "answers were wrong or missing:\n{}",
        bench.problems.join("\n")
    );
}

impl Bench {
    async fn run(&mut self) {
        let harness = Harness::start_large().await;
        let shop = harness.shop("shop").await;
        println!("{}", machine::describe(&shop.database.pool).await);
        let started = Instant::now();
        customers::load(&shop.database.pool, &shop.brand, self.size.customers).await;
        let Size { customers, seconds, rounds, .. } = self.size;
        println!(
            "{customers} customers (loaded in {:.0} s), answers of {} bytes; {rounds} rounds of {seconds} s, {CONNECTIONS} connections, one worker\n",
            started.elapsed().as_secs_f64(),
            customers::body(customers / 2).len()
        );
        println!("{}", rounds::head());
        if self.size.is_growth {
            self.growth(&harness, &shop).await;
        } else {
            self.cached(&harness, &shop).await;
            self.history(&harness, &shop).await;
            self.uncached(&harness, &shop).await;
            self.start(&harness, &shop).await;
            self.memory(&harness, &shop).await;
        }
        shop.database.close().await;
        harness.stop().await;
    }

    /// One customer, looked up repeatedly.
    async fn cached(&mut self, harness: &Harness, shop: &Shop) {
        println!("one customer, cached");
        let customer = self.size.customers / 2;
        let replica =
            Replica::start(harness, "remembering", &ReplicaSettings::default(), &shop.url).await;
        let floor = Baseline::bare(&harness.directory("floor"), &customers::body(customer));
        self.look_closely(replica.address, &[customer]).await;
        let (mut service, mut bare) = (Rounds::default(), Rounds::default());
        let before = replica.log_bytes();
        for _ in 0..self.size.rounds {
            self.race("remembered", replica.address, LookupTarget::One(customer), 0, &mut service)
                .await;
            self.race("bare actix-web", floor.address, LookupTarget::One(customer), 0, &mut bare)
                .await;
        }
        let bytes = (replica.log_bytes() - before) / service.latencies.count();
        println!("{}", service.describe("hookpoint"));
        println!("{}", bare.describe("actix-web alone"));
        let (ratio, line) = rounds::ratio(&service, &bare, "actix-web alone");
        println!("{line}");
        self.goal("cached answers at 0.9 of bare actix-web or more", ratio, ratio >= 0.9);
        self.at_fixed_rates(&replica, LookupTarget::One(customer)).await;
        println!("  log bytes for each request         {bytes}");
    }

    /// The same, with and without the lookup history.
    async fn history(&mut self, harness: &Harness, shop: &Shop) {
        println!("one customer, cached, with and without the lookup history");
        let customer = LookupTarget::One(self.size.customers / 2);
        let off = ReplicaSettings::default().with(|file| file.lookup.trace_days = 0);
        let with =
            Replica::start(harness, "recording", &ReplicaSettings::default(), &shop.url).await;
        let without = Replica::start(harness, "not-recording", &off, &shop.url).await;
        let (mut recording, mut silent) = (Rounds::default(), Rounds::default());
        for _ in 0..self.size.rounds {
            self.race("recorded", with.address, customer, 0, &mut recording).await;
            self.race("not recorded", without.address, customer, 0, &mut silent).await;
        }
        println!("{}", recording.describe("hookpoint"));
        println!("{}", silent.describe("hookpoint, lookup.trace_days = 0"));
        let (ratio, line) = rounds::ratio(&recording, &silent, "no history");
        println!("{line}");
        self.goal("cached answers at 0.97 of those without history or more", ratio, ratio >= 0.97);
    }

    /// Another customer each time, so that each lookup asks Postgres.
    async fn uncached(&mut self, harness: &Harness, shop: &Shop) {
        let replica = Replica::start(harness, "forgetful", &forgetful(), &shop.url).await;
        let floor = Baseline::sqlx(&shop.url, shop.brand.id());
        let of = self.size.customers;
        self.look_closely(replica.address, &[0, 1, of / 3, of / 2, of - 1]).await;
        self.look_closely(floor.address, &[0, of - 1]).await;
        println!("another customer each time, not cached");
        let pgbench = machine::find_program("pgbench")
            .map(|program| Pgbench::new(program, harness, shop, "shop", of));
        let (mut service, mut sqlx, mut postgres, mut asked) =
            (Rounds::default(), Rounds::default(), Rounds::default(), 0);
        for _ in 0..self.size.rounds {
            let more = self
                .race("not cached", replica.address, LookupTarget::Each(of), asked, &mut service)
                .await;
            let same = self
                .race("actix-web and sqlx", floor.address, LookupTarget::Each(of), asked, &mut sqlx)
                .await;
            asked += more.max(same);
            if let Some(pgbench) = &pgbench {
                postgres.rates.push(pgbench.run(self.size.seconds));
            }
        }
        println!("{}", service.describe("hookpoint"));
        println!("{}", sqlx.describe("actix-web and sqlx"));
        match pgbench {
            Some(_) => println!("{}", postgres.describe("pgbench, prepared, without HTTP")),
            None => println!("  pgbench is not installed"),
        }
        let (ratio, line) = rounds::ratio(&service, &sqlx, "sqlx");
        println!("{line}");
        self.goal("uncached customers at 2.5 of actix-web and sqlx or more", ratio, ratio >= 2.5);
        if !postgres.rates.is_empty() {
            let (ratio, line) = rounds::ratio(&service, &postgres, "pgbench");
            println!("{line}");
            self.goal("uncached customers at 1.0 of pgbench or more", ratio, ratio >= 1.0);
        }
        self.at_fixed_rates(&replica, LookupTarget::Each(of)).await;
        println!("people who don't exist, not cached");
        let mut nobody = Rounds::default();
        for _ in 0..self.size.rounds {
            let first = nobody.latencies.count();
            self.race("nobody", replica.address, LookupTarget::Nobody, first, &mut nobody).await;
        }
        println!("{}", nobody.describe("hookpoint"));
    }

    /// Uncached lookups among few customers, and among many.
    async fn growth(&mut self, harness: &Harness, shop: &Shop) {
        assert!(self.size.customers > FEW, "--customers: more than {FEW}");
        let small = harness.shop("small").await;
        customers::load(&small.database.pool, &small.brand, FEW).await;
        let mut contenders = Vec::new();
        for (shop, name, of) in [(shop, "shop", self.size.customers), (&small, "small", FEW)] {
            let replica = Replica::start(harness, name, &forgetful(), &shop.url).await;
            self.look_closely(replica.address, &[0, of / 3, of - 1]).await;
            let pgbench = machine::find_program("pgbench")
                .map(|program| Pgbench::new(program, harness, shop, name, of));
            contenders.push((replica, of, pgbench, [Rounds::default(), Rounds::default()]));
        }
        let mut asked = 0;
        for _ in 0..self.size.rounds {
            for (replica, of, pgbench, [service, postgres]) in &mut contenders {
                let target = LookupTarget::Each(*of);
                asked += self.race("not cached", replica.address, target, asked, service).await;
                if let Some(pgbench) = pgbench {
                    postgres.rates.push(pgbench.run(self.size.seconds));
                }
            }
        }
        println!("another customer each time, not cached");
        for (_, of, _, [service, postgres]) in &contenders {
            println!("{}", service.describe(&format!("hookpoint, among {of}")));
            if !postgres.rates.is_empty() {
                println!("{}", postgres.describe(&format!("pgbench, among {of}")));
            }
        }
        let [(.., many), (.., few)] = &contenders[..] else { unreachable!("two") };
        let (rate, line) = rounds::ratio(&many[0], &few[0], "few");
        println!("{line}");
        if !many[1].rates.is_empty() {
            println!("{}", rounds::ratio(&many[1], &few[1], "few, pgbench").1);
        }
        self.goal("among many customers at 0.8 of the rate or more", rate, rate >= 0.8);
        let [many, few] = [many, few].map(|[service, _]| service.latencies.percentile_ms(99.0));
        let p99 = many / few;
        self.goal("among many customers p99 at 1.5 times or less", p99, p99 <= 1.5);
        drop(contenders);
        small.database.close().await;
    }

    /// How long the service takes to be ready, with a migrated database, and its memory a second later.
    async fn start(&mut self, harness: &Harness, shop: &Shop) {
        let (mut seconds, mut megabytes) = (Vec::new(), Vec::new());
        for start in 0..STARTS {
            let began_at = Instant::now();
            let name = format!("starting-{start}");
            let replica =
                Replica::start(harness, &name, &ReplicaSettings::default(), &shop.url).await;
            seconds.push(began_at.elapsed().as_secs_f64());
            tokio::time::sleep(Duration::from_secs(1)).await;
            megabytes.push(replica.process.memory("VmRSS") as f64 / MB);
        }
        let [seconds, megabytes] = [&seconds, &megabytes].map(|figures| Quartiles::of(figures));
        println!("start until it is ready, {STARTS} times");
        println!("  time                               {} s", seconds.describe(2));
        println!("  memory at rest                     {} MB", megabytes.describe(1));
        self.goal("ready within 0.5 s", seconds.median, seconds.median <= 0.5);
        let at_rest = megabytes.median;
        self.goal("memory at rest of 40 MB or less", at_rest, at_rest <= 40.0);
    }

    /// Memory after lookups of very many customers.
    async fn memory(&mut self, harness: &Harness, shop: &Shop) {
        let replica =
            Replica::start(harness, "remembering-all", &ReplicaSettings::default(), &shop.url)
                .await;
        let everybody = Lookups::new(LookupTarget::Everybody(self.size.customers));
        let load = Load::as_fast_as_possible(replica.address, Duration::from_secs(3_600))
            .requests(self.size.distinct);
        let (figures, _) = load.start(everybody).wait().await;
        self.expect_right("everybody once", &figures);
        let [now, most] =
            ["VmRSS", "VmHWM"].map(|figure| replica.process.memory(figure) as f64 / MB);
        println!("memory, with the default cache of 64 MB");
        println!(
            "  after {:>9} different lookups  {now:.0} MB, {most:.0} MB at most",
            self.size.distinct
        );
    }

    /// Sends requests as fast as possible for one round. Returns their number.
    async fn race(
        &mut self,
        what: &str,
        address: SocketAddr,
        target: LookupTarget,
        first: u64,
        rounds: &mut Rounds,
    ) -> u64 {
        // The first requests open connections and fill caches.
        let warm_up =
            Load::as_fast_as_possible(address, Duration::from_millis(200)).from(first + (1 << 32));
        self.expect_right(what, &warm_up.start(Lookups::new(target)).wait().await.0);
        let (figures, _) = Load::as_fast_as_possible(address, self.size.round())
            .from(first)
            .start(Lookups::new(target))
            .wait()
            .await;
        self.expect_right(what, &figures);
        rounds.add(&figures);
        figures.asked
    }

    async fn at_fixed_rates(&mut self, replica: &Replica, target: LookupTarget) {
        for per_second in [1_000, 5_000] {
            let load = Load::at_rate(replica.address, per_second, self.size.round());
            let (figures, _) = load.start(Lookups::new(target)).wait().await;
            self.expect_right("a fixed rate", &figures);
            let mut rounds = Rounds::default();
            rounds.add(&figures);
            println!("{}", rounds.describe(&format!("hookpoint, {per_second} due each second")));
        }
    }

    /// Compares the whole answer of some customers, byte by byte.
    async fn look_closely(&mut self, address: SocketAddr, customers: &[u64]) {
        for customer in customers {
            let asker = harness::lookups::Exactly {
                lookups: Lookups::new(LookupTarget::One(*customer)),
                body: customers::body(*customer),
            };
            let (figures, _) = Load::as_fast_as_possible(address, Duration::from_secs(10))
                .requests(1)
                .start(asker)
                .wait()
                .await;
            self.expect_right("a whole answer", &figures);
        }
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

/// The settings of a service without a cache.
fn forgetful() -> ReplicaSettings {
    ReplicaSettings::default().with(|file| file.lookup.cache_megabytes = 0)
}

/// The baseline's query, run by Postgres's own client: the cost without HTTP.
struct Pgbench {
    program: PathBuf,
    script: PathBuf,
    socket: PathBuf,
    postmaster: u32,
    database: &'static str,
}

impl Pgbench {
    fn new(
        program: PathBuf,
        harness: &Harness,
        shop: &Shop,
        database: &'static str,
        customers: u64,
    ) -> Self {
        let script = harness.directory(&format!("pgbench-{database}")).join("script.sql");
        let query = baselines::ONE_ROW
            .replace("$1", &shop.brand.id().to_string())
            .replace("$2", "'c' || :n || '@example.org'")
            .replace('\n', " ");
        std::fs::write(&script, format!("\\set n random(0, {})\n{query};\n", customers - 1))
            .unwrap();
        let postmaster = harness.postmaster().unwrap();
        Self { program, script, socket: harness.socket(), postmaster, database }
    }

    /// The rate. Then waits, for at most 10 seconds, until the processes that Postgres started meanwhile have ended: with
    /// much shared memory, that takes longer than `pgbench` itself, and would slow what is measured next.
    fn run(&self, seconds: u64) -> f64 {
        let before = children(self.postmaster);
        let rate = self.measure(seconds);
        let deadline = Instant::now() + Duration::from_secs(10);
        let mut ending = children(self.postmaster);
        ending.retain(|child| !before.contains(child));
        while !ending.is_empty() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(20));
            let running = children(self.postmaster);
            ending.retain(|child| running.contains(child));
        }
        rate
    }

    fn measure(&self, seconds: u64) -> f64 {
        let mut command = Command::new(&self.program);
        command.args(["-n", "-M", "prepared", "-j", "1", "-U", "hookpoint"]).args([
            "-c",
            &CONNECTIONS.to_string(),
            "-T",
            &seconds.to_string(),
        ]);
        let output = command
            .arg("-f")
            .arg(&self.script)
            .arg("-h")
            .arg(&self.socket)
            .arg(self.database)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let rate = text
            .lines()
            .find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse().ok());
        rate.unwrap_or_else(|| panic!("pgbench: {}", String::from_utf8_lossy(&output.stderr)))
    }
}

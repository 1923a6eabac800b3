//! What a brand would write instead: the same lookup in Fastify, in Express and in FastAPI, and the least that actix-web
//! needs for it. One run, in turns, with the answers of the cache and without a cache.
//!
//! `cargo bench --bench peers -- --fetch` fetches the others from npm and pip, into `target/peers`. Without `--fetch`, those
//! that were fetched before take part. `--customers 100000 --seconds 3 --rounds 5` is a long form.
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

#[path = "../../tests/harness/mod.rs"]
mod harness;

use std::any::Any;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use harness::baselines::{self, Baseline};
use harness::client::{CONNECTIONS, Load};
use harness::lookups::{LookupTarget, Lookups};
use harness::replica::{Replica, ReplicaSettings};
use harness::rounds::{self, Rounds};
use harness::{Harness, KEY, Shop, customers, machine};

// The baselines use the same allocator as the service.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How long a program has to open its connections and fill its cache.
const WARM_UP: Duration = Duration::from_secs(1);

fn number(name: &str, otherwise: u64) -> u64 {
    let arguments: Vec<String> = std::env::args().collect();
    let at = arguments.iter().position(|argument| argument == name);
    at.map_or(otherwise, |at| arguments[at + 1].parse().expect("a number"))
}

fn main() {
    baselines::run_baseline_if_requested();
    tokio::runtime::Runtime::new().unwrap().block_on(run());
}

async fn run() {
    let peers = Peers::find(std::env::args().any(|argument| argument == "--fetch"));
    let customers = number("--customers", 20_000);
    let harness = Harness::start_large().await;
    let shop = harness.shop("shop").await;
    println!("{}", machine::describe(&shop.database.pool).await);
    customers::load(&shop.database.pool, &shop.brand, customers).await;
    println!(
        "{customers} customers, answers of {} bytes, {CONNECTIONS} connections, one worker each\n",
        customers::body(customers / 2).len()
    );
    println!("{}", rounds::head());
    let target = LookupTarget::One(customers / 2);
    let body = customers::body(customers / 2);
    let floor = Baseline::bare(&harness.directory("floor"), &body);
    race("from the cache", target, peers.contenders("cached", &harness, &shop, floor).await).await;
    let floor = Baseline::sqlx(&shop.url, shop.brand.id());
    let target = LookupTarget::Each(customers);
    race("without a cache", target, peers.contenders("uncached", &harness, &shop, floor).await)
        .await;
    shop.database.close().await;
    harness.stop().await;
}

/// A program that takes part.
struct Contender {
    name: &'static str,
    address: SocketAddr,
    rounds: Rounds,
    /// It runs as long as this is kept.
    _running: Box<dyn Any>,
}

/// Lets all programs answer in turns, and prints the table.
async fn race(what: &str, target: LookupTarget, mut contenders: Vec<Contender>) {
    println!("{what}");
    let round = Duration::from_secs(number("--seconds", 2));
    let mut first = 0;
    for contender in &contenders {
        load(contender.address, WARM_UP, target, 1 << 32).await;
    }
    for _ in 0..number("--rounds", 3) {
        for contender in &mut contenders {
            let figures = load(contender.address, round, target, first).await;
            contender.rounds.add(&figures);
            first += figures.asked;
        }
    }
    let (service, others) = contenders.split_first().unwrap();
    println!("{}", service.rounds.describe(service.name));
    for other in others {
        println!("{}", other.rounds.describe(other.name));
        println!("{}", rounds::ratio(&service.rounds, &other.rounds, other.name).1);
    }
}

async fn load(
    address: SocketAddr,
    time: Duration,
    target: LookupTarget,
    first: u64,
) -> harness::figures::Figures {
    let load = Load::as_fast_as_possible(address, time).from(first);
    let (figures, _) = load.start(Lookups::new(target)).wait().await;
    assert!(figures.is_right(), "{}", figures.describe());
    figures
}

/// The programs in other languages that can be started.
struct Peers {
    node: Option<PathBuf>,
    python: Option<PathBuf>,
}

impl Peers {
    /// Those that are fetched. With `fetch`, they are fetched first.
    fn find(fetch: bool) -> Self {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/peers");
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers");
        std::fs::create_dir_all(&directory).unwrap();
        for file in std::fs::read_dir(&from).unwrap().flatten() {
            if file.path().extension().is_none_or(|extension| extension != "rs") {
                std::fs::copy(file.path(), directory.join(file.file_name())).unwrap();
            }
        }
        let python = directory.join("venv/bin/python");
        if fetch {
            run_in(&directory, "npm", &["ci", "--silent", "--no-audit", "--no-fund"]);
            run_in(&directory, "python3", &["-m", "venv", "venv"]);
            let install = ["-m", "pip", "install", "--quiet", "-r", "requirements.txt"];
            run_in(&directory, python.to_str().unwrap(), &install);
        }
        let node = directory.join("node_modules").is_dir().then(|| directory.clone());
        let python = python.is_file().then_some(directory);
        if node.is_none() || python.is_none() {
            println!(
                "Fastify, Express or FastAPI are not fetched: add -- --fetch to compare them."
            );
        }
        Self { node, python }
    }

    /// The service, the baseline, and the others.
    async fn contenders(
        &self,
        mode: &str,
        harness: &Harness,
        shop: &Shop,
        floor: Baseline,
    ) -> Vec<Contender> {
        let settings = match mode {
            "cached" => ReplicaSettings::default(),
            _ => ReplicaSettings::default().with(|file| file.lookup.cache_megabytes = 0),
        };
        let replica = Replica::start(harness, mode, &settings, &shop.url).await;
        let floor_name = if mode == "cached" { "actix-web alone" } else { "actix-web and sqlx" };
        let brand_id = shop.brand.id().to_string();
        let arguments = [mode, &shop.url, &brand_id, KEY];
        let mut all = vec![
            Contender::new("hookpoint", replica.address, replica),
            Contender::new(floor_name, floor.address, floor),
        ];
        for (name, program, file, directory) in [
            ("Fastify", "node", "fastify.mjs", &self.node),
            ("Express", "node", "express.mjs", &self.node),
            ("FastAPI", "venv/bin/python", "fastapi_server.py", &self.python),
        ] {
            let Some(directory) = directory else { continue };
            let program = match program {
                "node" => PathBuf::from(program),
                other => directory.join(other),
            };
            let mut command = Command::new(program);
            command.current_dir(directory).arg(file).args(arguments);
            let peer = Baseline::start(command.env("NODE_ENV", "production"));
            all.push(Contender::new(name, peer.address, peer));
        }
        all
    }
}

impl Contender {
    fn new(name: &'static str, address: SocketAddr, running: impl Any) -> Self {
        Self { name, address, rounds: Rounds::default(), _running: Box::new(running) }
    }
}

fn run_in(directory: &Path, program: &str, arguments: &[&str]) {
    let status = Command::new(program).args(arguments).current_dir(directory).status();
    let is_done = status.is_ok_and(|status| status.success());
    assert!(is_done, "{program} {} failed", arguments.join(" "));
}

//! The instructions of one cached lookup, by part: of the service as in production (a key, limits, metrics, a log line,
//! the history), and of actix-web alone with the same bytes.
//!
//! `cargo bench --bench instructions` needs valgrind, and programs with symbols: the profile must not strip them. It
//! counts what the programs execute, without the kernel. It measures no time, so other programs hardly change the counts.
//! Each program is started and counted twice, and both counts are printed. The benchmark ends with an error if an answer
//! was wrong, if a function of a part was not found, or if the two counts differ by more than 1%.
//!
//! Two parts take more instructions here than on most processors. valgrind imitates a processor without instructions for
//! SHA, so the key takes more. And it counts an instruction that fills memory once for each byte: actix-web clears 6,144
//! bytes in this way to read a request.
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

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use harness::baselines::{self, Baseline};
use harness::client::Load;
use harness::lookups::{Exactly, LookupTarget, Lookups};
use harness::process::Process;
use harness::replica::{Replica, ReplicaSettings};
use harness::{Harness, Shop, customers, machine};

// The baselines use the same allocator as the service.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const CUSTOMERS: u64 = 1_000;

/// The customer that is looked up.
const CUSTOMER: u64 = CUSTOMERS / 2;

/// Lookups that fill caches before anything is counted.
const WARM_UP: u64 = 500;

/// Lookups that are counted.
const LOOKUPS: u64 = 2_000;

/// How long the lookups may take, and then the writing of their history.
const TIMEOUT: Duration = Duration::from_secs(300);

/// How much two counts may differ, in percent.
const MAX_DIFFERENCE: f64 = 1.0;

/// The parts of a lookup: a name, and the beginnings of the names of functions. A part is what these functions and the
/// functions that they call execute. No function of a part may call one of another part, so parts can be added. A
/// function must not be inlined, or it is not found.
const PARTS: [(&str, &[&str]); 14] = [
    (
        "reading the request",
        &["<actix_http::h1::codec::Codec as tokio_util::codec::decoder::Decoder>::decode"],
    ),
    (
        "span and request id",
        &[
            "<hookpoint::http::middleware::HookpointSpan as",
            "<tracing::span::Inner as core::clone::Clone>::clone",
            "core::ptr::drop_in_place<tracing::span::Span>",
            "tracing::span::Span::current",
            "tracing_actix_web::request_id::RequestId::generate",
            "tracing_core::dispatcher::Dispatch::enter",
            "tracing_core::dispatcher::Dispatch::exit",
        ],
    ),
    ("routes", &["<actix_web::app_service::AppRouting as actix_service::Service"]),
    ("caller's address", &["hookpoint::http::client_ip::Proxies::caller"]),
    (
        "query string",
        &["hookpoint::lookup::query::Query::split", "hookpoint::lookup::query::Query::asked"],
    ),
    ("key", &["hookpoint::lookup::handler::LookupService::live_key"]),
    ("limits", &["hookpoint::http::rate_limits::KeyLimits::check_lookup"]),
    (
        "cache",
        &[
            "hookpoint::lookup::cache::AnswerCache::fresh",
            "hookpoint::storage::invalidation::LookupHash::new",
        ],
    ),
    ("headers", &["hookpoint::http::middleware::add_headers"]),
    ("metrics", &["hookpoint::http::request_metrics::count"]),
    ("log line", &["hookpoint::http::request_log::RequestLog::log_lookup"]),
    ("passing on to the history", &["hookpoint::lookup::history::LookupHistory::record"]),
    (
        "starting the response",
        &[
            "actix_web::response::builder::HttpResponseBuilder::insert_header",
            "actix_web::response::http_codes::",
        ],
    ),
    (
        "writing the response",
        &["<actix_http::h1::codec::Codec as tokio_util::codec::encoder::Encoder"],
    ),
];

fn main() {
    baselines::run_baseline_if_requested();
    if ["valgrind", "callgrind_control"].map(machine::find_program).contains(&None) {
        println!(
            "This benchmark needs the programs valgrind and callgrind_control: install valgrind."
        );
        std::process::exit(1);
    }
    let problems = tokio::runtime::Runtime::new().unwrap().block_on(run());
    assert!(problems.is_empty(), "the counts are wrong:\n{}", problems.join("\n"));
}

async fn run() -> Vec<String> {
    let harness = Harness::start_large().await;
    let shop = harness.shop("shop").await;
    println!("{}", machine::describe(&shop.database.pool).await);
    customers::load(&shop.database.pool, &shop.brand, CUSTOMERS).await;
    let (mut service, mut bare) = (Vec::new(), Vec::new());
    for run in 1..=2 {
        service.push(count_service(&harness, &shop, &format!("service-{run}")).await);
        bare.push(count_bare(&harness, &format!("bare-{run}")).await);
    }
    shop.database.close().await;
    harness.stop().await;
    print(&service, &bare);
    problems(&service, &bare)
}

/// Prints the table: both runs of the service, and both of actix-web alone.
fn print(service: &[Count], bare: &[Count]) {
    let line = |name: &str, of: &dyn Fn(&Count) -> Option<u64>| {
        let [service, bare] = [(service, "not found"), (bare, "-")].map(|(runs, nothing)| {
            let of_lookup =
                |run| of(run).map_or_else(|| nothing.to_owned(), |all| (all / LOOKUPS).to_string());
            runs.iter().map(of_lookup).collect::<Vec<_>>().join("  ")
        });
        println!("{name:<32}  {service:>22}  {bare:>22}");
    };
    println!(
        "{LOOKUPS} cached lookups on one connection, answers of {} bytes",
        customers::body(CUSTOMER).len()
    );
    println!(
        "instructions for each, in two runs, without the kernel and as without SHA instructions\n"
    );
    println!("{:<32}  {:>22}  {:>22}", "", "service", "actix-web alone");
    for (name, functions) in PARTS {
        line(name, &|run| run.part(functions));
    }
    line("everything else", &|run| Some(run.answering - run.functions.values().sum::<u64>()));
    line("all of the answering thread", &|run| Some(run.answering));
    line("other threads, with the history", &|run| Some(run.others));
}

/// Functions that were not found, and counts that differ too much.
fn problems(service: &[Count], bare: &[Count]) -> Vec<String> {
    let mut problems = Vec::new();
    for function in PARTS.iter().flat_map(|(_, functions)| *functions) {
        if service.iter().any(|run| !run.functions.contains_key(function)) {
            problems.push(format!("not found (renamed, inlined, or without symbols): {function}"));
        }
    }
    for (name, runs) in [("service", service), ("actix-web alone", bare)] {
        let [one, other] = [&runs[0], &runs[1]].map(|run| run.answering as f64);
        let percent = (one - other).abs() / one * 100.0;
        if percent > MAX_DIFFERENCE {
            problems.push(format!("{name}: the two counts differ by {percent:.1}%"));
        }
    }
    problems
}

/// Counts lookups of the service.
async fn count_service(harness: &Harness, shop: &Shop, name: &str) -> Count {
    let directory = harness.directory(name);
    let settings = ReplicaSettings { launcher: launcher(&directory), ..Default::default() };
    let replica = Replica::start(harness, name, &settings, &shop.url).await;
    count(&replica.process, replica.address, &directory, Some(shop)).await
}

/// Counts requests of actix-web alone.
async fn count_bare(harness: &Harness, name: &str) -> Count {
    let directory = harness.directory(name);
    let body = customers::body(CUSTOMER);
    let bare = Baseline::bare_launched(&launcher(&directory), &directory, &body);
    count(&bare.process, bare.address, &directory, None).await
}

/// The command that runs a program in valgrind. At first, nothing is counted.
fn launcher(directory: &Path) -> Vec<String> {
    let counts = format!("--callgrind-out-file={}", directory.join("counts").display());
    let options =
        ["--instr-atstart=no", "--separate-threads=yes", "--collect-jumps=no", counts.as_str()];
    let command = ["valgrind", "-q", "--tool=callgrind"].into_iter().chain(options);
    command.map(str::to_owned).collect()
}

/// Counts lookups, after some that fill caches.
async fn count(
    process: &Process,
    address: SocketAddr,
    directory: &Path,
    recorded_in: Option<&Shop>,
) -> Count {
    ask(address, WARM_UP, recorded_in).await;
    control(process, "--instr=on");
    ask(address, LOOKUPS, recorded_in).await;
    control(process, "--instr=off");
    control(process, "--dump");
    Count::read(directory)
}

/// Sends lookups one after the other. Then it waits until the service has recorded all of them.
async fn ask(address: SocketAddr, lookups: u64, recorded_in: Option<&Shop>) {
    let before = recorded(recorded_in).await;
    let asker = Exactly {
        lookups: Lookups::new(LookupTarget::One(CUSTOMER)),
        body: customers::body(CUSTOMER),
    };
    let load = Load::as_fast_as_possible(address, TIMEOUT).over(1).requests(lookups);
    let (figures, _) = load.start(asker).wait().await;
    assert!(figures.is_right(), "answers were wrong or missing: {}", figures.describe());
    let deadline = Instant::now() + TIMEOUT;
    while recorded_in.is_some() && recorded(recorded_in).await < before + lookups {
        assert!(Instant::now() < deadline, "the lookups were not recorded");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The number of recorded lookups.
async fn recorded(shop: Option<&Shop>) -> u64 {
    let Some(shop) = shop else { return 0 };
    let (lookups,): (i64,) = sqlx::query_as("select count(*) from lookup_history")
        .fetch_one(&shop.database.pool)
        .await
        .unwrap();
    lookups as u64
}

fn control(process: &Process, action: &str) {
    let mut command = Command::new("callgrind_control");
    let output = command.arg(action).arg(process.id().to_string()).output().unwrap();
    assert!(output.status.success(), "callgrind_control {action}: {output:?}");
}

/// The instructions of a run.
#[derive(Default)]
struct Count {
    /// All that the thread executed that answers.
    answering: u64,
    /// All that other threads executed.
    others: u64,
    /// By part, all that the thread executed that answers.
    functions: HashMap<&'static str, u64>,
}

impl Count {
    /// The instructions of a part. `None` if one of its functions was not found.
    fn part(&self, functions: &[&str]) -> Option<u64> {
        functions.iter().map(|function| self.functions.get(function)).sum()
    }

    fn read(directory: &Path) -> Self {
        let files = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
        let counts = files.filter(|file| file.file_stem().is_some_and(|stem| stem == "counts"));
        let mut threads: Vec<Self> = counts.map(|file| Self::of_thread(&file)).collect();
        threads.sort_by_key(|thread| thread.answering);
        let answering = threads.pop().expect("callgrind writes a file for each thread");
        Self { others: threads.iter().map(|thread| thread.answering).sum(), ..answering }
    }

    /// The instructions of a thread, from its file in the format of callgrind.
    fn of_thread(file: &Path) -> Self {
        let text = std::fs::read_to_string(file).unwrap();
        let mut count = Self::default();
        // A name has a number where it occurs first. Later there is only the number.
        let mut names = HashMap::new();
        let mut function = |name: &str| {
            let (number, name) = name.split_once(')').unwrap();
            *names.entry(number.to_owned()).or_insert_with(|| part(name.trim_start()))
        };
        let (mut caller, mut called, mut is_call) = (None, None, false);
        for line in text.lines() {
            if let Some(name) = line.strip_prefix("fn=") {
                caller = function(name);
            } else if let Some(name) = line.strip_prefix("cfn=") {
                called = function(name);
            } else if line.starts_with("calls=") {
                is_call = true;
            } else if let Some(total) = line.strip_prefix("totals: ") {
                count.answering = total.parse().unwrap();
            } else if line
                .starts_with(|first: char| first.is_ascii_digit() || "+-*".contains(first))
            {
                let instructions: u64 = line.rsplit(' ').next().unwrap().parse().unwrap();
                if is_call
                    && let Some((part, name)) = called
                    && caller.is_none_or(|(other, _)| other != part)
                {
                    *count.functions.entry(name).or_default() += instructions;
                }
                is_call = false;
            }
        }
        count
    }
}

/// The part of a function: the position of the part, and the beginning of the function's name.
fn part(name: &str) -> Option<(usize, &'static str)> {
    PARTS.iter().enumerate().find_map(|(part, (_, functions))| {
        Some((part, *functions.iter().find(|function| name.starts_with(**function))?))
    })
}

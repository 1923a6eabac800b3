//! The slowest lookups: at 1,000 a second and at half of the highest rate, from the cache and not, while webhooks come in
//! and are applied.
//!
//! `cargo bench --bench tails` runs a short form; `-- --seconds 300` is a long one. With `-- --busy`, another program also
//! keeps a processor busy. It ends with an error if an answer was wrong or missing, and names the missed goals.
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

use std::process::{Command, Stdio};
use std::time::Duration;

use harness::client::{Answer, Load, RequestGenerator};
use harness::figures::Figures;
use harness::inbox::BRAND;
use harness::lookups::{LookupTarget, Lookups};
use harness::process::Process;
use harness::replica::{Replica, ReplicaSettings};
use harness::webhooks::sequence::WebhookSequence;
use harness::webhooks::signing;
use harness::{Harness, customers, machine};

const CUSTOMERS: u64 = 20_000;

/// How long the highest rate is measured.
const PEAK: Duration = Duration::from_secs(2);

/// Webhooks due each second.
const WEBHOOKS: u32 = 200;

/// The goals for 999 of 1,000 lookups, in milliseconds.
const CACHED_GOAL_MS: f64 = 2.0;
const UNCACHED_GOAL_MS: f64 = 5.0;

/// The argument with which this program keeps a processor busy.
const BUSY: &str = "keep-busy";

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if arguments.get(1).is_some_and(|argument| argument == BUSY) {
        loop {
            std::hint::spin_loop();
        }
    }
    let at = arguments.iter().position(|argument| argument == "--seconds");
    let seconds = at.map_or(10, |at| arguments[at + 1].parse().expect("a number"));
    let busy = arguments.iter().any(|argument| argument == "--busy").then(busy_process);
    let harness = Harness::start_durable().await;
    println!(
        "each rate for {seconds} s, {WEBHOOKS} webhooks a second{}\n",
        if busy.is_some() { ", beside a busy program" } else { "" }
    );
    let mut problems = Vec::new();
    for (what, cache_megabytes, target, goal) in [
        ("cached", 64, LookupTarget::One(CUSTOMERS / 2), CACHED_GOAL_MS),
        ("uncached", 0, LookupTarget::Each(CUSTOMERS), UNCACHED_GOAL_MS),
    ] {
        let settings = ReplicaSettings::receiving(BRAND)
            .with(|file| file.lookup.cache_megabytes = cache_megabytes);
        let shop = harness.shop_of(what, BRAND).await;
        if cache_megabytes > 0 {
            println!("{}", machine::describe(&shop.database.pool).await);
        }
        customers::load(&shop.database.pool, &shop.brand, CUSTOMERS).await;
        let replica = Replica::start(&harness, what, &settings, &shop.url).await;
        let peak = Load::as_fast_as_possible(replica.address, PEAK);
        let peak = peak.start(Lookups::new(target)).wait().await.0.per_second();
        println!("{what}, at most {peak:.0} a second");
        for rate in [1_000, (peak / 2.0) as u32] {
            let time = Duration::from_secs(seconds);
            let webhooks = Load::at_rate(replica.address, WEBHOOKS, time)
                .start(Webhooks(WebhookSequence::new(u64::from(rate), 1_000)));
            let lookups = Load::at_rate(replica.address, rate, time);
            let figures = lookups.start(Lookups::new(target)).wait().await.0;
            let received = webhooks.wait().await.0;
            problems.extend(report(rate, &figures, goal));
            if !received.is_right() {
                problems.push(format!("webhooks: {}", received.describe()));
            }
        }
        drop(replica);
        shop.database.close().await;
    }
    drop(busy);
    harness.stop().await;
    assert!(problems.is_empty(), "answers were wrong or missing:\n{}", problems.join("\n"));
}

/// This program, in a process that only computes.
fn busy_process() -> Process {
    let mut command = Command::new(std::env::current_exe().unwrap());
    Process::start(command.arg(BUSY).stdout(Stdio::null()))
}

/// Prints the latencies at a rate, and whether they meet the goal. Returns what was wrong.
fn report(rate: u32, figures: &Figures, goal: f64) -> Option<String> {
    let percentile = |percent| figures.latencies.percentile_ms(percent);
    let (p50, p99, p999) = (percentile(50.0), percentile(99.0), percentile(99.9));
    let is_met = if p999 <= goal { "met" } else { "missed" };
    println!(
        "  {rate:>6} due each second  p50 {p50:.2} ms, p99 {p99:.2} ms, p99.9 {p999:.2} ms, at most {:.1} ms (goal for p99.9: {goal} ms, {is_met})",
        figures.latencies.max_ms()
    );
    for stall in &figures.stalls {
        let [begin, length] = [stall.begin, stall.length].map(|time| time.as_secs_f64());
        println!("         late answers after {begin:.1} s, for {:.0} ms", length * 1_000.0);
    }
    (!figures.is_right()).then(|| format!("{rate} a second: {}", figures.describe()))
}

/// Signed webhooks of all systems, each of which comes once.
struct Webhooks(WebhookSequence);

impl RequestGenerator for Webhooks {
    fn ask(&mut self, _: u64, request: &mut Vec<u8>) {
        signing::write("shop", &self.0.next().unwrap(), request);
    }

    fn is_right(&mut self, _: u64, answer: &Answer<'_>) -> bool {
        answer.status == 202
    }
}

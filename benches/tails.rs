//! The slowest lookups: at 1,000 a second and at half of the highest rate, from the cache and not, while webhooks come in
//! and are applied.
//!
//! `cargo bench --bench tails` runs a short form; `-- --seconds 60 --rounds 5` is a long one. With `-- --busy`, another
//! program also keeps a processor busy. It ends with an error if an answer was wrong or missing, and names the missed goals.
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
use std::sync::{Arc, Mutex};
use std::time::Duration;

use harness::client::{Answer, Load, RequestGenerator};
use harness::figures::{Figures, Latencies, Quartiles, Stall};
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

/// The most stalls that are printed of each rate.
const MOST_STALLS: usize = 20;

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
    let number = |name: &str, usual: u64| {
        let at = arguments.iter().position(|argument| argument == name);
        at.map_or(usual, |at| arguments[at + 1].parse().expect("a number"))
    };
    let (seconds, rounds) = (number("--seconds", 10), number("--rounds", 1).max(1));
    let busy = arguments.iter().any(|argument| argument == "--busy").then(busy_process);
    let harness = Harness::start_large_durable().await;
    println!(
        "each rate {rounds} times for {seconds} s, in turns, {WEBHOOKS} webhooks a second{}\n",
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
        let mut rates = [1_000, (peak / 2.0) as u32].map(|rate| (rate, Rate::default()));
        let applied = "select not exists (select from deliveries where state = 'pending')";
        let webhooks = Webhooks(Arc::new(Mutex::new(WebhookSequence::new(1, 1_000))));
        for _ in 0..rounds {
            for (rate, all) in &mut rates {
                // A round does not apply the webhooks of the one before.
                while !sqlx::query_as::<_, (bool,)>(applied)
                    .fetch_one(&shop.database.pool)
                    .await
                    .unwrap()
                    .0
                {
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
                let time = Duration::from_secs(seconds);
                let webhooks =
                    Load::at_rate(replica.address, WEBHOOKS, time).start(webhooks.clone());
                let lookups = Load::at_rate(replica.address, *rate, time);
                let figures = lookups.start(Lookups::new(target)).wait().await.0;
                let received = webhooks.wait().await.0;
                all.add(&figures);
                for (what, figures) in
                    [(format!("{rate} a second"), figures), ("webhooks".to_owned(), received)]
                {
                    if !figures.is_right() {
                        problems.push(format!("{what}: {}", figures.describe()));
                    }
                }
            }
        }
        rates.iter().for_each(|(rate, all)| all.report(*rate, goal));
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

/// The rounds of a rate.
#[derive(Default)]
struct Rate {
    latencies: Latencies,
    // Of each round, in milliseconds.
    p999s: Vec<f64>,
    stalls: Vec<Stall>,
}

impl Rate {
    fn add(&mut self, figures: &Figures) {
        self.latencies.add(&figures.latencies);
        self.p999s.push(figures.latencies.percentile_ms(99.9));
        self.stalls.extend(&figures.stalls);
    }

    /// Prints the latencies of all rounds, and whether they meet the goal.
    fn report(&self, rate: u32, goal: f64) {
        let [p50, p99, p999] =
            [50.0, 99.0, 99.9].map(|percent| self.latencies.percentile_ms(percent));
        let is_met = if p999 <= goal { "met" } else { "missed" };
        println!(
            "  {rate:>6} due each second  p50 {p50:.2} ms, p99 {p99:.2} ms, p99.9 {p999:.2} ms, at most {:.1} ms (goal for p99.9: {goal} ms, {is_met})",
            self.latencies.max_ms()
        );
        println!(
            "         p99.9 of the rounds {} ms; {} stalls, of which the longest follow",
            Quartiles::of(&self.p999s).describe(1),
            self.stalls.len()
        );
        let mut longest = self.stalls.clone();
        longest.sort_by_key(|stall| std::cmp::Reverse(stall.length));
        for stall in longest.iter().take(MOST_STALLS) {
            let [begin, length] = [stall.begin, stall.length].map(|time| time.as_secs_f64());
            println!(
                "         in a round, after {begin:.1} s: late answers for {:.0} ms",
                length * 1_000.0
            );
        }
    }
}

/// Signed webhooks of all systems. All rounds send from the same sequence, so that each comes once.
#[derive(Clone)]
struct Webhooks(Arc<Mutex<WebhookSequence>>);

impl RequestGenerator for Webhooks {
    fn ask(&mut self, _: u64, request: &mut Vec<u8>) {
        signing::write("shop", &self.0.lock().unwrap().next().unwrap(), request);
    }

    fn is_right(&mut self, _: u64, answer: &Answer<'_>) -> bool {
        answer.status == 202
    }
}

//! The service's promises during changes, failures and restarts: answers are fresh and never fail, and no webhook is
//! lost.
//!
//! `cargo bench --bench resilience` runs a short form; `-- --seconds 60` is the long one. `-- freshness`, `-- outage`,
//! `-- restart`, `-- inbox`, `-- collect`, `-- runs`, `-- rate-limit`, `-- hanging` and `-- decisions` run one scenario.
//! `--balancer own` or `--balancer haproxy` selects the balancer of `restart` (default: first the own one, then haproxy
//! if it is installed). `inbox` sends 20,000 webhooks, kills 50 times and restarts Postgres 6 times, in any form;
//! `--webhooks`, `--kills`, `--restarts` and `--seed` change that. It ends with an error if a promise is broken.
//!
//! `-- failover` runs only if it is named, for some twelve minutes: the primary of a cluster of three is killed five
//! times, frozen twice and cut off twice; `--failovers 1,1,1` sets these numbers. It needs `patroni`, `etcd` and
//! Postgres on the machine. If one is missing, it says so and does not run.
//!
//! `-- chaos` also runs only if it is named: all faults together, for `--minutes 30`, with the schedule of `--seed 1`.
//! It mounts a disk of its own to fill it, and uses `libfaketime` to give replicas wrong clocks. It says so if it
//! cannot.
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

use std::time::Duration;

use harness::chaos::schedule::Round;
use harness::chaos::{self, Chaos};
use harness::failover::Failovers;
use harness::freshness::ChangePath;
use harness::inbox::KillScenario;
use harness::report::{Report, Scale};
use harness::restart::LoadBalancer;
use harness::sync_runs::Collection;
use harness::{
    Harness, decisions, failover, freshness, hanging_sources, inbox, machine, outage, patroni,
    restart, sync_runs,
};

fn main() {
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let value = |name: &str| {
        arguments
            .iter()
            .position(|argument| argument == name)
            .and_then(|at| arguments.get(at + 1))
            .map(String::as_str)
    };
    let number = |name: &str, usual: usize| {
        value(name)
            .map_or(usual, |text| text.parse().unwrap_or_else(|_| panic!("{name} needs a number")))
    };
    let seconds = number("--seconds", 8) as u64;
    let load_balancers = match value("--balancer") {
        Some("own") => vec![LoadBalancer::Own],
        Some("haproxy") => vec![LoadBalancer::Haproxy],
        Some(other) => panic!("--balancer is own or haproxy, not {other}"),
        None if machine::find_program("haproxy").is_some() => {
            vec![LoadBalancer::Own, LoadBalancer::Haproxy]
        }
        None => vec![LoadBalancer::Own],
    };
    let full = KillScenario::FULL;
    let scenario = KillScenario {
        webhooks: number("--webhooks", full.webhooks),
        kills: number("--kills", full.kills),
        restarts: number("--restarts", full.restarts),
        kills_that_matter: number("--kills", full.kills) * full.kills_that_matter / full.kills,
        seed: number("--seed", full.seed as usize) as u64,
        ..full
    };
    let collection = Collection {
        contacts: number("--contacts", Collection::FULL.contacts),
        ..Collection::FULL
    };
    let failovers = value("--failovers").map_or(Failovers::FULL, |text| {
        Failovers::parse(text).unwrap_or_else(|| {
            panic!(
                "--failovers needs three numbers, such as 5,2,2: of kills, freezes and partitions"
            )
        })
    });
    if arguments.iter().any(|argument| argument == "chaos") {
        let rounds = number("--minutes", 30) * 60 / Round::FULL.lasts.as_secs() as usize;
        let seed = number("--seed", 1) as u64;
        return run_chaos(
            rounds.max(1),
            seed,
            arguments.iter().any(|argument| argument == OWN_MOUNTS),
        );
    }
    let scenarios = [
        "freshness",
        "outage",
        "restart",
        "inbox",
        "collect",
        "runs",
        "rate-limit",
        "hanging",
        "decisions",
        "failover",
    ];
    let mut named: Vec<&str> = scenarios
        .into_iter()
        .filter(|name| arguments.iter().any(|argument| argument == name))
        .collect();
    let missing = patroni::missing().filter(|_| named.contains(&"failover"));
    if let Some(missing) = missing {
        println!(
            "failover is not run: it needs a cluster, and {missing} is not installed on this machine"
        );
        named.retain(|name| *name != "failover");
        if named.is_empty() {
            return;
        }
    }
    let scale = Scale::full(Duration::from_secs(seconds));
    let broken = tokio::runtime::Runtime::new().unwrap().block_on(run(
        &named,
        scale,
        &load_balancers,
        scenario,
        collection,
        failovers,
    ));
    println!();
    if broken.is_empty() {
        println!(
            "every promise was kept{}",
            if missing.is_some() { ", but those of failover, which was not run" } else { "" }
        );
    }
    assert!(broken.is_empty(), "promises were broken:\n{}", broken.join("\n"));
}

/// Marks a process with its own mounts, which end with it.
const OWN_MOUNTS: &str = "--own-mounts";

/// Runs all faults together. If possible, it first starts itself again with its own mounts.
fn run_chaos(rounds: usize, seed: u64, has_mounts: bool) {
    let unshare = || {
        let mut command = std::process::Command::new("unshare");
        command.args(["--mount", "--propagation", "private"]);
        command
    };
    if !has_mounts && unshare().arg("true").status().is_ok_and(|status| status.success()) {
        let again = unshare()
            .arg(std::env::current_exe().unwrap())
            .args(std::env::args().skip(1))
            .arg(OWN_MOUNTS)
            .status();
        std::process::exit(again.unwrap().code().unwrap_or(1));
    }
    if !has_mounts {
        println!("no disk is filled: nothing can be mounted here");
    }
    if chaos::setup::faketime().is_none() {
        println!("no clock is wrong: libfaketime is not installed on this machine");
    }
    println!("chaos: seed {seed}, {rounds} rounds");
    let mut broken = Vec::new();
    let report = tokio::runtime::Runtime::new().unwrap().block_on(chaos::run(Chaos {
        rounds,
        round: Round::FULL,
        seed,
        has_mounts,
        print_progress: |line| println!("{line}"),
    }));
    print("chaos: everything at once", report, &mut broken);
    assert!(broken.is_empty(), "promises were broken:\n{}", broken.join("\n"));
    println!("\nevery promise was kept");
}

/// Runs the named scenarios, or all but the last if none is named. Returns the broken promises.
async fn run(
    named: &[&str],
    scale: Scale,
    load_balancers: &[LoadBalancer],
    scenario: KillScenario,
    collection: Collection,
    failovers: Failovers,
) -> Vec<String> {
    let mut broken = Vec::new();
    let mut harness = Harness::start().await;
    let shop = harness.shop("machine").await;
    println!("{}", machine::describe(&shop.database.pool).await);
    shop.database.close().await;
    let is_asked = |name: &str| named.is_empty() || named.contains(&name);
    if is_asked("freshness") {
        print(
            "freshness: two replicas, lookups and changes at fixed rates",
            freshness::run(&harness, scale, ChangePath::Applied).await,
            &mut broken,
        );
        print(
            "freshness: likewise, and the changes come as webhooks",
            freshness::run(&harness, scale, ChangePath::Webhooks).await,
            &mut broken,
        );
    }
    if is_asked("decisions") {
        print(
            "decisions: a person joins two customers and undoes it, and two replicas answer",
            decisions::measure(&harness, 50).await,
            &mut broken,
        );
    }
    if is_asked("outage") {
        print(
            "outage: Postgres goes away and comes back",
            outage::run(&mut harness, scale).await,
            &mut broken,
        );
    }
    for load_balancer in load_balancers.iter().filter(|_| is_asked("restart")) {
        let name = if *load_balancer == LoadBalancer::Haproxy {
            "haproxy"
        } else {
            "a balancer of our own"
        };
        print(
            &format!("restart: two replicas behind {name}"),
            restart::run(&harness, scale, *load_balancer).await,
            &mut broken,
        );
    }
    if is_asked("collect") {
        print(
            "collect: a backfill whose replicas are killed, and webhooks that get lost",
            sync_runs::backfill::run(&harness, collection).await,
            &mut broken,
        );
    }
    if is_asked("runs") {
        print(
            "runs: a backfill without any obstacle, and one with 60 calls a minute",
            sync_runs::speed::run(&harness, 50_000, 3).await,
            &mut broken,
        );
    }
    if is_asked("rate-limit") {
        let lasts = Duration::from_secs(200);
        print(
            "rate-limit: 10,000 cold lookups a minute and a backfill on two replicas",
            sync_runs::rate_limit::run(&harness, lasts, 167).await,
            &mut broken,
        );
    }
    if is_asked("hanging") {
        let scale = Scale { lookups_per_second: 500, ..Scale::full(Duration::from_secs(30)) };
        print(
            "hanging: all sources hang, 500 lookups a second of unknown people",
            hanging_sources::run(&harness, scale).await,
            &mut broken,
        );
    }
    if named.contains(&"failover") {
        print(
            "failover: two replicas, and a cluster whose primary is killed, frozen and cut off",
            failover::run(&harness, failovers).await,
            &mut broken,
        );
    }
    harness.stop().await;
    if is_asked("inbox") {
        // Commits wait for the disk, as in production.
        let mut harness = Harness::start_durable().await;
        print(
            "inbox: two replicas that are killed, and a Postgres that stops and crashes",
            inbox::run(&mut harness, scenario).await,
            &mut broken,
        );
        harness.stop().await;
    }
    broken
}

fn print(title: &str, report: Report, broken: &mut Vec<String>) {
    println!("\n{title}");
    report.figures.iter().for_each(|figure| println!("  {figure}"));
    for promise in report.broken.into_iter().chain(report.late) {
        println!("  BROKEN: {promise}");
        broken.push(promise);
    }
}

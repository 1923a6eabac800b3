//! The service's promises during changes, failures and restarts, in a short form. `benches/resilience.rs` measures the
//! speed. Here only wrong or missing answers count, however slow the machine is.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::as_conversions,
    clippy::disallowed_methods
)]
#![allow(clippy::string_slice)]

mod harness;

use harness::chaos::schedule::{self, Round};
use harness::chaos::{self, Chaos};
use harness::freshness::ChangePath;
use harness::inbox::KillScenario;
use harness::report::{Report, Scale};
use harness::restart::LoadBalancer;
use harness::sync_runs::Collection;
use harness::{
    Harness, decisions, freshness, frozen_replica, hanging_sources, inbox, outage, restart,
    sync_runs,
};

/// One test after the other: each has processes for all cores.
static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

fn expect_whole(report: &Report) {
    assert!(
        report.broken.is_empty(),
        "{}\n\n{}",
        report.broken.join("\n"),
        report.figures.join("\n")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn no_replica_shows_what_it_has_shown_to_be_outdated() {
    let _turn = TURN.lock().await;
    let harness = Harness::start().await;
    expect_whole(&freshness::run(&harness, Scale::SHORT, ChangePath::Applied).await);
    harness.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nor_when_the_changes_come_as_webhooks() {
    let _turn = TURN.lock().await;
    let harness = Harness::start().await;
    expect_whole(&freshness::run(&harness, Scale::SHORT, ChangePath::Webhooks).await);
    harness.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cached_answers_are_returned_while_postgres_is_unavailable_and_all_are_when_it_is_back() {
    let _turn = TURN.lock().await;
    let mut harness = Harness::start().await;
    expect_whole(&outage::run(&mut harness, Scale::SHORT).await);
    harness.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_notices_when_replicas_are_restarted_one_after_the_other() {
    let _turn = TURN.lock().await;
    let harness = Harness::start().await;
    expect_whole(&restart::run(&harness, Scale::SHORT, LoadBalancer::Own).await);
    harness.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_webhooks_come_to_does_not_depend_on_their_order() {
    let _turn = TURN.lock().await;
    let harness = Harness::start().await;
    let report = inbox::check_order(&harness, KillScenario::SHORT).await;
    expect_whole(&report);
    harness.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn decisions_and_webhooks_of_several_processes_end_as_a_rebuild_makes_them() {
    let _turn = TURN.lock().await;
    let harness = Harness::start().await;
    expect_whole(&decisions::run(&harness).await);
    harness.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_are_applied_once_however_often_replicas_are_killed_and_postgres_restarts() {
    let _turn = TURN.lock().await;
    let mut harness = Harness::start_durable().await;
    let report = inbox::run(&mut harness, KillScenario::SHORT).await;
    expect_whole(&report);
    harness.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_source_has_is_known_in_the_end_however_often_replicas_are_killed_and_webhooks_are_lost()
 {
    let _turn = TURN.lock().await;
    let harness = Harness::start().await;
    let report = sync_runs::backfill::run(&harness, Collection::SHORT).await;
    expect_whole(&report);
    harness.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lookups_are_answered_while_all_sources_hang_and_find_what_they_know_afterwards() {
    let _turn = TURN.lock().await;
    let harness = Harness::start().await;
    // Four systems run in this process too, and a debug build makes them slower.
    let scale = Scale {
        duration: std::time::Duration::from_secs(6),
        lookups_per_second: 50,
        ..Scale::SHORT
    };
    let report = hanging_sources::run(&harness, scale).await;
    expect_whole(&report);
    harness.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_is_stopped_in_the_middle_of_its_work_holds_nobody_up_for_long() {
    let _turn = TURN.lock().await;
    let harness = Harness::start().await;
    let report = frozen_replica::run(&harness).await;
    expect_whole(&report);
    harness.stop().await;
}

#[test]
fn the_faults_of_everything_at_once_follow_from_its_seed() {
    schedule::check();
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_and_no_answer_is_wrong_when_everything_fails_at_once() {
    let _turn = TURN.lock().await;
    expect_whole(
        &chaos::run(Chaos {
            rounds: 1,
            round: Round::SHORT,
            seed: 1,
            has_mounts: false,
            print_progress: drop,
        })
        .await,
    );
}

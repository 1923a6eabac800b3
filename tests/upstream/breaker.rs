//! The circuit breaker of a source that fails.

use std::time::Duration;

use hookpoint::settings::file::CallSettings;
use hookpoint::storage::account_status::{AccountRow, get_account};
use hookpoint::upstream::{CallError, CallPriority};
use tokio::sync::watch;

use crate::simulated_source::{SimulatedSource, SourceAction, json};
use crate::support::{Options, Replica, until};

async fn row(replica: &Replica) -> AccountRow {
    get_account(replica.pool(), replica.brand.id(), replica.account.source).await.unwrap()
}

/// A circuit breaker that opens after three failures.
fn breaker(open_seconds: u64) -> Options {
    let settings = CallSettings {
        breaker_failures: 3,
        breaker_open_seconds: open_seconds,
        ..Options::default().settings
    };
    Options { settings, ..Options::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_fails_is_left_alone() {
    let source = SimulatedSource::start(|_| json(503, "{}")).await;
    let replica = Replica::start(&source.url(), breaker(3_600)).await;
    for n in 0..3 {
        assert!(replica.account.is_callable());
        assert!(matches!(replica.ask("get", &n.to_string()).await, Err(CallError::Status(503))));
    }
    assert!(!replica.account.is_callable());
    for n in 0..20 {
        assert!(matches!(replica.ask("get", &n.to_string()).await, Err(CallError::CircuitOpen)));
    }
    assert_eq!(source.requests().len(), 3);
    replica.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_call_finds_out_whether_an_account_is_well_again() {
    let (gate, opened) = watch::channel(false);
    let source = SimulatedSource::start(|_| json(503, "{}")).await;
    let replica = Replica::start(&source.url(), breaker(1)).await;
    for n in 0..3 {
        assert!(replica.ask("get", &n.to_string()).await.is_err());
    }
    until("it may be tried", || replica.account.is_callable()).await;
    source.behave(move |_| SourceAction::Gated(opened.clone(), Box::new(json(503, "{}"))));
    // Only one call tests the source. No other call waits for it.
    let names: Vec<String> = (0..5).map(|n| n.to_string()).collect();
    let tried = futures_util::future::join_all(names.iter().map(|name| replica.ask("get", name)));
    let answered = async {
        until("the source is tested", || source.requests().len() == 4).await;
        assert!(!replica.account.is_callable());
        gate.send(true).unwrap();
    };
    let (tried, ()) = tokio::join!(tried, answered);
    let (failed, refused): (Vec<_>, Vec<_>) =
        tried.iter().partition(|tried| matches!(tried, Err(CallError::Status(503))));
    assert_eq!((failed.len(), refused.len()), (1, 4));
    assert!(refused.iter().all(|tried| matches!(tried, Err(CallError::CircuitOpen))));
    assert_eq!(source.requests().len(), 4);
    source.behave(|_| json(200, "1"));
    until("it may be tried again", || replica.account.is_callable()).await;
    assert_eq!(replica.ask("get", "probe").await.unwrap(), "1", "the testing call gets the answer");
    assert_eq!(replica.ask("get", "a").await.unwrap(), "1");
    replica.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn how_an_account_is_doing_is_kept() {
    let source =
        SimulatedSource::start(|request| json(if request.number == 0 { 200 } else { 500 }, "1"))
            .await;
    let replica = Replica::start(&source.url(), Options::default()).await;
    assert_eq!(row(&replica).await, AccountRow::default());
    replica.ask("get", "a").await.unwrap();
    for n in 0..5 {
        assert!(replica.ask_as(CallPriority::Backfill, "get", &n.to_string()).await.is_err());
    }
    // A changed limit is saved at once, but not as part of the call.
    let mut kept = row(&replica).await;
    for _ in 0..6_000 {
        if kept.open_until.is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
        kept = row(&replica).await;
    }
    assert_eq!(
        (kept.granted, kept.failure.as_str(), kept.failures_in_a_row),
        ([1, 0, 0, 5], "the source answered with status 500", 5)
    );
    let (succeeded_at, failed_at, open_until) =
        (kept.succeeded_at.unwrap(), kept.failed_at.unwrap(), kept.open_until.unwrap());
    assert!(succeeded_at <= failed_at && failed_at < open_until);
    replica.stop().await;
}

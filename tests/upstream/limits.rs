//! Rate limits that a source reports, and the circuit breaker of a source that fails.

use std::time::Duration;

use hookpoint::settings::file::CallSettings;
use hookpoint::storage::rate_limit::postpone_call;
use hookpoint::storage::upstream_accounts::{AccountKey, AccountRow, get_account};
use hookpoint::upstream::{CallError, CallPriority};
use jiff::SignedDuration;

use crate::support::{Options, Replica, database, now, request, until};
use crate::vendor::{Vendor, answer, json};

async fn row(replica: &Replica) -> AccountRow {
    get_account(replica.pool(), replica.brand.id(), replica.account.source).await.unwrap()
}

/// For how many seconds Postgres allows no call.
async fn blocked(replica: &Replica) -> f64 {
    let query = "select coalesce(extract(epoch from greatest(blocked_until, allowance_until) - clock_timestamp())::float8, 0) from upstream_accounts";
    sqlx::query_scalar(query).fetch_one(replica.pool()).await.unwrap()
}

/// Makes a call with a very short timeout.
async fn try_call(replica: &Replica, about: &str) -> Result<(), CallError> {
    replica
        .account
        .call(&request("get", about), CallPriority::Live, Duration::from_millis(300))
        .await
        .map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_calls_block_all_replicas_for_as_long_as_the_source_says() {
    let epoch = (now().as_second() + 30).to_string();
    let date = "Sat, 21 Nov 2026 12:00:30 GMT";
    for (headers, least, most) in [
        (vec![("Retry-After", "30")], 25.0, 30.0),
        (vec![("Retry-After", date)], 25.0, 30.0),
        (vec![("X-RateLimit-Remaining", "0"), ("X-RateLimit-Reset", epoch.as_str())], 25.0, 30.0),
        (vec![], 2.5, 6.3),
    ] {
        let headers: Vec<(String, String)> =
            headers.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let vendor = Vendor::start(move |_| {
            let headers: Vec<_> =
                headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            answer(429, &headers, b"")
        })
        .await;
        let name = database().await;
        let [one, two] = [
            Replica::start_on(&name, &vendor.url(), Options::default()).await,
            Replica::start_on(&name, &vendor.url(), Options::default()).await,
        ];
        assert!(matches!(try_call(&one, "a").await, Err(CallError::Status(429))));
        let blocked = blocked(&one).await;
        assert!((least..=most).contains(&blocked), "{blocked}");
        for replica in [&one, &two] {
            assert!(matches!(try_call(replica, "b").await, Err(CallError::RateLimited)));
        }
        assert_eq!(vendor.arrivals().len(), 1);
        assert!(one.account.is_callable(), "throttling does not count as a failure");
        one.stop().await;
        two.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_waits_for_a_call_that_cannot_be_had_in_time() {
    for (block, timeout, is_had) in [("30", 25, false), ("3", 60, true)] {
        let vendor = Vendor::start(move |arrival| {
            if arrival.number == 0 {
                answer(429, &[("Retry-After", block)], b"")
            } else {
                json(200, "1")
            }
        })
        .await;
        let replica = Replica::start(&vendor.url(), Options::default()).await;
        assert!(matches!(try_call(&replica, "a").await, Err(CallError::Status(429))));
        let ask = request("get", "b");
        let called = replica.account.call(&ask, CallPriority::Live, Duration::from_secs(timeout));
        // Long before its timeout.
        let called = tokio::time::timeout(Duration::from_secs(20), called)
            .await
            .expect("the waiting call is notified");
        assert!(if is_had {
            called.is_ok()
        } else {
            matches!(called, Err(CallError::RateLimited))
        });
        assert_eq!(vendor.arrivals().len(), 1 + usize::from(is_had));
        replica.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_else_spends_of_the_budget_is_not_spent_again() {
    let epoch = now().as_second() + 30;
    let vendor = Vendor::start(move |arrival| {
        // Six calls are left at the source, including this one.
        let left = 5_usize.saturating_sub(arrival.number).to_string();
        answer(
            200,
            &[
                ("X-RateLimit-Limit", "60"),
                ("X-RateLimit-Remaining", &left),
                ("X-RateLimit-Reset", &epoch.to_string()),
            ],
            b"1",
        )
    })
    .await;
    let replica = Replica::start(&vendor.url(), Options { calls: 60, ..Options::default() }).await;
    let mut refused = 0;
    for n in 0..10 {
        refused += usize::from(matches!(
            try_call(&replica, &n.to_string()).await,
            Err(CallError::RateLimited)
        ));
    }
    assert_eq!((vendor.arrivals().len(), refused), (6, 4));
    assert!(row(&replica).await.spent_until.is_some(), "the limit is reported");
    replica.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_began_late_counts_from_then() {
    let vendor = Vendor::start(|_| json(200, "1")).await;
    let replica = Replica::start(&vendor.url(), Options { calls: 60, ..Options::default() }).await;
    try_call(&replica, "a").await.unwrap();
    let query = "select granted_at, number from call_grants where number > 0";
    let (before, _): (jiff_sqlx::Timestamp, i32) =
        sqlx::query_as(query).fetch_one(replica.pool()).await.unwrap();
    let key = AccountKey { brand_id: replica.brand.id(), source: replica.account.source };
    postpone_call(replica.pool(), key, before.to_jiff(), 0).await.unwrap();
    let (after, number): (jiff_sqlx::Timestamp, i32) =
        sqlx::query_as(query).fetch_one(replica.pool()).await.unwrap();
    assert!(after.to_jiff() > before.to_jiff() && number == 1);
    assert_eq!(row(&replica).await.granted, [1, 0, 0, 0]);
    replica.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_has_as_many_left_as_believed_changes_nothing() {
    let epoch = now().as_second() + 30;
    let vendor = Vendor::start(move |arrival| {
        let left = 59_usize.saturating_sub(arrival.number).to_string();
        answer(
            200,
            &[("X-RateLimit-Remaining", &left), ("X-RateLimit-Reset", &epoch.to_string())],
            b"1",
        )
    })
    .await;
    let replica = Replica::start(&vendor.url(), Options { calls: 60, ..Options::default() }).await;
    for n in 0..20 {
        try_call(&replica, &n.to_string()).await.unwrap();
    }
    assert_eq!(blocked(&replica).await, 0.0);
    replica.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_fails_is_left_alone_until_one_call_finds_it_well() {
    let settings = CallSettings {
        breaker_failures: 3,
        breaker_open_seconds: 1,
        ..Options::default().settings
    };
    let vendor = Vendor::start(|_| json(503, "{}")).await;
    let replica = Replica::start(&vendor.url(), Options { settings, ..Options::default() }).await;
    for n in 0..3 {
        assert!(replica.account.is_callable());
        assert!(matches!(replica.ask("get", &n.to_string()).await, Err(CallError::Status(503))));
    }
    assert!(!replica.account.is_callable());
    for n in 0..20 {
        assert!(matches!(replica.ask("get", &n.to_string()).await, Err(CallError::CircuitOpen)));
    }
    assert_eq!(vendor.arrivals().len(), 3);
    until("it may be tried", || replica.account.is_callable()).await;
    // Only one call tests the source. No other call waits for it.
    let names: Vec<String> = (0..5).map(|n| n.to_string()).collect();
    let tried =
        futures_util::future::join_all(names.iter().map(|name| replica.ask("get", name))).await;
    assert_eq!(
        tried.iter().filter(|tried| matches!(tried, Err(CallError::Status(503)))).count(),
        1
    );
    assert_eq!(
        tried.iter().filter(|tried| matches!(tried, Err(CallError::CircuitOpen))).count(),
        4
    );
    assert_eq!(vendor.arrivals().len(), 4);
    assert!(!replica.account.is_callable());
    vendor.behave(|_| json(200, "1"));
    until("it may be tried again", || replica.account.is_callable()).await;
    assert_eq!(replica.ask("get", "probe").await.unwrap(), "1", "the testing call gets the answer");
    assert_eq!(replica.ask("get", "a").await.unwrap(), "1");
    replica.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn how_an_account_is_doing_is_kept() {
    let vendor =
        Vendor::start(|arrival| json(if arrival.number == 0 { 200 } else { 500 }, "1")).await;
    let replica = Replica::start(&vendor.url(), Options::default()).await;
    assert_eq!(row(&replica).await, AccountRow::default());
    replica.ask("get", "a").await.unwrap();
    for n in 0..5 {
        assert!(replica.ask_as(CallPriority::Backfill, "get", &n.to_string()).await.is_err());
    }
    // A changed limit is saved at once, but not as part of the call.
    let mut kept = row(&replica).await;
    for _ in 0..200 {
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
    assert!(
        succeeded_at <= failed_at
            && open_until.duration_since(failed_at) > SignedDuration::from_secs(8)
    );
    replica.stop().await;
}

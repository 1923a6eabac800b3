//! Rate limits that a source reports in its replies.

use std::time::Duration;

use hookpoint::storage::account_status::{AccountRow, get_account};
use hookpoint::storage::rate_limit::postpone_call;
use hookpoint::storage::upstream_accounts::AccountKey;
use hookpoint::upstream::{CallError, CallPriority};
use jiff::Timestamp;

use crate::simulated_source::{SimulatedSource, answer, json};
use crate::support::{Options, Replica, database, now, request};

async fn row(replica: &Replica) -> AccountRow {
    get_account(replica.pool(), replica.brand.id(), replica.account.source).await.unwrap()
}

/// Until when Postgres allows no call.
async fn blocked_until(replica: &Replica) -> Option<Timestamp> {
    let query = "select greatest(blocked_until, allowance_until) from upstream_accounts";
    let until: Option<jiff_sqlx::Timestamp> =
        sqlx::query_scalar(query).fetch_one(replica.pool()).await.unwrap();
    until.map(jiff_sqlx::Timestamp::to_jiff)
}

async fn postgres_time(replica: &Replica) -> Timestamp {
    let now: jiff_sqlx::Timestamp =
        sqlx::query_scalar("select clock_timestamp()").fetch_one(replica.pool()).await.unwrap();
    now.to_jiff()
}

/// Makes a call whose caller waits for less time than any pause of these tests lasts.
async fn try_call(replica: &Replica, about: &str) -> Result<(), CallError> {
    replica
        .account
        .call(&request("get", about), CallPriority::Live, Duration::from_secs(60))
        .await
        .map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_calls_block_all_replicas_for_as_long_as_the_source_says() {
    let epoch = (now().as_second() + 1_800).to_string();
    let date = "Sat, 21 Nov 2026 12:30:00 GMT";
    for (headers, least, most) in [
        (vec![("Retry-After", "1800")], 1_800.0, 1_800.0),
        (vec![("Retry-After", date)], 1_800.0, 1_800.0),
        (
            vec![("X-RateLimit-Remaining", "0"), ("X-RateLimit-Reset", epoch.as_str())],
            1_800.0,
            1_800.0,
        ),
        (vec![], 3.75, 6.25),
    ] {
        let headers: Vec<(String, String)> =
            headers.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let source = SimulatedSource::start(move |_| {
            let headers: Vec<_> =
                headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            answer(429, &headers, b"")
        })
        .await;
        let name = database().await;
        let [one, two] = [
            Replica::start_on(&name, &source.url(), Options::default()).await,
            Replica::start_on(&name, &source.url(), Options::default()).await,
        ];
        let before = postgres_time(&one).await;
        assert!(matches!(try_call(&one, "a").await, Err(CallError::Status(429))));
        let (until, after) = (blocked_until(&one).await.unwrap(), postgres_time(&one).await);
        let pause = |since: Timestamp| until.duration_since(since).as_secs_f64();
        assert!(
            pause(before) >= least && pause(after) <= most,
            "{until}, asked between {before} and {after}"
        );
        // The shortest pause must not end during the test.
        sqlx::query(
            "update upstream_accounts set blocked_until = blocked_until + interval '1 hour'",
        )
        .execute(one.pool())
        .await
        .unwrap();
        for replica in [&one, &two] {
            assert!(matches!(try_call(replica, "b").await, Err(CallError::RateLimited)));
        }
        assert_eq!(source.requests().len(), 1);
        assert!(one.account.is_callable(), "throttling does not count as a failure");
        one.stop().await;
        two.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_waits_for_a_call_that_cannot_be_had_in_time() {
    for (block, timeout, is_had) in [("3600", 1_800, false), ("3", 60, true)] {
        let source = SimulatedSource::start(move |request| {
            if request.number == 0 {
                answer(429, &[("Retry-After", block)], b"")
            } else {
                json(200, "1")
            }
        })
        .await;
        let replica = Replica::start(&source.url(), Options::default()).await;
        assert!(matches!(try_call(&replica, "a").await, Err(CallError::Status(429))));
        let ask = request("get", "b");
        let called = replica.account.call(&ask, CallPriority::Live, Duration::from_secs(timeout));
        // Long before its timeout.
        let called = tokio::time::timeout(Duration::from_secs(60), called)
            .await
            .expect("the waiting call is notified");
        assert!(if is_had {
            called.is_ok()
        } else {
            matches!(called, Err(CallError::RateLimited))
        });
        assert_eq!(source.requests().len(), 1 + usize::from(is_had));
        replica.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_else_spends_of_the_budget_is_not_spent_again() {
    let epoch = now().as_second() + 3_600;
    let source = SimulatedSource::start(move |request| {
        // Six calls are left at the source, including this one.
        let left = 5_usize.saturating_sub(request.number).to_string();
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
    let replica = Replica::start(&source.url(), Options { calls: 60, ..Options::default() }).await;
    let mut refused = 0;
    for n in 0..10 {
        refused += usize::from(matches!(
            try_call(&replica, &n.to_string()).await,
            Err(CallError::RateLimited)
        ));
    }
    assert_eq!((source.requests().len(), refused), (6, 4));
    assert!(row(&replica).await.spent_until.is_some(), "the limit is reported");
    replica.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_began_late_counts_from_then() {
    let source = SimulatedSource::start(|_| json(200, "1")).await;
    let replica = Replica::start(&source.url(), Options { calls: 60, ..Options::default() }).await;
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
    let epoch = now().as_second() + 3_600;
    let source = SimulatedSource::start(move |request| {
        let left = 59_usize.saturating_sub(request.number).to_string();
        answer(
            200,
            &[("X-RateLimit-Remaining", &left), ("X-RateLimit-Reset", &epoch.to_string())],
            b"1",
        )
    })
    .await;
    let replica = Replica::start(&source.url(), Options { calls: 60, ..Options::default() }).await;
    for n in 0..20 {
        try_call(&replica, &n.to_string()).await.unwrap();
    }
    assert_eq!(blocked_until(&replica).await, None);
    replica.stop().await;
}

//! Sources that speak HTTP/2: one connection for all calls.

use std::time::Duration;

use futures_util::future::join_all;
use h2::Reason;
use hookpoint::settings::file::CallSettings;
use hookpoint::upstream::{CallError, CallPriority, Window};
use jiff::Timestamp;

use crate::authority::{Authority, SOUND};
use crate::simulated_source::{SimulatedSource, json};
use crate::streams::{ReceivedRequest, StreamAction, Streams};
use crate::support::{Options, Replica, TOKEN, request, until};
use crate::tls::trusting;

/// A source, and a replica that calls it.
async fn start(
    options: Options,
    behaviour: impl Fn(&ReceivedRequest) -> StreamAction + Send + Sync + 'static,
) -> (Streams, Replica) {
    let authority = Authority::new();
    let source = Streams::start(authority.greeting(SOUND, "h2"), 100, behaviour).await;
    let replica = Replica::start(
        &source.url(),
        Options { authority: trusting(&authority).authority, ..options },
    )
    .await;
    (source, replica)
}

fn abouts(count: usize) -> Vec<String> {
    (0..count).map(|n| n.to_string()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn many_calls_at_once_share_a_connection() {
    let (source, replica) =
        start(Options::default(), |_| StreamAction::After(Duration::from_millis(20), "{\"a\":1}"))
            .await;
    replica.ask("get", "first").await.unwrap();
    for round in 0..3 {
        let abouts: Vec<String> =
            abouts(8).iter().map(|about| format!("{round}-{about}")).collect();
        assert!(
            join_all(abouts.iter().map(|about| replica.ask("get", about)))
                .await
                .iter()
                .all(Result::is_ok)
        );
    }
    replica.ask("post", "a").await.unwrap();
    let requests = source.requests();
    assert_eq!(requests.len(), 26);
    assert!(requests.iter().all(
        |request| request.connection == 0 && request.authorization == format!("Bearer {TOKEN}")
    ));
    replica.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_begin_before_there_is_a_connection_are_all_answered() {
    let (source, replica) = start(Options::default(), |_| StreamAction::Answer(200, "1")).await;
    let abouts = abouts(20);
    assert!(
        join_all(abouts.iter().map(|about| replica.ask("get", about)))
            .await
            .iter()
            .all(Result::is_ok)
    );
    assert_eq!(source.requests().len(), 20);
    replica.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_hangs_leaves_the_others_alone() {
    let hangs = |request: &ReceivedRequest| {
        if request.path.contains("hangs") {
            StreamAction::Hang
        } else {
            StreamAction::Answer(200, "1")
        }
    };
    let settings = CallSettings {
        response_timeout_ms: 5_000,
        total_timeout_ms: 5_000,
        ..Options::default().settings
    };
    let (source, replica) = start(Options { settings, ..Options::default() }, hangs).await;
    let hanging = request("get", "hangs");
    let hanging = replica.account.call(&hanging, CallPriority::Backfill, Duration::from_secs(600));
    let others = async {
        until("it hangs", || source.requests().len() == 1).await;
        for about in abouts(20) {
            assert_eq!(replica.ask("get", &about).await.unwrap(), "1");
        }
    };
    let (result, ()) = tokio::join!(hanging, others);
    assert!(matches!(result, Err(CallError::TimedOut)));
    assert!(
        source.requests().iter().all(|request| request.connection == 0),
        "its connection stays open"
    );
    replica.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_taken_back_or_broken_off_is_asked_once_more_if_it_may_be() {
    for deed in [
        StreamAction::Reset(Reason::REFUSED_STREAM),
        StreamAction::Reset(Reason::INTERNAL_ERROR),
        StreamAction::Reset(Reason::NO_ERROR),
        StreamAction::Break,
    ] {
        let (source, replica) = start(Options::default(), |_| StreamAction::Answer(200, "1")).await;
        replica.ask("get", "first").await.unwrap();
        source.behave({
            let deed = deed.clone();
            move |_| deed.clone()
        });
        assert!(matches!(replica.ask("get", "a").await, Err(CallError::Unreachable)));
        assert_eq!(source.requests().len(), 3);
        assert!(matches!(replica.ask("post", "a").await, Err(CallError::Unreachable)));
        assert_eq!(source.requests().len(), 4);
        let granted: i64 = sqlx::query_scalar("select sum(number)::bigint from call_grants")
            .fetch_one(replica.pool())
            .await
            .unwrap();
        assert_eq!(granted, 4, "each of them counts");
        source.behave(move |request| {
            if request.path == "/b" && request.number == 4 {
                deed.clone()
            } else {
                StreamAction::Answer(200, "1")
            }
        });
        assert_eq!(replica.ask("get", "b").await.unwrap(), "1");
        replica.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_the_source_leaves_fails_no_call() {
    // Each connection answers three requests and then sends GOAWAY, as servers behind balancers do.
    let leaves = |request: &ReceivedRequest| {
        if request.number % 3 == 2 {
            StreamAction::Leave("1")
        } else {
            StreamAction::Answer(200, "1")
        }
    };
    let (source, replica) = start(Options::default(), leaves).await;
    for about in abouts(12) {
        assert_eq!(replica.ask("get", &about).await.unwrap(), "1");
    }
    let requests = source.requests();
    // Requests that met the GOAWAY on their way were sent again.
    assert!(
        (12..=16).contains(&requests.len()) && requests.last().unwrap().connection >= 2,
        "{}",
        requests.len()
    );
    replica.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_on_which_nothing_is_received_any_more_is_left() {
    let settings = CallSettings {
        response_timeout_ms: 2_000,
        total_timeout_ms: 5_000,
        breaker_failures: 1_000,
        ..Options::default().settings
    };
    let (source, replica) =
        start(Options { settings, ..Options::default() }, |_| StreamAction::Answer(200, "1")).await;
    replica.ask("get", "first").await.unwrap();
    source.behave(|request| {
        if request.connection == 0 { StreamAction::Freeze } else { StreamAction::Answer(200, "1") }
    });
    let mut failed = 0;
    while replica.ask("get", &failed.to_string()).await.is_err() {
        failed += 1;
        assert!(failed < 20, "every call is lost on it");
    }
    assert!(failed > 0 && source.requests().last().unwrap().connection > 0);
    replica.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_calls_are_too_many_over_http2() {
    let (source, replica) =
        start(Options::default(), |_| StreamAction::Headed(429, "retry-after", "30")).await;
    assert!(matches!(replica.ask("get", "a").await, Err(CallError::Status(429))));
    let result = replica
        .account
        .call(&request("get", "b"), CallPriority::Live, Duration::from_millis(300))
        .await;
    assert!(matches!(result, Err(CallError::RateLimited)));
    assert_eq!(source.requests().len(), 1);
    replica.stop().await;
}

/// The times at which the calls of an account count, in order.
async fn counted(replica: &Replica) -> Vec<Timestamp> {
    let query =
        "select granted_at from call_grants, generate_series(1, number) order by granted_at";
    let counted: Vec<jiff_sqlx::Timestamp> =
        sqlx::query_scalar(query).fetch_all(replica.pool()).await.unwrap();
    counted.into_iter().map(jiff_sqlx::Timestamp::to_jiff).collect()
}

async fn postgres_says(replica: &Replica) -> Timestamp {
    let now: jiff_sqlx::Timestamp =
        sqlx::query_scalar("select clock_timestamp()").fetch_one(replica.pool()).await.unwrap();
    now.to_jiff()
}

/// A minute whose margin a slow connection exceeds, and nothing else: it is long for a busy machine.
fn narrow(options: Options) -> Options {
    Options { window: Window { margin: MARGIN, ..Window::MINUTE }, ..options }
}

const MARGIN: Duration = Duration::from_secs(2);

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_waited_for_the_handshake_counts_from_its_end() {
    let (authority, takes) = (Authority::new(), MARGIN * 3 / 2);
    let source =
        SimulatedSource::secure(&authority.greeting(SOUND, "http/1.1"), takes, |_| json(200, "1"))
            .await;
    let replica = Replica::start(&source.url(), narrow(trusting(&authority))).await;
    let began = postgres_says(&replica).await;
    replica.ask("get", "a").await.unwrap();
    let [at] = counted(&replica).await[..] else { panic!("there is one") };
    assert!(at.duration_since(began).unsigned_abs() >= takes, "{at} and {began}");
    replica.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_waited_for_its_turn_on_a_connection_counts_no_earlier_than_it_arrived() {
    const TAKES: Duration = Duration::from_millis(2_500);
    let authority = Authority::new();
    // The source accepts one request at a time, and says so. Nothing shows how long a request waits for the others.
    let source =
        Streams::start(authority.greeting(SOUND, "h2"), 1, |_| StreamAction::After(TAKES, "1"))
            .await;
    let replica = Replica::start(&source.url(), narrow(trusting(&authority))).await;
    replica.ask("get", "first").await.unwrap();
    let began = postgres_says(&replica).await;
    let abouts: Vec<String> = (0..3).map(|n| n.to_string()).collect();
    assert!(
        join_all(abouts.iter().map(|about| replica.ask("get", about)))
            .await
            .iter()
            .all(Result::is_ok)
    );
    let requests = source.requests();
    assert!(requests.iter().all(|request| request.connection == 0));
    assert!(
        requests[3].at - requests[1].at >= TAKES * 2 - Duration::from_millis(10),
        "they waited for each other"
    );
    for (n, at) in (0..).zip(&counted(&replica).await[1..]) {
        assert!(at.duration_since(began).unsigned_abs() >= TAKES * n, "{n}: {at} and {began}");
    }
    replica.stop().await;
}

//! The handling of responses.

use std::io::Write;
use std::time::Duration;

use hookpoint::settings::file::CallSettings;
use hookpoint::sources::api::ApiRequest;
use hookpoint::upstream::{CallError, CallPriority};

use tokio::sync::watch;

use crate::simulated_source::{SimulatedSource, SourceAction, answer, json};
use crate::support::{Options, Replica, TOKEN, request, until};

#[tokio::test(flavor = "multi_thread")]
async fn a_question_is_put_with_the_token_and_its_answer_read() {
    let source = SimulatedSource::start(|_| json(200, "{\"a\":1}")).await;
    let replica = Replica::start(&format!("{}/v1", source.url()), Options::default()).await;
    assert_eq!(replica.ask("get", "contacts?page=2").await.unwrap(), "{\"a\":1}");
    let requests = source.requests();
    assert_eq!((requests.len(), requests[0].target.as_str()), (1, "/v1/contacts?page=2"));
    assert_eq!(requests[0].header("authorization"), Some(format!("Bearer {TOKEN}").as_str()));
    assert_eq!(
        requests[0].header("user-agent"),
        Some(concat!("omnidesk-hookpoint/", env!("CARGO_PKG_VERSION")))
    );
    replica.stop().await;
}

/// A fault, and the expected error.
type Fault = (&'static str, fn() -> SourceAction, fn(&CallError) -> bool);

fn chunked(kind: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n")
        .into_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_has_its_error_and_the_next_call_is_answered() {
    let faults: [Fault; 12] = [
        (
            "hangs before the headers",
            || SourceAction::Hang(Vec::new()),
            |error| matches!(error, CallError::TimedOut),
        ),
        (
            "hangs in the headers",
            || SourceAction::Hang(b"HTTP/1.1 200 OK\r\nContent-".to_vec()),
            |error| matches!(error, CallError::TimedOut),
        ),
        (
            "hangs in the body",
            || SourceAction::Hang([chunked("application/json"), b"1\r\n{\r\n".to_vec()].concat()),
            |error| matches!(error, CallError::TimedOut),
        ),
        (
            "never ends",
            || SourceAction::Endless(chunked("application/json"), b"4\r\n    \r\n".repeat(1000)),
            |error| matches!(error, CallError::TooLarge),
        ),
        (
            "is a page",
            || {
                answer(
                    200,
                    &[("Content-Type", "text/html")],
                    b"<!doctype html><title>Sign in</title>",
                )
            },
            |error| error.to_string() == "the answer is not JSON: it is an HTML page",
        ),
        (
            "is garbage",
            || json(200, "\0\u{1}garbage"),
            |error| matches!(error, CallError::NotJson(_)),
        ),
        ("is cut off", || json(200, "{\"a\":"), |error| matches!(error, CallError::NotJson(_))),
        ("is empty", || json(200, ""), |error| matches!(error, CallError::NotJson(_))),
        (
            "closes",
            || SourceAction::Close(Vec::new()),
            |error| matches!(error, CallError::Unreachable),
        ),
        ("fails", || json(500, "{}"), |error| matches!(error, CallError::Status(500))),
        (
            "is nobody's",
            || SourceAction::Close(b"SSH-2.0-OpenSSH\r\n".to_vec()),
            |error| matches!(error, CallError::Unreachable),
        ),
        (
            "makes no sense",
            || json(200, "\"unreadable\""),
            |error| matches!(error, CallError::Unreadable(_)),
        ),
    ];
    let source = SimulatedSource::start(|_| json(200, "1")).await;
    let settings = CallSettings {
        response_timeout_ms: 3_000,
        total_timeout_ms: 5_000,
        ..Options::default().settings
    };
    let replica = Replica::start(&source.url(), Options { settings, ..Options::default() }).await;
    for (what, act, is_expected) in faults {
        source.behave(move |_| act());
        let result = replica.ask("get", what.replace(' ', "-").as_str()).await;
        assert!(result.as_ref().is_err_and(is_expected), "{what}: {result:?}");
        source.behave(|_| json(200, "1"));
        assert_eq!(replica.ask("get", "well").await.unwrap(), "1", "after one that {what}");
    }
    replica.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_is_not_followed() {
    let elsewhere = SimulatedSource::start(|_| json(200, "{}")).await;
    let (to, own) = (format!("{}/x", elsewhere.url()), "/elsewhere");
    let source = SimulatedSource::start(move |request| {
        answer(302, &[("Location", if request.number == 0 { &to } else { own })], b"")
    })
    .await;
    let replica = Replica::start(&source.url(), Options::default()).await;
    for n in 1..=2 {
        assert!(matches!(replica.ask("get", "a").await, Err(CallError::Redirected)));
        assert_eq!((elsewhere.requests().len(), source.requests().len()), (0, n));
    }
    replica.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_an_answer() {
    let source = SimulatedSource::start(|request| {
        json(if request.number == 0 { 404 } else { 410 }, "{\"error\":1}")
    })
    .await;
    let replica = Replica::start(&source.url(), Options::default()).await;
    for _ in 0..2 {
        assert_eq!(replica.ask("get", "a").await.unwrap(), "missing");
    }
    replica.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_ask_the_same_share_a_call_that_goes_on_without_them() {
    let (gate, opened) = watch::channel(false);
    let source = SimulatedSource::start(move |_| {
        SourceAction::Gated(opened.clone(), Box::new(json(200, "1")))
    })
    .await;
    let replica = Replica::start(&source.url(), Options::default()).await;
    let asked = futures_util::future::join_all((0..50).map(|_| replica.ask("get", "a")));
    let answered = async {
        until("the call is made", || source.requests().len() == 1).await;
        gate.send(true).unwrap();
    };
    // All of them are asked before the source is.
    let (all, ()) = tokio::join!(asked, answered);
    assert!(all.iter().all(|result| result.as_ref().is_ok_and(|result| result == "1")));
    assert_eq!(source.requests().len(), 1);
    replica.stop().await;
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_packed_is_unpacked_up_to_the_limit() {
    let headers = [("Content-Type", "application/json"), ("Content-Encoding", "gzip")];
    let source =
        SimulatedSource::start(move |_| answer(200, &headers, &packed(b"{\"a\":1}"))).await;
    let replica = Replica::start(&source.url(), Options::default()).await;
    assert_eq!(replica.ask("get", "a").await.unwrap(), "{\"a\":1}");
    // 64 MB of blanks in 64 kB.
    let bomb = packed(&vec![b' '; 64 * 1024 * 1024]);
    source.behave(move |_| answer(200, &headers, &bomb));
    assert!(matches!(replica.ask("get", "b").await, Err(CallError::TooLarge)));
    source.behave(move |_| answer(200, &headers, b"not packed at all"));
    assert!(matches!(replica.ask("get", "c").await, Err(CallError::NotJson(_))));
    replica.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn json_is_taken_for_json_whatever_it_is_called() {
    let source = SimulatedSource::start(|_| json(200, "1")).await;
    let replica = Replica::start(&source.url(), Options::default()).await;
    for kind in [
        "application/json; charset=utf-8",
        "application/vnd.api+json",
        "Application/JSON",
        "text/html",
        "text/plain",
        "\u{e9}",
    ] {
        source.behave(move |_| answer(200, &[("Content-Type", kind)], b"1"));
        assert_eq!(replica.ask("get", "a").await.unwrap(), "1", "{kind}");
        source.behave(move |_| {
            answer(200, &[("Content-Type", kind)], b"<html><body>anna@example.org</body></html>")
        });
        let error = replica.ask("get", "b").await.unwrap_err();
        assert_eq!(error.to_string(), "the answer is not JSON: it is an HTML page", "{kind}");
    }
    source.behave(|_| answer(200, &[], b"\xef\xbb\xbf{\"a\":\"\\ud83d\"}"));
    assert_eq!(
        replica.ask("get", "a").await.unwrap(),
        "{\"a\":\"\u{fffd}\"}",
        "with a byte order mark and half an emoji"
    );
    replica.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_url_is_followed_to_the_origins_of_the_account_and_nowhere_else() {
    let (source, files, foreign) = (
        SimulatedSource::start(|_| json(200, "1")).await,
        SimulatedSource::start(|_| json(200, "2")).await,
        SimulatedSource::start(|_| json(200, "3")).await,
    );
    let replica =
        Replica::start(&source.url(), Options { origins: vec![files.url()], ..Options::default() })
            .await;
    assert_eq!(replica.ask("given", &format!("{}/next?page=2", source.url())).await.unwrap(), "1");
    assert_eq!(replica.ask("given", &format!("{}/file", files.url())).await.unwrap(), "2");
    let port = foreign.address.port();
    for url in [
        foreign.url(),
        format!("http://localhost:{}/", source.address.port()),
        format!("{}@127.0.0.1:{port}/", source.url()),
        format!("https://{}/", source.address),
    ] {
        assert!(matches!(replica.ask("given", &url).await, Err(CallError::BlockedOrigin)), "{url}");
    }
    assert_eq!(
        (
            source.requests().len(),
            files.requests().len(),
            foreign.requests().len(),
            foreign.connections()
        ),
        (1, 1, 0, 0)
    );
    let granted: i64 = sqlx::query_scalar("select sum(number)::bigint from call_grants")
        .fetch_one(replica.pool())
        .await
        .unwrap();
    assert_eq!(granted, 2, "a call that was not made does not count");
    replica.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_may_be_sent_twice_is() {
    let source = SimulatedSource::start(|_| SourceAction::Close(Vec::new())).await;
    let replica = Replica::start(&source.url(), Options::default()).await;
    assert!(matches!(replica.ask("get", "a").await, Err(CallError::Unreachable)));
    assert_eq!(source.requests().len(), 2);
    assert!(matches!(replica.ask("post", "a").await, Err(CallError::Unreachable)));
    assert_eq!(
        (
            source.requests().len(),
            source.requests()[2].method.as_str(),
            source.requests()[2].body.as_str()
        ),
        (3, "POST", "{\"about\":\"a\"}")
    );
    source.behave(|_| answer(200, &[], b""));
    assert_eq!(
        replica.ask("post", "b").await.unwrap(),
        "null",
        "a successful action needs no body"
    );
    replica.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_are_used_again_and_none_is_left() {
    let source =
        SimulatedSource::start(|request| json(if request.target == "/0" { 404 } else { 200 }, "1"))
            .await;
    let options = Options {
        settings: CallSettings {
            response_timeout_ms: 3_000,
            breaker_failures: 1_000,
            ..Options::default().settings
        },
        ..Options::default()
    };
    let replica = Replica::start(&source.url(), options).await;
    for n in 0..20 {
        replica.ask("get", &n.to_string()).await.unwrap();
    }
    assert_eq!(source.connections(), 1);
    source.behave(|_| SourceAction::Hang(Vec::new()));
    let hanging: Vec<String> = (0..100).map(|n| format!("hanging-{n}")).collect();
    let asked = hanging
        .iter()
        .map(|about| tokio::time::timeout(Duration::from_millis(50), replica.ask("get", about)));
    assert!(futures_util::future::join_all(asked).await.iter().all(Result::is_err));
    until("nothing is under way", || {
        replica.account.calls_in_flight() == 0 && source.connections() == 0
    })
    .await;
    assert!(source.requests().len() <= 20 + 8, "calls without a waiting caller were never made");
    replica.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backfill_that_hangs_keeps_nobody_on_the_phone_waiting() {
    let (gate, opened) = watch::channel(false);
    let source = SimulatedSource::start(move |request| {
        if request.target.contains("page") {
            SourceAction::Gated(opened.clone(), Box::new(json(200, "1")))
        } else {
            json(200, "1")
        }
    })
    .await;
    let settings = CallSettings {
        response_timeout_ms: 600_000,
        total_timeout_ms: 600_000,
        ..Options::default().settings
    };
    let replica = Replica::start(&source.url(), Options { settings, ..Options::default() }).await;
    let pages: Vec<ApiRequest> = (0..20).map(|n| request("get", &format!("page-{n}"))).collect();
    let backfill =
        futures_util::future::join_all(pages.iter().map(|ask| {
            replica.account.call(ask, CallPriority::Backfill, Duration::from_secs(600))
        }));
    let lookups = async {
        until("the backfill has all its places", || source.requests().len() >= 6).await;
        for n in 0..10 {
            let ask = request("get", &n.to_string());
            let waits = Duration::from_secs(60);
            assert!(replica.account.call(&ask, CallPriority::Live, waits).await.is_ok());
        }
    };
    tokio::select! { _ = backfill => panic!("it hangs"), () = lookups => {} }
    assert_eq!(
        source.requests().iter().filter(|request| request.target.contains("page")).count(),
        6
    );
    gate.send(true).unwrap();
    replica.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_on_the_phone_takes_a_waiting_call_along() {
    let source = SimulatedSource::start(|_| json(200, "1")).await;
    // Of two calls in a minute, the second is reserved for lookups.
    let replica = Replica::start(&source.url(), Options { calls: 2, ..Options::default() }).await;
    replica.ask_as(CallPriority::Backfill, "get", "a").await.unwrap();
    let ask = request("get", "b");
    let backfill = replica.account.call(&ask, CallPriority::Backfill, Duration::from_secs(20));
    let lookup = async {
        until("the backfill waits", || replica.account.calls_in_flight() == 1).await;
        replica.account.call(&ask, CallPriority::Live, Duration::from_secs(20)).await
    };
    let (backfill, lookup) = tokio::join!(backfill, lookup);
    assert!(backfill.is_ok() && lookup.is_ok());
    assert_eq!(source.requests().len(), 2);
    replica.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_postgres_no_call_is_made() {
    let source = SimulatedSource::start(|_| json(200, "1")).await;
    let replica = Replica::start(&source.url(), Options::default()).await;
    replica.pool().close();
    assert!(matches!(replica.ask("get", "a").await, Err(CallError::Storage(_))));
    assert!(source.requests().is_empty());
    replica.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_api_does_not_know_is_not_asked() {
    let source = SimulatedSource::start(|_| json(200, "1")).await;
    let replica = Replica::start(&source.url(), Options::default()).await;
    assert!(matches!(replica.ask("dance", "a").await, Err(CallError::Unsupported)));
    assert!(matches!(replica.ask("get", "../../b").await, Err(CallError::BlockedOrigin)));
    replica.stop().await;
}

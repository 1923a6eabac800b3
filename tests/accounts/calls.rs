//! What becomes of what comes back.

use std::time::Duration;

use hookpoint::account::CallError;

use crate::support::{Options, Replica, TOKEN};
use crate::vendor::{Act, Vendor, answer, json};

#[tokio::test(flavor = "multi_thread")]
async fn a_question_is_put_with_the_token_and_its_answer_read() {
    let vendor = Vendor::start(|_| json(200, "{\"a\":1}")).await;
    let replica = Replica::start(&format!("{}/v1", vendor.url()), Options::default()).await;
    assert_eq!(replica.ask("get", "contacts?page=2").await.unwrap(), "{\"a\":1}");
    let arrivals = vendor.arrivals();
    assert_eq!((arrivals.len(), arrivals[0].target.as_str()), (1, "/v1/contacts?page=2"));
    assert_eq!(arrivals[0].header("authorization"), Some(format!("Bearer {TOKEN}").as_str()));
    assert_eq!(arrivals[0].header("user-agent"), Some(concat!("omnidesk-hookpoint/", env!("CARGO_PKG_VERSION"))));
    replica.stop().await;
}

/// A fault, and what is said of it.
type Fault = (&'static str, fn() -> Act, fn(&CallError) -> bool);

fn chunked(kind: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n").into_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_has_its_error_and_the_next_call_is_answered() {
    let faults: [Fault; 12] = [
        ("hangs before the headers", || Act::Hang(Vec::new()), |error| matches!(error, CallError::TimedOut)),
        ("hangs in the headers", || Act::Hang(b"HTTP/1.1 200 OK\r\nContent-".to_vec()), |error| matches!(error, CallError::TimedOut)),
        (
            "hangs in the body",
            || Act::Hang([chunked("application/json"), b"1\r\n{\r\n".to_vec()].concat()),
            |error| matches!(error, CallError::TimedOut),
        ),
        ("never ends", || Act::Endless(chunked("application/json"), b"4\r\n    \r\n".repeat(1000)), |error| matches!(error, CallError::TooLarge)),
        ("is a page", || answer(200, &[("Content-Type", "text/html")], b"{}"), |error| matches!(error, CallError::NotJson)),
        ("is garbage", || json(200, "\0\u{1}garbage"), |error| matches!(error, CallError::NotJson)),
        ("is cut off", || json(200, "{\"a\":"), |error| matches!(error, CallError::NotJson)),
        ("is empty", || json(200, ""), |error| matches!(error, CallError::NotJson)),
        ("closes", || Act::Close(Vec::new()), |error| matches!(error, CallError::Unreachable)),
        ("fails", || json(500, "{}"), |error| matches!(error, CallError::Status(500))),
        ("is nobody's", || Act::Close(b"SSH-2.0-OpenSSH\r\n".to_vec()), |error| matches!(error, CallError::Unreachable)),
        ("makes no sense", || json(200, "\"unreadable\""), |error| matches!(error, CallError::Unreadable(_))),
    ];
    let vendor = Vendor::start(|_| json(200, "1")).await;
    let replica = Replica::start(&vendor.url(), Options::default()).await;
    for (what, act, is_expected) in faults {
        vendor.behave(move |_| act());
        let heard = replica.ask("get", what.replace(' ', "-").as_str()).await;
        assert!(heard.as_ref().is_err_and(is_expected), "{what}: {heard:?}");
        vendor.behave(|_| json(200, "1"));
        assert_eq!(replica.ask("get", "well").await.unwrap(), "1", "after one that {what}");
    }
    replica.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_is_not_followed() {
    let elsewhere = Vendor::start(|_| json(200, "{}")).await;
    let (to, own) = (format!("{}/x", elsewhere.url()), "/elsewhere");
    let vendor = Vendor::start(move |arrival| answer(302, &[("Location", if arrival.number == 0 { &to } else { own })], b"")).await;
    let replica = Replica::start(&vendor.url(), Options::default()).await;
    for n in 1..=2 {
        assert!(matches!(replica.ask("get", "a").await, Err(CallError::Redirected)));
        assert_eq!((elsewhere.arrivals().len(), vendor.arrivals().len()), (0, n));
    }
    replica.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_an_answer() {
    let vendor = Vendor::start(|arrival| json(if arrival.number == 0 { 404 } else { 410 }, "{\"error\":1}")).await;
    let replica = Replica::start(&vendor.url(), Options::default()).await;
    for _ in 0..2 {
        assert_eq!(replica.ask("get", "a").await.unwrap(), "missing");
    }
    replica.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_ask_the_same_share_a_call_that_goes_on_without_them() {
    let vendor = Vendor::start(|_| Act::After(Duration::from_millis(200), Box::new(json(200, "1")))).await;
    let replica = Replica::start(&vendor.url(), Options::default()).await;
    let all = futures_util::future::join_all((0..50).map(|_| replica.ask("get", "a"))).await;
    assert!(all.iter().all(|heard| heard.as_ref().is_ok_and(|heard| heard == "1")));
    assert_eq!(vendor.arrivals().len(), 1);
    replica.stop().await;
}

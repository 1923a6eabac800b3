//! HTTP itself: methods, connections, and arbitrary requests.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use hookpoint::customer::model::source::Source;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::webhook_requests::unsigned_webhook;
use super::{receiving, secrets, talk};
use crate::inbox::deliveries;
use crate::support::{Response, TestApp, TestSettings, exchange, head};

const SECRET: &str = "a-secret-of-ours-1";

/// Settings with one endpoint of each kind.
fn endpoints() -> TestSettings {
    let secret = format!("verification = \"secret\"\n{}", secrets(Source::OmnioTap, &[SECRET]));
    receiving()
        .webhook(Source::OmnioTap, &secret)
        .webhook(Source::OmniLab, "")
        .webhook(Source::Syncaroo, "verification = \"none\"")
}

#[tokio::test]
async fn an_endpoint_says_that_it_takes_post_and_takes_nothing_else() {
    let app = TestApp::start_with(endpoints()).await;
    for target in [
        "/webhooks/demo/omneo",
        "/webhooks/demo/omneo/",
        "/webhooks/demo/omniotap/a-secret-of-ours-1",
        "/webhooks/demo/omnilab?token=x",
        "/webhooks/demo/syncaroo",
    ] {
        let options = app
            .send(
                "OPTIONS",
                target,
                &[
                    ("Origin", "https://elsewhere.example"),
                    ("Access-Control-Request-Method", "POST"),
                ],
            )
            .await;
        assert_eq!(
            (options.status, options.header("allow"), options.body.as_str()),
            (204, Some("POST"), ""),
            "{target}"
        );
        assert_eq!(
            options.header("access-control-allow-origin"),
            None,
            "browsers are not supported"
        );
        for method in ["GET", "HEAD", "PUT", "PATCH", "DELETE", "TRACE", "QUERY"] {
            let response = app
                .send(
                    method,
                    target,
                    &[("Content-Length", "0"), ("X-HTTP-Method-Override", "POST")],
                )
                .await;
            assert_eq!(
                (response.status, response.header("allow")),
                (405, Some("POST")),
                "{method} {target}"
            );
            assert!(
                method == "HEAD" || response.code() == "webhook-method-not-allowed",
                "{method}: {}",
                response.body
            );
        }
    }
    assert!(deliveries(&app).await.is_empty());
    app.stop().await;
}

#[tokio::test]
async fn a_sender_that_stops_after_half_a_body_is_asked_to_retry_and_the_connection_ends() {
    let app = TestApp::start_with(receiving().usual_ack_timeout()).await;
    for source in Source::ALL {
        let sent = unsigned_webhook(source, 1).signed();
        let length = sent.body.len().to_string();
        let mut headers: Vec<(&str, &str)> =
            sent.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        headers.push(("Content-Length", &length));
        let whole = head(app.application.address, "POST", &sent.target, &headers)
            .replace("Connection: close\r\n", "")
            .into_bytes();
        for half in [&sent.body[..sent.body.len() / 2], b""] {
            let (answer, is_closed) = talk(app.application.address, [&whole, half].concat()).await;
            assert!(
                answer.starts_with("HTTP/1.1 503 ") && answer.contains("receipt-unknown"),
                "{source}: {answer}"
            );
            assert!(
                answer.to_lowercase().contains("\r\nretry-after: 5\r\n") && is_closed,
                "{source}: {is_closed} {answer}"
            );
        }
    }
    assert!(deliveries(&app).await.is_empty());
    app.stop().await;
}

#[tokio::test]
async fn what_stands_in_a_body_is_never_taken_for_a_request() {
    let app = TestApp::start_with(endpoints()).await;
    let hidden = "GET /health/ready HTTP/1.1\r\nHost: hookpoint\r\n\r\n";
    let last = "GET /health/live HTTP/1.1\r\nHost: hookpoint\r\nConnection: close\r\n\r\n";
    for (target, filler) in [
        ("/webhooks/demo/omneo", 0),
        ("/webhooks/demo/omneo", 100_000),
        ("/webhooks/demo/omneo", 300_000),
        ("/webhooks/demo/omnilab", 100_000),
        ("/webhooks/nobody/omneo", 100_000),
        ("/webhooks/demo/syncaroo", 100_000),
        ("/elsewhere", 100_000),
    ] {
        let body = format!("{}{hidden}", "x".repeat(filler));
        let request = format!(
            "POST {target} HTTP/1.1\r\nHost: hookpoint\r\nContent-Length: {}\r\n\r\n{body}{last}",
            body.len()
        );
        let (answer, _) = talk(app.application.address, request.into_bytes()).await;
        let count = answer.matches("HTTP/1.1 ").count();
        assert!(
            (1..=2).contains(&count) && !answer.contains("degraded"),
            "{target} {filler}: {answer}"
        );
    }
    app.stop().await;
}

#[tokio::test]
async fn whoever_goes_on_sending_after_the_answer_loses_the_connection() {
    let app = TestApp::start_with(endpoints().usual_ack_timeout()).await;
    for (method, target, status) in [
        ("POST", "/webhooks/nobody/omneo", 404),
        ("POST", "/webhooks/demo/omnilab", 503),
        ("POST", "/webhooks/demo/omneo", 503),
        ("PUT", "/webhooks/demo/omneo", 405),
        ("POST", "/elsewhere", 404),
        ("POST", "/omnidesk/customerlookup", 405),
        ("GET", "/omnidesk/customerlookup?key=xyzzy&primaryID=1", 200),
    ] {
        let request = format!(
            "{method} {target} HTTP/1.1\r\nHost: hookpoint\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nnever\r\n"
        );
        let (answer, is_closed) = talk(app.application.address, request.into_bytes()).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")) && is_closed,
            "{method} {target}: {is_closed} {answer}"
        );
    }
    app.stop().await;
}

#[derive(Debug, Clone)]
struct Anything {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Anything {
    async fn sent_to(&self, address: SocketAddr) -> Response {
        let length = self.body.len().to_string();
        let headers = self
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .chain([("Content-Length", length.as_str())]);
        let head = head(address, &self.method, &self.target, &headers.collect::<Vec<_>>());
        exchange(address, [head.as_bytes(), &self.body].concat()).await
    }
}

fn anything() -> impl Strategy<Value = Anything> {
    let method = prop_oneof![
        8 => Just("POST".to_owned()),
        6 => prop::sample::select(vec!["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "post", "M-SEARCH"]).prop_map(str::to_owned),
        1 => "[A-Z]{1,12}".prop_filter("it asks for a tunnel", |method| method != "CONNECT"),
    ];
    let segment = prop_oneof![
        6 => prop::sample::select(vec!["demo", "omneo", "omniotap", "omnilab", "syncaroo", SECRET]).prop_map(str::to_owned),
        2 => prop::sample::select(vec!["", ".", "..", "%2e%2e", "%2F", "%00", "%zz", "%", "%C3%28", "DEMO", "de%6do", "*", "{brand}", ";a=b", "@"]).prop_map(str::to_owned),
        1 => "[!-~&&[^?#]]{0,40}",
    ];
    let path = prop_oneof![
        4 => (prop::sample::select(vec!["omneo", "omniotap", "omnilab", "syncaroo"]), prop::option::of(segment.clone()))
            .prop_map(|(source, rest)| format!("/webhooks/demo/{source}{}", rest.map(|rest| format!("/{rest}")).unwrap_or_default())),
        2 => prop::collection::vec(segment, 0..5).prop_map(|segments| format!("/webhooks/{}", segments.join("/"))),
    ];
    let query = prop::option::of(prop_oneof![Just(format!("token={SECRET}")), "[!-~&&[^#]]{0,60}"]);
    let target = (path, query).prop_map(|(path, query)| {
        format!("{path}{}", query.map(|query| format!("?{query}")).unwrap_or_default())
    });
    let names = vec![
        "Content-Type",
        "Content-Encoding",
        "Accept",
        "Accept-Encoding",
        "Authorization",
        "Cookie",
        "Range",
        "If-None-Match",
        "If-Match",
        "TE",
        "Via",
        "Upgrade-Insecure-Requests",
        "X-HTTP-Method-Override",
        "X-Forwarded-For",
        "X-Forwarded-Host",
        "X-Original-URL",
        "Forwarded",
        "Referer",
        "Origin",
        "x-omneo-event",
        "x-omneo-hmac-sha256",
        "webhook-id",
        "webhook-timestamp",
        "webhook-signature",
        "x-omniotap-signature",
        "X-Request-Id",
        "Max-Forwards",
    ];
    let value = prop_oneof![
        prop::sample::select(vec![
            "",
            "gzip",
            "application/json",
            "*",
            "bytes=0-1",
            "0",
            "-1",
            "profile.updated",
            "https://elsewhere.example/",
            "v1,AAAA",
            "/health/ready"
        ])
        .prop_map(str::to_owned),
        "[!-~][ -~]{0,40}",
        "é.{0,20}".prop_map(|text| text
            .replace(['\r', '\n', '\0'], "")
            .chars()
            .filter(|c| !c.is_control())
            .collect()),
    ];
    let headers =
        prop::collection::vec((prop::sample::select(names).prop_map(str::to_owned), value), 0..5);
    let body = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..300),
        Just(b"{\"metaData\":{\"attributeType\":\"bookings\"}}".to_vec()),
        (0_usize..300_000).prop_map(|length| vec![b'x'; length]),
    ];
    (method, target, headers, body).prop_map(|(method, target, headers, body)| Anything {
        method,
        target,
        headers,
        body,
    })
}

#[tokio::test]
async fn no_response_redirects_a_sender_or_tells_it_to_stop() {
    // Some of them are repeated.
    let often = endpoints().with(|file| file.limits.identical_webhooks_per_minute = 1_000_000);
    let app = TestApp::start_with(often).await;
    let address = app.application.address;
    let mut runner = TestRunner::new_with_rng(
        Config::default(),
        TestRng::deterministic_rng(RngAlgorithm::ChaCha),
    );
    let mut met = BTreeMap::new();
    for _ in 0..10 {
        // Several at once: closing a connection with an unread body takes a while.
        let asked: Vec<Anything> =
            (0..60).map(|_| anything().new_tree(&mut runner).unwrap().current()).collect();
        for (asked, response) in asked.iter().zip(
            futures_util::future::join_all(asked.iter().map(|asked| asked.sent_to(address))).await,
        ) {
            let what = format!(
                "{} {} {:?} {}: {}",
                asked.method,
                asked.target,
                asked.headers,
                asked.body.len(),
                response.head
            );
            let is_packed =
                asked.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-encoding"));
            assert!(response.status != 415 || is_packed, "{what}");
            assert!(
                [202, 204, 400, 401, 404, 405, 413, 415, 503].contains(&response.status),
                "{what}"
            );
            assert_eq!(response.header("location"), None, "{what}");
            assert!(response.status != 405 || response.header("allow") == Some("POST"), "{what}");
            assert!(response.status != 503 || response.header("retry-after").is_some(), "{what}");
            *met.entry(response.status).or_insert(0) += 1;
        }
    }
    assert!(
        [202, 204, 401, 404, 405, 413, 503].iter().all(|status| met.contains_key(status)),
        "{met:?}"
    );
    app.stop().await;
}

//! No log contains anything that is requested, sent or received, with any failure, at any level, from any crate that
//! the filter passes.

use std::fmt::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hookpoint::settings::file::{CallSettings, LogFormat, TelemetrySettings};
use hookpoint::sources::api::{ClientCredentials, Credential, TokenStyle};
use hookpoint::sources::secret::Secret;
use hookpoint::upstream::{CallError, CallPriority};

use crate::simulated_source::{SimulatedSource, SourceAction, answer, json};
use crate::support::{Options, Replica, request};

/// The person of the request, the content of the response, and the credentials.
const CANARIES: [&str; 5] = [
    "canary@ask.example",
    "canary%40ask.example",
    "canary-in-the-reply",
    "canary-of-the-token",
    "canary-of-the-client-secret",
];

#[derive(Clone, Default)]
struct Logs(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Logs {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Every kind of response, each with a canary in it.
fn acts() -> Vec<fn() -> SourceAction> {
    vec![
        || json(200, "{\"a\":\"canary-in-the-reply\"}"),
        || json(200, "{\"a\":\"canary-in-the-reply"),
        || json(200, "\"unreadable canary-in-the-reply\""),
        || json(404, "\"canary-in-the-reply\""),
        || json(500, "\"canary-in-the-reply\""),
        || json(400, "\"canary-in-the-reply\""),
        || answer(200, &[("Content-Type", "text/canary-in-the-reply")], b"canary-in-the-reply"),
        || {
            answer(
                302,
                &[("Location", "http://canary-in-the-reply.example/?canary%40ask.example")],
                b"",
            )
        },
        || {
            answer(
                200,
                &[
                    ("X-RateLimit-Remaining", "canary-in-the-reply"),
                    ("Date", "canary-in-the-reply"),
                ],
                b"canary-in-the-reply",
            )
        },
        || {
            SourceAction::Close(
                b"HTTP/1.1 200 canary-in-the-reply\r\nX: canary-in-the-reply\r\n\x00".to_vec(),
            )
        },
        || SourceAction::Close(b"canary-in-the-reply".to_vec()),
        || {
            SourceAction::Hang(
                b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\ncanary-in-the-reply".to_vec(),
            )
        },
        || answer(200, &[("Content-Encoding", "gzip")], b"canary-in-the-reply"),
        || json(200, &format!("\"{}\"", "canary-in-the-reply".repeat(10_000))),
        || answer(429, &[("Retry-After", "canary-in-the-reply")], b"canary-in-the-reply"),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_a_call_is_logged_or_shown() {
    let (logs, settings) = (
        Logs::default(),
        TelemetrySettings {
            format: LogFormat::Json,
            level: "trace".to_owned(),
            ..Default::default()
        },
    );
    let writer = logs.clone();
    // Only this test of the binary captures the log. Log lines of the other tests may be in it.
    tracing::subscriber::set_global_default(hookpoint::telemetry::subscriber(
        &settings,
        move || writer.clone(),
    ))
    .unwrap();
    hookpoint::telemetry::metrics();
    let mut shown = String::new();
    let settings = CallSettings {
        total_timeout_ms: 3_000,
        breaker_failures: 2,
        ..Options::default().settings
    };
    for act in acts() {
        let source = SimulatedSource::start(move |request| match request.target.as_str() {
            "/oauth:token" => json(200, "{\"access_token\":\"canary-of-the-token\"}"),
            _ => act(),
        })
        .await;
        let credential = Credential::ClientCredentials(ClientCredentials {
            token_url: "/oauth:token".to_owned(),
            client_id: "client".to_owned(),
            client_secret: Secret::new("canary-of-the-client-secret".into()),
            audience: String::new(),
            style: TokenStyle::Form,
        });
        let replica = Replica::start(
            &source.url(),
            Options { credential, settings: settings.clone(), ..Options::default() },
        )
        .await;
        for (what, about, seconds) in [
            ("get", "contacts?email=canary%40ask.example", 60),
            ("post", "canary@ask.example", 3),
            ("given", "http://canary@ask.example/", 3),
        ] {
            let ask = request(what, about);
            let result =
                replica.account.call(&ask, CallPriority::Live, Duration::from_secs(seconds)).await;
            write!(shown, "{ask:?} {result:?} ").unwrap();
            if let Err(error) = result {
                write!(shown, "{error} {error:#?} ").unwrap();
            }
        }
        assert!(
            source.requests().iter().any(|request| request.head.contains("canary-of-the-token"))
        );
        for n in 0..2 {
            let ask = request("get", &format!("canary%40ask.example{n}"));
            let _ = replica
                .account
                .call(&ask, CallPriority::Backfill, Duration::from_millis(200))
                .await;
        }
        let row = hookpoint::storage::account_status::get_account(
            replica.pool(),
            replica.brand.id(),
            replica.account.source,
        )
        .await
        .unwrap();
        write!(shown, "{row:?}").unwrap();
        replica.stop().await;
    }
    let away = Replica::start("http://127.0.0.1:9", Options::default()).await;
    let result = away.ask("get", "canary%40ask.example").await;
    assert!(matches!(result, Err(CallError::Unreachable)));
    write!(shown, "{result:?}").unwrap();
    away.stop().await;
    shown.push_str(&hookpoint::telemetry::metrics().render());
    let said = String::from_utf8(logs.0.lock().unwrap().clone()).unwrap();
    assert!(
        said.contains("circuit breaker opened") && shown.contains("hookpoint_calls_total{"),
        "the log is not empty: {said}"
    );
    for canary in CANARIES {
        assert!(!said.contains(canary), "{canary} in the log");
        assert!(!shown.contains(canary), "{canary} in {shown}");
    }
}

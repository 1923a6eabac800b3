//! Bodies of every kind: recorded, unknown, too large, unparsable.

use std::collections::BTreeSet;
use std::path::PathBuf;

use hookpoint::customer::model::source::Source;
use serde_json::{Value, json};

use super::webhook_requests::{UnsignedWebhook, unsigned_webhook};
use super::{is_acknowledged, is_unverified, receiver, receiving, secrets, talk};
use crate::inbox::{deliveries, work_off};
use crate::support::{TestApp, head, now, secret_of};

/// Receives a webhook and processes it. Returns its state and its note.
async fn outcome(app: &TestApp, webhook: UnsignedWebhook) -> (String, String) {
    let known: BTreeSet<_> = deliveries(app).await.into_iter().map(|row| row.delivery_id).collect();
    is_acknowledged(&webhook.signed().to(app).await);
    work_off(app).await;
    let mut new: Vec<_> =
        deliveries(app).await.into_iter().filter(|row| !known.contains(&row.delivery_id)).collect();
    assert_eq!(new.len(), 1, "it is stored");
    let row = new.remove(0);
    (row.state, row.note)
}

fn done(note: &str) -> (String, String) {
    ("done".to_owned(), note.to_owned())
}

fn dead(note: &str) -> (String, String) {
    ("dead".to_owned(), note.to_owned())
}

/// The recorded webhooks of a source, by name.
fn recorded(source: Source) -> Vec<(String, UnsignedWebhook)> {
    let directory =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/webhooks").join(source.as_str());
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let read = |path: PathBuf| {
        let recorded: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let mut body = recorded["body"].clone();
        // The hash is computed again, like every signature.
        body.as_object_mut().unwrap().remove("hash");
        let headers = recorded["headers"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()));
        (
            path.file_stem().unwrap().to_str().unwrap().to_owned(),
            UnsignedWebhook {
                source,
                headers: headers.collect(),
                body: body.to_string().into_bytes(),
            },
        )
    };
    paths.into_iter().map(read).collect()
}

#[tokio::test]
async fn every_recorded_webhook_ends_as_its_name_suggests() {
    let app = receiver().await;
    let mut ignored = Vec::new();
    for source in Source::ALL {
        let recorded = recorded(source);
        assert!(recorded.len() > 5, "{source}");
        for (name, webhook) in recorded {
            let (state, note) = outcome(&app, webhook).await;
            assert_eq!(state, "done", "{source}/{name}: {note}");
            if !note.is_empty() {
                ignored.push(format!("{source}/{name}: {note}"));
            }
        }
    }
    ignored.sort();
    assert_eq!(
        ignored,
        [
            "omneo/product.created: ignored: unknown event",
            "omneo/profile.before.update: ignored: the state before an update",
            "omnilab/stamp.collected.v1: ignored: unknown event",
            "omniotap/invoice.created: ignored: unknown entity",
            "syncaroo/availability: ignored: it is not about a booking",
            "syncaroo/location: ignored: it is not about a booking",
            "syncaroo/resource.new: ignored: it is not about a booking",
            "syncaroo/resource.unmapped: ignored: it is not about a booking",
            "syncaroo/resource.updated: ignored: it is not about a booking",
        ]
    );
    app.stop().await;
}

#[tokio::test]
async fn an_event_that_nobody_knows_is_kept_and_ends_as_ignored() {
    let app = receiver().await;
    let tap = |entity: &str, action: &str| {
        let body = json!({"event_id": format!("{entity} {action}"), "tenant_id": "d290f1ee-6c54-4b01-90e6-d701748f0851", "entity_type": entity,
            "action": action, "occurred_at": "2026-11-21T10:00:00Z", "data": {"id": "1"}});
        UnsignedWebhook::new(Source::OmnioTap, 1, body.to_string())
    };
    assert_eq!(outcome(&app, tap("voucher", "created")).await, done("ignored: unknown entity"));
    assert_eq!(outcome(&app, tap("contact", "archived")).await, done("ignored: unknown action"));
    for name in ["voucher.created", "benefit.code.allocated", "profile", "", "?"] {
        let event =
            UnsignedWebhook::new(Source::Omneo, 1, json!({"id": "p-1", "said": name}).to_string())
                .with("x-omneo-event", name);
        assert_eq!(outcome(&app, event).await, done("ignored: unknown event"), "{name}");
    }
    for (n, name) in (1..).zip(["voucher.created.v1", "", "reward"]) {
        let event = UnsignedWebhook::new(
            Source::OmniLab,
            n,
            json!({"type": name, "data": {"external_id": "x-1"}}).to_string(),
        );
        let expected = if name.is_empty() {
            dead("there is no event type")
        } else {
            done("ignored: unknown event")
        };
        assert_eq!(outcome(&app, event).await, expected, "{name}");
    }
    let weather = json!({"connectionId": 555, "metaData": {"attributeType": "weather"}});
    assert_eq!(
        outcome(&app, UnsignedWebhook::new(Source::Syncaroo, 1, weather.to_string())).await,
        done("ignored: it is not about a booking")
    );
    app.stop().await;
}

/// Bodies that are not JSON, or are not parsed.
fn unreadable() -> Vec<Vec<u8>> {
    let deep = |open: &str, close: &str| {
        format!("{}{}", open.repeat(20_000), close.repeat(20_000)).into_bytes()
    };
    vec![
        b"".to_vec(),
        b" ".to_vec(),
        b"{\"half".to_vec(),
        b"{}{}".to_vec(),
        b"event_id=1&entity_type=contact".to_vec(),
        b"<xml/>".to_vec(),
        b"\0".to_vec(),
        b"\xff\xfe\x00\x80".to_vec(),
        b"{\"id\":\"\xff\"}".to_vec(),
        deep("[", "]"),
        deep("{\"a\":", "}"),
        deep("[{\"a\":", ""),
    ]
}

#[tokio::test]
async fn what_is_signed_and_not_json_is_kept_and_ends_as_dead_with_the_reason() {
    let app = receiver().await;
    for source in [Source::OmnioTap, Source::Omneo, Source::OmniLab] {
        for (n, body) in (1..).zip(unreadable()) {
            let what = String::from_utf8_lossy(&body[..body.len().min(20)]).into_owned();
            let (state, note) = outcome(&app, UnsignedWebhook::new(source, n, body)).await;
            assert!(
                state == "dead" && note.starts_with("the body is not JSON: "),
                "{source} {what}: {note}"
            );
        }
    }
    app.stop().await;
}

#[tokio::test]
async fn what_is_no_object_has_no_hash_and_so_proves_nothing() {
    let app = receiver().await;
    let more = [&b"[]"[..], b"null", b"7", b"\"text\"", b"{}"].map(<[u8]>::to_vec);
    for body in unreadable().into_iter().chain(more) {
        is_unverified(&UnsignedWebhook::new(Source::Syncaroo, 1, body).signed().to(&app).await);
    }
    // The same member twice: it is unknown which one was hashed.
    is_unverified(
        &UnsignedWebhook::new(Source::Syncaroo, 1, "{\"a\":1,\"a\":2}").signed().to(&app).await,
    );
    assert!(deliveries(&app).await.is_empty());
    app.stop().await;
    // If a secret verifies the webhook, it is stored like any other.
    let secret = format!(
        "verification = \"secret\"\n{}",
        secrets(Source::Syncaroo, &["a-secret-of-ours-1"])
    );
    let app = TestApp::start_with(receiving().webhook(Source::Syncaroo, &secret)).await;
    for (n, body) in (1..).zip(unreadable()) {
        is_acknowledged(
            &UnsignedWebhook::new(Source::Syncaroo, 1, body)
                .bare()
                .at("/webhooks/demo/syncaroo/a-secret-of-ours-1")
                .to(&app)
                .await,
        );
        work_off(&app).await;
        assert_eq!(
            deliveries(&app)
                .await
                .iter()
                .filter(|row| row.state == "dead" && row.note.starts_with("the body is not JSON: "))
                .count(),
            n
        );
    }
    app.stop().await;
}

/// A receiver whose settings name the number of the connection.
async fn of_connection_555() -> TestApp {
    let settings = receiving().sources(|sources| sources.syncaroo.connection_id = 555);
    TestApp::start_with(settings).await
}

#[tokio::test]
async fn what_is_json_and_says_too_little_ends_as_dead_with_what_is_missing() {
    let app = of_connection_555().await;
    for (source, body, note) in [
        (Source::OmnioTap, "[]", "there is no tenant_id"),
        (Source::OmnioTap, "\u{feff}{}", "there is no tenant_id"),
        (
            Source::OmnioTap,
            "{\"tenant_id\":\"x\"}",
            "it belongs to another tenant than sources.omniotap.tenant_id",
        ),
        (
            Source::OmnioTap,
            "{\"tenant_id\":\"d290f1ee-6c54-4b01-90e6-d701748f0851\"}",
            "there is no entity_type",
        ),
        (Source::Omneo, "[]", "there is no event context"),
        (Source::Omneo, "{}", "there is no usable id"),
        (Source::OmniLab, "null", "there is no event type"),
        (Source::Syncaroo, "{\"connectionId\":555}", "there is no attributeType"),
        (
            Source::Syncaroo,
            "{\"connectionId\":556}",
            "it belongs to another connection than sources.syncaroo.connection_id",
        ),
    ] {
        assert_eq!(
            outcome(&app, UnsignedWebhook::new(source, 1, body).with("x-sent", body)).await,
            dead(note),
            "{source} {body}"
        );
        sqlx::query("delete from delivery_dedup").execute(app.pool()).await.unwrap();
    }
    let nameless = UnsignedWebhook {
        source: Source::Omneo,
        headers: vec![],
        body: b"{\"id\":\"p-1\"}".to_vec(),
    };
    assert_eq!(outcome(&app, nameless).await, dead("there is no x-omneo-event header"));
    app.stop().await;
}

#[tokio::test]
async fn what_is_too_large_is_refused_however_it_is_sent() {
    let app = receiver().await;
    let limit = 256 * 1024;
    for source in Source::ALL {
        let body = |bytes: usize| {
            let frame = UnsignedWebhook::new(source, 1, "{\"a\":\"\"}").signed().body.len();
            UnsignedWebhook::new(source, 1, format!("{{\"a\":\"{}\"}}", "x".repeat(bytes - frame)))
                .signed()
        };
        let (fits, is_larger) = (body(limit), body(limit + 1));
        assert_eq!((fits.body.len(), is_larger.body.len()), (limit, limit + 1));
        is_acknowledged(&fits.to(&app).await);
        let response = is_larger.to(&app).await;
        assert_eq!(
            (response.status, response.code().as_str()),
            (413, "body-too-large"),
            "{source}"
        );
        let way = format!("POST /webhooks/demo/{source} HTTP/1.1\r\nHost: hookpoint\r\n");
        let chunks: Vec<u8> = is_larger
            .body
            .chunks(10_000)
            .flat_map(|chunk| {
                [format!("{:x}\r\n", chunk.len()).as_bytes(), chunk, b"\r\n"].concat()
            })
            .collect();
        for (how, request) in [
            (
                "it is announced, and the rest never comes",
                format!("{way}Content-Length: {}\r\n\r\n{{", limit + 1).into_bytes(),
            ),
            (
                "a number that nobody can hold",
                format!("{way}Content-Length: 18446744073709551615\r\n\r\n").into_bytes(),
            ),
            (
                "in chunks, without saying how much",
                [
                    format!("{way}Transfer-Encoding: chunked\r\n\r\n").as_bytes(),
                    &chunks,
                    b"0\r\n\r\n",
                ]
                .concat(),
            ),
            (
                "in chunks that never end",
                [format!("{way}Transfer-Encoding: chunked\r\n\r\n").as_bytes(), &chunks].concat(),
            ),
        ] {
            let (answer, is_closed) = talk(app.application.address, request).await;
            assert!(
                answer.starts_with("HTTP/1.1 413 ")
                    && answer.contains("body-too-large")
                    && is_closed,
                "{source}, {how}: {is_closed} {answer}"
            );
        }
    }
    assert_eq!(deliveries(&app).await.len(), 4);
    app.stop().await;
}

#[tokio::test]
async fn a_body_in_chunks_is_as_good_as_one_of_known_length() {
    let app = receiver().await;
    for source in Source::ALL {
        let sent = unsigned_webhook(source, 1).signed_with(&secret_of(source), now());
        let mut headers: Vec<(&str, &str)> =
            sent.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        headers.push(("Transfer-Encoding", "chunked"));
        let mut request =
            head(app.application.address, "POST", &sent.target, &headers).into_bytes();
        for chunk in sent.body.chunks(7) {
            request.extend([format!("{:x}\r\n", chunk.len()).as_bytes(), chunk, b"\r\n"].concat());
        }
        request.extend(b"0\r\n\r\n");
        let (answer, _) = talk(app.application.address, request).await;
        assert!(answer.starts_with("HTTP/1.1 202 "), "{source}: {answer}");
    }
    assert_eq!(deliveries(&app).await.len(), 4);
    app.stop().await;
}

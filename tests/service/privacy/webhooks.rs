//! The content and the secrets of webhooks must be in the inbox only.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use hookpoint::customer::model::source::Source;
use hookpoint::storage::database::Place;
use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};

use super::forms::LeakSearch;
use super::{
    COMPANY, EMAIL, HEADERS, ID, LEAKED, NAME, PHONE, SECRET_KEY, SUBJECT, app_with_canaries,
    canaries, is_found_where_leaked,
};
use crate::inbox::{deliveries, poison, states};
use crate::lookup::postgres_outage::{cut, restore};
use crate::support::{
    Response, TestApp, TestSettings, encode, exchange, head, logs, now, post, scratch, until,
};
use crate::webhooks::secrets;
use crate::webhooks::webhook_requests::{UnsignedWebhook, WebhookRequest, signed_names, tampered};

/// The secret shared with the sources. Its length avoids `=` in base64, so that it can be the name of an environment
/// variable.
pub const SECRET: &str = "canary-hook-secret-81c50";
/// A wrong secret.
pub const WRONG: &str = "canary-wrong-secret-52d9";
pub const TOKEN: &str = "Bearer CanaryToken-77e1";

/// Values that must not appear anywhere, in addition to the person's.
pub const CANARIES: [&str; 4] = [SECRET, WRONG, "CanaryToken-77e1", "canary-hook"];

/// A record with this name cannot be written.
const POISONED: &str = "Vergiftigd";

/// Settings in which each source's webhooks are verified in a different way.
pub fn webhook_settings() -> TestSettings {
    let authorization = format!("authorization = [{{ env = \"{TOKEN}\" }}]");
    [
        (Source::OmnioTap, "secret", ""),
        (Source::Omneo, "signature", ""),
        (Source::OmniLab, "signature", &authorization),
        (Source::Syncaroo, "hash", ""),
    ]
    .into_iter()
    .fold(TestSettings::demo(), |settings, (source, way, more)| {
        let secrets = secrets(source, &[SECRET]);
        settings.webhook(source, &format!("verification = \"{way}\"\n{secrets}\n{more}"))
    })
}

/// The environment variables for these settings, for a process of its own.
pub fn environment() -> Vec<(String, String)> {
    [SECRET.to_owned(), crate::support::written(Source::OmniLab, SECRET), TOKEN.to_owned()]
        .map(|secret| (secret.clone(), secret))
        .to_vec()
}

/// A source's body about the person, with additional data in the same body.
fn body(source: Source, id: &str, more: &Value) -> Value {
    let at = "2026-11-21T11:00:00Z";
    let mut body = match source {
        Source::OmnioTap => {
            json!({"event_id": id, "tenant_id": "d290f1ee-6c54-4b01-90e6-d701748f0851", "entity_type": "contact", "action": "updated",
            "occurred_at": at, "data": {"id": ID, "firstName": NAME, "lastName": NAME, "email": EMAIL, "phone": PHONE, "company": COMPANY, "updatedAt": at}})
        }
        Source::Omneo => {
            json!({"id": ID, "first_name": NAME, "last_name": NAME, "email": EMAIL, "mobile_phone": PHONE, "said": id})
        }
        Source::OmniLab => {
            json!({"type": "feedback.submitted.v1", "timestamp": at, "data": {"external_id": ID, "email": EMAIL, "phone": PHONE,
            "comment": SUBJECT, "said": id}})
        }
        Source::Syncaroo => {
            json!({"connectionId": 555, "webhookType": "data", "locationId": NAME, "metaData": {"attributeType": "bookings",
            "resourceType": "hot-desk", "resourceId": ID, "apiUrl": format!("https://app.syncaroo.com/{ID}?who={EMAIL}"),
            "syncarooId": format!("{ID}*1796896800000*1796900400000")}})
        }
    };
    body.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
    body
}

fn proved(webhook: UnsignedWebhook, at: Timestamp) -> WebhookRequest {
    let source = webhook.source;
    // The secret is at every place where somebody may put it.
    let path = format!(
        "/webhooks/demo/{source}/{SECRET}?token={SECRET}&key={}&who={}",
        encode(SECRET_KEY),
        encode(EMAIL)
    );
    webhook.signed_with(SECRET, at).at(&path).with("Authorization", TOKEN)
}

/// Webhooks about the person: valid ones, and invalid ones of every kind.
pub fn webhooks(id: &str, at: Timestamp) -> Vec<WebhookRequest> {
    let mut all = Vec::new();
    for (n, source) in (1..).zip(Source::ALL) {
        let webhook = |what: &str, body: Vec<u8>| match source {
            Source::OmniLab => UnsignedWebhook::new(source, n, body)
                .with("webhook-id", &format!("{ID}-{id}-{what}")),
            _ => UnsignedWebhook::new(source, n, body),
        };
        let good = |what: &str| {
            webhook(
                what,
                body(source, &format!("{ID}-{id}-{what}"), &json!({})).to_string().into_bytes(),
            )
        };
        let accepted = proved(good("accepted"), at);
        all.extend([accepted.clone(), accepted.clone()]);
        // Unverified: another secret, none, another time, another body.
        let wrong = good("wrong").signed_with(WRONG, at);
        all.push(
            wrong
                .at(&format!("/webhooks/demo/{source}/{WRONG}?token={}", encode(WRONG)))
                .with("Authorization", &format!("Bearer {WRONG}")),
        );
        all.push(
            wrong
                .at(&format!("/webhooks/demo/{source}?token={WRONG}&{SECRET}={EMAIL}"))
                .with("Authorization", "Basic Y2FuYXJ5LXdyb25nLXNlY3JldC01MmQ5"),
        );
        all.push(accepted.at(&format!("/webhooks/demo/{source}")).without("Authorization"));
        all.push(proved(good("old"), at - 1.hour()));
        all.push(accepted.saying(format!("{{\"email\":\"{EMAIL}\",\"hash\":\"{WRONG}\"}}")));
        for name in signed_names(source) {
            all.extend(
                [None, Some(SECRET), Some(EMAIL), Some(WRONG)]
                    .map(|value| tampered(source, &accepted, name, value)),
            );
        }
        // For unknown endpoints.
        for target in [
            format!("/webhooks/{NAME}/{source}"),
            format!("/webhooks/demo/{EMAIL}/{SECRET}"),
            format!("/webhooks/demo/{source}/{SECRET}/{ID}"),
        ] {
            all.push(accepted.at(&target));
        }
        // Too large, unparsable, without usable content, of an unknown type.
        all.push(accepted.saying(format!("\"{EMAIL}{NAME}{SECRET}\"").repeat(10_000)));
        all.push(proved(
            webhook("half", format!("{{\"email\": \"{EMAIL}\", \"{NAME}\": ").into_bytes()),
            at,
        ));
        all.push(proved(webhook("text", format!("{EMAIL} {NAME} {PHONE}").into_bytes()), at));
        all.push(proved(webhook("bytes", [EMAIL.as_bytes(), b"\xff\xfe"].concat()), at));
        // The event type is a vendor's word and appears in lists. All other values may be personal.
        let foreign = json!({"tenant_id": ID, "connectionId": EMAIL, "type": "voucher.created.v1", "entity_type": "voucher", "action": "created",
            "metaData": {"attributeType": "vouchers", "syncarooId": EMAIL}});
        all.push(proved(
            webhook(
                "foreign",
                body(source, &format!("{ID}-{id}-foreign"), &foreign).to_string().into_bytes(),
            ),
            at,
        ));
        all.push(proved(
            webhook("empty", format!("{{\"{EMAIL}\":\"{NAME}\"}}").into_bytes())
                .with("x-omneo-event", "voucher.created"),
            at,
        ));
        // Records that cannot be written.
        let poisoned = json!({"data": {"id": format!("{ID}-{id}-p"), "firstName": POISONED, "lastName": NAME, "email": EMAIL}, "id": format!("{ID}-{id}-p"), "first_name": POISONED});
        all.push(proved(
            webhook(
                "poisoned",
                body(source, &format!("{ID}-{id}-poisoned"), &poisoned).to_string().into_bytes(),
            ),
            at,
        ));
    }
    all
}

/// Sends them all at once, and some bytes that are not valid HTTP. Returns the statuses.
pub async fn send_webhooks(address: SocketAddr, id: &str, at: Timestamp) -> Vec<u16> {
    let webhooks = webhooks(id, at);
    let answered = webhooks.iter().map(|sent| async move {
        let headers = HEADERS
            .into_iter()
            .chain(sent.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        post(address, &sent.target, &headers.collect::<Vec<_>>(), &sent.body).await
    });
    let mut answers = futures_util::future::join_all(answered).await;
    for (method, headers, rest) in [
        ("GET", vec![], EMAIL),
        (NAME, vec![("Content-Length", "5")], EMAIL),
        // Half a body, invalid chunks, and an invalid head.
        ("POST", vec![("Content-Length", "1000"), ("Authorization", TOKEN)], EMAIL),
        ("POST", vec![("Transfer-Encoding", "chunked"), ("Authorization", TOKEN)], EMAIL),
        ("POST", vec![("Content-Length", EMAIL)], EMAIL),
    ] {
        let target = format!("/webhooks/demo/omneo/{SECRET}?token={SECRET}");
        answers.push(
            exchange(
                address,
                format!("{}{rest}", head(address, method, &target, &headers)).into_bytes(),
            )
            .await,
        );
    }
    for Response { status, head, body } in &answers {
        assert_eq!(everything().find(&format!("{head}\n{body}")), None, "in an answer of {status}");
    }
    answers.into_iter().map(|answer| answer.status).collect()
}

/// The person's values, the secrets, and every signature made with them at this time.
pub fn everything() -> LeakSearch {
    let values: Vec<&str> = super::CANARIES.into_iter().chain(CANARIES).collect();
    LeakSearch::new(&values)
}

/// The signatures of webhooks that are sent at this time, in every encoding.
pub fn signatures(id: &str, at: Timestamp) -> LeakSearch {
    let mut found = Vec::new();
    for sent in webhooks(id, at) {
        let headers = ["x-omneo-hmac-sha256", "x-omniotap-signature", "webhook-signature"]
            .into_iter()
            .filter_map(|name| sent.header(name).map(str::to_owned));
        let hash = serde_json::from_slice::<Value>(&sent.body)
            .ok()
            .and_then(|body| Some(body.get("hash")?.as_str()?.to_owned()));
        found.extend(
            headers
                .chain(hash)
                .map(|proof| proof.trim_start_matches("v1,").to_owned())
                .filter(|proof| proof.len() > 40),
        );
    }
    found.sort();
    found.dedup();
    assert!(found.len() > 20);
    LeakSearch::new(&found.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Waits until no delivery is due.
pub async fn work_is_done(app: &TestApp) {
    let left = "select count(*) from deliveries where state = 'pending' and (claim_token is not null or due_at <= $1)";
    until("no delivery is due", async || {
        let now = jiff_sqlx::Timestamp::from(app.clock.now());
        let (left,): (i64,) = sqlx::query_as(left).bind(now).fetch_one(app.pool()).await.unwrap();
        left == 0
    })
    .await;
}

/// Runs `hookpoint` on the application's database.
async fn hookpoint(app: &TestApp, arguments: &[&str]) -> String {
    let Place::Server(url) = &app.place else { panic!("tests share a server") };
    let directory: PathBuf = scratch().join(format!("hookpoint-inbox-{}", app.database));
    std::fs::create_dir_all(&directory).unwrap();
    let file = directory.join("hookpoint.toml");
    std::fs::write(&file, webhook_settings().text()).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_hookpoint"));
    command
        .arg("--settings")
        .arg(&file)
        .args(arguments)
        .env("DATABASE_URL", &url.0)
        .envs(environment())
        .env("RUST_BACKTRACE", "full");
    let output =
        tokio::task::spawn_blocking(move || command.stdin(Stdio::null()).output().unwrap())
            .await
            .unwrap();
    std::fs::remove_dir_all(directory).unwrap();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(output.status.success(), "{arguments:?}: {said}");
    said
}

#[tokio::test]
async fn nothing_of_a_webhook_reaches_a_log_line_a_metric_an_answer_or_a_list() {
    let app = app_with_canaries(webhook_settings().usual_ack_timeout()).await;
    let address = app.application.address;
    poison(&app, POISONED, "40001").await;
    let mut statuses = send_webhooks(address, "first", now()).await;
    work_is_done(&app).await;
    let retried = states(&app).await;
    poison(&app, POISONED, "23514").await;
    app.clock.set(now() + 1.minute());
    statuses.extend(send_webhooks(address, "second", app.clock.now()).await);
    work_is_done(&app).await;
    cut(&app).await;
    statuses.extend(send_webhooks(address, "third", app.clock.now()).await);
    restore(&app).await;
    app.wait_until_current().await;
    crate::inbox::replay_all(&app).await;
    work_is_done(&app).await;
    for status in [202, 400, 401, 404, 405, 413, 503] {
        assert!(statuses.contains(&status), "status {status} never occurred: {statuses:?}");
    }
    let states = states(&app).await;
    assert!(
        retried.iter().any(|(state, note)| state == "pending" && note.contains("40001")),
        "{retried:?}"
    );
    for expected in [
        "database: SQLSTATE 23514",
        "the body is not JSON",
        "it belongs to another tenant than sources.omniotap.tenant_id",
    ] {
        assert!(
            states.iter().any(|(state, note)| state == "dead" && note.contains(expected)),
            "{expected}: {states:?}"
        );
    }
    assert!(
        states.iter().any(|(_, note)| note.starts_with("ignored: "))
            && states.contains(&("done".to_owned(), String::new())),
        "{states:?}"
    );
    for (state, note) in &states {
        assert_eq!(everything().find(note), None, "the note of a delivery that is {state}");
    }

    tracing::trace!(target: "hookpoint::canary", LEAKED);
    metrics::counter!("hookpoint_canary_total", "leaked" => LEAKED).increment(1);
    let (seen, metrics) = (logs().text(), hookpoint::telemetry::metrics().render());
    for expected in [
        "webhook verification failed",
        "webhooks are not stored",
        "\"route\":\"webhook\"",
        "\"status\":413",
    ] {
        assert!(seen.contains(expected), "nothing was captured of {expected}");
    }
    for expected in [
        "hookpoint_webhooks_total",
        "hookpoint_deliveries_total",
        "outcome=\"too_large\"",
        "outcome=\"retried\"",
        "outcome=\"dead\"",
    ] {
        assert!(metrics.contains(expected), "nothing was counted as {expected}");
    }
    is_found_where_leaked(&seen);
    is_found_where_leaked(&metrics);
    for (id, at) in [("first", now()), ("second", app.clock.now()), ("third", app.clock.now())] {
        assert_eq!(signatures(id, at).find(&seen), None, "in the log");
        assert_eq!(signatures(id, at).find(&metrics), None, "in the metrics");
    }
    assert_eq!(everything().find(&seen), None, "in the log");
    assert_eq!(everything().find(&metrics), None, "in the metrics");

    for arguments in [&["inbox", "status"][..], &["inbox", "list", "--limit", "1000"]] {
        let said = hookpoint(&app, arguments).await;
        assert!(said.contains("omnilab"), "{said}");
        assert!(
            said.lines().filter(|line| line.contains("2026-11-21 12:01:00  ")).count() > 10
                || arguments.contains(&"status"),
            "{said}"
        );
        assert_eq!(everything().find(&said), None, "{arguments:?}");
    }
    let mut is_revealed = false;
    for row in one_of_each(&app).await {
        let id = row.to_string();
        let said = hookpoint(&app, &["inbox", "show", &id]).await;
        assert!(said.contains("--reveal shows it"), "{said}");
        assert_eq!(everything().find(&said), None, "inbox show");
        let revealed = hookpoint(&app, &["inbox", "show", &id, "--reveal"]).await;
        is_revealed |= canaries().find(&revealed).is_some();
        // Syncaroo's hash is a member of the body, and `--reveal` shows the body.
        let revealed: String =
            revealed.lines().filter(|line| !line.contains("\"hash\": ")).collect();
        assert_eq!(
            LeakSearch::new(&CANARIES).find(&revealed),
            None,
            "secrets and signatures are not stored"
        );
    }
    assert!(is_revealed, "--reveal shows the body");
    app.stop().await;
}

/// One delivery of each source, state and note.
async fn one_of_each(app: &TestApp) -> Vec<uuid::Uuid> {
    let mut kinds = std::collections::BTreeMap::new();
    for row in deliveries(app).await {
        kinds.insert((row.source, row.state, row.note), row.delivery_id);
    }
    kinds.into_values().collect()
}

//! The canary test: nobody's data in any log line or metric, whatever goes wrong.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hookpoint::app::PATHS;
use hookpoint::demo::story::{self, Recorded};

use crate::faults::{cut, restore};
use crate::support::{Options, TestApp, encode, logs};

const SECRET_KEY: &str = "hkp_CanaryKey7f3a9";
const EMAIL: &str = "canary.person@canary-mail.example.org";
const PHONE: &str = "+31655500017";
const NAME: &str = "Canariana";
const ID: &str = "canary-record-4711";

/// A value in the forms in which it could slip out.
fn forms(value: &str) -> Vec<String> {
    let mut forms = vec![value.to_owned(), value.to_uppercase(), encode(value), encode(value).to_lowercase(), value.replace('@', "%40")];
    forms.push(value.trim_start_matches('+').to_owned());
    // Base64 of a text depends on where in a group of three it starts.
    for offset in 0..3 {
        let padded = format!("{}{value}", &"xyz"[..offset]);
        let encoded = STANDARD.encode(&padded);
        let (skip, whole) = (offset.div_ceil(1) * 4 / 3 + usize::from(offset > 0), encoded.len() / 4 * 4 - 4);
        forms.push(encoded[skip..whole].to_owned());
    }
    forms
}

async fn drive(app: &TestApp, suffix: &str) -> Vec<u16> {
    let mut statuses = Vec::new();
    let key = encode(SECRET_KEY);
    let (email, phone) = (encode(EMAIL), encode(PHONE));
    for query in [
        format!("key={key}&channelAddressType=email&address={email}{suffix}"),
        format!("key={key}&channelAddressType=phoneNumber&address={phone}{suffix}"),
        format!("key={key}&primaryID={ID}{suffix}"),
        format!("key={key}&channelAddressType=email&address={EMAIL}&address={EMAIL}"),
        format!("key={key}&channelAddressType={email}&address={phone}"),
        format!("key={key}&channelAddressType=phoneNumber&address={email}"),
        format!("key={key}&channelAddressType=email&address={phone}{NAME}"),
        format!("key={key}&key={key}&primaryID={ID}"),
        format!("key={key}{NAME}&primaryID={ID}"),
        format!("key={key}&primaryID={ID}%00{NAME}&{}", "x".repeat(5_000)),
    ] {
        for path in PATHS {
            let path = path.replace("{code}", &format!("{NAME}-{ID}"));
            for method in ["GET", "HEAD", "POST", NAME] {
                let headers = [("X-Forwarded-For", PHONE), ("User-Agent", EMAIL), ("Referer", EMAIL), ("X-Request-Id", NAME)];
                statuses.push(app.send(method, &format!("{path}?{query}"), &headers).await.status);
            }
        }
        statuses.push(app.send("GET", &format!("/{NAME}/{EMAIL}?{query}"), &[]).await.status);
    }
    statuses
}

#[tokio::test]
async fn no_key_address_or_name_reaches_a_log_line_or_a_metric() {
    let limits = "lookups_per_second = 100000\nwrong_keys_per_minute = 20\nmisses_per_minute = 1".to_owned();
    let app = TestApp::start_with(Options { replace: vec![("lookups_per_second = 100000", limits)], ..Options::default() }).await;
    app.key(&app.brand, SECRET_KEY, None).await;
    app.until(&format!("key={SECRET_KEY}&primaryID=1"), |response| response.status != 401).await;
    let body = serde_json::json!({
        "event_id": "e", "tenant_id": "d290f1ee-6c54-4b01-90e6-d701748f0851", "entity_type": "contact", "action": "created",
        "occurred_at": "2026-01-01T00:00:00Z",
        "data": {"id": ID, "firstName": NAME, "lastName": NAME, "email": EMAIL, "phone": PHONE},
    });
    let recorded = Recorded::parse(&serde_json::json!({"headers": {}, "received_at": "2026-01-01T00:00:00Z", "body": body}).to_string()).unwrap();
    let changes = story::changes(&[(hookpoint::customer::kind::Source::OmnioTap, recorded)], &app.brand.rules.sources).unwrap();
    // Debug output is what careless log lines are made of.
    tracing::info!(target: "hookpoint::canary", changes = ?changes, brand = ?app.brand.row.brand_id, "debug output of changes");
    app.apply(changes).await;
    let mut statuses = drive(&app, "").await;
    let forbidden = Options {
        replace: vec![("workers = 2", "workers = 2\nallow = [\"192.0.2.0/24\"]".to_owned())],
        place: Some((app.place.clone(), app.database.clone())),
    };
    let closed = TestApp::start_with_open_door(forbidden).await;
    statuses.extend(drive(&closed, "").await);
    closed.stop().await;
    let slow = Options {
        replace: vec![("lookups_per_second = 100000", "lookups_per_second = 1".to_owned())],
        place: Some((app.place.clone(), app.database.clone())),
    };
    let limited = TestApp::start_with_open_door(slow).await;
    statuses.extend(drive(&limited, "").await);
    limited.stop().await;
    cut(&app).await;
    statuses.extend(drive(&app, "9").await);
    restore(&app).await;
    app.stop().await;
    for status in [200, 400, 401, 403, 404, 405, 429, 500] {
        assert!(statuses.contains(&status), "{status} was never driven");
    }
    let seen = logs().text();
    for expected in ["http.request.answered", "\"status\":500", "\"status\":405", "the store could not answer", "debug output of changes"] {
        assert!(seen.contains(expected), "nothing was captured of {expected}");
    }
    assert!(seen.lines().filter(|line| line.contains("http.request.answered")).count() > 300);
    let metrics = hookpoint::telemetry::metrics().render();
    assert!(metrics.contains("hookpoint_requests_total") && metrics.contains("hookpoint_problems_total"));
    for value in [SECRET_KEY, EMAIL, PHONE, NAME, ID] {
        for form in forms(value) {
            for (what, text) in [("the log", &seen), ("the metrics", &metrics)] {
                let place = text.to_lowercase().find(&form.to_lowercase()).map(|at| &text[at.saturating_sub(200)..(at + 60).min(text.len())]);
                assert!(place.is_none(), "{form} in {what}: {place:?}");
            }
        }
    }
}

//! The log line of a request says what an operator needs.

use std::sync::Arc;

use hookpoint::clock::Clock;
use hookpoint::customer::model::source::Source;
use hookpoint::demo::simulators::{Fault, Part, SimulatedData, SimulatorOptions, Simulators};
use hookpoint::demo::webhook_signer::Secrets;
use hookpoint::sources::api::LiveWhen;
use serde_json::Value;

use crate::support::{KEY, Response, TestApp, TestSettings, logs, until};
use crate::webhooks::receiver;
use crate::webhooks::webhook_requests::unsigned_webhook;

const EMAIL: &str = "channelAddressType=email&address=thomas%40example.org";
const NOBODY: &str = "channelAddressType=email&address=nobody%40example.org";
const PHONE: &str = "channelAddressType=phoneNumber&address=%2B31644556677";

/// The lines about a request that was answered.
fn lines_of(response: &Response) -> Vec<Value> {
    let id = response.header("x-request-id").unwrap();
    logs()
        .text()
        .lines()
        .filter(|line| line.contains(id) && line.contains("request answered"))
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The one line about a request. It is written at about the time of the response.
async fn line_of(response: &Response) -> Value {
    until("the request is logged", async || !lines_of(response).is_empty()).await;
    let lines = lines_of(response);
    assert_eq!(lines.len(), 1, "{lines:?}");
    lines[0].clone()
}

/// The values of fields, as text. "-" for a field that the line does not have.
fn fields(line: &Value, names: &[&str]) -> Vec<String> {
    let text = |name: &&str| match line.get(*name) {
        None => "-".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    };
    names.iter().map(text).collect()
}

#[tokio::test]
async fn a_lookup_says_by_what_with_which_key_and_how_many_were_found() {
    let app = TestApp::demo().await;
    let key = hookpoint::storage::api_keys::list_keys(app.pool()).await.unwrap();
    let key_id = key[0].key_id.to_string();
    for (query, expected) in [
        (EMAIL, ["200", "-", "demo", &key_id, "email", "miss", "1"]),
        (EMAIL, ["200", "-", "demo", &key_id, "email", "hit", "1"]),
        (PHONE, ["200", "-", "demo", &key_id, "telephone", "miss", "2"]),
        (NOBODY, ["200", "-", "demo", &key_id, "email", "miss", "0"]),
        (NOBODY, ["200", "-", "demo", &key_id, "email", "hit", "0"]),
        ("primaryID=unheard-of", ["200", "-", "demo", &key_id, "id", "miss", "0"]),
        (
            "channelAddressType=email&address=a",
            ["400", "email-malformed", "demo", &key_id, "email", "none", "-"],
        ),
        (
            "channelAddressType=phoneNumber&address=0612345678",
            ["400", "phone-malformed", "demo", &key_id, "telephone", "none", "-"],
        ),
        ("", ["400", "parameter-missing", "demo", &key_id, "-", "none", "-"]),
    ] {
        let line = line_of(&app.ask(&format!("key={KEY}&{query}")).await).await;
        let names = ["status", "problem", "brand", "key_id", "by", "cache", "customers"];
        assert_eq!(fields(&line, &names), expected, "{query}: {line}");
        assert_eq!(fields(&line, &["sources", "peer", "caller"]), ["-", "-", "-"], "{line}");
    }
    app.stop().await;
}

#[tokio::test]
async fn a_rejected_caller_is_named_by_its_network_address() {
    let network = |text: &str| text.parse().unwrap();
    let proxied = TestSettings::demo().with(|file| {
        file.server.allowed_networks = vec![network("192.0.2.0/24")];
        file.server.trusted_proxies = vec![network("127.0.0.0/8")];
    });
    let app = TestApp::start_without_warm_up(proxied).await;
    let target = format!("/omnidesk/customerlookup?key=wrong&{EMAIL}");
    for (forwarded, expected) in [
        ("203.0.113.1", ["403", "network-forbidden", "127.0.0.1", "203.0.113.1"]),
        ("nonsense", ["403", "network-forbidden", "127.0.0.1", "malformed"]),
        ("192.0.2.7", ["401", "key-unknown", "127.0.0.1", "192.0.2.7"]),
    ] {
        let response = app.send("GET", &target, &[("X-Forwarded-For", forwarded)]).await;
        let line = line_of(&response).await;
        assert_eq!(fields(&line, &["status", "problem", "peer", "caller"]), expected, "{line}");
    }
    app.stop().await;
    // A proxy that is not in trusted_proxies is the peer, so its address is the one to add.
    let direct = TestSettings::demo()
        .with(|file| file.server.allowed_networks = vec![network("192.0.2.0/24")]);
    let app = TestApp::start_without_warm_up(direct).await;
    let line = line_of(&app.send("GET", &target, &[("X-Forwarded-For", "192.0.2.7")]).await).await;
    assert_eq!(fields(&line, &["status", "peer", "caller"]), ["403", "127.0.0.1", "-"], "{line}");
    app.stop().await;
}

#[tokio::test]
async fn a_lookup_says_what_each_source_answered() {
    let data = Arc::new(SimulatedData::new(Clock::system()));
    let options = SimulatorOptions { calls: 1_000_000, ..SimulatorOptions::default() };
    let simulators = Simulators::start(data, &Secrets::known(), options, Clock::system()).unwrap();
    let settings = TestSettings::demo()
        .without_backfill()
        .api(&simulators, Source::OmnioTap, LiveWhen::Unknown)
        .api(&simulators, Source::Omneo, LiveWhen::Unknown);
    let app = TestApp::start_with(settings).await;
    let ask = async |n: u32| {
        let query = format!("key={KEY}&channelAddressType=email&address=nobody-{n}%40example.org");
        let line = line_of(&app.ask(&query).await).await;
        assert_eq!(fields(&line, &["customers"]), ["0"], "{line}");
        fields(&line, &["sources"])[0].clone()
    };
    assert_eq!(ask(1).await, "omneo=not_found omniotap=not_found");
    simulators.set_fault(Source::OmnioTap, Part::Api, Some(Fault::Status(500)));
    assert_eq!(ask(2).await, "omneo=not_found omniotap=http_error", "nobody, or nobody asked?");
    app.stop().await;
    simulators.stop().await;
}

#[tokio::test]
async fn a_webhook_says_what_became_of_it_and_why() {
    let app = receiver().await;
    let good = unsigned_webhook(Source::Omneo, 1).signed();
    let unsigned = unsigned_webhook(Source::Omneo, 1).bare();
    let other = unsigned_webhook(Source::Omneo, 1)
        .signed_with("somebody-elses-secret", crate::support::now());
    let mut reasons = Vec::new();
    for (webhook, expected) in [
        (good.clone(), ["202", "-", "omneo", "received", "-"]),
        (good, ["202", "-", "omneo", "duplicate", "-"]),
        (unsigned, ["401", "webhook-unverified", "omneo", "unverified", "127.0.0.1"]),
        (other, ["401", "webhook-unverified", "omneo", "unverified", "127.0.0.1"]),
    ] {
        let line = line_of(&webhook.to(&app).await).await;
        let names = ["status", "problem", "source", "outcome", "peer"];
        assert_eq!(fields(&line, &names), expected, "{line}");
        reasons.extend(fields(&line, &["reason"]));
    }
    // Each refused webhook has its reason, however many there are in a minute.
    assert_eq!(reasons[..2], ["-", "-"]);
    assert!(reasons[2].contains("missing") && reasons[3].contains("wrong"), "{reasons:?}");
    app.stop().await;
}

#[tokio::test]
async fn usual_lookups_can_be_left_out_and_health_checks_are_for_debugging() {
    let quiet = TestSettings::demo().with(|file| file.telemetry.logged_lookups_percent = 0);
    let app = TestApp::start_with(quiet).await;
    let usual = app.ask(&format!("key={KEY}&{NOBODY}")).await;
    let wrong = app.ask("key=wrong&primaryID=1").await;
    assert_eq!((usual.status, wrong.status), (200, 401));
    assert_eq!(fields(&line_of(&wrong).await, &["level"]), ["INFO"]);
    let health = app.send("GET", "/health/ready", &[]).await;
    assert_eq!(fields(&line_of(&health).await, &["level", "route"]), ["DEBUG", "ready"]);
    assert_eq!(lines_of(&usual), Vec::<Value>::new());
    app.stop().await;
}

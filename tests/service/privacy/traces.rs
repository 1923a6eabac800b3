//! What a collector of traces gets contains nothing of a request, of a webhook, or of a person.

use std::collections::BTreeSet;
use std::sync::Arc;

use hookpoint::clock::Clock;
use hookpoint::customer::model::source::Source;
use hookpoint::demo::simulators::{ObjectKind, SimulatedData, SimulatorOptions, Simulators};
use hookpoint::demo::webhook_signer::Secrets;
use hookpoint::sources::api::LiveWhen;
use hookpoint::telemetry::traces::{ALLOWED, SpanName};
use serde_json::json;

use super::forms::LeakSearch;
use super::webhooks::{everything, send_webhooks, signatures, webhook_settings, work_is_done};
use super::{EMAIL, ID, NAME, PHONE, SECRET_KEY, app_with_canaries, drive, encode, queries};
use crate::lookup::postgres_outage::{cut, restore};
use crate::support::{TestApp, now, until};
use crate::telemetry::collector::{Answer, Collector};

/// Somebody whom only the CRM knows, and somebody whom nobody knows.
const LATER: [&str; 2] =
    ["later.canary.person@canary-mail.example.org", "no.canary.person@canary-mail.example.org"];

/// The systems, with somebody whom no webhook reported.
fn simulators() -> Simulators {
    let data = Arc::new(SimulatedData::new(Clock::system()));
    let at = "2026-01-01T09:00:00.000Z";
    let contact = json!({"id": format!("{ID}-later"), "firstName": NAME, "lastName": NAME, "email": LATER[0],
        "phone": PHONE, "createdAt": at, "updatedAt": at});
    data.put(ObjectKind::Contact, contact);
    let options = SimulatorOptions { calls: 1_000_000, ..SimulatorOptions::default() };
    Simulators::start(data, &Secrets::known(), options, Clock::system()).unwrap()
}

/// Everything that the service does, in every kind of failure.
async fn do_everything(app: &TestApp) {
    let address = app.application.address;
    let headers = [
        ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
        ("tracestate", &*format!("canary={NAME}")),
        ("baggage", &*format!("person={EMAIL}")),
    ];
    for email in LATER {
        let query = format!("channelAddressType=email&address={}", encode(email));
        let target = format!("/omnidesk/customerlookup?key={}&{query}", encode(SECRET_KEY));
        assert_eq!(app.send("GET", &target, &headers).await.status, 200);
    }
    drive(address, "").await;
    let asked = queries("").into_iter().map(|query| async move { app.ask(&query).await });
    futures_util::future::join_all(asked).await;
    send_webhooks(address, "traced", now()).await;
    work_is_done(app).await;
    cut(app).await;
    drive(address, "9").await;
    send_webhooks(address, "lost", now()).await;
    restore(app).await;
}

#[tokio::test]
async fn no_key_secret_address_or_name_reaches_a_collector() {
    let (collector, simulators) = (Collector::start(Answer::Ok), simulators());
    let settings = webhook_settings()
        .usual_ack_timeout()
        .lookup_deadline_ms(1_000)
        .with(|file| collector.turn_on(file))
        .api(&simulators, Source::OmnioTap, LiveWhen::Unknown)
        .api(&simulators, Source::Syncaroo, LiveWhen::Off);
    let app = app_with_canaries(settings).await;
    do_everything(&app).await;
    let expected: BTreeSet<&str> = SpanName::ALL.iter().map(|name| name.as_str()).collect();
    let names =
        || -> BTreeSet<String> { collector.spans().into_iter().map(|span| span.name).collect() };
    until("there are spans of every kind", async || names().len() >= expected.len()).await;
    app.stop().await;
    simulators.stop().await;

    let spans = collector.spans();
    assert!(spans.len() > 300, "{}", spans.len());
    assert_eq!(names().iter().map(String::as_str).collect::<BTreeSet<_>>(), expected);
    let seen: BTreeSet<&str> =
        spans.iter().flat_map(|span| span.attributes.keys()).map(String::as_str).collect();
    let allowed = BTreeSet::from(ALLOWED);
    assert!(seen.is_subset(&allowed), "{seen:?}");
    // Whether lookups come at the same moment, and so form a batch, is chance.
    let unseen: Vec<&str> = allowed.difference(&seen).copied().collect();
    assert!(unseen.is_empty() || unseen == ["db.operation.batch.size"], "{unseen:?}");
    assert!(spans.iter().all(|span| span.others == 0), "events, states or messages");
    let metrics = hookpoint::telemetry::metrics().render();
    assert!(metrics.contains("\nhookpoint_trace_attributes_dropped_total 0\n"), "{metrics}");

    let bytes: Vec<u8> = collector.received().into_iter().flat_map(|one| one.body).collect();
    let requests = collector.requests();
    for text in [String::from_utf8_lossy(&bytes).into_owned(), format!("{requests:?}")] {
        assert!(LeakSearch::new(&["omniotap="]).find(&text).is_some(), "the search works");
        assert_eq!(everything().find(&text), None);
        assert_eq!(signatures("traced", now()).find(&text), None);
        for part in ["customerlookup", "/webhooks/", "channelAddressType", "127.0.0.1", "select "] {
            assert!(!text.contains(part), "{part}");
        }
    }
    collector.stop().await;
}

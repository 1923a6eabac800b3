//! The sources: how they are connected, what was rejected, and runs of their APIs.

use std::sync::Arc;

use hookpoint::admin::role::Role;
use hookpoint::clock::Clock;
use hookpoint::customer::model::source::Source;
use hookpoint::demo::simulators::{ObjectKind, SimulatedData, SimulatorOptions, Simulators};
use hookpoint::demo::webhook_signer::Secrets;
use hookpoint::sources::api::LiveWhen;
use hookpoint::sources::secret::SecretRef;
use hookpoint::storage::audit_log::{AuditFilter, list_audit};
use hookpoint::storage::rejected_webhooks::{RejectedRow, insert_rejected};
use hookpoint::storage::sync_streams::{StreamRow, list_streams};
use serde_json::json;

use super::{Person, empty_app_with_console};
use crate::support::{TestApp, TestSettings, post, secret_of, until};

#[tokio::test]
async fn a_source_shows_its_url_without_its_secret_and_why_webhooks_were_rejected() {
    let app = empty_app_with_console().await;
    let viewer = Person::log_in(&app, Role::Viewer, "Vera").await;
    let list = viewer.get("/sources").await.shown();
    assert_eq!(list.links("/demo/sources/").len(), 4);
    for source in Source::ALL {
        let page = viewer.get(&format!("/sources/{source}")).await.shown();
        assert!(page.has(&format!("/webhooks/demo/{source}")), "{}", page.text());
        assert!(!page.has(&secret_of(source)), "{source}");
        assert!(!page.has("deploy/"), "a person in the console has no such file: {source}");
        assert!(
            page.has("No webhook was rejected lately.") && page.has("The API is not connected.")
        );
    }
    let page = viewer.get("/sources/omneo").await.shown();
    assert!(
        page.has("the environment variable OMNEO_SECRET, never shown here")
            && page.has("the secret was read</span>")
    );
    assert!(page.has("Only this machine can reach this address"), "{}", page.text());
    let page = viewer.get("/sources/syncaroo").await.shown();
    assert!(page.has("<code>apiUri</code>") && page.has("value=\"/webhooks/demo/syncaroo"));
    assert!(viewer.get("/sources/omnilab").await.shown().has("touchpoint.participated.v1"));
    assert_eq!(list.links("/demo/documents/connect"), ["/demo/documents/connect#webhooks"]);
    let steps = viewer.get("/documents/connect").await.shown();
    for source in Source::ALL {
        assert!(steps.html.contains(&format!("<h3 id=\"{source}\">")), "{}", steps.text());
        let own = viewer.get(&format!("/sources/{source}")).await.shown();
        let link = format!("/demo/documents/connect#{source}");
        assert!(own.links("/demo/documents/connect#").contains(&link), "{source}");
    }
    assert!(steps.has("Give them the URL and the event types"), "{}", steps.text());
    assert_eq!(viewer.get("/documents/nothing").await.status, 404);
    assert_eq!(viewer.get("/sources/nobody").await.status, 404);
    let response = post(app.application.address, "/webhooks/demo/omneo", &[], b"{}").await;
    assert_eq!(response.status, 401);
    app.application.save_webhook_counters().await.unwrap();
    let naughty = RejectedRow {
        source: Source::Omneo,
        rejected_at: app.clock.now(),
        reason: "<script>alert(1)</script>".to_owned(),
        caller: "192.0.2.7".to_owned(),
    };
    insert_rejected(app.pool(), app.brand.id(), Source::Omneo, &[naughty]).await.unwrap();
    let page = viewer.get("/sources/omneo").await.shown();
    assert!(page.has("127.0.0.1") && page.has("192.0.2.7"), "{}", page.text());
    assert!(!page.html.contains("<script>alert") && page.html.contains("&lt;script&gt;alert"));
    assert!(page.has("the last was rejected"), "{}", page.text());
    let overview = viewer.get("/").await.shown();
    assert!(overview.has("Omneo: the last webhook was rejected"), "{}", overview.text());
    app.stop().await;
}

async fn stream(app: &TestApp, name: &str) -> Option<StreamRow> {
    let rows = list_streams(app.pool(), app.brand.id()).await.unwrap();
    rows.into_iter().find(|row| row.stream == name)
}

#[tokio::test]
async fn a_person_starts_a_run_which_the_service_makes() {
    let data = Arc::new(SimulatedData::new(Clock::system()));
    for n in 0..3 {
        let at = "2026-01-01T09:00:00.000Z";
        let contact =
            json!({"id": format!("c{n}"), "firstName": "Anna", "createdAt": at, "updatedAt": at});
        data.put(ObjectKind::Contact, contact);
    }
    let options = SimulatorOptions { calls: 1_000_000, ..SimulatorOptions::default() };
    let simulators =
        Simulators::start(Arc::clone(&data), &Secrets::known(), options, Clock::system()).unwrap();
    let settings = TestSettings::demo()
        .api(&simulators, Source::OmnioTap, LiveWhen::Off)
        .without_sync()
        .with(|file| "127.0.0.1:0".clone_into(&mut file.console.listen));
    let app = TestApp::start_with(settings).await;
    let viewer = Person::log_in(&app, Role::Viewer, "Vera").await;
    let femke = Person::log_in(&app, Role::Supervisor, "Femke").await;
    let page = femke.get("/sources/omniotap").await.shown();
    assert!(page.has("never read") && page.has("Run now"));
    assert!(!viewer.get("/sources/omniotap").await.shown().has("Run now"));
    let contacts = [("stream", "contacts")];
    assert_eq!(viewer.post("/sources/omniotap/sync", &contacts).await.status, 403);
    assert_eq!(femke.post("/sources/omniotap/sync", &[("stream", "odd")]).await.status, 404);
    assert_eq!(femke.post("/sources/omneo/sync", &[]).await.status, 422, "it has no API");
    let done = femke.post("/sources/omniotap/sync", &contacts).await;
    assert_eq!(done.location, "/demo/sources/omniotap?done=sync-requested");
    until("the service reads", async || {
        stream(&app, "contacts").await.is_some_and(|row| row.last_full_started_at.is_some())
    })
    .await;
    let row = stream(&app, "contacts").await.unwrap();
    assert!(row.scanned == 3 && row.requested_at.is_none() && row.is_complete());
    let all = list_streams(app.pool(), app.brand.id()).await.unwrap();
    assert_eq!(all.len(), 1, "only the one that was wanted");
    assert!(femke.get("/sources/omniotap").await.shown().has("backfill done"));
    let stopped = femke.post("/sources/omniotap/stop", &contacts).await;
    assert_eq!(stopped.location, "/demo/sources/omniotap?done=nothing");
    let audit = list_audit(app.pool(), app.brand.id(), AuditFilter::ALL, 10).await.unwrap();
    let entry = audit.iter().find(|row| row.action == "request sync").unwrap();
    assert_eq!((entry.target.as_str(), entry.outcome.as_str()), ("omniotap contacts", "runs: 1"));
    assert_eq!(entry.done_by, "Femke");
    app.stop().await;
    simulators.stop().await;
}

#[tokio::test]
async fn a_run_is_requested_once_and_can_be_stopped_before_it_begins() {
    let app = empty_app_with_console().await;
    let femke = Person::log_in(&app, Role::Supervisor, "Femke").await;
    let at = jiff_sqlx::Timestamp::from(app.clock.now());
    sqlx::query(
        "insert into sync_streams (brand_id, source, stream, run_id, is_reconcile, started_at, finished_at, incremental_watermark, last_full_started_at, requested_at)
        values ($1, 'omniotap', 'contacts', gen_random_uuid(), false, $2, $2, $2, $2, $2)",
    )
    .bind(app.brand.id())
    .bind(at)
    .execute(app.pool())
    .await
    .unwrap();
    let stopped = femke.post("/sources/omniotap/stop", &[("stream", "contacts")]).await;
    assert_eq!(stopped.location, "/demo/sources/omniotap?done=sync-stopped");
    let row = stream(&app, "contacts").await.unwrap();
    assert!(row.requested_at.is_none() && row.is_complete() && !row.is_cancelled);
    let again = femke.post("/sources/omniotap/stop", &[("stream", "contacts")]).await;
    assert_eq!(again.location, "/demo/sources/omniotap?done=nothing");
    app.stop().await;
}

#[tokio::test]
async fn the_connection_is_tested_when_a_supervisor_asks_and_not_more_often() {
    let data = Arc::new(SimulatedData::new(Clock::system()));
    let options = SimulatorOptions::default();
    let simulators = Simulators::start(data, &Secrets::known(), options, Clock::system()).unwrap();
    let settings = TestSettings::demo()
        .without_sync()
        .api(&simulators, Source::Omneo, LiveWhen::Off)
        .api(&simulators, Source::OmnioTap, LiveWhen::Off)
        .sources(|sources| {
            sources.omneo.api.token = vec![SecretRef::Env("canary-wrong".to_owned())];
        })
        .with(|file| "127.0.0.1:0".clone_into(&mut file.console.listen));
    let app = TestApp::start_with(settings).await;
    let viewer = Person::log_in(&app, Role::Viewer, "Vera").await;
    let femke = Person::log_in(&app, Role::Supervisor, "Femke").await;
    assert!(!viewer.get("/sources/omneo").await.shown().has("Test the connection"));
    assert_eq!(viewer.post("/sources/omneo/test", &[]).await.status, 403);
    let page = femke.post("/sources/omneo/test", &[]).await.shown();
    assert!(page.has("fails</span>") && page.has("Check the base URL"), "{}", page.text());
    assert!(!page.has("canary"), "{}", page.text());
    let again = femke.post("/sources/omneo/test", &[]).await;
    assert_eq!(again.status, 422, "{}", again.text());
    let page = femke.post("/sources/omniotap/test", &[]).await.shown();
    assert!(page.has("(contacts, ") && !page.has("is not tested"), "{}", page.text());
    assert!(page.has("works</span>") && !page.has("fails</span>"), "{}", page.text());
    assert_eq!(femke.post("/sources/omnilab/test", &[]).await.status, 422, "it has no API");
    app.clock.set(app.clock.now() + jiff::SignedDuration::from_secs(11));
    femke.post("/sources/omneo/test", &[]).await.shown();
    let audit = list_audit(app.pool(), app.brand.id(), AuditFilter::ALL, 20).await.unwrap();
    let tests = audit.iter().filter(|row| row.action == "test connection");
    let mut tests: Vec<_> = tests.map(|row| (row.target.as_str(), row.done_by.as_str())).collect();
    tests.sort_unstable();
    assert_eq!(tests, [("omneo", "Femke"), ("omneo", "Femke"), ("omniotap", "Femke")]);
    assert!(audit.iter().any(|row| row.outcome.ends_with("failed: 0")));
    app.stop().await;
    simulators.stop().await;
}

//! Read-through: lookups that call sources.

use std::sync::Arc;
use std::time::Duration;

use hookpoint::clock::Clock;
use hookpoint::customer::model::record::RecordKey;
use hookpoint::customer::model::source::{Source, SourceKind};
use hookpoint::demo::simulators::{
    Fault, ObjectKind, Part, SimulatedData, SimulatorOptions, Simulators,
};
use hookpoint::demo::webhook_signer::Secrets;
use hookpoint::erasure::erase::erase;
use hookpoint::erasure::suppression_file::SuppressionFile;
use hookpoint::sources::api::LiveWhen;
use serde_json::{Value, json};

use super::history::of_ticket;
use crate::support::{KEY, Options, TestApp, TestSettings, now, suppression_file_of, until};

const EMAIL: &str = "ann@example.org";
const PHONE: &str = "+31612340001";

/// The simulated CRM, with one contact that no webhook reported.
struct CrmFixture {
    simulators: Simulators,
    data: Arc<SimulatedData>,
}

fn contact(id: &str, first: &str, email: &str, phone: &str) -> Value {
    json!({
        "id": id, "firstName": first, "lastName": "Smit", "email": email, "phone": phone,
        "createdAt": "2026-01-01T09:00:00.000Z", "updatedAt": "2026-01-01T09:00:00.000Z"
    })
}

impl CrmFixture {
    fn start() -> Self {
        let data = Arc::new(SimulatedData::new(Clock::system()));
        data.put(ObjectKind::Contact, contact("c1", "Ann", EMAIL, PHONE));
        let options = SimulatorOptions { calls: 1_000_000, ..SimulatorOptions::default() };
        let simulators =
            Simulators::start(Arc::clone(&data), &Secrets::known(), options, Clock::system())
                .unwrap();
        Self { simulators, data }
    }

    /// An application that may call it.
    async fn app(&self, when: LiveWhen) -> TestApp {
        TestApp::start_with(self.settings(when)).await
    }

    fn settings(&self, when: LiveWhen) -> TestSettings {
        // A cache would hide whether the source is called.
        TestSettings::demo()
            .without_backfill()
            .with(|file| (file.lookup.negative_cache_seconds, file.lookup.cache_seconds) = (0, 0))
            .api(&self.simulators, Source::OmnioTap, when)
    }

    fn calls(&self) -> usize {
        self.simulators.logged_requests(Source::OmnioTap).len()
    }

    async fn stop(self, app: TestApp) {
        app.stop().await;
        self.simulators.stop().await;
    }
}

fn names(customers: &[Value]) -> Vec<&str> {
    customers.iter().map(|customer| customer["customerFirstname"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_person_that_only_a_source_knows_is_found_in_the_same_lookup() {
    let crm = CrmFixture::start();
    let app = crm.app(LiveWhen::Unknown).await;
    assert_eq!(names(&app.by_email(EMAIL).await), ["Ann"]);
    assert_eq!(names(&app.by_phone(PHONE).await), ["Ann"], "the source's answer is stored");
    let calls = crm.calls();
    assert_eq!(names(&app.by_email(EMAIL).await), ["Ann"]);
    assert_eq!(crm.calls(), calls, "the source is not asked about a known person");
    crm.stop(app).await;
}

#[tokio::test]
async fn concurrent_lookups_of_one_person_share_the_calls() {
    let crm = CrmFixture::start();
    let app = crm.app(LiveWhen::Unknown).await;
    crm.simulators.set_fault(
        Source::OmnioTap,
        Part::Api,
        Some(Fault::Slow(Duration::from_millis(300))),
    );
    let query = format!("key={KEY}&channelAddressType=email&address={}", EMAIL.replace('@', "%40"));
    let answers = futures_util::future::join_all((0..20).map(|_| app.ask(&query))).await;
    assert!(
        answers.iter().all(|answer| answer.body.contains("Ann")),
        "each waits for the same answer"
    );
    let alone = {
        let crm = CrmFixture::start();
        let app = crm.app(LiveWhen::Unknown).await;
        app.by_email(EMAIL).await;
        let calls = crm.calls();
        crm.stop(app).await;
        calls
    };
    assert_eq!(crm.calls(), alone);
    crm.stop(app).await;
}

#[tokio::test]
async fn an_unknown_person_is_searched_at_the_source_once() {
    let crm = CrmFixture::start();
    let app = crm.app(LiveWhen::Unknown).await;
    assert!(app.by_email("nobody@example.org").await.is_empty());
    let calls = crm.calls();
    assert!(calls > 0);
    for _ in 0..3 {
        assert!(app.by_email("nobody@example.org").await.is_empty());
    }
    assert_eq!(crm.calls(), calls);
    // Also for another replica, and not permanently.
    let place = Some((app.place.clone(), app.database.clone()));
    let other =
        TestApp::start_with(Options { place, ..crm.settings(LiveWhen::Unknown).into() }).await;
    assert!(other.by_email("nobody@example.org").await.is_empty());
    assert_eq!(crm.calls(), calls);
    sqlx::query("update live_queries set queried_at = queried_at - interval '1 hour'")
        .execute(app.pool())
        .await
        .unwrap();
    assert!(app.by_email("nobody@example.org").await.is_empty());
    assert!(crm.calls() > calls);
    other.stop().await;
    crm.stop(app).await;
}

#[tokio::test]
async fn what_is_late_is_there_the_next_time() {
    let crm = CrmFixture::start();
    let app = TestApp::start_with(crm.settings(LiveWhen::Unknown).lookup_deadline_ms(1_000)).await;
    for _ in 0..2 {
        crm.simulators.add_fault(Source::OmnioTap, Part::Api, Fault::Slow(Duration::from_secs(4)));
    }
    assert!(app.by_email(EMAIL).await.is_empty(), "the answer contains the stored data");
    until("both lists are asked", async || crm.calls() == 2).await;
    let query = format!("key={KEY}&channelAddressType=email&address={}", EMAIL.replace('@', "%40"));
    app.until(&query, |response| response.body.contains("Ann")).await;
    assert_eq!(crm.calls(), 2, "the source was not asked again");
    crm.stop(app).await;
}

#[tokio::test]
async fn a_source_is_not_asked_where_the_settings_say_so() {
    let crm = CrmFixture::start();
    let app = crm.app(LiveWhen::Off).await;
    assert!(app.by_email(EMAIL).await.is_empty());
    assert_eq!(crm.calls(), 0);
    crm.stop(app).await;
}

#[tokio::test]
async fn known_people_are_asked_about_again_when_what_is_known_is_too_old() {
    let crm = CrmFixture::start();
    let app = crm.app(LiveWhen::Stale).await;
    assert_eq!(names(&app.by_email(EMAIL).await), ["Ann"]);
    let mut changed = contact("c1", "Anna", EMAIL, PHONE);
    changed["updatedAt"] = json!("2026-02-01T09:00:00.000Z");
    crm.data.put(ObjectKind::Contact, changed);
    assert_eq!(names(&app.by_email(EMAIL).await), ["Ann"], "it was asked a moment ago");
    sqlx::query("update live_queries set queried_at = queried_at - interval '20 minutes'")
        .execute(app.pool())
        .await
        .unwrap();
    assert_eq!(names(&app.by_email(EMAIL).await), ["Anna"]);
    crm.stop(app).await;
}

#[tokio::test]
async fn a_merely_similar_search_result_is_nobody() {
    let crm = CrmFixture::start();
    crm.data
        .put(ObjectKind::Contact, contact("c2", "Joanna", "jo-ann@example.org", "+31612340002"));
    let app = crm.app(LiveWhen::Unknown).await;
    // The system's search finds both.
    assert_eq!(names(&app.by_email(EMAIL).await), ["Ann"]);
    assert!(app.by_email("nn@example.org").await.is_empty());
    let records: i64 =
        sqlx::query_scalar("select count(*) from records").fetch_one(app.pool()).await.unwrap();
    assert_eq!(records, 1, "other people in the response are not stored");
    crm.stop(app).await;
}

#[tokio::test]
async fn a_source_that_fails_leaves_the_answer_as_it_is() {
    let crm = CrmFixture::start();
    let app = crm.app(LiveWhen::Unknown).await;
    for fault in [
        Fault::Status(500),
        Fault::Garbage,
        Fault::Truncated,
        Fault::Html,
        Fault::Closed,
        Fault::Redirect("http://127.0.0.1:9/".to_owned()),
    ] {
        crm.simulators.set_fault(Source::OmnioTap, Part::Api, Some(fault.clone()));
        assert!(app.by_email(EMAIL).await.is_empty(), "{fault:?}");
    }
    crm.stop(app).await;
}

#[tokio::test]
async fn who_was_erased_is_not_brought_back_by_asking() {
    let crm = CrmFixture::start();
    let app = crm.app(LiveWhen::Unknown).await;
    assert_eq!(names(&app.by_email(EMAIL).await), ["Ann"]);
    let record = RecordKey::new(SourceKind::OmnioTapContact, "c1").unwrap();
    let suppression_file = SuppressionFile::new(suppression_file_of(&app.database));
    erase(app.pool(), &app.brand, &suppression_file, &[record].into(), now(), &mut |_| ())
        .await
        .unwrap();
    sqlx::query("delete from live_queries").execute(app.pool()).await.unwrap();
    let calls = crm.calls();
    assert!(app.by_email(EMAIL).await.is_empty() && app.by_phone(PHONE).await.is_empty());
    assert!(crm.calls() > calls, "she is still in the source");
    let left: i64 =
        sqlx::query_scalar("select count(*) from records").fetch_one(app.pool()).await.unwrap();
    assert_eq!(left, 0);
    crm.stop(app).await;
}

#[tokio::test]
async fn the_history_says_what_each_source_answered() {
    let crm = CrmFixture::start();
    let app = crm.app(LiveWhen::Unknown).await;
    let outcomes = async |email: &str, ticket: &str| {
        let query = format!("channelAddressType=email&address={}", email.replace('@', "%40"));
        app.ask(&format!("key={KEY}&{query}&ticketID={ticket}")).await;
        of_ticket(&app, ticket).await.row.sources
    };
    assert_eq!(outcomes(EMAIL, "found").await, "omniotap=found");
    assert_eq!(outcomes(EMAIL, "stored").await, "", "it was not asked again");
    assert_eq!(outcomes("nobody@example.org", "nobody").await, "omniotap=not_found");
    crm.simulators.set_fault(Source::OmnioTap, Part::Api, Some(Fault::Status(403)));
    assert_eq!(outcomes("somebody@example.org", "refused").await, "omniotap=http_error");
    crm.stop(app).await;
}

//! Decisions of people: what they do to lookups, on every replica, and that undoing them leaves no trace.

mod any_order;
mod forms;
mod refusals;

use std::collections::BTreeSet;

use hookpoint::admin::audit::{Attribution, Via};
use hookpoint::admin::decisions::{Act, Decided, DecisionError, decide, preview};
use hookpoint::customer::model::field_versions::{Scope, Update};
use hookpoint::customer::model::identifier::{Identifier, IdentifierKind};
use hookpoint::customer::model::record::{Change, RecordKey};
use hookpoint::customer::model::source::SourceKind;
use serde_json::Value;
use uuid::Uuid;

use crate::support::{KEY, Options, TestApp, encode};

const LINE: &str = "+31644556677";

fn key(text: &str) -> RecordKey {
    text.parse().unwrap()
}

fn keys(texts: &[&str]) -> BTreeSet<RecordKey> {
    texts.iter().map(|text| key(text)).collect()
}

fn phone(value: &str) -> Identifier {
    Identifier { kind: IdentifierKind::Phone, value: value.to_owned() }
}

/// What a source says about a person.
fn says(record: &str, fields: &[(&str, &str)]) -> Change {
    let at = "2026-11-20T10:00:00Z".parse().unwrap();
    let fields =
        fields.iter().map(|(name, value)| ((*name).to_owned(), Some((*value).into()))).collect();
    Change::Record {
        key: key(record),
        update: Update { at, received_at: at, scope: Scope::Partial, fields },
    }
}

fn person(record: &str, (first, last): (&str, &str), email: &str, phone: &str) -> Change {
    let fields =
        [("name.first", first), ("name.last", last), ("email.main", email), ("phone.main", phone)];
    let said: Vec<(&str, &str)> =
        fields.into_iter().filter(|(_, value)| !value.is_empty()).collect();
    says(record, &said)
}

const RUBEN: &str = "omneo.profile:ruben";
const SANNE: &str = "omniotap.contact:sanne";

/// A couple with one phone.
fn couple() -> Vec<Change> {
    vec![
        person(RUBEN, ("Ruben", "Smit"), "ruben@example.org", LINE),
        person(SANNE, ("Sanne", "Jansen"), "sanne@example.org", LINE),
    ]
}

impl TestApp {
    pub async fn decide(&self, act: Act) -> Result<Decided, DecisionError> {
        let by = (
            Attribution { by: "Femke", reason: "the caller said so", via: Via::Command },
            self.clock.now(),
        );
        decide(self.pool(), &self.brand, &act, None, by).await
    }

    pub async fn decided(&self, act: Act) -> Uuid {
        let decided = self.decide(act).await;
        decided.unwrap_or_else(|error| panic!("{error}")).decision_id
    }
}

/// Waits until a lookup on each of some replicas has so many customers.
async fn until_found(apps: &[&TestApp], phone: &str, customers: usize) {
    let query = format!("key={KEY}&channelAddressType=phoneNumber&address={}", encode(phone));
    for app in apps {
        app.until(&query, |response| {
            serde_json::from_str::<Vec<Value>>(&response.body)
                .is_ok_and(|found| found.len() == customers)
        })
        .await;
    }
}

#[tokio::test]
async fn a_couple_on_one_phone_is_joined_and_separated_on_every_replica() {
    let one = TestApp::start().await;
    let place = Some((one.place.clone(), one.database.clone()));
    let other = TestApp::start_with(Options { place, ..Options::default() }).await;
    let both = [&one, &other];
    one.apply(couple()).await;
    until_found(&both, LINE, 2).await;
    for app in both {
        assert_eq!(app.by_id("ruben").await.len(), 1);
    }
    let shared = one.decided(Act::Share(phone(LINE))).await;
    until_found(&both, LINE, 2).await;
    let joined = other.decided(Act::Join(keys(&[RUBEN, SANNE]))).await;
    until_found(&both, LINE, 1).await;
    for app in both {
        let found = app.by_id("sanne").await;
        assert_eq!(
            found[0]["customerID"], "ruben",
            "the id of the record that was merged finds it"
        );
    }
    one.decided(Act::Undo(joined)).await;
    until_found(&both, LINE, 2).await;
    other.decided(Act::Undo(shared)).await;
    until_found(&both, LINE, 2).await;
    one.stop().await;
    other.stop().await;
}

#[tokio::test]
async fn the_named_records_leave_and_the_others_stay_together() {
    let app = TestApp::start().await;
    // All of them on one phone, and each pair of them with the same name.
    app.apply(vec![
        person("omneo.profile:a", ("Ruben", "Smit"), "", LINE),
        person("omniotap.contact:b", ("Ruben", "Smit"), "", LINE),
        person("omniotap.contact:c", ("Ruben", "Smit"), "", LINE),
        person("omniotap.customer:d", ("Ruben", "Smit"), "", LINE),
    ])
    .await;
    until_found(&[&app], LINE, 1).await;
    let act = Act::Separate(keys(&["omniotap.contact:c", "omniotap.customer:d"]));
    let shown = preview(app.pool(), &app.brand, &act).await.unwrap_or_else(|e| panic!("{e}"));
    until_found(&[&app], LINE, 1).await;
    assert_eq!((shown.before.len(), shown.after.len()), (1, 2));
    let decided = app.decide(act).await.unwrap_or_else(|error| panic!("{error}"));
    assert!(decided.customers == shown.after, "the preview shows what happens");
    let records: Vec<Vec<String>> = decided
        .customers
        .iter()
        .map(|view| view.records.iter().map(|(record, _)| record.to_string()).collect())
        .collect();
    assert_eq!(
        records,
        [["omneo.profile:a", "omniotap.contact:b"], ["omniotap.contact:c", "omniotap.customer:d"]]
    );
    until_found(&[&app], LINE, 2).await;
    // New data does not join them again.
    app.apply(vec![person("omniotap.contact:c", ("Ruben", "Smit"), "r@example.org", LINE)]).await;
    until_found(&[&app], LINE, 2).await;
    app.decided(Act::Undo(decided.decision_id)).await;
    until_found(&[&app], LINE, 1).await;
    app.stop().await;
}

#[tokio::test]
async fn a_preview_changes_nothing_and_its_state_guards_the_decision() {
    let app = TestApp::start().await;
    app.apply(couple()).await;
    let act = Act::Join(keys(&[RUBEN, SANNE]));
    let first = preview(app.pool(), &app.brand, &act).await.unwrap_or_else(|e| panic!("{e}"));
    let again = preview(app.pool(), &app.brand, &act).await.unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(first.state, again.state);
    let decisions: i64 = count(&app, "decisions").await + count(&app, "audit_log").await;
    assert_eq!(decisions, 0, "a preview stores nothing");
    // An event changes nothing that the preview showed; a new address does.
    app.apply(vec![says(SANNE, &[("attribute.segment", "B")])]).await;
    let same = preview(app.pool(), &app.brand, &act).await.unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(first.state, same.state);
    app.apply(vec![says(SANNE, &[("email.work", "sanne@work.example")])]).await;
    let by = (Attribution { by: "Femke", reason: "", via: Via::Command }, app.clock.now());
    let late = decide(app.pool(), &app.brand, &act, Some(&first.state), by).await;
    assert!(matches!(late, Err(DecisionError::Changed)));
    assert_eq!(count(&app, "decisions").await + count(&app, "audit_log").await, 0);
    let now = preview(app.pool(), &app.brand, &act).await.unwrap_or_else(|e| panic!("{e}"));
    assert_ne!(first.state, now.state);
    let decided = decide(app.pool(), &app.brand, &act, Some(&now.state), by).await;
    assert!(decided.is_ok_and(|decided| decided.customers.len() == 1));
    assert_eq!((count(&app, "decisions").await, count(&app, "audit_log").await), (1, 1));
    app.stop().await;
}

#[tokio::test]
async fn of_two_people_who_decide_at_once_one_is_refused() {
    let app = TestApp::start().await;
    app.apply(couple()).await;
    let join = Act::Join(keys(&[RUBEN, SANNE]));
    let apart = Act::KeepApart(keys(&[RUBEN, SANNE]));
    let state = |act: Act| {
        let app = &app;
        async move { preview(app.pool(), &app.brand, &act).await.ok().map(|shown| shown.state) }
    };
    let (one, other) = (state(join.clone()).await, state(apart.clone()).await);
    let by = (Attribution { by: "Femke", reason: "", via: Via::Command }, app.clock.now());
    let (one, other) = tokio::join!(
        decide(app.pool(), &app.brand, &join, one.as_ref(), by),
        decide(app.pool(), &app.brand, &apart, other.as_ref(), by),
    );
    assert!(one.is_ok() != other.is_ok());
    assert_eq!((count(&app, "decisions").await, count(&app, "audit_log").await), (1, 1));
    app.stop().await;
}

async fn count(app: &TestApp, table: &str) -> i64 {
    let query = sqlx::AssertSqlSafe(format!("select count(*) from {table}"));
    sqlx::query_as::<_, (i64,)>(query).fetch_one(app.pool()).await.unwrap().0
}

#[tokio::test]
async fn the_audit_log_says_who_decided_what_and_names_nobody() {
    let app = TestApp::start().await;
    app.apply(couple()).await;
    let joined = app.decided(Act::Join(keys(&[RUBEN, SANNE]))).await;
    app.decided(Act::Undo(joined)).await;
    let shared = app.decided(Act::Share(phone(LINE))).await;
    let rows: Vec<(String, String, String, String, String)> = sqlx::query_as(
        "select action, target, done_by, reason, outcome from audit_log order by begun_at, action",
    )
    .fetch_all(app.pool())
    .await
    .unwrap();
    let said = |action: &str, target: Uuid, outcome: &str| {
        let owned = |text: &str| text.to_owned();
        (
            owned(action),
            target.to_string(),
            owned("Femke"),
            owned("the caller said so"),
            owned(outcome),
        )
    };
    assert_eq!(
        rows,
        [
            said("decide same person", joined, "decided"),
            said("decide shared address", shared, "decided"),
            said("undo decision", joined, "undone"),
        ]
    );
    let all: Vec<(String,)> = sqlx::query_as("select row_to_json(a)::text from audit_log as a")
        .fetch_all(app.pool())
        .await
        .unwrap();
    for (row,) in all {
        for person in ["ruben", "sanne", "31644556677"] {
            assert!(!row.to_lowercase().contains(person), "{row}");
        }
    }
    app.stop().await;
}

/// A kind of record that anybody can write.
const FORM: SourceKind = SourceKind::OmniLabParticipant;

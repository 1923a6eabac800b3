//! An erased person is removed everywhere and permanently. All other people are unchanged.

mod any_order;
mod deliveries;
mod erase;
mod export;
mod given_ids;
mod reconcile;
mod suppression;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use hookpoint::admin::past_lookups::LookupSearch;
use hookpoint::brand::Brand;
use hookpoint::customer::model::event::EventKey;
use hookpoint::customer::model::field_versions::{Scope, Update};
use hookpoint::customer::model::record::{Change, RecordKey, SourceMerge};
use hookpoint::customer::model::source::{Source, SourceKind};
use hookpoint::erasure::body_scan::find_about_erased;
use hookpoint::erasure::erase::{ErasureTarget, Receipt, add_suppressions, erase, revoke_erasure};
use hookpoint::erasure::export::export;
use hookpoint::erasure::reconcile::{adopt_keys, reconcile};
use hookpoint::erasure::suppression_file::SuppressionFile;
use hookpoint::ingest::apply::apply;
use hookpoint::sources::Delivery;
use hookpoint::storage::pool::Pool;
use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;
use uuid::Uuid;

use crate::ingest::apply::{assert_same, dump};
use crate::ingest::populations::generator::Rng;
use crate::lookup::history::{find, of_ticket};
use crate::privacy::forms::LeakSearch;
use crate::support::{
    KEY, Options, TestApp, TestSettings, demo_changes, encode, logs, now, server,
    suppression_file_of, until_used_by,
};

const EMAIL: &str = "erasmina.kwikstaart@example.org";

const PHONE: &str = "+31655500091";

const SHARED_PHONE: &str = "+31655500092";

const SHARED_MAILBOX: &str = "nest.kwikstaart@example.org";

const PARTNER: &str = "bertolf@example.net";

/// Texts that identify the person.
const STRINGS: [&str; 10] = [
    EMAIL,
    "655500091",
    "Erasmina",
    "erase-contact-0001",
    "erase-customer-0001",
    "erase-profile-0001",
    "erase-profile-0002",
    "erase-ticket-0001",
    "EV-2026-0001",
    "Vogelspotter",
];

fn at(minute: i64) -> Timestamp {
    "2026-11-20T10:00:00Z".parse::<Timestamp>().unwrap() + minute.minutes()
}

fn update(minute: i64, fields: &[(&str, &str)]) -> Update {
    let fields =
        fields.iter().map(|(name, value)| ((*name).to_owned(), Some(json!(value)))).collect();
    Update { at: at(minute), received_at: at(minute), scope: Scope::Partial, fields }
}

fn record(kind: SourceKind, id: &str, minute: i64, fields: &[(&str, &str)]) -> Change {
    Change::Record { key: RecordKey::new(kind, id).unwrap(), update: update(minute, fields) }
}

fn ticket(id: &str, record: &str, number: &str) -> Change {
    let key = EventKey::new(Source::OmnioTap, "ticket", id).unwrap();
    Change::Event {
        key,
        update: update(
            5,
            &[("record", record), ("reference.number", number), ("data.number", number)],
        ),
    }
}

fn merge(loser: &str, winner: &str) -> Change {
    let key = |id| RecordKey::new(SourceKind::OmneoProfile, id).unwrap();
    Change::Merge(SourceMerge { loser: key(loser), winner: key(winner), at: at(3) })
}

/// One person of a couple, in three systems.
fn person() -> Vec<Change> {
    vec![
        record(
            SourceKind::OmnioTapContact,
            "erase-contact-0001",
            0,
            &[
                ("name.first", "Erasmina"),
                ("name.last", "Kwikstaart"),
                ("email.main", EMAIL),
                ("phone.main", SHARED_PHONE),
            ],
        ),
        record(
            SourceKind::OmnioTapCustomer,
            "erase-customer-0001",
            0,
            &[
                ("reference.omniotap.contact", "erase-contact-0001"),
                ("attribute.segment", "Vogelspotter"),
            ],
        ),
        record(
            SourceKind::OmneoProfile,
            "erase-profile-0002",
            0,
            &[
                ("name.first", "Erasmina"),
                ("email.main", EMAIL),
                ("email.home", SHARED_MAILBOX),
                ("phone.main", PHONE),
            ],
        ),
        merge("erase-profile-0001", "erase-profile-0002"),
        ticket("erase-ticket-0001", "omniotap.contact:erase-contact-0001", "EV-2026-0001"),
    ]
}

/// The partner.
fn partner() -> Vec<Change> {
    let fields = [
        ("name.first", "Bertolf"),
        ("name.last", "Kwikstaart"),
        ("email.main", PARTNER),
        ("email.home", SHARED_MAILBOX),
        ("phone.main", SHARED_PHONE),
    ];
    vec![
        record(SourceKind::OmnioTapContact, "partner-contact-0001", 0, &fields),
        ticket("partner-ticket-0001", "omniotap.contact:partner-contact-0001", "EV-2026-0002"),
    ]
}

async fn app() -> TestApp {
    filled(TestApp::start().await).await
}

/// The test applies the inbox itself.
async fn app_without_workers() -> TestApp {
    filled(TestApp::start_with(TestSettings::demo().without_inbox_workers()).await).await
}

async fn filled(app: TestApp) -> TestApp {
    app.apply(demo_changes(&app.brand)).await;
    app.apply(person()).await;
    app.apply(partner()).await;
    app.wait_until_current().await;
    app
}

fn file(app: &TestApp) -> SuppressionFile {
    SuppressionFile::new(suppression_file_of(&app.database))
}

fn contact() -> BTreeSet<RecordKey> {
    [RecordKey::new(SourceKind::OmnioTapContact, "erase-contact-0001").unwrap()].into()
}

async fn erase_person(app: &TestApp) -> Receipt {
    erase(app.pool(), &app.brand, &file(app), &contact(), now(), &mut |_| ()).await.unwrap()
}

/// Every value of every table. Bytes are shown as text if possible.
async fn everything(pool: &Pool) -> String {
    let columns: Vec<(String, String, String)> = sqlx::query_as(
        "select table_name::text, column_name::text, data_type::text from information_schema.columns where table_schema = current_schema()",
    )
    .fetch_all(pool)
    .await
    .unwrap();
    assert!(columns.iter().any(|(table, ..)| table == "deliveries") && columns.len() > 100);
    let mut text = String::new();
    for (table, column, data_type) in columns {
        let value = if data_type == "bytea" {
            format!("encode(\"{column}\", 'escape')")
        } else {
            format!("\"{column}\"::text")
        };
        let query = format!("select coalesce(string_agg({value}, chr(10)), '') from \"{table}\"");
        let (values,): (String,) =
            sqlx::query_as(AssertSqlSafe(query)).fetch_one(pool).await.unwrap();
        text.push_str(&values);
        text.push('\n');
    }
    text
}

/// Asserts that no remaining data identifies the person.
async fn assert_nothing_is_left(app: &TestApp, why: &str) {
    let search = LeakSearch::new(&STRINGS);
    assert_eq!(search.find(&everything(app.pool()).await), None, "{why}: in the database");
    assert_eq!(
        search.find(&std::fs::read_to_string(suppression_file_of(&app.database)).unwrap()),
        None,
        "{why}: in the suppression file"
    );
    assert_eq!(search.find(&logs().text()), None, "{why}: in the log");
    assert_eq!(
        search.find(&hookpoint::telemetry::metrics().render()),
        None,
        "{why}: in the metrics"
    );
}

async fn assert_nobody_is_found(app: &TestApp) {
    for question in [
        format!("channelAddressType=email&address={EMAIL}"),
        "channelAddressType=phoneNumber&address=%2B31655500091".to_owned(),
        "primaryID=erase-contact-0001".to_owned(),
        "primaryID=erase-profile-0001".to_owned(),
        "primaryID=EV-2026-0001".to_owned(),
    ] {
        assert_eq!(app.ask(&format!("key={KEY}&{question}")).await.body, "[]", "{question}");
    }
}

async fn second(app: &TestApp) -> TestApp {
    TestApp::start_with(Options {
        place: Some((app.place.clone(), app.database.clone())),
        ..Options::default()
    })
    .await
}

/// Two brands have the same facts, regardless of their suppression lists.
async fn assert_same_facts(expected: &TestApp, found: &TestApp, why: &str) {
    let (mut expected, mut found) = (
        dump(expected.pool(), expected.brand.id()).await,
        dump(found.pool(), found.brand.id()).await,
    );
    for table in ["erasures", "suppression_hashes"] {
        expected.remove(table);
        found.remove(table);
    }
    assert_same(&expected, &found, why);
    assert_same(&found, &expected, why);
}

fn body(entity: &str, data: &Value) -> Vec<u8> {
    let envelope = json!({
        "event_id": Uuid::new_v4(), "tenant_id": "d290f1ee-6c54-4b01-90e6-d701748f0851", "entity_type": entity, "action": "updated",
        "occurred_at": "2026-11-20T11:00:00Z", "data": data,
    });
    envelope.to_string().into_bytes()
}

async fn insert_delivery(app: &TestApp, state: &str, body: &[u8]) -> Uuid {
    let id = Uuid::now_v7();
    sqlx::query(
        "insert into deliveries (brand_id, delivery_id, source, event, headers, body, received_at, priority, state, due_at, finished_at)
        values ($1, $2, 'omniotap', 'contact.updated', '{}', $3, $4, 1, $5, $4, case when $5 <> 'pending' then $4 end)",
    )
    .bind(app.brand.id())
    .bind(id)
    .bind(body)
    .bind(jiff_sqlx::Timestamp::from(now()))
    .bind(state)
    .execute(app.pool())
    .await
    .unwrap();
    id
}

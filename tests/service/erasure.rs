//! An erased person is removed everywhere and permanently. All other people are unchanged.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use hookpoint::brand::Brand;
use hookpoint::customer::model::event::EventKey;
use hookpoint::customer::model::field_versions::{Scope, Update};
use hookpoint::customer::model::record::{Change, RecordKey, SourceMerge};
use hookpoint::customer::model::source::{Source, SourceKind};
use hookpoint::erasure::body_scan::mentions_erased;
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

use crate::apply::{assert_same, dump};
use crate::generator::Dice;
use crate::privacy::forms::Wanted;
use crate::support::{
    KEY, Options, TestApp, TestSettings, logs, now, server, story_changes, suppression_file_of,
    until_used_by,
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
    app.apply(story_changes(&app.brand)).await;
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
    let wanted = Wanted::new(&STRINGS);
    assert_eq!(wanted.find(&everything(app.pool()).await), None, "{why}: in the database");
    assert_eq!(
        wanted.find(&std::fs::read_to_string(suppression_file_of(&app.database)).unwrap()),
        None,
        "{why}: in the suppression file"
    );
    assert_eq!(wanted.find(&logs().text()), None, "{why}: in the log");
    assert_eq!(
        wanted.find(&hookpoint::telemetry::metrics().render()),
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

#[tokio::test]
async fn an_erased_person_is_gone_on_a_replica_that_remembered() {
    let app = app().await;
    let replica = second(&app).await;
    let query = format!("key={KEY}&channelAddressType=email&address={EMAIL}");
    let partner = app.by_email(PARTNER).await;
    assert!(
        replica.ask(&query).await.body.contains("Erasmina")
            && replica.ask(&query).await.body.contains("Erasmina")
    );
    assert_eq!(app.by_phone(SHARED_PHONE).await.len(), 2);
    let others = TestApp::start().await;
    others.apply(story_changes(&others.brand)).await;
    others.apply(self::partner()).await;
    let receipt = erase_person(&app).await;
    replica.until(&query, |response| response.body == "[]").await;
    assert_eq!(
        (receipt.counts.records, receipt.counts.events, receipt.counts.deliveries),
        (3, 1, 0)
    );
    assert!(receipt.entries >= 10, "{}", receipt.entries);
    app.wait_until_current().await;
    assert_nobody_is_found(&app).await;
    assert_nothing_is_left(&app, "erased").await;
    // All other people are as if the person had never existed.
    assert_eq!(app.by_email(PARTNER).await, partner);
    assert_eq!(app.by_phone(SHARED_PHONE).await, partner);
    assert_eq!(app.by_email(SHARED_MAILBOX).await, partner);
    assert_same_facts(&others, &app, "erased").await;
    for app in [others, replica, app] {
        app.stop().await;
    }
}

#[tokio::test]
async fn somebody_in_a_component_above_the_cap_is_erased_as_cleanly() {
    // Eight records are connected by phone; without phones, four of them are.
    let settings = TestSettings::demo().identity(|identity| identity.component_cap = 6);
    let (app, others) =
        (TestApp::start_with(settings.clone()).await, TestApp::start_with(settings).await);
    let neighbour = |n: usize| {
        let id = format!("neighbour-{n}");
        record(
            SourceKind::OmnioTapContact,
            &id,
            0,
            &[("name.first", "Bertolf"), ("name.last", "Kwikstaart"), ("phone.main", SHARED_PHONE)],
        )
    };
    for app in [&app, &others] {
        app.apply((0..4).map(neighbour).chain(partner()).collect()).await;
    }
    app.apply(person()).await;
    assert_eq!(app.by_email(EMAIL).await.len(), 1);
    erase_person(&app).await;
    app.wait_until_current().await;
    assert_nobody_is_found(&app).await;
    assert_nothing_is_left(&app, "above the cap").await;
    assert_same_facts(&others, &app, "above the cap").await;
    others.stop().await;
    app.stop().await;
}

/// Two brands have the same facts, regardless of their suppression lists.
async fn assert_same_facts(expected: &TestApp, found: &TestApp, why: &str) {
    let (mut expected, mut found) = (
        dump(expected.pool(), expected.brand.id()).await,
        dump(found.pool(), found.brand.id()).await,
    );
    for ledger in ["erasures", "suppression_hashes"] {
        expected.remove(ledger);
        found.remove(ledger);
    }
    assert_same(&expected, &found, why);
    assert_same(&found, &expected, why);
}

#[tokio::test]
async fn whatever_comes_in_later_about_an_erased_person_is_dropped() {
    let app = app().await;
    erase_person(&app).await;
    let before = dump(app.pool(), app.brand.id()).await;
    let applied = apply(app.pool(), &app.brand, person()).await.unwrap();
    assert_eq!((applied.changed, applied.customers), (0, 0));
    let keys = person().iter().flat_map(Change::keys).collect::<BTreeSet<_>>();
    assert_eq!(applied.erased, keys);
    assert_same(&before, &dump(app.pool(), app.brand.id()).await, "said again");
    // A new record with an address that only the person had. A later update of it has no address.
    let new = RecordKey::new(SourceKind::SyncarooMember, "erase-member").unwrap();
    for fields in [
        &[("phone.mobile", "06 555 000 91"), ("name.first", "E.")][..],
        &[("name.last", "Kwikstaart")],
        &[("attribute.tier", "gold")],
    ] {
        let applied = apply(
            app.pool(),
            &app.brand,
            vec![record(SourceKind::SyncarooMember, "erase-member", 7, fields)],
        )
        .await
        .unwrap();
        assert_eq!((applied.changed, applied.erased), (0, [new.to_string()].into()));
    }
    // A record with a shared address and the person's name; events and merges of the dropped record; records that refer
    // to it.
    let named =
        [("name.first", "Erasmina"), ("name.last", "Kwikstaart"), ("phone.main", SHARED_PHONE)];
    for dropped in [
        record(SourceKind::OmniLabParticipant, "erase-participant", 8, &named),
        ticket("erase-ticket-0002", "omnilab.participant:erase-participant", "EV-2026-0003"),
        Change::Event {
            key: EventKey::new(Source::OmnioTap, "ticket", "erase-ticket-0002").unwrap(),
            update: update(9, &[("data.status", "new")]),
        },
        merge("erase-profile-0003", "erase-profile-0002"),
        record(SourceKind::OmneoProfile, "erase-profile-0003", 8, &[("name.first", "Erasmina")]),
        record(
            SourceKind::OmnioTapCustomer,
            "erase-customer-0002",
            8,
            &[("reference.omniotap.contact", "erase-contact-0001")],
        ),
    ] {
        let keys = dropped.keys();
        let applied = apply(app.pool(), &app.brand, vec![dropped]).await.unwrap();
        assert!(
            applied.changed == 0
                && !applied.erased.is_empty()
                && applied.erased.iter().all(|key| keys.contains(key)),
            "{keys:?}"
        );
    }
    // A record without a name or address is removed completely once it shows that it is the person's.
    app.apply(vec![
        record(SourceKind::SyncarooMember, "erase-quiet", 1, &[("attribute.tier", "gold")]),
        ticket("erase-ticket-0009", "syncaroo.member:erase-quiet", "EV-2026-0009"),
    ])
    .await;
    let applied = apply(
        app.pool(),
        &app.brand,
        vec![record(SourceKind::SyncarooMember, "erase-quiet", 2, &[("email.main", EMAIL)])],
    )
    .await
    .unwrap();
    assert_eq!(applied.erased, ["syncaroo.member:erase-quiet".to_owned()].into());
    let (mut before, mut after) = (before, dump(app.pool(), app.brand.id()).await);
    assert!(
        after["suppression_hashes"].len() > before["suppression_hashes"].len(),
        "the suppression list is extended"
    );
    for ledger in ["erasures", "suppression_hashes"] {
        before.remove(ledger);
        after.remove(ledger);
    }
    assert_same(&before, &after, "all of that");
    // The partner continues, with the shared values and in new systems.
    let bertolf = [
        ("name.first", "Bertolf"),
        ("name.last", "Kwikstaart"),
        ("phone.main", SHARED_PHONE),
        ("email.main", PARTNER),
    ];
    let applied = apply(
        app.pool(),
        &app.brand,
        vec![record(SourceKind::OmneoProfile, "partner-profile", 8, &bertolf)],
    )
    .await
    .unwrap();
    assert_eq!((applied.changed, applied.erased.len()), (1, 0));
    app.wait_until_current().await;
    assert_eq!(app.by_phone(SHARED_PHONE).await[0]["customerID"], "partner-profile");
    assert_nothing_is_left(&app, "later").await;
    app.stop().await;
}

/// A body in the CRM's format.
#[tokio::test]
async fn a_namesake_on_the_same_phone_stays_as_he_was() {
    let app = app().await;
    let profile = |id, email| {
        let fields = [
            ("name.first", "Jan"),
            ("name.last", "Naamgenoot"),
            ("email.main", email),
            ("phone.main", "+31612399999"),
        ];
        record(SourceKind::OmneoProfile, id, 0, &fields)
    };
    let son = [
        profile("son-profile-0001", "jan.zoon@example.net"),
        ticket("son-ticket-0001", "omneo.profile:son-profile-0001", "EV-2026-0009"),
    ];
    app.apply(vec![profile("father-profile-0001", "jan.vader@example.net")]).await;
    app.apply(son.to_vec()).await;
    app.wait_until_current().await;
    let before = app.by_email("jan.zoon@example.net").await;
    let father = [RecordKey::new(SourceKind::OmneoProfile, "father-profile-0001").unwrap()].into();
    let delivery = |id: &str, email: &str| json!({"id": id, "email": email, "firstName": "Jan", "lastName": "Naamgenoot", "phone": "+31612399999", "updatedAt": "2026-11-20T10:00:00Z"});
    insert_delivery(
        &app,
        "done",
        &body("contact", &delivery("son-contact-0001", "jan.zoon@example.net")),
    )
    .await;
    erase(app.pool(), &app.brand, &file(&app), &father, app.clock.now(), &mut |_| ())
        .await
        .unwrap();
    app.apply(son.to_vec()).await;
    app.wait_until_current().await;
    assert_eq!(app.by_email("jan.zoon@example.net").await, before);
    assert_eq!(app.by_phone("+31612399999").await, before);
    assert!(app.by_email("jan.vader@example.net").await.is_empty());
    app.stop().await;
}

#[tokio::test]
async fn a_number_that_becomes_somebody_elses_is_theirs() {
    let app = app().await;
    app.apply(person()).await;
    erase_person(&app).await;
    let nina = [
        ("name.first", "Nina"),
        ("name.last", "Nieuw"),
        ("email.main", "nina@example.net"),
        ("phone.main", PHONE),
    ];
    app.apply(vec![record(SourceKind::OmneoProfile, "nina-profile-0001", 9, &nina)]).await;
    app.wait_until_current().await;
    assert_eq!(app.by_phone(PHONE).await[0]["customerFirstname"], "Nina");
    app.stop().await;
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

async fn deliveries(app: &TestApp) -> BTreeSet<Uuid> {
    let ids: Vec<(Uuid,)> =
        sqlx::query_as("select delivery_id from deliveries").fetch_all(app.pool()).await.unwrap();
    ids.into_iter().map(|(id,)| id).collect()
}

#[tokio::test]
async fn deliveries_in_every_state_go_and_those_of_others_stay() {
    let app = app_without_workers().await;
    let own = [
        body("contact", &json!({"id": "erase-contact-0001", "firstName": "Erasmina"})),
        body("contact", &json!({"id": "erase-new-1", "email": "Erasmina.Kwikstaart@Example.org"})),
        body(
            "contact",
            &json!({"id": "erase-new-2", "firstName": "Erasmina", "lastName": "Kwikstaart", "phone": SHARED_PHONE}),
        ),
        body("ticket", &json!({"id": "erase-ticket-0001", "subject": "Vogelspotter"})),
        body("ticket", &json!({"id": "erase-new-3", "contactId": "erase-contact-0001"})),
        body("spaceship", &json!({"pilot": {"crm": "erase-contact-0001"}})),
        body("spaceship", &json!({"text": "Call Erasmina (erasmina.kwikstaart@example.org) back"})),
        b"not json, but erasmina.kwikstaart@example.org".to_vec(),
        b"phone=0655500091&name=Erasmina".to_vec(),
    ];
    let others = [
        body(
            "contact",
            &json!({"id": "partner-contact-0001", "firstName": "Bertolf", "lastName": "Kwikstaart", "phone": SHARED_PHONE}),
        ),
        body(
            "contact",
            &json!({"id": "somebody-new", "firstName": "Bertolf", "lastName": "Kwikstaart", "email": SHARED_MAILBOX}),
        ),
        body("ticket", &json!({"id": "partner-ticket-0001", "subject": "Nest"})),
        body("spaceship", &json!({"phone": SHARED_PHONE})),
        b"not json".to_vec(),
    ];
    let (mut kept, mut gone) = (BTreeSet::new(), 0);
    for state in ["pending", "done", "dead", "discarded"] {
        for body in &own {
            insert_delivery(&app, state, body).await;
            gone += 1;
        }
        for body in &others {
            kept.insert(insert_delivery(&app, state, body).await);
        }
    }
    let mut seen = Vec::new();
    let receipt = erase(app.pool(), &app.brand, &file(&app), &contact(), now(), &mut |progress| {
        seen.push(progress);
    })
    .await
    .unwrap();
    assert_eq!(receipt.counts.deliveries, gone);
    assert_eq!(deliveries(&app).await, kept);
    assert!(
        seen.last()
            .is_some_and(|progress| progress.done == progress.total && progress.total == gone + 20),
        "{seen:?}"
    );
    assert_nothing_is_left(&app, "erased with its deliveries").await;
    let delivery = |body: &[u8]| Delivery {
        headers: BTreeMap::new(),
        body: body.to_vec(),
        received_at: now(),
    };
    let asked = [delivery(&own[7]), delivery(&others[4]), delivery(&own[5]), delivery(&others[3])];
    let mut connection = app.pool().acquire().await.unwrap();
    let mentioned = mentions_erased(&mut connection, &app.brand, &asked.iter().collect::<Vec<_>>())
        .await
        .unwrap();
    assert_eq!(mentioned, [true, false, true, false]);
    drop(connection);
    app.stop().await;
}

/// A copy of an application's database, while nothing uses it.
async fn back_up(database: &str) -> String {
    until_used_by(0, database).await;
    let (server, copy) = (server().await, format!("backup_{}", Uuid::new_v4().simple()));
    sqlx::query(AssertSqlSafe(format!("create database {copy} template {database}")))
        .execute(&server)
        .await
        .unwrap();
    server.close();
    copy
}

fn place_of(
    app_database: &str,
    place: &hookpoint::storage::database::Place,
    database: &str,
) -> hookpoint::storage::database::Place {
    let hookpoint::storage::database::Place::Server(url) = place else {
        panic!("tests share a server")
    };
    hookpoint::storage::database::Place::Server(hookpoint::storage::database::Url(
        url.0.replace(app_database, database),
    ))
}

#[tokio::test]
async fn a_restored_backup_of_yesterday_does_not_bring_anybody_back() {
    let app = app().await;
    insert_delivery(
        &app,
        "done",
        &body("contact", &json!({"id": "erase-contact-0001", "firstName": "Erasmina"})),
    )
    .await;
    insert_delivery(&app, "dead", b"not json, but erasmina.kwikstaart@example.org").await;
    let (database, place) = (app.database.clone(), app.place.clone());
    app.stop().await;
    let yesterday = back_up(&database).await;
    let app = TestApp::start_with(Options {
        place: Some((place.clone(), database.clone())),
        ..Options::default()
    })
    .await;
    // The source deletes one of the records today, so the suppression list does not contain it.
    let gone =
        Update { at: at(60), received_at: at(60), scope: Scope::Deletion, fields: BTreeMap::new() };
    app.apply(vec![Change::Record {
        key: RecordKey::new(SourceKind::OmneoProfile, "erase-profile-0002").unwrap(),
        update: gone,
    }])
    .await;
    erase_person(&app).await;
    app.stop().await;
    std::fs::copy(suppression_file_of(&database), suppression_file_of(&yesterday)).unwrap();
    let restored = (place_of(&database, &place, &yesterday), yesterday.clone());
    let app =
        TestApp::start_without_warm_up(Options { place: Some(restored), ..Options::default() })
            .await;
    assert_nobody_is_found(&app).await;
    assert_nothing_is_left(&app, "restored").await;
    assert_eq!(app.by_email(PARTNER).await.len(), 1);
    // A database that is restored while the service runs is repaired as well.
    sqlx::raw_sql("delete from erasures").execute(app.pool()).await.unwrap();
    app.apply(person()).await;
    app.wait_until_current().await;
    assert_eq!(app.by_email(EMAIL).await.len(), 1);
    assert_eq!(reconcile(app.pool(), &app.brand, &file(&app), 10, now(), now()).await.unwrap(), 1);
    app.wait_until_current().await;
    assert_nobody_is_found(&app).await;
    assert_eq!(
        reconcile(app.pool(), &app.brand, &file(&app), 10, now(), now()).await.unwrap(),
        0,
        "there is nothing left to do"
    );
    app.stop().await;
}

#[tokio::test]
async fn an_erasure_that_was_killed_after_the_ledger_is_finished_by_the_next_start() {
    let app = app().await;
    insert_delivery(
        &app,
        "pending",
        &body("contact", &json!({"id": "erase-contact-0001", "firstName": "Erasmina"})),
    )
    .await;
    add_suppressions(app.pool(), &app.brand, &file(&app), &contact(), now()).await.unwrap();
    assert_eq!(app.by_email(EMAIL).await.len(), 1, "nothing is deleted yet");
    let applied = apply(
        app.pool(),
        &app.brand,
        vec![record(SourceKind::OmnioTapContact, "erase-contact-0001", 9, &[("name.last", "X")])],
    )
    .await;
    assert_eq!(
        applied.unwrap().erased.len(),
        1,
        "after the suppression is stored, no writer may use data that it read before"
    );
    let place = (app.place.clone(), app.database.clone());
    app.stop().await;
    let app =
        TestApp::start_without_warm_up(Options { place: Some(place), ..Options::default() }).await;
    assert_nobody_is_found(&app).await;
    assert_nothing_is_left(&app, "finished").await;
    let (open,): (i64,) =
        sqlx::query_as("select count(*) from erasures where completed_at is null")
            .fetch_one(app.pool())
            .await
            .unwrap();
    assert_eq!(open, 0);
    app.stop().await;
}

#[tokio::test]
async fn a_file_that_cannot_be_written_erases_nobody() {
    let app = app().await;
    let before = dump(app.pool(), app.brand.id()).await;
    let nowhere = SuppressionFile::new(Path::new("/proc/nowhere/suppressions.jsonl").to_owned());
    assert!(erase(app.pool(), &app.brand, &nowhere, &contact(), now(), &mut |_| ()).await.is_err());
    assert_same(&before, &dump(app.pool(), app.brand.id()).await, "nothing happened");
    app.stop().await;
}

#[tokio::test]
async fn an_erasure_that_is_taken_back_lets_later_deliveries_count() {
    let app = app().await;
    erase_person(&app).await;
    let email = hookpoint::customer::model::email::Email::parse(EMAIL).unwrap();
    assert_eq!(
        revoke_erasure(
            app.pool(),
            &app.brand,
            &file(&app),
            &ErasureTarget::Address(email.into()),
            now()
        )
        .await
        .unwrap(),
        1
    );
    assert_eq!(
        revoke_erasure(
            app.pool(),
            &app.brand,
            &file(&app),
            &ErasureTarget::Id("erase-contact-0001".to_owned()),
            now()
        )
        .await
        .unwrap(),
        0
    );
    assert_eq!(reconcile(app.pool(), &app.brand, &file(&app), 10, now(), now()).await.unwrap(), 0);
    app.apply(person()).await;
    app.wait_until_current().await;
    assert_eq!(app.by_email(EMAIL).await.len(), 1);
    // Also for a database that still contains the erasure.
    sqlx::raw_sql("update erasures set unerased_at = null, completed_at = null")
        .execute(app.pool())
        .await
        .unwrap();
    assert_eq!(reconcile(app.pool(), &app.brand, &file(&app), 10, now(), now()).await.unwrap(), 0);
    app.wait_until_current().await;
    assert_eq!(app.by_email(EMAIL).await.len(), 1, "a revoked erasure stays revoked");
    app.stop().await;
}

#[tokio::test]
async fn a_database_that_was_made_anew_knows_its_erased_again() {
    let app = app().await;
    erase_person(&app).await;
    let fresh = TestApp::start().await;
    std::fs::copy(suppression_file_of(&app.database), suppression_file_of(&fresh.database))
        .unwrap();
    let place = (fresh.place.clone(), fresh.database.clone());
    fresh.stop().await;
    let fresh = TestApp::start_with(Options { place: Some(place), ..Options::default() }).await;
    assert_eq!(fresh.brand.suppression_key, app.brand.suppression_key);
    assert_ne!(fresh.brand.secret, app.brand.secret);
    let applied = apply(fresh.pool(), &fresh.brand, person()).await.unwrap();
    assert_eq!((applied.changed, applied.erased.len()), (0, 5));
    // A database with its own suppression list keeps its key, and the file is not merged into it.
    let other = self::app().await;
    erase_person(&other).await;
    adopt_keys(other.pool(), &file(&app), &["demo"]).await.unwrap();
    assert!(
        erase(other.pool(), &other.brand, &file(&app), &contact(), now(), &mut |_| ())
            .await
            .is_err()
    );
    assert_eq!(
        reconcile(other.pool(), &other.brand, &file(&app), 10, now(), now()).await.unwrap(),
        0
    );
    for app in [app, fresh, other] {
        app.stop().await;
    }
}

#[tokio::test]
async fn an_export_gives_everything_and_nothing_of_others() {
    let app = app().await;
    sqlx::query(
        "insert into decisions (brand_id, decision_id, left_key, right_key, same_person, decided_by, reason, decided_at)
        values ($1, gen_random_uuid(), 'omniotap.contact:erase-contact-0001', 'omniotap.contact:partner-contact-0001', false, 't', 'two people', now())",
    )
    .bind(app.brand.id())
    .execute(app.pool())
    .await
    .unwrap();
    let own = insert_delivery(
        &app,
        "dead",
        &body("contact", &json!({"id": "erase-contact-0001", "firstName": "Erasmina"})),
    )
    .await;
    insert_delivery(
        &app,
        "done",
        &body("contact", &json!({"id": "partner-contact-0001", "phone": SHARED_PHONE})),
    )
    .await;
    let everything = export(app.pool(), &app.brand, &contact()).await.unwrap();
    let text = everything.to_string();
    for string in STRINGS {
        assert!(text.contains(string), "{string}");
    }
    let count = |section: &str| everything[section].as_array().unwrap().len();
    assert_eq!(
        [
            "customers",
            "records",
            "events",
            "source_merges",
            "decisions",
            "match_reviews",
            "deliveries"
        ]
        .map(count),
        [1, 3, 1, 1, 1, 2, 1],
        "{everything:#}"
    );
    assert_eq!(everything["deliveries"][0]["id"], own.to_string());
    assert_eq!(everything["deliveries"][0]["body"]["data"]["firstName"], "Erasmina");
    assert!(!text.contains("Bertolf") && !text.contains(PARTNER));
    // Decisions about the person are removed as well.
    erase_person(&app).await;
    assert_nothing_is_left(&app, "erased with a decision").await;
    app.stop().await;
}

/// Random changes about the person and the partner. Every record of the person has the address that only the person
/// has.
fn world(rng: &mut Dice) -> Vec<Change> {
    let mut changes = Vec::new();
    // Two records of a unique kind would be two people.
    let kinds = &SourceKind::ALL[1..];
    for n in 0..14_i64 {
        let kind = *rng.pick(kinds);
        let id = format!("own-{}", rng.roll(4));
        let phone = *rng.pick(&[PHONE, SHARED_PHONE]);
        let fields = [
            ("name.first", "Erasmina"),
            ("name.last", "Kwikstaart"),
            ("email.main", EMAIL),
            ("phone.main", phone),
        ];
        changes.push(record(kind, &id, n, &fields[rng.roll(2)..]));
        changes.push(ticket(&format!("t{n}"), &format!("{kind}:{id}"), &format!("N{n}")));
        let kind = *rng.pick(kinds);
        let id = format!("other-{}", rng.roll(4));
        let (first, email) = *rng.pick(&[
            ("Bertolf", PARTNER),
            ("Bertolf", SHARED_MAILBOX),
            ("Jan", "jan@example.org"),
        ]);
        changes.push(record(
            kind,
            &id,
            n,
            &[("name.first", first), ("email.main", email), ("phone.main", SHARED_PHONE)],
        ));
        changes.push(ticket(&format!("o{n}"), &format!("{kind}:{id}"), &format!("M{n}")));
    }
    changes.extend([
        merge("own-8", "own-9"),
        merge("own-9", "erase-profile-0002"),
        merge("other-0", "other-1"),
    ]);
    rng.shuffled(changes)
}

async fn apply_all(pool: &Pool, brand: &Brand, changes: &[Change], rng: &mut Dice) {
    let mut rest = changes;
    while !rest.is_empty() {
        let (batch, later) = rest.split_at((1 + rng.roll(5)).min(rest.len()));
        apply(pool, brand, batch.to_vec()).await.unwrap();
        rest = later;
    }
}

#[tokio::test]
async fn erasing_in_the_middle_of_any_order_ends_as_erasing_at_the_end() {
    for seed in 0..4 {
        let mut rng = Dice(seed);
        let changes = world(&mut rng);
        let [middle, end] = [TestApp::start().await, TestApp::start().await];
        // Both are stored by then: an address of one cannot become known as the other's as well.
        let known = [person(), partner()].concat();
        for app in [&middle, &end] {
            app.apply(known.clone()).await;
        }
        let (before, after) = changes.split_at(rng.roll(changes.len()));
        apply_all(middle.pool(), &middle.brand, before, &mut rng).await;
        erase_person(&middle).await;
        apply_all(middle.pool(), &middle.brand, after, &mut rng).await;
        apply_all(end.pool(), &end.brand, &changes, &mut rng).await;
        assert_eq!(end.by_email(EMAIL).await.len(), 1, "seed {seed}: the person is one customer");
        erase_person(&end).await;
        assert_same_facts(
            &end,
            &middle,
            &format!("seed {seed}, after {} of {} changes", before.len(), changes.len()),
        )
        .await;
        middle.stop().await;
        end.stop().await;
    }
}

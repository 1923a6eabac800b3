//! Custom fields about the answer itself: by what the customer's records are joined, and how recent the data is.

use hookpoint::admin::audit::{Attribution, Via};
use hookpoint::admin::decisions::{Act, decide};
use hookpoint::customer::model::event::EventKey;
use hookpoint::customer::model::field_versions::{Scope, Update};
use hookpoint::customer::model::record::{Change, RecordKey};
use hookpoint::customer::model::source::Source;
use hookpoint::ingest::rebuild::rebuild;
use serde_json::{Value, json};

use crate::ingest::apply::{assert_same, dump};
use crate::support::{Options, TestApp, TestSettings};

const PROFILE: &str = "omneo.profile:p1";
const CONTACT: &str = "omniotap.contact:c1";
const CUSTOMER: &str = "omniotap.customer:k1";

fn update(at: &str, fields: &[(&str, &str)]) -> Update {
    let at = at.parse().unwrap();
    let fields =
        fields.iter().map(|(name, value)| ((*name).to_owned(), Some(json!(value)))).collect();
    Update { at, received_at: at, scope: Scope::Partial, fields }
}

fn says(record: &str, at: &str, fields: &[(&str, &str)]) -> Change {
    Change::Record { key: record.parse().unwrap(), update: update(at, fields) }
}

/// Settings with these fields besides one of the brand's own.
fn settings(matched_by: &str, data_as_of: &str, locale: &str) -> TestSettings {
    TestSettings::demo().with(|file| {
        let brand = file.brands.values_mut().next().unwrap();
        brand.custom_fields.retain(|field| field.name == "customerType");
        brand.custom_fields[0].value = "{{ omneo.tier | default('none') }}".to_owned();
        matched_by.clone_into(&mut brand.matched_by_field);
        data_as_of.clone_into(&mut brand.data_as_of_field);
        locale.clone_into(&mut brand.locale);
        "Europe/Amsterdam".clone_into(&mut brand.time_zone);
    })
}

async fn fields(app: &TestApp) -> Value {
    app.wait_until_current().await;
    let found = app.by_email("ruben@example.org").await;
    assert_eq!(found.len(), 1, "{found:?}");
    found[0]["customFields"].clone()
}

async fn with_settings(app: &TestApp, settings: TestSettings) -> TestApp {
    let place = Some((app.place.clone(), app.database.clone()));
    TestApp::start_with(Options { place, settings, ..Options::default() }).await
}

#[tokio::test]
async fn an_answer_says_by_what_it_was_matched_and_how_recent_it_is() {
    let app = TestApp::start_with(settings("Matched by", "Data as of", "en")).await;
    let name =
        [("name.first", "Ruben"), ("name.last", "Smit"), ("email.main", "ruben@example.org")];
    app.apply(vec![says(PROFILE, "2026-11-20T10:00:00Z", &name)]).await;
    let expected = json!([
        {"customerType": "none"}, {"Matched by": "one record"}, {"Data as of": "2026-11-20 11:00"},
    ]);
    assert_eq!(fields(&app).await, expected);
    // Another system knows the same mailbox. An older report makes nothing older.
    app.apply(vec![
        says(CONTACT, "2026-11-19T10:00:00Z", &name),
        says(CUSTOMER, "2026-11-19T10:00:00Z", &[("reference.omniotap.contact", "c1")]),
    ])
    .await;
    let expected = json!([
        {"customerType": "none"},
        {"Matched by": "reference, e-mail address"},
        {"Data as of": "2026-11-20 11:00"},
    ]);
    assert_eq!(fields(&app).await, expected);
    // An event is newer.
    let key = EventKey::new(Source::OmnioTap, "ticket", "t1").unwrap();
    let reported = [("record", CONTACT), ("data.number", "1")];
    app.apply(vec![Change::Event { key, update: update("2026-11-21T23:30:00Z", &reported) }]).await;
    assert_eq!(fields(&app).await[2], json!({"Data as of": "2026-11-22 00:30"}));
    let both = [PROFILE, CONTACT].map(|key| key.parse::<RecordKey>().unwrap()).into();
    let by = (Attribution { by: "Femke", reason: "", via: Via::Command }, app.clock.now());
    let decided = decide(app.pool(), &app.brand, &Act::Join(both), None, by).await;
    decided.unwrap_or_else(|error| panic!("{error}"));
    // The mailbox is no longer needed.
    let words = "decided by a person, reference";
    assert_eq!(fields(&app).await[1], json!({"Matched by": words}));
    let before = dump(app.pool(), app.brand.id()).await;
    rebuild(app.pool(), &app.brand, &mut |_| {}).await.unwrap();
    assert_same(&before, &dump(app.pool(), app.brand.id()).await, "rebuilt");
    app.stop().await;
}

#[tokio::test]
async fn the_fields_are_off_by_default_and_a_change_of_the_settings_shows_them_at_once() {
    let off = TestApp::start_with(settings("", "", "en")).await;
    let name =
        [("name.first", "Ruben"), ("name.last", "Smit"), ("email.main", "ruben@example.org")];
    off.apply(vec![
        says(PROFILE, "2026-11-20T10:00:00Z", &name),
        says(CONTACT, "2026-11-20T10:00:00Z", &name),
    ])
    .await;
    assert_eq!(fields(&off).await, json!([{"customerType": "none"}]));
    // Names of another brand's Omnidesk, in Dutch. The first lookup renders the answer again; a rebuild gives the same.
    let on = with_settings(&off, settings("Herkend aan", "Gegevens van", "nl")).await;
    let expected = json!([
        {"customerType": "none"}, {"Herkend aan": "e-mailadres"}, {"Gegevens van": "2026-11-20 11:00"},
    ]);
    assert_eq!(fields(&on).await, expected);
    rebuild(on.pool(), &on.brand, &mut |_| {}).await.unwrap();
    assert_eq!(fields(&on).await, expected);
    on.stop().await;
    off.stop().await;
}

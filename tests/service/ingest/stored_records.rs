//! Stored records as syncs and live searches read them.

use hookpoint::customer::model::field_versions::{Scope, Update};
use hookpoint::customer::model::identifier::{Identifier, IdentifierKind};
use hookpoint::customer::model::record::{Change, Record, RecordKey, SourceMerge};
use hookpoint::customer::model::source::SourceKind;
use hookpoint::storage::records::{list_records_after, list_records_of_address};

use crate::support::TestApp;

fn key(kind: SourceKind, id: &str) -> RecordKey {
    RecordKey::new(kind, id).unwrap()
}

fn record(kind: SourceKind, id: &str, first: &str, email: &str) -> Change {
    let fields = [("name.first", first), ("name.last", "Smit"), ("email.main", email)];
    let at = "2026-11-20T10:00:00Z".parse().unwrap();
    let fields = fields.map(|(name, value)| (name.to_owned(), Some(value.into())));
    let update =
        Update { at, received_at: at, scope: Scope::Partial, fields: fields.into_iter().collect() };
    Change::Record { key: key(kind, id), update }
}

fn ids(records: &[Record]) -> Vec<&str> {
    records.iter().map(|record| record.key.id.as_str()).collect()
}

async fn of_address(app: &TestApp, email: &str) -> Vec<Record> {
    let address = Identifier { kind: IdentifierKind::Email, value: email.to_owned() };
    let mut db = app.pool().acquire().await.unwrap();
    list_records_of_address(&mut db, app.brand.id(), &address, 10).await.unwrap()
}

#[tokio::test]
async fn of_records_whose_merges_form_a_circle_one_is_read() {
    const KIND: SourceKind = SourceKind::OmnioTapContact;
    let app = TestApp::start().await;
    let merge = |loser: &str, winner: &str, at: &str| {
        let at = at.parse().unwrap();
        Change::Merge(SourceMerge { loser: key(KIND, loser), winner: key(KIND, winner), at })
    };
    app.apply(vec![
        record(KIND, "a", "Anna", "a@example.org"),
        record(KIND, "b", "Anna", "a@example.org"),
        record(KIND, "c", "Cees", "c@example.org"),
        record(KIND, "d", "Dirk", "d@example.org"),
        merge("a", "b", "2026-11-20T11:00:00Z"),
        merge("b", "a", "2026-11-20T12:00:00Z"),
        merge("d", "c", "2026-11-20T12:00:00Z"),
    ])
    .await;
    let mut read = Vec::new();
    let mut after = String::new();
    loop {
        let mut db = app.pool().acquire().await.unwrap();
        let page = list_records_after(&mut db, app.brand.id(), KIND, &after, 1).await.unwrap();
        let Some(last) = page.last() else { break };
        after.clone_from(&last.key.id);
        read.extend(page);
    }
    let one_of_the_circle = ids(&read)[0].to_owned();
    assert!(["a", "b"].contains(&one_of_the_circle.as_str()), "{:?}", ids(&read));
    assert_eq!(ids(&read), [one_of_the_circle.as_str(), "c"]);
    assert_eq!(ids(&of_address(&app, "a@example.org").await), [one_of_the_circle.as_str()]);
    app.stop().await;
}

#[tokio::test]
async fn an_address_is_that_of_its_trusted_holders_as_in_a_lookup() {
    let app = TestApp::start().await;
    app.apply(vec![
        record(SourceKind::OmniLabParticipant, "form", "Bert", "anna@example.org"),
        record(SourceKind::OmnioTapContact, "anna", "Anna", "anna@example.org"),
    ])
    .await;
    assert_eq!(ids(&of_address(&app, "anna@example.org").await), ["anna"]);
    app.stop().await;
}

//! Why somebody had a booking cancelled is text about a person: the person's to have, and gone with the person.

use std::collections::BTreeSet;

use hookpoint::customer::model::event::EventKey;
use hookpoint::customer::model::record::RecordKey;
use hookpoint::customer::model::source::{Source, SourceKind};
use hookpoint::erasure::erase::add_suppressions;
use hookpoint::storage::audit_log::{ActionRow, Via, insert_action};
use hookpoint::storage::suppressions::SuppressionHasher;
use jiff::Timestamp;
use uuid::Uuid;

use crate::shop::{Shop, anna_and_bert};

const OF_ANNA: &str = "Anna called in sick";
const OF_ANNA_BEFORE: &str = "Anna has to stay with her mother";
const OF_BERT: &str = "the room is flooded";

/// Writes down, as cancelling does, why bookings were cancelled.
fn cancel(shop: &Shop) {
    shop.with_brand(async |database, brand, _| {
        for (booking, reason) in [("bk_anna", OF_ANNA), ("bk_bert", OF_BERT)] {
            let event = EventKey::new(Source::OmniLab, "booking", booking).unwrap();
            let row = ActionRow {
                action_id: Uuid::new_v4(),
                source: Some(Source::OmniLab),
                action: "cancel booking".to_owned(),
                customers: std::collections::BTreeSet::new(),
                subjects: [SuppressionHasher::new(&brand.suppression_key).event(&event)].into(),
                target: String::new(),
                done_by: "Femke".to_owned(),
                reason: reason.to_owned(),
                is_reason_erased: false,
                via: Some(Via::Command),
                begun_at: "2026-11-21T10:00:00Z".parse().unwrap(),
                outcome: "cancelled".to_owned(),
            };
            insert_action(&database.pool, brand.id(), &row).await.unwrap();
        }
    });
    // One that an earlier version wrote down.
    shop.sql(&format!(
        "insert into audit_log (brand_id, action_id, source, action, subject, done_by, reason, begun_at, outcome)
        select brand_id, gen_random_uuid(), source, action, subjects[1], done_by, '{OF_ANNA_BEFORE}', begun_at, outcome
        from audit_log where reason = '{OF_ANNA}'"
    ));
}

fn shop() -> Shop {
    let shop = Shop::open();
    shop.apply(anna_and_bert());
    cancel(&shop);
    shop
}

fn anna() -> BTreeSet<RecordKey> {
    [RecordKey::new(SourceKind::OmnioTapContact, "crm-1").unwrap()].into()
}

/// Nothing that was said of Anna is left, and what was said of others is.
fn assert_hers_are_gone(shop: &Shop) {
    let dump = shop.dump();
    for text in [OF_ANNA, OF_ANNA_BEFORE, "Verburg", "anna@example.org"] {
        assert!(!dump.contains(text), "{text}");
    }
    assert!(dump.contains(OF_BERT) && dump.contains("Kuipers"));
    let kept = "select action || ' ' || done_by || ' ' || outcome from audit_log where reason = '' and action = 'cancel booking'";
    assert_eq!(
        shop.texts(kept),
        ["cancel booking Femke cancelled"; 2],
        "that it was done is still known"
    );
}

#[test]
fn why_a_persons_booking_was_cancelled_is_exported_and_erased() {
    let shop = shop();
    let exported = shop.run(&["customer", "export", "--email", "anna@example.org"]).well();
    let exported: serde_json::Value = serde_json::from_str(&exported).unwrap();
    let reasons: BTreeSet<&str> = exported["actions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|action| action["reason"].as_str().unwrap())
        .collect();
    // That she was exported is about her as well.
    assert_eq!(reasons, ["", OF_ANNA, OF_ANNA_BEFORE].into());
    assert_eq!(exported["actions"][1]["by"], "Femke");
    assert!(!exported.to_string().contains(OF_BERT));
    shop.run(&["customer", "erase", "--email", "anna@example.org", "--yes"]).well();
    assert_hers_are_gone(&shop);
    let listed = shop.run(&["audit", "list"]).well();
    assert!(!listed.contains("Anna") && listed.contains(OF_BERT), "{listed}");
}

#[test]
fn an_interrupted_erasure_that_the_service_finishes_takes_the_reasons_with_it() {
    let shop = shop();
    let begun = async |database: &_, brand: &_, suppression_file: &_| {
        begin(database, brand, suppression_file).await;
    };
    shop.with_brand(begun);
    assert!(shop.dump().contains(OF_ANNA), "nothing is deleted yet");
    shop.serve().stop();
    assert_hers_are_gone(&shop);
}

/// As far as an erasure came that was killed after the suppression file was written.
async fn begin(
    database: &hookpoint::storage::database::Database,
    brand: &hookpoint::brand::Brand,
    suppression_file: &hookpoint::erasure::suppression_file::SuppressionFile,
) {
    let now: Timestamp = "2026-11-22T10:00:00Z".parse().unwrap();
    add_suppressions(&database.pool, brand, suppression_file, &anna(), now).await.unwrap();
}

#[test]
fn a_restored_backup_gives_no_reasons_back() {
    let mut shop = shop();
    let copy = shop.back_up();
    shop.run(&["customer", "erase", "--email", "anna@example.org", "--yes"]).well();
    shop.restore(copy);
    assert!(shop.dump().contains(OF_ANNA), "yesterday it was there");
    shop.serve().stop();
    assert_hers_are_gone(&shop);
}

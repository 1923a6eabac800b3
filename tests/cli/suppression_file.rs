//! The suppression file says who was erased. A file from elsewhere could say that of everybody.

use std::collections::BTreeSet;

use hookpoint::customer::model::event::EventKey;
use hookpoint::customer::model::record::RecordKey;
use hookpoint::customer::model::source::{Source, SourceKind};
use hookpoint::erasure::suppression_file::{BrandSuppressions, Entry, SuppressionFile};
use hookpoint::storage::suppressions::{SuppressionHash, SuppressionHasher, SuppressionKey};
use jiff::Timestamp;
use uuid::Uuid;

use crate::command::{RunEnd, run, starts};
use crate::shop::{Shop, anna_and_bert, booking, record};

fn key(n: usize) -> RecordKey {
    RecordKey::new(SourceKind::OmneoProfile, &format!("profile-{n}")).unwrap()
}

/// So many people, nobody of whom was ever erased.
fn people(shop: &Shop, count: usize) {
    let one = |n: usize| {
        let email = format!("person-{n}@example.org");
        record(
            SourceKind::OmneoProfile,
            &format!("profile-{n}"),
            &[("name.first", "Kim"), ("name.last", &format!("Number{n}")), ("email.main", &email)],
        )
    };
    shop.apply((0..count).map(one).collect());
}

/// What somebody who can write files, and not into the database, puts where the suppression file is expected.
fn plant(shop: &Shop, count: usize) {
    let key_of_theirs = SuppressionKey([7; 32]);
    let hasher = SuppressionHasher::new(&key_of_theirs);
    let hashes: BTreeSet<SuppressionHash> = (0..count).map(|n| hasher.record(&key(n))).collect();
    let entry = Entry { erased_at: Timestamp::UNIX_EPOCH, revoked_at: None, hashes };
    let entries =
        BrandSuppressions { key: Some(key_of_theirs), erasures: [(Uuid::new_v4(), entry)].into() };
    SuppressionFile::new(shop.suppression_file()).append("shop", &entries).unwrap();
}

fn count(shop: &Shop) -> [String; 3] {
    ["records", "customers", "answers"]
        .map(|table| shop.texts(&format!("select count(*)::text from {table}")).remove(0))
}

fn refused(ended: &RunEnd) {
    assert_eq!(ended.code, Some(1), "{}", ended.error);
    let sentence = "the suppression file would erase 12 of the 12 records of brand shop";
    assert!(
        ended.error.contains(sentence) && ended.error.contains("raise erasure.max_erased_percent"),
        "{}",
        ended.error
    );
}

#[test]
fn a_suppression_file_that_names_most_of_a_brand_prevents_the_start_until_an_operator_confirms_it()
{
    let shop = Shop::empty();
    people(&shop, 12);
    let before = count(&shop);
    assert_eq!(before[0], "12");
    plant(&shop, 12);
    for _ in 0..2 {
        refused(&run(&mut shop.command(&["serve"])));
        assert_eq!(count(&shop), before, "nobody is erased");
    }
    // Nor by a command that finishes what was interrupted before it does its own work.
    refused(&shop.run(&["customer", "erase", "--id", "omneo.profile:profile-0", "--yes"]));
    assert_eq!(count(&shop), before);
    let text = std::fs::read_to_string(&shop.settings).unwrap();
    std::fs::write(
        &shop.settings,
        text.replace("[erasure]", "[erasure]\nmax_erased_percent = 100"),
    )
    .unwrap();
    shop.serve().stop();
    assert_eq!(count(&shop), ["0", "0", "0"], "now they are");
}

#[test]
fn ten_people_are_erased_again_whatever_share_of_the_brand_they_are() {
    let shop = Shop::empty();
    people(&shop, 12);
    plant(&shop, 10);
    shop.serve().stop();
    assert_eq!(count(&shop)[0], "2");
}

#[test]
fn a_suppression_file_that_was_refused_and_removed_leaves_nothing_behind() {
    let shop = Shop::empty();
    people(&shop, 12);
    let before = count(&shop);
    plant(&shop, 12);
    refused(&run(&mut shop.command(&["serve"])));
    std::fs::remove_file(shop.suppression_file()).unwrap();
    // What comes in about them still counts.
    shop.apply(vec![record(
        SourceKind::OmneoProfile,
        "profile-3",
        &[("attribute.segment", "garden")],
    )]);
    assert_eq!(count(&shop), before, "somebody went who was reported again");
    shop.serve().stop();
    assert_eq!(count(&shop), before);
    assert!(
        !shop.suppression_file().exists()
            || !std::fs::read_to_string(shop.suppression_file()).unwrap().contains("hashes"),
        "it was written down anew"
    );
}

#[test]
fn a_suppression_file_that_names_most_events_of_a_brand_erases_none() {
    let shop = Shop::empty();
    let bookings = |n: usize| booking(&format!("bk_{n}"), "omniotap.contact:crm-1");
    shop.apply(anna_and_bert().into_iter().chain((0..20).map(bookings)).collect());
    let events = || shop.texts("select count(*)::text from events").remove(0);
    let before = events();
    let theirs = SuppressionKey([7; 32]);
    let hasher = SuppressionHasher::new(&theirs);
    let event = |n: usize| EventKey::new(Source::OmniLab, "booking", &format!("bk_{n}")).unwrap();
    let entry = Entry {
        erased_at: Timestamp::UNIX_EPOCH,
        revoked_at: None,
        hashes: (0..20).map(|n| hasher.event(&event(n))).collect(),
    };
    let entries =
        BrandSuppressions { key: Some(theirs), erasures: [(Uuid::new_v4(), entry)].into() };
    SuppressionFile::new(shop.suppression_file()).append("shop", &entries).unwrap();
    assert!(!starts(&mut shop.command(&["serve"])));
    assert_eq!(events(), before);
}

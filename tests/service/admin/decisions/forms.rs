//! Addresses that only a form contains: confirmed, rejected, undone; and the open questions about them.

use hookpoint::admin::decisions::{Act, DecisionError};
use hookpoint::admin::reviews::{ReviewAnswer, find, list};
use hookpoint::customer::model::record::RecordKey;

use super::{FORM, LINE, RUBEN, SANNE, count, key, keys, person, phone, until_found};
use crate::support::TestApp;

const TYPED: &str = "+31655667788";
const ANNA: &str = "omneo.profile:anna";

/// Anna, and a form with her mailbox and another number.
async fn anna() -> TestApp {
    let app = TestApp::start().await;
    let form = RecordKey::new(FORM, "form").unwrap().to_string();
    app.apply(vec![
        person(ANNA, ("Anna", "Verburg"), "anna@example.org", LINE),
        person(&form, ("Anna", "Verburg"), "anna@example.org", TYPED),
    ])
    .await;
    until_found(&[&app], TYPED, 0).await;
    app
}

#[tokio::test]
async fn a_confirmed_address_finds_its_customer_until_that_is_undone() {
    let app = anna().await;
    let open = list(app.pool(), &app.brand, false, app.clock.now()).await.unwrap();
    assert_eq!(open.len(), 1);
    assert!(open[0].is_about_a_form());
    let act = open[0].act(ReviewAnswer::Same).unwrap_or_else(|error| panic!("{error}"));
    let confirmed = app.decided(act).await;
    until_found(&[&app], TYPED, 1).await;
    let customer = &app.by_phone(TYPED).await[0];
    assert_eq!(customer["customerID"], "anna");
    assert!(customer["addresses"].to_string().contains(TYPED), "{customer}");
    assert_eq!(count(&app, "match_reviews").await, 0, "the question is answered");
    let again = app.decide(Act::Confirm(phone(TYPED), key(ANNA))).await;
    assert!(matches!(
        again,
        Err(DecisionError::NothingToConfirm | DecisionError::AlreadyDecided(_))
    ));
    // The same form with another number: that one is not confirmed.
    let form = RecordKey::new(FORM, "form").unwrap().to_string();
    app.apply(vec![person(&form, ("Anna", "Verburg"), "anna@example.org", "+31699887766")]).await;
    until_found(&[&app], TYPED, 0).await;
    until_found(&[&app], "+31699887766", 0).await;
    app.apply(vec![person(&form, ("Anna", "Verburg"), "anna@example.org", TYPED)]).await;
    app.decided(Act::Undo(confirmed)).await;
    until_found(&[&app], TYPED, 0).await;
    assert_eq!(count(&app, "match_reviews").await, 1, "the question is open again");
    app.stop().await;
}

#[tokio::test]
async fn a_form_with_a_rejected_address_is_another_persons() {
    let app = anna().await;
    let open = list(app.pool(), &app.brand, false, app.clock.now()).await.unwrap();
    let same = find(app.pool(), &app.brand, &open[0].id).await.unwrap().unwrap();
    assert_eq!(same.open.review.value, TYPED);
    let act = same.act(ReviewAnswer::Different).unwrap_or_else(|error| panic!("{error}"));
    let rejected = app.decided(act).await;
    until_found(&[&app], TYPED, 1).await;
    assert_eq!(app.by_phone(TYPED).await[0]["customerID"], "form");
    assert_eq!(app.by_phone(LINE).await[0]["customerID"], "anna");
    app.decided(Act::Undo(rejected)).await;
    until_found(&[&app], TYPED, 0).await;
    app.stop().await;
}

#[tokio::test]
async fn customers_are_joined_with_all_records_but_the_forms() {
    let app = TestApp::start().await;
    let form = RecordKey::new(FORM, "form").unwrap().to_string();
    let [r, s] = ["ruben@example.org", "sanne@example.org"];
    app.apply(vec![
        person(RUBEN, ("Ruben", "Smit"), r, LINE),
        person("omniotap.contact:ruben", ("Ruben", "Smit"), r, ""),
        person(&form, ("Ruben", "Smit"), r, TYPED),
        person(SANNE, ("Sanne", "Jansen"), s, ""),
        person("syncaroo.member:sanne", ("Sanne", "Jansen"), s, ""),
    ])
    .await;
    let customers = async || count(&app, "customers").await;
    assert_eq!(customers().await, 2);
    let pair = || keys(&[RUBEN, SANNE]);
    let one_of_each = app.decided(Act::Join(pair())).await;
    assert!(customers().await > 1, "other records of the two are of somebody else by their names");
    app.decided(Act::Undo(one_of_each)).await;
    let all = app.decided(Act::JoinCustomers(pair())).await;
    assert_eq!(customers().await, 1);
    until_found(&[&app], TYPED, 0).await;
    app.decided(Act::Undo(all)).await;
    assert_eq!(customers().await, 2);
    app.stop().await;
}

#[tokio::test]
async fn a_form_whose_address_is_confirmed_stays_with_its_customer() {
    let app = anna().await;
    let form = RecordKey::new(FORM, "form").unwrap().to_string();
    let confirm = || Act::Confirm(phone(TYPED), key(ANNA));
    let confirmed = app.decided(confirm()).await;
    for act in [
        Act::Separate(keys(&[&form])),
        Act::Separate(keys(&[ANNA])),
        Act::Reject(phone(TYPED), key(ANNA)),
    ] {
        let refused = app.decide(act).await.err();
        assert!(matches!(refused, Some(DecisionError::Contradicts(ids)) if ids == [confirmed]));
    }
    app.decided(Act::Undo(confirmed)).await;
    // The other way round, as well.
    let separated = app.decided(Act::Separate(keys(&[&form]))).await;
    let refused = app.decide(confirm()).await.err();
    assert!(matches!(refused, Some(DecisionError::Contradicts(ids)) if ids == [separated]));
    app.decided(Act::Undo(separated)).await;
    app.decided(confirm()).await;
    app.stop().await;
}

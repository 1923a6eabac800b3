//! Customers that are derived again: by command, after a change of settings; and the explanation of customers.

use std::sync::Arc;

use hookpoint::admin::explain::{Explanation, explain};
use hookpoint::brand::Brand;
use hookpoint::customer::model::field_versions::{Scope, Update};
use hookpoint::customer::model::identifier::Identifier;
use hookpoint::customer::model::record::{Change, RecordKey};
use hookpoint::customer::model::source::SourceKind;
use hookpoint::ingest::rebuild::{Progress, rebuild, rederive};
use hookpoint::storage::brands::{get_rederive, save_rederive};
use hookpoint::storage::pool::Pool;

use crate::ingest::apply::{assert_same, clear, clear_what_is_derived, dump};
use crate::support::{KEY, Options, Response, TestApp, TestSettings, demo_changes, until};

/// A record with a first name, an e-mail address and a phone number. Empty values are left out.
pub fn contact(id: &str, first: &str, email: &str, phone: &str) -> Change {
    let fields = [
        ("name.first", first),
        ("name.last", "Smit"),
        ("email.main", email),
        ("phone.main", phone),
    ];
    let fields = fields
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| (name.to_owned(), Some(value.into())))
        .collect();
    let update = Update {
        at: "2026-11-20T10:00:00Z".parse().unwrap(),
        received_at: "2026-11-20T10:00:00Z".parse().unwrap(),
        scope: Scope::Partial,
        fields,
    };
    Change::Record { key: RecordKey::new(SourceKind::OmnioTapContact, id).unwrap(), update }
}

fn deletion(id: &str) -> Change {
    let update = Update {
        at: "2026-11-21T10:00:00Z".parse().unwrap(),
        received_at: "2026-11-21T10:00:00Z".parse().unwrap(),
        scope: Scope::Deletion,
        fields: Default::default(),
    };
    Change::Record { key: RecordKey::new(SourceKind::OmnioTapContact, id).unwrap(), update }
}

async fn run(pool: &Pool, brand: &Brand) -> Progress {
    let mut seen = Vec::new();
    let made = rebuild(pool, brand, &mut |progress| seen.push(progress)).await.unwrap();
    assert!(seen.is_sorted_by_key(|progress| progress.done), "{seen:?}");
    assert_eq!(seen.last(), Some(&made));
    made
}

async fn execute(pool: &Pool, sql: &'static str) {
    sqlx::raw_sql(sql).execute(pool).await.unwrap();
}

pub async fn wait_for_rederive(app: &TestApp) {
    until("everything is derived", async || {
        let row = get_rederive(app.pool(), app.brand.id()).await.unwrap();
        row.derivation_hash.as_deref() == Some(app.brand.rules.hash().as_slice())
    })
    .await;
}

#[tokio::test]
async fn a_rebuild_gives_the_same_bytes_from_nothing_but_what_the_sources_said() {
    let app = TestApp::demo().await;
    let expected = dump(app.pool(), app.brand.id()).await;
    let unchanged = run(app.pool(), &app.brand).await;
    assert_eq!(
        (unchanged.done, unchanged.customers),
        (unchanged.total, 0),
        "unchanged customers are not written again"
    );
    clear_what_is_derived(app.pool()).await;
    let made = run(app.pool(), &app.brand).await;
    assert!(made.customers >= 43, "{made:?}");
    assert_same(&expected, &dump(app.pool(), app.brand.id()).await, "made anew");
    app.stop().await;
}

#[tokio::test]
async fn what_should_not_be_there_goes_with_a_rebuild() {
    let app = TestApp::demo().await;
    let expected = dump(app.pool(), app.brand.id()).await;
    execute(
        app.pool(),
        "insert into customers (brand_id, customer_key, customer_id) select brand_id, 'omneo.profile:nobody', 'nobody' from brands;
        insert into customer_records (brand_id, record_key, customer_key) select brand_id, 'omneo.profile:nobody', 'omneo.profile:nobody' from brands;
        insert into identifiers (brand_id, record_key, kind, value, links, source_kind, name_key)
            select brand_id, 'omneo.profile:ghost', 'email', 'thomas@example.org', true, 'omneo.profile', '' from brands;
        insert into shared_values (brand_id, kind, value) select brand_id, 'email', 'gone@example.org' from brands;
        update answers set body = '{}' where customer_key like 'omneo.profile:6%'",
    )
    .await;
    run(app.pool(), &app.brand).await;
    assert_same(&expected, &dump(app.pool(), app.brand.id()).await, "made anew");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_runs_beside_changes() {
    let app = TestApp::start().await;
    let changes = demo_changes(&app.brand);
    app.apply(changes.clone()).await;
    let expected = dump(app.pool(), app.brand.id()).await;
    clear(app.pool()).await;
    let (pool, brand) = (app.pool().clone(), Arc::clone(&app.brand));
    let half = changes.len() / 2;
    app.apply(changes[..half].to_vec()).await;
    let rebuilding = tokio::spawn(async move {
        for _ in 0..5 {
            run(&pool, &brand).await;
        }
    });
    for batch in changes[half..].chunks(10) {
        app.apply(batch.to_vec()).await;
    }
    rebuilding.await.unwrap();
    assert_same(&expected, &dump(app.pool(), app.brand.id()).await, "made anew");
    app.stop().await;
}

#[tokio::test]
async fn changed_rules_reach_stored_customers_in_the_background() {
    let app = TestApp::start().await;
    app.apply(vec![
        contact("a", "Ruben", "ruben@example.org", "+31644556677"),
        contact("b", "Ruben", "", "+31644556677"),
    ])
    .await;
    wait_for_rederive(&app).await;
    assert_eq!(app.by_phone("+31644556677").await.len(), 1);
    let place = (app.place.clone(), app.database.clone());
    app.stop().await;

    let app = TestApp::start_with(Options {
        settings: TestSettings::demo().identity(|identity| identity.link_by_phone = false),
        place: Some(place),
        ..Default::default()
    })
    .await;
    wait_for_rederive(&app).await;
    assert_eq!(app.by_phone("+31644556677").await.len(), 2, "without any new data about them");
    assert!(!rederive(app.pool(), &app.brand).await.unwrap(), "there is nothing left to do");
    app.stop().await;
}

#[tokio::test]
async fn a_rederive_continues_where_it_was_interrupted() {
    let app = TestApp::demo().await;
    wait_for_rederive(&app).await;
    let expected = dump(app.pool(), app.brand.id()).await;
    execute(app.pool(), "update answers set body = '{}'; update brands set derivation_hash = null")
        .await;
    save_rederive(app.pool(), app.brand.id(), app.brand.rules.hash(), "omniotap").await.unwrap();
    assert!(rederive(app.pool(), &app.brand).await.unwrap());
    let broken: Vec<(String,)> =
        sqlx::query_as("select customer_key from answers where body = '{}'")
            .fetch_all(app.pool())
            .await
            .unwrap();
    assert!(
        !broken.is_empty() && broken.iter().all(|(key,)| key.as_str() < "omniotap"),
        "{broken:?}"
    );
    execute(app.pool(), "update brands set derivation_hash = null").await;
    assert!(rederive(app.pool(), &app.brand).await.unwrap());
    assert_same(&expected, &dump(app.pool(), app.brand.id()).await, "made anew");
    app.stop().await;
}

async fn reviews(app: &TestApp) -> Vec<(String, String, String, Vec<String>)> {
    let query = "select level, value, conflict, customer_keys from match_reviews where brand_id = $1 order by 1, 2";
    sqlx::query_as(query).bind(app.brand.id()).fetch_all(app.pool()).await.unwrap()
}

#[tokio::test]
async fn what_is_doubtful_is_a_review_once_and_gone_when_settled() {
    let app = TestApp::start().await;
    let couple =
        vec![contact("a", "Ruben", "", "+31644556677"), contact("b", "Iris", "", "+31644556677")];
    app.apply(couple.clone()).await;
    app.apply(couple).await;
    let both = vec!["omniotap.contact:a".to_owned(), "omniotap.contact:b".to_owned()];
    let candidate =
        ("phone".to_owned(), "+31644556677".to_owned(), "names disagree".to_owned(), both.clone());
    assert_eq!(reviews(&app).await, [candidate]);
    // A record without a name is a separate open question about the same line.
    let mut nameless = contact("c", "", "", "+31644556677");
    if let Change::Record { update, .. } = &mut nameless {
        update.fields.remove("name.last");
    }
    app.apply(vec![nameless]).await;
    let asked = reviews(&app).await;
    assert_eq!((asked.len(), asked[0].3.len()), (1, 3), "{asked:?}");
    app.apply(vec![deletion("c")]).await;
    // A person decides that the two differ.
    execute(
        app.pool(),
        "insert into decisions (brand_id, decision_id, left_key, right_key, same_person, decided_by, reason, decided_at)
        select brand_id, gen_random_uuid(), 'omniotap.contact:a', 'omniotap.contact:b', false, 't', 't', now() from brands",
    )
    .await;
    run(app.pool(), &app.brand).await;
    assert_eq!(reviews(&app).await, []);
    execute(app.pool(), "update decisions set undone_at = now()").await;
    run(app.pool(), &app.brand).await;
    assert_eq!(reviews(&app).await.len(), 1, "a revoked decision has no effect");
    app.apply(vec![deletion("b")]).await;
    assert_eq!(reviews(&app).await, []);
    app.stop().await;
}

#[tokio::test]
async fn a_line_that_a_person_decided_to_be_shared_links_nobody() {
    let app = TestApp::start().await;
    app.apply(vec![
        contact("a", "Ruben", "", "+31644556677"),
        contact("b", "Ruben", "", "+31644556677"),
    ])
    .await;
    assert_eq!(app.by_phone("+31644556677").await.len(), 1);
    execute(
        app.pool(),
        "insert into shared_value_decisions (brand_id, decision_id, kind, value, decided_by, reason, decided_at)
        select brand_id, gen_random_uuid(), 'telephone', '+31644556677', 't', 't', now() from brands",
    )
    .await;
    run(app.pool(), &app.brand).await;
    let query = format!("key={KEY}&channelAddressType=phoneNumber&address=%2B31644556677");
    let customers = |response: &Response| {
        serde_json::from_str::<Vec<serde_json::Value>>(&response.body)
            .map(|found| found.len())
            .unwrap_or_default()
    };
    app.until(&query, |response| customers(response) == 2).await;
    execute(app.pool(), "update shared_value_decisions set undone_at = now()").await;
    run(app.pool(), &app.brand).await;
    app.until(&query, |response| customers(response) == 1).await;
    app.stop().await;
}

async fn why(app: &TestApp, key: &str) -> Explanation {
    let mut connection = app.pool().acquire().await.unwrap();
    explain(&mut connection, &app.brand, key).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_customer_that_nothing_stands_behind_ends_a_lookup_with_an_error() {
    let app = TestApp::start().await;
    execute(
        app.pool(),
        "insert into customers (brand_id, customer_key, customer_id) select brand_id, 'omneo.profile:ghost', 'ghost' from brands;
        insert into customer_records (brand_id, record_key, customer_key) select brand_id, 'omneo.profile:ghost', 'omneo.profile:ghost' from brands;
        insert into answers (brand_id, customer_key, settings_hash, body) select brand_id, 'omneo.profile:ghost', decode(repeat('00', 16), 'hex'), '{}' from brands",
    )
    .await;
    let response = app.ask(&format!("key={KEY}&primaryID=ghost")).await;
    assert_eq!((response.status, response.code().as_str()), (500, "lookup-failed"));
    app.stop().await;
}

#[tokio::test]
async fn every_customer_every_refusal_and_every_field_can_say_why() {
    let app = TestApp::start().await;
    let changes = vec![
        contact("a", "Ruben", "ruben@example.org", "+31644556677"),
        contact("b", "R.", "ruben@example.org", ""),
        contact("c", "Iris", "info@example.org", "+31644556677"),
    ];
    app.apply(changes).await;
    let ruben = why(&app, "omniotap.contact:a").await;
    let key = |id: &str| RecordKey::new(SourceKind::OmnioTapContact, id).unwrap();
    assert_eq!(ruben.links, [("e-mail", "ruben@example.org".to_owned(), vec![key("a"), key("b")])]);
    assert_eq!(
        ruben.review_candidates,
        [(
            "phone",
            "+31644556677".to_owned(),
            "names disagree",
            vec!["omniotap.contact:c".to_owned()]
        )]
    );
    assert_eq!(
        ruben.records,
        [(key("a"), "Ruben Smit".to_owned()), (key("b"), "R. Smit".to_owned())]
    );
    let at: jiff::Timestamp = "2026-11-20T10:00:00Z".parse().unwrap();
    let said = |name: &str, value: &str, is_used| (name.to_owned(), value.to_owned(), at, is_used);
    let values = |id: &str| -> Vec<_> {
        let values = ruben.record_values[&key(id)].iter();
        values.map(|own| (own.name.clone(), own.text.clone(), own.at, own.is_used)).collect()
    };
    let by_the_first = [
        said("customer.first_name", "Ruben", true),
        said("customer.last_name", "Smit", false),
        said("email.main", "ruben@example.org", true),
        said("phone.main", "+31644556677", true),
    ];
    assert_eq!(values("a"), by_the_first);
    let by_the_second = [
        said("customer.first_name", "R.", false),
        said("customer.last_name", "Smit", true),
        said("email.main", "ruben@example.org", true),
    ];
    assert_eq!(values("b"), by_the_second);
    assert!(ruben.decisions.is_empty() && ruben.remarks.is_empty());
    let iris = why(&app, "omniotap.contact:c").await;
    let mailbox = Identifier::from(
        hookpoint::customer::model::email::Email::parse("info@example.org").unwrap(),
    );
    assert_eq!(iris.finds_only, [(mailbox, "blocked: it cannot identify a person")]);
    assert!(iris.links.is_empty() && iris.remarks.is_empty());
    let mut connection = app.pool().acquire().await.unwrap();
    assert!(explain(&mut connection, &app.brand, "omneo.profile:nobody").await.unwrap().is_none());
    drop(connection);
    app.stop().await;
}

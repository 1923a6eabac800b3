//! An id that an answer gave out keeps its customer, and always finds it.

use hookpoint::admin::audit::{Attribution, Via};
use hookpoint::admin::decisions::{Act, decide};
use hookpoint::customer::model::field_versions::{Scope, Update};
use hookpoint::customer::model::record::{Change, RecordKey};
use hookpoint::ingest::given_ids::store_given_ids;
use hookpoint::storage::given_ids::GivenId;

use crate::support::{TestApp, until};

const CONTACT: &str = "omniotap.contact:c1";
const PROFILE: &str = "omneo.profile:p1";

pub fn person(record: &str, first: &str, email: &str) -> Change {
    let at = "2026-11-20T10:00:00Z".parse().unwrap();
    let fields = [("name.first", first), ("name.last", "Smit"), ("email.main", email)];
    let fields =
        fields.into_iter().map(|(name, value)| (name.to_owned(), Some(value.into()))).collect();
    Change::Record {
        key: record.parse().unwrap(),
        update: Update { at, received_at: at, scope: Scope::Partial, fields },
    }
}

pub fn deleted(record: &str) -> Change {
    let at = "2026-11-21T10:00:00Z".parse().unwrap();
    Change::Record {
        key: record.parse().unwrap(),
        update: Update { at, received_at: at, scope: Scope::Deletion, fields: [].into() },
    }
}

impl TestApp {
    /// The id that an answer gives, as soon as it is stored.
    pub async fn given(&self, email: &str) -> String {
        let found = self.by_email(email).await;
        assert_eq!(found.len(), 1, "{found:?}");
        let id = found[0]["customerID"].as_str().unwrap().to_owned();
        until("the id is stored", async || {
            let query = "select count(*) from given_ids where customer_id = $1";
            let (count,): (i64,) =
                sqlx::query_as(query).bind(&id).fetch_one(self.pool()).await.unwrap();
            count == 1
        })
        .await;
        id
    }

    async fn id_of(&self, email: &str) -> String {
        self.wait_until_current().await;
        self.by_email(email).await[0]["customerID"].as_str().unwrap().to_owned()
    }

    async fn do_decide(&self, act: Act) -> uuid::Uuid {
        let by = (Attribution { by: "Femke", reason: "", via: Via::Command }, self.clock.now());
        let decided = decide(self.pool(), &self.brand, &act, None, by).await;
        decided.unwrap_or_else(|error| panic!("{error}")).decision_id
    }
}

#[tokio::test]
async fn a_better_record_that_comes_later_does_not_change_an_id_that_was_given_out() {
    let app = TestApp::start().await;
    app.apply(vec![person(CONTACT, "Ruben", "ruben@example.org")]).await;
    assert_eq!(app.given("ruben@example.org").await, "c1");
    // Without that, the customer would now have the id of its profile.
    app.apply(vec![person(PROFILE, "Ruben", "ruben@example.org")]).await;
    assert_eq!(app.id_of("ruben@example.org").await, "c1");
    for id in ["c1", "p1"] {
        assert_eq!(app.by_id(id).await[0]["customerID"], "c1", "{id}");
    }
    let mut progress = |_| {};
    hookpoint::ingest::rebuild::rebuild(app.pool(), &app.brand, &mut progress).await.unwrap();
    assert_eq!(app.id_of("ruben@example.org").await, "c1");
    app.stop().await;
}

#[tokio::test]
async fn an_id_that_changed_before_it_was_stored_comes_back() {
    let app = TestApp::start().await;
    app.apply(vec![person(CONTACT, "Ruben", "ruben@example.org")]).await;
    app.apply(vec![person(PROFILE, "Ruben", "ruben@example.org")]).await;
    let shown = async || -> Vec<(String,)> {
        let query = sqlx::query_as("select customer_id from customers");
        query.fetch_all(app.pool()).await.unwrap()
    };
    assert_eq!(shown().await, [("p1".to_owned(),)]);
    // An answer gave out the contact's id before the profile came, and it is stored only now.
    let given = GivenId { customer_id: "c1".to_owned(), given_at: app.clock.now() };
    let given = [(CONTACT.parse().unwrap(), given)].into();
    for _ in 0..2 {
        assert!(store_given_ids(app.pool(), &app.brand, &given).await.unwrap());
        assert_eq!(shown().await, [("c1".to_owned(),)]);
    }
    assert_eq!(app.id_of("ruben@example.org").await, "c1");
    app.stop().await;
}

#[tokio::test]
async fn of_two_joined_customers_the_id_that_was_given_first_stays_and_both_find_the_customer() {
    let app = TestApp::start().await;
    app.apply(vec![
        person(CONTACT, "Ruben", "ruben@example.org"),
        person(PROFILE, "Sanne", "sanne@example.org"),
    ])
    .await;
    assert_eq!(app.given("ruben@example.org").await, "c1");
    app.clock.set(app.clock.now() + jiff::SignedDuration::from_secs(1));
    assert_eq!(app.given("sanne@example.org").await, "p1");
    let both: std::collections::BTreeSet<RecordKey> =
        [CONTACT, PROFILE].map(|key| key.parse().unwrap()).into();
    let joined = app.do_decide(Act::Join(both)).await;
    assert_eq!(app.id_of("sanne@example.org").await, "c1");
    assert_eq!(app.by_id("p1").await[0]["customerID"], "c1");
    app.do_decide(Act::Undo(joined)).await;
    assert_eq!(app.id_of("sanne@example.org").await, "p1");
    assert_eq!(app.id_of("ruben@example.org").await, "c1");
    app.stop().await;
}

#[tokio::test]
async fn an_id_that_was_given_out_never_comes_to_mean_somebody_else() {
    let app = TestApp::start().await;
    app.apply(vec![person("omneo.profile:7", "Ruben", "ruben@example.org")]).await;
    assert_eq!(app.given("ruben@example.org").await, "7");
    // Another system has a person with the same number.
    app.apply(vec![person("omniotap.contact:7", "Sanne", "sanne@example.org")]).await;
    assert_eq!(app.given("sanne@example.org").await, "omniotap:7");
    assert_eq!(app.id_of("ruben@example.org").await, "7");
    assert_eq!(app.by_id("7").await[0]["customerFirstname"], "Ruben");
    // Ruben's profile goes. His number does not become Sanne's.
    app.apply(vec![deleted("omneo.profile:7")]).await;
    app.apply(vec![person("omniotap.contact:7", "Sanne", "sanne@new.example")]).await;
    assert_eq!(app.id_of("sanne@new.example").await, "omniotap:7");
    assert_eq!(app.by_id("7").await.len(), 0);
    assert_eq!(app.by_id("omniotap:7").await[0]["customerFirstname"], "Sanne");
    app.stop().await;
}

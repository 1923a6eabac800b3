//! An id that an answer gave out for an erased person never comes to mean somebody else.

use hookpoint::ingest::given_ids::store_given_ids;
use hookpoint::ingest::rebuild::rebuild;
use hookpoint::storage::given_ids::GivenId;

use super::*;
use crate::lookup::given_ids::{deleted, person};
use crate::support::until;

const RUBEN: &str = "omneo.profile:7";
const SANNE: &str = "omniotap.contact:7";

fn keys(record: &str) -> BTreeSet<RecordKey> {
    [record.parse().unwrap()].into()
}

impl TestApp {
    async fn erase(&self, record: &str) {
        let file = file(self);
        let records = keys(record);
        erase(self.pool(), &self.brand, &file, &records, now(), &mut |_| ()).await.unwrap();
        self.wait_until_current().await;
    }

    /// The id of a customer, without a lookup: an id that an answer gives out stays.
    async fn shown(&self, record: &str) -> String {
        let query = "select customer_id from customers where customer_key = $1";
        let (id,): (String,) =
            sqlx::query_as(query).bind(record).fetch_one(self.pool()).await.unwrap();
        id
    }

    async fn exists(&self, record: &str) -> bool {
        let query = "select count(*) from customers where customer_key = $1";
        let (found,): (i64,) =
            sqlx::query_as(query).bind(record).fetch_one(self.pool()).await.unwrap();
        found == 1
    }

    /// Stores an id that an answer gave out.
    async fn give(&self, record: &str, id: &str) {
        let given_id = GivenId { customer_id: id.to_owned(), given_at: now() };
        let given = BTreeMap::from([(record.parse().unwrap(), given_id)]);
        until("no other writer is at work", async || {
            store_given_ids(self.pool(), &self.brand, &given).await.unwrap()
        })
        .await;
    }

    /// A rebuild changes nothing.
    async fn assert_rebuilt(&self, why: &str) {
        let before = dump(self.pool(), self.brand.id()).await;
        rebuild(self.pool(), &self.brand, &mut |_| {}).await.unwrap();
        assert_same(&before, &dump(self.pool(), self.brand.id()).await, why);
    }
}

#[tokio::test]
async fn an_id_of_an_erased_person_finds_nobody_and_nobody_else_shows_it() {
    let app = TestApp::start().await;
    app.apply(vec![person(RUBEN, "Ruben", "ruben@example.org")]).await;
    assert_eq!(app.given("ruben@example.org").await, "7");
    // Other systems have the same number: one as an id, one as the number of a ticket.
    app.apply(vec![
        person(SANNE, "Sanne", "sanne@example.org"),
        person("omniotap.contact:c2", "Femke", "femke@example.org"),
        ticket("t1", "omniotap.contact:c2", "7"),
    ])
    .await;
    assert_eq!(app.by_id("7").await[0]["customerFirstname"], "Ruben");
    app.erase(RUBEN).await;
    assert!(app.by_id("7").await.is_empty());
    assert_eq!(app.shown(SANNE).await, "omniotap:7");
    // The person stays erased, and the next system with this number comes too late.
    app.apply(vec![
        person(RUBEN, "Ruben", "ruben@example.org"),
        person("syncaroo.member:7", "Joost", "joost@example.org"),
    ])
    .await;
    assert_eq!(app.shown("syncaroo.member:7").await, "syncaroo:7");
    assert!(app.by_id("7").await.is_empty());
    app.assert_rebuilt("rebuilt").await;
    assert!(app.by_id("7").await.is_empty());
    assert_eq!(app.by_id("omniotap:7").await[0]["customerFirstname"], "Sanne");
    assert_eq!(app.by_email("joost@example.org").await[0]["customerID"], "syncaroo:7");
    app.stop().await;
}

#[tokio::test]
async fn an_id_that_no_answer_gave_out_is_free_after_the_erasure() {
    let app = TestApp::start().await;
    app.apply(vec![person(RUBEN, "Ruben", "ruben@example.org")]).await;
    app.erase(RUBEN).await;
    app.apply(vec![person(SANNE, "Sanne", "sanne@example.org")]).await;
    assert_eq!(app.by_id("7").await[0]["customerID"], "7");
    app.stop().await;
}

#[tokio::test]
async fn a_revoked_erasure_frees_the_ids() {
    let app = TestApp::start().await;
    app.apply(vec![person(RUBEN, "Ruben", "ruben@example.org")]).await;
    app.given("ruben@example.org").await;
    app.erase(RUBEN).await;
    app.apply(vec![person(SANNE, "Sanne", "sanne@example.org")]).await;
    assert_eq!(app.shown(SANNE).await, "omniotap:7");
    let target = ErasureTarget::Id("7".to_owned());
    let revoked = revoke_erasure(app.pool(), &app.brand, &file(&app), &target, now()).await;
    assert_eq!(revoked.unwrap(), 1);
    app.assert_rebuilt("revoked").await;
    app.wait_until_current().await;
    assert_eq!(app.by_id("7").await[0]["customerFirstname"], "Sanne");
    assert_eq!(app.shown(SANNE).await, "7");
    app.stop().await;
}

#[tokio::test]
async fn an_id_that_was_stored_only_after_the_erasure_is_kept_as_well() {
    let app = TestApp::start().await;
    app.apply(vec![person(RUBEN, "Ruben", "ruben@example.org")]).await;
    app.erase(RUBEN).await;
    app.apply(vec![person(SANNE, "Sanne", "sanne@example.org")]).await;
    assert_eq!(app.shown(SANNE).await, "7");
    // The answer was given before the erasure, and its id is stored now.
    app.give(RUBEN, "7").await;
    app.wait_until_current().await;
    assert_eq!(app.shown(SANNE).await, "omniotap:7");
    assert!(app.by_id("7").await.is_empty());
    app.stop().await;
}

#[tokio::test]
async fn a_restored_database_learns_the_ids_from_the_file() {
    let app = TestApp::start().await;
    app.apply(vec![person(RUBEN, "Ruben", "ruben@example.org")]).await;
    app.given("ruben@example.org").await;
    app.erase(RUBEN).await;
    // The backup is older than Ruben's record.
    sqlx::raw_sql("delete from erasures").execute(app.pool()).await.unwrap();
    app.apply(vec![person(SANNE, "Sanne", "sanne@example.org")]).await;
    assert_eq!(app.shown(SANNE).await, "7");
    let reconciled = reconcile(app.pool(), &app.brand, &file(&app), 10, now(), now()).await;
    assert_eq!(reconciled.unwrap(), 1);
    app.wait_until_current().await;
    assert_eq!(app.shown(SANNE).await, "omniotap:7");
    assert!(app.by_id("7").await.is_empty());
    app.assert_rebuilt("restored").await;
    app.stop().await;
}

const KINDS: [&str; 4] =
    ["omneo.profile", "omniotap.contact", "omniotap.customer", "syncaroo.member"];

fn robin(record: &str) -> Change {
    person(record, "Robin", &format!("{}@example.org", record.replace(':', "-")))
}

/// What happened in one order of random acts.
#[derive(Default)]
struct Happened {
    /// Ids that were given out, with their records.
    given: BTreeMap<RecordKey, String>,
    /// Those of erased persons.
    erased: BTreeSet<String>,
}

impl Happened {
    /// Each record is one person, with an address of its own. The ids are few, so that systems have some in common.
    async fn next(&mut self, app: &TestApp, rng: &mut Rng) {
        let record = format!("{}:{}", rng.pick(&KINDS), 1 + rng.roll(9));
        let key: RecordKey = record.parse().unwrap();
        match rng.roll(8) {
            0 => app.apply(vec![deleted(&record)]).await,
            1 | 2 if self.given.is_empty() => {}
            1 | 2 => {
                let given: Vec<RecordKey> = self.given.keys().cloned().collect();
                let key = rng.pick(&given);
                self.erased.extend(self.given.remove(key));
                app.erase(&key.to_string()).await;
            }
            3..6 if app.exists(&record).await => {
                let customer_id = app.shown(&record).await;
                app.give(&record, &customer_id).await;
                self.given.insert(key, customer_id);
            }
            _ => app.apply(vec![robin(&record)]).await,
        }
    }

    async fn check(&self, app: &TestApp, why: &str) {
        for id in &self.erased {
            let found = app.ask(&format!("key={KEY}&primaryID={}", encode(id))).await.body;
            assert_eq!(found, "[]", "{why}: {id} of an erased person");
            let query = "select count(*) from customers where customer_id = $1";
            let (shown,): (i64,) =
                sqlx::query_as(query).bind(id).fetch_one(app.pool()).await.unwrap();
            assert_eq!(shown, 0, "{why}: {id} of an erased person is shown");
        }
    }
}

#[tokio::test]
async fn the_same_holds_after_random_acts_and_a_rebuild() {
    let app = TestApp::start().await;
    let mut happened = Happened::default();
    let mut rng = Rng(12);
    for n in 0..60 {
        happened.next(&app, &mut rng).await;
        happened.check(&app, &format!("act {n}")).await;
    }
    app.assert_rebuilt("after all acts").await;
    assert!(happened.erased.len() > 4, "{}", happened.erased.len());
    app.stop().await;
}

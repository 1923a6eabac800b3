//! The cost of a change must not depend on the number of people.

use std::sync::Arc;
use std::time::Duration;

use hookpoint::admin::decisions::{Act, preview};
use hookpoint::admin::reviews;
use hookpoint::brand::Brand;
use hookpoint::clock::Clock;
use hookpoint::customer::model::identifier::{Identifier, IdentifierKind};
use hookpoint::customer::model::source::Source;
use hookpoint::inbox::processor::DeliveryProcessor;
use hookpoint::ingest::apply::apply;
use hookpoint::ingest::given_ids::store_given_ids;
use hookpoint::lookup::query::Question;
use hookpoint::lookup::query_customers::{ReadRules, find};
use hookpoint::settings::file::{InboxSettings, MultipleMatches};
use hookpoint::storage::database::{Database, Place, PoolSize, Url};
use hookpoint::storage::delivery_claims::Claim;
use hookpoint::storage::delivery_queue::delete_old_deliveries;
use hookpoint::storage::follow_ups::{claim_follow_ups, delete_erased_follow_ups};
use hookpoint::storage::given_ids::GivenId;
use hookpoint::storage::load_component::{ComponentQuery, LoadLimits, load_component};
use hookpoint::storage::pool::Pool;
use hookpoint::storage::write_transaction::begin_reading;
use jiff::{Timestamp, ToSpan};
use uuid::Uuid;

use crate::round_trips::{CountingProxy, contact, fill, rows_read, sequential_scans};
use crate::support::{TestApp, scratch, socket_directory, until_used_by};

const ONE_CONNECTION: PoolSize =
    PoolSize { connections: 1, acquire_timeout: Duration::from_secs(10), statement: None };
const TWO_CONNECTIONS: PoolSize = PoolSize { connections: 2, ..ONE_CONNECTION };

/// A brand with this many people, its database, and where that is. No service runs: its maintenance jobs would read
/// tables, too.
pub async fn filled(people: u32, size: PoolSize) -> (Arc<Brand>, String, Place) {
    let app = TestApp::start().await;
    let (brand, name, place) = (Arc::clone(&app.brand), app.database.clone(), app.place.clone());
    app.stop().await;
    let filling = Database::open(&place, size, false).await.unwrap();
    fill(&filling.pool, brand.id(), people).await;
    filling.close().await;
    until_used_by(0, &name).await;
    (brand, name, place)
}

/// Many ids are given out between two times at which Postgres collects statistics.
#[tokio::test(flavor = "multi_thread")]
async fn storing_given_ids_reads_few_rows_also_if_it_was_planned_while_none_were_stored() {
    let (brand, name, place) = filled(5_000, ONE_CONNECTION).await;
    let database = Database::open(&place, ONE_CONNECTION, false).await.unwrap();
    for statement in ["delete from given_ids", "vacuum analyze given_ids"] {
        sqlx::raw_sql(statement).execute(&database.pool).await.unwrap();
    }
    database.close().await;
    until_used_by(0, &name).await;
    let database = Database::open(&place, ONE_CONNECTION, false).await.unwrap();
    let before = rows_read(&database.pool).await;
    // After five executions, Postgres may keep a plan.
    for batch in 0..40 {
        let people = batch * 100..(batch + 1) * 100;
        let given = people.map(|n| {
            let (key, customer_id) = (format!("omneo.profile:p{n}"), format!("omneo:p{n}"));
            (key.parse().unwrap(), GivenId { customer_id, given_at: Timestamp::UNIX_EPOCH })
        });
        assert!(store_given_ids(&database.pool, &brand, &given.collect()).await.unwrap());
    }
    database.close().await;
    until_used_by(0, &name).await;
    let database = Database::open(&place, ONE_CONNECTION, false).await.unwrap();
    let read = rows_read(&database.pool).await - before;
    assert!(read < 4_000 * 8, "{read} rows read for 4,000 ids");
    let stored: (i64,) =
        sqlx::query_as("select count(*) from given_ids").fetch_one(&database.pool).await.unwrap();
    assert_eq!(stored, (3_999,), "all but the person with the number 0, who does not exist");
    database.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_takes_at_most_five_round_trips_and_reads_no_table_from_end_to_end() {
    let (brand, name, place) = filled(5_000, ONE_CONNECTION).await;
    let counting = Database::open(&place, ONE_CONNECTION, false).await.unwrap();
    let directory =
        scratch().join(format!("hookpoint-test-{}", std::process::id())).join("turnstile");
    let turnstile = CountingProxy::open(&directory, &socket_directory());
    let place = Place::Server(Url::from_environment(format!(
        "postgres://hookpoint@localhost/{name}?host={}",
        directory.display()
    )));
    let database = Database::open(&place, ONE_CONNECTION, false).await.unwrap();
    // The first change prepares statements.
    apply(&database.pool, &brand, vec![contact("p1", 0, &[("name.first", "Anne")])]).await.unwrap();
    let (before, rows) = (sequential_scans(&counting.pool).await, rows_read(&counting.pool).await);
    let new = [
        ("name.first", "Bo"),
        ("name.last", "Berg"),
        ("email.main", "p17@example.org"),
        ("phone.main", "06 99999999"),
    ];
    let frees = [("email.main", "")];
    for (what, id, fields, most) in [
        ("a name", "p2", &[("name.first", "Anne")][..], 4),
        ("a phone number", "p3", &[("phone.main", "+31699999999")], 4),
        ("somebody else's address", "p4", &[("email.main", "p5@example.org")], 4),
        ("somebody new", "new", &new, 4),
        (
            "somebody new with an id that another system uses",
            "p6000",
            &[("email.main", "p6@example.org")],
            4,
        ),
        ("nothing", "p7", &frees, 4),
    ] {
        let trips = turnstile.trips();
        let applied = apply(&database.pool, &brand, vec![contact(id, 1, fields)]).await.unwrap();
        assert_eq!(applied.changed, 1, "{what}");
        let trips = turnstile.trips() - trips;
        assert!(trips <= most, "{what}: {trips} round trips");
    }
    // A value that is no longer shared can link its holders again. That takes one more query.
    for n in 0..6 {
        let name = format!("Name{n}");
        apply(
            &database.pool,
            &brand,
            vec![contact(
                &format!("p1{n}"),
                2,
                &[("name.last", &name), ("phone.main", "+31688888888")],
            )],
        )
        .await
        .unwrap();
    }
    for (n, most) in [(0, 4), (1, 5)] {
        let trips = turnstile.trips();
        apply(
            &database.pool,
            &brand,
            vec![contact(&format!("p1{n}"), 3, &[("phone.main", "+31600000000")])],
        )
        .await
        .unwrap();
        let trips = turnstile.trips() - trips;
        assert!(trips <= most, "the holder number {n}: {trips} round trips");
    }
    let rules = ReadRules { max_customers: 10, multiple_matches: MultipleMatches::All };
    let phone = hookpoint::customer::model::phone::Phone::parse_e164("+31600000100").unwrap();
    assert_eq!(
        find(&database.pool, &brand, &Question::Address(phone.into()), rules)
            .await
            .unwrap()
            .customers
            .len(),
        1
    );
    for id in ["omneo:p200", "p201", "t1"] {
        find(&database.pool, &brand, &Question::Id(id.to_owned()), rules).await.unwrap();
    }
    // A connection reports its statistics when it closes.
    database.close().await;
    until_used_by(1, &name).await;
    assert_eq!(sequential_scans(&counting.pool).await, before);
    let rows = rows_read(&counting.pool).await - rows;
    assert!(
        rows < 5_000,
        "{rows} rows were read for 15 changes and 4 lookups, a hundred or two each"
    );
    counting.close().await;
}

/// Fills the inbox and the follow-ups of a brand with many webhooks at once. Postgres has statistics of another brand
/// only, so it assumes that this one has no rows. Ids of deliveries begin with a time.
async fn flood(pool: &Pool, brand_id: i32, count: u32) {
    let fill = |brand_id: i32, state: &str| {
        format!(
            "insert into deliveries (brand_id, delivery_id, source, event, headers, body, received_at, priority, state, due_at, finished_at)
            select {brand_id}, ('019a' || substr(md5(random()::text), 1, 28))::uuid, 'omnilab', 'x', '{{}}', '{{\"type\":\"x\"}}', now(), 1, '{state}', now(),
                case when '{state}' <> 'pending' then now() end
            from generate_series(1, {count});
            insert into follow_ups (brand_id, follow_up_id, source, request, subjects, due_at)
            select {brand_id}, gen_random_uuid(), 'omnilab', to_jsonb(n), array[sha256('hint')], now() - n * interval '1 second'
            from generate_series(1, {count}) as n;
            insert into suppression_hashes (brand_id, hash, erasure_id) select {brand_id}, sha256(n::text::bytea), gen_random_uuid() from generate_series(1, 100) as n;"
        )
    };
    // Autovacuum must not collect statistics about these tables meanwhile.
    let unseen = ["deliveries", "follow_ups", "suppression_hashes"]
        .map(|table| format!("alter table {table} set (autovacuum_enabled = off);"))
        .concat();
    let statements = [
        unseen,
        "set session_replication_role = replica;".to_owned(),
        fill(brand_id + 1, "done"),
        "analyze;".to_owned(),
        fill(brand_id, "pending"),
    ]
    .concat();
    sqlx::raw_sql(sqlx::AssertSqlSafe(statements)).execute(pool).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_is_worked_off_at_a_cost_that_does_not_depend_on_how_much_waits_though_postgres_knows_nothing_of_the_brand()
 {
    let app = TestApp::start().await;
    let (brand, name, place) = (Arc::clone(&app.brand), app.database.clone(), app.place.clone());
    app.stop().await;
    let filling = Database::open(&place, TWO_CONNECTIONS, false).await.unwrap();
    flood(&filling.pool, brand.id(), 5_000).await;
    filling.close().await;
    until_used_by(0, &name).await;
    let counting = Database::open(&place, ONE_CONNECTION, false).await.unwrap();
    let mut before = rows_read(&counting.pool).await;
    for (what, most) in [
        ("claimed and finished", 500),
        ("finished long ago", 500),
        ("to be asked", 500),
        ("hinted at of erased people", 10_000),
    ] {
        let database = Database::open(&place, TWO_CONNECTIONS, false).await.unwrap();
        match what {
            "claimed and finished" => {
                let settings = InboxSettings { batch_size: 20, ..InboxSettings::default() };
                let worker = DeliveryProcessor::new(
                    database.pool.clone(),
                    Arc::clone(&brand),
                    &settings,
                    Clock::system(),
                );
                assert_eq!(worker.step().await.unwrap(), 20);
            }
            "finished long ago" => {
                let later = Clock::system().now() + 1.hours();
                assert!(
                    delete_old_deliveries(
                        &database.pool,
                        brand.id(),
                        later,
                        Timestamp::UNIX_EPOCH,
                        20
                    )
                    .await
                    .unwrap()
                );
            }
            "to be asked" => {
                let claim = Claim {
                    token: Uuid::new_v4(),
                    frozen_at: None,
                    lease: Duration::from_secs(60),
                    limit: 8,
                };
                assert_eq!(
                    claim_follow_ups(&database.pool, brand.id(), Source::OmniLab, &claim)
                        .await
                        .unwrap()
                        .len(),
                    8
                );
            }
            _ => delete_erased_follow_ups(&mut database.pool.acquire().await.unwrap(), brand.id())
                .await
                .unwrap(),
        }
        // A connection reports its statistics when it closes.
        database.close().await;
        until_used_by(1, &name).await;
        let rows = rows_read(&counting.pool).await;
        assert!(rows - before < most, "{what}: {} rows were read", rows - before);
        before = rows;
    }
    counting.close().await;
}

#[tokio::test]
async fn every_table_that_grows_can_be_analysed() {
    let app = TestApp::start().await;
    hookpoint::storage::statistics::analyze(app.pool()).await.unwrap();
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_decision_would_do_is_shown_at_a_cost_that_does_not_depend_on_how_many_people_decided_before()
 {
    // There is a decision about every tenth.
    let (brand, name, place) = filled(20_000, TWO_CONNECTIONS).await;
    let counting = Database::open(&place, ONE_CONNECTION, false).await.unwrap();
    let before = rows_read(&counting.pool).await;
    let database = Database::open(&place, TWO_CONNECTIONS, false).await.unwrap();
    let records = ["omneo.profile:p5", "omneo.profile:p15"];
    let act = Act::Join(records.map(|key| key.parse().unwrap()).into());
    let shown = preview(&database.pool, &brand, &act).await.unwrap();
    assert_eq!((shown.before.len(), shown.after.len()), (2, 1));
    // A connection reports its statistics when it closes.
    database.close().await;
    until_used_by(1, &name).await;
    let rows = rows_read(&counting.pool).await - before;
    assert!(rows < 1_000, "{rows} rows were read");
    counting.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_is_found_at_a_cost_that_does_not_depend_on_how_many_are_open() {
    let (brand, name, place) = filled(100, ONE_CONNECTION).await;
    let phone = ("phone.main", "+31687654321");
    let filling = Database::open(&place, ONE_CONNECTION, false).await.unwrap();
    for (id, first, last) in [("ruben", "Ruben", "Smit"), ("sanne", "Sanne", "Jansen")] {
        let fields = [("name.first", first), ("name.last", last), phone];
        apply(&filling.pool, &brand, vec![contact(id, 0, &fields)]).await.unwrap();
    }
    let (id,): (String,) = sqlx::query_as("select review_id from match_reviews")
        .fetch_one(&filling.pool)
        .await
        .unwrap();
    let others = "insert into match_reviews (brand_id, level, kind, value, conflict, customer_keys, first_key, review_id)
        select brand_id, level, kind, '+316' || n, conflict, customer_keys, first_key, 'other' || n
        from match_reviews, generate_series(10000001, 10005000) as n";
    sqlx::query(others).execute(&filling.pool).await.unwrap();
    // A connection reports its statistics when it closes.
    filling.close().await;
    until_used_by(0, &name).await;
    let counting = Database::open(&place, ONE_CONNECTION, false).await.unwrap();
    let before = rows_read(&counting.pool).await;
    let asking = Database::open(&place, ONE_CONNECTION, false).await.unwrap();
    let found = reviews::find(&asking.pool, &brand, &id).await.unwrap().unwrap();
    assert_eq!(found.open.review.value, phone.1);
    asking.close().await;
    until_used_by(1, &name).await;
    let rows = rows_read(&counting.pool).await - before;
    assert!(rows < 100, "{rows} rows were read");
    // So is one that was stored when they had no ids, or that an earlier version changed later.
    for stored in [None, Some("stale")] {
        let forget = "update match_reviews set review_id = $1 where value = $2";
        let forget = sqlx::query(forget).bind(stored).bind(phone.1);
        forget.execute(&counting.pool).await.unwrap();
        assert!(reviews::find(&counting.pool, &brand, &id).await.unwrap().is_some(), "{stored:?}");
    }
    counting.close().await;
}

/// Postgres counts the pages of a table in an `integer`, and what is computed from it may be larger.
#[tokio::test]
async fn a_change_is_applied_though_postgres_says_that_every_table_is_as_large_as_can_be() {
    let app = TestApp::start().await;
    let mut session = app.session().await;
    let statement = "update pg_class set relpages = 2147483647, reltuples = 1e12 where relnamespace = 'public'::regnamespace";
    sqlx::query(statement).execute(&mut session).await.unwrap();
    let address = ("email.main", "anne@example.org");
    app.apply(vec![contact("anne", 0, &[("name.first", "Anne"), address])]).await;
    app.apply(vec![contact("anne", 1, &[("name.first", "Anneke"), address])]).await;
    let found = app.by_email("anne@example.org").await;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0]["customerFirstname"], "Anneke");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_with_too_many_records_is_not_read_to_its_end() {
    const MOST: usize = 100;
    let (brand, name, place) = filled(100, TWO_CONNECTIONS).await;
    let counting = Database::open(&place, ONE_CONNECTION, false).await.unwrap();
    let mailbox = "everybody@example.org";
    sqlx::query(
        "insert into identifiers (brand_id, record_key, kind, value, links, source_kind, name_key)
        select $1, 'omneo.profile:e' || n, 'email', $2, true, 'omneo.profile', '' from generate_series(1, 20000) as n",
    )
    .bind(brand.id())
    .bind(mailbox)
    .execute(&counting.pool)
    .await
    .unwrap();
    let before = rows_read(&counting.pool).await;
    let database = Database::open(&place, TWO_CONNECTIONS, false).await.unwrap();
    let value = Identifier { kind: IdentifierKind::Email, value: mailbox.to_owned() };
    let query =
        ComponentQuery { values: [(value, false)].into_iter().collect(), ..Default::default() };
    let limits = LoadLimits {
        rules: &brand.rules.identity,
        timeline: 10,
        hidden: &[],
        suppression_key: &brand.suppression_key,
        follow: Some(MOST),
    };
    let mut transaction = begin_reading(&database.pool).await.unwrap();
    let loaded = load_component(&mut transaction, brand.id(), &query, &limits).await.unwrap();
    assert!(loaded.is_truncated && loaded.keys.is_empty());
    transaction.rollback().await.unwrap();
    database.close().await;
    until_used_by(1, &name).await;
    let rows = rows_read(&counting.pool).await - before;
    assert!(rows < 2_000, "{rows} rows were read");
    counting.close().await;
}

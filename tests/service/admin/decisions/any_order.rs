//! Random decisions and undos among changes in random order: what is undone leaves no trace, what is decided stays, and
//! nothing depends on when it was decided.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use hookpoint::admin::decisions::{Act, DecisionError};
use hookpoint::customer::model::identifier::Identifier;
use hookpoint::customer::model::record::{Change, RecordKey};
use hookpoint::ingest::apply::apply;
use hookpoint::ingest::given_ids::{record_of, store_given_ids};
use hookpoint::ingest::rebuild::rebuild;
use hookpoint::storage::answers::find_by_id;
use hookpoint::storage::customers::{find_owner, list_unconfirmed};
use hookpoint::storage::given_ids::GivenId;
use hookpoint::storage::suppressions::SuppressionHasher;
use jiff::SignedDuration;
use uuid::Uuid;

use crate::ingest::apply::{DECIDED, Dump, assert_same, batches, clear, dump, truncate};
use crate::ingest::populations::generator::{Population, Rng};
use crate::ingest::populations::strict;
use crate::support::{TestApp, until};

/// Facts that do not come from the sources.
const KEPT: [&str; 4] = ["decisions", "shared_value_decisions", "confirmed_addresses", "given_ids"];

/// How often each sort of act was made.
#[derive(Debug, Default)]
struct Made {
    joined: usize,
    separated: usize,
    shared: usize,
    confirmed: usize,
    undone: usize,
    refused: usize,
}

/// What an answer gave out: a record whose id it is, and the id.
type Given = (RecordKey, String);

/// Somebody looks up some customers: their ids are given out.
async fn give_ids(app: &TestApp, rng: &mut Rng, given: &mut Vec<Given>) {
    let shown: Vec<(String, String)> =
        sqlx::query_as("select customer_key, customer_id from customers order by 1")
            .fetch_all(app.pool())
            .await
            .unwrap();
    if shown.is_empty() {
        return;
    }
    let some: Vec<Given> = (0..3)
        .map(|_| rng.pick(&shown))
        .filter_map(|(key, id)| Some((record_of(key, id)?, id.clone())))
        .collect();
    // The clock of these tests stands still. Ids that are given out at the same time are in the order of their records.
    for one in some {
        let now = app.clock.now() + SignedDuration::from_secs(given.len() as i64);
        let (record, customer_id) = one.clone();
        let given_id = BTreeMap::from([(record, GivenId { customer_id, given_at: now })]);
        until("no other writer is at work", async || {
            store_given_ids(app.pool(), &app.brand, &given_id).await.unwrap()
        })
        .await;
        let query = "select record_key from given_ids where customer_id = $1";
        let stored: Vec<(String,)> =
            sqlx::query_as(query).bind(&one.1).fetch_all(app.pool()).await.unwrap();
        // It may have been given out before, for another record of the same customer.
        assert_eq!(stored.len(), 1, "{}", one.1);
        let record: RecordKey = stored[0].0.parse().unwrap();
        if !given.iter().any(|(known, _)| *known == record) {
            given.push((record, one.1));
        }
    }
}

/// Every id that was given out finds the customer of its record, as long as that exists; and a customer shows the id that
/// it was given first.
async fn assert_given_ids_stay(app: &TestApp, given: &[Given], why: &str) {
    let forms = &app.brand.rules.identity.self_asserted;
    let mut connection = app.pool().acquire().await.unwrap();
    let texts: Vec<String> = given.iter().map(|(record, _)| record.to_string()).collect();
    let unconfirmed =
        list_unconfirmed(&mut connection, app.brand.id(), &texts, forms).await.unwrap();
    let mut first: BTreeMap<String, (&String, String)> = BTreeMap::new();
    for (record, id) in given {
        let owner = find_owner(&mut connection, app.brand.id(), record).await.unwrap();
        let Some(owner) = owner else { continue };
        let hash = SuppressionHasher::new(&app.brand.suppression_key).given_id(id);
        let id_and_hash = (id.as_str(), hash);
        let found = find_by_id(&mut connection, app.brand.id(), id_and_hash, &[]).await.unwrap().0;
        let keys: Vec<&str> = found.iter().map(|row| row.customer_key.as_str()).collect();
        assert_eq!(keys, [owner.as_str()], "{why}: {id:?} of {record}");
        let shown: (String,) =
            sqlx::query_as("select customer_id from customers where customer_key = $1")
                .bind(&owner)
                .fetch_one(app.pool())
                .await
                .unwrap();
        if !unconfirmed.contains(record) {
            first.entry(owner).or_insert((id, shown.0));
        }
    }
    for (customer, (id, shown)) in first {
        assert_eq!(*id, shown, "{why}: {customer} shows the id that it was given first");
    }
}

/// The records that exist.
async fn records(app: &TestApp) -> Vec<RecordKey> {
    let rows: Vec<(String,)> =
        sqlx::query_as("select record_key from records where live order by record_key")
            .fetch_all(app.pool())
            .await
            .unwrap();
    rows.into_iter().map(|(key,)| key.parse().unwrap()).collect()
}

/// An address of each record.
async fn addresses(app: &TestApp) -> Vec<(RecordKey, Identifier)> {
    let rows: Vec<(String, String, String)> = sqlx::query_as(
        "select record_key, kind, value from identifiers where kind <> 'reference' order by 1, 2, 3",
    )
    .fetch_all(app.pool())
    .await
    .unwrap();
    rows.into_iter()
        .map(|(key, kind, value)| {
            (key.parse().unwrap(), Identifier { kind: kind.parse().unwrap(), value })
        })
        .collect()
}

/// Some act, which may be refused.
async fn act(app: &TestApp, rng: &mut Rng, in_force: &[Uuid]) -> Option<Act> {
    let (records, addresses) = (records(app).await, addresses(app).await);
    if records.len() < 2 || addresses.is_empty() {
        return None;
    }
    let mut some = |most: usize| -> BTreeSet<RecordKey> {
        (0..=rng.roll(most)).map(|_| rng.pick(&records).clone()).collect()
    };
    let few = some(3);
    let (record, address) = rng.pick(&addresses).clone();
    Some(match rng.roll(7) {
        0 => Act::Join(few),
        1 => Act::JoinCustomers(few),
        2 => Act::Separate(few),
        3 => Act::KeepApart(few),
        4 => Act::Share(address),
        5 => Act::Confirm(address, record),
        _ if in_force.is_empty() => return None,
        _ => Act::Undo(*rng.pick(in_force)),
    })
}

async fn act_somehow(app: &TestApp, rng: &mut Rng, in_force: &mut Vec<Uuid>, made: &mut Made) {
    let Some(act) = act(app, rng, in_force).await else { return };
    match app.decide(act.clone()).await {
        Ok(decided) => {
            let count = match act {
                Act::Join(_) | Act::JoinCustomers(_) => &mut made.joined,
                Act::Separate(_) | Act::KeepApart(_) => &mut made.separated,
                Act::Share(_) => &mut made.shared,
                Act::Confirm(..) | Act::Reject(..) => &mut made.confirmed,
                Act::Undo(_) => &mut made.undone,
            };
            *count += 1;
            if matches!(act, Act::Undo(_)) {
                in_force.retain(|id| *id != decided.decision_id);
            } else {
                in_force.push(decided.decision_id);
            }
        }
        Err(DecisionError::Storage(error)) => panic!("{error}"),
        Err(_) => made.refused += 1,
    }
}

/// What lookups show, and what it is derived from.
async fn state(app: &TestApp) -> Dump {
    let mut state = dump(app.pool(), app.brand.id()).await;
    state.retain(|table, _| table != "audit_log" && !DECIDED.contains(&table.as_str()));
    state
}

async fn apply_all(app: &TestApp, changes: &[Change]) {
    truncate(app.pool(), &KEPT).await;
    app.apply(changes.to_vec()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_undone_leaves_no_trace_and_what_is_decided_stays() {
    Box::pin(undone_without_a_trace(1_000, 1..=2)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_holds_where_components_exceed_the_cap() {
    Box::pin(undone_without_a_trace(30, 2..=3)).await;
}

async fn undone_without_a_trace(cap: usize, seeds: RangeInclusive<u64>) {
    let app = TestApp::start_with(strict(&["omneo.profile"], cap, &["omnilab.participant"])).await;
    let mut made = Made::default();
    for seed in seeds {
        let population = Population::new(seed, 6);
        let mut rng = Rng(seed.wrapping_mul(7_919));
        for table in DECIDED {
            let delete = sqlx::AssertSqlSafe(format!("truncate {table}"));
            sqlx::query(delete).execute(app.pool()).await.unwrap();
        }
        clear(app.pool()).await;
        let order = rng.shuffled((0..population.changes.len()).collect::<Vec<usize>>());
        let (mut in_force, mut given) = (Vec::new(), Vec::new());
        sqlx::query("truncate given_ids").execute(app.pool()).await.unwrap();
        for batch in batches(&population.changes, &order, rng.0, 40) {
            // Somebody decides while a replica applies webhooks.
            let (applied, ()) = tokio::join!(
                apply(app.pool(), &app.brand, batch),
                act_somehow(&app, &mut rng, &mut in_force, &mut made)
            );
            applied.unwrap();
            act_somehow(&app, &mut rng, &mut in_force, &mut made).await;
            give_ids(&app, &mut rng, &mut given).await;
            assert_given_ids_stay(&app, &given, &format!("population {seed}")).await;
        }
        let found = state(&app).await;
        rebuild(app.pool(), &app.brand, &mut |_| {}).await.unwrap();
        assert_same(&found, &state(&app).await, &format!("population {seed}: rebuilt"));
        // A world in which the undone decisions were never made, and the others came before everything else.
        for table in DECIDED {
            let delete = format!("delete from {table} where undone_at is not null");
            sqlx::query(sqlx::AssertSqlSafe(delete)).execute(app.pool()).await.unwrap();
        }
        apply_all(&app, &population.changes).await;
        assert_same(&state(&app).await, &found, &format!("population {seed}: never undone"));
        // Undo the rest: as if nobody had ever decided anything.
        for id in in_force {
            app.decided(Act::Undo(id)).await;
        }
        let undone = state(&app).await;
        for table in DECIDED {
            let delete = sqlx::AssertSqlSafe(format!("truncate {table}"));
            sqlx::query(delete).execute(app.pool()).await.unwrap();
        }
        apply_all(&app, &population.changes).await;
        assert_same(&state(&app).await, &undone, &format!("population {seed}: all undone"));
    }
    let Made { joined, separated, shared, confirmed, undone, refused } = made;
    assert!(
        joined > 10 && separated > 10 && shared > 10 && undone > 10 && refused > 10,
        "{made:?}"
    );
    assert!(confirmed > 0, "{made:?}");
    app.stop().await;
}

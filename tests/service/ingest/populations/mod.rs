//! The write path with generated populations: the stored result depends on the data only, equals a resolution of the
//! whole brand, and never joins two people.

mod forbidden;
pub mod generator;
pub mod oracle;
mod situations;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::RangeInclusive;

use hookpoint::customer::model::identifier::Identifier;
use hookpoint::customer::model::record::{Change, RecordKey};
use hookpoint::ingest::apply::apply;
use hookpoint::ingest::rebuild::rebuild;
use hookpoint::settings::file::IdentitySettings;

use crate::ingest::apply::{assert_same, batches, clear, clear_what_is_derived, dump};
use crate::ingest::populations::generator::{Decided, Population, Rng};
use crate::ingest::populations::oracle::Person;
use crate::ingest::populations::situations::{Observer, SituationCounts};
use crate::support::{TestApp, TestSettings};

/// One order of arrival of a population.
struct ArrivalOrder {
    why: String,
    batches: Vec<Vec<Change>>,
}

impl ArrivalOrder {
    fn new(seed: u64, turn: u64, population: &Population, largest: &[u64]) -> Self {
        let mut rng = Rng(seed.wrapping_mul(1_000).wrapping_add(turn));
        let mut order = rng.shuffled((0..population.changes.len()).collect::<Vec<usize>>());
        if turn % 2 == 1 {
            // Roughly in the order of time, so that nearly every value counts for a while.
            order.sort_by_cached_key(|n| second(&population.changes[*n]) + rng.roll(4) as i64);
        }
        let largest = *rng.pick(largest);
        Self {
            why: format!("population {seed}, order {turn}"),
            batches: batches(&population.changes, &order, rng.0, largest),
        }
    }

    async fn apply(&self, app: &TestApp, n: usize) {
        let applied = apply(app.pool(), &app.brand, self.batches[n].clone()).await;
        applied.unwrap_or_else(|error| panic!("{self}: batch {n}: {error}"));
    }
}

fn second(change: &Change) -> i64 {
    match change {
        Change::Record { update, .. } | Change::Event { update, .. } => update.at.as_second(),
        Change::Merge(merge) => merge.at.as_second(),
    }
}

impl fmt::Display for ArrivalOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {} batches", self.why, self.batches.len())
    }
}

const PROFILES: &str = "omneo.profile";
const PARTICIPANTS: &str = "omnilab.participant";

/// Small limits, so that situations that are rare at a large brand occur all the time.
pub fn strict(
    one_record_per_person: &[&str],
    component_cap: usize,
    self_asserted: &[&str],
) -> TestSettings {
    let owned = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
    TestSettings::demo().identity(|identity| {
        *identity = IdentitySettings {
            shared_value_threshold: 1,
            component_cap,
            one_record_per_person: owned(one_record_per_person),
            self_asserted: owned(self_asserted),
            blocked_mailboxes: owned(&["balie"]),
            blocked_values: owned(&["+31201234567"]),
            ..IdentitySettings::default()
        };
    })
}

pub async fn decide(app: &TestApp, decisions: &[Decided]) {
    sqlx::query("delete from decisions").execute(app.pool()).await.unwrap();
    for decided in decisions {
        let insert = "insert into decisions (brand_id, decision_id, left_key, right_key, same_person, decided_by, reason, decided_at)
            values ($1, gen_random_uuid(), $2, $3, $4, 'a tester', 'a test', '2026-03-01')";
        let query = sqlx::query(insert)
            .bind(app.brand.id())
            .bind(decided.left.to_string())
            .bind(decided.right.to_string())
            .bind(decided.same);
        query.execute(app.pool()).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn any_order_batching_and_repetition_of_a_population_gives_the_same_bytes() {
    let app = TestApp::start_with(strict(&[PROFILES], 5, &[PARTICIPANTS])).await;
    let mut counts = SituationCounts::default();
    for seed in 1..=3 {
        let population = Population::new(seed, 7);
        decide(&app, &population.decisions).await;
        clear(app.pool()).await;
        app.apply(population.changes.clone()).await;
        let expected = dump(app.pool(), app.brand.id()).await;
        for turn in 0..8 {
            let arrival_order = ArrivalOrder::new(seed, turn, &population, &[60, 120]);
            clear(app.pool()).await;
            let mut observer = Observer::new(&app.brand.rules.identity, &population.decisions);
            for batch in &arrival_order.batches {
                observer.observe(batch, &mut counts);
            }
            if turn % 4 == 3 {
                at_the_same_time(&app, &arrival_order).await;
            } else {
                for n in 0..arrival_order.batches.len() {
                    arrival_order.apply(&app, n).await;
                }
            }
            assert_same(
                &expected,
                &dump(app.pool(), app.brand.id()).await,
                &arrival_order.to_string(),
            );
        }
    }
    counts.assert_enough();
    counts.assert_enough_crossings();
    counts.assert_enough_unconfirmed();
    app.stop().await;
}

/// Two tasks, each with every other batch.
async fn at_the_same_time(app: &TestApp, arrival_order: &ArrivalOrder) {
    let half = |odd: usize| {
        let own: Vec<Vec<Change>> =
            arrival_order.batches.iter().skip(odd).step_by(2).cloned().collect();
        let (pool, brand, why) = (app.pool().clone(), app.brand.clone(), arrival_order.to_string());
        tokio::spawn(async move {
            for batch in own {
                apply(&pool, &brand, batch)
                    .await
                    .unwrap_or_else(|error| panic!("{why}, two at a time: {error}"));
            }
        })
    };
    let (even, odd) = tokio::join!(half(0), half(1));
    even.and(odd).unwrap();
}

/// The stored customers, each with all its keys.
async fn customers(app: &TestApp) -> BTreeMap<String, BTreeSet<RecordKey>> {
    let rows: Vec<(String, String)> =
        sqlx::query_as("select customer_key, record_key from customer_records")
            .fetch_all(app.pool())
            .await
            .unwrap();
    let mut customers: BTreeMap<String, BTreeSet<RecordKey>> = BTreeMap::new();
    for (customer, record) in rows {
        assert!(
            customers.entry(customer).or_default().insert(record.parse().unwrap()),
            "the same key twice"
        );
    }
    customers
}

/// Conditions that every state must fulfil.
async fn assert_as_it_should_be(app: &TestApp, observer: &Observer, why: &str) {
    let snapshot = &observer.snapshot;
    let shared: Vec<(String, String)> =
        sqlx::query_as("select kind, value from shared_values order by 1, 2")
            .fetch_all(app.pool())
            .await
            .unwrap();
    let mut expected: Vec<(String, String)> = snapshot
        .shared
        .iter()
        .map(|value| (value.kind.as_str().to_owned(), value.value.clone()))
        .collect();
    expected.sort();
    assert_eq!(shared, expected, "{why}: shared values");
    let found = customers(app).await;
    let live: BTreeSet<RecordKey> =
        snapshot.people.iter().map(|person| person.key.clone()).collect();
    let mut seen: BTreeSet<&RecordKey> = BTreeSet::new();
    for (customer, keys) in &found {
        for key in keys {
            assert!(seen.insert(key), "{why}: {key} belongs to two customers");
            let successors = || {
                keys.iter().any(|heir| {
                    live.contains(heir) && snapshot.ends.get(heir) == snapshot.ends.get(key)
                })
            };
            assert!(
                live.contains(key) || (snapshot.ends.contains_key(key) && successors()),
                "{why}: {key} represents {customer} without a reason"
            );
        }
    }
    for key in &live {
        assert!(seen.contains(key), "{why}: {key} belongs to no customer");
    }
    for (key, end) in &snapshot.ends {
        let heir = live.iter().any(|heir| snapshot.ends.get(heir).unwrap_or(heir) == end);
        assert!(!heir || seen.contains(key), "{why}: {key} is an alias and finds nobody");
    }
    let faults = observer.oracle.faults(snapshot, &found);
    assert!(faults.is_empty(), "{why}: {faults:#?}");
    let found: BTreeSet<BTreeSet<RecordKey>> =
        found.into_values().map(|keys| keys.intersection(&live).cloned().collect()).collect();
    let (missing, instead): (Vec<_>, Vec<_>) = (
        snapshot.customers.difference(&found).collect(),
        found.difference(&snapshot.customers).collect(),
    );
    let readable = |sets: Vec<&BTreeSet<RecordKey>>| {
        sets.iter()
            .map(|set| set.iter().map(ToString::to_string).collect())
            .collect::<Vec<Vec<_>>>()
    };
    let concerned: BTreeSet<&RecordKey> =
        missing.iter().chain(&instead).flat_map(|keys| keys.iter()).collect();
    let about: Vec<String> = snapshot
        .people
        .iter()
        .filter(|person| concerned.contains(&person.key))
        .map(describe)
        .collect();
    let differ = (readable(missing), readable(instead));
    assert!(
        differ.0.is_empty() && differ.1.is_empty(),
        "{why}: missing {:#?}, instead {:#?}, about {about:#?}",
        differ.0,
        differ.1
    );
}

fn describe(person: &Person) -> String {
    let values = |values: &BTreeSet<Identifier>| {
        values.iter().map(|value| value.value.as_str()).collect::<Vec<&str>>().join(" ")
    };
    let ids: Vec<String> = person.unique_ids.values().flatten().map(ToString::to_string).collect();
    let (key, name, guest) = (&person.key, person.name.key(), person.is_unconfirmed);
    format!(
        "{key}: {name:?}, guest {guest}, found by {}, linked by {}, ids {ids:?}",
        values(&person.found_by),
        values(&person.links)
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn no_customer_ever_holds_a_forbidden_pair() {
    // Above the cap, the check of self-asserted values is not repeated for each change.
    let counts =
        hold_every_batch_against_the_oracle(strict(&[PROFILES, PARTICIPANTS], 4, &[]), 11..=19)
            .await;
    counts.assert_enough_crossings();
}

#[tokio::test(flavor = "multi_thread")]
async fn no_customer_ever_holds_a_forbidden_pair_because_of_what_anybody_wrote() {
    let counts = hold_every_batch_against_the_oracle(
        strict(&[PROFILES, PARTICIPANTS], 1_000, &[PARTICIPANTS]),
        11..=19,
    )
    .await;
    counts.assert_enough_unconfirmed();
}

async fn hold_every_batch_against_the_oracle(
    settings: TestSettings,
    seeds: RangeInclusive<u64>,
) -> SituationCounts {
    let app = TestApp::start_with(settings).await;
    let mut counts = SituationCounts::default();
    for seed in seeds {
        let population = Population::new(seed, 10);
        decide(&app, &population.decisions).await;
        clear(app.pool()).await;
        let arrival_order = ArrivalOrder::new(seed, seed, &population, &[30, 60, 120]);
        let mut observer = Observer::new(&app.brand.rules.identity, &population.decisions);
        for (n, batch) in arrival_order.batches.iter().enumerate() {
            observer.observe(batch, &mut counts);
            arrival_order.apply(&app, n).await;
            assert_as_it_should_be(&app, &observer, &format!("{arrival_order}, after batch {n}"))
                .await;
        }
    }
    counts.assert_enough();
    app.stop().await;
    counts
}

#[tokio::test(flavor = "multi_thread")]
async fn resolving_everything_gives_what_resolving_the_touched_components_gave() {
    let counts = make_everything_anew_in_between(strict(&[PROFILES], 4, &[]), 21..=29).await;
    counts.assert_enough_crossings();
}

#[tokio::test(flavor = "multi_thread")]
async fn resolving_everything_gives_the_same_where_anybody_may_write() {
    let counts =
        make_everything_anew_in_between(strict(&[PROFILES], 1_000, &[PARTICIPANTS]), 21..=29).await;
    counts.assert_enough_unconfirmed();
}

async fn make_everything_anew_in_between(
    settings: TestSettings,
    seeds: RangeInclusive<u64>,
) -> SituationCounts {
    let app = TestApp::start_with(settings).await;
    let mut counts = SituationCounts::default();
    for seed in seeds {
        let population = Population::new(seed, 10);
        decide(&app, &population.decisions).await;
        clear(app.pool()).await;
        let arrival_order = ArrivalOrder::new(seed, seed, &population, &[30, 60, 120]);
        let mut observer = Observer::new(&app.brand.rules.identity, &population.decisions);
        for (n, batch) in arrival_order.batches.iter().enumerate() {
            observer.observe(batch, &mut counts);
            arrival_order.apply(&app, n).await;
            if n % 8 == 7 || n + 1 == arrival_order.batches.len() {
                // The following changes start from the rebuilt tables.
                let touched = dump(app.pool(), app.brand.id()).await;
                clear_what_is_derived(app.pool()).await;
                rebuild(app.pool(), &app.brand, &mut |_| {}).await.unwrap_or_else(|error| {
                    panic!("{arrival_order}: rebuild after batch {n}: {error}")
                });
                assert_same(
                    &touched,
                    &dump(app.pool(), app.brand.id()).await,
                    &format!("{arrival_order}, after batch {n}"),
                );
            }
        }
    }
    counts.assert_enough();
    app.stop().await;
    counts
}

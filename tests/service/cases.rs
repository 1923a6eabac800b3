//! Identity cases from data, through the write path: every case as written with each step twice, backwards, and
//! shuffled in batches. `tests/identity.rs` runs the same cases through the pure function. Random cases compare both.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::stream::{StreamExt, iter};
use hookpoint::brand::{Brand, BrandRules};
use hookpoint::customer::DERIVATION_VERSION;
use hookpoint::customer::model::email::Email;
use hookpoint::customer::model::phone::Phone;
use hookpoint::customer::model::record::Change;
use hookpoint::ingest::apply::{Applied, apply};
use hookpoint::lookup::query::Question;
use hookpoint::lookup::query_customers::{ReadRules, find};
use hookpoint::settings::file::MultipleMatches;
use hookpoint::storage::brands::get_or_insert_brand;
use hookpoint::storage::database::{Database, PoolSize};
use hookpoint::storage::pool::Pool;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::generator::Decided;
use crate::identity_cases::world::World;
use crate::identity_cases::{
    Case, CaseDecision, Customers, FIRST, Find, Step, Texts, cases, live_records, name,
};
use crate::oracle::Oracle;
use crate::support::database;

/// The number of random orders, which are the same in every run.
const SHUFFLES: u64 = 3;

const SIZE: PoolSize =
    PoolSize { connections: 4, acquire_timeout: Duration::from_secs(30), statement: None };

#[tokio::test(flavor = "multi_thread")]
async fn every_case_ends_as_written_in_any_order_and_however_often() {
    let (place, _) = database().await;
    let store = Database::open(&place, SIZE, false).await.unwrap();
    let runs = cases().into_iter().enumerate().map(|(number, case)| {
        let run = Run { pool: store.pool.clone(), number, changes: case.changes(), case };
        tokio::spawn(async move { (number, run.check().await) })
    });
    let checked: BTreeMap<usize, (Vec<String>, Outcome)> =
        iter(runs).buffer_unordered(4).map(Result::unwrap).collect().await;
    store.close().await;
    let wrong: Vec<&String> = checked.values().flat_map(|(wrong, _)| wrong).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    let mut digest = Sha256::new();
    checked.values().for_each(|(_, Outcome { customers, answers, .. })| {
        digest.update(format!("{customers:?}{answers:?}"));
    });
    outcomes_change_only_with_their_version(&hex(&digest.finalize()));
}

/// `DERIVATION_VERSION` and the digest of all customers and answers that it derives from the cases. A change of the digest
/// needs a new version: without it, stored customers would keep the old outcomes.
const GOLDEN: &str = include_str!("../../fixtures/identity/derivation.txt");

fn outcomes_change_only_with_their_version(digest: &str) {
    let (version, known) = GOLDEN.trim().split_once(' ').unwrap();
    let is_raised = version != DERIVATION_VERSION.to_string();
    let what = format!("with its number and {digest} in fixtures/identity/derivation.txt");
    assert!(
        digest == known || is_raised,
        "the rules derive other customers or answers: raise DERIVATION_VERSION, {what}"
    );
    assert_eq!(GOLDEN.trim(), format!("{DERIVATION_VERSION} {digest}"), "{what}");
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Customers and shared values, by the oracle.
fn of_the_oracle(case: &Case) -> (Customers, BTreeSet<String>) {
    let (mut customers, mut shared) = (Customers::new(), BTreeSet::new());
    for brand in case.brands() {
        let of_brand = case.decisions(false).filter(|(slug, _)| *slug == brand.slug);
        let decided = of_brand.map(|(_, decision)| Decided {
            left: decision.left,
            right: decision.right,
            same: decision.same,
        });
        let mut oracle = Oracle::new(brand.identity, decided.collect());
        case.changes()
            .iter()
            .filter(|(slug, _)| *slug == brand.slug)
            .for_each(|(_, change)| oracle.hear(change));
        let view = oracle.view();
        customers.extend(
            view.customers
                .iter()
                .map(|keys| keys.iter().map(|key| name(&brand.slug, key)).collect::<BTreeSet<_>>()),
        );
        shared.extend(view.shared.into_iter().map(|value| value.value));
    }
    (customers, shared)
}

#[test]
fn the_oracle_finds_the_customers_of_every_case() {
    let mut wrong = Vec::new();
    for case in cases() {
        let found = of_the_oracle(&case);
        if (&found.0, &found.1) != (&case.customers, &case.shared) {
            wrong.push(format!(
                "{case}\n    customers and shared: {found:?}\n    instead of: {:?}",
                (&case.customers, &case.shared)
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_oracle_and_the_pure_function_agree_about_cases_drawn_by_lot() {
    let mut runner =
        TestRunner::new(Config { cases: 1_000, failure_persistence: None, ..Config::default() });
    let result = runner.run(&some_case(), |case| {
        let worlds: Vec<World> = case
            .brands()
            .iter()
            .map(|brand| World::new(&case, &brand.slug, &brand.identity, &case.changes()))
            .collect();
        let shared: BTreeSet<String> =
            worlds.iter().flat_map(World::shared).map(|value| value.value).collect();
        let customers: Customers = worlds.iter().flat_map(World::customers).collect();
        prop_assert_eq!(of_the_oracle(&case), (customers, shared));
        Ok(())
    });
    assert!(result.is_ok(), "{}", result.unwrap_err());
}

type Brands = BTreeMap<String, Brand>;

/// The result of the steps.
#[derive(Debug, Default, PartialEq)]
struct Outcome {
    customers: Customers,
    shared: BTreeSet<String>,
    /// Customer key, customer id and the agents' view.
    answers: BTreeSet<(String, String, String)>,
}

struct Run {
    pool: Pool,
    number: usize,
    case: Case,
    changes: Vec<(String, Change)>,
}

impl Run {
    /// Describes every difference from the case's expectations. Also returns the outcome.
    async fn check(self) -> (Vec<String>, Outcome) {
        let mut wrong = Vec::new();
        let mut brands = self.brands(self.case.brands(), "as-written").await;
        for (step, n) in self.case.steps.iter().zip(1..) {
            let applied = self.apply(&brands, &self.changes[n - 1..n]).await;
            if let Some(then) = &step.then {
                let found = self.outcome(&brands, &self.changes[..n]).await.customers;
                self.compare(&mut wrong, &format!("after step {n}"), then, &found);
            }
            let again = self.apply(&brands, &self.changes[n - 1..n]).await;
            self.compare(
                &mut wrong,
                &format!("step {n} again, after {applied:?}"),
                &Applied::default(),
                &again,
            );
        }
        let written = self.outcome(&brands, &self.changes).await;
        self.compare(&mut wrong, "as written", &self.case.customers, &written.customers);
        self.compare(&mut wrong, "shared values", &self.case.shared, &written.shared);
        for asked in &self.case.finds {
            self.look_up(&mut wrong, &brands, asked).await;
        }
        for order in 0..=SHUFFLES {
            brands = self
                .brands(
                    brands.into_values().map(|brand| brand.rules).collect(),
                    &format!("order{order}"),
                )
                .await;
            for batch in self.batches(order) {
                self.apply(&brands, &batch).await;
            }
            let found = self.outcome(&brands, &self.changes).await;
            self.compare(
                &mut wrong,
                &format!("in order {order}, not as written"),
                &written,
                &found,
            );
        }
        (wrong, written)
    }

    fn compare<T: PartialEq + std::fmt::Debug>(
        &self,
        wrong: &mut Vec<String>,
        what: &str,
        expected: &T,
        found: &T,
    ) {
        if expected != found {
            wrong.push(format!(
                "{}\n    {what}: {found:?}\n    instead of: {expected:?}",
                self.case
            ));
        }
    }

    /// The case's brands, under unique names, with the decisions about their people.
    async fn brands(&self, rules: Vec<BrandRules>, what: &str) -> Brands {
        let mut brands = Brands::new();
        for rules in rules {
            let row = get_or_insert_brand(
                &self.pool,
                &format!("case{}-{what}-{}", self.number, rules.slug),
            )
            .await
            .unwrap();
            for undone in [false, true] {
                for (_, decision) in
                    self.case.decisions(undone).filter(|(brand, _)| *brand == rules.slug)
                {
                    sqlx::query(
                        "insert into decisions (brand_id, decision_id, left_key, right_key, same_person, decided_by, reason, decided_at, undone_at)
                        values ($1, gen_random_uuid(), $2, $3, $4, 'an admin', 'a call', now(), case when $5 then now() end)",
                    )
                    .bind(row.brand_id)
                    .bind(decision.left.to_string())
                    .bind(decision.right.to_string())
                    .bind(decision.same)
                    .bind(undone)
                    .execute(&self.pool)
                    .await
                    .unwrap();
                }
            }
            brands.insert(
                rules.slug.clone(),
                Brand::new(rules, row.brand_id, row.secret, row.suppression_key),
            );
        }
        brands
    }

    async fn apply(&self, brands: &Brands, changes: &[(String, Change)]) -> Applied {
        let mut all = Applied::default();
        for (slug, brand) in brands {
            let of_brand: Vec<Change> = changes
                .iter()
                .filter(|(of, _)| of == slug)
                .map(|(_, change)| change.clone())
                .collect();
            if !of_brand.is_empty() {
                let applied = apply(&self.pool, brand, of_brand)
                    .await
                    .unwrap_or_else(|error| panic!("{}: {error}", self.case));
                all.changed += applied.changed;
                all.customers += applied.customers;
            }
        }
        all
    }

    /// Backwards one by one, then in random batches of up to three.
    fn batches(&self, order: u64) -> Vec<Vec<(String, Change)>> {
        let mut changes = self.changes.clone();
        changes.reverse();
        let mut rng = order.wrapping_mul(1_000).wrapping_add(self.number as u64);
        let mut roll = move |sides: usize| {
            rng =
                rng.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (rng >> 33) as usize % sides
        };
        if order > 0 {
            (1..changes.len()).rev().for_each(|n| changes.swap(n, roll(n + 1)));
        }
        let mut batches = Vec::new();
        while !changes.is_empty() {
            let size = if order > 0 { (1 + roll(3)).min(changes.len()) } else { 1 };
            batches.push(changes.drain(..size).collect());
        }
        batches
    }

    /// The stored result. A key without an existing record represents a customer only if a merge named it.
    async fn outcome(&self, brands: &Brands, changes: &[(String, Change)]) -> Outcome {
        let mut outcome = Outcome::default();
        for (slug, brand) in brands {
            let live: BTreeSet<String> = live_records(changes, slug)
                .into_iter()
                .map(|record| record.key.to_string())
                .collect();
            let merged: BTreeSet<String> = changes
                .iter()
                .filter(|(of, _)| of == slug)
                .filter_map(|(_, change)| match change {
                    Change::Merge(merge) => {
                        Some([merge.loser.to_string(), merge.winner.to_string()])
                    }
                    Change::Record { .. } | Change::Event { .. } => None,
                })
                .flatten()
                .collect();
            let named = |key: &str| name(slug, &key.parse().unwrap());
            let records: Vec<(String, String)> = self
                .rows(
                    "select customer_key, record_key from customer_records where brand_id = $1",
                    brand,
                )
                .await;
            let mut customers: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
            for (customer, record) in records {
                let members = customers.entry(customer).or_default();
                if live.contains(&record) || !merged.contains(&record) {
                    members.insert(named(&record));
                }
            }
            outcome.customers.extend(customers.into_values());
            let shared: Vec<(String,)> =
                self.rows("select value from shared_values where brand_id = $1", brand).await;
            outcome.shared.extend(shared.into_iter().map(|(value,)| value));
            let answers = "select customer_key, customer_id, body from customers join answers using (brand_id, customer_key) where brand_id = $1";
            let answers: Vec<(String, String, String)> = self.rows(answers, brand).await;
            outcome
                .answers
                .extend(answers.into_iter().map(|(key, id, body)| (named(&key), id, body)));
        }
        outcome
    }

    async fn rows<Row>(&self, query: &'static str, brand: &Brand) -> Vec<Row>
    where
        Row: for<'r> sqlx::FromRow<'r, sqlx::postgres::PgRow> + Send + Unpin,
    {
        sqlx::query_as(query).bind(brand.id()).fetch_all(&self.pool).await.unwrap()
    }

    async fn look_up(&self, wrong: &mut Vec<String>, brands: &Brands, asked: &Find) {
        let question = match (&asked.email, &asked.phone, &asked.id) {
            (Some(email), None, None) => Question::Address(Email::parse(email).unwrap().into()),
            (None, Some(phone), None) => {
                Question::Address(Phone::parse_e164(phone).unwrap().into())
            }
            (None, None, Some(id)) => Question::Id(id.clone()),
            _ => panic!("{}: a lookup is by one of email, phone, id", self.case),
        };
        let brand = &brands[asked.brand.as_deref().unwrap_or(FIRST)];
        let found = find(
            &self.pool,
            brand,
            &question,
            ReadRules { max_customers: 10, multiple_matches: MultipleMatches::All },
        )
        .await
        .unwrap();
        let answers: Vec<Value> = serde_json::from_str(&found.body).unwrap();
        let ids: BTreeSet<String> = answers
            .iter()
            .map(|answer| answer["customerID"].as_str().unwrap().to_owned())
            .collect();
        self.compare(wrong, &format!("{asked:?}"), &asked.gives, &ids);
        let events: usize =
            answers.iter().map(|answer| answer["timeline"].as_array().unwrap().len()).sum();
        self.compare(
            wrong,
            &format!("events of {asked:?}"),
            &asked.events.unwrap_or(events),
            &events,
        );
    }
}

/// Steps about few people with few values, so that they meet often. Decisions join or separate some of them.
fn some_case() -> impl Strategy<Value = Case> {
    const KEYS: [&str; 8] = [
        "omneo.profile:1",
        "omneo.profile:2",
        "omneo.profile:3",
        "omniotap.contact:1",
        "omniotap.contact:b",
        "omnilab.participant:c",
        "omnilab.participant:e",
        "syncaroo.member:d",
    ];
    let some = |texts: &[&str]| {
        prop::sample::subsequence(
            texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>(),
            0..=2,
        )
    };
    let maybe = |texts: &[&str]| {
        prop::option::of(prop::sample::select(
            texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>(),
        ))
    };
    let key = || prop::sample::select(KEYS.map(str::to_owned).to_vec());
    let said = (
        maybe(&["Jan", "J.", "Johannes", "Eva", "Jan en Eva", "Jan Jr.", "Mario", "Maria"]),
        maybe(&["Kok", "Bos"]),
        maybe(&["Kok", "Jan Kok", "Bos, Eva", "van der Bos"]),
        some(&[
            "jan@example.org",
            "b@example.org",
            "info@example.org",
            "jan.kok@example.org",
            "jankok9@example.com",
            "bos@example.org",
        ]),
        some(&["+31611111111", "+31622222222", "+31201234567"]),
        some(&[
            "omneo.profile:1",
            "omniotap.contact:1",
            "omneo.profile:2",
            "omniotap.contact:b",
            "omnilab.participant:c",
        ]),
    );
    let step = (
        0..10,
        key(),
        key(),
        said,
        prop::option::of(prop_oneof![0..12_i64, -2_700_012..-2_700_000_i64]),
    )
        .prop_map(|(what, key, other, (first, last, full, email, phone, refs), at)| {
            let says = Step {
                at,
                first,
                last,
                full,
                email: Texts(email),
                phone: Texts(phone),
                refs,
                ..Step::default()
            };
            match what {
                0..5 => Step { record: Some(key), ..says },
                5..7 => Step { snapshot: Some(key), ..says },
                7 => Step { deleted: Some(key), at, ..Step::default() },
                _ if key.split(':').next() == other.split(':').next() => {
                    Step { merged: Some(key), into: Some(other), at, ..Step::default() }
                }
                _ => Step { record: Some(key), refs: vec![other], at, ..Step::default() },
            }
        });
    let rules = (1..4_i64, prop::sample::select(vec![2_i64, 4, 1_000])).prop_map(
        |(shared_value_threshold, cap)| {
            toml::Table::from_iter([
                ("shared_value_threshold".to_owned(), shared_value_threshold.into()),
                ("component_cap".to_owned(), cap.into()),
            ])
        },
    );
    let both = |left: &str, right: &str| Some([left.to_owned(), right.to_owned()]);
    let decisions = vec![
        CaseDecision {
            same: both("omneo.profile:1", "omneo.profile:2"),
            different: None,
            undone: false,
        },
        CaseDecision {
            same: None,
            different: both("omniotap.contact:b", "syncaroo.member:d"),
            undone: false,
        },
        CaseDecision {
            same: both("omniotap.contact:1", "omnilab.participant:c"),
            different: None,
            undone: false,
        },
        CaseDecision {
            same: None,
            different: both("omniotap.contact:b", "omnilab.participant:e"),
            undone: false,
        },
    ];
    (prop::collection::vec(step, 1..14), rules, prop::sample::subsequence(decisions, 0..=4))
        .prop_map(|(steps, rules, decisions)| Case { steps, rules, decisions, ..Case::default() })
}

#[tokio::test(flavor = "multi_thread")]
async fn after_every_step_the_store_has_the_customers_of_the_pure_function() {
    let (place, _) = database().await;
    let store = Database::open(&place, SIZE, false).await.unwrap();
    let runtime = tokio::runtime::Handle::current();
    let numbers = AtomicUsize::new(0);
    let mut runner =
        TestRunner::new(Config { cases: 16, failure_persistence: None, ..Config::default() });
    let result = tokio::task::block_in_place(|| {
        runner
            .run(&some_case(), |case| {
                let number = numbers.fetch_add(1, Ordering::Relaxed);
                let run = Run { pool: store.pool.clone(), number, changes: case.changes(), case };
                runtime.block_on(async {
                    let brands = run.brands(run.case.brands(), "random").await;
                    for n in 1..=run.changes.len() {
                        run.apply(&brands, &run.changes[n - 1..n]).await;
                        let found = run.outcome(&brands, &run.changes[..n]).await;
                        let world = World::new(
                            &run.case,
                            FIRST,
                            &brands[FIRST].rules.identity,
                            &run.changes[..n],
                        );
                        let shared: BTreeSet<String> =
                            world.shared().into_iter().map(|value| value.value).collect();
                        prop_assert_eq!(found.shared, shared, "after step {}", n);
                        prop_assert_eq!(found.customers, world.customers(), "after step {}", n);
                    }
                    Ok(())
                })
            })
            .map_err(|error| error.to_string())
    });
    store.close().await;
    assert_eq!(result, Ok(()));
}

//! Identity cases from data, through the write path: every case as written with each step twice, backwards, and
//! shuffled in batches. `tests/customer/identity.rs` runs the same cases through the pure function. Random cases compare both.

mod random_cases;
mod write_path;

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

use self::write_path::{Outcome, Run};
use crate::identity_cases::brand_state::BrandState;
use crate::identity_cases::{
    Case, CaseDecision, Customers, FIRST, Find, Step, Texts, cases, live_records, name,
};
use crate::ingest::populations::generator::Decided;
use crate::ingest::populations::oracle::Oracle;
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
const GOLDEN: &str = include_str!("../../../../fixtures/identity/derivation.txt");

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
            .for_each(|(_, change)| oracle.add(change));
        let snapshot = oracle.snapshot();
        customers.extend(
            snapshot
                .customers
                .iter()
                .map(|keys| keys.iter().map(|key| name(&brand.slug, key)).collect::<BTreeSet<_>>()),
        );
        shared.extend(snapshot.shared.into_iter().map(|value| value.value));
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

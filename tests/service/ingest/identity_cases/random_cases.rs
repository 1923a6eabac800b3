//! Random cases, with the pure function and the oracle.

use super::*;

#[test]
fn the_oracle_and_the_pure_function_agree_about_cases_drawn_by_lot() {
    let mut runner =
        TestRunner::new(Config { cases: 1_000, failure_persistence: None, ..Config::default() });
    let result = runner.run(&some_case(), |case| {
        let worlds: Vec<BrandState> = case
            .brands()
            .iter()
            .map(|brand| BrandState::new(&case, &brand.slug, &brand.identity, &case.changes()))
            .collect();
        let shared: BTreeSet<String> =
            worlds.iter().flat_map(BrandState::shared).map(|value| value.value).collect();
        let customers: Customers = worlds.iter().flat_map(BrandState::customers).collect();
        prop_assert_eq!(of_the_oracle(&case), (customers, shared));
        Ok(())
    });
    assert!(result.is_ok(), "{}", result.unwrap_err());
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
                        let state = BrandState::new(
                            &run.case,
                            FIRST,
                            &brands[FIRST].rules.identity,
                            &run.changes[..n],
                        );
                        let shared: BTreeSet<String> =
                            state.shared().into_iter().map(|value| value.value).collect();
                        prop_assert_eq!(found.shared, shared, "after step {}", n);
                        prop_assert_eq!(found.customers, state.customers(), "after step {}", n);
                    }
                    Ok(())
                })
            })
            .map_err(|error| error.to_string())
    });
    store.close().await;
    assert_eq!(result, Ok(()));
}

//! Updates about one record give the same state, in any order and with any repetition.

use std::collections::BTreeMap;

use hookpoint::customer::model::field_versions::{FieldVersions, Scope, UNCLEAR_AT, Update};
use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::json;

fn update() -> impl Strategy<Value = Update> {
    let fields = proptest::collection::btree_map(
        "[abc]",
        proptest::option::of((0..3_i64).prop_map(|v| json!(v))),
        0..3,
    );
    let scope = prop_oneof![4 => Just(Scope::Partial), 1 => Just(Scope::Part), 1 => Just(Scope::Whole), 1 => Just(Scope::Deletion)];
    (0..6_i64, 0..4_i64, scope, fields).prop_map(|(second, delay, scope, fields)| Update {
        at: Timestamp::from_second(second).unwrap(),
        received_at: Timestamp::from_second(second + delay).unwrap(),
        scope,
        fields: if scope == Scope::Deletion { BTreeMap::new() } else { fields },
    })
}

fn joined(updates: &[Update]) -> Option<FieldVersions> {
    updates.iter().cloned().map(FieldVersions::from).reduce(|mut all, next| {
        all.join(next);
        all
    })
}

proptest! {
    #[test]
    fn order_and_repetition_do_not_matter(updates in proptest::collection::vec(update(), 1..8), seed in any::<u64>()) {
        let mut shuffled = updates.clone();
        shuffled.extend(updates.clone());
        shuffled.sort_by_key(|u| (u.at.as_second().unsigned_abs().wrapping_mul(seed | 1)) % 17);
        prop_assert_eq!(joined(&updates), joined(&shuffled));
    }

    #[test]
    fn joining_in_two_parts_is_joining_at_once(left in proptest::collection::vec(update(), 1..6), right in proptest::collection::vec(update(), 1..6)) {
        let mut parts = joined(&left).unwrap();
        parts.join(joined(&right).unwrap());
        let all: Vec<_> = left.into_iter().chain(right).collect();
        prop_assert_eq!(Some(parts), joined(&all));
    }
}

fn at(second: i64, scope: Scope, fields: &[(&str, Option<&str>)]) -> Update {
    received(second, second, scope, fields)
}

fn received(second: i64, received: i64, scope: Scope, fields: &[(&str, Option<&str>)]) -> Update {
    Update {
        at: Timestamp::from_second(second).unwrap(),
        received_at: Timestamp::from_second(received).unwrap(),
        scope,
        fields: fields
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.map(|v| json!(v))))
            .collect(),
    }
}

#[test]
fn absent_is_unknown_in_a_webhook_and_cleared_in_a_snapshot() {
    let whole = at(1, Scope::Whole, &[("a", Some("1")), ("b", Some("1"))]);
    let partial = joined(&[whole.clone(), at(2, Scope::Partial, &[("a", Some("2"))])]).unwrap();
    assert_eq!((partial.text("a"), partial.text("b")), (Some("2"), Some("1")));
    let snapshot = joined(&[whole, at(2, Scope::Whole, &[("a", Some("2"))])]).unwrap();
    assert_eq!((snapshot.text("a"), snapshot.text("b")), (Some("2"), None));
}

#[test]
fn an_older_or_equal_update_does_not_resurrect() {
    let gone = at(5, Scope::Deletion, &[]);
    for second in [4, 5] {
        let state =
            joined(&[gone.clone(), at(second, Scope::Partial, &[("a", Some("1"))])]).unwrap();
        assert!(!state.is_live());
        assert_eq!(state.text("a"), None);
    }
    let back = joined(&[
        at(6, Scope::Partial, &[("a", Some("1"))]),
        at(4, Scope::Whole, &[("b", Some("old"))]),
        gone,
    ])
    .unwrap();
    assert!(back.is_live());
    assert_eq!((back.text("a"), back.text("b")), (Some("1"), None));
}

/// Asserts that every order of some updates gives the same state, and returns it.
fn in_any_order(updates: &[Update]) -> FieldVersions {
    let state = joined(updates).unwrap();
    let reversed: Vec<_> = updates.iter().rev().cloned().collect();
    assert!(joined(&reversed).as_ref() == Some(&state), "the order matters");
    state
}

#[test]
fn of_two_words_with_the_same_time_the_later_receipt_counts() {
    let (nine, ten) = (
        received(5, 6, Scope::Partial, &[("points", Some("9"))]),
        received(5, 7, Scope::Partial, &[("points", Some("10"))]),
    );
    assert_eq!(in_any_order(&[nine.clone(), ten]).text("points"), Some("10"));
    let same = received(5, 6, Scope::Partial, &[("points", Some("8"))]);
    assert_eq!(
        in_any_order(&[nine, same]).text("points"),
        Some("9"),
        "received at once: the greater value"
    );
}

#[test]
fn a_time_in_the_future_counts_as_its_receipt() {
    let ahead = received(1_000_000, 10, Scope::Partial, &[("a", Some("ahead"))]);
    let today = received(11, 12, Scope::Partial, &[("a", Some("today"))]);
    assert_eq!(in_any_order(&[ahead.clone(), today]).text("a"), Some("today"));
    assert!(!in_any_order(&[ahead, received(11, 12, Scope::Deletion, &[])]).is_live());
}

#[test]
fn a_deletion_takes_words_without_a_time_away_if_it_was_received_after_them() {
    let created = received(100, 700, Scope::Partial, &[("name", Some("Anna"))]);
    let undated = at(800, Scope::Partial, &[("points", Some("5"))]);
    let deleted = received(100, 900, Scope::Deletion, &[]);
    let gone = in_any_order(&[created.clone(), undated, deleted.clone()]);
    assert!(!gone.is_live() && gone.text("points").is_none());
    let back = in_any_order(&[
        created.clone(),
        at(950, Scope::Partial, &[("points", Some("6"))]),
        deleted,
    ]);
    assert!(back.is_live());
    assert_eq!((back.text("points"), back.text("name")), (Some("6"), None));
    // A value with a timestamp survives an earlier deletion, however late the deletion arrives.
    let renamed = received(300, 710, Scope::Partial, &[("name", Some("Anne"))]);
    let over = at(800, Scope::Partial, &[("name", Some("A."))]);
    let stays = in_any_order(&[created, renamed, over, received(200, 900, Scope::Deletion, &[])]);
    assert!(stays.is_live());
    assert_eq!(
        stays.text("name"),
        Some("Anne"),
        "what the deletion takes away uncovers what it doesn't"
    );
}

#[test]
fn a_part_does_not_say_that_the_whole_exists() {
    let part = at(5, Scope::Part, &[("points", Some("5"))]);
    assert!(!in_any_order(std::slice::from_ref(&part)).is_live());
    let both = in_any_order(&[part, at(3, Scope::Partial, &[("name", Some("Anna"))])]);
    assert!(both.is_live() && both.text("points") == Some("5"));
}

#[test]
fn what_was_stored_with_a_time_in_the_future_gives_way_to_what_is_received_next() {
    let stored: FieldVersions = serde_json::from_value(json!({
        "fields": {"a": {"at": "2062-01-01T00:00:00Z", "value": "frozen"}, "b": {"at": "2026-01-01T00:00:00Z", "value": "right"}},
        "first_at": "2026-01-01T00:00:00Z", "asserted_at": "2062-01-01T00:00:00Z",
    }))
    .unwrap();
    let now: Timestamp = "2026-11-21T00:00:00Z".parse().unwrap();
    let mut healed = stored.without_future(now).unwrap();
    assert!(healed.is_live() && healed.without_future(now).is_none());
    assert_eq!((healed.text("a"), healed.text("b")), (Some("frozen"), Some("right")));
    let at = "2026-11-20T00:00:00Z".parse().unwrap();
    healed.join(
        Update {
            at,
            received_at: now,
            scope: Scope::Partial,
            fields: [("a".to_owned(), Some(json!("mended")))].into(),
        }
        .into(),
    );
    assert_eq!(healed.text("a"), Some("mended"));
    let gone: FieldVersions = serde_json::from_value(
        json!({"fields": {}, "first_at": "2026-01-01T00:00:00Z", "asserted_at": "2026-01-02T00:00:00Z", "deleted_at": "2062-01-01T00:00:00Z"}),
    )
    .unwrap();
    let mut healed = gone.without_future(now).unwrap();
    assert!(!healed.is_live(), "what was gone stays gone");
    healed.join(
        Update {
            at: now + jiff::SignedDuration::from_secs(1),
            received_at: now + jiff::SignedDuration::from_secs(2),
            scope: Scope::Partial,
            fields: BTreeMap::new(),
        }
        .into(),
    );
    assert!(healed.is_live());
}

#[test]
fn a_word_whose_time_nobody_can_read_takes_no_other_ones_place() {
    let unclear = |received_at: i64, value| Update {
        at: UNCLEAR_AT,
        ..received(received_at, received_at, Scope::Partial, &[("name", Some(value))])
    };
    let dated = received(100, 700, Scope::Partial, &[("name", Some("Anna"))]);
    for received_at in [600, 800] {
        let both = in_any_order(&[dated.clone(), unclear(received_at, "Stale")]);
        assert_eq!(both.text("name"), Some("Anna"), "{received_at}");
        let deleted = in_any_order(&[
            dated.clone(),
            unclear(received_at, "Stale"),
            received(200, 750, Scope::Deletion, &[]),
        ]);
        assert!(!deleted.is_live(), "{received_at}");
    }
    // Alone it counts. Of several, the last received counts.
    let alone = in_any_order(&[unclear(600, "First"), unclear(800, "Second")]);
    assert_eq!((alone.is_live(), alone.text("name")), (true, Some("Second")));
}

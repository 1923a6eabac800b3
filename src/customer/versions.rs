//! What a source has said about one thing, field by field, so that order and repetition don't matter.
//!
//! [`Versions`] is a join-semilattice (a state-based CRDT of last-writer-wins registers): joining the same updates in
//! any order, any number of times, gives the same state. Three marks make deletions and snapshots part of it.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What one delivery or page says about one record or event.
#[derive(Clone, PartialEq)]
pub struct Update {
    /// The source's own time stamp; where it gives none, the time of first receipt.
    pub at: Timestamp,
    /// How far the update speaks.
    pub scope: Scope,
    /// The fields it carries; `None` says "cleared".
    pub fields: BTreeMap<String, Option<Value>>,
}

/// How far an update speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Only of the fields it carries (a webhook): absent is "unknown".
    Partial,
    /// Of every field (an answer of an API): absent is "cleared".
    Whole,
    /// The thing is gone at the source.
    Deletion,
}

impl fmt::Debug for Update {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Update").field("at", &self.at).field("scope", &self.scope).finish_non_exhaustive()
    }
}

/// One field's newest word.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
struct Stamped {
    at: Timestamp,
    value: Option<Value>,
}

impl Stamped {
    /// Newest wins; at the same time the greater value, so that both orders of arrival agree.
    fn wins_over(&self, other: &Self) -> bool {
        (self.at, self.weight()) > (other.at, other.weight())
    }

    fn weight(&self) -> Option<String> {
        self.value.as_ref().map(Value::to_string)
    }
}

/// Everything a source has said about one thing, reduced to what can still matter.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Versions {
    fields: BTreeMap<String, Stamped>,
    /// The first time that anything was said.
    first_at: Timestamp,
    /// The latest time at which the source spoke of the thing as existing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    asserted_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    whole_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    deleted_at: Option<Timestamp>,
}

impl fmt::Debug for Versions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Versions").field("fields", &self.fields.len()).field("live", &self.is_live()).finish_non_exhaustive()
    }
}

impl From<Update> for Versions {
    fn from(update: Update) -> Self {
        let at = update.at;
        let is = |scope| (update.scope == scope).then_some(at);
        let mut versions = Self {
            fields: update.fields.into_iter().map(|(name, value)| (name, Stamped { at, value })).collect(),
            first_at: at,
            asserted_at: (update.scope != Scope::Deletion).then_some(at),
            whole_at: is(Scope::Whole),
            deleted_at: is(Scope::Deletion),
        };
        versions.forget_what_cannot_matter();
        versions
    }
}

impl Versions {
    /// The least state that holds both.
    pub fn join(&mut self, other: Self) {
        for (name, theirs) in other.fields {
            match self.fields.get(&name) {
                Some(ours) if !theirs.wins_over(ours) => {}
                _ => {
                    self.fields.insert(name, theirs);
                }
            }
        }
        self.first_at = self.first_at.min(other.first_at);
        self.asserted_at = self.asserted_at.max(other.asserted_at);
        self.whole_at = self.whole_at.max(other.whole_at);
        self.deleted_at = self.deleted_at.max(other.deleted_at);
        self.forget_what_cannot_matter();
    }

    /// Fields older than the newest snapshot or deletion are masked for good, because those marks only grow.
    /// A field cleared at the snapshot's own time says what the snapshot says anyway.
    fn forget_what_cannot_matter(&mut self) {
        let (whole_at, deleted_at) = (self.whole_at, self.deleted_at);
        self.fields.retain(|_, field| {
            let masked = whole_at.is_some_and(|at| field.at < at) || deleted_at.is_some_and(|at| field.at <= at);
            let said_by_snapshot = field.value.is_none() && whole_at == Some(field.at);
            !masked && !said_by_snapshot
        });
    }

    /// Whether the thing exists: a deletion loses only against a later word of the source.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.asserted_at > self.deleted_at
    }

    /// Whether both say the same, whenever they were told.
    #[must_use]
    pub fn says_the_same_as(&self, other: &Self) -> bool {
        let said = |versions: &Self| versions.fields.iter().filter(|(_, field)| field.value.is_some()).count();
        let agrees = |(name, field): (&String, &Stamped)| field.value.as_ref().is_none_or(|value| other.get(name) == Some(value));
        self.is_live() == other.is_live() && (!self.is_live() || (said(self) == said(other) && self.fields.iter().all(agrees)))
    }

    /// The first time that anything was said.
    #[must_use]
    pub const fn first_at(&self) -> Timestamp {
        self.first_at
    }

    /// The latest time at which the source spoke of it as existing.
    #[must_use]
    pub const fn asserted_at(&self) -> Option<Timestamp> {
        self.asserted_at
    }

    /// A field's value, unless unknown or cleared.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.fields.get(name).and_then(|field| field.value.as_ref())
    }

    /// A field's value as text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Value::as_str)
    }

    /// A field's value as a point in time.
    #[must_use]
    pub fn time(&self, name: &str) -> Option<Timestamp> {
        self.text(name).and_then(|text| text.parse().ok())
    }

    /// The known fields whose name starts with `prefix`, without it, with the time each was said.
    pub fn with_prefix<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a Value, Timestamp)> {
        self.fields
            .range(prefix.to_owned()..)
            .take_while(move |(name, _)| name.starts_with(prefix))
            .filter_map(move |(name, field)| Some((name.strip_prefix(prefix)?, field.value.as_ref()?, field.at)))
    }

    /// When a known field was said.
    #[must_use]
    pub fn said_at(&self, name: &str) -> Option<Timestamp> {
        self.fields.get(name).filter(|field| field.value.is_some()).map(|field| field.at)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn update() -> impl Strategy<Value = Update> {
        let fields = proptest::collection::btree_map("[abc]", proptest::option::of((0..3_i64).prop_map(|v| json!(v))), 0..3);
        let scope = prop_oneof![4 => Just(Scope::Partial), 1 => Just(Scope::Whole), 1 => Just(Scope::Deletion)];
        (0..6_i64, scope, fields).prop_map(|(second, scope, fields)| Update {
            at: Timestamp::from_second(second).unwrap(),
            scope,
            fields: if scope == Scope::Deletion { BTreeMap::new() } else { fields },
        })
    }

    fn joined(updates: &[Update]) -> Option<Versions> {
        updates.iter().cloned().map(Versions::from).reduce(|mut all, next| {
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
        Update {
            at: Timestamp::from_second(second).unwrap(),
            scope,
            fields: fields.iter().map(|(name, value)| ((*name).to_owned(), value.map(|v| json!(v)))).collect(),
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
            let state = joined(&[gone.clone(), at(second, Scope::Partial, &[("a", Some("1"))])]).unwrap();
            assert!(!state.is_live());
            assert_eq!(state.text("a"), None);
        }
        let back = joined(&[at(6, Scope::Partial, &[("a", Some("1"))]), at(4, Scope::Whole, &[("b", Some("old"))]), gone]).unwrap();
        assert!(back.is_live());
        assert_eq!((back.text("a"), back.text("b")), (Some("1"), None));
    }
}

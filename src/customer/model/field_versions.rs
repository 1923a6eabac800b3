//! The state of a record or event, field by field, independent of the order and repetition of updates.
//!
//! [`FieldVersions`] is a join-semilattice (a state-based CRDT of last-writer-wins registers): joining the same updates
//! in any order, any number of times, gives the same state. Three timestamps make deletions and snapshots part of it.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::timed_value::{Deletion, TimedValue};
pub use super::update::{Scope, UNCLEAR_AT, Update};

/// Everything that a source reported about one record or event, reduced to what can still affect its state.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct FieldVersions {
    fields: BTreeMap<String, TimedValue>,
    /// Time of the first report.
    first_at: Timestamp,
    /// The latest receipt of an update, without a timestamp of the source, that implies existence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    asserted_at: Option<Timestamp>,
    /// The latest timestamp of the source that implies existence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    asserted_timed_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    whole_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    deleted_at: Option<Timestamp>,
    /// The latest receipt of a deletion, if it differs from the deletion's time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    deletion_received_at: Option<Timestamp>,
}

impl fmt::Debug for FieldVersions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Versions")
            .field("fields", &self.fields.len())
            .field("live", &self.is_live())
            .finish_non_exhaustive()
    }
}

impl From<Update> for FieldVersions {
    fn from(update: Update) -> Self {
        let (at, received_at) = (update.at.min(update.received_at), update.received_at);
        let delay = received_at.as_microsecond().saturating_sub(at.as_microsecond());
        let receipt_delay_us = u64::try_from(delay).unwrap_or_default();
        let is = |applies: bool| applies.then_some(at);
        let asserts = matches!(update.scope, Scope::Partial | Scope::Whole);
        let mut versions = Self {
            fields: update
                .fields
                .into_iter()
                .map(|(name, value)| {
                    (name, TimedValue { at, receipt_delay_us, value, timed: None })
                })
                .collect(),
            first_at: if at == UNCLEAR_AT { received_at } else { at },
            asserted_at: is(asserts && receipt_delay_us == 0),
            asserted_timed_at: is(asserts && receipt_delay_us > 0),
            whole_at: is(update.scope == Scope::Whole),
            deleted_at: is(update.scope == Scope::Deletion),
            deletion_received_at: (update.scope == Scope::Deletion && at < received_at)
                .then_some(received_at),
        };
        versions.prune_masked();
        versions
    }
}

impl FieldVersions {
    /// Merges another state into this one (the least upper bound).
    pub fn join(&mut self, other: Self) {
        for (name, theirs) in other.fields {
            match self.fields.get_mut(&name) {
                Some(ours) => ours.join(theirs),
                None => {
                    self.fields.insert(name, theirs);
                }
            }
        }
        self.first_at = self.first_at.min(other.first_at);
        self.asserted_at = self.asserted_at.max(other.asserted_at);
        self.asserted_timed_at = self.asserted_timed_at.max(other.asserted_timed_at);
        self.whole_at = self.whole_at.max(other.whole_at);
        self.deleted_at = self.deleted_at.max(other.deleted_at);
        self.deletion_received_at = self.deletion_received_at.max(other.deletion_received_at);
        self.prune_masked();
    }

    /// The latest deletion, by its timestamp and by its receipt.
    fn deletion(&self) -> Option<Deletion> {
        let at = self.deleted_at?;
        Some(Deletion { at, received_at: self.deletion_received_at.unwrap_or(at).max(at) })
    }

    /// Removes fields that are older than the newest snapshot or deletion. These timestamps only grow, so such fields
    /// can never count again.
    fn prune_masked(&mut self) {
        let (whole_at, deletion) = (self.whole_at, self.deletion());
        let is_masked = |word: &TimedValue| {
            whole_at.is_some_and(|at| word.at < at)
                || deletion.is_some_and(|deletion| deletion.masks(word.at, word.is_timed()))
        };
        self.fields.retain(|_, field| {
            field.timed.take_if(|timed| is_masked(timed));
            if is_masked(field) {
                let Some(timed) = field.timed.take() else { return false };
                *field = *timed;
            }
            true
        });
    }

    /// Whether the record or event exists. A deletion is only overridden by a later report of the source.
    #[must_use]
    pub fn is_live(&self) -> bool {
        let stays = |at: Option<Timestamp>, is_timed| {
            at.is_some_and(|at| {
                self.deletion().is_none_or(|deletion| !deletion.masks(at, is_timed))
            })
        };
        stays(self.asserted_timed_at, true) || stays(self.asserted_at, false)
    }

    /// Corrects times after `now` (Postgres's clock), which older versions stored without the limit of the receipt. A
    /// value with such a time becomes the oldest, so that the next update replaces it. `None` if no time is in the
    /// future.
    #[must_use]
    pub fn without_future(&self, now: Timestamp) -> Option<Self> {
        let is_future = |at: Option<Timestamp>| at.is_some_and(|at| at > now);
        let marks = [
            self.asserted_at,
            self.asserted_timed_at,
            self.whole_at,
            self.deleted_at,
            self.deletion_received_at,
        ];
        if !marks.into_iter().any(is_future) && !self.fields.values().any(|field| field.at > now) {
            return None;
        }
        let oldest = self.first_at.min(now);
        let past = |at: Option<Timestamp>| at.map(|at| if at > now { oldest } else { at });
        // A deleted record stays deleted until the source reports it again.
        let deleted = |at: Option<Timestamp>| {
            if is_future(at) { (!self.is_live()).then_some(now) } else { at }
        };
        let mut healed = self.clone();
        for field in healed.fields.values_mut().filter(|field| field.at > now) {
            (field.at, field.receipt_delay_us, field.timed) = (oldest, 0, None);
        }
        healed.first_at = oldest;
        healed.whole_at = past(healed.whole_at);
        (healed.deleted_at, healed.deletion_received_at) =
            (deleted(healed.deleted_at), deleted(healed.deletion_received_at));
        (healed.asserted_at, healed.asserted_timed_at) =
            (past(healed.asserted_at), past(healed.asserted_timed_at));
        healed.prune_masked();
        Some(healed)
    }

    /// Whether both have the same values, regardless of the times.
    #[must_use]
    pub fn has_same_values_as(&self, other: &Self) -> bool {
        let said = |versions: &Self| {
            versions.fields.iter().filter(|(_, field)| field.value.is_some()).count()
        };
        let agrees = |(name, field): (&String, &TimedValue)| {
            field.value.as_ref().is_none_or(|value| other.get(name) == Some(value))
        };
        self.is_live() == other.is_live()
            && (!self.is_live() || (said(self) == said(other) && self.fields.iter().all(agrees)))
    }

    /// Time of the first report.
    #[must_use]
    pub const fn first_at(&self) -> Timestamp {
        self.first_at
    }

    /// The latest time of a report of the source.
    #[must_use]
    pub fn reported_at(&self) -> Timestamp {
        let marks = [self.asserted_at, self.asserted_timed_at, self.whole_at];
        let fields = self.fields.values().map(|field| field.at);
        marks.into_iter().flatten().chain(fields).fold(self.first_at, Timestamp::max)
    }

    /// The latest time at which the source reported that it exists.
    #[must_use]
    pub fn asserted_at(&self) -> Option<Timestamp> {
        self.asserted_at.max(self.asserted_timed_at)
    }

    /// The value of a field. `None` if it is unknown or cleared.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.fields.get(name).and_then(|field| field.value.as_ref())
    }

    /// The value of a field as text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Value::as_str)
    }

    /// The value of a field as a time. A date without a time is midnight UTC.
    #[must_use]
    pub fn time(&self, name: &str) -> Option<Timestamp> {
        let text = self.text(name)?;
        let day =
            || text.parse::<Date>().ok()?.to_zoned(TimeZone::UTC).ok().map(|day| day.timestamp());
        text.parse().ok().or_else(day)
    }

    /// The known fields whose names begin with `prefix`: the rest of the name, the value and its time.
    pub fn with_prefix<'a>(
        &'a self,
        prefix: &'a str,
    ) -> impl Iterator<Item = (&'a str, &'a Value, Timestamp)> {
        self.fields
            .range(prefix.to_owned()..)
            .take_while(move |(name, _)| name.starts_with(prefix))
            .filter_map(move |(name, field)| {
                Some((name.strip_prefix(prefix)?, field.value.as_ref()?, field.at))
            })
    }

    /// The time of a field's latest value, also if it was cleared.
    #[must_use]
    pub fn stamped_at(&self, name: &str) -> Option<Timestamp> {
        self.fields.get(name).map(|field| field.at)
    }

    /// The time of a known field's value.
    #[must_use]
    pub fn said_at(&self, name: &str) -> Option<Timestamp> {
        self.fields.get(name).filter(|field| field.value.is_some()).map(|field| field.at)
    }
}

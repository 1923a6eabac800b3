//! Loads everything that is connected with some records and values, in one round trip: everything that a change
//! can affect.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use sqlx::postgres::{PgArguments, Postgres};
use sqlx::query::QueryAs;

use super::StorageError;
use super::component_links::with_component_links;
use super::component_row::ComponentRow;
use super::component_rows::ComponentRows;
use super::pool::Connection;
use super::suppressions::{SuppressionHash, SuppressionKey};
use crate::customer::identity::rules::IdentityRules;
use crate::customer::identity::shared_values::{counts, most_names};
use crate::customer::model::event::EventKey;
use crate::customer::model::identifier::Identifier;
use crate::customer::model::record::RecordKey;
use crate::customer::model::source::SourceKind;

/// Where to start.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct ComponentQuery {
    /// Records, stored or not.
    pub records: BTreeSet<RecordKey>,
    /// Values. `true`: also follow it to its holders if the value is shared.
    pub values: BTreeMap<Identifier, bool>,
    /// Records whose identifiers may change. They do not count among the holders of a value.
    pub changing: BTreeSet<RecordKey>,
    /// Records of merges that may be new. All records in the same chain of merges may change as well.
    pub merge_ends: BTreeSet<RecordKey>,
    /// Events that may change, with their records.
    pub events: BTreeSet<EventKey>,
    /// The hashes of all these that the suppression list may contain.
    pub suppression_hashes: BTreeSet<SuppressionHash>,
    /// Records that may change as well, but are loaded by another query.
    pub changing_elsewhere: BTreeSet<RecordKey>,
    /// Events that may change as well, but are loaded by another query.
    pub events_elsewhere: BTreeSet<EventKey>,
}

impl ComponentQuery {
    /// Splits the query in two that have the same result together, for two connections. `None` if the query is
    /// too small.
    #[must_use]
    pub fn halves(&self) -> Option<[Self; 2]> {
        const WORTH_IT: usize = 64;
        if self.records.len().saturating_add(self.changing.len()).saturating_add(self.events.len())
            < WORTH_IT
        {
            return None;
        }
        // Neighbours in the order are mostly of one kind, so taking every other one makes equal halves.
        fn every_other<T: Clone>(
            all: impl IntoIterator<Item = T>,
            half: usize,
        ) -> impl Iterator<Item = T> {
            all.into_iter().skip(half).step_by(2)
        }
        Some([0, 1].map(|half| {
            Self {
                records: every_other(&self.records, half).cloned().collect(),
                values: every_other(&self.values, half)
                    .map(|(value, forced)| (value.clone(), *forced))
                    .collect(),
                changing: every_other(&self.changing, half).cloned().collect(),
                // Both halves need all merges: each may change any record in the chain.
                merge_ends: self.merge_ends.clone(),
                events: every_other(&self.events, half).cloned().collect(),
                suppression_hashes: every_other(&self.suppression_hashes, half).copied().collect(),
                changing_elsewhere: &self.changing_elsewhere | &self.changing,
                events_elsewhere: &self.events_elsewhere | &self.events,
            }
        }))
    }

    /// Whether the query is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// How much is loaded, and by which rules.
#[derive(Debug, Clone)]
pub struct LoadLimits<'a> {
    /// The rules that decide which values are shared.
    pub rules: &'a IdentityRules,
    /// How many of the newest events are loaded for each record.
    pub timeline: usize,
    /// Event types that answers do not show.
    pub hidden: &'a [String],
    /// The brand's key for the hashes of the suppression list.
    pub suppression_key: &'a SuppressionKey,
    /// The most connected records to follow; `None` loads only the named ones.
    pub follow: Option<usize>,
}

static READ: LazyLock<String> =
    LazyLock::new(|| with_component_links(include_str!("load_component.sql")));

/// Loads everything that is connected with the query.
///
/// # Errors
/// When Postgres fails.
pub async fn load_component(
    db: &mut Connection,
    brand_id: i32,
    ask: &ComponentQuery,
    scope: &LoadLimits<'_>,
) -> Result<ComponentRows, StorageError> {
    let query = sqlx::query_as(READ.as_str()).bind(brand_id);
    let rows: Vec<(String,)> = scope.bind(ask.bind(query)).fetch_all(db).await?;
    let mut found = ComponentRows::default();
    for (row,) in rows {
        found.add(ComponentRow::parse(&row)?)?;
    }
    found.count_holders(ask.values.keys(), &ask.changing_elsewhere, scope.rules);
    Ok(found)
}

type Query<'q> = QueryAs<'q, Postgres, (String,), PgArguments>;

impl ComponentQuery {
    /// Binds $2 to $11.
    fn bind<'q>(&'q self, query: Query<'q>) -> Query<'q> {
        query
            .bind(texts(&self.records))
            .bind(self.values.keys().map(|value| value.kind.as_str()).collect::<Vec<_>>())
            .bind(self.values.keys().map(|value| value.value.as_str()).collect::<Vec<_>>())
            .bind(self.values.values().copied().collect::<Vec<bool>>())
            .bind(texts(&self.changing))
            .bind(texts(&self.merge_ends))
            .bind(texts(&self.events))
            .bind(self.suppression_hashes.iter().map(|hash| hash.0.as_slice()).collect::<Vec<_>>())
            .bind(texts(&self.changing_elsewhere))
            .bind(texts(&self.events_elsewhere))
    }
}

impl LoadLimits<'_> {
    /// Binds $12 to $22.
    fn bind<'q>(&'q self, query: Query<'q>) -> Query<'q> {
        let [inner, outer] = self.suppression_key.given_id_blocks();
        query
            .bind(self.follow.is_some())
            .bind(number(self.follow.unwrap_or(usize::MAX)))
            .bind(self.counting_kinds(true))
            .bind(self.counting_kinds(false))
            .bind(number(self.rules.shared_value_threshold.saturating_add(1)))
            .bind(number(self.timeline))
            .bind(self.hidden)
            .bind(SourceKind::ALL.map(SourceKind::as_str).to_vec())
            .bind(number(most_names(self.rules)))
            .bind(inner)
            .bind(outer)
    }

    /// Kinds whose records count as holders of a value, and whose source keeps people unique, or does not.
    fn counting_kinds(&self, one_record_per_person: bool) -> Vec<&'static str> {
        let is_unique = |kind: &SourceKind| self.rules.one_record_per_person.contains(kind);
        SourceKind::ALL
            .into_iter()
            .filter(|kind| counts(*kind, self.rules) && is_unique(kind) == one_record_per_person)
            .map(SourceKind::as_str)
            .collect()
    }
}

fn texts<T: ToString>(keys: &BTreeSet<T>) -> Vec<String> {
    keys.iter().map(ToString::to_string).collect()
}

fn number(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

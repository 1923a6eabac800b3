//! Loads parts of components that are too large to be loaded whole.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use super::pool::Connection;

use super::StorageError;
use super::component_links::with_component_links;
use crate::customer::identity::evidence::Level;
use crate::customer::model::identifier::{Identifier, IdentifierKind};
use crate::customer::model::record::RecordKey;

/// A record, or a value that several records may have.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Node {
    /// A value. It comes first in the order, because it leads to many records.
    Value(Identifier),
    /// A record, stored or not.
    Record(RecordKey),
}

/// The kinds of value that connect records up to a level.
fn connecting(last: Level) -> Vec<&'static str> {
    let used = IdentifierKind::ALL.into_iter().filter(|kind| Level::of(*kind) <= last);
    used.map(IdentifierKind::as_str).collect()
}

/// Self-asserted records without a confirmation: they do not connect others.
#[derive(Debug, Default)]
pub struct UnconfirmedRecords {
    /// Their kinds.
    pub kinds: Vec<&'static str>,
    /// Records of these kinds that are trusted, because a person confirmed them.
    pub confirmed: Vec<String>,
}

/// The records that are connected with each of some nodes, through decisions, merges, references and values up
/// to a level. All known keys; or, with a limit, so many trusted live records.
///
/// # Errors
/// When Postgres fails.
pub async fn list_components(
    db: &mut Connection,
    brand_id: i32,
    start: &[&Node],
    last: Level,
    limit: Option<usize>,
    unconfirmed: &UnconfirmedRecords,
) -> Result<Vec<BTreeSet<RecordKey>>, StorageError> {
    let text = |node: &&Node| match node {
        Node::Record(key) => ("record", key.to_string()),
        Node::Value(identifier) => (identifier.kind.as_str(), identifier.value.clone()),
    };
    let (kinds, values): (Vec<&str>, Vec<String>) = start.iter().map(text).unzip();
    let rows: Vec<(i64, String)> = sqlx::query_as(COMPONENTS.as_str())
        .bind(brand_id)
        .bind(kinds)
        .bind(values)
        .bind(connecting(last))
        .bind(limit.and_then(|limit| i64::try_from(limit).ok()).unwrap_or(i64::MAX))
        .bind(limit.is_some())
        .bind(&unconfirmed.kinds)
        .bind(&unconfirmed.confirmed)
        .fetch_all(db)
        .await?;
    let mut components = vec![BTreeSet::new(); start.len()];
    for (n, key) in rows {
        if let Some(component) =
            usize::try_from(n).ok().and_then(|n| components.get_mut(n.saturating_sub(1)))
        {
            component.insert(key.parse().map_err(StorageError::corrupt("identifiers"))?);
        }
    }
    Ok(components)
}

static COMPONENTS: LazyLock<String> =
    LazyLock::new(|| with_component_links(include_str!("oversized_components.sql")));

/// All records that have a value which would link them if it were not shared.
///
/// # Errors
/// When Postgres fails.
pub async fn list_holders(
    db: &mut Connection,
    brand_id: i32,
    value: &Identifier,
) -> Result<Vec<RecordKey>, StorageError> {
    let keys: Vec<(String,)> = sqlx::query_as("select record_key from identifiers where brand_id = $1 and kind = $2 and value = $3 and links")
        .bind(brand_id)
        .bind(value.kind.as_str())
        .bind(&value.value)
        .fetch_all(db)
        .await?;
    keys.into_iter()
        .map(|(key,)| key.parse().map_err(StorageError::corrupt("identifiers")))
        .collect()
}

//! Applies changes near components above the cap. Such components are never loaded whole.
//!
//! The affected records are found twice, before and after the facts are written. For every record and value of
//! the batch: its component, if that is within the cap; else its component without phone links; else without
//! e-mail links. The records in between are derived again with just those links. The result is the same as with
//! a whole load: a component that lost or gained a record, or the right to its links, contains a record or
//! value of the batch before or after.

use std::collections::{BTreeMap, BTreeSet};

use super::batch::{ChangeBatch, report, scope};
use super::component_parts::{Linking, Parts};
use super::derive::derive;
use super::difference::Touched;
use super::load::LoadedComponent;
use super::next_state::NextState;
use crate::brand::Brand;
use crate::storage::StorageError;
use crate::storage::changed_rows::{Derived, IdentityChanges};
use crate::storage::component_rows::ComponentRows;
use crate::storage::load_component::{ComponentQuery, load_component};
use crate::storage::oversized_components::{Node, list_holders};
use crate::storage::pool::Connection;
use crate::storage::write_changes::write_changes;

/// Applies a batch inside a transaction that holds the brand's lock. Returns the customers that differ.
pub(crate) async fn apply(
    db: &mut Connection,
    brand: &Brand,
    loaded: LoadedComponent,
) -> Result<Touched, StorageError> {
    let mut touched = touched_nodes(db, brand, &loaded).await?;
    let LoadedComponent { known, after, .. } = loaded;
    let mut linking = Linking::stored(brand, &known);
    let before = Parts::find(db, brand, &touched, &linking).await?;
    write_changes(db, (brand.id(), &brand.secret), &after.facts, &Derived::default()).await?;
    touched.extend(before.records().cloned().map(Node::Record));
    linking.update(brand, &known, &after);
    derive_parts(db, brand, touched, &linking).await
}

/// The records and values that the batch affects directly.
async fn touched_nodes(
    db: &mut Connection,
    brand: &Brand,
    LoadedComponent { known, after, asked }: &LoadedComponent,
) -> Result<BTreeSet<Node>, StorageError> {
    let values = known
        .identifiers
        .keys()
        .filter(|(record, _)| known.changing.contains(record))
        .map(|(_, value)| value);
    let mut touched: BTreeSet<Node> = values.chain(asked).cloned().map(Node::Value).collect();
    touched.extend(known.keys.iter().cloned().map(Node::Record));
    for value in after.facts.shared.iter().chain(&after.facts.shared_deleted) {
        touched.extend(list_holders(db, brand.id(), value).await?.into_iter().map(Node::Record));
    }
    Ok(touched)
}

/// Derives the customers of all parts that contain some nodes, until nothing is missing. Returns those that differ.
async fn derive_parts(
    db: &mut Connection,
    brand: &Brand,
    mut nodes: BTreeSet<Node>,
    linking: &Linking,
) -> Result<Touched, StorageError> {
    loop {
        let parts = Parts::find(db, brand, &nodes, linking).await?;
        let query = ComponentQuery {
            records: parts.records().cloned().collect(),
            ..ComponentQuery::default()
        };
        let known = load_component(db, brand.id(), &query, &scope(brand, None)).await?;
        let rules = &brand.rules.identity;
        let now = NextState::new(&ChangeBatch::default(), &known, &BTreeMap::new(), rules);
        let missing: BTreeSet<Node> = now
            .missing
            .records
            .iter()
            .cloned()
            .map(Node::Record)
            .chain(beyond_unconfirmed(brand, &known))
            .collect();
        if !missing.is_subset(&nodes) {
            nodes.extend(missing);
            continue;
        }
        let (derived, touched) = derive(&now, &known, &parts.link_restrictions(), brand);
        write_changes(db, (brand.id(), &brand.secret), &IdentityChanges::default(), &derived)
            .await?;
        report(brand, parts.oversized, &derived.failed_templates);
        return Ok(touched);
    }
}

/// Values of self-asserted records. They link nobody, but the other holders decide where such a record belongs.
fn beyond_unconfirmed(brand: &Brand, known: &ComponentRows) -> impl Iterator<Item = Node> {
    let kinds = &brand.rules.identity.self_asserted;
    let links = known.identifiers.iter().filter(|((record, value), found)| {
        found.links && kinds.contains(&record.kind) && !known.shared.contains(value)
    });
    links.map(|((_, value), _)| Node::Value(value.clone()))
}

//! Applies changes near components above the cap. Such components are never loaded whole.
//!
//! The affected records are found twice, before and after the facts are written. For every record and value of
//! the batch: its component, if that is within the cap; else its component without phone links; else without
//! e-mail links. The records in between are derived again with just those links. The result is the same as with
//! a whole load: a component that lost or gained a record, or the right to its links, contains a record or
//! value of the batch before or after.

use std::collections::{BTreeMap, BTreeSet};

use crate::storage::pool::Connection;

use super::batch::{ChangeBatch, report, scope};
use super::derive::{LinkRestrictions, derive};
use super::load::LoadedComponent;
use super::next_state::NextState;
use crate::brand::Brand;
use crate::customer::identity::evidence::Level;
use crate::customer::model::identifier::{Identifier, IdentifierKind};
use crate::customer::model::record::RecordKey;
use crate::storage::StorageError;
use crate::storage::customers::list_confirmed;
use crate::storage::load_component::{ComponentQuery, ComponentRows, load_component};
use crate::storage::oversized_components::{Guests, Node, list_components, list_holders};
use crate::storage::write_changes::{Derived, IdentityChanges, write_changes};

/// Applies a batch inside a transaction that holds the brand's lock. Returns how many customers are new or
/// different.
pub(crate) async fn apply(
    db: &mut Connection,
    brand: &Brand,
    loaded: LoadedComponent,
) -> Result<usize, StorageError> {
    let LoadedComponent { known, after, asked } = loaded;
    let values = known
        .identifiers
        .keys()
        .filter(|(record, _)| known.changing.contains(record))
        .map(|(_, value)| value.clone());
    let mut touched: BTreeSet<Node> = values.chain(asked).map(Node::Value).collect();
    touched.extend(known.keys.iter().cloned().map(Node::Record));
    for value in after.facts.shared.iter().chain(&after.facts.shared_gone) {
        touched.extend(list_holders(db, brand.id(), value).await?.into_iter().map(Node::Record));
    }
    let mut linking = Linking::new();
    let leads_on = |record: &RecordKey| !brand.rules.identity.self_asserted.contains(&record.kind);
    let links = known.identifiers.iter().filter(|((record, value), found)| {
        found.links && leads_on(record) && !known.shared.contains(value)
    });
    links.for_each(|((record, value), _)| add(&mut linking, record, value));
    let before = Parts::find(db, brand, &touched, &linking).await?;
    write_changes(db, brand.id(), &after.facts, &Derived::default()).await?;
    touched.extend(before.records().cloned().map(Node::Record));
    linking.retain(|record, _| !known.changing.contains(record));
    linking.values_mut().for_each(|values| values.retain(|value| !after.shared.contains(value)));
    let links = after.facts.identifiers.iter().filter(|row| {
        row.found.links && leads_on(&row.record) && !after.shared.contains(&row.identifier)
    });
    links.for_each(|row| add(&mut linking, &row.record, &row.identifier));
    loop {
        let parts = Parts::find(db, brand, &touched, &linking).await?;
        let query = ComponentQuery {
            records: parts.records().cloned().collect(),
            ..ComponentQuery::default()
        };
        let known = load_component(db, brand.id(), &query, &scope(brand, None)).await?;
        let now = NextState::new(
            &ChangeBatch::default(),
            &known,
            &BTreeMap::new(),
            &brand.rules.identity,
        );
        let missing: BTreeSet<Node> = now
            .missing
            .records
            .iter()
            .cloned()
            .map(Node::Record)
            .chain(beyond_guests(brand, &known))
            .collect();
        if !missing.is_subset(&touched) {
            touched.extend(missing);
            continue;
        }
        let derived = derive(&now, &known, &parts.reach(), brand);
        write_changes(db, brand.id(), &IdentityChanges::default(), &derived).await?;
        report(brand, parts.oversized, &derived.failed_templates);
        return Ok(derived.customers.len());
    }
}

/// The parts of components that can be resolved on their own.
#[derive(Debug, Default)]
struct Parts {
    /// The weakest level that may link each record.
    last: BTreeMap<RecordKey, Level>,
    oversized: usize,
}

/// Values that link each record.
type Linking = BTreeMap<RecordKey, BTreeSet<Identifier>>;

fn add(linking: &mut Linking, record: &RecordKey, value: &Identifier) {
    linking.entry(record.clone()).or_default().insert(value.clone());
}

impl Parts {
    /// The parts that contain some nodes, as Postgres has them now. `linking` only saves queries.
    async fn find(
        db: &mut Connection,
        brand: &Brand,
        nodes: &BTreeSet<Node>,
        linking: &Linking,
    ) -> Result<Self, StorageError> {
        let cap = brand.rules.identity.component_cap;
        let confirmed =
            list_confirmed(db, brand.id()).await?.iter().map(ToString::to_string).collect();
        let guests = Guests {
            kinds: brand.rules.identity.self_asserted.iter().map(|kind| kind.as_str()).collect(),
            confirmed,
        };
        let beside = beside(linking);
        let mut parts = Self::default();
        let mut left: Vec<&Node> = nodes.iter().collect();
        // Values lead to many records, so they come first, in small chunks. Phone numbers come before other
        // values, because they have the most holders.
        left.sort_by_key(|node| match node {
            Node::Value(value) => u8::from(value.kind != IdentifierKind::Phone),
            Node::Record(_) => 2,
        });
        for level in [Level::Phone, Level::Email] {
            // Nodes of components that exceed the cap on this level.
            let mut above: BTreeSet<Node> = BTreeSet::new();
            let mut next_level: Vec<&Node> = Vec::new();
            let values = left.iter().filter(|node| matches!(node, Node::Value(_))).count();
            let (values, records) = left.split_at_checked(values).unwrap_or((&left, &[]));
            for some in values.chunks(20).chain(records.chunks(100)) {
                let is_above = |node: &Node| {
                    above.contains(node)
                        || beside.get(node).into_iter().flatten().any(|node| above.contains(node))
                };
                let (known_above, unknown): (Vec<&Node>, Vec<&Node>) =
                    some.iter().filter(|node| !parts.knows(node)).partition(|node| is_above(node));
                next_level.extend(known_above);
                let live = list_components(
                    db,
                    brand.id(),
                    &unknown,
                    level,
                    Some(cap.saturating_add(1)),
                    &guests,
                )
                .await?;
                let (fitting, too_large): (Vec<_>, Vec<_>) =
                    unknown.into_iter().zip(live).partition(|(_, live)| live.len() <= cap);
                for (node, live) in too_large {
                    parts.oversized =
                        parts.oversized.saturating_add(usize::from(level == Level::Phone));
                    above.extend(live.into_iter().map(Node::Record));
                    above.insert(node.clone());
                    next_level.push(node);
                }
                let fitting: Vec<&Node> = fitting.into_iter().map(|(node, _)| node).collect();
                parts.add(
                    list_components(db, brand.id(), &fitting, level, None, &guests).await?,
                    level,
                );
            }
            left = next_level;
        }
        parts.add(
            list_components(db, brand.id(), &left, Level::Reference, None, &guests).await?,
            Level::Reference,
        );
        Ok(parts)
    }

    fn add(&mut self, parts: Vec<BTreeSet<RecordKey>>, last: Level) {
        for key in parts.into_iter().flatten() {
            // A self-asserted record may be in several parts. The weakest level counts.
            let known = self.last.entry(key).or_insert(last);
            *known = last.max(*known);
        }
    }

    /// Whether the node is a record of a part that was found.
    fn knows(&self, node: &Node) -> bool {
        matches!(node, Node::Record(key) if self.last.contains_key(key))
    }

    fn records(&self) -> impl Iterator<Item = &RecordKey> {
        self.last.keys()
    }

    /// The kinds of identifier that may not link each record.
    fn reach(&self) -> LinkRestrictions {
        const ADDRESSES: [IdentifierKind; 4] = [
            IdentifierKind::Phone,
            IdentifierKind::Email,
            IdentifierKind::Facebook,
            IdentifierKind::Twitter,
        ];
        let barred = |last: Level| match last {
            Level::Phone => Vec::new(),
            Level::Email => vec![IdentifierKind::Phone],
            Level::Decision | Level::SourceMerge | Level::Reference => ADDRESSES.to_vec(),
        };
        self.last.iter().map(|(key, last)| (key.clone(), barred(*last))).collect()
    }
}

/// Values of self-asserted records. They link nobody, but the other holders decide where such a record belongs.
fn beyond_guests(brand: &Brand, known: &ComponentRows) -> impl Iterator<Item = Node> {
    let kinds = &brand.rules.identity.self_asserted;
    let links = known.identifiers.iter().filter(|((record, value), found)| {
        found.links && kinds.contains(&record.kind) && !known.shared.contains(value)
    });
    links.map(|((_, value), _)| Node::Value(value.clone()))
}

/// For every record its values, and for every value the other values of its records.
fn beside(linking: &Linking) -> BTreeMap<Node, BTreeSet<Node>> {
    let mut beside: BTreeMap<Node, BTreeSet<Node>> = BTreeMap::new();
    for (record, values) in linking {
        let values: BTreeSet<Node> = values.iter().cloned().map(Node::Value).collect();
        for node in values.iter().cloned().chain([Node::Record(record.clone())]) {
            beside.entry(node).or_default().extend(values.iter().cloned());
        }
    }
    beside
}

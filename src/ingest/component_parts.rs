//! Finds the parts of oversized components that can be resolved on their own.

use std::collections::{BTreeMap, BTreeSet};

use super::next_state::NextState;
use super::resolve::LinkRestrictions;
use crate::brand::Brand;
use crate::customer::identity::component::{LAST_STEP, STEPS, enough_to_tell, is_oversized};
use crate::customer::identity::evidence::Level;
use crate::customer::identity::rules::IdentityRules;
use crate::customer::model::identifier::{Identifier, IdentifierKind};
use crate::customer::model::record::RecordKey;
use crate::storage::StorageError;
use crate::storage::component_rows::ComponentRows;
use crate::storage::customers::list_confirmed;
use crate::storage::oversized_components::{Node, UnconfirmedRecords, list_components};
use crate::storage::pool::Connection;

/// How many nodes are searched together. Values lead to more records than records do.
const VALUES_AT_ONCE: usize = 20;
const RECORDS_AT_ONCE: usize = 100;

/// Values that link each record. They only save queries.
#[derive(Default)]
pub(super) struct Linking(BTreeMap<RecordKey, BTreeSet<Identifier>>);

impl Linking {
    /// As stored.
    pub(super) fn stored(brand: &Brand, known: &ComponentRows) -> Self {
        let mut linking = Self::default();
        for ((record, value), found) in &known.identifiers {
            if found.links && leads_on(brand, record) && !known.shared.contains(value) {
                linking.add(record, value);
            }
        }
        linking
    }

    /// After the facts are written.
    pub(super) fn update(&mut self, brand: &Brand, known: &ComponentRows, after: &NextState) {
        self.0.retain(|record, _| !known.changing.contains(record));
        self.0.values_mut().for_each(|values| values.retain(|value| !after.shared.contains(value)));
        for row in &after.facts.identifiers {
            let is_shared = after.shared.contains(&row.identifier);
            if row.found.links && leads_on(brand, &row.record) && !is_shared {
                self.add(&row.record, &row.identifier);
            }
        }
    }

    fn add(&mut self, record: &RecordKey, value: &Identifier) {
        self.0.entry(record.clone()).or_default().insert(value.clone());
    }

    /// For every record its values, and for every value the other values of its records.
    fn neighbours(&self) -> BTreeMap<Node, BTreeSet<Node>> {
        let mut neighbours: BTreeMap<Node, BTreeSet<Node>> = BTreeMap::new();
        for (record, values) in &self.0 {
            let values: BTreeSet<Node> = values.iter().cloned().map(Node::Value).collect();
            for node in values.iter().cloned().chain([Node::Record(record.clone())]) {
                neighbours.entry(node).or_default().extend(values.iter().cloned());
            }
        }
        neighbours
    }
}

/// Whether the values of a record connect it with others.
fn leads_on(brand: &Brand, record: &RecordKey) -> bool {
    !brand.rules.identity.self_asserted.contains(&record.kind)
}

/// The parts of components that can be resolved on their own.
#[derive(Debug, Default)]
pub(super) struct Parts {
    /// The weakest level that may link each record.
    last: BTreeMap<RecordKey, Level>,
    /// How many of the nodes are in a component above the cap.
    pub oversized: usize,
}

impl Parts {
    /// The parts that contain some nodes, as Postgres has them now.
    pub(super) async fn find(
        db: &mut Connection,
        brand: &Brand,
        nodes: &BTreeSet<Node>,
        linking: &Linking,
    ) -> Result<Self, StorageError> {
        let kinds = &brand.rules.identity.self_asserted;
        let confirmed = list_confirmed(db, brand.id(), &BTreeSet::new(), kinds).await?;
        let confirmed = confirmed.iter().map(ToString::to_string).collect();
        let kinds = kinds.iter().map(|kind| kind.as_str()).collect();
        let mut search = Search {
            db,
            brand_id: brand.id(),
            rules: &brand.rules.identity,
            unconfirmed: UnconfirmedRecords { kinds, confirmed },
            neighbours: linking.neighbours(),
            parts: Self::default(),
        };
        let mut left = in_order_of_search(nodes);
        for level in STEPS {
            left = search.find_at(level, &left).await?;
        }
        search.add_components(&left, LAST_STEP).await?;
        Ok(search.parts)
    }

    /// Whether the node is a record of a part that was found.
    fn knows(&self, node: &Node) -> bool {
        matches!(node, Node::Record(key) if self.last.contains_key(key))
    }

    pub(super) fn records(&self) -> impl Iterator<Item = &RecordKey> {
        self.last.keys()
    }

    /// The kinds of identifier that may not link each record.
    pub(super) fn link_restrictions(&self) -> LinkRestrictions {
        let barred = |last: Level| {
            IdentifierKind::ALL.into_iter().filter(|kind| Level::of(*kind) > last).collect()
        };
        self.last.iter().map(|(key, last)| (key.clone(), barred(*last))).collect()
    }
}

/// Values lead to many records, so they come first. Phone numbers come before other values, because they have
/// the most holders.
fn in_order_of_search(nodes: &BTreeSet<Node>) -> Vec<&Node> {
    let mut ordered: Vec<&Node> = nodes.iter().collect();
    ordered.sort_by_key(|node| match node {
        Node::Value(value) => u8::from(value.kind != IdentifierKind::Phone),
        Node::Record(_) => 2,
    });
    ordered
}

/// A search for the parts of some nodes.
struct Search<'a> {
    db: &'a mut Connection,
    brand_id: i32,
    rules: &'a IdentityRules,
    unconfirmed: UnconfirmedRecords,
    neighbours: BTreeMap<Node, BTreeSet<Node>>,
    parts: Parts,
}

impl Search<'_> {
    /// Adds the components up to a level that fit within the cap. Returns the nodes of the others.
    async fn find_at<'n>(
        &mut self,
        level: Level,
        nodes: &[&'n Node],
    ) -> Result<Vec<&'n Node>, StorageError> {
        let values = nodes.iter().filter(|node| matches!(node, Node::Value(_))).count();
        let (values, records) = nodes.split_at_checked(values).unwrap_or((nodes, &[]));
        // Nodes of components that exceed the cap on this level.
        let mut above: BTreeSet<Node> = BTreeSet::new();
        let mut left = Vec::new();
        for some in values.chunks(VALUES_AT_ONCE).chain(records.chunks(RECORDS_AT_ONCE)) {
            left.extend(self.find_some_at(level, some, &mut above).await?);
        }
        Ok(left)
    }

    async fn find_some_at<'n>(
        &mut self,
        level: Level,
        nodes: &[&'n Node],
        above: &mut BTreeSet<Node>,
    ) -> Result<Vec<&'n Node>, StorageError> {
        let (mut left, unknown): (Vec<&'n Node>, Vec<&'n Node>) = nodes
            .iter()
            .filter(|node| !self.parts.knows(node))
            .partition(|node| self.is_above(node, above));
        let live = self.list(&unknown, level, Some(enough_to_tell(self.rules))).await?;
        let mut fitting = Vec::new();
        for (node, live) in unknown.into_iter().zip(live) {
            if !is_oversized(live.len(), self.rules) {
                fitting.push(node);
                continue;
            }
            let is_first_step = STEPS.first() == Some(&level);
            self.parts.oversized = self.parts.oversized.saturating_add(usize::from(is_first_step));
            above.extend(live.into_iter().map(Node::Record));
            above.insert(node.clone());
            left.push(node);
        }
        self.add_components(&fitting, level).await?;
        Ok(left)
    }

    /// Whether a node is in a component that exceeds the cap, as far as is known.
    fn is_above(&self, node: &Node, above: &BTreeSet<Node>) -> bool {
        let neighbours = || self.neighbours.get(node).into_iter().flatten();
        above.contains(node) || neighbours().any(|node| above.contains(node))
    }

    async fn add_components(&mut self, nodes: &[&Node], last: Level) -> Result<(), StorageError> {
        for key in self.list(nodes, last, None).await?.into_iter().flatten() {
            // A self-asserted record may be in several parts. The weakest level counts.
            let known = self.parts.last.entry(key).or_insert(last);
            *known = last.max(*known);
        }
        Ok(())
    }

    async fn list(
        &mut self,
        nodes: &[&Node],
        last: Level,
        limit: Option<usize>,
    ) -> Result<Vec<BTreeSet<RecordKey>>, StorageError> {
        list_components(self.db, self.brand_id, nodes, last, limit, &self.unconfirmed).await
    }
}

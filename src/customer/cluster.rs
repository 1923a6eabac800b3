//! What is known of the records that already belong together, and what forbids joining them with others.

use std::collections::{BTreeMap, BTreeSet};

use super::identifier::{Identifier, IdentifierKind};
use super::kind::SourceKind;
use super::name::FoldedName;
use super::record::RecordKey;
use super::resolution::{Facts, Level};
use super::rules::IdentityRules;

/// Why two clusters are not joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grounds {
    /// A person decided that they are different people.
    DecidedDifferent,
    /// Their source keeps people unique and knows them as two.
    DifferentIds,
    /// Their first names disagree.
    FirstNames,
    /// Their names disagree.
    Names,
    /// Both have e-mail addresses, none in common, and no agreeing names.
    EmailAddresses,
}

/// Records that belong together so far.
#[derive(Debug)]
pub(super) struct Cluster {
    members: Vec<usize>,
    keys: BTreeSet<RecordKey>,
    apart_from: BTreeSet<RecordKey>,
    decided_classes: BTreeMap<SourceKind, BTreeSet<RecordKey>>,
    names: Vec<FoldedName>,
    has_email: bool,
    emails: BTreeSet<Identifier>,
}

impl Cluster {
    pub(super) fn new(facts: &Facts<'_>, members: &[usize]) -> Self {
        let mut cluster = Self {
            members: members.to_vec(),
            keys: BTreeSet::new(),
            apart_from: BTreeSet::new(),
            decided_classes: BTreeMap::new(),
            names: Vec::new(),
            has_email: false,
            emails: BTreeSet::new(),
        };
        for member in members.iter().filter_map(|index| facts.members.get(*index)) {
            for (kind, ids) in facts.unique_ids(member) {
                cluster.decided_classes.entry(kind).or_default().extend(ids.into_iter().map(|id| decided_class(facts, id)));
            }
            for decision in facts.decisions.iter().filter(|decision| !decision.same) {
                if decision.left == member.key {
                    cluster.apart_from.insert(decision.right.clone());
                } else if decision.right == member.key {
                    cluster.apart_from.insert(decision.left.clone());
                }
            }
            cluster.keys.insert(member.key.clone());
            if !facts.aliases.is_loser(&member.key) {
                cluster.names.extend(member.name.is_known().then(|| member.name.clone()));
                cluster.has_email |= member.identifiers.iter().any(|identifier| identifier.kind == IdentifierKind::Email);
                cluster.emails.extend(member.linking.iter().filter(|identifier| identifier.kind == IdentifierKind::Email).cloned());
            }
        }
        cluster.names.sort();
        cluster.names.dedup();
        cluster
    }

    pub(super) fn first_member(&self) -> usize {
        self.members.first().copied().unwrap_or_default()
    }

    /// Why the two must not be joined on a level, if so.
    pub(super) fn forbids(&self, other: &Self, level: Level, rules: &IdentityRules) -> Option<Grounds> {
        if !self.apart_from.is_disjoint(&other.keys) {
            return Some(Grounds::DecidedDifferent);
        }
        // A merge of the source is a fact: it makes ids one, whatever else they refer to.
        if level > Level::SourceMerge && self.has_other_ids_than(other) {
            return Some(Grounds::DifferentIds);
        }
        if level == Level::Email && rules.email_needs_names && self.first_names_disagree(other) {
            return Some(Grounds::FirstNames);
        }
        if level == Level::Phone {
            if self.names_disagree(other) {
                return Some(Grounds::Names);
            }
            let strangers = self.has_email && other.has_email && self.emails.is_disjoint(&other.emails);
            if strangers && !self.agrees_by_name(other) {
                return Some(Grounds::EmailAddresses);
            }
        }
        None
    }

    /// Both are known to a unique kind, and not as one and the same.
    fn has_other_ids_than(&self, other: &Self) -> bool {
        self.decided_classes.iter().any(|(kind, ours)| other.decided_classes.get(kind).is_some_and(|theirs| ours.union(theirs).nth(1).is_some()))
    }

    fn first_names_disagree(&self, other: &Self) -> bool {
        let first = |cluster: &Self| cluster.names.iter().filter(|name| name.has_first()).cloned().collect::<Vec<_>>();
        let (ours, theirs) = (first(self), first(other));
        !ours.is_empty() && !theirs.is_empty() && !ours.iter().any(|a| theirs.iter().any(|b| a.first_agrees(b)))
    }

    /// A name without a first name has a say only where one of the two has no first name at all: else one nameless record
    /// would let spouses agree.
    fn names_disagree(&self, other: &Self) -> bool {
        let has_first = |cluster: &Self| cluster.names.iter().any(FoldedName::has_first);
        let both = has_first(self) && has_first(other);
        let heard = |cluster: &Self| cluster.names.iter().filter(|name| !both || name.has_first()).cloned().collect::<Vec<_>>();
        let (ours, theirs) = (heard(self), heard(other));
        !ours.is_empty() && !theirs.is_empty() && !ours.iter().any(|a| theirs.iter().any(|b| a.agrees(b)))
    }

    /// Names agree in full: what is missing proves nothing.
    fn agrees_by_name(&self, other: &Self) -> bool {
        self.names.iter().any(|a| other.names.iter().any(|b| a.is_whole() && b.is_whole() && a.agrees(b)))
    }
}

/// Ids that a person decided to be one person count as one id: the least of them.
fn decided_class(facts: &Facts<'_>, id: RecordKey) -> RecordKey {
    let mut class = BTreeSet::from([id.clone()]);
    loop {
        let before = class.len();
        for decision in facts.decisions.iter().filter(|decision| decision.same) {
            let (left, right) = (facts.aliases.canonical(&decision.left), facts.aliases.canonical(&decision.right));
            if class.contains(left) || class.contains(right) {
                class.extend([left.clone(), right.clone()]);
            }
        }
        if class.len() == before {
            return class.pop_first().unwrap_or(id);
        }
    }
}

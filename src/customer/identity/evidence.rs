//! The facts of records, and the evidence that two records are one person.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::Timestamp;

use super::rules::IdentityRules;
use crate::customer::answer::aliases::Aliases;
use crate::customer::model::folded_name::FoldedName;
use crate::customer::model::identifier::{Identifier, IdentifierKind, identifiers_of};
use crate::customer::model::record::{Record, RecordKey};
use crate::customer::model::source::SourceKind;

/// An existing record, reduced to the facts that identity resolution uses.
#[derive(Debug, Clone)]
pub struct Member {
    /// The record's identity.
    pub key: RecordKey,
    /// The name, in the form for comparison.
    pub name: FoldedName,
    /// The record's identifiers.
    pub identifiers: BTreeSet<Identifier>,
    /// The identifiers that may link: neither blocked nor shared.
    pub linking: BTreeSet<Identifier>,
    /// The time at which the source last reported each phone number.
    pub said_at: BTreeMap<Identifier, Timestamp>,
}

impl Member {
    /// Builds the member of an existing record. `links` may exclude further identifiers, such as shared ones.
    #[must_use]
    pub fn new(
        record: &Record,
        rules: &IdentityRules,
        links: impl Fn(&Identifier) -> bool,
    ) -> Self {
        let identifiers = identifiers_of(record, rules.region);
        let may_link = |value: &&Identifier| {
            rules.may_link(value) && identifiers.may_link(value) && links(value)
        };
        let linking = identifiers.values.iter().filter(may_link).cloned().collect();
        Self {
            key: record.key.clone(),
            name: record.name().folded(),
            linking,
            identifiers: identifiers.values,
            said_at: identifiers.said_at,
        }
    }
}

/// A person's decision about two records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// One record.
    pub left: RecordKey,
    /// The other.
    pub right: RecordKey,
    /// Whether they are one person.
    pub same: bool,
}

/// The input of identity resolution.
#[derive(Debug)]
pub struct RecordFacts<'a> {
    /// Existing records, in whole components.
    pub members: &'a [Member],
    /// The merges by the sources.
    pub aliases: &'a Aliases,
    /// The decisions.
    pub decisions: &'a [Decision],
    /// The brand's rules.
    pub rules: &'a IdentityRules,
}

/// The strength of evidence, the strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// A decision by a person.
    Decision,
    /// A merge by the source.
    SourceMerge,
    /// A reference from one record to another by id.
    Reference,
    /// The same e-mail address or social account.
    Email,
    /// The same phone number.
    Phone,
}

impl Level {
    /// All levels, the strongest first.
    pub const ALL: [Self; 5] =
        [Self::Decision, Self::SourceMerge, Self::Reference, Self::Email, Self::Phone];

    /// The name in Postgres and on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Decision => "decision",
            Self::SourceMerge => "source merge",
            Self::Reference => "reference",
            Self::Email => "e-mail",
            Self::Phone => "phone",
        }
    }
}

/// What records have in common.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Evidence {
    /// A decision that they are one person. Named by the least of its records.
    Decision(RecordKey),
    /// A merge by the source into this record.
    SourceMerge(RecordKey),
    /// This record's id: one record has it, and others refer to it.
    Reference(RecordKey),
    /// An address that they share.
    Address(Identifier),
}

impl Evidence {
    /// The address, if the evidence is an address.
    #[must_use]
    pub const fn address(&self) -> Option<&Identifier> {
        if let Self::Address(identifier) = self { Some(identifier) } else { None }
    }

    /// Its kind and its text, for Postgres and for people.
    #[must_use]
    pub fn in_words(&self) -> (&'static str, String) {
        match self {
            Self::Decision(key) => ("decision", key.to_string()),
            Self::SourceMerge(winner) => ("merge", winner.to_string()),
            Self::Reference(key) => ("reference", key.to_string()),
            Self::Address(identifier) => (identifier.kind.as_str(), identifier.value.clone()),
        }
    }
}

impl fmt::Debug for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:[redacted]", self.in_words().0)
    }
}

/// Like [`Evidence`], but borrowed, for comparisons.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Held<'a> {
    Decision(&'a RecordKey),
    SourceMerge(&'a RecordKey),
    Reference(&'a RecordKey),
    Address(&'a Identifier),
}

impl<'a> Held<'a> {
    pub(crate) fn to_evidence(self) -> Evidence {
        match self {
            Self::Decision(key) => Evidence::Decision(key.clone()),
            Self::SourceMerge(winner) => Evidence::SourceMerge(winner.clone()),
            Self::Reference(key) => Evidence::Reference(key.clone()),
            Self::Address(identifier) => Evidence::Address(identifier.clone()),
        }
    }

    pub(crate) const fn address(self) -> Option<&'a Identifier> {
        if let Self::Address(identifier) = self { Some(identifier) } else { None }
    }
}

/// The facts of a member that do not depend on its cluster.
#[derive(Debug)]
pub(crate) struct PersonFacts<'a> {
    /// The record that represents it, with merges followed.
    pub canonical: &'a RecordKey,
    /// Whether its source merged it into another record. Then its identifiers no longer link.
    pub is_loser: bool,
    /// Whether it is a self-asserted record that nobody confirmed.
    pub is_unconfirmed: bool,
    /// The records of other systems that it refers to, with merges followed.
    pub references: Vec<RecordKey>,
    /// The ids of unique kinds that it represents: its own, and those of known records that it refers to. Merges are
    /// followed. Ids that a decision joined count as one: the least of them.
    pub ids: BTreeMap<SourceKind, BTreeSet<&'a RecordKey>>,
    /// The least of the records that a decision says are the same person.
    same: Option<&'a RecordKey>,
    /// Members that a decision says are somebody else.
    pub apart_from: BTreeSet<usize>,
}

/// Prepares the facts of all members.
///
/// A decision stays valid after its records are gone: then the record that they were merged into, or that a decision
/// says is the same, represents them.
pub(crate) fn people<'a>(facts: &RecordFacts<'a>) -> Vec<PersonFacts<'a>> {
    let numbers: BTreeMap<&RecordKey, usize> =
        facts.members.iter().zip(0..).map(|(member, n)| (&member.key, n)).collect();
    let stands_for =
        |key| if numbers.contains_key(key) { key } else { facts.aliases.canonical(key) };
    let same = || facts.decisions.iter().filter(|decision| decision.same);
    let same_ids = Classes::new(same().map(|decision| {
        (facts.aliases.canonical(&decision.left), facts.aliases.canonical(&decision.right))
    }));
    let same_records = Classes::new(
        same().map(|decision| (stands_for(&decision.left), stands_for(&decision.right))),
    );
    let named: BTreeSet<&'a RecordKey> =
        facts.aliases.iter().flat_map(|(key, end)| [key, end]).collect();
    let is_unconfirmed = |key: &RecordKey| {
        facts.rules.self_asserted.contains(&key.kind) && same_records.least(key).is_none()
    };
    // A self-asserted record cannot turn a reference of a trusted record into an id.
    let known = |key: &RecordKey, to_guest: bool| {
        let member = || {
            numbers
                .get_key_value(key)
                .map(|(key, _)| *key)
                .filter(|key| to_guest || !is_unconfirmed(key))
        };
        named.get(key).copied().or_else(member)
    };
    let mut people: Vec<PersonFacts<'a>> = Vec::with_capacity(facts.members.len());
    let mut of_class: BTreeMap<&RecordKey, Vec<usize>> = BTreeMap::new();
    for (n, member) in facts.members.iter().enumerate() {
        let (is_loser, is_unconfirmed) =
            (facts.aliases.is_loser(&member.key), is_unconfirmed(&member.key));
        let known = |key: &RecordKey| known(key, is_unconfirmed);
        let referred =
            if is_loser { Vec::new() } else { referred_by(member, |key| known(key).is_some()) };
        let mut ids: BTreeMap<SourceKind, BTreeSet<&RecordKey>> = BTreeMap::new();
        let borne = std::iter::once(&member.key).chain(referred.iter().filter_map(known));
        for key in borne.filter(|key| facts.rules.one_record_per_person.contains(&key.kind)) {
            let id = facts.aliases.canonical(key);
            ids.entry(key.kind).or_default().insert(same_ids.least(id).unwrap_or(id));
        }
        let mut references: Vec<RecordKey> =
            referred.iter().map(|key| facts.aliases.canonical(key).clone()).collect();
        references.sort_unstable();
        references.dedup();
        let canonical = facts.aliases.canonical(&member.key);
        let same = same_records.least(&member.key);
        of_class.entry(same.unwrap_or(&member.key)).or_default().push(n);
        people.push(PersonFacts {
            canonical,
            is_loser,
            is_unconfirmed,
            references,
            ids,
            same,
            apart_from: BTreeSet::new(),
        });
    }
    let meant = |key, may_be: &dyn Fn(usize) -> bool| {
        let number = numbers.get(key).copied().filter(|n| may_be(*n));
        let key = if number.is_some() { key } else { facts.aliases.canonical(key) };
        let of_class =
            || of_class.get(same_records.least(key).unwrap_or(key)).cloned().unwrap_or_default();
        let members = numbers.get(key).map_or_else(of_class, |n| vec![*n]);
        members.into_iter().filter(|n| may_be(*n)).collect::<Vec<usize>>()
    };
    let unconfirmed: BTreeSet<usize> = people
        .iter()
        .enumerate()
        .filter(|(_, person)| person.is_unconfirmed)
        .map(|(n, _)| n)
        .collect();
    for decision in facts.decisions.iter().filter(|decision| !decision.same) {
        // Trusted records are resolved as if the unconfirmed ones did not exist.
        for with_guests in [false, true] {
            let may_be = |n: usize| with_guests || !unconfirmed.contains(&n);
            let (left, right) = (meant(&decision.left, &may_be), meant(&decision.right, &may_be));
            let pairs = left.iter().flat_map(|one| right.iter().map(move |other| (*one, *other)));
            for (one, other) in pairs.filter(|(one, other)| {
                one != other
                    && with_guests == (unconfirmed.contains(one) || unconfirmed.contains(other))
            }) {
                people
                    .get_mut(one)
                    .into_iter()
                    .for_each(|person| person.apart_from.extend([other]));
                people
                    .get_mut(other)
                    .into_iter()
                    .for_each(|person| person.apart_from.extend([one]));
            }
        }
    }
    people
}

/// The records that a member refers to. If a reference names an id for several kinds, the kind that has such a record
/// counts. If several kinds have one, the reference is ambiguous and does not count.
fn referred_by(member: &Member, is_known: impl Fn(&RecordKey) -> bool) -> Vec<RecordKey> {
    let mut by_id: BTreeMap<String, Vec<RecordKey>> = BTreeMap::new();
    for key in member.linking.iter().filter_map(Identifier::referred_record) {
        by_id.entry(key.id.clone()).or_default().push(key);
    }
    let meant = |keys: Vec<RecordKey>| {
        let known: Vec<RecordKey> = keys.iter().filter(|key| is_known(key)).cloned().collect();
        match known.len() {
            0 => keys,
            1 => known,
            _ => Vec::new(),
        }
    };
    by_id.into_values().flat_map(meant).collect()
}

/// Maps equal keys to the least of them.
struct Classes<'a>(BTreeMap<&'a RecordKey, &'a RecordKey>);

impl<'a> Classes<'a> {
    fn new(pairs: impl Iterator<Item = (&'a RecordKey, &'a RecordKey)>) -> Self {
        let pairs: Vec<_> = pairs.collect();
        let mut least: BTreeMap<&RecordKey, &RecordKey> =
            pairs.iter().flat_map(|(left, right)| [(*left, *left), (*right, *right)]).collect();
        let mut changed = true;
        while changed {
            changed = false;
            for (left, right) in &pairs {
                let Some(smaller) = least.get(left).min(least.get(right)).copied() else {
                    continue;
                };
                for key in [left, right] {
                    changed |= least.insert(key, smaller) != Some(smaller);
                }
            }
        }
        Self(least)
    }

    fn least(&self, key: &RecordKey) -> Option<&'a RecordKey> {
        self.0.get(key).copied()
    }
}

impl PersonFacts<'_> {
    /// Passes on the member's evidence of a level. Two members with the same evidence are connected.
    pub(crate) fn evidence<'a>(
        &'a self,
        level: Level,
        linking: &'a BTreeSet<Identifier>,
        mut take: impl FnMut(Held<'a>),
    ) {
        match level {
            Level::Decision => self.same.into_iter().map(Held::Decision).for_each(take),
            Level::SourceMerge => take(Held::SourceMerge(self.canonical)),
            Level::Reference => std::iter::once(self.canonical)
                .chain(&self.references)
                .map(Held::Reference)
                .for_each(take),
            Level::Email | Level::Phone if self.is_loser => {}
            Level::Email | Level::Phone => linking
                .iter()
                .filter(|identifier| {
                    identifier.kind.is_address()
                        && (identifier.kind == IdentifierKind::Phone) == (level == Level::Phone)
                })
                .map(Held::Address)
                .for_each(take),
        }
    }
}

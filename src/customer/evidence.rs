//! What speaks for two records being one person.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::identifier::{Identifier, IdentifierKind};
use super::kind::SourceKind;
use super::record::RecordKey;
use super::resolution::Facts;

/// How strong evidence is; the strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// A person decided.
    Decision,
    /// The source merged its own records.
    SourceMerge,
    /// A record refers to another by id.
    Reference,
    /// Equal e-mail address or social account.
    Email,
    /// Equal phone number.
    Phone,
}

impl Level {
    /// The strongest first.
    pub const ALL: [Self; 5] = [Self::Decision, Self::SourceMerge, Self::Reference, Self::Email, Self::Phone];

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

/// Something that records have in common.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Evidence {
    /// A person decided that the two are one.
    Decision(RecordKey, RecordKey),
    /// The source merged records into this one.
    SourceMerge(RecordKey),
    /// This record's id, which it bears and others refer to.
    Reference(RecordKey),
    /// An address of theirs.
    Address(Identifier),
}

impl Evidence {
    /// Its sort and its text, as Postgres and people get them.
    #[must_use]
    pub fn in_words(&self) -> (&'static str, String) {
        match self {
            Self::Decision(left, right) => ("decision", format!("{left} {right}")),
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

/// A member with everything that doesn't depend on its company.
#[derive(Debug)]
pub(super) struct Person {
    /// The record that stands for it, merges followed.
    pub canonical: RecordKey,
    /// Whether its source merged it into another one: then its identifiers no longer link.
    pub is_loser: bool,
    /// The records of other systems that it refers to, merges followed.
    pub references: BTreeSet<RecordKey>,
    /// The ids of unique kinds that it stands for: its own and those it refers to. Merges are followed, and ids that a
    /// person decided to be one count as one: the least of them.
    pub ids: BTreeMap<SourceKind, BTreeSet<RecordKey>>,
    /// Decisions that it is the same as somebody.
    same: Vec<Evidence>,
    /// Members that it was decided to be different from.
    pub apart_from: BTreeSet<usize>,
}

/// Prepares all members of some facts.
pub(super) fn people(facts: &Facts<'_>) -> Vec<Person> {
    let numbers: BTreeMap<&RecordKey, usize> = facts.members.iter().zip(0..).map(|(member, n)| (&member.key, n)).collect();
    let decided_ids = decided_ids(facts);
    let mut people: Vec<Person> = Vec::with_capacity(facts.members.len());
    for member in facts.members {
        let is_loser = facts.aliases.is_loser(&member.key);
        let referred = member.linking.iter().filter(|_| !is_loser).filter_map(Identifier::referred_record);
        let references: BTreeSet<RecordKey> = referred.map(|key| facts.aliases.canonical(&key).clone()).collect();
        let canonical = facts.aliases.canonical(&member.key).clone();
        let mut ids: BTreeMap<SourceKind, BTreeSet<RecordKey>> = BTreeMap::new();
        for key in std::iter::once(&canonical).chain(&references).filter(|key| facts.rules.unique.contains(&key.kind)) {
            ids.entry(key.kind).or_default().insert(decided_ids.get(key).unwrap_or(key).clone());
        }
        people.push(Person { canonical, is_loser, references, ids, same: Vec::new(), apart_from: BTreeSet::new() });
    }
    for decision in facts.decisions {
        for (key, other) in [(&decision.left, &decision.right), (&decision.right, &decision.left)] {
            let Some(person) = numbers.get(key).and_then(|n| people.get_mut(*n)) else { continue };
            if decision.same {
                person.same.push(Evidence::Decision(decision.left.clone(), decision.right.clone()));
            } else {
                person.apart_from.extend(numbers.get(other));
            }
        }
    }
    people
}

/// Ids that people decided to be one, each with the least of them.
fn decided_ids(facts: &Facts<'_>) -> BTreeMap<RecordKey, RecordKey> {
    let mut least: BTreeMap<RecordKey, RecordKey> = BTreeMap::new();
    let pairs: Vec<(&RecordKey, &RecordKey)> = facts
        .decisions
        .iter()
        .filter(|decision| decision.same)
        .map(|decision| (facts.aliases.canonical(&decision.left), facts.aliases.canonical(&decision.right)))
        .collect();
    loop {
        let mut changed = false;
        for (left, right) in &pairs {
            let of = |key: &RecordKey| least.get(key).unwrap_or(key).clone();
            let smaller = of(left).min(of(right));
            for key in [*left, *right] {
                if *least.get(key).unwrap_or(key) != smaller {
                    least.insert(key.clone(), smaller.clone());
                    changed = true;
                }
            }
        }
        if !changed {
            return least;
        }
    }
}

impl Person {
    /// What it has on a level. A value that two members have in common connects them.
    pub(super) fn evidence(&self, level: Level, linking: &BTreeSet<Identifier>) -> Vec<Evidence> {
        match level {
            Level::Decision => self.same.clone(),
            Level::SourceMerge => vec![Evidence::SourceMerge(self.canonical.clone())],
            Level::Reference => std::iter::once(&self.canonical).chain(&self.references).cloned().map(Evidence::Reference).collect(),
            Level::Email | Level::Phone if self.is_loser => Vec::new(),
            Level::Email | Level::Phone => linking
                .iter()
                .filter(|identifier| identifier.kind.is_address() && (identifier.kind == IdentifierKind::Phone) == (level == Level::Phone))
                .cloned()
                .map(Evidence::Address)
                .collect(),
        }
    }
}

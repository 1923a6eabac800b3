//! What is known of some records, and what of it speaks for two of them being one person.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::Timestamp;

use super::rules::IdentityRules;
use crate::customer::answer::aliases::Aliases;
use crate::customer::model::folded_name::FoldedName;
use crate::customer::model::identifier::{Identifier, IdentifierKind, identifiers_of};
use crate::customer::model::record::{Record, RecordKey};
use crate::customer::model::source::SourceKind;

/// A live record, as far as identity goes.
#[derive(Debug, Clone)]
pub struct Member {
    /// Who.
    pub key: RecordKey,
    /// The name, for comparing.
    pub name: FoldedName,
    /// What it is found by.
    pub identifiers: BTreeSet<Identifier>,
    /// Those of its identifiers that may link: neither blocked nor shared.
    pub linking: BTreeSet<Identifier>,
    /// When it last said each of its phone numbers.
    pub said_at: BTreeMap<Identifier, Timestamp>,
}

impl Member {
    /// A live record, as far as identity goes. `links` says whether more than the rules has to be heard about one of its values.
    #[must_use]
    pub fn new(record: &Record, rules: &IdentityRules, links: impl Fn(&Identifier) -> bool) -> Self {
        let identifiers = identifiers_of(record, rules.region);
        let may_link = |value: &&Identifier| rules.may_link(value) && identifiers.may_link(value) && links(value);
        let linking = identifiers.values.iter().filter(may_link).cloned().collect();
        Self { key: record.key.clone(), name: record.name().folded(), linking, identifiers: identifiers.values, said_at: identifiers.said_at }
    }
}

/// What a person decided about two records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// One record.
    pub left: RecordKey,
    /// The other.
    pub right: RecordKey,
    /// Whether they are one person.
    pub same: bool,
}

/// Everything that resolution looks at.
#[derive(Debug)]
pub struct RecordFacts<'a> {
    /// Live records, whole components.
    pub members: &'a [Member],
    /// The source's merges.
    pub aliases: &'a Aliases,
    /// People's decisions.
    pub decisions: &'a [Decision],
    /// The brand's rules.
    pub rules: &'a IdentityRules,
}

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
    /// People decided that they are one; the least of the records that they named.
    Decision(RecordKey),
    /// The source merged records into this one.
    SourceMerge(RecordKey),
    /// This record's id, which it bears and others refer to.
    Reference(RecordKey),
    /// An address of theirs.
    Address(Identifier),
}

impl Evidence {
    /// The address that it is.
    #[must_use]
    pub const fn address(&self) -> Option<&Identifier> {
        if let Self::Address(identifier) = self { Some(identifier) } else { None }
    }

    /// Its sort and its text, as Postgres and people get them.
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

/// The same as [`Evidence`], while it is only compared.
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

/// A member with everything that doesn't depend on its company.
#[derive(Debug)]
pub(crate) struct PersonFacts<'a> {
    /// The record that stands for it, merges followed.
    pub canonical: &'a RecordKey,
    /// Whether its source merged it into another one: then its identifiers no longer link.
    pub is_loser: bool,
    /// Whether it is a self-asserted record that nobody confirmed.
    pub is_guest: bool,
    /// The records of other systems that it refers to, merges followed.
    pub references: Vec<RecordKey>,
    /// The ids of unique kinds that it stands for: its own and those of known records that it refers to. Merges are followed, and
    /// ids that a person decided to be one count as one: the least of them.
    pub ids: BTreeMap<SourceKind, BTreeSet<&'a RecordKey>>,
    /// The least of the records that people decided to be the same as it.
    same: Option<&'a RecordKey>,
    /// Members that it was decided to be different from.
    pub apart_from: BTreeSet<usize>,
}

/// Prepares all members of some facts.
///
/// A decision outlives the records that it names: where one is gone, whoever it was merged into or decided to be the same
/// as stands for it.
pub(crate) fn people<'a>(facts: &RecordFacts<'a>) -> Vec<PersonFacts<'a>> {
    let numbers: BTreeMap<&RecordKey, usize> = facts.members.iter().zip(0..).map(|(member, n)| (&member.key, n)).collect();
    let stands_for = |key| if numbers.contains_key(key) { key } else { facts.aliases.canonical(key) };
    let same = || facts.decisions.iter().filter(|decision| decision.same);
    let same_ids = Classes::new(same().map(|decision| (facts.aliases.canonical(&decision.left), facts.aliases.canonical(&decision.right))));
    let same_records = Classes::new(same().map(|decision| (stands_for(&decision.left), stands_for(&decision.right))));
    let named: BTreeSet<&'a RecordKey> = facts.aliases.iter().flat_map(|(key, end)| [key, end]).collect();
    let is_guest = |key: &RecordKey| facts.rules.self_asserted.contains(&key.kind) && same_records.least(key).is_none();
    // What anybody may have written makes no id of what the others refer to.
    let known = |key: &RecordKey, to_guest: bool| {
        let member = || numbers.get_key_value(key).map(|(key, _)| *key).filter(|key| to_guest || !is_guest(key));
        named.get(key).copied().or_else(member)
    };
    let mut people: Vec<PersonFacts<'a>> = Vec::with_capacity(facts.members.len());
    let mut of_class: BTreeMap<&RecordKey, Vec<usize>> = BTreeMap::new();
    for (n, member) in facts.members.iter().enumerate() {
        let (is_loser, is_guest) = (facts.aliases.is_loser(&member.key), is_guest(&member.key));
        let known = |key: &RecordKey| known(key, is_guest);
        let referred = if is_loser { Vec::new() } else { referred_by(member, |key| known(key).is_some()) };
        let mut ids: BTreeMap<SourceKind, BTreeSet<&RecordKey>> = BTreeMap::new();
        let borne = std::iter::once(&member.key).chain(referred.iter().filter_map(known));
        for key in borne.filter(|key| facts.rules.one_record_per_person.contains(&key.kind)) {
            let id = facts.aliases.canonical(key);
            ids.entry(key.kind).or_default().insert(same_ids.least(id).unwrap_or(id));
        }
        let mut references: Vec<RecordKey> = referred.iter().map(|key| facts.aliases.canonical(key).clone()).collect();
        references.sort_unstable();
        references.dedup();
        let canonical = facts.aliases.canonical(&member.key);
        let same = same_records.least(&member.key);
        of_class.entry(same.unwrap_or(&member.key)).or_default().push(n);
        people.push(PersonFacts { canonical, is_loser, is_guest, references, ids, same, apart_from: BTreeSet::new() });
    }
    let meant = |key, may_be: &dyn Fn(usize) -> bool| {
        let number = numbers.get(key).copied().filter(|n| may_be(*n));
        let key = if number.is_some() { key } else { facts.aliases.canonical(key) };
        let of_class = || of_class.get(same_records.least(key).unwrap_or(key)).cloned().unwrap_or_default();
        let members = numbers.get(key).map_or_else(of_class, |n| vec![*n]);
        members.into_iter().filter(|n| may_be(*n)).collect::<Vec<usize>>()
    };
    let guests: BTreeSet<usize> = people.iter().enumerate().filter(|(_, person)| person.is_guest).map(|(n, _)| n).collect();
    for decision in facts.decisions.iter().filter(|decision| !decision.same) {
        // Among those who are trusted it counts as if there were no others.
        for with_guests in [false, true] {
            let may_be = |n: usize| with_guests || !guests.contains(&n);
            let (left, right) = (meant(&decision.left, &may_be), meant(&decision.right, &may_be));
            let pairs = left.iter().flat_map(|one| right.iter().map(move |other| (*one, *other)));
            for (one, other) in pairs.filter(|(one, other)| one != other && with_guests == (guests.contains(one) || guests.contains(other))) {
                people.get_mut(one).into_iter().for_each(|person| person.apart_from.extend([other]));
                people.get_mut(other).into_iter().for_each(|person| person.apart_from.extend([one]));
            }
        }
    }
    people
}

/// The records that a member refers to. An id that it gives for several kinds is taken for the kind that has it; where several
/// have, nobody can tell which is meant.
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

/// Keys that are the same, each with the least of them.
struct Classes<'a>(BTreeMap<&'a RecordKey, &'a RecordKey>);

impl<'a> Classes<'a> {
    fn new(pairs: impl Iterator<Item = (&'a RecordKey, &'a RecordKey)>) -> Self {
        let pairs: Vec<_> = pairs.collect();
        let mut least: BTreeMap<&RecordKey, &RecordKey> = pairs.iter().flat_map(|(left, right)| [(*left, *left), (*right, *right)]).collect();
        let mut changed = true;
        while changed {
            changed = false;
            for (left, right) in &pairs {
                let Some(smaller) = least.get(left).min(least.get(right)).copied() else { continue };
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
    /// Gives what it has on a level. A value that two members have in common connects them.
    pub(crate) fn evidence<'a>(&'a self, level: Level, linking: &'a BTreeSet<Identifier>, mut take: impl FnMut(Held<'a>)) {
        match level {
            Level::Decision => self.same.into_iter().map(Held::Decision).for_each(take),
            Level::SourceMerge => take(Held::SourceMerge(self.canonical)),
            Level::Reference => std::iter::once(self.canonical).chain(&self.references).map(Held::Reference).for_each(take),
            Level::Email | Level::Phone if self.is_loser => {}
            Level::Email | Level::Phone => linking
                .iter()
                .filter(|identifier| identifier.kind.is_address() && (identifier.kind == IdentifierKind::Phone) == (level == Level::Phone))
                .map(Held::Address)
                .for_each(take),
        }
    }
}

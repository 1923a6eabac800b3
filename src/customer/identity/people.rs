//! Each record's person, as far as the record's own facts tell: what it is, and the evidence that it has.

use std::collections::{BTreeMap, BTreeSet};

use super::cluster::{Cluster, Ids};
use super::decisions::{Decisions, Positions};
use super::evidence::{Held, Level};
use super::record_facts::{Member, RecordFacts};
use super::references::{KnownRecords, referred_by};
use super::unique_kinds::ids_among;
use crate::customer::model::identifier::{Identifier, IdentifierKind};
use crate::customer::model::record::RecordKey;

/// The facts of a member that do not depend on its cluster.
#[derive(Debug)]
pub(crate) struct PersonFacts<'a> {
    /// The record that represents it, with merges followed.
    pub canonical: &'a RecordKey,
    /// Whether its source merged it into another record. Then its identifiers no longer link.
    pub is_loser: bool,
    /// Whether it is a self-asserted record that nobody confirmed.
    pub is_unconfirmed: bool,
    /// Members that a decision says are somebody else.
    pub apart_from: BTreeSet<usize>,
    /// The records of other systems that it refers to, with merges followed.
    references: Vec<RecordKey>,
    /// The ids of unique kinds that it represents.
    ids: Ids<'a>,
    /// The least of the records that a decision says are the same person.
    same: Option<&'a RecordKey>,
}

/// The members with their facts.
pub(crate) struct People<'a> {
    pub facts: &'a RecordFacts<'a>,
    people: Vec<PersonFacts<'a>>,
}

impl<'a> People<'a> {
    /// Prepares the facts of all members.
    pub(crate) fn new(facts: &'a RecordFacts<'a>) -> Self {
        let positions: Positions<'_> =
            facts.members.iter().zip(0..).map(|(member, n)| (&member.key, n)).collect();
        let decisions = Decisions::new(facts, &positions);
        let known = KnownRecords::new(facts, &positions, &decisions);
        let mut people: Vec<PersonFacts<'_>> = facts
            .members
            .iter()
            .map(|member| PersonFacts::new(member, facts, &known, &decisions))
            .collect();
        let is_unconfirmed = |n: usize| people.get(n).is_some_and(|person| person.is_unconfirmed);
        for (one, other) in decisions.different(is_unconfirmed) {
            for (n, another) in [(one, other), (other, one)] {
                people.get_mut(n).into_iter().for_each(|person| {
                    person.apart_from.insert(another);
                });
            }
        }
        Self { facts, people }
    }

    pub(crate) fn person(&self, n: usize) -> Option<&PersonFacts<'a>> {
        self.people.get(n)
    }

    /// A cluster of one member.
    pub(crate) fn cluster(&self, n: usize) -> Option<Cluster<'a>> {
        let (member, person) = (self.facts.members.get(n)?, self.people.get(n)?);
        let mut cluster = Cluster {
            members: vec![n],
            apart_from: person.apart_from.clone(),
            ids: person.ids.clone(),
            ..Cluster::default()
        };
        if !person.is_loser {
            let of_kind = |kind| {
                member.linking.iter().filter(move |identifier| identifier.kind == kind).collect()
            };
            cluster.names.extend(member.name.is_known().then_some(&member.name));
            cluster.emails = of_kind(IdentifierKind::Email);
            cluster.phones = of_kind(IdentifierKind::Phone);
        }
        Some(cluster)
    }

    /// The evidence of a level, with the members that have it.
    pub(crate) fn holders(&self, level: Level, among: &[usize]) -> BTreeMap<Held<'_>, Vec<usize>> {
        let mut holders: BTreeMap<Held<'_>, Vec<usize>> = BTreeMap::new();
        for n in among {
            let (Some(member), Some(person)) = (self.facts.members.get(*n), self.people.get(*n))
            else {
                continue;
            };
            person.evidence(level, &member.linking, |evidence| {
                holders.entry(evidence).or_default().push(*n);
            });
        }
        holders
    }
}

impl<'a> PersonFacts<'a> {
    fn new(
        member: &'a Member,
        facts: &'a RecordFacts<'a>,
        known: &KnownRecords<'_, 'a>,
        decisions: &Decisions<'_, 'a>,
    ) -> Self {
        let is_loser = facts.aliases.is_loser(&member.key);
        let is_unconfirmed = decisions.leave_unconfirmed(&member.key);
        let known = |key: &RecordKey| known.get(key, !is_unconfirmed);
        let referred =
            if is_loser { Vec::new() } else { referred_by(member, |key| known(key).is_some()) };
        let own = std::iter::once(&member.key).chain(referred.iter().filter_map(known));
        let ids = ids_among(own, facts, decisions);
        let mut references: Vec<RecordKey> =
            referred.iter().map(|key| facts.aliases.canonical(key).clone()).collect();
        references.sort_unstable();
        references.dedup();
        Self {
            canonical: facts.aliases.canonical(&member.key),
            is_loser,
            is_unconfirmed,
            apart_from: BTreeSet::new(),
            references,
            ids,
            same: decisions.same_record(&member.key),
        }
    }

    /// Passes on the member's evidence of a level. Two members with the same evidence are connected.
    fn evidence<'p>(
        &'p self,
        level: Level,
        linking: &'p BTreeSet<Identifier>,
        mut take: impl FnMut(Held<'p>),
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
                .filter(|identifier| Level::of(identifier.kind) == level)
                .map(Held::Address)
                .for_each(take),
        }
    }
}

//! Phone numbers with a new owner. If an old record has a number, and another person's record has it now, it belongs to
//! the other person.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::cluster::{Cluster, Names};
use super::evidence::{Evidence, Held};
use super::record_facts::RecordFacts;

/// A number that a customer lost to others. It neither links nor finds the customer any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// The number.
    pub evidence: Evidence,
    /// The members that lost the number.
    pub from: Vec<usize>,
}

const HOURS_OF_A_YEAR: i64 = 365 * 24;

/// Removes the clusters that lost a phone number: another cluster reported it later, by more than the rules allow, and
/// the names are unlike (or one has no name). `holding` maps indices of `before` to the members that hold the number.
pub(crate) fn left_behind(
    facts: &RecordFacts<'_>,
    number: Held<'_>,
    before: &[Cluster<'_>],
    holding: &mut BTreeMap<usize, Vec<usize>>,
) -> Vec<Moved> {
    let said: Vec<(usize, Timestamp)> = holding
        .iter()
        .filter_map(|(n, members)| Some((*n, said_at(facts, number, members)?)))
        .collect();
    let unlike = |one: &usize, other: &usize| {
        before
            .get(*one)
            .zip(before.get(*other))
            .is_some_and(|(a, b)| are_unlike(&a.names, &b.names))
    };
    let is_lost = |(n, at): &&(usize, Timestamp)| {
        said.iter().any(|(other, since)| is_long_before(facts, *at, *since) && unlike(n, other))
    };
    let lost: Vec<usize> = said.iter().filter(is_lost).map(|(n, _)| *n).collect();
    lost.into_iter()
        .filter_map(|n| Some(Moved { evidence: number.to_evidence(), from: holding.remove(&n)? }))
        .collect()
}

/// A cluster, with those of its members that hold a number.
#[derive(Clone, Copy)]
pub(crate) struct Holder<'c, 'a> {
    pub cluster: &'c Cluster<'a>,
    pub members: &'c [usize],
}

/// Whether one holder lost a number to another one.
pub(crate) fn has_lost(
    facts: &RecordFacts<'_>,
    number: Held<'_>,
    ours: Holder<'_, '_>,
    theirs: Holder<'_, '_>,
) -> bool {
    let said = [ours, theirs].map(|holder| said_at(facts, number, holder.members));
    let [Some(at), Some(since)] = said else { return false };
    is_long_before(facts, at, since) && are_unlike(&ours.cluster.names, &theirs.cluster.names)
}

/// The latest time at which a source reported the number for any of the members.
fn said_at(facts: &RecordFacts<'_>, number: Held<'_>, members: &[usize]) -> Option<Timestamp> {
    let Held::Address(number) = number else { return None };
    members.iter().filter_map(|n| facts.members.get(*n)?.said_at.get(number).copied()).max()
}

/// Whether a report is so much older than another one that the number counts as reassigned.
fn is_long_before(facts: &RecordFacts<'_>, at: Timestamp, since: Timestamp) -> bool {
    let years = i64::from(facts.rules.phone_reassigned_after_years);
    years > 0
        && since.duration_since(at)
            >= SignedDuration::from_hours(HOURS_OF_A_YEAR.saturating_mul(years))
}

/// Whether the names suggest neither one person nor one family: no name is a spelling of a name of the other side, or
/// has its family name. Also true if one side has no name.
fn are_unlike(ours: &Names<'_>, theirs: &Names<'_>) -> bool {
    !ours.iter().any(|a| theirs.iter().any(|b| a.is_spelling_of(b) || a.has_family_name_of(b)))
}

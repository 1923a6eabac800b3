//! Phone numbers with a new owner. If an old record has a number, and another person's record has it now, it belongs to
//! the other person.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::cluster::Cluster;
use super::contradiction::are_unlike;
use super::evidence::{Evidence, Held, RecordFacts};

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

/// The latest time at which a source reported the number for any of the members.
pub(crate) fn said_at(
    facts: &RecordFacts<'_>,
    number: Held<'_>,
    members: &[usize],
) -> Option<Timestamp> {
    let Held::Address(number) = number else { return None };
    members.iter().filter_map(|n| facts.members.get(*n)?.said_at.get(number).copied()).max()
}

/// Whether a report is so much older than another one that the number counts as reassigned.
pub(crate) fn is_long_before(facts: &RecordFacts<'_>, at: Timestamp, since: Timestamp) -> bool {
    let years = i64::from(facts.rules.phone_reassigned_after_years);
    years > 0
        && since.duration_since(at)
            >= SignedDuration::from_hours(HOURS_OF_A_YEAR.saturating_mul(years))
}

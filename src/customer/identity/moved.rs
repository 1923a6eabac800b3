//! Phone numbers get new owners: what somebody's record said long ago, and another person's says now, is the other's.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::cluster::Cluster;
use super::contradiction::are_unlike;
use super::evidence::{Evidence, Held, RecordFacts};

/// A number that a customer lost to others: it neither links nor finds the customer any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// The number.
    pub evidence: Evidence,
    /// The members whose number it was.
    pub from: Vec<usize>,
}

const HOURS_OF_A_YEAR: i64 = 365 * 24;

/// Takes out the holders of a number who said it longer ago than the rules allow, where others who are called differently, or of
/// whom either has no name, say it since. `holding` names clusters of `before`, with the members that hold it.
pub(crate) fn left_behind(
    facts: &RecordFacts<'_>,
    number: Held<'_>,
    before: &[Cluster<'_>],
    holding: &mut BTreeMap<usize, Vec<usize>>,
) -> Vec<Moved> {
    let said: Vec<(usize, Timestamp)> = holding.iter().filter_map(|(n, members)| Some((*n, said_at(facts, number, members)?))).collect();
    let unlike = |one: &usize, other: &usize| before.get(*one).zip(before.get(*other)).is_some_and(|(a, b)| are_unlike(&a.names, &b.names));
    let is_lost = |(n, at): &&(usize, Timestamp)| said.iter().any(|(other, since)| is_long_before(facts, *at, *since) && unlike(n, other));
    let lost: Vec<usize> = said.iter().filter(is_lost).map(|(n, _)| *n).collect();
    lost.into_iter().filter_map(|n| Some(Moved { evidence: number.to_evidence(), from: holding.remove(&n)? })).collect()
}

/// When the last of some members said a number.
pub(crate) fn said_at(facts: &RecordFacts<'_>, number: Held<'_>, members: &[usize]) -> Option<Timestamp> {
    let Held::Address(number) = number else { return None };
    members.iter().filter_map(|n| facts.members.get(*n)?.said_at.get(number).copied()).max()
}

/// Whether something was said too long before something else.
pub(crate) fn is_long_before(facts: &RecordFacts<'_>, at: Timestamp, since: Timestamp) -> bool {
    let years = i64::from(facts.rules.phone_reassigned_after_years);
    years > 0 && since.duration_since(at) >= SignedDuration::from_hours(HOURS_OF_A_YEAR.saturating_mul(years))
}

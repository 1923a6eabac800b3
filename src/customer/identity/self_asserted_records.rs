//! Self-asserted kinds: records that anybody may have written about anybody, such as participants of a form. Until
//! somebody confirms such a record, it does not affect how other records are resolved.
//!
//! All other records are resolved first, without them. Then each unconfirmed record is compared with the resulting
//! customers. It joins a customer if a normal record would join it. If it fits several customers, or none, it stays
//! alone. So text that a stranger types cannot join two customers, split one, or remove a record from a customer.

use std::collections::{BTreeMap, BTreeSet};

use super::cluster::{Cluster, positions_by_member};
use super::conflict::Conflict;
use super::evidence::{Held, Level};
use super::findings::{Findings, Link, OpenQuestion};
use super::forbidden_pairs::{ForbiddenPairs, On};
use super::moved_numbers::{Holder, has_lost};
use super::people::People;
use crate::customer::model::identifier::Identifier;
use crate::customer::model::record::RecordKey;

/// The levels that place an unconfirmed record. Decisions are missing, because a decision confirms a record.
const LEVELS: [Level; 4] = [Level::SourceMerge, Level::Reference, Level::Email, Level::Phone];

/// The trusted clusters that hold each piece of evidence, and in each the members that hold it.
type Holders<'p> = BTreeMap<Level, BTreeMap<Held<'p>, BTreeMap<usize, Vec<usize>>>>;

/// Unconfirmed records that fit a cluster, with the evidence.
struct Placed {
    members: Vec<usize>,
    link: Link,
}

/// The clusters that hold evidence of a level which unconfirmed records have, too.
#[derive(Default)]
struct Candidates {
    /// The clusters that the records may join, each with the first evidence for it.
    fitting: BTreeMap<usize, Link>,
    /// The evidence that contradicts a cluster.
    unfitting: Vec<OpenQuestion>,
}

/// Adds unconfirmed records to the clusters of the trusted records. Returns the records that fit none.
pub(crate) fn place<'a>(
    people: &People<'a>,
    unconfirmed: &[usize],
    trusted: &[usize],
    findings: &mut Findings<'a>,
) -> Vec<usize> {
    let holders = holders(people, trusted, findings);
    let mut joining: BTreeMap<usize, Vec<Placed>> = BTreeMap::new();
    let mut left = Vec::new();
    for members in merged_by_source(people, unconfirmed) {
        match find_cluster(people, &members, &holders, findings) {
            Some((cluster, link)) => {
                joining.entry(cluster).or_default().push(Placed { members, link });
            }
            None => left.extend(members),
        }
    }
    for (cluster, placed) in joining {
        left.extend(join(people, cluster, placed, findings));
    }
    left.sort_unstable();
    left
}

/// Unconfirmed records, grouped by the merges of their source.
fn merged_by_source(people: &People<'_>, unconfirmed: &[usize]) -> Vec<Vec<usize>> {
    let mut groups: BTreeMap<&RecordKey, Vec<usize>> = BTreeMap::new();
    for (n, person) in unconfirmed.iter().filter_map(|n| Some((*n, people.person(*n)?))) {
        groups.entry(person.canonical).or_default().push(n);
    }
    let separated = |group: Vec<usize>| {
        if are_decided_different(people, &group, &group) {
            group.into_iter().map(|n| vec![n]).collect()
        } else {
            vec![group]
        }
    };
    groups.into_values().flat_map(separated).collect()
}

/// The evidence of the trusted records, as far as their components use it.
fn holders<'p>(people: &'p People<'_>, trusted: &[usize], findings: &Findings<'_>) -> Holders<'p> {
    let owner = positions_by_member(findings.clusters.iter().map(|resolved| &resolved.cluster));
    let lost: BTreeSet<(Option<&Identifier>, usize)> = findings
        .moved
        .iter()
        .flat_map(|moved| moved.from.iter().map(|n| (moved.evidence.address(), *n)))
        .collect();
    let is_lost = |address: Option<&Identifier>, member: usize| {
        address.is_some() && lost.contains(&(address, member))
    };
    let is_used = |level: Level, cluster: usize| {
        findings.clusters.get(cluster).is_some_and(|resolved| level <= resolved.last)
    };
    let mut holders = Holders::new();
    for level in LEVELS.into_iter().filter(|level| people.facts.rules.links_by(*level)) {
        let of_level = holders.entry(level).or_default();
        for (evidence, members) in people.holders(level, trusted) {
            for member in members.into_iter().filter(|n| !is_lost(evidence.address(), *n)) {
                if let Some(cluster) = owner.get(&member).filter(|n| is_used(level, **n)) {
                    let holding: &mut BTreeMap<usize, Vec<usize>> =
                        of_level.entry(evidence).or_default();
                    holding.entry(*cluster).or_default().push(member);
                }
            }
        }
    }
    holders
}

/// The one cluster that unconfirmed records fit, with the evidence. `None` if they fit several or none.
fn find_cluster<'a>(
    people: &People<'a>,
    members: &[usize],
    holders: &Holders<'_>,
    findings: &mut Findings<'a>,
) -> Option<(usize, Link)> {
    let own = members.iter().filter_map(|n| people.cluster(*n)).reduce(Cluster::join)?;
    for level in holders.keys() {
        let Candidates { fitting, unfitting } = candidates(people, &own, *level, holders, findings);
        findings.questions.extend(unfitting);
        if fitting.len() > 1 {
            findings.questions.extend(fitting.into_values().map(ambiguous));
        } else if let Some(place) = fitting.into_iter().next() {
            return Some(place);
        }
    }
    None
}

/// Compares unconfirmed records with the clusters that hold the same evidence of a level.
fn candidates<'a>(
    people: &People<'a>,
    own: &Cluster<'a>,
    level: Level,
    holders: &Holders<'_>,
    findings: &Findings<'a>,
) -> Candidates {
    let (facts, mut candidates) = (people.facts, Candidates::default());
    let of_level = holders.get(&level);
    for (evidence, members) in people.holders(level, &own.members) {
        let holding = of_level.and_then(|of_level| of_level.get(&evidence));
        for (place, others) in holding.into_iter().flatten() {
            let Some(resolved) = findings.clusters.get(*place) else { continue };
            let [ours, theirs] = [(own, &members), (&resolved.cluster, others)]
                .map(|(cluster, members)| Holder { cluster, members });
            if level == Level::Phone && has_lost(facts, evidence, ours, theirs) {
                continue;
            }
            let on = On { level, value: Some(evidence) };
            let pair = [theirs.cluster, own];
            let evidence = || evidence.to_evidence();
            if let Some(conflict) = ForbiddenPairs::among(&pair, on, facts.rules).conflict() {
                let members = others.iter().chain(&own.members).copied().collect();
                let question = OpenQuestion { level, evidence: evidence(), conflict, members };
                candidates.unfitting.push(question);
            } else {
                candidates.fitting.entry(*place).or_insert_with(|| {
                    let members = others.iter().chain(&members).copied().collect();
                    Link { level, evidence: evidence(), members }
                });
            }
        }
    }
    candidates
}

/// Evidence that fits several customers.
fn ambiguous(link: Link) -> OpenQuestion {
    let Link { level, evidence, members } = link;
    OpenQuestion { level, evidence, conflict: Conflict::SelfAsserted, members }
}

/// Joins unconfirmed records to one cluster. Returns those that a decision keeps out.
fn join<'a>(
    people: &People<'a>,
    cluster: usize,
    joining: Vec<Placed>,
    findings: &mut Findings<'a>,
) -> Vec<usize> {
    let all: Vec<usize> = joining.iter().flat_map(|placed| &placed.members).copied().collect();
    let mut left = Vec::new();
    for Placed { members, link } in joining {
        // The record fits two people whom a person decided to be different, so it cannot be placed.
        if are_decided_different(people, &members, &all) {
            left.extend(members);
            continue;
        }
        findings.links.push(link);
        if let Some(resolved) = findings.clusters.get_mut(cluster) {
            let known = std::mem::take(&mut resolved.cluster);
            let unconfirmed = members.iter().filter_map(|n| people.cluster(*n));
            resolved.cluster = unconfirmed.fold(known, Cluster::join);
        }
    }
    left
}

/// Whether a decision says that a member of one group differs from a member of the other.
fn are_decided_different(people: &People<'_>, some: &[usize], others: &[usize]) -> bool {
    some.iter().any(|n| {
        people.person(*n).is_some_and(|person| others.iter().any(|m| person.apart_from.contains(m)))
    })
}

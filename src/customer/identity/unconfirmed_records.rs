//! Places unconfirmed records ("guests"): self-asserted records, such as participants of a form, that nobody confirmed.
//! Anybody may have written them about anybody, so they do not affect how other records are resolved.
//!
//! All other records are resolved first, without them. Then each unconfirmed record is compared with the resulting
//! customers. It joins a customer if a normal record would join it. If it fits several customers, or none, it stays
//! alone. So text that a stranger types cannot join two customers, split one, or remove a record from a customer.

use std::collections::{BTreeMap, BTreeSet};

use super::cluster::Cluster;
use super::contradiction::{Among, Conflict, On, are_unlike};
use super::evidence::{Evidence, Held, Level};
use super::moved::{is_long_before, said_at};
use super::resolution::{Found, Link, Resolver};
use crate::customer::model::identifier::Identifier;
use crate::customer::model::record::RecordKey;

/// The levels that place an unconfirmed record. Decisions are missing, because a decision confirms a record.
const LEVELS: [Level; 4] = [Level::SourceMerge, Level::Reference, Level::Email, Level::Phone];

/// The trusted clusters that hold each piece of evidence, and in each the members that hold it.
type Holders<'a> = BTreeMap<Level, BTreeMap<Held<'a>, BTreeMap<usize, Vec<usize>>>>;

/// Adds unconfirmed records to the clusters of the trusted records. Returns the records that fit none.
pub(crate) fn place<'a>(
    resolver: &'a Resolver<'a>,
    unconfirmed: &[usize],
    trusted: &[usize],
    found: &mut Found<'a>,
) -> Vec<usize> {
    let holders = holders(resolver, trusted, found);
    let mut joining: BTreeMap<usize, Vec<(Vec<usize>, Link)>> = BTreeMap::new();
    let mut left = Vec::new();
    for party in parties(resolver, unconfirmed) {
        match place_of(resolver, &party, &holders, found) {
            Some((place, link)) => joining.entry(place).or_default().push((party, link)),
            None => left.extend(party),
        }
    }
    for (place, parties) in joining {
        let all: Vec<usize> = parties.iter().flat_map(|(party, _)| party).copied().collect();
        for (party, link) in parties {
            // The record fits two people whom a person decided to be different, so it cannot be placed.
            if are_torn(resolver, &party, &all) {
                left.extend(party);
                continue;
            }
            found.links.push(link);
            if let Some((cluster, _)) = found.clusters.get_mut(place) {
                let unconfirmed: Vec<Cluster<'_>> =
                    party.iter().filter_map(|n| resolver.cluster(*n)).collect();
                *cluster = unconfirmed.into_iter().fold(std::mem::take(cluster), Cluster::join);
            }
        }
    }
    left.sort_unstable();
    left
}

/// Whether a decision says that a member of one group differs from a member of the other.
fn are_torn(resolver: &Resolver<'_>, some: &[usize], others: &[usize]) -> bool {
    some.iter().any(|n| {
        resolver
            .person(*n)
            .is_some_and(|person| others.iter().any(|m| person.apart_from.contains(m)))
    })
}

/// Unconfirmed records, grouped by the merges of their source.
fn parties(resolver: &Resolver<'_>, unconfirmed: &[usize]) -> Vec<Vec<usize>> {
    let mut parties: BTreeMap<&RecordKey, Vec<usize>> = BTreeMap::new();
    for (n, person) in unconfirmed.iter().filter_map(|n| Some((*n, resolver.person(*n)?))) {
        parties.entry(person.canonical).or_default().push(n);
    }
    let parties = parties.into_values();
    parties
        .flat_map(|party| {
            if are_torn(resolver, &party, &party) {
                party.into_iter().map(|n| vec![n]).collect()
            } else {
                vec![party]
            }
        })
        .collect()
}

fn holders<'a>(resolver: &'a Resolver<'a>, trusted: &[usize], found: &Found<'a>) -> Holders<'a> {
    let owner: BTreeMap<usize, usize> = found
        .clusters
        .iter()
        .zip(0..)
        .flat_map(|((cluster, _), n)| cluster.members.iter().map(move |m| (*m, n)))
        .collect();
    let lost: BTreeSet<(Option<&Identifier>, usize)> = found
        .moved
        .iter()
        .flat_map(|moved| moved.from.iter().map(|n| (moved.evidence.address(), *n)))
        .collect();
    let mut holders = Holders::new();
    for level in LEVELS.into_iter().filter(|level| resolver.uses(*level)) {
        let of_level = holders.entry(level).or_default();
        for (evidence, members) in resolver.holders(level, trusted) {
            for member in members.into_iter().filter(|member| {
                evidence.address().is_none() || !lost.contains(&(evidence.address(), *member))
            }) {
                let Some(place) = owner.get(&member).filter(|place| {
                    found.clusters.get(**place).is_some_and(|(_, last)| level <= *last)
                }) else {
                    continue;
                };
                of_level.entry(evidence).or_default().entry(*place).or_default().push(member);
            }
        }
    }
    holders
}

/// The one cluster that a group of unconfirmed records fits. `None` if it fits several or none.
fn place_of<'a>(
    resolver: &'a Resolver<'a>,
    party: &[usize],
    holders: &Holders<'a>,
    found: &mut Found<'a>,
) -> Option<(usize, Link)> {
    let own = party.iter().filter_map(|n| resolver.cluster(*n)).reduce(Cluster::join)?;
    for (level, of_level) in holders {
        let mut fitting: BTreeMap<usize, Link> = BTreeMap::new();
        let mut unfitting: Vec<(Evidence, Conflict, Vec<usize>)> = Vec::new();
        for (evidence, members) in resolver.holders(*level, party) {
            for (place, holding) in of_level.get(&evidence).into_iter().flatten() {
                let Some((cluster, _)) = found.clusters.get(*place) else { continue };
                let on = On { level: *level, value: Some(evidence) };
                if *level == Level::Phone
                    && is_lost(resolver, evidence, (&own, &members), (cluster, holding))
                {
                    continue;
                }
                match Among::new(&[cluster, &own], on, resolver.facts.rules).forbidden() {
                    Some(grounds) => unfitting.push((
                        evidence.to_evidence(),
                        grounds,
                        holding.iter().chain(party).copied().collect(),
                    )),
                    None => {
                        let members = holding.iter().chain(&members).copied().collect();
                        fitting.entry(*place).or_insert(Link {
                            level: *level,
                            evidence: evidence.to_evidence(),
                            members,
                        });
                    }
                }
            }
        }
        found.doubts.extend(
            unfitting
                .into_iter()
                .map(|(evidence, grounds, members)| (*level, evidence, grounds, members)),
        );
        if fitting.len() > 1 {
            let between = fitting.values().map(|link| {
                (*level, link.evidence.clone(), Conflict::SelfAsserted, link.members.clone())
            });
            found.doubts.extend(between);
        } else if let Some(place) = fitting.into_iter().next() {
            return Some(place);
        }
    }
    None
}

/// Whether a phone number in unconfirmed records has a new owner since.
fn is_lost(
    resolver: &Resolver<'_>,
    number: Held<'_>,
    (own, members): (&Cluster<'_>, &[usize]),
    (cluster, holding): (&Cluster<'_>, &[usize]),
) -> bool {
    let said = [members, holding].map(|members| said_at(resolver.facts, number, members));
    let [Some(at), Some(since)] = said else { return false };
    is_long_before(resolver.facts, at, since) && are_unlike(&own.names, &cluster.names)
}

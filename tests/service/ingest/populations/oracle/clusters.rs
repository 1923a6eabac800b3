//! Which records the evidence joins, level by level.

use super::*;

impl Oracle {
    /// Resolves trusted records first, as if no others existed. Then each group of unconfirmed records joins the one
    /// trusted cluster that it fits. The groups that fit none or several are resolved among themselves.
    pub(super) fn customers(&self, snapshot: &mut OracleSnapshot) -> Vec<Cluster> {
        let of_sort = |is_unconfirmed: bool| {
            (0..snapshot.people.len())
                .filter(|n| snapshot.people[*n].is_unconfirmed == is_unconfirmed)
                .collect::<Cluster>()
        };
        let (trusted, unconfirmed) = (of_sort(false), of_sort(true));
        let mut customers = self.clusters(snapshot, &trusted);
        let clusters = customers.clone();
        let (mut others, mut placed) = (Cluster::new(), Vec::new());
        let of_trusted = snapshot.links.len();
        let parties = self.level(snapshot, EvidenceKind::Merged, &singles(&unconfirmed));
        snapshot.links.truncate(of_trusted);
        for party in parties {
            match self.place(snapshot, &clusters, &party) {
                Some((cluster, link)) => placed.push((cluster, party, link)),
                None => others.extend(party),
            }
        }
        let mut links = Vec::new();
        for (cluster, party, link) in &placed {
            let beside = |(place, other, _): &&(usize, Cluster, OracleLink)| {
                place == cluster
                    && other
                        .iter()
                        .any(|b| party.iter().any(|a| snapshot.apart.contains(&(*a, *b))))
            };
            if placed.iter().any(|other| beside(&other)) {
                others.extend(party);
            } else {
                snapshot
                    .difficult
                    .placed
                    .extend(party.iter().map(|n| snapshot.people[*n].key.clone()));
                customers[*cluster].extend(party);
                links.push(link);
            }
        }
        snapshot.links.extend(links.into_iter().cloned());
        customers.extend(self.clusters(snapshot, &others));
        customers
    }

    /// The one trusted cluster that fits a group of unconfirmed records, by the strongest evidence; and the first of it.
    pub(super) fn place(
        &self,
        snapshot: &mut OracleSnapshot,
        clusters: &[Cluster],
        party: &Cluster,
    ) -> Option<(usize, OracleLink)> {
        for evidence_kind in [
            EvidenceKind::Merged,
            EvidenceKind::Referred,
            EvidenceKind::Mailed,
            EvidenceKind::Phoned,
        ] {
            let mut fitting: BTreeMap<usize, OracleLink> = BTreeMap::new();
            for item in snapshot.evidence[&evidence_kind]
                .iter()
                .filter(|item| !item.holders.is_disjoint(party))
            {
                let (holders, value) =
                    (self.usable(snapshot, evidence_kind, item), item.value.as_ref());
                let is_allowed = |cluster: &Cluster| {
                    if evidence_kind == EvidenceKind::Phoned
                        && value.is_some_and(|value| {
                            self.was_said_long_before(snapshot, value, party, cluster)
                        })
                    {
                        return false;
                    }
                    let all = cluster | party;
                    !self.forbidden(
                        snapshot,
                        evidence_kind,
                        value.map(|value| (value, &all)),
                        party,
                        cluster,
                    )
                };
                let fits =
                    |cluster: &Cluster| !cluster.is_disjoint(&holders) && is_allowed(cluster);
                for n in (0..clusters.len()).filter(|n| fits(&clusters[*n])) {
                    let people = &(&clusters[n] & &holders) | &(&item.holders & party);
                    let link = OracleLink::new(evidence_kind, item, people);
                    fitting.entry(n).or_insert(link);
                }
            }
            if fitting.len() > 1 {
                snapshot
                    .difficult
                    .torn
                    .extend(party.iter().map(|n| snapshot.people[*n].key.clone()));
            }
            if fitting.len() == 1 {
                return fitting.pop_first();
            }
        }
        None
    }

    /// Resolves some people on all levels.
    pub(super) fn clusters(&self, snapshot: &mut OracleSnapshot, among: &Cluster) -> Vec<Cluster> {
        self.find_components(snapshot, among);
        EvidenceKind::ALL.into_iter().fold(singles(among), |clusters, evidence_kind| {
            self.level(snapshot, evidence_kind, &clusters)
        })
    }

    /// The components of some people, also connected through records that are gone and through decisions that they
    /// differ; and whether each is small enough for phones and e-mails to link.
    pub(super) fn find_components(&self, snapshot: &mut OracleSnapshot, among: &Cluster) {
        let mut keys: Vec<RecordKey> =
            snapshot.people.iter().map(|person| person.key.clone()).collect();
        let mut hanging: Vec<[RecordKey; 2]> =
            self.merges.keys().map(|(loser, winner)| [loser.clone(), winner.clone()]).collect();
        hanging.extend(
            self.decisions.iter().map(|decision| [decision.left.clone(), decision.right.clone()]),
        );
        for person in among.iter().map(|n| &snapshot.people[*n]) {
            hanging.extend(person.refers_to.iter().map(|key| [person.key.clone(), key.clone()]));
        }
        let mut number: BTreeMap<RecordKey, usize> = keys.iter().cloned().zip(0..).collect();
        for key in hanging.iter().flatten() {
            if !number.contains_key(key) {
                number.insert(key.clone(), keys.len());
                keys.push(key.clone());
            }
        }
        let mut without_phones = DisjointSets::singles(keys.len());
        hanging
            .iter()
            .for_each(|pair| without_phones.join(&pair.iter().map(|key| number[key]).collect()));
        let join_holders = |sets: &mut DisjointSets, evidence_kind| {
            snapshot.evidence[&evidence_kind]
                .iter()
                .for_each(|item: &EvidenceItem| sets.join(&(&item.holders & among)));
        };
        join_holders(&mut without_phones, EvidenceKind::Mailed);
        let mut whole = without_phones.clone();
        join_holders(&mut whole, EvidenceKind::Phoned);
        let fits = |sets: &DisjointSets, n: usize| {
            among.iter().filter(|other| sets.0[**other] == sets.0[n]).count()
                <= self.rules.component_cap
        };
        for n in among {
            let person = &mut snapshot.people[*n];
            person.may_link = (fits(&without_phones, *n), fits(&whole, *n));
            person.components = (whole.0[*n], without_phones.0[*n]);
        }
    }

    /// The holders of a piece of evidence whom it may link.
    pub(super) fn usable(
        &self,
        snapshot: &OracleSnapshot,
        evidence_kind: EvidenceKind,
        item: &EvidenceItem,
    ) -> BTreeSet<usize> {
        let has_moved = |n: &usize| {
            item.value.clone().is_some_and(|value| snapshot.moved.contains(&(*n, value)))
        };
        let may_link = |n: &usize| match evidence_kind {
            EvidenceKind::Decided | EvidenceKind::Merged | EvidenceKind::Referred => true,
            EvidenceKind::Mailed => self.rules.link_by_email && snapshot.people[*n].may_link.0,
            EvidenceKind::Phoned => {
                self.rules.link_by_phone && snapshot.people[*n].may_link.1 && !has_moved(n)
            }
        };
        item.holders.iter().copied().filter(may_link).collect()
    }

    /// Applies the evidence of one level to some clusters, all values at once.
    pub(super) fn level(
        &self,
        snapshot: &mut OracleSnapshot,
        evidence_kind: EvidenceKind,
        before: &[Cluster],
    ) -> Vec<Cluster> {
        let mut joined = DisjointSets::singles(before.len());
        let mut used = Vec::new();
        let owner: BTreeMap<usize, usize> = before
            .iter()
            .enumerate()
            .flat_map(|(n, cluster)| cluster.iter().map(move |member| (*member, n)))
            .collect();
        let holding = |holders: &BTreeSet<usize>| {
            holders
                .iter()
                .filter_map(|member| owner.get(member).copied())
                .collect::<BTreeSet<usize>>()
        };
        for item in snapshot.evidence[&evidence_kind]
            .clone()
            .into_iter()
            .filter(|item| holding(&item.holders).len() > 1)
        {
            if evidence_kind == EvidenceKind::Phoned {
                self.find_moved(snapshot, &item, before);
            }
            let usable = self.usable(snapshot, evidence_kind, &item);
            let holding = holding(&usable);
            let all: Cluster = holding.iter().flat_map(|n| before[*n].clone()).collect();
            let on = item.value.as_ref().map(|value| (value, &all));
            let are_allowed = |a: usize, b: usize| {
                !self.forbidden(snapshot, evidence_kind, on, &before[a], &before[b])
            };
            let in_full = |a: usize, b: usize| {
                are_allowed(a, b)
                    && agree_in_full(snapshot, evidence_kind, on, &before[a], &before[b])
            };
            let (groups, in_between) = agreeing(&holding, &are_allowed, &in_full);
            groups.iter().for_each(|group| joined.join(group));
            for group in groups.into_iter().filter(|group| group.len() > 1) {
                let people: Cluster = group.iter().flat_map(|n| &before[*n] & &usable).collect();
                used.push((group, OracleLink::new(evidence_kind, &item, people)));
            }
            let outside = in_between
                .iter()
                .flat_map(|n| &before[*n])
                .map(|n| (item.value.clone(), snapshot.people[*n].key.clone()));
            snapshot.difficult.in_between.extend(outside.collect::<Vec<_>>());
        }
        // A group that several values connect is not formed if two members must not be joined.
        let is_allowed = |group: &BTreeSet<usize>| {
            pairs(group).all(|(a, b)| {
                !self.forbidden(snapshot, evidence_kind, None, &before[a], &before[b])
            })
        };
        used.retain(|(group, _)| {
            joined.sets().values().any(|all| group.is_subset(all) && is_allowed(all))
        });
        let after = joined.sets().into_values().flat_map(|group| {
            let clusters = group.iter().map(|n| before[*n].clone());
            if is_allowed(&group) { vec![clusters.flatten().collect()] } else { clusters.collect() }
        });
        let after = after.collect();
        snapshot.links.extend(used.into_iter().map(|(_, link)| link));
        after
    }

    /// Whether a form contained a number years before another record did.
    pub(super) fn was_said_long_before(
        &self,
        snapshot: &OracleSnapshot,
        number: &Identifier,
        party: &Cluster,
        cluster: &Cluster,
    ) -> bool {
        let years = SignedDuration::from_hours(
            24 * 365 * i64::from(self.rules.phone_reassigned_after_years),
        );
        let holders = |of: &Cluster| {
            of.iter()
                .map(|n| &snapshot.people[*n])
                .filter(|person| person.links.contains(number))
                .collect::<Vec<_>>()
        };
        let newest = |of: &Cluster| {
            holders(of).into_iter().filter_map(|person| person.said_at.get(number)).max().copied()
        };
        let is_later = newest(party)
            .zip(newest(cluster))
            .is_some_and(|(one, two)| two.duration_since(one) >= years);
        self.rules.phone_reassigned_after_years > 0
            && is_later
            && !Self::may_share_for_years(snapshot, party, cluster)
    }

    /// Finds the people who lost a number, because a person with another name reported it years later.
    pub(super) fn find_moved(
        &self,
        snapshot: &mut OracleSnapshot,
        item: &EvidenceItem,
        clusters: &[Cluster],
    ) {
        let Some(number) =
            item.value.clone().filter(|_| self.rules.phone_reassigned_after_years > 0)
        else {
            return;
        };
        let holders = self.usable(snapshot, EvidenceKind::Phoned, item);
        let years = SignedDuration::from_hours(
            24 * 365 * i64::from(self.rules.phone_reassigned_after_years),
        );
        let holding: Vec<Cluster> = clusters
            .iter()
            .map(|cluster| cluster & &holders)
            .filter(|held| !held.is_empty())
            .collect();
        let newest = |held: &Cluster| {
            held.iter().filter_map(|n| snapshot.people[*n].said_at.get(&number)).max().copied()
        };
        let whole =
            |held: &Cluster| clusters.iter().find(|cluster| held.is_subset(cluster)).unwrap();
        let is_later = |one: &Cluster, two: &Cluster| {
            newest(one).zip(newest(two)).is_some_and(|(one, two)| two.duration_since(one) >= years)
        };
        let lost = holding.iter().filter(|one| {
            holding.iter().any(|two| {
                is_later(one, two) && !Self::may_share_for_years(snapshot, whole(one), whole(two))
            })
        });
        let lost: Vec<(usize, Identifier)> = lost.flatten().map(|n| (*n, number.clone())).collect();
        snapshot.moved.extend(lost);
    }
}

fn singles(people: &Cluster) -> Vec<Cluster> {
    people.iter().map(|n| Cluster::from([*n])).collect()
}

fn pairs(among: &BTreeSet<usize>) -> impl Iterator<Item = (usize, usize)> {
    among.iter().flat_map(|a| among.range(a + 1..).map(|b| (*a, *b)))
}

/// The groups in which all clusters agree with all, and the clusters that agree with two that disagree. Of these, a
/// cluster that agrees in full with only one of the two belongs to that one.
fn agreeing(
    all: &BTreeSet<usize>,
    are_allowed: &dyn Fn(usize, usize) -> bool,
    in_full: &dyn Fn(usize, usize) -> bool,
) -> (Vec<BTreeSet<usize>>, BTreeSet<usize>) {
    let first: BTreeSet<(usize, usize)> = pairs(all)
        .filter(|(a, b)| are_allowed(*a, *b))
        .flat_map(|(a, b)| [(a, b), (b, a)])
        .collect();
    let is_anothers = |(n, m): (usize, usize)| {
        let others = first
            .iter()
            .filter(|(a, _)| *a == n)
            .map(|(_, other)| *other)
            .filter(|other| *other != m);
        !in_full(n, m)
            && others.into_iter().any(|other| in_full(n, other) && !first.contains(&(other, m)))
    };
    let lines: BTreeSet<(usize, usize)> = first
        .iter()
        .copied()
        .filter(|(a, b)| !is_anothers((*a, *b)) && !is_anothers((*b, *a)))
        .collect();
    let neighbours = |n: usize| {
        lines.iter().filter(|(a, _)| *a == n).map(|(_, b)| *b).collect::<BTreeSet<usize>>()
    };
    let in_between: BTreeSet<usize> = all
        .iter()
        .copied()
        .filter(|n| pairs(&neighbours(*n)).any(|pair| !lines.contains(&pair)))
        .collect();
    let rest: BTreeSet<usize> = all - &in_between;
    let mut groups: BTreeSet<BTreeSet<usize>> = BTreeSet::new();
    for n in &rest {
        let mut group = &neighbours(*n) & &rest;
        group.insert(*n);
        groups.insert(group);
    }
    (groups.into_iter().collect(), in_between)
}

pub(super) fn evidence_of(
    snapshot: &OracleSnapshot,
    evidence_kind: EvidenceKind,
) -> Vec<EvidenceItem> {
    let end = |key: &RecordKey| snapshot.ends.get(key).unwrap_or(key).to_string();
    let mut items: BTreeMap<(String, Option<Identifier>), BTreeSet<usize>> = BTreeMap::new();
    for (n, person) in snapshot.people.iter().enumerate() {
        let referred =
            person.links.iter().filter_map(Identifier::referred_record).map(|key| end(&key));
        let addresses = |phone: bool| {
            let values = person.links.iter().filter(move |value| {
                value.kind.is_address() && (value.kind == IdentifierKind::Phone) == phone
            });
            values.map(|value| (String::new(), Some(value.clone()))).collect()
        };
        let classes = snapshot
            .same
            .iter()
            .enumerate()
            .filter(|(_, priority)| priority.contains(&n))
            .filter_map(|(_, priority)| Some(snapshot.people[*priority.first()?].key.to_string()));
        let evidence: Vec<(String, Option<Identifier>)> = match evidence_kind {
            EvidenceKind::Decided => classes.map(|priority| (priority, None)).collect(),
            EvidenceKind::Merged => vec![(end(&person.key), None)],
            EvidenceKind::Referred => {
                referred.chain([end(&person.key)]).map(|key| (key, None)).collect()
            }
            EvidenceKind::Mailed => addresses(false),
            EvidenceKind::Phoned => addresses(true),
        };
        for item in evidence {
            items.entry(item).or_default().insert(n);
        }
    }
    let items =
        items.into_iter().map(|((key, value), holders)| EvidenceItem { value, key, holders });
    items.filter(|item| item.holders.len() > 1).collect()
}

//! Combinations that must never be one customer, for the oracle's levels and for checking resolved customers.

mod shared_mailbox;
mod shared_phone;

use std::collections::{BTreeMap, BTreeSet};

use hookpoint::customer::identity::name_agreement::OnLine;
use hookpoint::customer::model::identifier::{Identifier, IdentifierKind};
use hookpoint::customer::model::name::FoldedName;
use hookpoint::customer::model::phone::Phone;
use hookpoint::customer::model::record::RecordKey;
use hookpoint::customer::model::source::SourceKind;

use self::shared_mailbox::{
    are_known_by_mailbox, bears_nobody, has_in_mailbox, is_mailbox_of_both, is_own_mailbox,
    mailbox_of, names_disagree_on_mailbox,
};
use self::shared_phone::{
    agree_in_full_on_line, bears_somebody, names_disagree_on_line, speaking_on_line,
};
use crate::ingest::populations::oracle::{
    DisjointSets, EvidenceKind, Oracle, OracleSnapshot, Person,
};

impl Oracle {
    /// Whether evidence of one kind must not join two groups of people. A mailbox may contain a name of one of its
    /// holders `who`.
    pub fn forbidden(
        &self,
        snapshot: &OracleSnapshot,
        evidence_kind: EvidenceKind,
        on: Option<(&Identifier, &BTreeSet<usize>)>,
        left: &BTreeSet<usize>,
        right: &BTreeSet<usize>,
    ) -> bool {
        let (lefts, rights) = (of(snapshot, left), of(snapshot, right));
        let mailbox = mailbox_of(snapshot, on);
        let borne = mailbox.as_deref();
        let needs_first = self.rules.email_link_requires_first_name;
        decided_different(snapshot, left, right)
            || (evidence_kind >= EvidenceKind::Referred && two_ids(&lefts, &rights))
            || (evidence_kind == EvidenceKind::Mailed
                && self.rules.email_link_requires_compatible_names
                && names_disagree_on_mailbox(&lefts, &rights, borne))
            || (evidence_kind == EvidenceKind::Mailed
                && self.rules.email_link_requires_compatible_names
                && needs_first
                && borne.is_some_and(|borne| bears_nobody(borne, &lefts, &rights)))
            || (evidence_kind == EvidenceKind::Phoned
                && (names_disagree_on_line(&lefts, &rights, on.map(|(value, _)| value))
                    || strangers_by_email(&lefts, &rights)))
    }

    /// Whether two groups may both have a number although one of them reported it years before the other.
    pub fn may_share_for_years(
        snapshot: &OracleSnapshot,
        left: &BTreeSet<usize>,
        right: &BTreeSet<usize>,
    ) -> bool {
        let (ours, theirs) = (all_names(&of(snapshot, left)), all_names(&of(snapshot, right)));
        any_pair(&ours, &theirs, |a, b| a.is_spelling_of(b) || a.has_family_name_of(b))
    }

    /// The mistakes in resolved customers, checked without repeating the levels: in any order of the evidence, the
    /// checked groups of a customer's records were clusters, or unions of clusters, that met on a level. Names are
    /// checked less strictly than on the levels, because a union may ignore a name that counted in its cluster.
    pub fn faults(
        &self,
        snapshot: &OracleSnapshot,
        customers: &BTreeMap<String, BTreeSet<RecordKey>>,
    ) -> Vec<String> {
        let number: BTreeMap<&RecordKey, usize> =
            snapshot.people.iter().enumerate().map(|(n, person)| (&person.key, n)).collect();
        let mut faults = Vec::new();
        for (customer, keys) in customers {
            let members: BTreeSet<usize> =
                keys.iter().filter_map(|key| number.get(key).copied()).collect();
            let (unconfirmed, trusted): (BTreeSet<usize>, BTreeSet<usize>) =
                members.iter().partition(|n| snapshot.people[**n].is_unconfirmed);
            let found = if trusted.is_empty() {
                self.faults_of(snapshot, &unconfirmed)
            } else {
                [
                    self.faults_of(snapshot, &trusted),
                    self.faults_of_unconfirmed(snapshot, &trusted, &unconfirmed),
                ]
                .concat()
            };
            faults
                .extend(found.into_iter().map(|fault| format!("{customer}: {fault} of {keys:?}")));
        }
        faults
    }

    /// The mistakes in records that were resolved together.
    fn faults_of(&self, snapshot: &OracleSnapshot, members: &BTreeSet<usize>) -> Vec<String> {
        let mut faults = Vec::new();
        if members.len() < 2 {
            return faults;
        }
        let mut linked = DisjointSets::singles(snapshot.people.len());
        let [_, merged, referred, mailed, phoned] = EvidenceKind::ALL.map(|evidence_kind| {
            for item in &snapshot.evidence[&evidence_kind] {
                linked.join(&(&item.holders & members));
            }
            linked.sets().into_values().filter(|set| set.is_subset(members)).collect::<Vec<_>>()
        });
        let (mail, phone) = members.first().map_or((true, true), |n| snapshot.people[*n].may_link);
        for (a, b) in members
            .iter()
            .flat_map(|a| members.iter().map(move |b| (*a, *b)))
            .filter(|pair| snapshot.apart.contains(pair))
        {
            faults.push(format!("decided different: {a} {b}"));
        }
        let mut check =
            |groups: &[BTreeSet<usize>],
             what: &str,
             wrong: &dyn Fn(&BTreeSet<usize>, &BTreeSet<usize>) -> bool| {
                for (n, left) in groups.iter().enumerate() {
                    let others = groups[n + 1..].iter().filter(|right| wrong(left, right));
                    faults.extend(others.map(|right| format!("{what}: {left:?} {right:?}")));
                }
            };
        let on_line = |a: &FoldedName, b: &FoldedName| a.on_line(b) > OnLine::Different;
        check(&merged, "different ids of a unique kind", &|a, b| {
            two_ids(&of(snapshot, a), &of(snapshot, b))
        });
        check(&mailed, "names disagree on the phone", &|a, b| {
            no_names_agree(&of(snapshot, a), &of(snapshot, b), on_line)
        });
        check(&mailed, "nothing but a phone in common, and other mailboxes", &|a, b| {
            let (a, b) = (of(snapshot, a), of(snapshot, b));
            let agree = any_pair(&all_names(&a), &all_names(&b), agree_in_full_on_line);
            have_different(IdentifierKind::Email, &a, &b) && !agree && !are_known_by_mailbox(&a, &b)
        });
        let have_phone = snapshot.evidence[&EvidenceKind::Phoned]
            .iter()
            .any(|item| (&item.holders & members).len() > 1);
        if mailed.len() == 1 && !(phone && have_phone) {
            if self.rules.email_link_requires_compatible_names {
                let on_mailbox = |a: &FoldedName, b: &FoldedName| {
                    a.agrees_on_mailbox(b, true) || !a.has_first() || !b.has_first()
                };
                check(&referred, "names disagree on the e-mail", &|a, b| {
                    no_names_agree(&of(snapshot, a), &of(snapshot, b), on_mailbox)
                });
            }
            if self.rules.email_link_requires_first_name && referred.len() > 1 {
                let without = referred
                    .iter()
                    .filter(|group| !bears_somebody(snapshot, group, &(members - group)));
                faults.extend(without.map(|group| {
                    format!("a mailbox that bears no name is all that ties {group:?}")
                }));
            }
        }
        let last = match (phone, mail) {
            (true, _) => &phoned,
            (false, true) => &mailed,
            (false, false) => &referred,
        };
        if last.len() > 1 {
            faults.push("nothing that may link connects them".to_owned());
        }
        faults
    }

    /// Unconfirmed records need evidence in common with the trusted records of their customer, and no contradiction.
    fn faults_of_unconfirmed(
        &self,
        snapshot: &OracleSnapshot,
        trusted: &BTreeSet<usize>,
        unconfirmed: &BTreeSet<usize>,
    ) -> Vec<String> {
        let end = |n: usize| {
            snapshot.ends.get(&snapshot.people[n].key).unwrap_or(&snapshot.people[n].key)
        };
        let fits = |guest: usize| {
            let party: BTreeSet<usize> =
                unconfirmed.iter().copied().filter(|other| end(*other) == end(guest)).collect();
            [
                EvidenceKind::Merged,
                EvidenceKind::Referred,
                EvidenceKind::Mailed,
                EvidenceKind::Phoned,
            ]
            .into_iter()
            .any(|evidence_kind| {
                let common = |holders: &BTreeSet<usize>| {
                    !holders.is_disjoint(&party) && !holders.is_disjoint(trusted)
                };
                let mut items =
                    snapshot.evidence[&evidence_kind].iter().filter(|item| common(&item.holders));
                let all = &party | trusted;
                items.any(|item| {
                    !self.forbidden(
                        snapshot,
                        evidence_kind,
                        item.value.as_ref().map(|value| (value, &all)),
                        &party,
                        trusted,
                    )
                })
            })
        };
        unconfirmed
            .iter()
            .filter(|guest| !fits(**guest))
            .map(|guest| format!("{guest} is a guest without reason"))
            .collect()
    }
}

fn of<'a>(snapshot: &'a OracleSnapshot, group: &BTreeSet<usize>) -> Vec<&'a Person> {
    group.iter().map(|n| &snapshot.people[*n]).collect()
}

fn decided_different(
    snapshot: &OracleSnapshot,
    left: &BTreeSet<usize>,
    right: &BTreeSet<usize>,
) -> bool {
    left.iter().any(|a| right.iter().any(|b| snapshot.apart.contains(&(*a, *b))))
}

fn two_ids(left: &[&Person], right: &[&Person]) -> bool {
    let ids = |people: &[&Person]| {
        let mut ids: BTreeMap<SourceKind, BTreeSet<RecordKey>> = BTreeMap::new();
        people
            .iter()
            .flat_map(|person| person.unique_ids.clone())
            .for_each(|(kind, own)| ids.entry(kind).or_default().extend(own));
        ids
    };
    let (left, right) = (ids(left), ids(right));
    left.iter()
        .any(|(kind, ours)| right.get(kind).is_some_and(|theirs| ours.union(theirs).count() > 1))
}

/// All names of a group.
fn all_names<'a>(people: &[&'a Person]) -> Vec<&'a FoldedName> {
    people
        .iter()
        .filter(|person| !person.is_loser && person.name.is_known())
        .map(|person| &person.name)
        .collect()
}

/// The names of a group that count. A short form does not count next to its fuller name. On a mailbox only first names
/// count.
fn names<'a>(
    people: &[&'a Person],
    is_short_for: fn(&FoldedName, &FoldedName) -> bool,
) -> Vec<&'a FoldedName> {
    let all = all_names(people);
    all.iter()
        .filter(|name| !all.iter().any(|fuller| fuller != *name && is_short_for(name, fuller)))
        .copied()
        .collect()
}

fn any_pair(
    left: &[&FoldedName],
    right: &[&FoldedName],
    agree: impl Fn(&FoldedName, &FoldedName) -> bool,
) -> bool {
    left.iter().any(|a| right.iter().any(|b| agree(a, b)))
}

fn none_agree(
    left: &[&FoldedName],
    right: &[&FoldedName],
    agree: impl Fn(&FoldedName, &FoldedName) -> bool,
) -> bool {
    !left.is_empty() && !right.is_empty() && !any_pair(left, right, agree)
}

fn no_names_agree(
    left: &[&Person],
    right: &[&Person],
    agree: impl Fn(&FoldedName, &FoldedName) -> bool,
) -> bool {
    none_agree(&all_names(left), &all_names(right), agree)
}

/// The names with a part, if both groups have such names. Otherwise all names.
fn where_both_have<'a>(
    left: Vec<&'a FoldedName>,
    right: Vec<&'a FoldedName>,
    has: fn(&FoldedName) -> bool,
) -> (Vec<&'a FoldedName>, Vec<&'a FoldedName>) {
    let with = |names: &[&'a FoldedName]| {
        names.iter().filter(|name| has(name)).copied().collect::<Vec<_>>()
    };
    let (a, b) = (with(&left), with(&right));
    if a.is_empty() || b.is_empty() { (left, right) } else { (a, b) }
}

/// The identifiers of one kind that link a group.
fn values(kind: IdentifierKind, people: &[&Person]) -> BTreeSet<Identifier> {
    people
        .iter()
        .flat_map(|person| person.links.clone())
        .filter(|value| value.kind == kind)
        .collect()
}

/// Whether both have linking identifiers of a kind, and none in common.
fn have_different(kind: IdentifierKind, left: &[&Person], right: &[&Person]) -> bool {
    let (ours, theirs) = (values(kind, left), values(kind, right));
    !ours.is_empty() && !theirs.is_empty() && ours.is_disjoint(&theirs)
}

/// Whether names agree by more than not contradicting each other, and not only look alike on a mailbox that contains
/// neither.
pub fn agree_in_full(
    snapshot: &OracleSnapshot,
    evidence_kind: EvidenceKind,
    on: Option<(&Identifier, &BTreeSet<usize>)>,
    left: &BTreeSet<usize>,
    right: &BTreeSet<usize>,
) -> bool {
    let (lefts, rights) = (of(snapshot, left), of(snapshot, right));
    match evidence_kind {
        EvidenceKind::Mailed => {
            let (ours, theirs) = where_both_have(
                names(&lefts, FoldedName::has_short_first_for),
                names(&rights, FoldedName::has_short_first_for),
                FoldedName::has_first,
            );
            let is_own = mailbox_of(snapshot, on)
                .is_none_or(|borne| is_own_mailbox(&borne, &lefts, &rights));
            any_pair(&ours, &theirs, FoldedName::first_is_known_to_agree)
                && any_pair(&ours, &theirs, |a, b| a.agrees_on_mailbox(b, is_own))
        }
        EvidenceKind::Phoned => {
            let (ours, theirs) = speaking_on_line(&lefts, &rights);
            any_pair(&ours, &theirs, agree_in_full_on_line)
        }
        EvidenceKind::Decided | EvidenceKind::Merged | EvidenceKind::Referred => false,
    }
}

/// Both have their own e-mail addresses and none in common, no names agree in full, and the mailboxes do not show that
/// they are one person. If the names only look alike, only the exact first name in a mailbox shows it. Shared and
/// blocked addresses do not count.
fn strangers_by_email(left: &[&Person], right: &[&Person]) -> bool {
    let (ours, theirs) = speaking_on_line(left, right);
    let best = ours.iter().flat_map(|a| theirs.iter().map(|b| a.on_line(b))).max();
    let spelled = |left: &[&Person], right: &[&Person]| {
        has_in_mailbox(left, right, FoldedName::is_spelled_in)
    };
    let agree = match best {
        Some(OnLine::InFull) => true,
        Some(OnLine::Alike) => spelled(left, right) || spelled(right, left),
        _ => are_known_by_mailbox(left, right),
    };
    have_different(IdentifierKind::Email, left, right) && !agree
}

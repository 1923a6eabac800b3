//! What must never stand in one customer, for the oracle's levels and for judging customers as they are found.

use std::collections::{BTreeMap, BTreeSet};

use hookpoint::customer::identifier::{Identifier, IdentifierKind};
use hookpoint::customer::kind::SourceKind;
use hookpoint::customer::name::FoldedName;
use hookpoint::customer::record::RecordKey;

use crate::oracle::{Oracle, Person, Sets, Tie, View};

impl Oracle {
    /// Whether two groups of people must not be joined by evidence of a sort.
    pub fn forbidden(&self, view: &View, tie: Tie, left: &BTreeSet<usize>, right: &BTreeSet<usize>) -> bool {
        let of = |group: &BTreeSet<usize>| group.iter().map(|n| &view.people[*n]).collect::<Vec<&Person>>();
        let (lefts, rights) = (of(left), of(right));
        decided_different(view, left, right)
            || (tie >= Tie::Referred && two_ids(&lefts, &rights))
            || (tie == Tie::Mailed && self.rules.email_needs_names && first_names_disagree(&lefts, &rights))
            || (tie == Tie::Phoned && (names_disagree(&lefts, &rights) || strangers_by_email(&lefts, &rights)))
    }

    /// What is wrong with customers as they were found, judged without redoing the levels: whatever the order in which
    /// evidence was used, these groups of a customer's records were clusters, or unions of clusters, that met on a level.
    pub fn faults(&self, view: &View, customers: &BTreeMap<String, BTreeSet<RecordKey>>) -> Vec<String> {
        let number: BTreeMap<&RecordKey, usize> = view.people.iter().enumerate().map(|(n, person)| (&person.key, n)).collect();
        let mut faults = Vec::new();
        for (customer, keys) in customers {
            let members: BTreeSet<usize> = keys.iter().filter_map(|key| number.get(key).copied()).collect();
            if members.len() < 2 {
                continue;
            }
            let mut linked = Sets::singles(view.people.len());
            let [_, merged, referred, mailed, phoned] = Tie::ALL.map(|tie| {
                for holders in &view.ties[&tie] {
                    linked.join(&holders.intersection(&members).copied().collect());
                }
                linked.sets().into_values().filter(|set| set.is_subset(&members)).collect::<Vec<_>>()
            });
            let (mail, phone) = members.first().map_or((true, true), |n| view.people[*n].may_link);
            for (a, b) in members.iter().flat_map(|a| members.iter().map(move |b| (*a, *b))).filter(|pair| view.apart.contains(pair)) {
                faults.push(format!("{customer}: decided different: {a} {b} of {keys:?}"));
            }
            let mut check = |groups: &[BTreeSet<usize>], what: &str, wrong: &dyn Fn(&[&Person], &[&Person]) -> bool| {
                for (n, left) in groups.iter().enumerate() {
                    for right in &groups[n + 1..] {
                        let of = |group: &BTreeSet<usize>| group.iter().map(|n| &view.people[*n]).collect::<Vec<&Person>>();
                        if wrong(&of(left), &of(right)) {
                            faults.push(format!("{customer}: {what}: {left:?} {right:?} of {keys:?}"));
                        }
                    }
                }
            };
            check(&merged, "different ids of a unique kind", &two_ids);
            check(&mailed, "names disagree on the phone", &names_disagree);
            check(&mailed, "nothing but a phone in common, and other mailboxes", &strangers_by_email);
            if mailed.len() == 1
                && self.rules.email_needs_names
                && !(phone && view.ties[&Tie::Phoned].iter().any(|holders| holders.intersection(&members).count() > 1))
            {
                check(&referred, "first names disagree on the e-mail", &first_names_disagree);
            }
            let last = if phone {
                &phoned
            } else if mail {
                &mailed
            } else {
                &referred
            };
            check(last, "nothing that may link connects them", &|_, _| true);
        }
        faults
    }
}

fn decided_different(view: &View, left: &BTreeSet<usize>, right: &BTreeSet<usize>) -> bool {
    left.iter().any(|a| right.iter().any(|b| view.apart.contains(&(*a, *b))))
}

fn two_ids(left: &[&Person], right: &[&Person]) -> bool {
    let ids = |people: &[&Person]| {
        let mut ids: BTreeMap<SourceKind, BTreeSet<RecordKey>> = BTreeMap::new();
        people.iter().flat_map(|person| person.unique_ids.clone()).for_each(|(kind, own)| ids.entry(kind).or_default().extend(own));
        ids
    };
    let (left, right) = (ids(left), ids(right));
    left.iter().any(|(kind, ours)| right.get(kind).is_some_and(|theirs| ours.union(theirs).count() > 1))
}

/// What a group is called. A short form says nothing beside the name that it is short for.
fn names<'a>(people: &[&'a Person]) -> Vec<&'a FoldedName> {
    let all: Vec<&FoldedName> = people.iter().filter(|person| !person.is_loser && person.name.is_known()).map(|person| &person.name).collect();
    all.iter().filter(|name| !all.iter().any(|fuller| name.is_short_for(fuller))).copied().collect()
}

fn none_agree(left: &[&FoldedName], right: &[&FoldedName], agree: fn(&FoldedName, &FoldedName) -> bool) -> bool {
    !left.is_empty() && !right.is_empty() && !left.iter().any(|a| right.iter().any(|b| agree(a, b)))
}

/// Names that have a part, if both groups have such names; else all.
fn where_both_have<'a>(
    left: Vec<&'a FoldedName>,
    right: Vec<&'a FoldedName>,
    has: fn(&FoldedName) -> bool,
) -> (Vec<&'a FoldedName>, Vec<&'a FoldedName>) {
    let with = |names: &[&'a FoldedName]| names.iter().filter(|name| has(name)).copied().collect::<Vec<_>>();
    let (a, b) = (with(&left), with(&right));
    if a.is_empty() || b.is_empty() { (left, right) } else { (a, b) }
}

fn first_names_disagree(left: &[&Person], right: &[&Person]) -> bool {
    let with_first = |people: &[&Person]| names(people).iter().any(|name| name.has_first());
    let (ours, theirs) = where_both_have(names(left), names(right), FoldedName::has_first);
    with_first(left) && with_first(right) && none_agree(&ours, &theirs, FoldedName::first_agrees)
}

fn names_disagree(left: &[&Person], right: &[&Person]) -> bool {
    let (left, right) = where_both_have(names(left), names(right), FoldedName::has_first);
    let (left, right) = where_both_have(left, right, FoldedName::has_last);
    none_agree(&left, &right, FoldedName::agrees)
}

/// Both have e-mails and none in common, and no whole names that agree. A shared or blocked one is nobody's.
fn strangers_by_email(left: &[&Person], right: &[&Person]) -> bool {
    let speaking = |people: &[&Person], links: bool| -> BTreeSet<Identifier> {
        let of = |person: &&Person| if links { person.links.clone() } else { person.found_by.clone() };
        people.iter().filter(|person| !person.is_loser).flat_map(of).filter(|value| value.kind == IdentifierKind::Email).collect()
    };
    let whole = |people: &[&Person]| names(people).into_iter().filter(|name| name.is_whole()).cloned().collect::<Vec<_>>();
    let agree = whole(left).iter().any(|a| whole(right).iter().any(|b| a.agrees(b)));
    let both_have = !speaking(left, false).is_empty() && !speaking(right, false).is_empty();
    both_have && speaking(left, true).is_disjoint(&speaking(right, true)) && !agree
}

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
        let (left, right) = (of(left), of(right));
        self.decided_different(&left, &right)
            || (tie >= Tie::Referred && two_ids(&left, &right))
            || (tie == Tie::Mailed && self.rules.email_needs_names && first_names_disagree(&left, &right))
            || (tie == Tie::Phoned && (names_disagree(&left, &right) || strangers_by_email(&left, &right)))
    }

    fn decided_different(&self, left: &[&Person], right: &[&Person]) -> bool {
        let among = |people: &[&Person], key: &RecordKey| people.iter().any(|person| person.key == *key);
        let across = |a: &RecordKey, b: &RecordKey| among(left, a) && among(right, b);
        self.decisions.iter().any(|d| !d.same && (across(&d.left, &d.right) || across(&d.right, &d.left)))
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
            let singles: Vec<BTreeSet<usize>> = members.iter().map(|n| BTreeSet::from([*n])).collect();
            let (mail, phone) = members.first().map_or((true, true), |n| view.people[*n].may_link);
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
            check(&singles, "decided different", &|a, b| self.decided_different(a, b));
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

fn two_ids(left: &[&Person], right: &[&Person]) -> bool {
    let ids = |people: &[&Person]| {
        let mut ids: BTreeMap<SourceKind, BTreeSet<RecordKey>> = BTreeMap::new();
        people.iter().flat_map(|person| person.unique_ids.clone()).for_each(|(kind, own)| ids.entry(kind).or_default().extend(own));
        ids
    };
    let (left, right) = (ids(left), ids(right));
    left.iter().any(|(kind, ours)| right.get(kind).is_some_and(|theirs| ours.union(theirs).count() > 1))
}

fn names<'a>(people: &[&'a Person]) -> Vec<&'a FoldedName> {
    people.iter().filter(|person| !person.is_loser && person.name.is_known()).map(|person| &person.name).collect()
}

fn none_agree(left: &[&FoldedName], right: &[&FoldedName], agree: fn(&FoldedName, &FoldedName) -> bool) -> bool {
    !left.is_empty() && !right.is_empty() && !left.iter().any(|a| right.iter().any(|b| agree(a, b)))
}

fn with_first<'a>(names: &[&'a FoldedName]) -> Vec<&'a FoldedName> {
    names.iter().filter(|name| name.has_first()).copied().collect()
}

fn first_names_disagree(left: &[&Person], right: &[&Person]) -> bool {
    none_agree(&with_first(&names(left)), &with_first(&names(right)), FoldedName::first_agrees)
}

fn names_disagree(left: &[&Person], right: &[&Person]) -> bool {
    let (left, right) = (names(left), names(right));
    let (firsts_left, firsts_right) = (with_first(&left), with_first(&right));
    let both_have_first = !firsts_left.is_empty() && !firsts_right.is_empty();
    if both_have_first { none_agree(&firsts_left, &firsts_right, FoldedName::agrees) } else { none_agree(&left, &right, FoldedName::agrees) }
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

//! What is known of the records that already belong together, and what forbids joining them with others.

use std::collections::{BTreeMap, BTreeSet};

use super::evidence::{Level, Member, Person};
use super::identifier::{Identifier, IdentifierKind};
use super::kind::SourceKind;
use super::name::FoldedName;
use super::record::RecordKey;
use super::rules::IdentityRules;

/// Why two clusters are not joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Grounds {
    /// Their source keeps people unique and knows them as two.
    DifferentIds,
    /// Their first names disagree.
    FirstNames,
    /// Their names disagree.
    Names,
    /// Both have e-mail addresses, none in common, and no agreeing names.
    EmailAddresses,
    /// A person decided that they are different people.
    DecidedDifferent,
}

impl Grounds {
    /// The name in Postgres and on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DifferentIds => "different ids",
            Self::FirstNames => "first names disagree",
            Self::Names => "names disagree",
            Self::EmailAddresses => "different e-mail addresses",
            Self::DecidedDifferent => "decided different",
        }
    }
}

/// Records that belong together so far.
#[derive(Debug, Default)]
pub(super) struct Cluster {
    /// Their numbers, in ascending order.
    pub members: Vec<usize>,
    apart_from: BTreeSet<usize>,
    ids: BTreeMap<SourceKind, BTreeSet<RecordKey>>,
    names: BTreeSet<FoldedName>,
    has_email: bool,
    emails: BTreeSet<Identifier>,
}

impl Cluster {
    pub(super) fn new(number: usize, member: &Member, person: &Person) -> Self {
        let mut cluster = Self { members: vec![number], apart_from: person.apart_from.clone(), ids: person.ids.clone(), ..Self::default() };
        if !person.is_loser {
            cluster.names.extend(member.name.is_known().then(|| member.name.clone()));
            let is_email = |identifier: &&Identifier| identifier.kind == IdentifierKind::Email;
            cluster.has_email = member.identifiers.iter().any(|identifier| is_email(&identifier));
            cluster.emails = member.linking.iter().filter(is_email).cloned().collect();
        }
        cluster
    }

    pub(super) fn join(mut self, other: Self) -> Self {
        self.members.extend(other.members);
        self.members.sort_unstable();
        self.apart_from.extend(other.apart_from);
        for (kind, ids) in other.ids {
            self.ids.entry(kind).or_default().extend(ids);
        }
        self.names.extend(other.names);
        self.has_email |= other.has_email;
        self.emails.extend(other.emails);
        self
    }

    /// Decisions are known to both sides.
    fn is_decided_different_from(&self, other: &Self) -> bool {
        self.apart_from.iter().any(|n| other.members.binary_search(n).is_ok())
    }
}

/// Why some clusters must not be one, if so: the first pair of them that forbids it. What people decided comes last: it
/// needs no review.
pub(super) fn forbidden(among: &[&Cluster], level: Level, rules: &IdentityRules) -> Option<Grounds> {
    // A merge of the source is a fact: it makes ids one, whatever else they refer to.
    if level > Level::SourceMerge && have_different_ids(among) {
        return Some(Grounds::DifferentIds);
    }
    if level == Level::Email && rules.email_needs_names && some_disagree(among, first_names_disagree) {
        return Some(Grounds::FirstNames);
    }
    if level == Level::Phone && some_disagree(among, names_disagree) {
        return Some(Grounds::Names);
    }
    if level == Level::Phone && some_are_strangers(among) {
        return Some(Grounds::EmailAddresses);
    }
    (undecided_pairs(among) < pairs(among.len())).then_some(Grounds::DecidedDifferent)
}

fn pairs(n: usize) -> usize {
    n.saturating_mul(n.saturating_sub(1)).checked_div(2).unwrap_or_default()
}

/// How many pairs of some clusters nobody decided to be different people.
pub(super) fn undecided_pairs(among: &[&Cluster]) -> usize {
    let deciding: Vec<&&Cluster> = among.iter().filter(|cluster| !cluster.apart_from.is_empty()).collect();
    let decided = deciding.iter().enumerate().map(|(n, cluster)| {
        let others = deciding.iter().skip(n.saturating_add(1));
        others.filter(|other| cluster.is_decided_different_from(other)).count()
    });
    pairs(among.len()).saturating_sub(decided.sum())
}

/// Two are known to a unique kind, and not as one and the same.
fn have_different_ids(among: &[&Cluster]) -> bool {
    let kinds: BTreeSet<SourceKind> = among.iter().flat_map(|cluster| cluster.ids.keys().copied()).collect();
    kinds.into_iter().any(|kind| {
        let mut known = among.iter().filter_map(|cluster| cluster.ids.get(&kind));
        let first = known.next();
        known.any(|ids| first.is_some_and(|first| first.union(ids).nth(1).is_some()))
    })
}

type Names = BTreeSet<FoldedName>;

/// Whether two of the clusters' sets of names disagree; clusters of the same names are looked at once.
fn some_disagree(among: &[&Cluster], disagree: impl Fn(&Names, &Names) -> bool) -> bool {
    let distinct: BTreeSet<&Names> = among.iter().map(|cluster| &cluster.names).filter(|names| !names.is_empty()).collect();
    let distinct: Vec<&Names> = distinct.into_iter().collect();
    distinct.iter().enumerate().any(|(n, ours)| distinct.iter().skip(n.saturating_add(1)).any(|theirs| disagree(ours, theirs)))
}

/// What has a say: a short form has none beside the name that it is short for, else one "E. Smit" would let Erik agree with
/// Emma.
fn speaking(names: &Names) -> Vec<&FoldedName> {
    names.iter().filter(|name| !names.iter().any(|fuller| name.is_short_for(fuller))).collect()
}

/// Where both have names with a part, those without it have no say: else one half name would let strangers agree.
fn with_part<'a>(ours: &mut Vec<&'a FoldedName>, theirs: &mut Vec<&'a FoldedName>, has: fn(&FoldedName) -> bool) -> bool {
    let both = ours.iter().any(|name| has(name)) && theirs.iter().any(|name| has(name));
    if both {
        ours.retain(|name| has(name));
        theirs.retain(|name| has(name));
    }
    both
}

fn first_names_disagree(ours: &Names, theirs: &Names) -> bool {
    let (mut ours, mut theirs) = (speaking(ours), speaking(theirs));
    with_part(&mut ours, &mut theirs, FoldedName::has_first) && !ours.iter().any(|a| theirs.iter().any(|b| a.first_agrees(b)))
}

fn names_disagree(ours: &Names, theirs: &Names) -> bool {
    let (mut ours, mut theirs) = (speaking(ours), speaking(theirs));
    with_part(&mut ours, &mut theirs, FoldedName::has_first);
    with_part(&mut ours, &mut theirs, FoldedName::has_last);
    !ours.is_empty() && !theirs.is_empty() && !ours.iter().any(|a| theirs.iter().any(|b| a.agrees(b)))
}

/// Names agree in full: what is missing proves nothing.
fn agree_in_full(ours: &Names, theirs: &Names) -> bool {
    let theirs = speaking(theirs);
    speaking(ours).into_iter().any(|a| a.is_whole() && theirs.iter().any(|b| b.is_whole() && a.agrees(b)))
}

/// Two have e-mail addresses, none in common, and no names that agree in full.
fn some_are_strangers(among: &[&Cluster]) -> bool {
    let mut by_names: BTreeMap<&Names, Vec<&Cluster>> = BTreeMap::new();
    for cluster in among.iter().filter(|cluster| cluster.has_email) {
        by_names.entry(&cluster.names).or_default().push(cluster);
    }
    let groups: Vec<(&Names, Vec<&Cluster>)> = by_names.into_iter().collect();
    groups.iter().enumerate().any(|(n, (names, ours))| {
        groups.iter().skip(n).any(|(other_names, theirs)| {
            let strangers = |a: &Cluster, b: &Cluster| a.members != b.members && a.emails.is_disjoint(&b.emails);
            !agree_in_full(names, other_names) && ours.iter().any(|a| theirs.iter().any(|b| strangers(a, b)))
        })
    })
}

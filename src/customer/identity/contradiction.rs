//! Contradictions: what stops clusters from being one person, and which clusters may be joined nevertheless.

use std::collections::{BTreeMap, BTreeSet};

use super::agreement::OnLine;
use super::bearing::are_written_alike;
use super::cluster::{Cluster, Names};
use super::evidence::{Held, Level};
use super::rules::IdentityRules;
use super::union_find::UnionFind;
use crate::customer::model::folded_name::FoldedName;
use crate::customer::model::identifier::{Identifier, IdentifierKind};
use crate::customer::model::phone::Phone;

/// Why two clusters are not joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Conflict {
    /// Their source keeps people unique and has a record for each of them.
    DifferentIds,
    /// The first names disagree. If one is unknown: the family names disagree.
    FirstNames,
    /// One has no first name, and the mailbox does not contain the first name of the other.
    NoFirstName,
    /// The names disagree.
    Names,
    /// Both have e-mail addresses, none in common, and the names do not agree in full.
    EmailAddresses,
    /// Only self-asserted records connect them.
    SelfAsserted,
    /// A decision says that they are different people.
    DecidedDifferent,
}

impl Conflict {
    /// The name in Postgres and on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DifferentIds => "different ids",
            Self::FirstNames => "first names disagree",
            Self::NoFirstName => "no first name",
            Self::Names => "names disagree",
            Self::EmailAddresses => "different e-mail addresses",
            Self::SelfAsserted => "only self-asserted",
            Self::DecidedDifferent => "decided different",
        }
    }
}

/// The evidence that could join clusters.
#[derive(Debug, Clone, Copy)]
pub(crate) struct On<'a> {
    pub level: Level,
    /// The one value that they have in common. `None` if several values connect them.
    pub value: Option<Held<'a>>,
}

/// The result of comparing two sets of names.
#[derive(Debug, Clone, Copy)]
enum Verdict {
    /// They agree, in full or as far as they are known.
    Agree {
        in_full: bool,
    },
    Disagree(Conflict, Unless),
}

/// Facts that allow joining although the names disagree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unless {
    Never,
    /// At least one side has no phone number, or they have one in common.
    PhoneInCommon,
    /// At least one side has no mailbox, they have a mailbox in common, or a mailbox of one consists of the first and
    /// family name of the other.
    Spelled,
    /// Like `Spelled`; initials count as the first name, and two mailboxes with the same letters count, too.
    Known,
    /// A mailbox of one consists of the whole name of the other: the person married.
    Renamed,
    /// A mailbox consists of the first name of one and the family name of the other.
    OfBoth,
}

impl Verdict {
    fn forbids(self, a: &Cluster<'_>, b: &Cluster<'_>) -> bool {
        let Self::Disagree(_, unless) = self else { return false };
        match unless {
            Unless::Never => true,
            Unless::PhoneInCommon => have_none_in_common(&a.phones, &b.phones),
            Unless::Spelled => {
                let is_spelled = |name: &FoldedName, mailbox: &str| name.is_spelled_in(mailbox);
                have_none_in_common(&a.emails, &b.emails)
                    && !has_name_of(a, b, is_spelled)
                    && !has_name_of(b, a, is_spelled)
            }
            Unless::Known => {
                have_none_in_common(&a.emails, &b.emails) && !are_known_by_mailbox(a, b)
            }
            Unless::Renamed => {
                !has_name_of(a, b, FoldedName::is_written_in)
                    && !has_name_of(b, a, FoldedName::is_written_in)
            }
            Unless::OfBoth => !have_mailbox_of_both(a, b),
        }
    }
}

/// Clusters that may be one person, compared by their names. Clusters with the same names are compared once, because
/// many clusters have few different names.
pub(crate) struct Among<'c, 'a> {
    clusters: &'c [&'c Cluster<'a>],
    class_of: Vec<usize>,
    verdicts: Vec<Vec<Verdict>>,
    level: Level,
}

impl<'c, 'a> Among<'c, 'a> {
    pub(crate) fn new(clusters: &'c [&'c Cluster<'a>], on: On<'_>, rules: &IdentityRules) -> Self {
        if !names_count(on.level, rules) {
            return Self {
                clusters,
                class_of: vec![0; clusters.len()],
                verdicts: Vec::new(),
                level: on.level,
            };
        }
        let mut numbers: BTreeMap<&Names<'_>, usize> = BTreeMap::new();
        let mut classes: Vec<&Names<'a>> = Vec::new();
        let mut class_of = Vec::with_capacity(clusters.len());
        for cluster in clusters {
            class_of.push(*numbers.entry(&cluster.names).or_insert_with(|| {
                classes.push(&cluster.names);
                classes.len().saturating_sub(1)
            }));
        }
        // If all have the same names, the mailbox decides nothing.
        let borne = if classes.len() > 1 { Borne::new(&classes, on) } else { None };
        let row = |n: usize, ours: &Names<'a>| {
            classes
                .iter()
                .take(n.saturating_add(1))
                .map(|theirs| verdict(ours, theirs, on, borne.as_ref(), rules))
                .collect()
        };
        let verdicts = classes.iter().enumerate().map(|(n, ours)| row(n, ours)).collect();
        Self { clusters, class_of, verdicts, level: on.level }
    }

    /// The comparison of the names of two clusters, by their positions.
    fn verdict(&self, one: usize, other: usize) -> Option<Verdict> {
        let (n, m) = (*self.class_of.get(one)?, *self.class_of.get(other)?);
        self.verdicts.get(n.max(m))?.get(n.min(m)).copied()
    }

    /// Why the clusters must not all be joined, if there is a reason. Decisions are checked last, because they need no
    /// review.
    pub(crate) fn forbidden(&self) -> Option<Conflict> {
        // A merge by the source is a fact: it makes ids equal, whatever else they refer to.
        if self.level > Level::SourceMerge && self.some_have_other_ids() {
            return Some(Conflict::DifferentIds);
        }
        self.some_disagree()
            .or_else(|| self.some_are_decided_different().then_some(Conflict::DecidedDifferent))
    }

    fn some_have_other_ids(&self) -> bool {
        let kinds: BTreeSet<_> =
            self.clusters.iter().flat_map(|cluster| cluster.ids.keys().copied()).collect();
        kinds.into_iter().any(|kind| {
            let mut known = self.clusters.iter().filter_map(|cluster| cluster.ids.get(&kind));
            let first = known.next();
            known.any(|ids| first.is_some_and(|first| first.union(ids).nth(1).is_some()))
        })
    }

    fn some_disagree(&self) -> Option<Conflict> {
        let disagree = |verdict: &Verdict| matches!(verdict, Verdict::Disagree(..));
        if !self.verdicts.iter().flatten().any(disagree) {
            return None;
        }
        let mut of_class: Vec<Vec<&Cluster<'_>>> = vec![Vec::new(); self.verdicts.len()];
        for (cluster, class) in self.clusters.iter().zip(&self.class_of) {
            of_class.get_mut(*class).into_iter().for_each(|members| members.push(cluster));
        }
        let pairs = || {
            self.verdicts.iter().enumerate().flat_map(|(n, row)| {
                row.iter().enumerate().map(move |(m, verdict)| (n, m, *verdict))
            })
        };
        let is_met = |n: usize, m: usize, verdict: Verdict| {
            let [ours, theirs] =
                [n, m].map(|class| of_class.get(class).map_or(&[][..], Vec::as_slice));
            ours.iter().enumerate().any(|(at, a)| {
                theirs
                    .iter()
                    .skip(if n == m { at.saturating_add(1) } else { 0 })
                    .any(|b| verdict.forbids(a, b))
            })
        };
        let grounds = |certain: bool| {
            pairs().filter_map(move |(n, m, verdict)| match verdict {
                Verdict::Disagree(grounds, unless) if (unless == Unless::Never) == certain => {
                    is_met(n, m, verdict).then_some(grounds)
                }
                Verdict::Agree { .. } | Verdict::Disagree(..) => None,
            })
        };
        grounds(true).min().or_else(|| grounds(false).min())
    }

    fn some_are_decided_different(&self) -> bool {
        let deciding: Vec<&&Cluster<'_>> =
            self.clusters.iter().filter(|cluster| !cluster.apart_from.is_empty()).collect();
        deciding.iter().enumerate().any(|(n, one)| {
            deciding
                .iter()
                .skip(n.saturating_add(1))
                .any(|other| one.is_decided_different_from(other))
        })
    }

    /// Whether two clusters, by their positions, must not be joined.
    fn is_forbidden(&self, one: usize, other: usize) -> bool {
        let Some((a, b)) = self.clusters.get(one).zip(self.clusters.get(other)) else {
            return false;
        };
        self.verdict(one, other).is_some_and(|verdict| verdict.forbids(a, b))
            || (self.level > Level::SourceMerge && a.has_other_ids_than(b))
            || a.is_decided_different_from(b)
    }

    /// Whether the names of two clusters, by their positions, agree in full.
    pub(crate) fn agree_in_full(&self, one: usize, other: usize) -> bool {
        matches!(self.verdict(one, other), Some(Verdict::Agree { in_full: true }))
    }

    /// The groups that may be joined although some clusters contradict each other, by their positions. If two clusters
    /// contradict each other, a cluster that agrees in full with only one of them belongs to that one. A cluster that
    /// agrees with both is ambiguous and stays out. The rest forms groups in which all agree with all. The order does
    /// not matter: three clusters of which only the second agrees with both others form no group, because the second is
    /// ambiguous.
    pub(crate) fn agreeing(&self) -> Vec<Vec<usize>> {
        if self.clusters.len() < 3 {
            return Vec::new();
        }
        let alike = self.alike();
        let firsts: Vec<usize> = alike.iter().filter_map(|group| group.first().copied()).collect();
        let agreement = Lines::new(firsts.len(), |n, m| {
            n == m
                || firsts.get(n).zip(firsts.get(m)).is_some_and(|(a, b)| !self.is_forbidden(*a, *b))
        });
        let in_full = |n: usize, m: usize| {
            firsts.get(n).zip(firsts.get(m)).is_some_and(|(a, b)| self.agree_in_full(*a, *b))
        };
        let is_surpassed = |n: usize, m: usize| {
            !in_full(n, m)
                && agreement.of(n).any(|other| in_full(n, other) && !agreement.has(other, m))
        };
        let lines = Lines::new(firsts.len(), |n, m| {
            agreement.has(n, m) && !is_surpassed(n, m) && !is_surpassed(m, n)
        });
        let is_between =
            |n: &usize| lines.of(*n).any(|one| lines.of(*n).any(|other| !lines.has(one, other)));
        let clear: Vec<usize> = (0..firsts.len()).filter(|n| !is_between(n)).collect();
        let mut partition = UnionFind::new(firsts.len());
        for (at, n) in clear.iter().enumerate() {
            let agreeing = clear.iter().skip(at.saturating_add(1)).filter(|m| lines.has(*n, **m));
            agreeing.for_each(|m| partition.join_all(&[*n, *m]));
        }
        let whole = |group: Vec<usize>| {
            group
                .into_iter()
                .filter_map(|n| alike.get(n))
                .flatten()
                .copied()
                .collect::<Vec<usize>>()
        };
        partition.groups(&clear).into_iter().map(whole).filter(|group| group.len() > 1).collect()
    }

    /// Groups the clusters with the same facts, because many clusters can hold one value.
    fn alike(&self) -> Vec<Vec<usize>> {
        let mut known: BTreeMap<_, Vec<usize>> = BTreeMap::new();
        let mut alike = Vec::new();
        for (n, (cluster, class)) in self.clusters.iter().zip(&self.class_of).enumerate() {
            if cluster.apart_from.is_empty() && !self.is_forbidden(n, n) {
                known
                    .entry((class, &cluster.ids, &cluster.emails, &cluster.phones))
                    .or_default()
                    .push(n);
            } else {
                alike.push(vec![n]);
            }
        }
        alike.extend(known.into_values());
        alike
    }
}

/// A symmetric relation: which clusters agree with which.
struct Lines(Vec<Vec<bool>>);

impl Lines {
    fn new(size: usize, agree: impl Fn(usize, usize) -> bool) -> Self {
        Self((0..size).map(|n| (0..size).map(|m| agree(n, m)).collect()).collect())
    }

    fn has(&self, one: usize, other: usize) -> bool {
        self.0.get(one).and_then(|row| row.get(other)).copied().unwrap_or_default()
    }

    fn of(&self, one: usize) -> impl Iterator<Item = usize> {
        let row = self.0.get(one).map_or(&[][..], Vec::as_slice);
        row.iter().enumerate().filter(|(_, agrees)| **agrees).map(|(n, _)| n)
    }
}

/// Whether both have addresses, and none in common.
fn have_none_in_common(ours: &BTreeSet<&Identifier>, theirs: &BTreeSet<&Identifier>) -> bool {
    !ours.is_empty() && !theirs.is_empty() && ours.is_disjoint(theirs)
}

/// Whether a mailbox of one consists of the whole name of the other, or two mailboxes have the same letters, which are
/// more than a first or a family name.
fn are_known_by_mailbox(a: &Cluster<'_>, b: &Cluster<'_>) -> bool {
    let is_half =
        |mailbox: &Identifier| a.names.union(&b.names).any(|name| name.is_half_in(&mailbox.value));
    let is_alike = |one: &Identifier, other: &Identifier| {
        are_written_alike(&one.value, &other.value) && !is_half(one)
    };
    has_name_of(a, b, FoldedName::is_written_in)
        || has_name_of(b, a, FoldedName::is_written_in)
        || a.emails.iter().any(|one| b.emails.iter().any(|other| is_alike(one, other)))
}

/// Whether a mailbox of the first cluster contains a name of the second.
fn has_name_of(a: &Cluster<'_>, b: &Cluster<'_>, has: fn(&FoldedName, &str) -> bool) -> bool {
    b.names.iter().any(|name| a.emails.iter().any(|mailbox| has(name, &mailbox.value)))
}

fn have_mailbox_of_both(a: &Cluster<'_>, b: &Cluster<'_>) -> bool {
    let is_of = |mailbox: &Identifier, first: &Names<'_>, last: &Names<'_>| {
        first
            .iter()
            .any(|first| last.iter().any(|last| first.is_written_with(last, &mailbox.value)))
    };
    a.emails
        .intersection(&b.emails)
        .any(|mailbox| is_of(mailbox, &a.names, &b.names) || is_of(mailbox, &b.names, &a.names))
}

/// Whether names can contradict evidence of a level.
const fn names_count(level: Level, rules: &IdentityRules) -> bool {
    match level {
        Level::Email => rules.email_link_requires_compatible_names,
        Level::Phone => true,
        Level::Decision | Level::SourceMerge | Level::Reference => false,
    }
}

fn verdict(
    ours: &Names<'_>,
    theirs: &Names<'_>,
    on: On<'_>,
    borne: Option<&Borne<'_>>,
    rules: &IdentityRules,
) -> Verdict {
    if on.level == Level::Phone {
        on_line(ours, theirs, on.value)
    } else {
        on_mailbox(ours, theirs, borne, rules)
    }
}

/// Compares names on a mailbox. If several values connect the clusters (`borne` is `None`), only names that disagree on
/// every mailbox count.
fn on_mailbox(
    ours: &Names<'_>,
    theirs: &Names<'_>,
    borne: Option<&Borne<'_>>,
    rules: &IdentityRules,
) -> Verdict {
    let [mut a, mut b] =
        [ours, theirs].map(|names| speaking(names, FoldedName::has_short_first_for));
    with_part(&mut a, &mut b, FoldedName::has_first);
    let agrees = |alike: bool| {
        a.is_empty()
            || b.is_empty()
            || a.iter().any(|a| b.iter().any(|b| a.agrees_on_mailbox(b, alike)))
    };
    if !agrees(true) {
        let is_half = a.iter().chain(&b).any(|name| !name.has_first());
        Verdict::Disagree(
            Conflict::FirstNames,
            if is_half { Unless::OfBoth } else { Unless::Never },
        )
    } else if rules.email_link_requires_first_name
        && borne.is_some_and(|borne| borne.is_nobodys(ours, theirs))
    {
        Verdict::Disagree(Conflict::NoFirstName, Unless::OfBoth)
    } else if agrees(false) || borne.is_none_or(|borne| borne.bears_one_of(ours, theirs)) {
        Verdict::Agree { in_full: a.iter().any(|a| b.iter().any(|b| a.first_is_known_to_agree(b))) }
    } else {
        Verdict::Disagree(Conflict::FirstNames, Unless::PhoneInCommon)
    }
}

/// The names of a mailbox's holders that the mailbox contains.
struct Borne<'a>(Vec<&'a FoldedName>);

impl<'a> Borne<'a> {
    fn new(holders: &[&Names<'a>], on: On<'_>) -> Option<Self> {
        let Identifier { kind: IdentifierKind::Email, value: email } = on.value?.address()? else {
            return None;
        };
        let named = holders.iter().copied().flatten().copied().filter(|name| name.has_first());
        Some(Self(named.filter(|name| name.is_borne_by(email)).collect()))
    }

    /// Whether only one side has a first name, it agrees with no name of the other side, and the mailbox does not
    /// contain it or a name of another holder that agrees with it.
    fn is_nobodys(&self, ours: &Names<'_>, theirs: &Names<'_>) -> bool {
        let has_first = |names: &Names<'_>| names.iter().any(|name| name.has_first());
        let (with, without) = if has_first(ours) { (ours, theirs) } else { (theirs, ours) };
        let agrees = || with.iter().any(|a| without.iter().any(|b| a.first_is_known_to_agree(b)));
        has_first(ours) != has_first(theirs) && !self.bears(with) && !agrees()
    }

    fn bears(&self, names: &Names<'_>) -> bool {
        names.iter().any(|name| {
            self.0.iter().any(|borne| borne == name || borne.first_is_known_to_agree(name))
        })
    }

    /// Whether the mailbox contains a name of one side. Then names that look alike on it count as one.
    fn bears_one_of(&self, ours: &Names<'_>, theirs: &Names<'_>) -> bool {
        self.0.iter().any(|borne| ours.contains(*borne) || theirs.contains(*borne))
    }
}

/// Compares names on a phone line. Forms of one first name do not count on a fixed line, because a household shares it.
/// If several lines connect the clusters, such forms cannot be excluded.
fn on_line(ours: &Names<'_>, theirs: &Names<'_>, line: Option<Held<'_>>) -> Verdict {
    let [mut a, mut b] = [ours, theirs].map(|names| speaking(names, FoldedName::is_short_for));
    with_part(&mut a, &mut b, FoldedName::has_first);
    with_part(&mut a, &mut b, FoldedName::has_last);
    let best = a.iter().flat_map(|a| b.iter().map(|b| a.on_line(b))).max();
    match best.unwrap_or(OnLine::AsFarAsKnown) {
        OnLine::InFull => Verdict::Agree { in_full: true },
        OnLine::AsFarAsKnown => Verdict::Disagree(Conflict::EmailAddresses, Unless::Known),
        OnLine::Alike => Verdict::Disagree(Conflict::EmailAddresses, Unless::Spelled),
        OnLine::Forms if line.is_none_or(is_mobile) => {
            Verdict::Disagree(Conflict::EmailAddresses, Unless::Known)
        }
        OnLine::FirstName => Verdict::Disagree(Conflict::Names, Unless::Renamed),
        OnLine::Forms | OnLine::Different => Verdict::Disagree(Conflict::Names, Unless::Never),
    }
}

fn is_mobile(line: Held<'_>) -> bool {
    line.address()
        .is_some_and(|line| Phone::parse_e164(&line.value).is_ok_and(|phone| phone.is_mobile()))
}

/// Whether the names suggest neither one person nor one family: no name is a spelling of a name of the other side, or
/// has its family name. Also true if one side has no name.
pub(crate) fn are_unlike(ours: &Names<'_>, theirs: &Names<'_>) -> bool {
    !ours.iter().any(|a| theirs.iter().any(|b| a.is_spelling_of(b) || a.has_family_name_of(b)))
}

/// The names that count. A short form does not count next to a fuller name. Otherwise one "E. Smit" would let Erik
/// agree with Emma.
fn speaking<'a>(
    names: &Names<'a>,
    is_short_for: fn(&FoldedName, &FoldedName) -> bool,
) -> Vec<&'a FoldedName> {
    if names.len() < 2 {
        return names.iter().copied().collect();
    }
    names
        .iter()
        .copied()
        .filter(|name| !names.iter().any(|fuller| is_short_for(name, fuller)))
        .collect()
}

/// If both sides have names with this part, names without it do not count. Otherwise one incomplete name would let
/// strangers agree.
fn with_part(
    ours: &mut Vec<&FoldedName>,
    theirs: &mut Vec<&FoldedName>,
    has: fn(&FoldedName) -> bool,
) {
    if ours.iter().any(|name| has(name)) && theirs.iter().any(|name| has(name)) {
        ours.retain(|name| has(name));
        theirs.retain(|name| has(name));
    }
}

//! What forbids that some clusters are one person, and which of them may be one all the same.

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
    /// Their source keeps people unique and knows them as two.
    DifferentIds,
    /// Their first names disagree, or where one isn't known, their family names.
    FirstNames,
    /// One has no first name, and the mailbox doesn't bear the other's.
    NoFirstName,
    /// Their names disagree.
    Names,
    /// Both have e-mail addresses, none in common, and no names that agree in full.
    EmailAddresses,
    /// Only self-asserted records say so.
    SelfAsserted,
    /// A person decided that they are different people.
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

/// On what ground clusters would be joined.
#[derive(Debug, Clone, Copy)]
pub(crate) struct On<'a> {
    pub level: Level,
    /// The one value that they have in common; `None` where they are connected by several.
    pub value: Option<Held<'a>>,
}

/// What two sets of names come to.
#[derive(Debug, Clone, Copy)]
enum Verdict {
    /// They agree; in full, or as far as is known.
    Agree {
        in_full: bool,
    },
    Disagree(Conflict, Unless),
}

/// What speaks for one person although names disagree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unless {
    Never,
    /// Not both have phone numbers, or they have one in common.
    PhoneInCommon,
    /// Not both have mailboxes, or they have one in common, or a mailbox of one has the other's first and family name in its own.
    Spelled,
    /// The same, and initials do, too, as do two mailboxes with the same letters.
    Known,
    /// A mailbox of one has the other's whole name in its own: somebody married.
    Renamed,
    /// A mailbox has the first name of one and the family name of the other in its own.
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
                have_none_in_common(&a.emails, &b.emails) && !has_name_of(a, b, is_spelled) && !has_name_of(b, a, is_spelled)
            }
            Unless::Known => have_none_in_common(&a.emails, &b.emails) && !are_known_by_mailbox(a, b),
            Unless::Renamed => !has_name_of(a, b, FoldedName::is_written_in) && !has_name_of(b, a, FoldedName::is_written_in),
            Unless::OfBoth => !have_mailbox_of_both(a, b),
        }
    }
}

/// Clusters that may be one, by their names: few are called differently, however many they are.
pub(crate) struct Among<'c, 'a> {
    clusters: &'c [&'c Cluster<'a>],
    class_of: Vec<usize>,
    verdicts: Vec<Vec<Verdict>>,
    level: Level,
}

impl<'c, 'a> Among<'c, 'a> {
    pub(crate) fn new(clusters: &'c [&'c Cluster<'a>], on: On<'_>, rules: &IdentityRules) -> Self {
        if !names_count(on.level, rules) {
            return Self { clusters, class_of: vec![0; clusters.len()], verdicts: Vec::new(), level: on.level };
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
        // Between those who are called the same, a mailbox has nothing to say.
        let borne = if classes.len() > 1 { Borne::new(&classes, on) } else { None };
        let row = |n: usize, ours: &Names<'a>| {
            classes.iter().take(n.saturating_add(1)).map(|theirs| verdict(ours, theirs, on, borne.as_ref(), rules)).collect()
        };
        let verdicts = classes.iter().enumerate().map(|(n, ours)| row(n, ours)).collect();
        Self { clusters, class_of, verdicts, level: on.level }
    }

    /// What the names of two of them come to, by their places.
    fn verdict(&self, one: usize, other: usize) -> Option<Verdict> {
        let (n, m) = (*self.class_of.get(one)?, *self.class_of.get(other)?);
        self.verdicts.get(n.max(m))?.get(n.min(m)).copied()
    }

    /// Why they must not all be one, if so. What people decided comes last: it needs no review.
    pub(crate) fn forbidden(&self) -> Option<Conflict> {
        // A merge of the source is a fact: it makes ids one, whatever else they refer to.
        if self.level > Level::SourceMerge && self.some_have_other_ids() {
            return Some(Conflict::DifferentIds);
        }
        self.some_disagree().or_else(|| self.some_are_decided_different().then_some(Conflict::DecidedDifferent))
    }

    fn some_have_other_ids(&self) -> bool {
        let kinds: BTreeSet<_> = self.clusters.iter().flat_map(|cluster| cluster.ids.keys().copied()).collect();
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
        let pairs = || self.verdicts.iter().enumerate().flat_map(|(n, row)| row.iter().enumerate().map(move |(m, verdict)| (n, m, *verdict)));
        let is_met = |n: usize, m: usize, verdict: Verdict| {
            let [ours, theirs] = [n, m].map(|class| of_class.get(class).map_or(&[][..], Vec::as_slice));
            ours.iter().enumerate().any(|(at, a)| theirs.iter().skip(if n == m { at.saturating_add(1) } else { 0 }).any(|b| verdict.forbids(a, b)))
        };
        let grounds = |certain: bool| {
            pairs().filter_map(move |(n, m, verdict)| match verdict {
                Verdict::Disagree(grounds, unless) if (unless == Unless::Never) == certain => is_met(n, m, verdict).then_some(grounds),
                Verdict::Agree { .. } | Verdict::Disagree(..) => None,
            })
        };
        grounds(true).min().or_else(|| grounds(false).min())
    }

    fn some_are_decided_different(&self) -> bool {
        let deciding: Vec<&&Cluster<'_>> = self.clusters.iter().filter(|cluster| !cluster.apart_from.is_empty()).collect();
        deciding.iter().enumerate().any(|(n, one)| deciding.iter().skip(n.saturating_add(1)).any(|other| one.is_decided_different_from(other)))
    }

    /// Whether two of them, by their places, must not be one.
    fn is_forbidden(&self, one: usize, other: usize) -> bool {
        let Some((a, b)) = self.clusters.get(one).zip(self.clusters.get(other)) else { return false };
        self.verdict(one, other).is_some_and(|verdict| verdict.forbids(a, b))
            || (self.level > Level::SourceMerge && a.has_other_ids_than(b))
            || a.is_decided_different_from(b)
    }

    /// Whether two of them, by their places, agree in full.
    pub(crate) fn agree_in_full(&self, one: usize, other: usize) -> bool {
        matches!(self.verdict(one, other), Some(Verdict::Agree { in_full: true }))
    }

    /// Those who may be one although some contradict each other, by their places. Of two who contradict each other, who agrees in full
    /// with one only goes with that one. Whoever agrees with both all the same is in between: nobody can tell whose it is, and it
    /// stays out. The rest falls into groups in which all agree with all, whatever the order: of three of whom the second agrees
    /// with the other two, it would be in between.
    pub(crate) fn agreeing(&self) -> Vec<Vec<usize>> {
        if self.clusters.len() < 3 {
            return Vec::new();
        }
        let alike = self.alike();
        let firsts: Vec<usize> = alike.iter().filter_map(|group| group.first().copied()).collect();
        let agreement = Lines::new(firsts.len(), |n, m| n == m || firsts.get(n).zip(firsts.get(m)).is_some_and(|(a, b)| !self.is_forbidden(*a, *b)));
        let in_full = |n: usize, m: usize| firsts.get(n).zip(firsts.get(m)).is_some_and(|(a, b)| self.agree_in_full(*a, *b));
        let is_surpassed = |n: usize, m: usize| !in_full(n, m) && agreement.of(n).any(|other| in_full(n, other) && !agreement.has(other, m));
        let lines = Lines::new(firsts.len(), |n, m| agreement.has(n, m) && !is_surpassed(n, m) && !is_surpassed(m, n));
        let is_between = |n: &usize| lines.of(*n).any(|one| lines.of(*n).any(|other| !lines.has(one, other)));
        let clear: Vec<usize> = (0..firsts.len()).filter(|n| !is_between(n)).collect();
        let mut partition = UnionFind::new(firsts.len());
        for (at, n) in clear.iter().enumerate() {
            let agreeing = clear.iter().skip(at.saturating_add(1)).filter(|m| lines.has(*n, **m));
            agreeing.for_each(|m| partition.join_all(&[*n, *m]));
        }
        let whole = |group: Vec<usize>| group.into_iter().filter_map(|n| alike.get(n)).flatten().copied().collect::<Vec<usize>>();
        partition.groups(&clear).into_iter().map(whole).filter(|group| group.len() > 1).collect()
    }

    /// Those of whom the same is known count as one, since many may hold a value.
    fn alike(&self) -> Vec<Vec<usize>> {
        let mut known: BTreeMap<_, Vec<usize>> = BTreeMap::new();
        let mut alike = Vec::new();
        for (n, (cluster, class)) in self.clusters.iter().zip(&self.class_of).enumerate() {
            if cluster.apart_from.is_empty() && !self.is_forbidden(n, n) {
                known.entry((class, &cluster.ids, &cluster.emails, &cluster.phones)).or_default().push(n);
            } else {
                alike.push(vec![n]);
            }
        }
        alike.extend(known.into_values());
        alike
    }
}

/// Which of some agree with which.
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

/// Whether a mailbox of one has the other's name in its own, or two are written with the same letters, which are more than a first or a
/// family name.
fn are_known_by_mailbox(a: &Cluster<'_>, b: &Cluster<'_>) -> bool {
    let is_half = |mailbox: &Identifier| a.names.union(&b.names).any(|name| name.is_half_in(&mailbox.value));
    let is_alike = |one: &Identifier, other: &Identifier| are_written_alike(&one.value, &other.value) && !is_half(one);
    has_name_of(a, b, FoldedName::is_written_in)
        || has_name_of(b, a, FoldedName::is_written_in)
        || a.emails.iter().any(|one| b.emails.iter().any(|other| is_alike(one, other)))
}

/// Whether a mailbox of the first has a name of the second in its own.
fn has_name_of(a: &Cluster<'_>, b: &Cluster<'_>, has: fn(&FoldedName, &str) -> bool) -> bool {
    b.names.iter().any(|name| a.emails.iter().any(|mailbox| has(name, &mailbox.value)))
}

fn have_mailbox_of_both(a: &Cluster<'_>, b: &Cluster<'_>) -> bool {
    let is_of = |mailbox: &Identifier, first: &Names<'_>, last: &Names<'_>| {
        first.iter().any(|first| last.iter().any(|last| first.is_written_with(last, &mailbox.value)))
    };
    a.emails.intersection(&b.emails).any(|mailbox| is_of(mailbox, &a.names, &b.names) || is_of(mailbox, &b.names, &a.names))
}

/// Whether names speak against one person on a level.
const fn names_count(level: Level, rules: &IdentityRules) -> bool {
    match level {
        Level::Email => rules.email_link_requires_compatible_names,
        Level::Phone => true,
        Level::Decision | Level::SourceMerge | Level::Reference => false,
    }
}

fn verdict(ours: &Names<'_>, theirs: &Names<'_>, on: On<'_>, borne: Option<&Borne<'_>>, rules: &IdentityRules) -> Verdict {
    if on.level == Level::Phone { on_line(ours, theirs, on.value) } else { on_mailbox(ours, theirs, borne, rules) }
}

/// Without a mailbox, of those whom several connect, only names that disagree whatever the mailbox is speak against one person.
fn on_mailbox(ours: &Names<'_>, theirs: &Names<'_>, borne: Option<&Borne<'_>>, rules: &IdentityRules) -> Verdict {
    let [mut a, mut b] = [ours, theirs].map(|names| speaking(names, FoldedName::has_short_first_for));
    with_part(&mut a, &mut b, FoldedName::has_first);
    let agrees = |alike: bool| a.is_empty() || b.is_empty() || a.iter().any(|a| b.iter().any(|b| a.agrees_on_mailbox(b, alike)));
    if !agrees(true) {
        let is_half = a.iter().chain(&b).any(|name| !name.has_first());
        Verdict::Disagree(Conflict::FirstNames, if is_half { Unless::OfBoth } else { Unless::Never })
    } else if rules.email_link_requires_first_name && borne.is_some_and(|borne| borne.is_nobodys(ours, theirs)) {
        Verdict::Disagree(Conflict::NoFirstName, Unless::OfBoth)
    } else if agrees(false) || borne.is_none_or(|borne| borne.bears_one_of(ours, theirs)) {
        Verdict::Agree { in_full: a.iter().any(|a| b.iter().any(|b| a.first_is_known_to_agree(b))) }
    } else {
        Verdict::Disagree(Conflict::FirstNames, Unless::PhoneInCommon)
    }
}

/// The names of a mailbox's holders that it has in its own.
struct Borne<'a>(Vec<&'a FoldedName>);

impl<'a> Borne<'a> {
    fn new(holders: &[&Names<'a>], on: On<'_>) -> Option<Self> {
        let Identifier { kind: IdentifierKind::Email, value: email } = on.value?.address()? else { return None };
        let named = holders.iter().copied().flatten().copied().filter(|name| name.has_first());
        Some(Self(named.filter(|name| name.is_borne_by(email)).collect()))
    }

    /// Whether only one of two has a first name, none that could be the other's agrees with it, and the mailbox doesn't bear it, nor
    /// any name of another holder that agrees with it.
    fn is_nobodys(&self, ours: &Names<'_>, theirs: &Names<'_>) -> bool {
        let has_first = |names: &Names<'_>| names.iter().any(|name| name.has_first());
        let (with, without) = if has_first(ours) { (ours, theirs) } else { (theirs, ours) };
        let agrees = || with.iter().any(|a| without.iter().any(|b| a.first_is_known_to_agree(b)));
        has_first(ours) != has_first(theirs) && !self.bears(with) && !agrees()
    }

    fn bears(&self, names: &Names<'_>) -> bool {
        names.iter().any(|name| self.0.iter().any(|borne| borne == name || borne.first_is_known_to_agree(name)))
    }

    /// Whether the mailbox is one of two people's own, so that names that are alike on it are one.
    fn bears_one_of(&self, ours: &Names<'_>, theirs: &Names<'_>) -> bool {
        self.0.iter().any(|borne| ours.contains(*borne) || theirs.contains(*borne))
    }
}

/// Forms of one first name don't count on a fixed line, which a household has; on what several lines connect they can't be excluded.
fn on_line(ours: &Names<'_>, theirs: &Names<'_>, line: Option<Held<'_>>) -> Verdict {
    let [mut a, mut b] = [ours, theirs].map(|names| speaking(names, FoldedName::is_short_for));
    with_part(&mut a, &mut b, FoldedName::has_first);
    with_part(&mut a, &mut b, FoldedName::has_last);
    let best = a.iter().flat_map(|a| b.iter().map(|b| a.on_line(b))).max();
    match best.unwrap_or(OnLine::AsFarAsKnown) {
        OnLine::InFull => Verdict::Agree { in_full: true },
        OnLine::AsFarAsKnown => Verdict::Disagree(Conflict::EmailAddresses, Unless::Known),
        OnLine::Alike => Verdict::Disagree(Conflict::EmailAddresses, Unless::Spelled),
        OnLine::Forms if line.is_none_or(is_mobile) => Verdict::Disagree(Conflict::EmailAddresses, Unless::Known),
        OnLine::FirstName => Verdict::Disagree(Conflict::Names, Unless::Renamed),
        OnLine::Forms | OnLine::Different => Verdict::Disagree(Conflict::Names, Unless::Never),
    }
}

fn is_mobile(line: Held<'_>) -> bool {
    line.address().is_some_and(|line| Phone::parse_e164(&line.value).is_ok_and(|phone| phone.is_mobile()))
}

/// Whether what two are called says nothing for one person, nor for one family: neither has a name that is a spelling of the other's,
/// nor the other's family name; or one has no name at all.
pub(crate) fn are_unlike(ours: &Names<'_>, theirs: &Names<'_>) -> bool {
    !ours.iter().any(|a| theirs.iter().any(|b| a.is_spelling_of(b) || a.has_family_name_of(b)))
}

/// What has a say: a short form has none beside the name that it is short for, else one "E. Smit" would let Erik agree with
/// Emma.
fn speaking<'a>(names: &Names<'a>, is_short_for: fn(&FoldedName, &FoldedName) -> bool) -> Vec<&'a FoldedName> {
    if names.len() < 2 {
        return names.iter().copied().collect();
    }
    names.iter().copied().filter(|name| !names.iter().any(|fuller| is_short_for(name, fuller))).collect()
}

/// Where both have names with a part, those without it have no say: else one half name would let strangers agree.
fn with_part(ours: &mut Vec<&FoldedName>, theirs: &mut Vec<&FoldedName>, has: fn(&FoldedName) -> bool) {
    if ours.iter().any(|name| has(name)) && theirs.iter().any(|name| has(name)) {
        ours.retain(|name| has(name));
        theirs.retain(|name| has(name));
    }
}

//! Decides what the records of two people contain to distinguish them. It uses the true values and not the code of the
//! rules, so that a rule that merges too much cannot hide its mistakes here.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::names::{all_forms, split_particle};
use super::people::KNOWN_ROLES;
use super::records::Draft;
use super::spelling::{initials, plain};
use super::writing::WrittenName;
use crate::customer::model::source::SourceKind;

/// An address under more names than this is shared, and is not evidence.
const EVERYBODYS: usize = 4;

/// Beginnings of mailboxes that name a family.
const FAMILIES: [&str; 4] = ["familie.", "family.", "fam.", "gezin."];

/// Two people by index, the smaller index first.
pub type Pair = (usize, usize);

/// The pairs of people who cannot be distinguished: two of their records share an address, and neither says which
/// person it is, because it has no name or a name that fits both. Or they have the same name.
pub(super) fn indistinguishable(drafts: &[Draft]) -> BTreeSet<Pair> {
    let mut pairs: BTreeSet<Pair> = BTreeSet::new();
    let mut whole: HashMap<usize, Vec<&WrittenName>> = HashMap::new();
    for draft in drafts.iter().filter(|draft| parts_of(&draft.name) == 2) {
        whole.entry(draft.person).or_default().push(&draft.name);
    }
    let names = |person: usize| whole.get(&person).map_or(&[][..], Vec::as_slice);
    let are_namesakes = |one: usize, other: usize| {
        names(one).iter().any(|a| names(other).iter().any(|b| names_fit(a, b, true)))
    };
    for on_line in [false, true] {
        let mut holders: HashMap<&str, Vec<&Draft>> = HashMap::new();
        for draft in drafts {
            if let Some(address) = if on_line { line(draft) } else { mailbox(draft) } {
                holders.entry(address).or_default().push(draft);
            }
        }
        for holding in
            holders.into_values().filter(|holding| holding.len() > 1 && !is_everybodys(holding))
        {
            for (n, one) in holding.iter().enumerate() {
                let is_alike = |other: &Draft| {
                    are_namesakes(one.person, other.person) || !are_told_apart(one, other, on_line)
                };
                let others = holding
                    .iter()
                    .skip(n + 1)
                    .filter(|other| other.person != one.person && is_alike(other));
                pairs.extend(
                    others
                        .map(|other| (one.person.min(other.person), one.person.max(other.person))),
                );
            }
        }
    }
    pairs
}

/// For each record, the number of its piece. Records of one person that no evidence connects, directly or through other
/// records of the person, are in different pieces, because no rule can join them. Evidence is an id in common, or an
/// address that is not shared, unless other values distinguish the two records.
pub(super) fn pieces(drafts: &[Draft]) -> Vec<usize> {
    let mut everybodys: HashSet<&str> =
        [mailbox, line].into_iter().flat_map(|address| everybodys(drafts, address)).collect();
    // A mailbox that names a family or a role belongs to nobody.
    everybodys
        .extend(drafts.iter().filter(|draft| own_mailbox(draft).is_none()).filter_map(mailbox));
    let mut of_person: HashMap<usize, Vec<usize>> = HashMap::new();
    for (n, draft) in drafts.iter().enumerate() {
        of_person.entry(draft.person).or_default().push(n);
    }
    let mut partition: Vec<usize> = (0..drafts.len()).collect();
    for own in of_person.into_values() {
        connect(drafts, &own, &everybodys, &mut partition);
    }
    (0..drafts.len()).map(|n| root(&partition, n)).collect()
}

/// Connects the records of one person. A self-asserted record joins one piece only, and is not evidence about other
/// records.
fn connect(drafts: &[Draft], own: &[usize], everybodys: &HashSet<&str>, partition: &mut [usize]) {
    let is_form = |n: &usize| {
        drafts.get(*n).is_some_and(|draft| draft.key.kind == SourceKind::OmniLabParticipant)
    };
    let is_connected = |one: usize, other: usize| {
        drafts.get(one).zip(drafts.get(other)).is_some_and(|(a, b)| are_connected(a, b, everybodys))
    };
    let mut join = |one: usize, other: usize| {
        let (one, other) = (root(partition, one), root(partition, other));
        if let Some(slot) = partition.get_mut(one.max(other)) {
            *slot = one.min(other);
        }
    };
    let (forms, others): (Vec<usize>, Vec<usize>) = own.iter().copied().partition(is_form);
    for (n, one) in others.iter().enumerate() {
        others
            .iter()
            .skip(n + 1)
            .filter(|other| is_connected(*one, **other))
            .for_each(|other| join(*one, *other));
    }
    let (placed, left): (Vec<usize>, Vec<usize>) =
        forms.into_iter().partition(|form| others.iter().any(|other| is_connected(*form, *other)));
    placed.iter().for_each(|form| {
        others
            .iter()
            .find(|other| is_connected(*form, **other))
            .into_iter()
            .for_each(|other| join(*form, *other))
    });
    for (n, one) in left.iter().enumerate() {
        left.iter()
            .skip(n + 1)
            .filter(|other| is_connected(*one, **other))
            .for_each(|other| join(*one, *other));
    }
}

fn are_connected(one: &Draft, other: &Draft, everybodys: &HashSet<&str>) -> bool {
    let has_same = |address: fn(&Draft) -> Option<&str>| {
        let common = address(one).filter(|address| !everybodys.contains(address));
        common.is_some() && common == address(other)
    };
    one.ids.iter().any(|id| other.ids.contains(id))
        || (has_same(mailbox) && !are_told_apart(one, other, false))
        || (has_same(line) && !are_told_apart(one, other, true))
}

/// The shared addresses of one kind.
fn everybodys(drafts: &[Draft], address: fn(&Draft) -> Option<&str>) -> Vec<&str> {
    let mut holders: HashMap<&str, Vec<&Draft>> = HashMap::new();
    for draft in drafts {
        if let Some(address) = address(draft) {
            holders.entry(address).or_default().push(draft);
        }
    }
    holders
        .into_iter()
        .filter(|(_, holding)| is_everybodys(holding))
        .map(|(address, _)| address)
        .collect()
}

fn root(partition: &[usize], mut n: usize) -> usize {
    while let Some(&next) = partition.get(n).filter(|next| **next != n) {
        n = next;
    }
    n
}

pub(super) fn mailbox(draft: &Draft) -> Option<&str> {
    draft.email.as_ref()?.meant.as_deref()
}

/// The mailbox of a draft, unless it names a family or a role.
fn own_mailbox(draft: &Draft) -> Option<&str> {
    let is_roles = |mailbox: &str| {
        mailbox.split_once('@').is_some_and(|(local, _)| KNOWN_ROLES.contains(&local))
    };
    mailbox(draft).filter(|mailbox| {
        !is_roles(mailbox) && !FAMILIES.iter().any(|family| mailbox.starts_with(family))
    })
}

pub(super) fn line(draft: &Draft) -> Option<&str> {
    draft.phone.as_ref()?.meant.as_deref()
}

/// Whether an address has more names than one person, household or desk has. Spellings of one name count once.
/// Self-asserted records do not count.
fn is_everybodys(holding: &[&Draft]) -> bool {
    let counts = |draft: &&&Draft| {
        !draft.key.kind.keeps_people_unique() && draft.key.kind != SourceKind::OmniLabParticipant
    };
    let names: Vec<&WrittenName> = holding
        .iter()
        .filter(counts)
        .map(|draft| &draft.name)
        .filter(|name| parts_of(name) > 0)
        .collect();
    if names.len() <= EVERYBODYS {
        return false;
    }
    let says_less = |one: &WrittenName, other: &WrittenName| {
        (parts_of(one), letters_of(one)) < (parts_of(other), letters_of(other))
    };
    let own: Vec<&WrittenName> = names
        .iter()
        .filter(|name| {
            !names.iter().any(|other| says_less(name, other) && names_fit(name, other, true))
        })
        .copied()
        .collect();
    let mut different: Vec<&WrittenName> = Vec::new();
    for name in own {
        if !different
            .iter()
            .any(|other| parts_of(name) == parts_of(other) && names_fit(name, other, true))
        {
            different.push(name);
        }
    }
    different.len() > EVERYBODYS
}

fn parts_of(name: &WrittenName) -> usize {
    usize::from(name.given.is_some()) + usize::from(name.family.is_some())
}

fn letters_of(name: &WrittenName) -> usize {
    name.given.as_deref().map_or(0, |given| plain(given).len())
}

/// Whether values distinguish two people. A mailbox belongs to one person: only different given names or different
/// profiles show two people. A phone line can belong to a household: there, different family names also show two
/// people, and so do different mailboxes if the names differ.
fn are_told_apart(one: &Draft, other: &Draft, on_line: bool) -> bool {
    let is_whole = |draft: &Draft| draft.name.given.is_some() && draft.name.family.is_some();
    let are_whole = is_whole(one) && is_whole(other);
    let says_so = says_name_of(one, other) || says_name_of(other, one);
    let mailboxes = [own_mailbox(one), own_mailbox(other)];
    let strangers = mailboxes.iter().all(Option::is_some)
        && own_mailbox(one) != own_mailbox(other)
        && !are_whole
        && !says_so;
    are_two_profiles(one, other)
        || (on_line && strangers)
        || !names_fit(&one.name, &other.name, on_line)
}

/// Whether the mailbox of one contains the whole name of the other.
fn says_name_of(one: &Draft, other: &Draft) -> bool {
    let (Some(mailbox), Some(given), Some(family)) =
        (own_mailbox(one), &other.name.given, &other.name.family)
    else {
        return false;
    };
    let local: String = mailbox
        .split('@')
        .next()
        .unwrap_or_default()
        .chars()
        .filter(|c| c.is_alphabetic())
        .collect();
    let (given, families) = (plain(given), [plain(family), plain(split_particle(family).1)]);
    families
        .iter()
        .any(|family| local == format!("{given}{family}") || local == format!("{family}{given}"))
}

fn are_two_profiles(one: &Draft, other: &Draft) -> bool {
    matches!((profile_of(one), profile_of(other)), (Some(one), Some(other)) if one != other)
}

/// Whether two written names can belong to one person. A missing part fits. A couple's name does not fit a single
/// person's. A suffix for father or son fits the same suffix only.
fn names_fit(a: &WrittenName, b: &WrittenName, with_family: bool) -> bool {
    let generations_differ = a.suffix.zip(b.suffix).is_some_and(|(a, b)| a.is_elder != b.is_elder);
    if generations_differ
        || (a.is_couples != b.is_couples && a.given.is_some() && b.given.is_some())
    {
        return false;
    }
    let fit = |a: &Option<String>, b: &Option<String>, fit: fn(&str, &str) -> bool| {
        a.as_ref().zip(b.as_ref()).is_none_or(|(a, b)| fit(a, b))
    };
    fit(&a.given, &b.given, |a, b| given_names_fit(a, b) || are_forms(a, b))
        && (!with_family || fit(&a.family, &b.family, family_names_fit))
}

fn profile_of(draft: &Draft) -> Option<&str> {
    draft.ids.iter().find(|id| id.kind == SourceKind::OmneoProfile).map(|id| id.id.as_str())
}

/// Whether two written given names can belong to one person.
pub(super) fn given_names_fit(a: &str, b: &str) -> bool {
    let (initials_of_a, initials_of_b) = (plain(&initials(a)), plain(&initials(b)));
    let (a, b) = (plain(a), plain(b));
    a.starts_with(&b)
        || b.starts_with(&a)
        || a == initials_of_b
        || b == initials_of_a
        || is_one_slip(&a, &b)
}

/// Whether two written given names are forms of one name: Jan and Johan are both Johannes.
fn are_forms(a: &str, b: &str) -> bool {
    let forms = |name: &str| all_forms(name).into_iter().map(plain).collect::<BTreeSet<String>>();
    !forms(a).is_disjoint(&forms(b))
}

/// Whether two written family names can belong to one person: a word in common, or one typing error.
fn family_names_fit(a: &str, b: &str) -> bool {
    let words = |name: &str| {
        let barrels: Vec<String> = name
            .split('-')
            .flat_map(|barrel| split_particle(barrel.trim()).1.split(' '))
            .map(plain)
            .collect();
        barrels.into_iter().filter(|word| word.chars().count() >= 3).collect::<BTreeSet<String>>()
    };
    !words(a).is_disjoint(&words(b))
        || is_one_slip(&plain(split_particle(a).1), &plain(split_particle(b).1))
        || plain(a) == plain(b)
}

fn is_one_slip(a: &str, b: &str) -> bool {
    a.len() >= 4 && b.len() >= 4 && strsim::osa_distance(a, b) <= 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::population::chance::SeededRng;
    use crate::demo::population::kin::Kin;

    fn name(given: &str, family: &str) -> WrittenName {
        let part = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        WrittenName { given: part(given), family: part(family), ..WrittenName::default() }
    }

    #[test]
    fn a_couple_fits_neither_partner_and_a_father_not_his_son() {
        let couple = WrittenName { is_couples: true, ..name("Jan en Marie", "Vos") };
        assert!(!names_fit(&couple, &name("Jan", "Vos"), true));
        assert!(names_fit(&couple, &name("", "Vos"), true) && names_fit(&couple, &couple, true));
        let mut chance = SeededRng::new(1);
        let kin = Kin::generations(&mut chance).unwrap();
        let [father, son] = [0, 1].map(|place| WrittenName {
            suffix: kin.place(place).unwrap().suffix(&mut chance),
            ..name("Jan", "Vos")
        });
        assert!(!names_fit(&father, &son, true));
        assert!(names_fit(&father, &father, true) && names_fit(&father, &name("Jan", "Vos"), true));
    }
}

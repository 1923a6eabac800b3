//! Decides what the records of two people contain to distinguish them. It uses the true values and not the code of the
//! rules, so that a rule that merges too much cannot hide its mistakes here.

use std::collections::{BTreeSet, HashMap};

use super::family_names::split_particle;
use super::generated_record::GeneratedRecord;
use super::name_fit::{letters_of, names_fit, parts_of};
use super::people::KNOWN_ROLES;
use super::spelling::plain;
use super::written::WrittenName;
use crate::customer::model::source::SourceKind;

/// An address under more names than this is shared, and is not evidence.
const MOST_NAMES_OF_ONE_ADDRESS: usize = 4;

/// Beginnings of mailboxes that name a family.
const FAMILIES: [&str; 4] = ["familie.", "family.", "fam.", "gezin."];

/// Two people by index, the smaller index first.
pub type Pair = (usize, usize);

pub(super) fn pair(one: usize, other: usize) -> Pair {
    (one.min(other), one.max(other))
}

pub(super) fn mailbox(record: &GeneratedRecord) -> Option<&str> {
    record.email.as_ref()?.meant.as_deref()
}

/// The mailbox of a record, unless it names a family or a role.
pub(super) fn own_mailbox(record: &GeneratedRecord) -> Option<&str> {
    let is_roles = |mailbox: &str| {
        mailbox.split_once('@').is_some_and(|(local, _)| KNOWN_ROLES.contains(&local))
    };
    mailbox(record).filter(|mailbox| {
        !is_roles(mailbox) && !FAMILIES.iter().any(|family| mailbox.starts_with(family))
    })
}

pub(super) fn line(record: &GeneratedRecord) -> Option<&str> {
    record.phone.as_ref()?.meant.as_deref()
}

/// Whether an address has more names than one person, household or desk has. Spellings of one name count once.
/// Self-asserted records do not count.
pub(super) fn is_widely_shared(holding: &[&GeneratedRecord]) -> bool {
    let counts = |record: &&&GeneratedRecord| {
        !record.key.kind.keeps_people_unique() && record.key.kind != SourceKind::OmniLabParticipant
    };
    let names: Vec<&WrittenName> = holding
        .iter()
        .filter(counts)
        .map(|record| &record.name)
        .filter(|name| parts_of(name) > 0)
        .collect();
    if names.len() <= MOST_NAMES_OF_ONE_ADDRESS {
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
    different.len() > MOST_NAMES_OF_ONE_ADDRESS
}

/// Whether values distinguish two people. A mailbox belongs to one person: only different given names or different
/// profiles show two people. A phone line can belong to a household: there, different family names also show two
/// people, and so do different mailboxes if the names differ.
pub(super) fn are_told_apart(
    one: &GeneratedRecord,
    other: &GeneratedRecord,
    on_line: bool,
) -> bool {
    let is_whole =
        |record: &GeneratedRecord| record.name.given.is_some() && record.name.family.is_some();
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
fn says_name_of(one: &GeneratedRecord, other: &GeneratedRecord) -> bool {
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

fn are_two_profiles(one: &GeneratedRecord, other: &GeneratedRecord) -> bool {
    matches!((profile_of(one), profile_of(other)), (Some(one), Some(other)) if one != other)
}

fn profile_of(record: &GeneratedRecord) -> Option<&str> {
    record.ids.iter().find(|id| id.kind == SourceKind::OmneoProfile).map(|id| id.id.as_str())
}

/// The pairs of people who cannot be distinguished: two of their records share an address, and neither says which
/// person it is, because it has no name or a name that fits both. Or they have the same name.
pub(super) fn indistinguishable(records: &[GeneratedRecord]) -> BTreeSet<Pair> {
    let whole = whole_names(records);
    let names = |person: usize| whole.get(&person).map_or(&[][..], Vec::as_slice);
    let are_namesakes = |one: usize, other: usize| {
        names(one).iter().any(|a| names(other).iter().any(|b| names_fit(a, b, true)))
    };
    let mut pairs: BTreeSet<Pair> = BTreeSet::new();
    for on_line in [false, true] {
        let holders = holders(records, if on_line { line } else { mailbox });
        for holding in holders.into_values().filter(|holding| !is_widely_shared(holding)) {
            for (n, one) in holding.iter().enumerate() {
                let others = holding.iter().skip(n + 1).filter(|other| {
                    other.person != one.person
                        && (are_namesakes(one.person, other.person)
                            || !are_told_apart(one, other, on_line))
                });
                pairs.extend(others.map(|other| pair(one.person, other.person)));
            }
        }
    }
    pairs
}

/// The names with both parts, by person.
fn whole_names(records: &[GeneratedRecord]) -> HashMap<usize, Vec<&WrittenName>> {
    let mut whole: HashMap<usize, Vec<&WrittenName>> = HashMap::new();
    for record in records.iter().filter(|record| parts_of(&record.name) == 2) {
        whole.entry(record.person).or_default().push(&record.name);
    }
    whole
}

/// The records with each address of one kind.
pub(super) fn holders(
    records: &[GeneratedRecord],
    address: fn(&GeneratedRecord) -> Option<&str>,
) -> HashMap<&str, Vec<&GeneratedRecord>> {
    let mut holders: HashMap<&str, Vec<&GeneratedRecord>> = HashMap::new();
    for record in records {
        if let Some(address) = address(record) {
            holders.entry(address).or_default().push(record);
        }
    }
    holders
}

//! Names in the form in which they are compared, and whether two names can belong to one person.

use std::collections::BTreeSet;
use std::fmt;

use super::folding::{take_family_generation, take_generation};
use super::particles::PARTICLES;

/// The given names in folded words.
pub(crate) enum Given {
    /// One person's names.
    One(Vec<String>),
    /// The names of a couple.
    Couple(BTreeSet<String>),
}

/// One interpretation of a name: which words are the given name and which are the family name.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Reading {
    /// All given names, joined to one word.
    pub(crate) first: String,
    /// The first given name.
    pub given: String,
    pub initials: String,
    /// The words of the family name, without particles.
    pub last: Vec<String>,
    /// The family name without particles, joined to one word.
    pub bare: String,
    /// The whole family name, joined to one word.
    pub family: String,
}

/// A name in the form in which names are compared. A name from a single text can have several interpretations. It
/// agrees with another name if any of them does.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct FoldedName {
    pub(crate) readings: Vec<Reading>,
    pub(crate) generation: Option<u8>,
    pub(crate) couple: BTreeSet<String>,
    /// The whole name as text, from which it can be built again.
    key: String,
}

impl fmt::Debug for FoldedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FoldedName([redacted])")
    }
}

/// The separator of a couple's given names in a key.
const BOTH: &str = " & ";

/// The longest key, in characters. Longer names are cut.
const MAX_KEY_CHARS: usize = 200;

impl FoldedName {
    /// A name from its parts in folded words.
    pub(crate) fn new(given: Given, mut last: Vec<String>) -> Self {
        let (mut first, couple) = match given {
            Given::One(first) => (first, BTreeSet::new()),
            Given::Couple(both) => (both.iter().cloned().collect(), both),
        };
        let behind_given = if couple.is_empty() { take_generation(&mut first) } else { None };
        let behind = take_generation(&mut last).or_else(|| take_family_generation(&mut last));
        let generation = behind.or(behind_given);
        let key = key(&first, if couple.is_empty() { " " } else { BOTH }, &last, generation);
        let readings = if first.is_empty() && last.is_empty() {
            Vec::new()
        } else {
            vec![Reading::new(&first, last)]
        };
        Self { readings, generation, couple, key }
    }

    /// A name from a text in folded words, if the parts of the name are unknown.
    pub(crate) fn whole(mut words: Vec<String>) -> Self {
        let behind_family_names =
            if words.len() > 2 { take_family_generation(&mut words) } else { None };
        let generation = take_generation(&mut words).or(behind_family_names);
        let splits = match words.len() {
            0 => vec![],
            1 => vec![1, 0],
            2 => vec![1],
            longer => vec![1, longer.saturating_sub(1)],
        };
        let (first, last) = words.split_at_checked(1).unwrap_or_default();
        let key = key(first, " ", last, generation);
        let readings = splits.into_iter().filter_map(|split| words.split_at_checked(split));
        Self {
            readings: readings.map(|(first, last)| Reading::new(first, last.to_vec())).collect(),
            generation,
            couple: BTreeSet::new(),
            key,
        }
    }

    /// Builds the name from its key. The key does not say whether a single word is the given name.
    #[must_use]
    pub fn from_key(key: &str) -> Self {
        let mut parts = key.splitn(3, '\u{1f}');
        let mut part = || parts.next().unwrap_or_default();
        let (first, last, generation) = (part(), part(), part().parse().ok());
        let words = |part: &str| {
            part.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect::<Vec<_>>()
        };
        let given = match first.contains(BOTH) {
            true => Given::Couple(first.split(BOTH).map(str::to_owned).collect()),
            false => Given::One(words(first)),
        };
        let name = match given {
            Given::One(first) if first.len() == 1 && last.is_empty() => Self::whole(first),
            given => Self::new(given, words(last)),
        };
        Self { generation, key: key.to_owned(), ..name }
    }

    /// Whether the given name is known, and is certainly a given name.
    #[must_use]
    pub fn has_first(&self) -> bool {
        self.is_known() && self.readings.iter().all(|reading| !reading.first.is_empty())
    }

    /// Whether the family name is known, and is certainly a family name.
    #[must_use]
    pub fn has_last(&self) -> bool {
        self.is_known() && self.readings.iter().all(|reading| !reading.last.is_empty())
    }

    /// Whether any part is known.
    #[must_use]
    pub const fn is_known(&self) -> bool {
        !self.readings.is_empty()
    }

    /// One text per distinct name. It serves to count the different names that hold a value. Empty if the name is
    /// unknown.
    #[must_use]
    pub fn key(&self) -> String {
        if self.is_known() { self.key.chars().take(MAX_KEY_CHARS).collect() } else { String::new() }
    }

    /// Whether its given name is a short form of the given name of `fuller`: initials, or the beginning of the name.
    #[must_use]
    pub fn has_short_first_for(&self, fuller: &Self) -> bool {
        let Some((short, long)) = self.readings.first().zip(fuller.readings.first()) else {
            return false;
        };
        let is_beginning = long.first.starts_with(&short.first) || short.first == long.initials;
        let is_shorter = !short.first.is_empty() && short.first.len() < long.first.len();
        is_shorter && is_beginning && self.couple.is_empty() && fuller.couple.is_empty()
    }

    /// Like [`has_short_first_for`](Self::has_short_first_for), and its family name adds nothing.
    #[must_use]
    pub fn is_short_for(&self, fuller: &Self) -> bool {
        let has_family =
            |name: &Self| name.readings.first().is_some_and(|reading| !reading.last.is_empty());
        self.has_short_first_for(fuller) && (!has_family(self) || has_family(fuller))
    }
}

impl Reading {
    fn new(first: &[String], last: Vec<String>) -> Self {
        let initials = first.iter().filter_map(|word| word.chars().next()).collect();
        let family = last.concat();
        let without: Vec<String> =
            last.iter().filter(|word| !PARTICLES.contains(&word.as_str())).cloned().collect();
        let last = if without.is_empty() { last } else { without };
        Self {
            first: first.concat(),
            given: first.first().cloned().unwrap_or_default(),
            initials,
            bare: last.concat(),
            last,
            family,
        }
    }
}

fn key(first: &[String], between: &str, last: &[String], generation: Option<u8>) -> String {
    let generation = generation.map(|generation| format!("\u{1f}{generation}")).unwrap_or_default();
    format!("{}\u{1f}{}{generation}", first.join(between), last.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::customer::model::name::PersonName;

    fn name(first: &str, last: &str) -> FoldedName {
        PersonName::new(Some(first), Some(last)).folded()
    }

    fn whole(text: &str) -> FoldedName {
        PersonName::whole(text).folded()
    }

    #[test]
    fn a_short_form_is_short_for_a_name_that_says_all_of_it() {
        assert!(name("E.", "Smit").is_short_for(&name("Erik", "Smit")));
        assert!(name("J.P.", "Vries").is_short_for(&name("Jan Pieter", "de Vries")));
        assert!(!name("Erik", "Smit").is_short_for(&name("E.", "Smit")));
        assert!(
            name("E.", "Smit").is_short_for(&name("Erik", "Bakker")),
            "a family name may be a typing error, or change"
        );
        assert!(!name("Erik", "Smit").is_short_for(&name("Erik", "Smit")));
        assert!(
            !name("O.", "Benhaddou").is_short_for(&name("Omar", "")),
            "its family name would be lost"
        );
    }

    #[test]
    fn a_key_gives_its_name_again() {
        for name in [
            name("Jan Pieter", "de Vries"),
            name("Jan en Marie", "Haddad"),
            name("Jan", "Vos Jr."),
            whole("Jan"),
            name("", "Vos"),
        ] {
            assert_eq!(FoldedName::from_key(&name.key()), name, "{}", name.key);
        }
    }
}

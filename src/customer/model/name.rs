//! People's names as sources write them, in parts or as one text. `folded_name.rs` compares them.

use std::collections::BTreeSet;
use std::fmt;

pub use super::folded_name::FoldedName;
use super::folded_name::Given;
use super::folding::{fold_name, fold_words, is_family_generation, is_generation};
use super::placeholder::{Sort, is_no_value, is_placeholder};
use super::titles::without_titles;
pub use crate::customer::identity::agreement::OnLine;

/// Words that are optional before a family name.
pub(crate) const PARTICLES: [&str; 39] = [
    "abou", "abu", "ait", "al", "ben", "bin", "bint", "da", "das", "de", "del", "della", "den",
    "der", "di", "do", "dos", "du", "e", "el", "ibn", "la", "las", "le", "les", "los", "op",
    "ould", "t", "te", "ten", "ter", "thoe", "van", "von", "y", "zu", "zum", "zur",
];

/// Words between the given names of two people. They count in every text. The words of `AND_IN_GIVEN_NAMES` count only
/// inside a given name, because they are also part of family names (`Ortega y Gasset`).
const AND: [&str; 12] = ["&", "+", "/", "en", "und", "u.", "et", "and", "og", "och", "ve", "plus"];

/// Words for a family before its family name.
const FAMILIES: [&str; 7] = ["familie", "family", "fam", "gezin", "famille", "familia", "famiglia"];
const AND_IN_GIVEN_NAMES: [&str; 3] = ["y", "e", "i"];

/// How certain the split of a name into parts is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Split {
    /// Certain: from the source, or from the name itself.
    #[default]
    Sure,
    /// A single word: either a given name or a family name.
    OneWord,
    /// Several words; the first one is assumed to be the given name.
    Guessed,
}

/// A name as one record has it. Either part may be unknown.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct PersonName {
    /// Given name or initials. For a couple's account: those of both people.
    pub first: Option<String>,
    /// Family name.
    pub last: Option<String>,
    split: Split,
}

impl fmt::Debug for PersonName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PersonName([redacted])")
    }
}

impl PersonName {
    /// A name from its parts. Titles, degrees and placeholders are removed.
    #[must_use]
    pub fn new(first: Option<&str>, last: Option<&str>) -> Self {
        // A couple whose second name is in the other part (`Jan`, `en Marie Haddad`).
        if let Some((first, last)) = first.zip(last)
            && (ends_with_and(first) || begins_with_and(last))
        {
            return Self::whole(&format!("{first} {last}"));
        }
        if let Some((family, last)) = first.filter(|first| is_family(first)).zip(last) {
            return Self::family(family, last);
        }
        let part = |part: Option<&str>| {
            part.and_then(without_titles)
                .map(|part| without_placeholders(&part))
                .filter(|part| !is_placeholder(Sort::Name, part))
        };
        Self { first: part(first), last: part(last), split: Split::Sure }
    }

    /// Splits a name that came as one text. A text that begins with particles is a family name. So is the part before a
    /// comma, and the part from a particle on. Otherwise the first word is assumed to be the given name.
    #[must_use]
    pub fn whole(text: &str) -> Self {
        if let Some((family, last)) =
            text.trim().split_once(char::is_whitespace).filter(|(first, _)| is_family(first))
        {
            return Self::family(family, last);
        }
        let Some(text) = without_titles(text).filter(|text| !is_placeholder(Sort::Name, text))
        else {
            return Self::default();
        };
        if let Some((before, behind)) =
            text.split_once(',').map(|(before, behind)| (before.trim(), behind.trim()))
            && !before.is_empty()
            && !behind.is_empty()
        {
            return Self::around_comma(before, behind);
        }
        Self::of_words(&text.trim_matches(',').split_whitespace().collect::<Vec<_>>())
    }

    /// The name of a family (`Familie Smit`), which belongs to no single person.
    fn family(family: &str, last: &str) -> Self {
        let last = without_titles(last).filter(|last| !is_placeholder(Sort::Name, last));
        Self { first: last.is_some().then(|| family.to_owned()), last, split: Split::Sure }
    }

    /// Whether the split into parts is certain.
    #[must_use]
    pub fn is_sure(&self) -> bool {
        self.split == Split::Sure && *self != Self::default()
    }

    /// `Vries, Anna de`, `Anna Vries, de`, `Anna de Vries, Jr.`
    fn around_comma(before: &str, behind: &str) -> Self {
        let mut given: Vec<&str> = behind.split_whitespace().collect();
        if is_generation(&given.join(" ")) {
            return Self::of_words(&before.split_whitespace().chain(given).collect::<Vec<_>>());
        }
        let particles = given.split_off(
            given
                .iter()
                .rposition(|word| !is_particle(word))
                .map_or(0, |last| last.saturating_add(1)),
        );
        let mut family: Vec<&str> = before.split_whitespace().collect();
        if given.is_empty()
            && family.len() > 1
            && !family.first().is_some_and(|word| is_particle(word))
        {
            given.push(family.remove(0));
        }
        Self::new(
            Some(&given.join(" ")),
            Some(&particles.into_iter().chain(family).collect::<Vec<_>>().join(" ")),
        )
    }

    fn of_words(words: &[&str]) -> Self {
        // In `Peter Berg de jonge`, the generation words go to the end.
        for length in [2, 1] {
            let split = words
                .len()
                .checked_sub(length)
                .filter(|left| *left > 0)
                .and_then(|left| words.split_at_checked(left));
            if let Some((rest, generation)) = split.filter(|(rest, end)| {
                is_generation(&end.join(" "))
                    && (rest.len() > 1 || !is_family_generation(&end.join(" ")))
            }) {
                let mut name = Self::of_words(rest);
                let part = if name.last.is_some() { &mut name.last } else { &mut name.first };
                part.iter_mut()
                    .for_each(|part| part.push_str(&format!(" {}", generation.join(" "))));
                return name;
            }
        }
        let and = words
            .iter()
            .enumerate()
            .skip(1)
            .find(|(n, word)| is_and(word) || is_and_of_two(words, *n));
        if let Some((n, _)) = and.filter(|(n, _)| n.saturating_add(1) < words.len()) {
            let (one, other) = words.split_at_checked(n).unwrap_or((words, &[]));
            return Self::couple(one, other);
        }
        let at = |split: usize| {
            words
                .split_at_checked(split)
                .map(|(first, last)| (first.join(" "), last.join(" ")))
                .unwrap_or_default()
        };
        let particle = words.iter().position(|word| is_particle(word));
        match (words, particle) {
            ([word], _) => Self { split: Split::OneWord, ..Self::new(Some(word), None) },
            // `Vries de`
            ([family, particles @ ..], Some(1))
                if particles.iter().all(|word| is_particle(word)) =>
            {
                Self::new(None, Some(&format!("{} {family}", particles.join(" "))))
            }
            (_, Some(split)) if words.len() > split.saturating_add(1) => {
                let (first, last) = at(split);
                Self::new(Some(&first), Some(&last))
            }
            _ => {
                let (first, last) = at(1);
                let name = Self::new(Some(&first), Some(&last));
                // Only one word remains of `Anna undefined`.
                let split = if name.first.is_some() && name.last.is_some() {
                    Split::Guessed
                } else {
                    Split::OneWord
                };
                Self { split, ..name }
            }
        }
    }

    /// A couple with two full names: `Jan Smit`, `en Marie de Vries`. The given name is both given names, the family
    /// name is the rest of each.
    fn couple(one: &[&str], other: &[&str]) -> Self {
        let (mut first, mut last) = (Vec::new(), Vec::new());
        for words in [one, other] {
            let given = words
                .iter()
                .position(|word| !is_and(word) && !AND_IN_GIVEN_NAMES.contains(word))
                .unwrap_or_default();
            let (names, family) =
                words.split_at_checked(given.saturating_add(1)).unwrap_or((words, &[]));
            first.extend_from_slice(names);
            last.extend_from_slice(family);
        }
        let text = |words: Vec<&str>| Some(words.join(" ")).filter(|text| !text.is_empty());
        Self { first: text(first), last: text(last), split: Split::Sure }
    }

    /// The name in the form in which names are compared.
    #[must_use]
    pub fn folded(&self) -> FoldedName {
        let words = |part: &Option<String>| part.as_deref().map(fold_name).unwrap_or_default();
        let (first, last) = (words(&self.first), words(&self.last));
        let given = match (self.split, self.first.as_deref().and_then(given_names)) {
            (Split::Sure, Some(both)) => Given::Couple(both),
            (Split::Sure, None) => Given::One(first),
            (Split::OneWord | Split::Guessed, _) => {
                return FoldedName::whole(first.into_iter().chain(last).collect());
            }
        };
        FoldedName::new(given, last)
    }
}

/// The given names of a couple's account. `None` for the account of one person.
fn given_names(first: &str) -> Option<BTreeSet<String>> {
    if is_family(first) {
        // It stands for the whole family, so it matches no single given name.
        return Some(BTreeSet::from([String::new(), "familie".to_owned()]));
    }
    let spaced = ['&', '+', '/']
        .into_iter()
        .fold(first.to_owned(), |text, sign| text.replace(sign, &format!(" {sign} ")));
    let words: Vec<String> = spaced.split_whitespace().map(str::to_lowercase).collect();
    let is_between = |word: &String| is_and(word) || AND_IN_GIVEN_NAMES.contains(&word.as_str());
    let names: BTreeSet<String> = words
        .split(is_between)
        .map(|name| fold_words(&name.join(" ")).concat())
        .filter(|name| !name.is_empty())
        .collect();
    (names.len() > 1).then_some(names)
}

fn is_family(word: &str) -> bool {
    matches!(fold_words(word).as_slice(), [word] if FAMILIES.contains(&word.as_str()))
}

fn is_and(word: &str) -> bool {
    AND.contains(&word.to_lowercase().as_str())
}

/// Whether this `y` joins two people. True for `Juan y María García`, false for `Ortega y Gasset`: one word must stand
/// before it, and more than one after it.
fn is_and_of_two(words: &[&str], n: usize) -> bool {
    n == 1 && words.len() > 3 && words.get(n).is_some_and(|word| AND_IN_GIVEN_NAMES.contains(word))
}

fn ends_with_and(first: &str) -> bool {
    first.split_whitespace().skip(1).last().is_some_and(is_and)
}

fn begins_with_and(last: &str) -> bool {
    last.split_whitespace().count() > 1 && last.split_whitespace().next().is_some_and(is_and)
}

fn is_particle(word: &str) -> bool {
    let folded = fold_words(word);
    // `Y.` is an initial.
    !folded.is_empty()
        && !word.ends_with('.')
        && folded.iter().all(|word| PARTICLES.contains(&word.as_str()))
}

/// Removes placeholders that programs write for a missing part (`Jan null`).
fn without_placeholders(part: &str) -> String {
    let said: Vec<&str> = part
        .split_whitespace()
        .filter(|word| !is_no_value(word) || word.chars().all(|c| !c.is_alphabetic()))
        .collect();
    said.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_in_one_text_has_the_parts_that_can_be_told() {
        for (text, first, last) in [
            ("Anna de Vries", Some("Anna"), Some("de Vries")),
            ("Jan Pieter van den Berg", Some("Jan Pieter"), Some("van den Berg")),
            ("de Vries, Anna", Some("Anna"), Some("de Vries")),
            ("Vries, Anna de", Some("Anna"), Some("de Vries")),
            ("Vries, de", None, Some("de Vries")),
            ("Anna Vries, de", Some("Anna"), Some("de Vries")),
            ("Berg, J.P. van den", Some("J.P."), Some("van den Berg")),
            ("van der Berg", None, Some("van der Berg")),
            ("'t Hart", None, Some("'t Hart")),
            ("Vries de", None, Some("de Vries")),
            ("Anna", Some("Anna"), None),
            ("Anna,", Some("Anna"), None),
            ("Anna Bakker", Some("Anna"), Some("Bakker")),
            ("Jan Vos, Jr.", Some("Jan"), Some("Vos Jr.")),
            ("Peter Berg, de jonge", Some("Peter"), Some("Berg de jonge")),
            ("Peter van Berg de oude", Some("Peter"), Some("van Berg de oude")),
            ("Daan junior", Some("Daan junior"), None),
            ("Ayşe Şen", Some("Ayşe"), Some("Şen")),
            ("Ayşe Nur Şen", Some("Ayşe"), Some("Nur Şen")),
            ("Maria Neto", Some("Maria"), Some("Neto")),
            ("Hans Meier sen.", Some("Hans"), Some("Meier sen.")),
            ("Jan en Marie Haddad", Some("Jan en Marie"), Some("Haddad")),
            ("Jan Smit & Marie de Vries", Some("Jan & Marie"), Some("Smit de Vries")),
            ("José Ortega y Gasset", Some("José Ortega"), Some("y Gasset")),
            ("Dhr. Jan de Vries, MSc", Some("Jan"), Some("de Vries")),
            ("de Vries, Mevr. Anna", Some("Anna"), Some("de Vries")),
            ("Anna undefined", Some("Anna"), None),
            ("n/a", None, None),
            ("Familie Smit", Some("Familie"), Some("Smit")),
            ("Fam. van den Berg", Some("Fam."), Some("van den Berg")),
        ] {
            let name = PersonName::whole(text);
            assert_eq!((name.first.as_deref(), name.last.as_deref()), (first, last), "{text}");
        }
        assert!(
            PersonName::new(Some("Jan null"), Some("Bakker"))
                == PersonName::new(Some("Jan"), Some("Bakker"))
        );
        assert!(PersonName::new(Some("Mevr."), Some("-")) == PersonName::default());
    }

    #[test]
    fn a_family_is_nobody_in_particular() {
        let family = PersonName::whole("Familie Smit").folded();
        for name in [
            PersonName::new(Some("Fam."), Some("Smit")),
            PersonName::new(Some("Family"), Some("Smit")),
            PersonName::whole("gezin Smit"),
        ] {
            assert_eq!(name.folded(), family);
        }
        for (first, last) in [("Jan", "Smit"), ("F.", "Smit"), ("Jan en Marie", "Smit")] {
            let other = PersonName::new(Some(first), Some(last)).folded();
            assert!(
                !family.agrees_on_mailbox(&other, true)
                    && family.on_line(&other) == OnLine::Different,
                "{first}"
            );
        }
        assert_eq!(FoldedName::from_key(&family.key()), family);
    }

    #[test]
    fn a_couple_is_known_by_what_stands_between_its_names() {
        let couple = |first: &str, last: &str| PersonName::new(Some(first), Some(last)).folded();
        let both = couple("Jan en Marie", "Haddad");
        for (first, last) in [
            ("Jan & Marie", "Haddad"),
            ("Marie und Jan", "Haddad"),
            ("Jan/Marie", "Haddad"),
            ("Jan", "en Marie Haddad"),
            ("Jan &", "Marie Haddad"),
        ] {
            assert_eq!(couple(first, last), both, "{first} {last}");
        }
        assert_eq!(PersonName::whole("Jan et Marie Haddad").folded(), both);
        assert_eq!(PersonName::whole("Jan y Marie Haddad").folded(), both);
        assert_ne!(couple("Jan-Marie", "Haddad"), both);
        assert!(
            given_names("Jan").is_none()
                && given_names("Jan e").is_none()
                && given_names("J. & J.").is_none()
        );
    }
}

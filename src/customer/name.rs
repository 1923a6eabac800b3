//! People's names, and when two of them can belong to one person.

use std::collections::BTreeSet;
use std::fmt;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::placeholder::{Sort, is_no_value, is_placeholder};
use super::titles::without_titles;

/// Without what programs wrote for a part that there is not (`Jan null`).
fn without_placeholders(part: &str) -> String {
    let said: Vec<&str> = part.split_whitespace().filter(|word| !is_no_value(word) || word.chars().all(|c| !c.is_alphabetic())).collect();
    said.join(" ")
}

/// Words that come and go in front of a family name.
const PARTICLES: [&str; 34] = [
    "al", "bin", "bint", "da", "das", "de", "del", "della", "den", "der", "di", "do", "dos", "du", "e", "el", "ibn", "la", "las", "le", "les", "los",
    "op", "t", "te", "ten", "ter", "thoe", "van", "von", "y", "zu", "zum", "zur",
];

/// A name as one record has it; either part may be unknown.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct PersonName {
    /// Given name or initials.
    pub first: Option<String>,
    /// Family name.
    pub last: Option<String>,
}

impl fmt::Debug for PersonName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PersonName([redacted])")
    }
}

impl PersonName {
    /// A name in parts. Titles, degrees and placeholders say nothing.
    #[must_use]
    pub fn new(first: Option<&str>, last: Option<&str>) -> Self {
        let part = |part: Option<&str>| {
            part.and_then(without_titles).map(|part| without_placeholders(&part)).filter(|part| !is_placeholder(Sort::Name, part))
        };
        Self { first: part(first), last: part(last) }
    }

    /// Parts of a name that came as one text: the first word is the given name, or what follows a comma.
    #[must_use]
    pub fn split(full: &str) -> Self {
        let Some(full) = without_titles(full).filter(|full| !is_placeholder(Sort::Name, full)) else { return Self::default() };
        let full = full.as_str();
        if let Some((last, first)) =
            full.split_once(',').map(|(last, first)| (last.trim(), first.trim())).filter(|(last, first)| !last.is_empty() && !first.is_empty())
        {
            return Self::new(Some(first), Some(last));
        }
        match full.split_once(' ') {
            Some((first, last)) => Self::new(Some(first), Some(last)),
            None => Self { first: Some(full.to_owned()), last: None },
        }
    }

    /// The name in the form in which names are compared.
    #[must_use]
    pub fn folded(&self) -> FoldedName {
        let mut generation = None;
        let mut words = |part: &Option<String>| {
            let mut words = part.as_deref().map(fold_words).unwrap_or_default();
            if let Some(found) = words.split_last().filter(|(_, rest)| !rest.is_empty()).and_then(|(last, _)| generation_of(last)) {
                words.pop();
                generation = Some(found);
            }
            words
        };
        let first = words(&self.first);
        let initials: String = first.iter().filter_map(|word| word.chars().next()).collect();
        let last = words(&self.last);
        let without: Vec<_> = last.iter().filter(|word| !PARTICLES.contains(&word.as_str())).cloned().collect();
        FoldedName { first: first.concat(), initials, last: if without.is_empty() { last } else { without }, generation }
    }
}

/// What tells a father from his son of the same name.
fn generation_of(word: &str) -> Option<u8> {
    match word {
        "sr" | "senior" | "snr" => Some(1),
        "jr" | "junior" | "jnr" | "ii" => Some(2),
        "iii" => Some(3),
        "iv" => Some(4),
        _ => None,
    }
}

/// Lower case, without marks and punctuation, in words.
pub(super) fn fold_words(text: &str) -> Vec<String> {
    let mut folded = String::with_capacity(text.len());
    for c in text.nfkd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase) {
        match c {
            'ł' => folded.push('l'),
            'ø' => folded.push('o'),
            'đ' | 'ð' => folded.push('d'),
            'ı' => folded.push('i'),
            'ß' => folded.push_str("ss"),
            'æ' => folded.push_str("ae"),
            'œ' => folded.push_str("oe"),
            c if is_combining_mark(c) => {}
            '\'' | '’' | 'ʼ' => {}
            c if c.is_alphanumeric() => folded.push(c),
            _ => folded.push(' '),
        }
    }
    folded.split_whitespace().map(str::to_owned).collect()
}

/// A name in the form in which names are compared.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct FoldedName {
    first: String,
    initials: String,
    last: Vec<String>,
    generation: Option<u8>,
}

impl fmt::Debug for FoldedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FoldedName([redacted])")
    }
}

impl FoldedName {
    /// Whether a given name is known.
    #[must_use]
    pub const fn has_first(&self) -> bool {
        !self.first.is_empty()
    }

    /// Whether a family name is known.
    #[must_use]
    pub const fn has_last(&self) -> bool {
        !self.last.is_empty()
    }

    /// Whether its given name says less than that of a fuller name of the same person: initials, or the beginning.
    #[must_use]
    pub fn is_short_for(&self, fuller: &Self) -> bool {
        let (short, long) = (self.first.as_str(), fuller.first.as_str());
        !short.is_empty() && short.len() < long.len() && (long.starts_with(short) || short == fuller.initials)
    }

    /// Whether any part is known.
    #[must_use]
    pub const fn is_known(&self) -> bool {
        self.has_first() || !self.last.is_empty()
    }

    /// Whether both parts are known.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        self.has_first() && !self.last.is_empty()
    }

    /// One text per distinct name, for counting how many different names hold a value; empty when unknown.
    #[must_use]
    pub fn key(&self) -> String {
        let generation = self.generation.map(|generation| format!("\u{1f}{generation}")).unwrap_or_default();
        let key = format!("{}\u{1f}{}{generation}", self.first, self.last.join(" "));
        if self.is_known() { key.chars().take(200).collect() } else { String::new() }
    }

    /// Equal, or one a prefix or the initials of the other, or one edit apart, and neither is the other's father (Jr, Sr, II). An
    /// unknown name never disagrees.
    #[must_use]
    pub fn first_agrees(&self, other: &Self) -> bool {
        let (a, b) = (self.first.as_str(), other.first.as_str());
        let is_other_generation = self.generation.zip(other.generation).is_some_and(|(one, two)| one != two);
        !is_other_generation && (a.starts_with(b) || b.starts_with(a) || a == other.initials || b == self.initials || one_edit_apart(a, b))
    }

    /// Sharing a word of three letters or more, equal, or one edit apart. An unknown name never disagrees.
    #[must_use]
    pub fn last_agrees(&self, other: &Self) -> bool {
        if self.last.is_empty() || other.last.is_empty() || self.last == other.last {
            return true;
        }
        let long = |name: &Self| name.last.iter().filter(|word| word.chars().count() >= 3).cloned().collect::<BTreeSet<_>>();
        !long(self).is_disjoint(&long(other)) || one_edit_apart(&self.last.concat(), &other.last.concat())
    }

    /// Whether both parts agree.
    #[must_use]
    pub fn agrees(&self, other: &Self) -> bool {
        self.first_agrees(other) && self.last_agrees(other)
    }
}

/// One letter added, left out, replaced or swapped with its neighbour, in names of four letters and more. Not in scripts
/// that leave out vowels: there one letter tells Ahmed (أحمد) from Mohammed (محمد). Nor where there is a digit: it counts.
fn one_edit_apart(a: &str, b: &str) -> bool {
    let (long_a, long_b) = (a.chars().count(), b.chars().count());
    let is_exact = |name: &str| name.chars().any(|c| c.is_numeric() || matches!(c, '\u{0590}'..='\u{08FF}'));
    long_a >= 4 && long_b >= 4 && !is_exact(a) && !is_exact(b) && long_a.abs_diff(long_b) <= 1 && strsim::osa_distance(a, b) <= 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(first: &str, last: &str) -> FoldedName {
        PersonName { first: Some(first.to_owned()), last: Some(last.to_owned()) }.folded()
    }

    #[test]
    fn spellings_of_one_name_agree() {
        for (a, b) in [
            (("Thomas", "Bakker"), ("T.", "BAKKER")),
            (("Jan Pieter", "de Vries"), ("J.P.", "Vries")),
            (("Łukasz", "Żółć"), ("Lukasz", "Zolc")),
            (("Noor", "el Amrani"), ("Noor", "Amrani")),
            (("Anna", "van den Berg-Jansen"), ("Anna", "Jansen")),
            (("Siobhan", "O'Brien"), ("Siobhán", "OBrien")),
            (("Thomas", "Bakker"), ("Thomsa", "Baker")),
            (("Işık", "Yılmaz"), ("Isik", "Yilmaz")),
            (("", "Bakker"), ("Thomas", "")),
            (("Jan Jr.", "Vos"), ("Jan", "Vos")),
            (("Junior", "Silva"), ("Junior", "da Silva")),
        ] {
            assert!(name(a.0, a.1).agrees(&name(b.0, b.1)), "{a:?} {b:?}");
        }
    }

    #[test]
    fn a_name_in_one_text_begins_with_the_given_name_unless_there_is_a_comma() {
        for (text, first, last) in [("Anna de Vries", "Anna", Some("de Vries")), ("de Vries, Anna", "Anna", Some("de Vries")), ("Anna", "Anna", None)]
        {
            assert!(PersonName::split(text) == PersonName { first: Some(first.to_owned()), last: last.map(str::to_owned) }, "{text}");
        }
        assert_eq!(PersonName::split("Anna,").first.as_deref(), Some("Anna"));
        assert!(PersonName::split("Dhr. Jan de Vries, MSc") == PersonName::new(Some("Jan"), Some("de Vries")));
        assert!(PersonName::split("de Vries, Mevr. Anna") == PersonName::new(Some("Anna"), Some("de Vries")));
        assert!(PersonName::new(Some("Jan null"), Some("Bakker")) == PersonName::new(Some("Jan"), Some("Bakker")));
        assert!(PersonName::split("Anna undefined") == PersonName::new(Some("Anna"), None));
        assert!(PersonName::split("n/a") == PersonName::default() && PersonName::new(Some("Mevr."), Some("-")) == PersonName::default());
    }

    #[test]
    fn initials_are_short_for_a_name() {
        assert!(name("E.", "Smit").is_short_for(&name("Erik", "Smit")));
        assert!(name("J.P.", "Vries").is_short_for(&name("Jan Pieter", "de Vries")));
        assert!(!name("Erik", "Smit").is_short_for(&name("E.", "Smit")));
        assert!(name("E.", "Smit").is_short_for(&name("Erik", "Bakker")), "a family name may be a typing error, or change");
        assert!(!name("Erik", "Smit").is_short_for(&name("Erik", "Smit")));
    }

    #[test]
    fn names_of_two_people_disagree() {
        for (a, b) in [
            (("Thomas", "Bakker"), ("Anna", "Bakker")),
            (("Jan", "de Vries"), ("Jan", "de Boer")),
            (("Tim", "Smit"), ("Tom", "Smit")),
            (("Jan Jr.", "Vos"), ("Jan Sr.", "Vos")),
            (("Jan", "Vos Junior"), ("Jan", "Vos Senior")),
            (("Henry", "Ford II"), ("Henry", "Ford III")),
            (("Guest1", "Smit"), ("Guest2", "Smit")),
            (("محمد", "علي"), ("أحمد", "علي")),
        ] {
            assert!(!name(a.0, a.1).agrees(&name(b.0, b.1)), "{a:?} {b:?}");
        }
    }
}

//! Names in the form in which they are compared, and when two of them can belong to one person.

use std::collections::BTreeSet;
use std::fmt;

use super::folding::{one_edit_apart, take_family_generation, take_generation};
use super::name::PARTICLES;
use super::name_forms::{are_forms_of_one, latin};

/// Given names in folded words.
pub(super) enum Given {
    /// Of one person.
    One(Vec<String>),
    /// Of both.
    Couple(BTreeSet<String>),
}

/// One way to tell the parts of a name.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Reading {
    /// All given names as one word.
    first: String,
    /// The first of them.
    pub given: String,
    pub initials: String,
    /// The family name without particles.
    pub last: Vec<String>,
    /// All of it as one word.
    pub family: String,
}

/// A name in the form in which names are compared. One that came as one text may be read in more than one way; then it agrees
/// with another one if any of them does.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct FoldedName {
    pub(super) readings: Vec<Reading>,
    generation: Option<u8>,
    pub(super) couple: BTreeSet<String>,
    /// All of it, so that it can be read again.
    key: String,
}

impl fmt::Debug for FoldedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FoldedName([redacted])")
    }
}

/// How much two given names have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FirstNames {
    Unknown,
    Equal,
    /// One is the other's initials.
    Initials,
    /// One is the beginning of the other, or they are one edit apart: spouses and siblings have such names, too.
    Alike,
    /// Forms of one name.
    Forms,
    Different,
}

/// How two readings of two names compare.
#[derive(Debug, Clone, Copy)]
struct Comparison {
    first: FirstNames,
    /// Unknown where one has none.
    last: Option<bool>,
    /// The given name of each is the family name of the other.
    swapped: bool,
}

/// What stands between the given names of a couple in a key.
const BOTH: &str = " & ";

/// The longest text that tells names apart.
const MAX_KEY_CHARS: usize = 200;

impl FoldedName {
    /// Of parts in folded words.
    pub(super) fn new(given: Given, mut last: Vec<String>) -> Self {
        let (mut first, couple) = match given {
            Given::One(first) => (first, BTreeSet::new()),
            Given::Couple(both) => (both.iter().cloned().collect(), both),
        };
        let behind_given = if couple.is_empty() { take_generation(&mut first) } else { None };
        let behind = take_generation(&mut last).or_else(|| take_family_generation(&mut last));
        let generation = behind.or(behind_given);
        let key = key(&first, if couple.is_empty() { " " } else { BOTH }, &last, generation);
        let readings = if first.is_empty() && last.is_empty() { Vec::new() } else { vec![Reading::new(&first, last)] };
        Self { readings, generation, couple, key }
    }

    /// Of a text in folded words, of which nothing tells which part is which.
    pub(super) fn whole(mut words: Vec<String>) -> Self {
        let behind_family_names = if words.len() > 2 { take_family_generation(&mut words) } else { None };
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
        Self { readings: readings.map(|(first, last)| Reading::new(first, last.to_vec())).collect(), generation, couple: BTreeSet::new(), key }
    }

    /// The name that has a key, as far as the key says it: not whether one word is known to be the given name.
    #[must_use]
    pub fn from_key(key: &str) -> Self {
        let mut parts = key.splitn(3, '\u{1f}');
        let mut part = || parts.next().unwrap_or_default();
        let (first, last, generation) = (part(), part(), part().parse().ok());
        let words = |part: &str| part.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect::<Vec<_>>();
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

    /// Whether a given name is known, and known to be one.
    #[must_use]
    pub fn has_first(&self) -> bool {
        self.is_known() && self.readings.iter().all(|reading| !reading.first.is_empty())
    }

    /// Whether a family name is known, and known to be one.
    #[must_use]
    pub fn has_last(&self) -> bool {
        self.is_known() && self.readings.iter().all(|reading| !reading.last.is_empty())
    }

    /// Whether any part is known.
    #[must_use]
    pub const fn is_known(&self) -> bool {
        !self.readings.is_empty()
    }

    /// One text per distinct name, for counting how many different names hold a value; empty when unknown.
    #[must_use]
    pub fn key(&self) -> String {
        if self.is_known() { self.key.chars().take(MAX_KEY_CHARS).collect() } else { String::new() }
    }

    /// Whether its given name says less than that of a fuller name of the same person: initials, or the beginning.
    #[must_use]
    pub fn has_short_first_for(&self, fuller: &Self) -> bool {
        let Some((short, long)) = self.readings.first().zip(fuller.readings.first()) else { return false };
        let is_beginning = long.first.starts_with(&short.first) || short.first == long.initials;
        let is_shorter = !short.first.is_empty() && short.first.len() < long.first.len();
        is_shorter && is_beginning && self.couple.is_empty() && fuller.couple.is_empty()
    }

    /// The same, where its family name says no more.
    #[must_use]
    pub fn is_short_for(&self, fuller: &Self) -> bool {
        let has_family = |name: &Self| name.readings.first().is_some_and(|reading| !reading.last.is_empty());
        self.has_short_first_for(fuller) && (!has_family(self) || has_family(fuller))
    }

    /// Whether both can be one person's, who shares a mailbox: the first names are equal, initials, forms of one name with one
    /// family name, or (if that counts) alike. Where one isn't known, the family names must not differ.
    #[must_use]
    pub fn agrees_on_mailbox(&self, other: &Self, alike_counts: bool) -> bool {
        self.compare(other, |pair| match pair.first {
            FirstNames::Unknown => pair.last != Some(false),
            FirstNames::Equal | FirstNames::Initials => true,
            FirstNames::Alike => alike_counts,
            FirstNames::Forms => pair.last == Some(true),
            FirstNames::Different => false,
        })
    }

    /// Like [`agrees_on_mailbox`](Self::agrees_on_mailbox), where both first names are known.
    #[must_use]
    pub fn first_is_known_to_agree(&self, other: &Self) -> bool {
        self.compare(other, |pair| match pair.first {
            FirstNames::Equal | FirstNames::Initials | FirstNames::Alike => true,
            FirstNames::Forms => pair.last == Some(true),
            FirstNames::Unknown | FirstNames::Different => false,
        })
    }

    /// Whether both can be one person's, who shares a phone line: neither part differs. An unknown part never does; forms of one first
    /// name do: a father and his son have one line.
    #[must_use]
    pub fn agrees_on_line(&self, other: &Self) -> bool {
        self.compare(other, |pair| match pair.first {
            FirstNames::Unknown | FirstNames::Equal | FirstNames::Initials | FirstNames::Alike => pair.last != Some(false),
            FirstNames::Forms | FirstNames::Different => false,
        })
    }

    /// Whether both parts of both are known and agree, by more than that they are alike: what is missing proves nothing.
    #[must_use]
    pub fn agrees_in_full(&self, other: &Self) -> bool {
        self.compare(other, |pair| matches!(pair.first, FirstNames::Equal | FirstNames::Initials) && pair.last == Some(true))
    }

    /// Whether both are spellings of one name: what both have agrees, and that is something.
    #[must_use]
    pub fn is_spelling_of(&self, other: &Self) -> bool {
        self.compare(other, |pair| match pair.first {
            FirstNames::Equal | FirstNames::Initials | FirstNames::Alike => pair.last != Some(false),
            FirstNames::Unknown => pair.last == Some(true),
            FirstNames::Forms | FirstNames::Different => false,
        })
    }

    /// Whether the family names of both are known, and agree.
    #[must_use]
    pub fn has_family_name_of(&self, other: &Self) -> bool {
        self.has_last() && other.has_last() && self.compare(other, |pair| pair.last == Some(true))
    }

    /// Whether any pair of readings fits; swapped parts always do. One word is whichever part the other name has: readings that have
    /// no part in common count only where none have.
    fn compare(&self, other: &Self, fits: impl Fn(&Comparison) -> bool) -> bool {
        if !self.is_known() || !other.is_known() || self.generation.zip(other.generation).is_some_and(|(one, two)| one != two) {
            return !self.is_known() || !other.is_known();
        }
        let pairs = || self.readings.iter().flat_map(|a| other.readings.iter().map(move |b| (a, b)));
        let comparisons =
            || pairs().map(|(a, b)| Comparison { first: self.first_names(a, other, b), last: family_names_agree(a, b), swapped: a.is_swapped(b) });
        let says_something = |pair: &Comparison| pair.first != FirstNames::Unknown || pair.last.is_some();
        let is_vacuous = !comparisons().any(|pair| says_something(&pair));
        comparisons().filter(|pair| is_vacuous || says_something(pair)).any(|pair| pair.swapped || fits(&pair))
    }

    fn first_names(&self, a: &Reading, other: &Self, b: &Reading) -> FirstNames {
        match (self.couple.is_empty(), other.couple.is_empty()) {
            _ if a.first.is_empty() || b.first.is_empty() => FirstNames::Unknown,
            (true, true) => a.first_names(b),
            (false, false) if self.couple == other.couple => FirstNames::Equal,
            _ => FirstNames::Different,
        }
    }
}

impl Reading {
    fn new(first: &[String], last: Vec<String>) -> Self {
        let initials = first.iter().filter_map(|word| word.chars().next()).collect();
        let family = last.concat();
        let without: Vec<String> = last.iter().filter(|word| !PARTICLES.contains(&word.as_str())).cloned().collect();
        let last = if without.is_empty() { last } else { without };
        Self { first: first.concat(), given: first.first().cloned().unwrap_or_default(), initials, last, family }
    }

    fn first_names(&self, other: &Self) -> FirstNames {
        let (a, b) = (self.first.as_str(), other.first.as_str());
        let is_letter = |name: &str| name.chars().nth(1).is_none();
        let is_beginning = a.starts_with(b) || b.starts_with(a);
        if a == b {
            FirstNames::Equal
        } else if a == other.initials || b == self.initials || (is_beginning && (is_letter(a) || is_letter(b))) {
            FirstNames::Initials
        } else if is_beginning || one_edit_apart(a, b) {
            FirstNames::Alike
        } else if are_forms_of_one(&self.given, &other.given) || latin(a) == latin(b) {
            FirstNames::Forms
        } else {
            FirstNames::Different
        }
    }

    fn is_swapped(&self, other: &Self) -> bool {
        let is_whole = !self.first.is_empty() && !self.last.is_empty() && !other.last.is_empty();
        is_whole && self.first != other.first && self.first == other.last.concat() && self.last.concat() == other.first
    }
}

/// Sharing a word of three letters or more, equal, or one edit apart; in Latin letters, too. Unknown where one has none.
fn family_names_agree(a: &Reading, b: &Reading) -> Option<bool> {
    if a.last.is_empty() || b.last.is_empty() {
        return None;
    }
    let long = |words: &[String]| words.iter().filter(|word| word.chars().count() >= 3).cloned().collect::<BTreeSet<String>>();
    let in_latin = |words: &[String]| words.iter().map(|word| latin(word)).collect::<Vec<String>>();
    let shares = |a: &[String], b: &[String]| a == b || !long(a).is_disjoint(&long(b));
    let is_one_word = a.family == b.family || one_edit_apart(&a.family, &b.family) || one_edit_apart(&a.last.concat(), &b.last.concat());
    Some(is_one_word || shares(&a.last, &b.last) || shares(&in_latin(&a.last), &in_latin(&b.last)))
}

fn key(first: &[String], between: &str, last: &[String], generation: Option<u8>) -> String {
    let generation = generation.map(|generation| format!("\u{1f}{generation}")).unwrap_or_default();
    format!("{}\u{1f}{}{generation}", first.join(between), last.join(" "))
}

#[cfg(test)]
mod tests {
    use super::super::name::PersonName;
    use super::*;

    fn name(first: &str, last: &str) -> FoldedName {
        PersonName::new(Some(first), Some(last)).folded()
    }

    fn whole(text: &str) -> FoldedName {
        PersonName::whole(text).folded()
    }

    #[test]
    fn spellings_of_one_name_agree() {
        for (a, b) in [
            (("Thomas", "Bakker"), ("T.", "BAKKER")),
            (("Jan Pieter", "de Vries"), ("J.P.", "Vries")),
            (("Łukasz", "Żółć"), ("Lukasz", "Zolc")),
            (("Noor", "el Amrani"), ("Noor", "Amrani")),
            (("Anna", "van den Berg-Jansen"), ("Anna", "Jansen")),
            (("Thomas", "Bakker"), ("Thomsa", "Baker")),
            (("Işık", "Yılmaz"), ("Isik", "Yilmaz")),
            (("", "Bakker"), ("Thomas", "")),
            (("Jan Jr.", "Vos"), ("Jan", "Vos")),
            (("Junior", "Silva"), ("Junior", "da Silva")),
            (("Bakker", "Thomas"), ("Thomas", "Bakker")),
        ] {
            let (a, b) = (name(a.0, a.1), name(b.0, b.1));
            assert!(a.agrees_on_line(&b) && b.agrees_on_line(&a) && a.agrees_on_mailbox(&b, true), "{} {}", a.key, b.key);
        }
    }

    #[test]
    fn names_of_two_people_disagree() {
        for (a, b) in [
            (("Thomas", "Bakker"), ("Anna", "Bakker")),
            (("Jan Jr.", "Vos"), ("Jan Sr.", "Vos")),
            (("Jan", "Vos Junior"), ("Jan", "Vos Senior")),
            (("Jean", "Dubois père"), ("Jean", "Dubois fils")),
            (("Jan", "Vos de oude"), ("Jan", "Vos de jonge")),
            (("محمد", "علي"), ("أحمد", "علي")),
            (("Jan en Marie", "Haddad"), ("Jan", "Haddad")),
        ] {
            let (a, b) = (name(a.0, a.1), name(b.0, b.1));
            assert!(!a.agrees_on_line(&b) && !b.agrees_on_line(&a) && !a.agrees_on_mailbox(&b, true), "{} {}", a.key, b.key);
        }
        assert!(!name("Jan", "de Vries").agrees_on_line(&name("Jan", "de Boer")), "two on one line");
        assert!(name("Jan", "de Vries").agrees_on_mailbox(&name("Jan", "de Boer"), true), "who married");
    }

    #[test]
    fn forms_of_a_name_and_other_scripts_agree_on_one_mailbox_with_one_family_name() {
        for (a, b) in [(("Bob", "Smith"), ("Robert", "Smith")), (("Aase", "Hansen"), ("Åse", "Hansen")), (("Анна", "Иванова"), ("Anna", "Ivanova"))]
        {
            let (a, b) = (name(a.0, a.1), name(b.0, b.1));
            assert!(a.agrees_on_mailbox(&b, true) && a.agrees_on_mailbox(&b, false), "{} {}", a.key, b.key);
            assert!(!a.agrees_on_line(&b), "a father and his son have one line: {} {}", a.key, b.key);
        }
        assert!(!name("Bob", "Smith").agrees_on_mailbox(&name("Robert", "Jones"), true));
    }

    #[test]
    fn alike_names_are_not_equal() {
        for (a, b) in [("Mario", "Maria"), ("Daniel", "Daniela"), ("Paul", "Paula"), ("Jan", "Janneke"), ("Andrea", "Andreas"), ("Julia", "Julian")] {
            let (a, b) = (name(a, "Rossi"), name(b, "Rossi"));
            assert!(a.agrees_on_line(&b) && a.agrees_on_mailbox(&b, true), "{} {}", a.key, b.key);
            assert!(!a.agrees_in_full(&b) && !a.agrees_on_mailbox(&b, false), "{} {}", a.key, b.key);
        }
        assert!(name("J.", "Rossi").agrees_in_full(&name("Julia", "Rossi")));
    }

    #[test]
    fn one_text_is_whatever_the_other_side_has() {
        let petra = name("Petra", "de Vries");
        for text in ["Petra", "Vries", "de Vries", "van Vries", "Petra Vries, de", "Vries, Petra de", "Petra Vries", "Vries Petra", "P. de Vries"] {
            assert!(whole(text).agrees_on_mailbox(&petra, true) && whole(text).agrees_on_line(&petra), "{text}");
        }
        for text in ["Anna", "Bakker", "Anna de Vries", "van der Berg", "Anna Vries"] {
            assert!(!whole(text).agrees_on_line(&petra), "{text}");
        }
        assert!(!whole("Petra").has_first() && !whole("de Vries").has_first() && whole("Petra Vries").has_first() && whole("de Vries").has_last());
    }

    #[test]
    fn a_short_form_is_short_for_a_name_that_says_all_of_it() {
        assert!(name("E.", "Smit").is_short_for(&name("Erik", "Smit")));
        assert!(name("J.P.", "Vries").is_short_for(&name("Jan Pieter", "de Vries")));
        assert!(!name("Erik", "Smit").is_short_for(&name("E.", "Smit")));
        assert!(name("E.", "Smit").is_short_for(&name("Erik", "Bakker")), "a family name may be a typing error, or change");
        assert!(!name("Erik", "Smit").is_short_for(&name("Erik", "Smit")));
        assert!(!name("O.", "Benhaddou").is_short_for(&name("Omar", "")), "its family name would be lost");
    }

    #[test]
    fn a_key_gives_its_name_again() {
        for name in [name("Jan Pieter", "de Vries"), name("Jan en Marie", "Haddad"), name("Jan", "Vos Jr."), whole("Jan"), name("", "Vos")] {
            assert_eq!(FoldedName::from_key(&name.key()), name, "{}", name.key);
        }
    }
}

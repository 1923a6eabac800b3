//! Names in the form in which they are compared, and when two of them can belong to one person.

use std::collections::BTreeSet;
use std::fmt;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::name::PARTICLES;
use super::name_forms::{are_forms_of_one, is_given_name, latin};

/// What tells a father from his son of the same name, at the end of any part of a name.
const GENERATIONS: [(&str, u8); 16] = [
    ("sr", 1),
    ("senior", 1),
    ("snr", 1),
    ("de oude", 1),
    ("the elder", 1),
    ("der altere", 1),
    ("jr", 2),
    ("junior", 2),
    ("jnr", 2),
    ("ii", 2),
    ("2nd", 2),
    ("de jonge", 2),
    ("the younger", 2),
    ("der jungere", 2),
    ("iii", 3),
    ("iv", 4),
];

/// The same, behind family names only: some are given names.
const GENERATIONS_BEHIND_FAMILY_NAMES: [(&str, u8); 10] =
    [("pere", 1), ("vader", 1), ("padre", 1), ("pai", 1), ("fils", 2), ("zoon", 2), ("hijo", 2), ("filho", 2), ("neto", 3), ("nieto", 3)];

/// Given names in folded words.
pub(super) enum Given {
    /// Of one person.
    One(Vec<String>),
    /// Of both.
    Couple(BTreeSet<String>),
}

/// One way to tell the parts of a name.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Reading {
    /// All given names as one word.
    first: String,
    /// The first of them.
    given: String,
    initials: String,
    /// The family name without particles.
    last: Vec<String>,
    /// All of it as one word.
    family: String,
}

/// A name in the form in which names are compared. One that came as one text may be read in more than one way; then it agrees
/// with another one if any of them does.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct FoldedName {
    readings: Vec<Reading>,
    generation: Option<u8>,
    couple: BTreeSet<String>,
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
        let behind_given = if couple.is_empty() { take_generation(&mut first, &GENERATIONS) } else { None };
        let behind = take_generation(&mut last, &GENERATIONS).or_else(|| take_generation(&mut last, &GENERATIONS_BEHIND_FAMILY_NAMES));
        let generation = behind.or(behind_given);
        let key = key(&first, if couple.is_empty() { " " } else { BOTH }, &last, generation);
        let readings = if first.is_empty() && last.is_empty() { Vec::new() } else { vec![Reading::new(&first, last)] };
        Self { readings, generation, couple, key }
    }

    /// Of a text in folded words, of which nothing tells which part is which.
    pub(super) fn whole(mut words: Vec<String>) -> Self {
        let behind_family_names = if words.len() > 2 { take_generation(&mut words, &GENERATIONS_BEHIND_FAMILY_NAMES) } else { None };
        let generation = take_generation(&mut words, &GENERATIONS).or(behind_family_names);
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

    /// Whether some text only tells a father from his son.
    pub(super) fn is_generation(text: &str) -> bool {
        let words = fold_words(text).join(" ");
        GENERATIONS.iter().chain(&GENERATIONS_BEHIND_FAMILY_NAMES).any(|(known, _)| *known == words)
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

    /// Whether its given name says less than that of a fuller name of the same person (initials, or the beginning), and its family
    /// name no more.
    #[must_use]
    pub fn is_short_for(&self, fuller: &Self) -> bool {
        let Some((short, long)) = self.readings.first().zip(fuller.readings.first()) else { return false };
        let is_beginning =
            !short.first.is_empty() && short.first.len() < long.first.len() && (long.first.starts_with(&short.first) || short.first == long.initials);
        is_beginning && (short.last.is_empty() || !long.last.is_empty()) && self.couple.is_empty() && fuller.couple.is_empty()
    }

    /// Whether both can be one person's, who shares a mailbox: the first names are equal, initials, forms of one name whose family
    /// names don't differ, or (if that counts) alike. Where one isn't known, the family names must not differ.
    #[must_use]
    pub fn agrees_on_mailbox(&self, other: &Self, alike_counts: bool) -> bool {
        self.compare(other, |pair| match pair.first {
            FirstNames::Unknown => pair.last != Some(false),
            FirstNames::Equal | FirstNames::Initials => true,
            FirstNames::Alike => alike_counts,
            FirstNames::Forms => pair.last != Some(false),
            FirstNames::Different => false,
        })
    }

    /// Like [`agrees_on_mailbox`](Self::agrees_on_mailbox), where both first names are known.
    #[must_use]
    pub fn first_is_known_to_agree(&self, other: &Self) -> bool {
        self.compare(other, |pair| match pair.first {
            FirstNames::Equal | FirstNames::Initials | FirstNames::Alike => true,
            FirstNames::Forms => pair.last != Some(false),
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

    /// Whether any pair of readings fits; swapped parts always do.
    fn compare(&self, other: &Self, fits: impl Fn(&Comparison) -> bool) -> bool {
        let is_other_generation = self.generation.zip(other.generation).is_some_and(|(one, two)| one != two);
        let fits = |a: &Reading, b: &Reading| {
            let comparison = Comparison { first: self.first_names(a, other, b), last: family_names_agree(a, b), swapped: a.is_swapped(b) };
            comparison.swapped || fits(&comparison)
        };
        let is_unknown = !self.is_known() || !other.is_known();
        !is_other_generation && (is_unknown || self.readings.iter().any(|a| other.readings.iter().any(|b| fits(a, b))))
    }

    fn first_names(&self, a: &Reading, other: &Self, b: &Reading) -> FirstNames {
        match (self.couple.is_empty(), other.couple.is_empty()) {
            _ if a.first.is_empty() || b.first.is_empty() => FirstNames::Unknown,
            (true, true) => a.first_names(b),
            (false, false) if self.couple == other.couple => FirstNames::Equal,
            _ => FirstNames::Different,
        }
    }

    /// Whether a mailbox has both the first and the family name in its own, as they are.
    #[must_use]
    pub fn is_written_in(&self, email: &str) -> bool {
        let words = words_of_mailbox(email);
        let is_written = |reading: &Reading| {
            let (given, family) = (latin(&reading.given), [latin(&reading.last.concat()), latin(&reading.family)]);
            let has = |word: &str| words.split(' ').any(|known| known == word);
            let is_known = given.chars().count() >= 3 && family.iter().all(|family| family.chars().count() >= 3);
            let both = |family: &String| (has(&given) && has(family)) || has(&format!("{given}{family}")) || has(&format!("{family}{given}"));
            is_known && family.iter().any(both)
        };
        self.couple.is_empty() && self.readings.iter().any(is_written)
    }

    /// Whether a mailbox has the first name or initials in its own: of a couple both.
    #[must_use]
    pub fn is_borne_by(&self, email: &str) -> bool {
        let folded = words_of_mailbox(email);
        let words: Vec<&str> = folded.split(' ').filter(|word| !word.is_empty()).collect();
        if self.couple.is_empty() {
            return self.readings.iter().any(|reading| words.iter().any(|word| reading.is_borne_by(word)));
        }
        self.couple.iter().all(|name| folded.contains(latin(name).as_str()))
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

    fn is_borne_by(&self, word: &str) -> bool {
        let given = latin(&self.given);
        if given.is_empty() {
            return false;
        }
        let initials = latin(&self.initials);
        let family = latin(&self.last.concat());
        let initial = given.chars().next().unwrap_or_default();
        // `jsmit`, `jvandenberg`, `smitj`: what is left beside the family name is or begins with the initial.
        let is_beside_family = family.chars().count() >= 3
            && (word.strip_suffix(family.as_str()).is_some_and(|rest| rest.starts_with(initial))
                || word.strip_prefix(family.as_str()).is_some_and(|rest| !rest.is_empty() && initials.starts_with(rest)));
        let is_beginning = given.chars().count() >= 3 && word.starts_with(given.as_str());
        let is_form = word == given || are_forms_of_one(word, &self.given) || one_edit_apart(word, &given);
        let is_meant = given.chars().nth(1).is_none() && word.starts_with(initial) && is_given_name(word);
        is_beginning || is_form || is_meant || word == initials || word.chars().eq([initial]) || is_beside_family
    }
}

/// The words of an address's local part, in Latin letters: what is no letter stands between them.
fn words_of_mailbox(email: &str) -> String {
    let local = email.rsplit_once('@').map_or(email, |(local, _)| local);
    let local = local.split_once('+').map_or(local, |(mailbox, _)| mailbox);
    let folded = latin(&fold_words(local).join(" "));
    folded.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
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

/// Takes what tells generations apart from the end, where a name is left before it.
fn take_generation(words: &mut Vec<String>, known: &[(&str, u8)]) -> Option<u8> {
    let (ends, generation) = known.iter().find_map(|(text, generation)| {
        let length = text.split(' ').count();
        let (rest, end) = words.split_at_checked(words.len().checked_sub(length)?)?;
        let is_left = rest.iter().any(|word| !PARTICLES.contains(&word.as_str()));
        (is_left && end.join(" ") == *text).then_some((rest.len(), *generation))
    })?;
    words.truncate(ends);
    Some(generation)
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

/// One letter added, left out, replaced or swapped with its neighbour, in names of four letters and more. Not in scripts
/// that leave out vowels: there one letter tells Ahmed (أحمد) from Mohammed (محمد). Nor where there is a digit: it counts.
fn one_edit_apart(a: &str, b: &str) -> bool {
    let (long_a, long_b) = (a.chars().count(), b.chars().count());
    let is_exact = |name: &str| name.chars().any(|c| c.is_numeric() || matches!(c, '\u{0590}'..='\u{08FF}'));
    long_a >= 4 && long_b >= 4 && !is_exact(a) && !is_exact(b) && long_a.abs_diff(long_b) <= 1 && strsim::osa_distance(a, b) <= 1
}

/// Under how many different names something is held: spellings of one name count once. Of two spellings the one
/// that says less doesn't count; the others count by groups.
#[must_use]
pub fn count_different(names: &[FoldedName]) -> usize {
    let parts = |name: &FoldedName| u8::from(name.has_first()).saturating_add(u8::from(name.has_last()));
    let is_lesser = |name: &FoldedName| {
        names.iter().any(|other| {
            let says_less = parts(name) < parts(other) || (parts(name) == parts(other) && name.is_short_for(other));
            says_less && name.is_spelling_of(other)
        })
    };
    let own: Vec<&FoldedName> = names.iter().filter(|name| name.is_known() && !is_lesser(name)).collect();
    let mut partition = super::partition::Partition::new(own.len());
    for (n, name) in own.iter().enumerate() {
        let agreeing = own.iter().enumerate().skip(n.saturating_add(1)).filter(|(_, other)| name.is_spelling_of(other));
        agreeing.for_each(|(other, _)| partition.join_all(&[n, other]));
    }
    partition.groups(&(0..own.len()).collect::<Vec<_>>()).len()
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
            (("Siobhan", "O'Brien"), ("Siobhán", "OBrien")),
            (("Thomas", "Bakker"), ("Thomsa", "Baker")),
            (("Işık", "Yılmaz"), ("Isik", "Yilmaz")),
            (("", "Bakker"), ("Thomas", "")),
            (("Jan Jr.", "Vos"), ("Jan", "Vos")),
            (("Junior", "Silva"), ("Junior", "da Silva")),
            (("Bakker", "Thomas"), ("Thomas", "Bakker")),
            (("Jan", "Vos sr"), ("Jan", "Vos senior")),
        ] {
            let (a, b) = (name(a.0, a.1), name(b.0, b.1));
            assert!(a.agrees_on_line(&b) && b.agrees_on_line(&a) && a.agrees_on_mailbox(&b, true), "{} {}", a.key, b.key);
        }
    }

    #[test]
    fn names_of_two_people_disagree() {
        for (a, b) in [
            (("Thomas", "Bakker"), ("Anna", "Bakker")),
            (("Tim", "Smit"), ("Tom", "Smit")),
            (("Jan Jr.", "Vos"), ("Jan Sr.", "Vos")),
            (("Jan", "Vos Junior"), ("Jan", "Vos Senior")),
            (("Jean", "Dubois père"), ("Jean", "Dubois fils")),
            (("Jan", "Vos de oude"), ("Jan", "Vos de jonge")),
            (("Henry", "Ford II"), ("Henry", "Ford III")),
            (("Guest1", "Smit"), ("Guest2", "Smit")),
            (("محمد", "علي"), ("أحمد", "علي")),
            (("Jan en Marie", "Haddad"), ("Jan", "Haddad")),
            (("Jan en Marie", "Haddad"), ("Jan & Eva", "Haddad")),
        ] {
            let (a, b) = (name(a.0, a.1), name(b.0, b.1));
            assert!(!a.agrees_on_line(&b) && !b.agrees_on_line(&a) && !a.agrees_on_mailbox(&b, true), "{} {}", a.key, b.key);
        }
        assert!(!name("Jan", "de Vries").agrees_on_line(&name("Jan", "de Boer")), "two on one line");
        assert!(name("Jan", "de Vries").agrees_on_mailbox(&name("Jan", "de Boer"), true), "who married");
    }

    #[test]
    fn forms_of_a_name_and_other_scripts_agree_on_one_mailbox_with_one_family_name() {
        for (a, b) in [
            (("Bob", "Smith"), ("Robert", "Smith")),
            (("Jan", "de Vries"), ("Johannes", "Vries")),
            (("Aase", "Hansen"), ("Åse", "Hansen")),
            (("Анна", "Иванова"), ("Anna", "Ivanova")),
        ] {
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
    fn a_mailbox_bears_the_name_of_whom_it_is() {
        for local in ["jan.smit", "j.smit", "jsmit", "smitj", "jan", "jan82", "smit.j", "johannes.smit", "jansmit", "j.p.smit"] {
            assert!(name("Jan", "Smit").is_borne_by(&format!("{local}@example.org")), "{local}");
        }
        for local in ["smit", "smit82", "familie.smit", "marie.smit", "msmit", "de.smits", "info"] {
            assert!(!name("Jan", "Smit").is_borne_by(&format!("{local}@example.org")), "{local}");
        }
        let both = name("Jan en Marie", "Smit");
        assert!(both.is_borne_by("janenmarie@example.org") && !both.is_borne_by("jan.smit@example.org"));
        assert!(name("Åse", "Hansen").is_borne_by("aase@example.org") && name("Joost", "van den Berg").is_borne_by("jvandenberg@example.org"));
    }

    #[test]
    fn a_key_gives_its_name_again() {
        for name in [name("Jan Pieter", "de Vries"), name("Jan en Marie", "Haddad"), name("Jan", "Vos Jr."), whole("Jan"), name("", "Vos")] {
            assert_eq!(FoldedName::from_key(&name.key()), name, "{}", name.key);
        }
    }

    #[test]
    fn spellings_count_once() {
        let count = |names: &[FoldedName]| count_different(names);
        assert_eq!(
            count(&[name("Thomas", "Smit"), name("T.", "Smit"), name("Thomas", ""), name("", "Smit"), name("Thomsa", "Smit"), name("TOM", "Jansen")]),
            2
        );
        assert_eq!(count(&[name("Jan", "Smit"), name("J.", "Smit"), name("Joost", "Smit")]), 2);
        assert_eq!(count(&[name("Anna", ""), name("", "Smit"), name("Bert", "")]), 3);
        assert_eq!(count(&[name("Bob", "Smith"), name("Robert", "Smith")]), 2);
    }
}

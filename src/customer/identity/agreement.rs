//! Compares two names: whether they can belong to one person.

use crate::customer::model::folded_name::{FoldedName, Reading};
use crate::customer::model::folding::{differ_in_doubled_letters, one_edit_apart};
use crate::customer::model::name::PARTICLES;
use crate::customer::model::name_forms::{are_forms_of_one, are_one_in_latin};

/// How well two given names match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FirstNames {
    Unknown,
    /// Equal, compared in Latin letters: Анна is Anna.
    Equal,
    /// One consists of the initials of the other.
    Initials,
    /// One is the beginning of the other, or they are one edit apart. Spouses and siblings can have such names, too.
    Alike,
    /// They are forms of one name.
    Forms,
    Different,
}

/// How well two names on one phone line match, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum OnLine {
    /// A part differs.
    Different,
    /// Only the family names differ. The person may have married.
    FirstName,
    /// The first names are forms of one name, and the family names do not differ: one person, or a father and his son.
    Forms,
    /// The first names look alike, as those of couples and siblings can, and the family names do not differ.
    Alike,
    /// No part differs. An unknown part never differs.
    AsFarAsKnown,
    /// Both parts of both names are known and agree, and not only because they look alike.
    InFull,
}

/// The comparison of one interpretation of each name.
#[derive(Debug, Clone, Copy)]
struct Comparison {
    first: FirstNames,
    /// Whether the family names agree. `None` if one is unknown.
    last: Option<bool>,
    /// The given name of each is the family name of the other.
    swapped: bool,
}

impl FoldedName {
    /// Whether both names on one mailbox can belong to one person: the first names are equal, initials, forms of one
    /// name with the same family name, or (with `alike_counts`) look alike. If a first name is unknown, the family
    /// names must not differ.
    #[must_use]
    pub fn agrees_on_mailbox(&self, other: &Self, alike_counts: bool) -> bool {
        self.compare(other, |pair| match pair.first {
            FirstNames::Unknown => pair.last != Some(false),
            FirstNames::Equal | FirstNames::Initials => true,
            FirstNames::Alike => alike_counts && pair.last != Some(false),
            FirstNames::Forms => pair.last == Some(true) || (alike_counts && pair.last.is_none()),
            FirstNames::Different => false,
        })
    }

    /// Like [`agrees_on_mailbox`](Self::agrees_on_mailbox), but both first names must be known.
    #[must_use]
    pub fn first_is_known_to_agree(&self, other: &Self) -> bool {
        self.compare(other, |pair| match pair.first {
            FirstNames::Equal | FirstNames::Initials | FirstNames::Alike => true,
            FirstNames::Forms => pair.last != Some(false),
            FirstNames::Unknown | FirstNames::Different => false,
        })
    }

    /// How well both names on one phone line match.
    #[must_use]
    pub fn on_line(&self, other: &Self) -> OnLine {
        let grade = |pair: &Comparison| match (pair.first, pair.last) {
            _ if pair.swapped => OnLine::InFull,
            (FirstNames::Equal | FirstNames::Initials, Some(true)) => OnLine::InFull,
            (FirstNames::Forms, None | Some(true)) => OnLine::Forms,
            (FirstNames::Forms | FirstNames::Different, _) => OnLine::Different,
            (FirstNames::Alike, None | Some(true)) => OnLine::Alike,
            (_, None | Some(true)) => OnLine::AsFarAsKnown,
            (FirstNames::Equal, Some(false)) if self.has_first() && other.has_first() => {
                OnLine::FirstName
            }
            (_, Some(false)) => OnLine::Different,
        };
        self.best(other, OnLine::AsFarAsKnown, OnLine::Different, grade)
    }

    /// Whether both are spellings of one name: they have a part in common, and no common part differs.
    #[must_use]
    pub fn is_spelling_of(&self, other: &Self) -> bool {
        self.compare(other, |pair| match pair.first {
            FirstNames::Equal | FirstNames::Initials | FirstNames::Alike => {
                pair.last != Some(false)
            }
            FirstNames::Unknown => pair.last == Some(true),
            FirstNames::Forms | FirstNames::Different => false,
        })
    }

    /// Whether both family names are known and agree.
    #[must_use]
    pub fn has_family_name_of(&self, other: &Self) -> bool {
        self.has_last() && other.has_last() && self.compare(other, |pair| pair.last == Some(true))
    }

    /// Whether any pair of interpretations fits. Swapped parts always fit.
    fn compare(&self, other: &Self, fits: impl Fn(&Comparison) -> bool) -> bool {
        self.best(other, true, false, |pair| pair.swapped || fits(pair))
    }

    /// The best grade of any pair of interpretations. A single word can be either part of the other name. Pairs without
    /// a common part count only if no pair has one.
    fn best<G: Ord>(
        &self,
        other: &Self,
        unknown: G,
        different: G,
        grade: impl Fn(&Comparison) -> G,
    ) -> G {
        if !self.is_known() || !other.is_known() {
            return unknown;
        }
        if self.generation.zip(other.generation).is_some_and(|(one, two)| one != two) {
            return different;
        }
        let pairs = self.readings.iter().flat_map(|a| other.readings.iter().map(move |b| (a, b)));
        let compared = pairs.map(|(a, b)| Comparison {
            first: self.first_names(a, other, b),
            last: family_names_agree(a, b),
            swapped: a.is_swapped(b),
        });
        let (mut saying, mut vacuous): (Option<G>, Option<G>) = (None, None);
        for pair in compared {
            let says_something = pair.first != FirstNames::Unknown || pair.last.is_some();
            let best = if says_something { &mut saying } else { &mut vacuous };
            *best = best.take().max(Some(grade(&pair)));
        }
        saying.or(vacuous).unwrap_or(different)
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
    fn first_names(&self, other: &Self) -> FirstNames {
        let (a, b) = (self.first.as_str(), other.first.as_str());
        let is_letter = |name: &str| name.chars().nth(1).is_none();
        let is_beginning = a.starts_with(b) || b.starts_with(a);
        if a == b || are_one_in_latin(a, b) {
            FirstNames::Equal
        } else if a == other.initials
            || b == self.initials
            || (is_beginning && (is_letter(a) || is_letter(b)))
        {
            FirstNames::Initials
        } else if is_beginning || one_edit_apart(a, b) || differ_in_doubled_letters(a, b) {
            FirstNames::Alike
        } else if are_forms_of_one(&self.given, &other.given) {
            FirstNames::Forms
        } else {
            FirstNames::Different
        }
    }

    fn is_swapped(&self, other: &Self) -> bool {
        let is_whole = !self.first.is_empty() && !self.last.is_empty() && !other.last.is_empty();
        is_whole
            && self.first != other.first
            && self.first == other.bare
            && self.bare == other.first
    }
}

/// Whether two family names share a word of three letters or more, are equal, or are one edit apart; also in Latin
/// letters. `None` if one is unknown.
fn family_names_agree(a: &Reading, b: &Reading) -> Option<bool> {
    if a.last.is_empty() || b.last.is_empty() {
        return None;
    }
    let are_one = |one: &str, other: &str| one == other || are_one_in_latin(one, other);
    let is_long = |word: &str| word.chars().nth(2).is_some();
    let shares =
        || a.last.iter().any(|one| is_long(one) && b.last.iter().any(|other| are_one(one, other)));
    let is_one_word = || {
        are_one(&a.family, &b.family)
            || are_one(&a.bare, &b.bare)
            || has_only_particles_more(a, b)
            || has_only_particles_more(b, a)
    };
    Some(
        is_one_word()
            || shares()
            || one_edit_apart(&a.family, &b.family)
            || one_edit_apart(&a.bare, &b.bare),
    )
}

/// Whether a family name in one word consists of particles and the other name: `vandenberg` is Berg.
fn has_only_particles_more(name: &Reading, other: &Reading) -> bool {
    let is_bare = other.family == other.bare && other.bare.chars().nth(2).is_some();
    is_bare && name.family.strip_suffix(other.family.as_str()).is_some_and(are_particles)
}

/// Whether letters consist only of particles of two letters or more.
fn are_particles(letters: &str) -> bool {
    let long = PARTICLES.iter().filter(|particle| particle.len() > 1);
    letters.is_empty()
        || long.filter_map(|particle| letters.strip_prefix(particle)).any(are_particles)
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
            assert!(
                a.on_line(&b) >= OnLine::Alike
                    && b.on_line(&a) >= OnLine::Alike
                    && a.agrees_on_mailbox(&b, true),
                "{} {}",
                a.key(),
                b.key()
            );
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
            assert!(
                a.on_line(&b) == OnLine::Different
                    && b.on_line(&a) == OnLine::Different
                    && !a.agrees_on_mailbox(&b, true),
                "{} {}",
                a.key(),
                b.key()
            );
        }
        assert_eq!(
            name("Jan", "de Vries").on_line(&name("Jan", "de Boer")),
            OnLine::FirstName,
            "two on one line"
        );
        assert!(
            name("Jan", "de Vries").agrees_on_mailbox(&name("Jan", "de Boer"), true),
            "who married"
        );
    }

    #[test]
    fn forms_of_a_name_and_other_scripts_agree_on_one_mailbox_with_one_family_name() {
        for (a, b) in [
            (("Bob", "Smith"), ("Robert", "Smith")),
            (("Aase", "Hansen"), ("Åse", "Hansen")),
            (("Анна", "Иванова"), ("Anna", "Ivanova")),
        ] {
            let (a, b) = (name(a.0, a.1), name(b.0, b.1));
            assert!(
                a.agrees_on_mailbox(&b, true) && a.agrees_on_mailbox(&b, false),
                "{} {}",
                a.key(),
                b.key()
            );
            assert!(a.on_line(&b) >= OnLine::Forms, "{} {}", a.key(), b.key());
        }
        let (bob, robert) = (name("Bob", "Smith"), name("Robert", "Smith"));
        assert_eq!(bob.on_line(&robert), OnLine::Forms, "a father and his son have one line");
        assert!(!bob.agrees_on_mailbox(&name("Robert", "Jones"), true));
    }

    #[test]
    fn alike_names_are_not_equal() {
        for (a, b) in [
            ("Mario", "Maria"),
            ("Daniel", "Daniela"),
            ("Paul", "Paula"),
            ("Jan", "Janneke"),
            ("Andrea", "Andreas"),
            ("Julia", "Julian"),
        ] {
            let (a, b) = (name(a, "Rossi"), name(b, "Rossi"));
            assert!(
                a.on_line(&b) >= OnLine::Alike && a.agrees_on_mailbox(&b, true),
                "{} {}",
                a.key(),
                b.key()
            );
            assert!(
                a.on_line(&b) < OnLine::InFull && !a.agrees_on_mailbox(&b, false),
                "{} {}",
                a.key(),
                b.key()
            );
        }
        assert!(name("J.", "Rossi").on_line(&name("Julia", "Rossi")) == OnLine::InFull);
    }

    #[test]
    fn one_text_is_whatever_the_other_side_has() {
        let petra = name("Petra", "de Vries");
        for text in [
            "Petra",
            "Vries",
            "de Vries",
            "van Vries",
            "Petra Vries, de",
            "Vries, Petra de",
            "Petra Vries",
            "Vries Petra",
            "P. de Vries",
        ] {
            assert!(
                whole(text).agrees_on_mailbox(&petra, true)
                    && whole(text).on_line(&petra) >= OnLine::Alike,
                "{text}"
            );
        }
        for text in ["Anna", "Bakker", "Anna de Vries", "van der Berg", "Anna Vries"] {
            assert!(whole(text).on_line(&petra) < OnLine::Forms, "{text}");
        }
        assert!(
            !whole("Petra").has_first()
                && !whole("de Vries").has_first()
                && whole("Petra Vries").has_first()
                && whole("de Vries").has_last()
        );
    }
}

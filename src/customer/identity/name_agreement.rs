//! Names agree: whether two names can belong to one person.
//!
//! First names agree if they are equal, one consists of the initials or is the beginning of the other, or they are one
//! edit apart. Family names agree if they share a word, or are one edit apart (`name_comparison.rs`). Suffixes (Sr., Jr.)
//! must not differ. A missing part never disagrees.

use super::name_comparison::{Comparison, FirstNames};
use crate::customer::model::folded_name::FoldedName;

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
}

//! Compares two names part by part: given names with given names, family names with family names.

use crate::customer::model::folded_name::{FoldedName, Reading};
use crate::customer::model::folding::{differ_in_doubled_letters, one_edit_apart};
use crate::customer::model::name_forms::{are_forms_of_one, are_one_in_latin};
use crate::customer::model::particles::PARTICLES;

/// How well two given names match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FirstNames {
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

/// The comparison of one interpretation of each name.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Comparison {
    pub first: FirstNames,
    /// Whether the family names agree. `None` if one is unknown.
    pub last: Option<bool>,
    /// The given name of each is the family name of the other.
    pub swapped: bool,
}

impl FoldedName {
    /// The best grade of any pair of interpretations. A single word can be either part of the other name. Pairs without
    /// a common part count only if no pair has one.
    pub(crate) fn best<G: Ord>(
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
    /// How well two given names match.
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

    /// Whether the given name of each is the family name of the other.
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

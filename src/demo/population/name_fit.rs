//! Whether two written names can belong to one person. It does not use the code of the rules.

use std::collections::BTreeSet;

use super::family_names::split_particle;
use super::given_names::all_forms;
use super::spelling::{initials, plain};
use super::written::WrittenName;

/// Whether two written names can belong to one person. A missing part fits. A couple's name does not fit a single
/// person's. A suffix for father or son fits the same suffix only.
pub(super) fn names_fit(a: &WrittenName, b: &WrittenName, with_family: bool) -> bool {
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

/// Whether two written given names can belong to one person.
pub(super) fn given_names_fit(a: &str, b: &str) -> bool {
    let (initials_of_a, initials_of_b) = (plain(&initials(a)), plain(&initials(b)));
    let (a, b) = (plain(a), plain(b));
    a.starts_with(&b)
        || b.starts_with(&a)
        || a == initials_of_b
        || b == initials_of_a
        || is_one_typing_error(&a, &b)
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
        || is_one_typing_error(&plain(split_particle(a).1), &plain(split_particle(b).1))
        || plain(a) == plain(b)
}

fn is_one_typing_error(a: &str, b: &str) -> bool {
    a.len() >= 4 && b.len() >= 4 && strsim::osa_distance(a, b) <= 1
}

/// The number of written parts.
pub(super) fn parts_of(name: &WrittenName) -> usize {
    usize::from(name.given.is_some()) + usize::from(name.family.is_some())
}

/// The number of letters in the given name.
pub(super) fn letters_of(name: &WrittenName) -> usize {
    name.given.as_deref().map_or(0, |given| plain(given).len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::population::relatives::Relatives;
    use crate::demo::population::seeded_rng::SeededRng;

    fn name(given: &str, family: &str) -> WrittenName {
        let part = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        WrittenName { given: part(given), family: part(family), ..WrittenName::default() }
    }

    #[test]
    fn a_couple_fits_neither_partner_and_a_father_not_his_son() {
        let couple = WrittenName { is_couples: true, ..name("Jan en Marie", "Vos") };
        assert!(!names_fit(&couple, &name("Jan", "Vos"), true));
        assert!(names_fit(&couple, &name("", "Vos"), true) && names_fit(&couple, &couple, true));
        let mut rng = SeededRng::new(1);
        let relatives = Relatives::generations(&mut rng).unwrap();
        let [father, son] = [0, 1].map(|place| WrittenName {
            suffix: relatives.place(place).unwrap().suffix(&mut rng),
            ..name("Jan", "Vos")
        });
        assert!(!names_fit(&father, &son, true));
        assert!(names_fit(&father, &father, true) && names_fit(&father, &name("Jan", "Vos"), true));
    }
}

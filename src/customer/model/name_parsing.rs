//! Reads names as sources write them: in parts, or as one text.

use super::couples::{
    AND_IN_GIVEN_NAMES, begins_with_and, ends_with_and, is_and, is_and_of_two, is_family,
};
use super::folding::{fold_words, is_family_generation, is_generation};
use super::name::{PersonName, Split};
use super::particles::PARTICLES;
use super::placeholder::{ValueKind, is_no_value, is_placeholder};
use super::titles::without_titles;

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
                .filter(|part| !is_placeholder(ValueKind::Name, part))
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
        let Some(text) = without_titles(text).filter(|text| !is_placeholder(ValueKind::Name, text))
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
        let last = without_titles(last).filter(|last| !is_placeholder(ValueKind::Name, last));
        Self { first: last.is_some().then(|| family.to_owned()), last, split: Split::Sure }
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
        if let Some((rest, generation)) = generation_at_end(words) {
            let mut name = Self::of_words(rest);
            let part = if name.last.is_some() { &mut name.last } else { &mut name.first };
            part.iter_mut().for_each(|part| part.push_str(&format!(" {}", generation.join(" "))));
            return name;
        }
        match two_people(words) {
            Some((one, other)) => Self::couple(one, other),
            None => Self::one_person(words),
        }
    }

    fn one_person(words: &[&str]) -> Self {
        let parts = |split: usize| {
            let (first, last) = words.split_at_checked(split).unwrap_or_default();
            Self::new(Some(&first.join(" ")), Some(&last.join(" ")))
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
            (_, Some(split)) if words.len() > split.saturating_add(1) => parts(split),
            _ => {
                let name = parts(1);
                // Only one word remains of `Anna undefined`.
                let is_whole = name.first.is_some() && name.last.is_some();
                let split = if is_whole { Split::Guessed } else { Split::OneWord };
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
}

/// The generation words at the end of a name, split from the rest: `Peter Berg de jonge`.
fn generation_at_end<'w, 't>(words: &'w [&'t str]) -> Option<(&'w [&'t str], &'w [&'t str])> {
    [2, 1].into_iter().find_map(|length| {
        let left = words.len().checked_sub(length).filter(|left| *left > 0)?;
        words.split_at_checked(left).filter(|(rest, end)| {
            is_generation(&end.join(" "))
                && (rest.len() > 1 || !is_family_generation(&end.join(" ")))
        })
    })
}

/// The names of two people, split before the word between them.
fn two_people<'w, 't>(words: &'w [&'t str]) -> Option<(&'w [&'t str], &'w [&'t str])> {
    let (and, _) = words
        .iter()
        .enumerate()
        .skip(1)
        .find(|(n, word)| is_and(word) || is_and_of_two(words, *n))?;
    words.split_at_checked(and).filter(|(_, other)| other.len() > 1)
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
    }
}

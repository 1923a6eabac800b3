//! Names and addresses as a system has them.

use super::family_names::split_particle;
use super::rates;
use super::relatives::Suffix;
use super::seeded_rng::SeededRng;

/// A written address, and the address that it means. `None` if it belongs to nobody.
#[derive(Debug, Clone)]
pub(super) struct Written {
    pub text: String,
    pub meant: Option<String>,
}

/// A written name, with the parts that it has.
#[derive(Debug, Clone, Default)]
pub(super) struct WrittenName {
    pub given: Option<String>,
    pub family: Option<String>,
    /// The suffix that distinguishes a father from a son with the same name.
    pub suffix: Option<Suffix>,
    /// Whether it names two people, who are one customer.
    pub is_couples: bool,
}

impl WrittenName {
    /// The two written parts. A suffix stands at the end of the last one.
    pub(super) fn parts(&self) -> (Option<String>, Option<String>) {
        let with_suffix = |part: &String| {
            self.suffix.map_or_else(|| part.clone(), |suffix| format!("{part} {}", suffix.text))
        };
        match &self.family {
            Some(family) => (self.given.clone(), Some(with_suffix(family))),
            None => (self.given.as_ref().map(with_suffix), None),
        }
    }

    /// The whole name, or its written parts, as one text.
    pub(super) fn in_one(&self, rng: &mut SeededRng) -> String {
        let (Some(given), Some(family)) = (&self.given, &self.family) else {
            let (given, family) = self.parts();
            return given.or(family).unwrap_or_default();
        };
        let (particle, stem) = split_particle(family);
        let comma_before_suffix = if rng.happens(500) { "," } else { "" };
        let suffix = self
            .suffix
            .map(|suffix| format!("{comma_before_suffix} {}", suffix.text))
            .unwrap_or_default();
        if !particle.is_empty() && self.suffix.is_none() && rng.happens(rates::PARTICLE_BEHIND) {
            return if rng.happens(500) {
                format!("{stem}, {given} {particle}")
            } else {
                format!("{given} {stem}, {particle}")
            };
        }
        if rng.happens(rates::FAMILY_NAME_FIRST) {
            return format!("{family}, {given}{}", suffix.trim_start_matches(','));
        }
        format!("{given} {family}{suffix}")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::demo::population::relatives::Relatives;

    fn ways(name: &WrittenName) -> BTreeSet<String> {
        let mut rng = SeededRng::new(1);
        (0..500).map(|_| name.in_one(&mut rng)).collect()
    }

    #[test]
    fn whole_names_are_written_in_all_the_ways_that_people_have() {
        let name = |given: &str, family: &str| {
            let part = |text: &str| (!text.is_empty()).then(|| text.to_owned());
            WrittenName { given: part(given), family: part(family), ..WrittenName::default() }
        };
        let expected = ["Petra Vries, de", "Petra de Vries", "Vries, Petra de", "de Vries, Petra"];
        assert_eq!(ways(&name("Petra", "de Vries")), expected.map(str::to_owned).into());
        assert_eq!(ways(&name("Petra", "")), ["Petra".to_owned()].into());
        assert_eq!(ways(&name("", "van der Berg")), ["van der Berg".to_owned()].into());
        let suffix = Relatives::generations(&mut SeededRng::new(1))
            .and_then(|relatives| relatives.place(0)?.suffix(&mut SeededRng::new(5)));
        let text = suffix.unwrap().text;
        let expected =
            [format!("Jan Vos {text}"), format!("Jan Vos, {text}"), format!("Vos, Jan {text}")];
        assert_eq!(ways(&WrittenName { suffix, ..name("Jan", "Vos") }), expected.into());
    }
}

//! How one system writes one person's name.

use std::collections::BTreeMap;

use serde_json::Value;

use super::family_names::split_particle;
use super::given_names::other_form;
use super::rates;
use super::seeded_rng::SeededRng;
use super::situation::Situation;
use super::spelling::{initials, mistyped, titled, without_marks};
use super::writing::Writer;
use super::written::WrittenName;
use crate::customer::model::record::field;

/// Placeholders in required name fields.
const FILLED_NAMES: [&str; 10] =
    ["Onbekend", "Klant", "-", "Anonymous", "null", "undefined", "N/A", "?", "0", "None"];

/// The parts of a name while it is written.
struct Parts {
    given: String,
    family: String,
    has_given: bool,
    has_family: bool,
}

impl Writer<'_> {
    pub(super) fn name(&mut self, rng: &mut SeededRng) -> WrittenName {
        let frequencies = self.frequencies;
        let roll = rng.below(1_000);
        let has_given = roll < frequencies.whole_name + frequencies.given_only;
        let has_family = roll < frequencies.whole_name
            || (!has_given
                && roll
                    < frequencies.whole_name + frequencies.given_only + frequencies.family_only);
        if !has_given && !has_family {
            return WrittenName::default();
        }
        self.situations.add_if(has_given != has_family, Situation::HalfName);
        self.situations
            .add_if(has_family && self.person.family_before.is_some(), Situation::NameChange);
        let given = self.person.given.clone();
        let family = self.person.family_at(self.early).to_owned();
        let mut parts = Parts { given, family, has_given, has_family };
        self.use_other_form(rng, &mut parts);
        self.halve_double_names(rng, &mut parts);
        self.leave_out_particle(rng, &mut parts);
        self.remove_marks(rng, &mut parts);
        self.mistype(rng, &mut parts);
        self.abbreviate(rng, &mut parts);
        self.change_case(rng, &mut parts);
        let suffix = self
            .person
            .relatives
            .and_then(|relatives| relatives.suffix(rng))
            .filter(|_| rng.happens(rates::SUFFIX_WRITTEN));
        WrittenName {
            given: has_given.then_some(parts.given),
            family: has_family.then_some(parts.family),
            suffix,
            is_couples: false,
        }
    }

    fn use_other_form(&mut self, rng: &mut SeededRng, parts: &mut Parts) {
        let other = other_form(rng, &parts.given);
        if let Some(other) = other.filter(|_| parts.has_given && rng.happens(rates::OTHER_FORM)) {
            other.clone_into(&mut parts.given);
            self.situations.add(Situation::OtherForm);
        }
    }

    fn halve_double_names(&mut self, rng: &mut SeededRng, parts: &mut Parts) {
        let Parts { given, family, has_given, has_family } = parts;
        for (is_written, part) in [(*has_given, given), (*has_family, family)] {
            let halves =
                part.split_once('-').map(|(one, other)| [one.to_owned(), other.to_owned()]);
            let Some([one, other]) = halves.filter(|_| is_written) else { continue };
            self.situations.add(Situation::DoubleBarrelled);
            if rng.happens(rates::HALF_BARREL) {
                *part = if part == &self.person.given || rng.happens(500) { one } else { other };
            } else if rng.happens(300) {
                *part = format!("{one} {other}");
            }
        }
    }

    fn leave_out_particle(&mut self, rng: &mut SeededRng, parts: &mut Parts) {
        let (particle, stem) = split_particle(&parts.family);
        if parts.has_family && !particle.is_empty() && rng.happens(rates::PARTICLE_LEFT_OUT) {
            self.situations.add(Situation::Particle);
            parts.family = if rng.happens(700) {
                stem.to_owned()
            } else {
                format!("{}{}", particle.replace(' ', ""), stem.to_lowercase())
            };
        }
    }

    fn remove_marks(&mut self, rng: &mut SeededRng, parts: &mut Parts) {
        if !rng.happens(self.frequencies.without_marks) {
            return;
        }
        let (given, family) = (without_marks(&parts.given), without_marks(&parts.family));
        self.situations.add_if(
            (parts.has_given && given != parts.given)
                || (parts.has_family && family != parts.family),
            Situation::Marks,
        );
        (parts.given, parts.family) = (given, family);
    }

    fn mistype(&mut self, rng: &mut SeededRng, parts: &mut Parts) {
        if !rng.happens(rates::NAME_TYPO) {
            return;
        }
        let in_given = parts.has_given && (!parts.has_family || rng.happens(500));
        let part = if in_given { &mut parts.given } else { &mut parts.family };
        let mistyped = mistyped(rng, part);
        self.situations.add_if(mistyped != *part, Situation::NameTypo);
        *part = mistyped;
    }

    fn abbreviate(&mut self, rng: &mut SeededRng, parts: &mut Parts) {
        if parts.has_given && parts.has_family && rng.happens(self.frequencies.initials) {
            parts.given = initials(&parts.given);
            self.situations.add(Situation::Initials);
        }
    }

    fn change_case(&mut self, rng: &mut SeededRng, parts: &mut Parts) {
        if !rng.happens(rates::ODD_CASE) {
            return;
        }
        let is_upper = rng.happens(500);
        for part in [&mut parts.given, &mut parts.family] {
            *part = if is_upper { part.to_uppercase() } else { part.to_lowercase() };
        }
        self.situations.add(Situation::OddCase);
    }

    /// With the family's mailbox, some people write only the family name.
    pub(super) fn shorten(&mut self, rng: &mut SeededRng, name: &mut WrittenName) {
        if self.on_family_mailbox
            && name.given.is_some()
            && name.family.is_some()
            && rng.happens(rates::FAMILY_NAME_ALONE)
        {
            *name = WrittenName { family: name.family.take(), ..WrittenName::default() };
            self.situations.add(Situation::HalfName);
        }
    }

    /// The fields with the name: in parts, in one text, with a title, or with placeholders.
    pub(super) fn name_fields(
        &mut self,
        rng: &mut SeededRng,
        name: &WrittenName,
    ) -> BTreeMap<String, Option<Value>> {
        let mut fields = BTreeMap::new();
        let mut set = |field: &str, value: Option<&str>| {
            value.map(|value| fields.insert(field.to_owned(), Some(Value::from(value))))
        };
        match (&name.given, &name.family) {
            (None, None) if rng.happens(rates::PLACEHOLDER) => {
                set(field::FIRST_NAME, Some(rng.pick(&FILLED_NAMES)));
                set(field::LAST_NAME, rng.happens(500).then(|| rng.pick(&FILLED_NAMES)));
                self.situations.add(Situation::Placeholder);
            }
            (Some(given), Some(family)) if rng.happens(rates::TITLE) => {
                let family = name.parts().1.unwrap_or_else(|| family.clone());
                let (given, family) = titled(rng, given, &family);
                if rng.happens(self.frequencies.one_field) {
                    set(field::FULL_NAME, Some(&format!("{given} {family}")));
                    self.situations.add(Situation::OneField);
                } else {
                    set(field::FIRST_NAME, Some(&given));
                    set(field::LAST_NAME, Some(&family));
                }
                self.situations.add(Situation::Title);
            }
            (Some(_), _) | (_, Some(_)) if rng.happens(self.frequencies.one_field) => {
                set(field::FULL_NAME, Some(&name.in_one(rng)));
                self.situations.add(Situation::OneField);
            }
            _ => {
                let (given, family) = name.parts();
                set(field::FIRST_NAME, given.as_deref());
                set(field::LAST_NAME, family.as_deref());
            }
        }
        fields
    }
}

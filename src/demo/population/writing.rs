//! How one system writes one person's name, mailbox and number.

use super::chance::SeededRng;
use super::kin::Suffix;
use super::names::{other_form, split_particle};
use super::people::{Person, World};
use super::rates;
use super::rates::Habits;
use super::situation::{Situation, Situations};
use super::spelling::{Line, initials, misdialled, mistyped, mistyped_email, without_marks};

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
    pub(super) fn in_one(&self, chance: &mut SeededRng) -> String {
        let (Some(given), Some(family)) = (&self.given, &self.family) else {
            let (given, family) = self.parts();
            return given.or(family).unwrap_or_default();
        };
        let (particle, stem) = split_particle(family);
        let comma_before_suffix = if chance.happens(500) { "," } else { "" };
        let suffix = self
            .suffix
            .map(|suffix| format!("{comma_before_suffix} {}", suffix.text))
            .unwrap_or_default();
        if !particle.is_empty() && self.suffix.is_none() && chance.happens(rates::PARTICLE_BEHIND) {
            return if chance.happens(500) {
                format!("{stem}, {given} {particle}")
            } else {
                format!("{given} {stem}, {particle}")
            };
        }
        if chance.happens(rates::FAMILY_NAME_FIRST) {
            return format!("{family}, {given}{}", suffix.trim_start_matches(','));
        }
        format!("{given} {family}{suffix}")
    }
}

const FILLED_MAILBOXES: [&str; 12] = [
    "test@test.example",
    "geen@email.example",
    "noreply@shop.example",
    "anonymous@shop.example",
    "klant@shop.example",
    "x@x.example",
    "null",
    "undefined",
    "n/a",
    "none@none.example",
    "unknown",
    "-",
];
const FILLED_NUMBERS: [&str; 12] = [
    "0000000000",
    "0612345678",
    "0000",
    "0600000000",
    "+31600000000",
    "1234567890",
    "null",
    "undefined",
    "N/A",
    "0",
    "?",
    "+00 000",
];
/// Placeholders in required name fields.
pub(super) const FILLED_NAMES: [&str; 10] =
    ["Onbekend", "Klant", "-", "Anonymous", "null", "undefined", "N/A", "?", "0", "None"];

/// Writes one record about one person.
pub(super) struct Writer<'a> {
    pub world: &'a World,
    pub person: &'a Person,
    pub habits: Habits,
    /// Whether the record is from before the person's changes.
    pub early: bool,
    pub situations: Situations,
    /// Whether the mailbox is the family's.
    pub on_family_mailbox: bool,
}

impl Writer<'_> {
    pub(super) fn name(&mut self, chance: &mut SeededRng) -> WrittenName {
        let habits = self.habits;
        let (mut given, mut family) =
            (self.person.given.clone(), self.person.family_at(self.early).to_owned());
        let said = chance.below(1_000);
        let says_given = said < habits.whole_name + habits.given_only;
        let says_family = said < habits.whole_name
            || (!says_given && said < habits.whole_name + habits.given_only + habits.family_only);
        if !says_given && !says_family {
            return WrittenName::default();
        }
        self.situations.add_if(says_given != says_family, Situation::HalfName);
        self.situations
            .add_if(says_family && self.person.family_before.is_some(), Situation::NameChange);
        if let Some(other) =
            other_form(chance, &given).filter(|_| says_given && chance.happens(rates::OTHER_FORM))
        {
            other.clone_into(&mut given);
            self.situations.add(Situation::OtherForm);
        }
        for (said, part) in [(says_given, &mut given), (says_family, &mut family)] {
            let barrels =
                part.split_once('-').map(|(one, other)| [one.to_owned(), other.to_owned()]);
            let Some([one, other]) = barrels.filter(|_| said) else { continue };
            self.situations.add(Situation::DoubleBarrelled);
            if chance.happens(rates::HALF_BARREL) {
                *part = if part == &self.person.given || chance.happens(500) { one } else { other };
            } else if chance.happens(300) {
                *part = format!("{one} {other}");
            }
        }
        let (particle, stem) = split_particle(&family);
        if says_family && !particle.is_empty() && chance.happens(rates::PARTICLE_LEFT_OUT) {
            self.situations.add(Situation::Particle);
            family = if chance.happens(700) {
                stem.to_owned()
            } else {
                format!("{}{}", particle.replace(' ', ""), stem.to_lowercase())
            };
        }
        if chance.happens(habits.without_marks) {
            let bare = [without_marks(&given), without_marks(&family)];
            self.situations.add_if(
                (says_given && bare[0] != given) || (says_family && bare[1] != family),
                Situation::Marks,
            );
            [given, family] = bare;
        }
        if chance.happens(rates::NAME_TYPO) {
            let part = if says_given && (!says_family || chance.happens(500)) {
                &mut given
            } else {
                &mut family
            };
            let mistyped = mistyped(chance, part);
            self.situations.add_if(mistyped != *part, Situation::NameTypo);
            *part = mistyped;
        }
        if says_given && says_family && chance.happens(habits.initials) {
            given = initials(&given);
            self.situations.add(Situation::Initials);
        }
        if chance.happens(rates::ODD_CASE) {
            let (upper, odd) = (chance.happens(500), |text: &str, upper: bool| {
                if upper { text.to_uppercase() } else { text.to_lowercase() }
            });
            (given, family) = (odd(&given, upper), odd(&family, upper));
            self.situations.add(Situation::OddCase);
        }
        let suffix = self
            .person
            .kin
            .and_then(|kin| kin.suffix(chance))
            .filter(|_| chance.happens(rates::SUFFIX_WRITTEN));
        WrittenName {
            given: says_given.then_some(given),
            family: says_family.then_some(family),
            suffix,
            is_couples: false,
        }
    }

    /// With the family's mailbox, some people write only the family name.
    pub(super) fn shorten(&mut self, chance: &mut SeededRng, name: &mut WrittenName) {
        if self.on_family_mailbox
            && name.given.is_some()
            && name.family.is_some()
            && chance.happens(rates::FAMILY_NAME_ALONE)
        {
            *name = WrittenName { family: name.family.take(), ..WrittenName::default() };
            self.situations.add(Situation::HalfName);
        }
    }

    pub(super) fn email(&mut self, chance: &mut SeededRng) -> Option<Written> {
        if !chance.happens(self.habits.email) {
            return self.filled(chance, &FILLED_MAILBOXES);
        }
        let home = self.world.homes.get(self.person.home);
        let employer = self.person.employer.and_then(|n| self.world.employers.get(n));
        let family = home.and_then(|home| home.mailbox.as_ref()).filter(|_| {
            chance.happens(if self.person.kin.is_some() {
                rates::KIN_GIVES_FAMILY_MAILBOX
            } else {
                rates::GIVES_FAMILY_MAILBOX
            })
        });
        let work =
            self.person.work_mailbox.as_ref().filter(|_| chance.happens(rates::GIVES_WORK_MAILBOX));
        let role = employer
            .map(|employer| &employer.role_mailbox)
            .filter(|_| work.is_some() && chance.happens(rates::GIVES_ROLE_MAILBOX));
        let second = self
            .person
            .second_mailbox
            .as_ref()
            .filter(|_| chance.happens(rates::GIVES_SECOND_MAILBOX));
        self.on_family_mailbox = family.is_some();
        self.situations.add_if(family.is_none() && role.is_some(), Situation::RoleMailbox);
        let own = self
            .person
            .mailbox
            .as_ref()
            .or_else(|| self.parents_mailbox().filter(|_| chance.happens(600)));
        let mailbox = family.or(role).or(work).or(second).or(own)?;
        if chance.happens(rates::EMAIL_TYPO) {
            let typed = mistyped_email(chance, mailbox);
            self.situations.add_if(typed != *mailbox, Situation::EmailTypo);
            return Some(Written { meant: Some(typed.clone()), text: typed });
        }
        let text =
            if chance.happens(rates::ODD_CASE) { mailbox.to_uppercase() } else { mailbox.clone() };
        let is_nobodys = employer
            .is_some_and(|employer| employer.is_known_role && employer.role_mailbox == *mailbox);
        Some(Written { text, meant: (!is_nobodys).then(|| mailbox.clone()) })
    }

    fn parents_mailbox(&self) -> Option<&String> {
        let members = self
            .world
            .homes
            .get(self.person.home)
            .map(|home| home.members.as_slice())
            .unwrap_or_default();
        members
            .iter()
            .filter_map(|n| self.world.people.get(*n))
            .find_map(|member| member.mailbox.as_ref())
    }

    pub(super) fn phone(&mut self, chance: &mut SeededRng, mobiles_only: bool) -> Option<Written> {
        if !chance.happens(self.habits.phone) {
            return if mobiles_only { None } else { self.filled(chance, &FILLED_NUMBERS) };
        }
        let landline =
            self.world.homes.get(self.person.home).and_then(|home| home.landline.as_ref());
        let landline = landline.filter(|_| {
            !mobiles_only
                && chance.happens(if self.person.kin.is_some() {
                    rates::KIN_GIVES_LANDLINE
                } else {
                    rates::GIVES_LANDLINE
                })
        });
        let employer = self.person.employer.and_then(|n| self.world.employers.get(n));
        let switchboard = employer
            .map(|employer| &employer.switchboard)
            .filter(|_| !mobiles_only && chance.happens(rates::GIVES_SWITCHBOARD));
        let partner = self
            .person
            .partner
            .and_then(|n| self.world.people.get(n))
            .map(|partner| &partner.mobile);
        let partner = partner.filter(|_| chance.happens(rates::GIVES_PARTNERS_PHONE));
        let line =
            partner.or(switchboard).or(landline).unwrap_or(self.person.mobile_at(self.early));
        self.situations.add_if(partner.is_some(), Situation::PartnersPhone);
        self.situations.add_if(partner.is_none() && switchboard.is_some(), Situation::Switchboard);
        let typed =
            if chance.happens(rates::PHONE_TYPO) { misdialled(chance, line) } else { line.clone() };
        self.situations.add_if(typed != *line, Situation::PhoneTypo);
        Some(self.spelled(chance, &typed))
    }

    pub(super) fn spelled(&mut self, chance: &mut SeededRng, line: &Line) -> Written {
        let e164 = line.e164();
        let text = if chance.happens(self.habits.e164) {
            e164.clone()
        } else {
            let at_home = line.code == "31" || chance.happens(30);
            line.spelled(chance, at_home)
        };
        self.situations.add_if(text != e164, Situation::PhoneSpelling);
        Written { text, meant: Some(e164) }
    }

    /// A placeholder for an unknown value.
    fn filled(&mut self, chance: &mut SeededRng, with: &[&str]) -> Option<Written> {
        let text = chance.happens(rates::PLACEHOLDER).then(|| chance.pick(with).to_owned())?;
        self.situations.add(Situation::Placeholder);
        Some(Written { text, meant: None })
    }

    /// An address that reaches the person, for a record that would otherwise have none.
    pub(super) fn any_address(
        &mut self,
        chance: &mut SeededRng,
    ) -> (Option<Written>, Option<Written>) {
        match &self.person.mailbox {
            Some(mailbox) if chance.happens(500) => {
                (Some(Written { text: mailbox.clone(), meant: Some(mailbox.clone()) }), None)
            }
            _ => (None, Some(self.spelled(chance, self.person.mobile_at(self.early)))),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::demo::population::kin::Kin;

    fn ways(name: &WrittenName) -> BTreeSet<String> {
        let mut chance = SeededRng::new(1);
        (0..500).map(|_| name.in_one(&mut chance)).collect()
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
        let suffix = Kin::generations(&mut SeededRng::new(1))
            .and_then(|kin| kin.place(0)?.suffix(&mut SeededRng::new(5)));
        let text = suffix.unwrap().text;
        let expected =
            [format!("Jan Vos {text}"), format!("Jan Vos, {text}"), format!("Vos, Jan {text}")];
        assert_eq!(ways(&WrittenName { suffix, ..name("Jan", "Vos") }), expected.into());
    }
}

//! How one system writes one person's mailbox and number.

use serde_json::Value;

use super::chance::SeededRng;
use super::people::Employer;
use super::rates;
use super::situation::Situation;
use super::spelling::{Line, misdialled, mistyped_email};
use super::writing::Writer;
use super::written::Written;

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
impl<'a> Writer<'a> {
    pub(super) fn email(&mut self, chance: &mut SeededRng) -> Option<Written> {
        if !chance.happens(self.habits.email) {
            return self.filled(chance, &FILLED_MAILBOXES);
        }
        let mailbox = self.mailbox(chance)?;
        if chance.happens(rates::EMAIL_TYPO) {
            let typed = mistyped_email(chance, mailbox);
            self.situations.add_if(typed != *mailbox, Situation::EmailTypo);
            return Some(Written { meant: Some(typed.clone()), text: typed });
        }
        let text =
            if chance.happens(rates::ODD_CASE) { mailbox.to_uppercase() } else { mailbox.clone() };
        let is_nobodys = self
            .employer()
            .is_some_and(|employer| employer.is_known_role && employer.role_mailbox == *mailbox);
        Some(Written { text, meant: (!is_nobodys).then(|| mailbox.clone()) })
    }

    /// The mailbox that the person gives: the family's, a role's, the one at work, or a private one.
    fn mailbox(&mut self, chance: &mut SeededRng) -> Option<&'a String> {
        let person = self.person;
        let home = self.world.homes.get(person.home);
        let gives_family_mailbox = if person.kin.is_some() {
            rates::KIN_GIVES_FAMILY_MAILBOX
        } else {
            rates::GIVES_FAMILY_MAILBOX
        };
        let family = home
            .and_then(|home| home.mailbox.as_ref())
            .filter(|_| chance.happens(gives_family_mailbox));
        let work =
            person.work_mailbox.as_ref().filter(|_| chance.happens(rates::GIVES_WORK_MAILBOX));
        let role = self
            .employer()
            .map(|employer| &employer.role_mailbox)
            .filter(|_| work.is_some() && chance.happens(rates::GIVES_ROLE_MAILBOX));
        let second =
            person.second_mailbox.as_ref().filter(|_| chance.happens(rates::GIVES_SECOND_MAILBOX));
        self.on_family_mailbox = family.is_some();
        self.situations.add_if(family.is_none() && role.is_some(), Situation::RoleMailbox);
        let own = person
            .mailbox
            .as_ref()
            .or_else(|| self.parents_mailbox().filter(|_| chance.happens(600)));
        family.or(role).or(work).or(second).or(own)
    }

    fn parents_mailbox(&self) -> Option<&'a String> {
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

    fn employer(&self) -> Option<&'a Employer> {
        self.person.employer.and_then(|n| self.world.employers.get(n))
    }

    pub(super) fn phone(&mut self, chance: &mut SeededRng, mobiles_only: bool) -> Option<Written> {
        if !chance.happens(self.habits.phone) {
            return if mobiles_only { None } else { self.filled(chance, &FILLED_NUMBERS) };
        }
        let line = self.line(chance, mobiles_only);
        let typed =
            if chance.happens(rates::PHONE_TYPO) { misdialled(chance, line) } else { line.clone() };
        self.situations.add_if(typed != *line, Situation::PhoneTypo);
        Some(self.spelled(chance, &typed))
    }

    /// The line that the person gives: the partner's, the employer's, the household's, or a mobile phone.
    fn line(&mut self, chance: &mut SeededRng, mobiles_only: bool) -> &'a Line {
        let person = self.person;
        let gives_landline =
            if person.kin.is_some() { rates::KIN_GIVES_LANDLINE } else { rates::GIVES_LANDLINE };
        let home = self.world.homes.get(person.home);
        let landline = home
            .and_then(|home| home.landline.as_ref())
            .filter(|_| !mobiles_only && chance.happens(gives_landline));
        let switchboard = self
            .employer()
            .map(|employer| &employer.switchboard)
            .filter(|_| !mobiles_only && chance.happens(rates::GIVES_SWITCHBOARD));
        let partner = person
            .partner
            .and_then(|n| self.world.people.get(n))
            .map(|partner| &partner.mobile)
            .filter(|_| chance.happens(rates::GIVES_PARTNERS_PHONE));
        self.situations.add_if(partner.is_some(), Situation::PartnersPhone);
        self.situations.add_if(partner.is_none() && switchboard.is_some(), Situation::Switchboard);
        partner.or(switchboard).or(landline).unwrap_or(person.mobile_at(self.early))
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

    /// The value of an address's field. Some have extra text around them.
    pub(super) fn address_field(
        &mut self,
        chance: &mut SeededRng,
        address: &Written,
        messy: fn(&mut SeededRng, &str) -> String,
    ) -> Value {
        let is_messy = address.meant.is_some() && chance.happens(rates::MESSY_ADDRESS);
        self.situations.add_if(is_messy, Situation::MessyAddress);
        Value::from(if is_messy { messy(chance, &address.text) } else { address.text.clone() })
    }
}

//! How one system writes one person's mailbox and number.

use serde_json::Value;

use super::people::Employer;
use super::rates;
use super::seeded_rng::SeededRng;
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
    pub(super) fn email(&mut self, rng: &mut SeededRng) -> Option<Written> {
        if !rng.happens(self.frequencies.email) {
            return self.filled(rng, &FILLED_MAILBOXES);
        }
        let mailbox = self.mailbox(rng)?;
        if rng.happens(rates::EMAIL_TYPO) {
            let typed = mistyped_email(rng, mailbox);
            self.situations.add_if(typed != *mailbox, Situation::EmailTypo);
            return Some(Written { meant: Some(typed.clone()), text: typed });
        }
        let text =
            if rng.happens(rates::ODD_CASE) { mailbox.to_uppercase() } else { mailbox.clone() };
        let is_nobodys = self
            .employer()
            .is_some_and(|employer| employer.is_known_role && employer.role_mailbox == *mailbox);
        Some(Written { text, meant: (!is_nobodys).then(|| mailbox.clone()) })
    }

    /// The mailbox that the person gives: the family's, a role's, the one at work, or a private one.
    fn mailbox(&mut self, rng: &mut SeededRng) -> Option<&'a String> {
        let person = self.person;
        let household = self.generated.households.get(person.household);
        let gives_family_mailbox = if person.relatives.is_some() {
            rates::RELATIVES_GIVE_FAMILY_MAILBOX
        } else {
            rates::GIVES_FAMILY_MAILBOX
        };
        let family = household
            .and_then(|household| household.mailbox.as_ref())
            .filter(|_| rng.happens(gives_family_mailbox));
        let work = person.work_mailbox.as_ref().filter(|_| rng.happens(rates::GIVES_WORK_MAILBOX));
        let role = self
            .employer()
            .map(|employer| &employer.role_mailbox)
            .filter(|_| work.is_some() && rng.happens(rates::GIVES_ROLE_MAILBOX));
        let second =
            person.second_mailbox.as_ref().filter(|_| rng.happens(rates::GIVES_SECOND_MAILBOX));
        self.on_family_mailbox = family.is_some();
        self.situations.add_if(family.is_none() && role.is_some(), Situation::RoleMailbox);
        let own =
            person.mailbox.as_ref().or_else(|| self.parents_mailbox().filter(|_| rng.happens(600)));
        family.or(role).or(work).or(second).or(own)
    }

    fn parents_mailbox(&self) -> Option<&'a String> {
        let members = self
            .generated
            .households
            .get(self.person.household)
            .map(|household| household.members.as_slice())
            .unwrap_or_default();
        members
            .iter()
            .filter_map(|n| self.generated.people.get(*n))
            .find_map(|member| member.mailbox.as_ref())
    }

    fn employer(&self) -> Option<&'a Employer> {
        self.person.employer.and_then(|n| self.generated.employers.get(n))
    }

    pub(super) fn phone(&mut self, rng: &mut SeededRng, mobiles_only: bool) -> Option<Written> {
        if !rng.happens(self.frequencies.phone) {
            return if mobiles_only { None } else { self.filled(rng, &FILLED_NUMBERS) };
        }
        let line = self.line(rng, mobiles_only);
        let typed =
            if rng.happens(rates::PHONE_TYPO) { misdialled(rng, line) } else { line.clone() };
        self.situations.add_if(typed != *line, Situation::PhoneTypo);
        Some(self.spelled(rng, &typed))
    }

    /// The line that the person gives: the partner's, the employer's, the household's, or a mobile phone.
    fn line(&mut self, rng: &mut SeededRng, mobiles_only: bool) -> &'a Line {
        let person = self.person;
        let gives_landline = if person.relatives.is_some() {
            rates::RELATIVES_GIVE_LANDLINE
        } else {
            rates::GIVES_LANDLINE
        };
        let household = self.generated.households.get(person.household);
        let landline = household
            .and_then(|household| household.landline.as_ref())
            .filter(|_| !mobiles_only && rng.happens(gives_landline));
        let switchboard = self
            .employer()
            .map(|employer| &employer.switchboard)
            .filter(|_| !mobiles_only && rng.happens(rates::GIVES_SWITCHBOARD));
        let partner = person
            .partner
            .and_then(|n| self.generated.people.get(n))
            .map(|partner| &partner.mobile)
            .filter(|_| rng.happens(rates::GIVES_PARTNERS_PHONE));
        self.situations.add_if(partner.is_some(), Situation::PartnersPhone);
        self.situations.add_if(partner.is_none() && switchboard.is_some(), Situation::Switchboard);
        partner.or(switchboard).or(landline).unwrap_or(person.mobile_at(self.early))
    }

    pub(super) fn spelled(&mut self, rng: &mut SeededRng, line: &Line) -> Written {
        let e164 = line.e164();
        let text = if rng.happens(self.frequencies.e164) {
            e164.clone()
        } else {
            let is_domestic = line.code == "31" || rng.happens(30);
            line.spelled(rng, is_domestic)
        };
        self.situations.add_if(text != e164, Situation::PhoneSpelling);
        Written { text, meant: Some(e164) }
    }

    /// A placeholder for an unknown value.
    fn filled(&mut self, rng: &mut SeededRng, with: &[&str]) -> Option<Written> {
        let text = rng.happens(rates::PLACEHOLDER).then(|| rng.pick(with).to_owned())?;
        self.situations.add(Situation::Placeholder);
        Some(Written { text, meant: None })
    }

    /// An address that reaches the person, for a record that would otherwise have none.
    pub(super) fn any_address(
        &mut self,
        rng: &mut SeededRng,
    ) -> (Option<Written>, Option<Written>) {
        match &self.person.mailbox {
            Some(mailbox) if rng.happens(500) => {
                (Some(Written { text: mailbox.clone(), meant: Some(mailbox.clone()) }), None)
            }
            _ => (None, Some(self.spelled(rng, self.person.mobile_at(self.early)))),
        }
    }

    /// The value of an address's field. Some have extra text around them.
    pub(super) fn address_field(
        &mut self,
        rng: &mut SeededRng,
        address: &Written,
        messy: fn(&mut SeededRng, &str) -> String,
    ) -> Value {
        let is_messy = address.meant.is_some() && rng.happens(rates::MESSY_ADDRESS);
        self.situations.add_if(is_messy, Situation::MessyAddress);
        Value::from(if is_messy { messy(rng, &address.text) } else { address.text.clone() })
    }
}

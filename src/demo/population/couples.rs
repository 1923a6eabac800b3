//! Accounts of couples: one record about two people. It is a customer of its own: a message to both is not about one of
//! them, and its content is not only for one of them.

use std::collections::BTreeMap;

use serde_json::Value;

use super::dates::some_time;
use super::generated_record::{GeneratedRecord, new_key, slot_of};
use super::people::{Couple, GeneratedPeople, Person};
use super::rates;
use super::records::Records;
use super::seeded_rng::SeededRng;
use super::situation::{Situation, Situations};
use super::writing::Writer;
use super::written::{Written, WrittenName};
use crate::customer::model::record::{RecordKey, field};
use crate::customer::model::source::SourceKind;

/// Words between the two given names.
const BETWEEN: [&str; 7] = ["en", "&", "+", "/", "und", "et", "and"];

/// Systems in which couples have accounts. In the other systems, each profile belongs to one person.
const KINDS: [SourceKind; 3] =
    [SourceKind::OmnioTapContact, SourceKind::OmnioTapCustomer, SourceKind::SyncarooMember];

impl Records {
    /// Writes the accounts of a couple. `number` is its index among the couples.
    pub(super) fn write_couple(
        &mut self,
        generated: &GeneratedPeople,
        rng: &mut SeededRng,
        number: usize,
    ) {
        let Some(couple) = generated.couples.get(number) else { return };
        let accounts = if rng.happens(rates::SECOND_ACCOUNT) { 2 } else { 1 };
        for _ in 0..accounts {
            let kind =
                KINDS.get(rng.below(KINDS.len())).copied().unwrap_or(SourceKind::OmnioTapContact);
            if let Some(account) = CouplesAccount::new(generated, rng, couple, kind) {
                self.write_account(rng, account, generated.people.len() + number);
            }
        }
    }

    fn write_account(&mut self, rng: &mut SeededRng, account: CouplesAccount, who: usize) {
        let CouplesAccount { key, name, email, phone, mut situations, in_one_field } = account;
        let mut fields = BTreeMap::new();
        if in_one_field {
            situations.add(Situation::OneField);
            fields.insert(field::FULL_NAME.to_owned(), Some(Value::from(name.in_one(rng))));
        } else {
            fields.insert(field::FIRST_NAME.to_owned(), name.given.clone().map(Value::from));
            fields.insert(field::LAST_NAME.to_owned(), name.family.clone().map(Value::from));
        }
        let addresses = [(format!("{}main", field::EMAIL), &email), (slot_of(key.kind), &phone)];
        fields.extend(addresses.into_iter().filter_map(|(slot, address)| {
            Some((slot, Some(Value::from(address.as_ref()?.text.clone()))))
        }));
        let at = some_time(rng);
        fields.insert(field::CREATED_AT.to_owned(), Some(Value::from(at.to_string())));
        self.add_change(&key, at, fields);
        let ids = vec![key.clone()];
        self.records.push(GeneratedRecord {
            key,
            person: who,
            situations,
            name,
            email,
            phone,
            ids,
        });
    }
}

/// An account of a couple: both given names, with what their household shares.
struct CouplesAccount {
    key: RecordKey,
    name: WrittenName,
    email: Option<Written>,
    phone: Option<Written>,
    situations: Situations,
    in_one_field: bool,
}

impl CouplesAccount {
    fn new(
        generated: &GeneratedPeople,
        rng: &mut SeededRng,
        couple: &Couple,
        kind: SourceKind,
    ) -> Option<Self> {
        let key = new_key(rng, kind)?;
        let [one, other] = couple.partners.map(|partner| generated.people.get(partner));
        let (one, other, household) = (one?, other?, generated.households.get(couple.household)?);
        let name = couples_name(rng, one, other);
        let mut writer = Writer::new(generated, one, kind, false);
        let email =
            household.mailbox.as_ref().filter(|_| household.landline.is_none() || rng.happens(700));
        let email =
            email.map(|mailbox| Written { text: mailbox.clone(), meant: Some(mailbox.clone()) });
        let phone = household
            .landline
            .as_ref()
            .filter(|_| email.is_none() || rng.happens(400))
            .map(|line| writer.spelled(rng, line));
        let mut situations = writer.situations;
        situations.add(Situation::CouplesAccount);
        let in_one_field = rng.happens(writer.frequencies.one_field);
        Some(Self { key, name, email, phone, situations, in_one_field })
    }
}

fn couples_name(rng: &mut SeededRng, one: &Person, other: &Person) -> WrittenName {
    let (first, second) = if rng.happens(700) { (one, other) } else { (other, one) };
    WrittenName {
        given: Some(format!("{} {} {}", first.given, rng.pick(&BETWEEN), second.given)),
        family: Some(one.family.clone()),
        is_couples: true,
        ..WrittenName::default()
    }
}

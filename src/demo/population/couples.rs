//! Accounts of couples: one record about two people. It is a customer of its own: a message to both is not about one of
//! them, and its content is not only for one of them.

use std::collections::BTreeMap;

use serde_json::Value;

use super::chance::SeededRng;
use super::people::{Couple, World};
use super::rates;
use super::records::{Draft, Records, new_key, slot_of, some_time};
use super::situation::{Situation, Situations};
use super::writing::{Writer, Written, WrittenName};
use crate::customer::model::record::field;
use crate::customer::model::source::SourceKind;

/// Words between the two given names.
const BETWEEN: [&str; 7] = ["en", "&", "+", "/", "und", "et", "and"];

/// Systems in which couples have accounts. In the other systems, each profile belongs to one person.
const KINDS: [SourceKind; 3] =
    [SourceKind::OmnioTapContact, SourceKind::OmnioTapCustomer, SourceKind::SyncarooMember];

impl Records {
    /// Writes the accounts of a couple. `number` is its index among the couples.
    pub(super) fn write_couple(&mut self, world: &World, chance: &mut SeededRng, number: usize) {
        let Some(couple) = world.couples.get(number) else { return };
        let accounts = if chance.happens(rates::SECOND_ACCOUNT) { 2 } else { 1 };
        for _ in 0..accounts {
            let kind = KINDS
                .get(chance.below(KINDS.len()))
                .copied()
                .unwrap_or(SourceKind::OmnioTapContact);
            self.write_account(world, chance, couple, (world.people.len() + number, kind));
        }
    }

    fn write_account(
        &mut self,
        world: &World,
        chance: &mut SeededRng,
        couple: &Couple,
        (who, kind): (usize, SourceKind),
    ) {
        let [one, other] = couple.partners.map(|partner| world.people.get(partner));
        let (Some(one), Some(other), Some(home), Some(key)) =
            (one, other, world.homes.get(couple.home), new_key(chance, kind))
        else {
            return;
        };
        let (first, second) = if chance.happens(700) {
            (&one.given, &other.given)
        } else {
            (&other.given, &one.given)
        };
        let given = format!("{first} {} {second}", chance.pick(&BETWEEN));
        let name = WrittenName {
            given: Some(given),
            family: Some(one.family.clone()),
            is_couples: true,
            ..WrittenName::default()
        };
        let habits = rates::habits(kind);
        let mut writer = Writer {
            world,
            person: one,
            habits,
            early: false,
            situations: Situations::default(),
            on_family_mailbox: false,
        };
        let email =
            home.mailbox.as_ref().filter(|_| home.landline.is_none() || chance.happens(700));
        let email =
            email.map(|mailbox| Written { text: mailbox.clone(), meant: Some(mailbox.clone()) });
        let phone = home
            .landline
            .as_ref()
            .filter(|_| email.is_none() || chance.happens(400))
            .map(|line| writer.spelled(chance, line));
        let mut situations = writer.situations;
        situations.add(Situation::CouplesAccount);
        let mut fields = BTreeMap::new();
        if chance.happens(habits.one_field) {
            situations.add(Situation::OneField);
            fields.insert(field::FULL_NAME.to_owned(), Some(Value::from(name.in_one(chance))));
        } else {
            fields.insert(field::FIRST_NAME.to_owned(), name.given.clone().map(Value::from));
            fields.insert(field::LAST_NAME.to_owned(), name.family.clone().map(Value::from));
        }
        let said = [(format!("{}main", field::EMAIL), &email), (slot_of(kind), &phone)];
        fields.extend(said.into_iter().filter_map(|(slot, address)| {
            Some((slot, Some(Value::from(address.as_ref()?.text.clone()))))
        }));
        let at = some_time(chance);
        fields.insert(field::CREATED_AT.to_owned(), Some(Value::from(at.to_string())));
        self.tell(&key, at, fields);
        self.drafts.push(Draft {
            key: key.clone(),
            person: who,
            situations,
            name,
            email,
            phone,
            ids: vec![key],
        });
    }
}

//! Webhooks of Omneo: profiles, their merges, purchases, balances, identities and rewards.

use jiff::ToSpan;
use serde_json::{Value, json};

use super::people::Person;
use super::{CONTACT, OTHER_PROFILE, PROFILE, WebhookSequence};
use crate::harness::webhooks::Webhook;
use crate::harness::webhooks::bodies::{self, Fields, uuid};

impl WebhookSequence {
    /// The profile's id. Some people have a second profile, until both are merged.
    fn profile_id(&mut self, person: usize) -> String {
        let kind =
            if person.is_multiple_of(5) && self.rng.chance(40) { OTHER_PROFILE } else { PROFILE };
        uuid(kind, person as u64)
    }

    fn profile_fields(&mut self, person: usize, is_new: bool) -> Fields {
        let (email, phone) = (self.email(person), self.phone(person));
        let Person { first, last, .. } = self.people[person];
        let fields = [
            ("first_name", json!(first)),
            ("last_name", json!(last)),
            ("full_name", json!(format!("{first} {last}"))),
            ("email", email),
            ("mobile_phone", phone),
            ("secondary_phone", Value::Null),
        ];
        let mut chosen = self.some_fields(&fields, is_new);
        if chosen.contains_key("mobile_phone") {
            chosen.insert("mobile_phone_country".to_owned(), json!("NL"));
        }
        chosen
    }

    pub(super) fn profile(&mut self, person: usize) -> Webhook {
        let id = self.profile_id(person);
        let event = match self.rng.roll(100) {
            0..3 => "profile.deleted",
            3..45 => "profile.created",
            _ => "profile.updated",
        };
        let is_new = event == "profile.created";
        let mut body =
            if is_new { bodies::profile(person as u64, self.now) } else { Fields::new() };
        body.extend(self.profile_fields(person, is_new));
        if is_new && self.rng.chance(30) {
            let card = bodies::identity(
                self.number,
                &id,
                "loyalty_card",
                &format!("8710{person:09}"),
                self.now,
            );
            let contact =
                bodies::identity(self.number, &id, "crm", &uuid(CONTACT, person as u64), self.now);
            body.insert("identities".to_owned(), json!([card, contact]));
        }
        if event == "profile.deleted" {
            body.insert("profile_type".to_owned(), json!("deleted"));
        }
        body.insert("id".to_owned(), json!(id));
        bodies::omneo(event, self.now, body)
    }

    pub(super) fn merged(&mut self, person: usize) -> Webhook {
        let person = person - person % 5;
        let (winner, loser) = (uuid(PROFILE, person as u64), uuid(OTHER_PROFILE, person as u64));
        let mut body = bodies::profile(person as u64, self.now);
        body.extend(self.profile_fields(person, true));
        body.insert("id".to_owned(), json!(winner));
        body.insert("source_profile_id".to_owned(), json!(loser));
        body.insert("destination_profile_id".to_owned(), json!(winner));
        bodies::omneo("profile.merged", self.now, body)
    }

    pub(super) fn purchase(&mut self, person: usize) -> Webhook {
        let id = self.profile_id(person);
        let known = self.people[person].purchases.clone();
        let is_void = !known.is_empty() && self.rng.chance(30);
        let number = if is_void { *self.rng.pick(&known) } else { self.next_number() };
        if !is_void {
            self.people[person].purchases.push(number);
        }
        let mut profile = self.profile_fields(person, false);
        profile.insert("id".to_owned(), json!(id));
        let hour = i64::try_from(number % 5).unwrap();
        let body = bodies::purchase(number, &profile, self.now - hour.hours(), is_void);
        bodies::omneo(
            if is_void { "transaction.updated" } else { "transaction.created" },
            self.now,
            body,
        )
    }

    pub(super) fn loyalty(&mut self, person: usize) -> Webhook {
        let (id, number, now) = (self.profile_id(person), self.next_number(), self.now);
        let (event, body) = match self.rng.roll(4) {
            0 => (
                "balance.updated",
                json!({ "profile_id": id, "point_balance": number % 1_000, "reward_balance": number % 50 }),
            ),
            1 => {
                let handle = *self.rng.pick(&["loyalty_card", "ecommerce", "crm"]);
                let identifier = if handle == "crm" {
                    uuid(CONTACT, person as u64)
                } else {
                    format!("{handle}-{person}")
                };
                ("identity.created", bodies::identity(number, &id, handle, &identifier, now))
            }
            2 => ("reward.created", Value::Object(bodies::reward(number, &id, now, 10))),
            _ => ("product.created", json!({ "id": number, "title": "Table lamp Vecht" })),
        };
        bodies::omneo(event, now, body.as_object().unwrap().clone())
    }
}

//! Generates the webhooks of the four systems about a brand's people over time: partial updates, cleared fields,
//! deletions, merges, purchases, tickets, bookings, and shared mailboxes and phones. Everything follows from the seed.
//! Each body has its source's timestamp, so that the result does not depend on the order of arrival.

mod people;

use std::collections::BTreeSet;

use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};

use self::people::{FIRST, LAST, Person};
use super::Webhook;
use super::bodies::{self, Fields, uuid};
use crate::harness::rng::Rng;

const PROFILE: u16 = 2;

const OTHER_PROFILE: u16 = 3;

const CONTACT: u16 = 4;

const CUSTOMER: u16 = 5;

/// The number of webhooks per new person.
const EACH: u64 = 6;

/// An endless stream of webhooks.
pub struct WebhookSequence {
    rng: Rng,
    people: Vec<Person>,
    /// Most webhooks are about this many of the newest people.
    active: usize,
    told: u64,
    now: Timestamp,
    /// People with a webhook at the current timestamp. Of two webhooks with the same timestamp about the same person,
    /// the last to arrive would count.
    told_now: BTreeSet<usize>,
    /// Counter for ids.
    number: u64,
}

impl WebhookSequence {
    /// Most webhooks are about this many of the newest people, and few about older ones. So the number of people grows,
    /// and the amount of data per person stays the same.
    pub fn new(seed: u64, active: usize) -> Self {
        Self {
            rng: Rng(seed),
            people: Vec::new(),
            active,
            told: 0,
            now: "2026-01-05T08:00:00Z".parse().unwrap(),
            told_now: BTreeSet::new(),
            number: 0,
        }
    }

    /// This many webhooks, about a sixth as many people.
    pub fn of(seed: u64, webhooks: usize) -> impl Iterator<Item = Webhook> {
        Self::new(seed, (webhooks / 60).clamp(5, 1_000)).take(webhooks)
    }

    /// Adds a new person.
    fn new_person(&mut self) {
        let n = self.people.len();
        let household = n / 3;
        // People of one household mostly have the same family name.
        let last =
            if self.rng.chance(70) { LAST[household % LAST.len()] } else { *self.rng.pick(&LAST) };
        self.people.push(Person {
            first: self.rng.pick::<&str>(&FIRST),
            last,
            emails: [
                format!("p{n}@example.org"),
                format!("p{n}@example.net"),
                format!("house{household}@example.org"),
            ],
            phones: [
                format!("+3161{n:07}"),
                format!("+3163{n:07}"),
                format!("+3162{household:07}"),
            ],
            tickets: Vec::new(),
            purchases: Vec::new(),
            bookings: Vec::new(),
        });
    }

    fn go_on(&mut self, seconds: usize) {
        self.now += i64::try_from(seconds).unwrap().seconds();
        self.told_now.clear();
    }

    fn somebody(&mut self) -> usize {
        let people = self.people.len();
        let is_active = self.rng.chance(90);
        people - 1 - self.rng.roll(if is_active { people.min(self.active) } else { people })
    }

    fn next_number(&mut self) -> u64 {
        self.number += 1;
        self.number
    }

    fn email(&mut self, person: usize) -> Value {
        match self.rng.roll(100) {
            0 => json!("info@example.org"),
            1..11 => json!(self.people[person].emails[2]),
            11..31 => json!(self.people[person].emails[1]),
            _ => json!(self.people[person].emails[0]),
        }
    }

    fn phone(&mut self, person: usize) -> Value {
        let phone = match self.rng.roll(100) {
            0 => "+31201234567",
            1..21 => &self.people[person].phones[2],
            21..36 => &self.people[person].phones[1],
            _ => &self.people[person].phones[0],
        };
        // The usual spelling by people.
        let national = phone.replacen("+31", "0", 1);
        if self.rng.chance(30) { json!(national) } else { json!(phone) }
    }

    /// Some of the fields, or all; some of them cleared.
    fn said(&mut self, fields: &[(&str, Value)], is_new: bool) -> Fields {
        let mut said = Fields::new();
        for (name, value) in fields {
            if is_new || self.rng.chance(55) {
                let is_cleared = !is_new && self.rng.chance(12);
                said.insert(
                    (*name).to_owned(),
                    if is_cleared { Value::Null } else { value.clone() },
                );
            }
        }
        said
    }

    fn contact(&mut self, person: usize, is_customer: bool) -> Webhook {
        let (kind, entity) =
            if is_customer { (CUSTOMER, "customer") } else { (CONTACT, "contact") };
        let action = match self.rng.roll(100) {
            0..4 => "deleted",
            4..45 => "created",
            _ => "updated",
        };
        let (email, phone) = (self.email(person), self.phone(person));
        let Person { first, last, .. } = self.people[person];
        let status = *self.rng.pick(&["active", "inactive", "lead"]);
        let segment = *self.rng.pick(&["consumer", "business"]);
        let fields = [
            ("firstName", json!(first)),
            ("lastName", json!(last)),
            ("email", email),
            ("phone", phone),
            ("company", json!(format!("Company {}", person % 40))),
            ("status", json!(status)),
            ("segment", json!(segment)),
            ("contactId", json!(uuid(CONTACT, person as u64))),
        ];
        let fields = &fields[..if is_customer { 8 } else { 6 }];
        let mut data = if action == "deleted" {
            Fields::new()
        } else {
            self.said(fields, action == "created")
        };
        data.insert("id".to_owned(), json!(uuid(kind, person as u64)));
        bodies::omniotap(self.next_number(), entity, action, self.now, data)
    }

    fn ticket(&mut self, person: usize) -> Webhook {
        let number = self.next_number();
        let known = self.people[person].tickets.clone();
        let (id, action) = match self.rng.roll(10) {
            0 if !known.is_empty() => (*self.rng.pick(&known), "deleted"),
            1..5 if !known.is_empty() => (*self.rng.pick(&known), "updated"),
            _ => (number, "created"),
        };
        let status = *self.rng.pick(&["open", "pending", "solved"]);
        let fields = [
            ("number", json!(format!("T-{id}"))),
            ("subject", json!("Lamp arrived with a broken shade")),
            ("status", json!(status)),
            ("priority", json!("high")),
            ("contactId", json!(uuid(CONTACT, person as u64))),
        ];
        let mut data = if action == "deleted" {
            Fields::new()
        } else {
            self.said(&fields, action == "created")
        };
        if action == "created" {
            self.people[person].tickets.push(id);
            data.insert("createdAt".to_owned(), json!(self.now.to_string()));
        }
        data.insert("id".to_owned(), json!(uuid(6, id)));
        bodies::omniotap(number, "ticket", action, self.now, data)
    }

    fn opportunity(&mut self, person: usize) -> Webhook {
        let stage = *self.rng.pick(&["qualification", "negotiation", "won"]);
        let fields = [
            ("title", json!("Studio interior package")),
            ("stage", json!(stage)),
            ("amount", json!(4250.5)),
            ("currency", json!("EUR")),
        ];
        let mut data = self.said(&fields, true);
        data.insert("id".to_owned(), json!(uuid(7, person as u64)));
        data.insert("customerId".to_owned(), json!(uuid(CUSTOMER, person as u64)));
        bodies::omniotap(self.next_number(), "opportunity", "updated", self.now, data)
    }

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
        let mut said = self.said(&fields, is_new);
        if said.contains_key("mobile_phone") {
            said.insert("mobile_phone_country".to_owned(), json!("NL"));
        }
        said
    }

    fn profile(&mut self, person: usize) -> Webhook {
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

    fn merged(&mut self, person: usize) -> Webhook {
        let person = person - person % 5;
        let (winner, loser) = (uuid(PROFILE, person as u64), uuid(OTHER_PROFILE, person as u64));
        let mut body = bodies::profile(person as u64, self.now);
        body.extend(self.profile_fields(person, true));
        body.insert("id".to_owned(), json!(winner));
        body.insert("source_profile_id".to_owned(), json!(loser));
        body.insert("destination_profile_id".to_owned(), json!(winner));
        bodies::omneo("profile.merged", self.now, body)
    }

    fn purchase(&mut self, person: usize) -> Webhook {
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

    fn loyalty(&mut self, person: usize) -> Webhook {
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

    fn engagement(&mut self, person: usize) -> Webhook {
        let number = self.next_number();
        let (email, phone) = (self.email(person), self.phone(person));
        let Person { first, last, .. } = self.people[person];
        let fields = [
            ("email", email),
            ("phone", phone),
            ("first_name", json!(first)),
            ("last_name", json!(last)),
        ];
        let mut data = self.said(&fields, false);
        // Two thirds are identified by their profile's id.
        let external_id = if person.is_multiple_of(3) {
            format!("CONTACT-{person}")
        } else {
            uuid(PROFILE, person as u64)
        };
        data.insert("external_id".to_owned(), json!(external_id));
        data.insert("interaction".to_owned(), json!(format!("int_{}", person % 20)));
        data.insert("interaction_name".to_owned(), json!("Spring game"));
        let known = self.people[person].bookings.clone();
        let (event, more) = match self.rng.roll(6) {
            0 => {
                self.people[person].bookings.push(number);
                (
                    "booking.created",
                    json!({ "booking": format!("bk_{number}"), "activity": "Styling session", "booking_status": "CONFIRMED" }),
                )
            }
            1 if !known.is_empty() => {
                let booking = *self.rng.pick(&known);
                (
                    "booking.cancelled",
                    json!({ "booking": format!("bk_{booking}"), "booking_status": "CANCELLED" }),
                )
            }
            2 => (
                "feedback.submitted",
                json!({ "rating": number % 5 + 1, "comment": "Lovely afternoon, thank you!" }),
            ),
            3 => ("reward.won", json!({ "reward": "Styling session for two" })),
            _ => ("touchpoint.participated", json!({})),
        };
        data.extend(more.as_object().unwrap().clone());
        bodies::omnilab(number, event, self.now, &data)
    }

    fn space(&mut self) -> Webhook {
        let attribute = *self.rng.pick(&["bookings", "bookings", "availability", "resources"]);
        bodies::syncaroo(self.next_number(), attribute, self.now)
    }
}

impl Iterator for WebhookSequence {
    type Item = Webhook;

    fn next(&mut self) -> Option<Webhook> {
        // Some events have the same timestamp.
        if !self.rng.chance(5) {
            let seconds = 1 + self.rng.roll(9);
            self.go_on(seconds);
        }
        if self.told.is_multiple_of(EACH) {
            self.new_person();
        }
        self.told += 1;
        let person = self.somebody();
        // Groups of five people may be merged with each other.
        if !self.told_now.insert(person / 5) {
            self.go_on(1);
            self.told_now.insert(person / 5);
        }
        Some(match self.rng.roll(100) {
            0..22 => self.contact(person, false),
            22..31 => self.contact(person, true),
            31..38 => self.ticket(person),
            38..40 => self.opportunity(person),
            40..57 => self.profile(person),
            57..66 => self.purchase(person),
            66..72 => self.loyalty(person),
            72..75 => self.merged(person),
            75..92 => self.engagement(person),
            _ => self.space(),
        })
    }
}

//! Generates the webhooks of the four systems about a brand's people over time: partial updates, cleared fields,
//! deletions, merges, purchases, tickets, bookings, and shared mailboxes and phones. Everything follows from the seed.
//! Each body has its source's timestamp, so that the result does not depend on the order of arrival.

mod omneo;
mod omnilab_and_syncaroo;
mod omniotap;
mod people;

use std::collections::BTreeSet;

use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};

use self::people::{FIRST, LAST, Person};
use super::Webhook;
use super::bodies::Fields;
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
    sent: u64,
    now: Timestamp,
    /// People with a webhook at the current timestamp. Of two webhooks with the same timestamp about the same person,
    /// the last to arrive would count.
    sent_now: BTreeSet<usize>,
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
            sent: 0,
            now: "2026-01-05T08:00:00Z".parse().unwrap(),
            sent_now: BTreeSet::new(),
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

    fn advance(&mut self, seconds: usize) {
        self.now += i64::try_from(seconds).unwrap().seconds();
        self.sent_now.clear();
    }

    fn random_person(&mut self) -> usize {
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
    fn some_fields(&mut self, fields: &[(&str, Value)], is_new: bool) -> Fields {
        let mut chosen = Fields::new();
        for (name, value) in fields {
            if is_new || self.rng.chance(55) {
                let is_cleared = !is_new && self.rng.chance(12);
                chosen.insert(
                    (*name).to_owned(),
                    if is_cleared { Value::Null } else { value.clone() },
                );
            }
        }
        chosen
    }
}

impl Iterator for WebhookSequence {
    type Item = Webhook;

    fn next(&mut self) -> Option<Webhook> {
        // Some events have the same timestamp.
        if !self.rng.chance(5) {
            let seconds = 1 + self.rng.roll(9);
            self.advance(seconds);
        }
        if self.sent.is_multiple_of(EACH) {
            self.new_person();
        }
        self.sent += 1;
        let person = self.random_person();
        // Groups of five people may be merged with each other.
        if !self.sent_now.insert(person / 5) {
            self.advance(1);
            self.sent_now.insert(person / 5);
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

//! Webhooks of OmnioTap: contacts, customers, tickets and opportunities.

use serde_json::json;

use super::people::Person;
use super::{CONTACT, CUSTOMER, WebhookSequence};
use crate::harness::webhooks::Webhook;
use crate::harness::webhooks::bodies::{self, Fields, uuid};

impl WebhookSequence {
    pub(super) fn contact(&mut self, person: usize, is_customer: bool) -> Webhook {
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
            self.some_fields(fields, action == "created")
        };
        data.insert("id".to_owned(), json!(uuid(kind, person as u64)));
        bodies::omniotap(self.next_number(), entity, action, self.now, data)
    }

    pub(super) fn ticket(&mut self, person: usize) -> Webhook {
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
            self.some_fields(&fields, action == "created")
        };
        if action == "created" {
            self.people[person].tickets.push(id);
            data.insert("createdAt".to_owned(), json!(self.now.to_string()));
        }
        data.insert("id".to_owned(), json!(uuid(6, id)));
        bodies::omniotap(number, "ticket", action, self.now, data)
    }

    pub(super) fn opportunity(&mut self, person: usize) -> Webhook {
        let stage = *self.rng.pick(&["qualification", "negotiation", "won"]);
        let fields = [
            ("title", json!("Studio interior package")),
            ("stage", json!(stage)),
            ("amount", json!(4250.5)),
            ("currency", json!("EUR")),
        ];
        let mut data = self.some_fields(&fields, true);
        data.insert("id".to_owned(), json!(uuid(7, person as u64)));
        data.insert("customerId".to_owned(), json!(uuid(CUSTOMER, person as u64)));
        bodies::omniotap(self.next_number(), "opportunity", "updated", self.now, data)
    }
}

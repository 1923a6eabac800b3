//! Webhooks of OmniLab (engagement) and Syncaroo (workspace bookings).

use serde_json::json;

use super::people::Person;
use super::{PROFILE, WebhookSequence};
use crate::harness::webhooks::Webhook;
use crate::harness::webhooks::bodies::{self, uuid};

impl WebhookSequence {
    pub(super) fn engagement(&mut self, person: usize) -> Webhook {
        let number = self.next_number();
        let (email, phone) = (self.email(person), self.phone(person));
        let Person { first, last, .. } = self.people[person];
        let fields = [
            ("email", email),
            ("phone", phone),
            ("first_name", json!(first)),
            ("last_name", json!(last)),
        ];
        let mut data = self.some_fields(&fields, false);
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

    pub(super) fn space(&mut self) -> Webhook {
        let attribute = *self.rng.pick(&["bookings", "bookings", "availability", "resources"]);
        bodies::syncaroo(self.next_number(), attribute, self.now)
    }
}

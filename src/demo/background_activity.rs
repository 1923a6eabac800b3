//! Activity while the demo runs: purchases, bookings and tickets, sent by webhook. The people in the README's examples
//! are left unchanged, so that the printed answers stay true.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::simulators::{ObjectKind, PARTICIPANT, SimulatedData, omneo};
use crate::sources::value::text_at;

/// Addresses, a name and a number from the README's examples. People with one of these are left unchanged.
const README_EXAMPLES: [&str; 4] = ["thomas@example.org", "nova@example.org", "bakker", "12312311"];

/// The customer with the most purchases.
pub const REGULAR: &str = "lieke.vandijk@example.org";

/// The pause between two activities.
pub const PAUSE: Duration = Duration::from_secs(4);

/// Creates activity in the simulated systems.
pub struct BackgroundActivity {
    data: Arc<SimulatedData>,
    count: usize,
    tickets: Vec<String>,
}

impl BackgroundActivity {
    /// No activity yet.
    #[must_use]
    pub const fn new(data: Arc<SimulatedData>) -> Self {
        Self { data, count: 0, tickets: Vec::new() }
    }

    /// Creates activities until it is dropped.
    pub async fn run_forever(mut self) {
        loop {
            tokio::time::sleep(PAUSE).await;
            self.create_next();
        }
    }

    /// Creates one activity.
    pub fn create_next(&mut self) {
        match self.count % 5 {
            0 => self.purchase(),
            1 => self.ticket(),
            2 => self.appointment(),
            3 => self.booking(),
            _ => self.solve(),
        }
        self.count = self.count.saturating_add(1);
    }

    /// The next person who may change.
    fn somebody(&self, all: Vec<Value>) -> Option<Value> {
        let all: Vec<Value> = all.into_iter().filter(|object| !is_readme_example(object)).collect();
        let n = self.count.wrapping_mul(7).checked_rem(all.len())?;
        all.into_iter().nth(n)
    }

    fn purchase(&self) {
        let profiles = self.data.all(ObjectKind::Profile);
        let regular = profiles
            .iter()
            .find(|profile| {
                self.count.is_multiple_of(2)
                    && text_at(profile, "/email").as_deref() == Some(REGULAR)
            })
            .cloned();
        let Some(mut profile) = regular.or_else(|| self.somebody(profiles)) else { return };
        let Some(id) = text_at(&profile, "/id") else { return };
        let (now, number) = (self.data.now(), self.count.saturating_add(90_000));
        let (at, total) = (
            omneo::written(now),
            u32::try_from(self.count % 60).unwrap_or_default().saturating_add(5),
        );
        if let Some(fields) = profile.as_object_mut() {
            let points = fields
                .get("point_balance")
                .and_then(Value::as_i64)
                .unwrap_or_default()
                .saturating_add(i64::from(total));
            fields.insert("point_balance".to_owned(), Value::from(points));
            fields.insert("updated_at".to_owned(), Value::from(at.as_str()));
        }
        self.data.put(ObjectKind::Profile, profile);
        let purchase = json!({
            "id": number.saturating_add(8_000_000), "profile_id": id, "location": {"id": 4, "name": "Utrecht Oudegracht"}, "total": f64::from(total) + 0.95,
            "currency": "EUR", "is_void": false, "transacted_at": at, "timezone": "Europe/Amsterdam", "type": "purchase", "status": "completed",
            "order_number": format!("NL-{}-{number}", now.strftime("%Y")), "created_at": at, "updated_at": at
        });
        self.data.change(ObjectKind::Transaction, &purchase);
    }

    fn ticket(&mut self) {
        const SUBJECTS: [&str; 4] = [
            "Where is my parcel?",
            "A chair wobbles",
            "Another delivery day, please",
            "Invoice to our company",
        ];
        let Some(contact) = self
            .somebody(self.data.all(ObjectKind::Contact))
            .and_then(|contact| text_at(&contact, "/id"))
        else {
            return;
        };
        let (id, at) = (Uuid::new_v4().to_string(), instant(self.data.now()));
        let subject = SUBJECTS.get(self.count / 5 % SUBJECTS.len()).copied().unwrap_or_default();
        let ticket = json!({
            "id": id, "number": format!("T-{}", self.count.saturating_add(9_000)), "subject": subject, "status": "open", "priority": "normal",
            "contactId": contact, "createdAt": at, "updatedAt": at
        });
        self.data.change(ObjectKind::Ticket, &ticket);
        self.tickets.push(id);
    }

    /// Solves the ticket that has been open the longest.
    fn solve(&mut self) {
        if self.tickets.len() < 2 {
            return;
        }
        let id = self.tickets.remove(0);
        self.data.edit(ObjectKind::Ticket, &id, |ticket| {
            if let Some(fields) = ticket.as_object_mut() {
                fields.insert("status".to_owned(), Value::from("solved"));
            }
        });
    }

    fn appointment(&self) {
        let people = self
            .data
            .all(ObjectKind::Appointment)
            .into_iter()
            .filter_map(|booking| booking.get(PARTICIPANT).cloned());
        let Some(person) =
            self.somebody(people.filter(|person| person.get("email").is_some()).collect())
        else {
            return;
        };
        let now = self.data.now();
        let booking = json!({
            "booking": format!("bk_{}", Uuid::new_v4().simple()), "activity": "Styling session", "interaction": "int_CaPrwmRaiPP7Ih",
            "slot_starting_at": instant(later(now, 3, 10)), "slot_duration_in_minutes": 30, "booking_status": "CONFIRMED", "booked_at": instant(now),
            "timezone": "Europe/Amsterdam", PARTICIPANT: person
        });
        self.data.change(ObjectKind::Appointment, &booking);
    }

    fn booking(&self) {
        let bookings = self
            .data
            .all(ObjectKind::Booking)
            .into_iter()
            .filter(|booking| booking.get("member").is_some_and(Value::is_object));
        let Some(mut booking) = self.somebody(bookings.collect()) else { return };
        let now = self.data.now();
        let (start, end) = (later(now, 2, 9), later(now, 2, 11));
        let random = Uuid::new_v4().simple().to_string();
        let id = format!(
            "{}*{}*{}",
            random.get(..24).unwrap_or_default(),
            start.as_millisecond(),
            end.as_millisecond()
        );
        if let Some(fields) = booking.as_object_mut() {
            let values = [
                ("id", id),
                ("start", instant(start)),
                ("end", instant(end)),
                ("updatedAt", instant(now)),
                ("status", "confirmed".to_owned()),
            ];
            fields.extend(values.map(|(name, value)| (name.to_owned(), Value::from(value))));
        }
        self.data.change(ObjectKind::Booking, &booking);
    }
}

/// A new person whom only the systems know: no webhook was sent about her.
pub mod newcomer {
    use super::{ObjectKind, SimulatedData, instant, json, omneo};

    /// Her address.
    pub const EMAIL: &str = "robin@example.org";

    /// Adds her to the systems, without a webhook.
    pub fn arrive(data: &SimulatedData) {
        let (now, id) = (data.now(), "7d0f2c1e-51a4-4f0b-9c46-0c1f2e9b7a33");
        let (at, stamp) = (instant(now), omneo::written(now));
        data.put(
            ObjectKind::Contact,
            json!({
                "id": "2c9be0f4-6f0e-4b67-8f3f-9d5f5a0c7b11", "firstName": "Robin", "lastName": "de Wit", "email": EMAIL, "phone": "06 28282828",
                "createdAt": at, "updatedAt": at
            }),
        );
        data.put(
            ObjectKind::Profile,
            json!({
                "id": id, "first_name": "Robin", "last_name": "de Wit", "email": EMAIL, "mobile_phone": "06 28282828", "mobile_phone_e164": "+31628282828",
                "tier_handle": "bronze", "tier": {"handle": "bronze", "name": "Bronze"}, "profile_type": "active", "joined_at": stamp,
                "point_balance": 25, "custom_attributes": [], "created_at": stamp, "updated_at": stamp
            }),
        );
        data.put(
            ObjectKind::Transaction,
            json!({
                "id": 8_000_001, "profile_id": id, "location": {"id": 1, "name": "Webshop"}, "total": 24.95, "currency": "EUR", "is_void": false,
                "transacted_at": stamp, "type": "purchase", "status": "completed", "order_number": "NL-2026-08001", "created_at": stamp, "updated_at": stamp
            }),
        );
    }
}

fn is_readme_example(object: &Value) -> bool {
    let text: String =
        object.to_string().to_lowercase().chars().filter(|c| !matches!(c, ' ' | '-')).collect();
    README_EXAMPLES.iter().any(|still| text.contains(still))
}

/// A full hour on a later day.
fn later(now: Timestamp, days: i64, hour: i64) -> Timestamp {
    let day = now.as_second().div_euclid(86_400).saturating_add(days);
    let at = day.saturating_mul(86_400).saturating_add(hour.saturating_mul(3_600));
    Timestamp::from_second(at).unwrap_or(now)
}

fn instant(at: Timestamp) -> String {
    at.strftime("%FT%T.%3fZ").to_string()
}

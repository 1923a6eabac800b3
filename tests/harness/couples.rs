//! Couples: two people on one phone, whose records have different ids of a source that keeps people unique; and records
//! that name the same phone and could be of either. Everything follows from the seed.

use hookpoint::customer::model::event::{EventKey, field as event_field};
use hookpoint::customer::model::field_versions::{Scope, Update};
use hookpoint::customer::model::record::{Change, RecordKey, SourceMerge, field};
use jiff::{SignedDuration, Timestamp};

use crate::rng::Rng;

/// The phone of all couples.
pub const LINE: &str = "+31644556677";

/// The first word of the ids of each person's records. The ids of the other records begin with `any`.
pub const PEOPLE: [&str; 2] = ["one", "two"];

/// Names of both: different, alike, the same, or missing.
const NAMES: [[(&str, &str); 2]; 8] = [
    [("Ruben", "Smit"), ("Iris", "Smit")],
    [("Jan", "Kok"), ("Jan", "Kok")],
    [("J.", "Kok"), ("Jan", "Kok")],
    [("Emma", "Bos"), ("Emmy", "Bos")],
    [("Jan", "Kok"), ("", "Kok")],
    [("Ruben", "Smit"), ("", "")],
    [("", "Smit"), ("", "Smit")],
    [("", ""), ("", "")],
];

/// E-mail addresses of both: their own, a common one, or none.
const EMAILS: [[&str; 2]; 5] = [
    ["one@example.org", "two@example.org"],
    ["home@example.org", "home@example.org"],
    ["one@example.org", ""],
    ["one@example.org", "home@example.org"],
    ["", ""],
];

/// All changes of a couple.
pub struct Couple {
    rng: Rng,
    pub changes: Vec<Change>,
}

/// What the sources know about one of the two.
#[derive(Clone, Copy)]
struct Person {
    who: &'static str,
    name: (&'static str, &'static str),
    email: &'static str,
}

impl Couple {
    pub fn new(seed: u64) -> Self {
        let mut couple = Self { rng: Rng(seed), changes: Vec::new() };
        let (names, emails) = (*couple.rng.pick(&NAMES), *couple.rng.pick(&EMAILS));
        let people = [0, 1].map(|n| Person { who: PEOPLE[n], name: names[n], email: emails[n] });
        people.into_iter().for_each(|person| couple.add_own_records(person));
        couple.add_other_records(people);
        couple
    }

    /// All changes in another order, some of them twice. Every order has its own number.
    pub fn in_order(&self, turn: u64) -> Vec<Change> {
        let mut rng = Rng(self.rng.0 ^ turn.wrapping_mul(0x2545_F491_4F6C_DD1D));
        let again = self.changes.iter().filter(|_| rng.chance(30)).cloned().collect();
        let all = [self.changes.clone(), again].concat();
        rng.shuffled(all)
    }

    /// A profile, and records that refer to it or to a profile that was merged into it.
    fn add_own_records(&mut self, person: Person) {
        let profile = format!("{}-profile", person.who);
        let old = format!("{}-old", person.who);
        self.add_record(&format!("omneo.profile:{profile}"), person, "");
        let is_merged = self.rng.chance(30);
        if is_merged {
            let (loser, winner) =
                (format!("omneo.profile:{old}"), format!("omneo.profile:{profile}"));
            if self.rng.chance(50) {
                self.add_record(&loser, person, "");
            }
            let at = self.at();
            let [loser, winner] = [loser, winner].map(|key| key.parse().unwrap());
            self.changes.push(Change::Merge(SourceMerge { loser, winner, at }));
        }
        for kind in ["omniotap.contact", "omniotap.customer", "syncaroo.member"] {
            if kind == "omniotap.contact" || self.rng.chance(50) {
                let other = if is_merged && self.rng.chance(50) { &old } else { &profile };
                self.add_record(&format!("{kind}:{}-{}", person.who, kind.len()), person, other);
            }
        }
    }

    /// Forms, bookings and a contact that name the phone, and may name one of the two.
    fn add_other_records(&mut self, people: [Person; 2]) {
        let nobody = Person { who: "any", name: ("", ""), email: "" };
        for n in 0..=self.rng.roll(3) {
            let named = *self.rng.pick(&[nobody, people[0], people[1]]);
            let email = if self.rng.chance(30) { people[self.rng.roll(2)].email } else { "" };
            let (form, member) =
                (format!("omnilab.participant:any-{n}"), format!("syncaroo.member:any-{n}"));
            let refers_to = if self.rng.chance(30) { "two-profile" } else { "" };
            self.add_record(&form, Person { email, ..named }, refers_to);
            self.add_event(&format!("omnilab.booking:{n}"), &form);
            self.add_record(&member, Person { email: "", ..named }, "");
            self.add_event(&format!("syncaroo.booking:{n}"), &member);
        }
        if self.rng.chance(50) {
            self.add_record("omniotap.contact:any-contact", nobody, "");
        }
    }

    /// A record, in one change or several: webhooks about some of its fields, older values, or a whole snapshot.
    fn add_record(&mut self, key: &str, person: Person, refers_to: &str) {
        let spelling = *self.rng.pick(&[LINE, "06 44556677", "0031 644 556 677"]);
        let (first, last) = person.name;
        let fields: Vec<(&str, &str)> = [
            (field::FIRST_NAME, first),
            (field::LAST_NAME, last),
            ("email.main", person.email),
            ("phone.main", spelling),
            ("reference.omneo.profile", refers_to),
        ]
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .collect();
        let newest = self.at();
        let older = newest - SignedDuration::from_secs(60);
        match self.rng.roll(4) {
            0 => self.say(key, newest, Scope::Whole, &fields),
            1 => self.say(key, newest, Scope::Partial, &fields),
            2 => {
                // The number before, which is another one, and a deletion that a later report overrides.
                self.say(key, older, Scope::Partial, &[("phone.main", "+31611111111")]);
                self.say(key, older, Scope::Deletion, &[]);
                self.say(key, newest, Scope::Partial, &fields);
            }
            _ => fields.iter().for_each(|field| {
                self.say(key, newest, Scope::Partial, std::slice::from_ref(field));
            }),
        }
    }

    fn say(&mut self, key: &str, at: Timestamp, scope: Scope, fields: &[(&str, &str)]) {
        let key: RecordKey = key.parse().unwrap();
        self.changes.push(Change::Record { key, update: update(at, scope, fields) });
    }

    fn add_event(&mut self, event: &str, record: &str) {
        let key: EventKey = event.parse().unwrap();
        let update = update(self.at(), Scope::Partial, &[(event_field::RECORD, record)]);
        self.changes.push(Change::Event { key, update });
    }

    /// Few instants, so that many changes have the same time.
    fn at(&mut self) -> Timestamp {
        let hours = SignedDuration::from_hours(self.rng.roll(4) as i64);
        "2026-11-20T08:00:00Z".parse::<Timestamp>().unwrap() + hours
    }
}

fn update(at: Timestamp, scope: Scope, fields: &[(&str, &str)]) -> Update {
    let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), Some((*value).into())));
    Update { at, received_at: at, scope, fields: fields.collect() }
}

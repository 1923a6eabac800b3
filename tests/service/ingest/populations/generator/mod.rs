//! Generates populations: possible source data about some groups of people who share mailboxes, phones, names and ids,
//! with colliding times. Everything follows from the seed.

mod person_groups;

use std::collections::BTreeMap;

use self::person_groups::{BLOCKED, FIRST_NAMES, LAST_NAMES, PersonGroup};
pub use crate::rng::Rng;
use hookpoint::customer::model::event::{EventKey, field as event_field};
use hookpoint::customer::model::field_versions::{Scope, Update};
use hookpoint::customer::model::record::{Change, RecordKey, SourceMerge, field};
use hookpoint::customer::model::source::{Source, SourceKind};
use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};

/// A person's decision.
#[derive(Debug, Clone)]
pub struct Decided {
    pub left: RecordKey,
    pub right: RecordKey,
    pub same: bool,
}

/// The sources' data in random order, and earlier decisions.
pub struct Population {
    pub changes: Vec<Change>,
    pub decisions: Vec<Decided>,
}

struct Generator {
    rng: Rng,
    groups: Vec<PersonGroup>,
    changes: Vec<Change>,
}

impl Population {
    pub fn new(seed: u64, groups: usize) -> Self {
        let mut rng = Rng(seed);
        let places = (0..groups).map(|n| PersonGroup::new(n, &mut rng)).collect();
        let mut generator = Generator { rng, groups: places, changes: Vec::new() };
        for group in 0..groups {
            generator.records(group);
            generator.moves(group);
            generator.merges(group);
            generator.forms(group);
            generator.old_numbers(group);
            generator.events(group);
        }
        let decisions = generator.decisions();
        let changes = std::mem::take(&mut generator.changes);
        Self { changes: generator.rng.shuffled(changes), decisions }
    }
}

/// Few instants, so that most values of a field collide with another one in time.
fn at(second: usize) -> Timestamp {
    "2019-03-01T08:00:00Z".parse::<Timestamp>().unwrap() + (second as i64).seconds()
}

/// After this number of seconds, a number from the beginning counts as old.
const YEARS: usize = 6 * 365 * 24 * 60 * 60;

type Fields = BTreeMap<String, Option<Value>>;

impl Generator {
    /// Usually this group, sometimes another, so that groups are joined and separated.
    fn near(&mut self, group: usize) -> usize {
        if self.rng.chance(3) { self.rng.roll(self.groups.len()) } else { group }
    }

    fn say(&mut self, key: &RecordKey, second: usize, scope: Scope, fields: Fields) {
        self.changes.push(Change::Record {
            key: key.clone(),
            update: Update {
                at: at(second),
                received_at: at(second + self.rng.roll(3)),
                scope,
                fields,
            },
        });
    }

    fn email(&mut self, group: usize) -> String {
        let group = self.near(group);
        if self.rng.chance(4) {
            (*self.rng.pick(&BLOCKED)).to_owned()
        } else {
            self.rng.pick(&self.groups[group].emails).clone()
        }
    }

    fn phone(&mut self, group: usize) -> String {
        let group = self.near(group);
        if self.rng.chance(3) {
            "+31201234567".to_owned()
        } else {
            self.rng.pick(&self.groups[group].phones).clone()
        }
    }

    /// Field names with values.
    fn fields(&mut self, group: usize, clears: bool) -> Fields {
        let reference = self.reference(group);
        let place = &self.groups[group];
        let (first, last) = (*self.rng.pick(&place.firsts), *self.rng.pick(&place.lasts));
        let handle = self.rng.pick(&place.handles).clone();
        let created = at(self.rng.roll(4)).to_string();
        let (tier, points) = (format!("t{}", self.rng.roll(3)), self.rng.roll(4));
        let mut all: Vec<(String, usize, Value)> = vec![
            (field::FIRST_NAME.to_owned(), 65, json!(first)),
            (field::LAST_NAME.to_owned(), 65, json!(last)),
            (field::FULL_NAME.to_owned(), 25, json!(self.whole_name(first, last))),
            (format!("{}home", field::EMAIL), 55, json!(self.email(group))),
            (format!("{}work", field::EMAIL), 14, json!(self.email(group))),
            (format!("{}mobile", field::PHONE), 60, json!(self.phone(group))),
            (format!("{}home", field::PHONE), 14, json!(self.phone(group))),
            (field::FACEBOOK.to_owned(), 6, json!(handle)),
            (
                field::TWITTER.to_owned(),
                5,
                json!(if self.rng.chance(20) { "null".to_owned() } else { format!("@H{handle}") }),
            ),
            (field::CREATED_AT.to_owned(), 30, json!(created)),
            (format!("{}tier", field::ATTRIBUTE), 30, json!(tier)),
            (format!("{}points", field::ATTRIBUTE), 15, json!(points)),
        ];
        all.extend(reference.map(|(name, value)| (name, 100, value)));
        let is_whole = self.rng.chance(25);
        let mut fields = Fields::new();
        for (name, percent, value) in all {
            let is_said = match name.as_str() {
                // A whole name counts only if the parts are unknown.
                field::FIRST_NAME | field::LAST_NAME if is_whole => false,
                field::FULL_NAME if is_whole => true,
                _ => self.rng.chance(percent),
            };
            if is_said {
                fields.insert(name, (!clears || self.rng.chance(75)).then_some(value));
            }
        }
        fields
    }

    /// The ways in which systems write a whole name as one text.
    fn whole_name(&mut self, first: &str, last: &str) -> String {
        match self.rng.roll(7) {
            0 => first.to_owned(),
            1 => last.to_owned(),
            2 => format!("{last}, {first}"),
            3 => format!("van der {last}"),
            4 => format!("{first} {last}, de"),
            5 => format!("{last}, {first} van"),
            _ => format!("{first} {last}"),
        }
    }

    fn reference(&mut self, group: usize) -> Option<(String, Value)> {
        if !self.rng.chance(30) {
            return None;
        }
        let group = self.near(group);
        let to = self.rng.pick(&self.groups[group].keys).clone();
        let slot = if self.rng.chance(20) { "#2" } else { "" };
        let id = match self.rng.roll(20) {
            0 => "0000-0000".to_owned(),
            // An id of another system that no record has.
            1..4 => format!("own-{}", self.rng.roll(4)),
            _ => to.id,
        };
        Some((format!("{}{}{slot}", field::REFERENCE, to.kind), json!(id)))
    }

    fn records(&mut self, group: usize) {
        for key in self.groups[group].known().to_vec() {
            for _ in 0..2 + self.rng.roll(4) {
                let scope = *self.rng.pick(&[Scope::Partial, Scope::Partial, Scope::Whole]);
                let fields = self.fields(group, scope == Scope::Partial);
                let second = self.rng.roll(9);
                self.say(&key, second, scope, fields);
            }
            if self.rng.chance(60) {
                let second = self.rng.roll(5);
                self.say(&key, second, Scope::Deletion, Fields::new());
                if self.rng.chance(60) {
                    // Before, at the same time, or after: only the last one restores the record.
                    let (second, fields) = (second + self.rng.roll(3), self.fields(group, true));
                    self.say(&key, second.saturating_sub(1), Scope::Partial, fields);
                }
            }
        }
    }

    /// Text that anybody can type into a form: another person's address, their own phone, and any name or none. Some
    /// refer to one id in several systems.
    fn forms(&mut self, group: usize) {
        let participants: Vec<RecordKey> = self.groups[group]
            .keys
            .iter()
            .filter(|key| key.kind == SourceKind::OmniLabParticipant)
            .cloned()
            .collect();
        for key in participants {
            let mut fields: Fields =
                [(format!("{}home", field::EMAIL), Some(json!(self.email(group))))].into();
            let place = &self.groups[group];
            let (first, last) = (*self.rng.pick(&place.firsts), *self.rng.pick(&place.lasts));
            let said = [(field::FIRST_NAME, 45, json!(first)), (field::LAST_NAME, 35, json!(last))];
            for (name, percent, value) in said {
                if self.rng.chance(percent) {
                    fields.insert(name.to_owned(), Some(value));
                }
            }
            if self.rng.chance(40) {
                let phone = self.phone(group);
                fields.insert(format!("{}mobile", field::PHONE), Some(json!(phone)));
            }
            let second = 5 + self.rng.roll(6);
            self.say(&key, second, Scope::Partial, fields);
        }
        for _ in 0..3 {
            let (key, id) = (
                self.rng.pick(self.groups[group].known()).clone(),
                self.rng.pick(&self.groups[group].keys).id.clone(),
            );
            let kinds = [
                SourceKind::OmneoProfile,
                SourceKind::OmnioTapContact,
                SourceKind::OmniLabParticipant,
            ];
            let said = kinds.into_iter().filter(|_| self.rng.chance(60));
            let fields: Fields = said
                .map(|kind| (format!("{}{kind}#3", field::REFERENCE), Some(json!(id))))
                .collect();
            let second = 5 + self.rng.roll(6);
            self.say(&key, second, Scope::Partial, fields);
        }
    }

    /// Some people report years later that a number of the group is theirs.
    fn old_numbers(&mut self, group: usize) {
        for _ in 0..4 {
            let key = self.rng.pick(self.groups[group].known()).clone();
            let (first, last) = (*self.rng.pick(&FIRST_NAMES), *self.rng.pick(&LAST_NAMES));
            let phone = self.rng.pick(&self.groups[group].phones).clone();
            let mut fields: Fields = [(format!("{}new", field::PHONE), Some(json!(phone)))].into();
            if self.rng.chance(80) {
                fields.insert(field::FIRST_NAME.to_owned(), Some(json!(first)));
                fields.insert(field::LAST_NAME.to_owned(), Some(json!(last)));
            }
            let second = YEARS + self.rng.roll(4);
            self.say(&key, second, Scope::Partial, fields);
        }
    }

    /// A value moves from one record to another, which may lose it again.
    fn moves(&mut self, group: usize) {
        for _ in 0..4 {
            let chain: Vec<RecordKey> = (0..2 + self.rng.roll(2))
                .map(|_| self.rng.pick(self.groups[group].known()).clone())
                .collect();
            let (name, value) = if self.rng.chance(50) {
                (format!("{}home", field::EMAIL), self.email(group))
            } else {
                (format!("{}mobile", field::PHONE), self.phone(group))
            };
            let second = self.rng.roll(5);
            for (n, pair) in chain.windows(2).enumerate() {
                self.say(
                    &pair[0],
                    second + n,
                    Scope::Partial,
                    [(name.clone(), Some(json!(value)))].into(),
                );
                self.say(&pair[0], second + n + 1, Scope::Partial, [(name.clone(), None)].into());
                self.say(
                    &pair[1],
                    second + n + 1,
                    Scope::Partial,
                    [(name.clone(), Some(json!(value)))].into(),
                );
            }
        }
    }

    /// Chains, cycles, forks, and merges into unknown records, mostly of one kind.
    fn merges(&mut self, group: usize) {
        for _ in 0..3 {
            let kind = *self.rng.pick(&SourceKind::ALL);
            let place = &self.groups[group].keys;
            let own: Vec<RecordKey> = place
                .iter()
                .filter(|key| key.kind == kind || self.rng.chance(6))
                .cloned()
                .collect();
            let (loser, winner) = (self.rng.pick(&own).clone(), self.rng.pick(&own).clone());
            if loser != winner {
                let at = at(self.rng.roll(4));
                self.changes.push(Change::Merge(SourceMerge { loser, winner, at }));
            }
        }
    }

    fn events(&mut self, group: usize) {
        for n in 0..4 {
            let source = *self.rng.pick(&Source::ALL);
            let what = *self.rng.pick(&["transaction", "ticket", "booking"]);
            let key = EventKey::new(source, what, &format!("e{group}{n}")).unwrap();
            for _ in 0..1 + self.rng.roll(3) {
                let place = self.near(group);
                let record = self.rng.pick(&self.groups[place].keys).to_string();
                let occurred = at(self.rng.roll(5)).to_string();
                let mut fields: Fields =
                    [(event_field::OCCURRED_AT.to_owned(), Some(json!(occurred)))].into();
                fields.insert(
                    event_field::RECORD.to_owned(),
                    self.rng.chance(90).then(|| json!(record)),
                );
                if self.rng.chance(50) {
                    let (order, total) = (format!("O{}", self.rng.roll(6)), self.rng.roll(50));
                    fields.insert(
                        format!("{}order_number", event_field::REFERENCE),
                        Some(json!(order)),
                    );
                    fields.insert(format!("{}total", event_field::DATA), Some(json!(total)));
                }
                let scope = *self.rng.pick(&[
                    Scope::Partial,
                    Scope::Partial,
                    Scope::Whole,
                    Scope::Deletion,
                ]);
                let fields = if scope == Scope::Deletion { Fields::new() } else { fields };
                let second = self.rng.roll(6);
                let update = Update {
                    at: at(second),
                    received_at: at(second + self.rng.roll(3)),
                    scope,
                    fields,
                };
                self.changes.push(Change::Event { key: key.clone(), update });
            }
        }
    }

    /// Decisions that do not contradict each other. Some are about records that never arrive.
    fn decisions(&mut self) -> Vec<Decided> {
        let mut decisions: Vec<Decided> = Vec::new();
        let mut person: BTreeMap<RecordKey, RecordKey> = BTreeMap::new();
        for _ in 0..self.groups.len() + 4 {
            let (group, same) = (self.rng.roll(self.groups.len()), self.rng.chance(45));
            let other = self.near(group);
            let left = self.rng.pick(&self.groups[group].keys).clone();
            let right = self.rng.pick(&self.groups[other].keys).clone();
            let of = |key: &RecordKey| person.get(key).unwrap_or(key).clone();
            let (one, two) = (of(&left), of(&right));
            let told_apart = decisions.iter().filter(|d| !d.same).any(|d| {
                [(of(&d.left), of(&d.right)), (of(&d.right), of(&d.left))]
                    .contains(&(one.clone(), two.clone()))
            });
            if one == two || (same && told_apart) {
                continue;
            }
            if same {
                for priority in person.values_mut().filter(|priority| **priority == two) {
                    *priority = one.clone();
                }
                person.insert(two, one.clone());
                person.insert(right.clone(), one);
            }
            decisions.push(Decided { left, right, same });
        }
        decisions
    }
}

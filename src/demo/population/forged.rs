//! Forged forms: somebody filled them in with another person's mailbox. Nothing in such a form proves who wrote it.

use std::collections::BTreeMap;

use serde_json::Value;

use super::chance::SeededRng;
use super::dates::some_time;
use super::draft::new_key;
use super::origin::Origin;
use super::people::{Person, World};
use super::rates;
use super::records::Records;
use super::{family_names, given_names, origin};
use crate::customer::model::record::field;
use crate::customer::model::source::SourceKind;

impl Records {
    /// Forges forms: some have the victim's mailbox and the forger's own number. For a few victims there are many,
    /// under other names.
    pub(super) fn forge(&mut self, world: &World, chance: &mut SeededRng) {
        for (number, victim) in world.people.iter().enumerate() {
            let Some(mailbox) = victim.mailbox.as_deref() else { continue };
            if chance.happens(rates::FORGED_FORM) {
                let name = forged_name(chance, victim);
                let phone = format!("+3168{}", chance.digits(7));
                self.forge_form(
                    chance,
                    number,
                    [name.0, name.1, Some(mailbox.to_owned()), Some(phone)],
                );
            }
            if chance.below(10_000) < rates::MANY_FORGED_FORMS {
                for _ in 0..rates::FORMS {
                    let (given, family) = another_name(chance);
                    self.forge_form(
                        chance,
                        number,
                        [given, family, Some(mailbox.to_owned()), None],
                    );
                }
            }
        }
    }

    fn forge_form(&mut self, chance: &mut SeededRng, victim: usize, said: [Option<String>; 4]) {
        let Some(key) = new_key(chance, SourceKind::OmniLabParticipant) else { return };
        let slots = [
            field::FIRST_NAME.to_owned(),
            field::LAST_NAME.to_owned(),
            format!("{}main", field::EMAIL),
            format!("{}main", field::PHONE),
        ];
        let said = slots
            .into_iter()
            .zip(said)
            .filter_map(|(slot, text)| Some((slot, Some(Value::from(text?)))));
        let mut fields: BTreeMap<String, Option<Value>> = said.collect();
        let at = some_time(chance);
        fields.insert(field::CREATED_AT.to_owned(), Some(Value::from(at.to_string())));
        self.tell(&key, at, fields);
        self.forged.insert(key, victim);
    }
}

/// The name in a forged form: none, the victim's, or another one.
fn forged_name(chance: &mut SeededRng, victim: &Person) -> (Option<String>, Option<String>) {
    match chance.below(1_000) {
        n if n < rates::FORGED_WITHOUT_NAME => (None, None),
        n if n < rates::FORGED_WITHOUT_NAME + rates::FORGED_VICTIMS_NAME => {
            (Some(victim.given.clone()), Some(victim.family.clone()))
        }
        _ => another_name(chance),
    }
}

fn another_name(chance: &mut SeededRng) -> (Option<String>, Option<String>) {
    let origin = chance.weighted(&origin::ORIGINS).unwrap_or(Origin::Dutch);
    let male = chance.happens(500);
    (
        Some(given_names::given_name(chance, origin, male)),
        Some(family_names::family_name(chance, origin)),
    )
}

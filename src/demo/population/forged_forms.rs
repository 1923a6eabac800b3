//! Forged forms: somebody filled them in with another person's mailbox. Nothing in such a form proves who wrote it.

use std::collections::BTreeMap;

use serde_json::Value;

use super::dates::some_time;
use super::generated_record::new_key;
use super::origin::Origin;
use super::people::{GeneratedPeople, Person};
use super::rates;
use super::records::Records;
use super::seeded_rng::SeededRng;
use super::{family_names, given_names, origin};
use crate::customer::model::record::field;
use crate::customer::model::source::SourceKind;

impl Records {
    /// Forges forms: some have the victim's mailbox and the forger's own number. For a few victims there are many,
    /// under other names.
    pub(super) fn forge(&mut self, generated: &GeneratedPeople, rng: &mut SeededRng) {
        for (number, victim) in generated.people.iter().enumerate() {
            let Some(mailbox) = victim.mailbox.as_deref() else { continue };
            if rng.happens(rates::FORGED_FORM) {
                let name = forged_name(rng, victim);
                let phone = format!("+3168{}", rng.digits(7));
                self.forge_form(
                    rng,
                    number,
                    [name.0, name.1, Some(mailbox.to_owned()), Some(phone)],
                );
            }
            if rng.below(10_000) < rates::MANY_FORGED_FORMS {
                for _ in 0..rates::FORMS {
                    let (given, family) = another_name(rng);
                    self.forge_form(rng, number, [given, family, Some(mailbox.to_owned()), None]);
                }
            }
        }
    }

    fn forge_form(&mut self, rng: &mut SeededRng, victim: usize, values: [Option<String>; 4]) {
        let Some(key) = new_key(rng, SourceKind::OmniLabParticipant) else { return };
        let slots = [
            field::FIRST_NAME.to_owned(),
            field::LAST_NAME.to_owned(),
            format!("{}main", field::EMAIL),
            format!("{}main", field::PHONE),
        ];
        let values = slots
            .into_iter()
            .zip(values)
            .filter_map(|(slot, text)| Some((slot, Some(Value::from(text?)))));
        let mut fields: BTreeMap<String, Option<Value>> = values.collect();
        let at = some_time(rng);
        fields.insert(field::CREATED_AT.to_owned(), Some(Value::from(at.to_string())));
        self.add_change(&key, at, fields);
        self.forged.insert(key, victim);
    }
}

/// The name in a forged form: none, the victim's, or another one.
fn forged_name(rng: &mut SeededRng, victim: &Person) -> (Option<String>, Option<String>) {
    match rng.below(1_000) {
        n if n < rates::FORGED_WITHOUT_NAME => (None, None),
        n if n < rates::FORGED_WITHOUT_NAME + rates::FORGED_VICTIMS_NAME => {
            (Some(victim.given.clone()), Some(victim.family.clone()))
        }
        _ => another_name(rng),
    }
}

fn another_name(rng: &mut SeededRng) -> (Option<String>, Option<String>) {
    let origin = rng.weighted(&origin::ORIGINS).unwrap_or(Origin::Dutch);
    let male = rng.happens(500);
    (Some(given_names::given_name(rng, origin, male)), Some(family_names::family_name(rng, origin)))
}

//! References between the records of one person.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use super::dates::FIRST_DAY;
use super::rates;
use super::records::Records;
use super::seeded_rng::SeededRng;
use super::situation::Situation;
use crate::customer::model::record::{RecordKey, field};
use crate::customer::model::source::SourceKind;

impl Records {
    /// Adds references between a person's records: from a participant to a profile, from a customer to a contact. Some
    /// participants get an id that looks like a profile's, but belongs to none.
    pub(super) fn refer(&mut self, rng: &mut SeededRng, first: usize) {
        let own = self.records.get_mut(first..).unwrap_or_default();
        let keys: Vec<RecordKey> = own.iter().map(|record| record.key.clone()).collect();
        let mut updates = Vec::new();
        for record in own {
            let kind = match record.key.kind {
                SourceKind::OmniLabParticipant => SourceKind::OmneoProfile,
                SourceKind::OmnioTapCustomer => SourceKind::OmnioTapContact,
                SourceKind::OmneoProfile
                | SourceKind::OmnioTapContact
                | SourceKind::SyncarooMember => continue,
            };
            let slot = format!("{}{}", field::REFERENCE, kind.as_str());
            if record.key.kind == SourceKind::OmniLabParticipant && rng.happens(rates::STRANGE_ID) {
                record.situations.add(Situation::StrangeId);
                let id = if rng.happens(500) {
                    format!("CONTACT-{}", rng.digits(9))
                } else {
                    format!("{:016x}{:08x}", rng.next(), rng.below(1 << 32))
                };
                updates.push((record.key.clone(), BTreeMap::from([(slot, Some(Value::from(id)))])));
                continue;
            }
            let Some(referred) =
                keys.iter().find(|key| key.kind == kind).filter(|_| rng.happens(rates::REFERENCE))
            else {
                continue;
            };
            record.situations.add(Situation::Reference);
            record.ids.push(referred.clone());
            updates.push((
                record.key.clone(),
                BTreeMap::from([(slot, Some(Value::from(referred.id.clone())))]),
            ));
        }
        for (key, fields) in updates {
            self.add_change(&key, Timestamp::from_second(FIRST_DAY).unwrap_or_default(), fields);
        }
    }
}

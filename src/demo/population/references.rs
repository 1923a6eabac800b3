//! References between the records of one person.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use super::chance::SeededRng;
use super::dates::FIRST_DAY;
use super::rates;
use super::records::Records;
use super::situation::Situation;
use crate::customer::model::record::{RecordKey, field};
use crate::customer::model::source::SourceKind;

impl Records {
    /// Adds references between a person's records: from a participant to a profile, from a customer to a contact. Some
    /// participants get an id that looks like a profile's, but belongs to none.
    pub(super) fn refer(&mut self, chance: &mut SeededRng, first: usize) {
        let own = self.drafts.get_mut(first..).unwrap_or_default();
        let keys: Vec<RecordKey> = own.iter().map(|draft| draft.key.clone()).collect();
        let mut told = Vec::new();
        for draft in own {
            let kind = match draft.key.kind {
                SourceKind::OmniLabParticipant => SourceKind::OmneoProfile,
                SourceKind::OmnioTapCustomer => SourceKind::OmnioTapContact,
                SourceKind::OmneoProfile
                | SourceKind::OmnioTapContact
                | SourceKind::SyncarooMember => continue,
            };
            let slot = format!("{}{}", field::REFERENCE, kind.as_str());
            if draft.key.kind == SourceKind::OmniLabParticipant && chance.happens(rates::STRANGE_ID)
            {
                draft.situations.add(Situation::StrangeId);
                let id = if chance.happens(500) {
                    format!("CONTACT-{}", chance.digits(9))
                } else {
                    format!("{:016x}{:08x}", chance.next(), chance.below(1 << 32))
                };
                told.push((draft.key.clone(), BTreeMap::from([(slot, Some(Value::from(id)))])));
                continue;
            }
            let Some(referred) = keys
                .iter()
                .find(|key| key.kind == kind)
                .filter(|_| chance.happens(rates::REFERENCE))
            else {
                continue;
            };
            draft.situations.add(Situation::Reference);
            draft.ids.push(referred.clone());
            told.push((
                draft.key.clone(),
                BTreeMap::from([(slot, Some(Value::from(referred.id.clone())))]),
            ));
        }
        for (key, fields) in told {
            self.tell(&key, Timestamp::from_second(FIRST_DAY).unwrap_or_default(), fields);
        }
    }
}

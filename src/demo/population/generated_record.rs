//! A record while it is built, with the truth about it.

use super::seeded_rng::SeededRng;
use super::situation::{Situation, Situations};
use super::written::{Written, WrittenName};
use crate::customer::model::record::{RecordKey, field};
use crate::customer::model::source::SourceKind;

/// A record while it is built, with its true values.
#[derive(Debug)]
pub(super) struct GeneratedRecord {
    pub key: RecordKey,
    pub person: usize,
    pub situations: Situations,
    pub name: WrittenName,
    pub email: Option<Written>,
    pub phone: Option<Written>,
    /// The records that it is or refers to, with merges followed.
    pub ids: Vec<RecordKey>,
}

impl GeneratedRecord {
    /// The addresses that it means.
    pub(super) fn addresses(&self) -> impl Iterator<Item = &str> {
        [&self.email, &self.phone]
            .into_iter()
            .flatten()
            .filter_map(|address| address.meant.as_deref())
    }

    /// Marks a record that has nothing but one address.
    pub(super) fn tag_nameless(&mut self) {
        if self.name.given.is_some() || self.name.family.is_some() {
            return;
        }
        let (has_email, has_phone) = (self.email.is_some(), self.phone.is_some());
        self.situations.add_if(!has_email && has_phone, Situation::PhoneOnly);
        self.situations.add_if(!has_phone && has_email, Situation::EmailOnly);
    }
}

/// The key of a new record. It is never `None`, because the id is short.
pub(super) fn new_key(rng: &mut SeededRng, kind: SourceKind) -> Option<RecordKey> {
    RecordKey::new(kind, &format!("{:016x}{:08x}", rng.next(), rng.below(1 << 32)))
}

/// The field in which a kind of record has its phone number.
pub(super) fn slot_of(kind: SourceKind) -> String {
    let slot = if kind.keeps_people_unique() { "mobile" } else { "main" };
    format!("{}{slot}", field::PHONE)
}

//! A person's own records, and their later updates.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use super::dates::{after_the_change, before_the_change, some_time};
use super::generated_record::{GeneratedRecord, new_key, slot_of};
use super::people::GeneratedPeople;
use super::rates;
use super::records::Records;
use super::seeded_rng::SeededRng;
use super::spelling::{Line, messy_email, messy_phone};
use super::writing::Writer;
use super::written::Written;
use crate::customer::model::record::field;
use crate::customer::model::source::SourceKind;

impl Records {
    /// Writes one record about a person, and updates some of them later.
    pub(super) fn write(
        &mut self,
        generated: &GeneratedPeople,
        rng: &mut SeededRng,
        person: usize,
        kind: SourceKind,
    ) {
        let Some(owner) = generated.people.get(person) else { return };
        let Some(key) = new_key(rng, kind) else { return };
        let changed = owner.family_before.is_some() || owner.mobile_before.is_some();
        let early = changed && rng.happens(rates::BEFORE_THE_CHANGE);
        let mut writer = Writer::new(generated, owner, kind, early);
        let mut name = writer.name(rng);
        let (email, phone) = self.new_addresses(&mut writer, rng, kind);
        writer.shorten(rng, &mut name);
        let mut fields = writer.name_fields(rng, &name);
        if let Some(email) = &email {
            let value = writer.address_field(rng, email, messy_email);
            fields.insert(format!("{}main", field::EMAIL), Some(value));
        }
        if let Some(phone) = &phone {
            let value = writer.address_field(rng, phone, messy_phone);
            fields.insert(slot_of(kind), Some(value));
        }
        let created_at = match early {
            true => before_the_change(rng),
            false if changed || generated.recycled.contains(&owner.mobile) => after_the_change(rng),
            false => some_time(rng),
        };
        fields.insert(field::CREATED_AT.to_owned(), Some(Value::from(created_at.to_string())));
        let (situations, ids) = (writer.situations, vec![key.clone()]);
        let mut record = GeneratedRecord { key, person, situations, name, email, phone, ids };
        record.tag_nameless();
        self.add_change(&record.key, created_at, fields);
        if early && rng.happens(rates::BROUGHT_UP_TO_DATE) {
            self.bring_up_to_date(generated, rng, &mut record, created_at);
        }
        self.records.push(record);
    }

    /// The mailbox and the number in a new record: at least one, unless other profiles have them.
    fn new_addresses(
        &mut self,
        writer: &mut Writer<'_>,
        rng: &mut SeededRng,
        kind: SourceKind,
    ) -> (Option<Written>, Option<Written>) {
        let (email, phone) = (writer.email(rng), writer.phone(rng, kind.keeps_people_unique()));
        let new = (self.new_email(email, kind), self.new_phone(phone, kind));
        if new.0.is_some() || new.1.is_some() {
            return new;
        }
        let (email, phone) = writer.any_address(rng);
        (self.new_email(email, kind), self.new_phone(phone, kind))
    }

    /// Two profiles have no mailbox in common.
    fn new_email(&mut self, email: Option<Written>, kind: SourceKind) -> Option<Written> {
        email.filter(|email| {
            !kind.keeps_people_unique() || self.profiles_have.insert(email.text.to_lowercase())
        })
    }

    /// Two profiles have no number in common.
    fn new_phone(&mut self, phone: Option<Written>, kind: SourceKind) -> Option<Written> {
        phone.filter(|phone| {
            !kind.keeps_people_unique()
                || self.profiles_have.insert(phone.meant.clone().unwrap_or_default())
        })
    }

    /// A later update: the new family name and number, in the correct spelling.
    fn bring_up_to_date(
        &mut self,
        generated: &GeneratedPeople,
        rng: &mut SeededRng,
        record: &mut GeneratedRecord,
        created_at: Timestamp,
    ) {
        let Some(person) = generated.people.get(record.person) else { return };
        let mut fields = BTreeMap::new();
        if record.name.given.is_some() && record.name.family.is_some() {
            record.name.family = Some(person.family.clone());
            // A whole name in one field stays in that field, because parts override it.
            let (given, family) = record.name.parts();
            fields.insert(field::FIRST_NAME.to_owned(), given.map(Value::from));
            fields.insert(field::LAST_NAME.to_owned(), family.map(Value::from));
        }
        let before = person.mobile_before.as_ref().map(Line::e164);
        let new = person.mobile.e164();
        let had_the_old = record
            .phone
            .as_ref()
            .is_some_and(|phone| phone.meant.is_some() && phone.meant == before);
        if had_the_old
            && (!record.key.kind.keeps_people_unique() || self.profiles_have.insert(new.clone()))
        {
            record.phone = Some(Written { text: new.clone(), meant: Some(new.clone()) });
            fields.insert(slot_of(record.key.kind), Some(Value::from(new)));
        }
        let later =
            created_at.as_second() + 86_400 * i64::try_from(1 + rng.below(300)).unwrap_or(1);
        self.add_change(
            &record.key.clone(),
            Timestamp::from_second(later).unwrap_or(created_at),
            fields,
        );
    }
}

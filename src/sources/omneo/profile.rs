//! Parses profiles, in the same form in webhooks and in replies of the API.
//!
//! Times without a zone already have the tenant's zone here (`zone`).

use jiff::Timestamp;
use serde_json::Value;

use super::settings::OmneoSettings;
use super::shape::reports_deletion;
use crate::customer::model::field_versions::{Scope, Update};
use crate::customer::model::phone_field::{PhoneField, PhoneSpelling};
use crate::customer::model::placeholder::is_no_value;
use crate::customer::model::record::{Change, RecordKey, SourceMerge, field};
use crate::customer::model::source::SourceKind;
use crate::customer::model::{country, unread};
use crate::sources::extract::{FieldExtractor, Fields};
use crate::sources::said_at::said_at;
use crate::sources::time::Moment;
use crate::sources::unreadable::Unreadable;
use crate::sources::value::{address_at, at, id_at, text_at, truth_of};

pub(super) fn key(id: &str) -> Result<RecordKey, Unreadable> {
    RecordKey::new(SourceKind::OmneoProfile, id).ok_or(Unreadable::Missing("usable profile id"))
}

/// Parses profiles of a tenant, with the time of receipt.
pub(super) struct ProfileParser<'a> {
    pub(super) settings: &'a OmneoSettings,
    pub(super) received_at: Timestamp,
}

impl ProfileParser<'_> {
    pub(super) fn profile(&self, profile: &Value, id: &str) -> Result<Change, Unreadable> {
        if reports_deletion(profile) {
            return self.deletion(profile, id);
        }
        self.said(profile, id, self.received_at)
    }

    /// A profile that is a part of another body, with the time `at`.
    pub(super) fn said(
        &self,
        profile: &Value,
        id: &str,
        at: Timestamp,
    ) -> Result<Change, Unreadable> {
        self.change(profile, id, (Scope::Partial, at), self.fields(profile))
    }

    fn change(
        &self,
        said: &Value,
        id: &str,
        (scope, at): (Scope, Timestamp),
        mut fields: Fields,
    ) -> Result<Change, Unreadable> {
        let at = said_at(said, &["/updated_at"], &mut fields).stamp(at);
        Ok(Change::Record {
            key: key(id)?,
            update: Update { at, received_at: self.received_at, scope, fields },
        })
    }

    /// Balances, aggregations and attributes that arrive separately.
    pub(super) fn part(&self, part: &Value, id: &str) -> Result<Change, Unreadable> {
        let mut fields =
            FieldExtractor::new(part).pick_number(&BALANCES).pick_number(&AGGREGATIONS).finish();
        fields.extend(custom_attribute(part));
        self.change(part, id, (Scope::Part, self.received_at), fields)
    }

    /// An identity that arrives separately; `None` if it has no handle or identifier.
    pub(super) fn identity(
        &self,
        identity: &Value,
        id: &str,
    ) -> Result<Option<Change>, Unreadable> {
        let fields = self.reference(identity);
        let key = key(id)?;
        if fields.is_empty() {
            return Ok(None);
        }
        self.change(identity, &key.id, (Scope::Part, self.received_at), fields).map(Some)
    }

    /// The deletion of a profile.
    pub(super) fn deletion(&self, profile: &Value, id: &str) -> Result<Change, Unreadable> {
        Ok(Change::Record { key: key(id)?, update: deletion(profile, self.received_at) })
    }

    /// An identity is a reference. An inactive one, or one whose state cannot be parsed, is cleared.
    fn reference(&self, identity: &Value) -> Fields {
        let (Some(handle), Some(identifier)) =
            (id_at(identity, "/handle"), id_at(identity, "/identifier"))
        else {
            return Fields::new();
        };
        let namespace = self
            .settings
            .identity_kinds
            .get(&handle)
            .cloned()
            .unwrap_or_else(|| format!("omneo.identity.{handle}"));
        let name = format!("{}{namespace}#{identifier}", field::REFERENCE);
        let is_active = identity.get("is_active").map_or(Ok(None), truth_of);
        let mut fields: Fields = [(
            name,
            is_active.is_ok_and(|active| active != Some(false)).then(|| Value::from(identifier)),
        )]
        .into();
        if let Some(unclear) = identity.get("is_active").filter(|_| is_active.is_err()) {
            fields.extend([unread::kept("identity.is_active", unclear)]);
        }
        fields
    }

    pub(super) fn fields(&self, profile: &Value) -> Fields {
        let mut extractor = FieldExtractor::new(profile)
            .pick_name(&[
                ("/first_name", field::FIRST_NAME),
                ("/last_name", field::LAST_NAME),
                ("/full_name", field::FULL_NAME),
            ])
            .pick_address(&[("/email", "email.main")])
            .with(phone_numbers(profile))
            .pick(&PROFILE)
            .pick_truth(&[("/attributes/comms/email_optout", "attribute.email_optout")])
            .pick_number(&BALANCES)
            .pick_currency(&[("/currency", "attribute.currency")])
            .pick_time(&[
                ("/created_at", field::CREATED_AT),
                ("/joined_at", "attribute.customer_since"),
            ]);
        if let Some(aggregations) =
            profile.get("aggregations").filter(|aggregations| aggregations.is_object())
        {
            extractor = extractor
                .with(FieldExtractor::new(aggregations).pick_number(&AGGREGATIONS).finish());
        }
        let list = |name| profile.get(name).and_then(Value::as_array).into_iter().flatten();
        for attribute in list("custom_attributes") {
            extractor = extractor.with(custom_attribute(attribute));
        }
        list("identities")
            .fold(extractor, |extractor, identity| extractor.with(self.reference(identity)))
            .finish()
    }
}

/// A deletion. Its time is in the body, or else the time of receipt. The time of the last change is not the
/// time of the deletion.
pub(super) fn deletion(said: &Value, received_at: Timestamp) -> Update {
    let mut fields = Fields::new();
    let at = said_at(said, &["/deleted_at"], &mut fields)
        .known()
        .and_then(Moment::timestamp)
        .unwrap_or(received_at);
    Update { at, received_at, scope: Scope::Deletion, fields }
}

/// The merge of one profile into another; `None` if both are the same.
pub(super) fn merge(
    loser: &str,
    winner: &str,
    at: Timestamp,
) -> Result<Option<Change>, Unreadable> {
    let merge = SourceMerge { loser: key(loser)?, winner: key(winner)?, at };
    Ok((merge.loser != merge.winner).then_some(Change::Merge(merge)))
}

/// The mobile number in E.164, if the profile has it. Else, and for the other number, the number in the country
/// of the profile. If that country is unknown, only numbers with a country code are parsed: with the brand's
/// own country they could become another person's number.
fn phone_numbers(profile: &Value) -> Fields {
    let mut extractor = FieldExtractor::new(profile).pick_address(&[
        ("/mobile_phone", "phone.mobile"),
        ("/secondary_phone", "phone.secondary"),
    ]);
    // Any value that is not a placeholder means some country, even an unknown one.
    let country = at(profile, "/mobile_phone_country").filter(|country| !country.is_null());
    let country = country
        .map(|country| country.as_str().map_or_else(|| country.to_string(), str::to_owned))
        .filter(|country| !is_no_value(country));
    if let Some(country) = &country {
        let region = country::region(country);
        for (pointer, field) in
            [("/mobile_phone", "phone.mobile"), ("/secondary_phone", "phone.secondary")]
        {
            if let Some(raw) = address_at(profile, pointer) {
                extractor = read_numbers(
                    extractor,
                    field,
                    &PhoneField::read(&raw, region),
                    &format!("{raw} ({country})"),
                );
            }
        }
    }
    match address_at(profile, "/mobile_phone_e164") {
        Some(raw) => match PhoneField::read_e164(&raw) {
            field if field.numbers.is_empty() && address_at(profile, "/mobile_phone").is_some() => {
                extractor
            }
            field => read_numbers(extractor, "phone.mobile", &field, &raw),
        },
        None if profile.get("mobile_phone").is_none()
            && profile.get("mobile_phone_e164").is_some() =>
        {
            extractor.set("phone.mobile", None)
        }
        None => extractor,
    }
    .finish()
}

/// Sets a field to the parsed numbers, and keeps the rest separately.
fn read_numbers<'a>(
    extractor: FieldExtractor<'a>,
    field: &str,
    read: &PhoneField,
    raw: &str,
) -> FieldExtractor<'a> {
    let numbers: Vec<String> = read.numbers.iter().map(PhoneSpelling::text).collect();
    let extractor =
        if read.has_unread { extractor.set_unread(field, &Value::from(raw)) } else { extractor };
    extractor.set(field, (!numbers.is_empty()).then(|| Value::from(numbers.join(", "))))
}

/// A custom attribute of the tenant. An unparsable one is reported under a fixed name, not under its handle.
fn custom_attribute(attribute: &Value) -> Fields {
    let Some(handle) = text_at(attribute, "/handle") else { return Fields::new() };
    let (name, unread_name) = (
        format!("{}custom_{handle}", field::ATTRIBUTE),
        format!("{}{}custom", unread::PREFIX, field::ATTRIBUTE),
    );
    let picked = FieldExtractor::new(attribute).pick(&[("/value", "value")]).finish();
    picked
        .into_iter()
        .map(|(picked, value)| {
            (if picked == "value" { &name } else { &unread_name }.clone(), value)
        })
        .collect()
}

const PROFILE: [(&str, &str); 12] = [
    ("/tier_handle", "attribute.tier"),
    ("/tier/name", "attribute.tier_name"),
    ("/title", "attribute.title"),
    ("/gender", "attribute.gender"),
    ("/company", "attribute.company"),
    ("/occupation", "attribute.occupation"),
    ("/birth_date", "attribute.birth_date"),
    ("/birth_day", "attribute.birth_day"),
    ("/birth_month", "attribute.birth_month"),
    ("/birth_year", "attribute.birth_year"),
    ("/flattened_tags", "attribute.tags"),
    ("/flattened_statuses", "attribute.statuses"),
];

const BALANCES: [(&str, &str); 4] = [
    ("/reward_balance", "attribute.reward_balance"),
    ("/point_balance", "attribute.points"),
    ("/benefit_balance", "attribute.benefit_balance"),
    ("/combined_balance_dollars", "attribute.combined_balance"),
];

const AGGREGATIONS: [(&str, &str); 5] = [
    ("/spend_12m", "attribute.spend_12m"),
    ("/spend_all", "attribute.spend_all"),
    ("/spend_atv_12m", "attribute.average_spend_12m"),
    ("/shop_count", "attribute.shop_count"),
    ("/shop_days", "attribute.shop_days"),
];

//! What is said of a profile, in a webhook's context and in answers of the API alike.
//!
//! Times without a zone have been given the tenant's (`zone`).

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use super::OmneoSettings;
use crate::customer::kind::SourceKind;
use crate::customer::phone::Phone;
use crate::customer::record::{Change, RecordKey, SourceMerge, field};
use crate::customer::versions::{Scope, Update};
use crate::sources::Unreadable;
use crate::sources::picker::{Picker, text_at, time_at};

type Fields = BTreeMap<String, Option<Value>>;

pub(super) fn key(id: &str) -> Result<RecordKey, Unreadable> {
    RecordKey::new(SourceKind::OmneoProfile, id).ok_or(Unreadable::Missing("usable profile id"))
}

/// Whose words are read, and since when they are known.
pub(super) struct Speaker<'a> {
    pub(super) settings: &'a OmneoSettings,
    pub(super) received_at: Timestamp,
}

impl Speaker<'_> {
    pub(super) fn profile(&self, profile: &Value, id: &str) -> Result<Change, Unreadable> {
        let at = time_at(profile, "/updated_at").unwrap_or(self.received_at);
        if text_at(profile, "/profile_type").as_deref() == Some("deleted") {
            return deletion(id, at);
        }
        Ok(Change::Record { key: key(id)?, update: Update { at, scope: Scope::Partial, fields: self.fields(profile) } })
    }

    /// Balances, aggregations and attributes of their own.
    pub(super) fn part(&self, part: &Value, id: &str) -> Result<Change, Unreadable> {
        let at = time_at(part, "/updated_at").unwrap_or(self.received_at);
        let mut fields = Picker::new(part).pick(&BALANCES).pick(&AGGREGATIONS).finish();
        fields.extend(custom_attribute(part));
        Ok(Change::Record { key: key(id)?, update: Update { at, scope: Scope::Partial, fields } })
    }

    /// An identity of its own; `None` if it has no handle or identifier.
    pub(super) fn identity(&self, identity: &Value, id: &str) -> Result<Option<Change>, Unreadable> {
        let at = time_at(identity, "/updated_at").unwrap_or(self.received_at);
        let key = key(id)?;
        let fields: Fields = self.reference(identity).into_iter().collect();
        Ok((!fields.is_empty()).then_some(Change::Record { key, update: Update { at, scope: Scope::Partial, fields } }))
    }

    /// An identity is a reference; an inactive one is cleared.
    fn reference(&self, identity: &Value) -> Option<(String, Option<Value>)> {
        let (handle, identifier) = (text_at(identity, "/handle")?, text_at(identity, "/identifier")?);
        let namespace = self.settings.identity_kinds.get(&handle).cloned().unwrap_or_else(|| format!("omneo.identity.{handle}"));
        let active = identity.get("is_active").and_then(Value::as_bool) != Some(false);
        Some((format!("{}{namespace}#{identifier}", field::REFERENCE), active.then(|| Value::from(identifier))))
    }

    pub(super) fn fields(&self, profile: &Value) -> Fields {
        let mut picker = Picker::new(profile)
            .pick_text(&[
                ("/first_name", field::FIRST_NAME),
                ("/last_name", field::LAST_NAME),
                ("/full_name", field::FULL_NAME),
                ("/email", "email.main"),
                ("/mobile_phone_e164", "phone.mobile"),
                ("/mobile_phone", "phone.mobile"),
                ("/secondary_phone", "phone.secondary"),
            ])
            .set_known("phone.mobile", mobile_phone(profile))
            .pick(&PROFILE)
            .pick(&BALANCES)
            .pick_time(&[("/created_at", field::CREATED_AT), ("/joined_at", "attribute.customer_since")]);
        if let Some(aggregations) = profile.get("aggregations").filter(|aggregations| aggregations.is_object()) {
            let fields = Picker::new(aggregations).pick(&AGGREGATIONS).finish();
            picker = fields.into_iter().fold(picker, |picker, (name, value)| picker.set(&name, value));
        }
        let list = |name| profile.get(name).and_then(Value::as_array).into_iter().flatten();
        for attribute in list("custom_attributes") {
            if let Some((name, value)) = custom_attribute(attribute) {
                picker = picker.set(&name, value);
            }
        }
        for (name, value) in list("identities").filter_map(|identity| self.reference(identity)) {
            picker = picker.set(&name, value);
        }
        picker.finish()
    }
}

/// That a profile is no more.
pub(super) fn deletion(id: &str, at: Timestamp) -> Result<Change, Unreadable> {
    Ok(Change::Record { key: key(id)?, update: Update { at, scope: Scope::Deletion, fields: BTreeMap::new() } })
}

/// That one profile went into another; `None` if it is the same.
pub(super) fn merge(loser: &str, winner: &str, at: Timestamp) -> Result<Option<Change>, Unreadable> {
    let merge = SourceMerge { loser: key(loser)?, winner: key(winner)?, at };
    Ok((merge.loser != merge.winner).then_some(Change::Merge(merge)))
}

/// The number in E.164, where the profile has it so; else with the country that the profile names for it.
fn mobile_phone(profile: &Value) -> Option<String> {
    text_at(profile, "/mobile_phone_e164").or_else(|| {
        let country = text_at(profile, "/mobile_phone_country")?.parse().ok()?;
        Some(Phone::normalise(&text_at(profile, "/mobile_phone")?, Some(country)).ok()?.as_str().to_owned())
    })
}

fn custom_attribute(attribute: &Value) -> Option<(String, Option<Value>)> {
    let handle = text_at(attribute, "/handle")?;
    let value = Picker::new(attribute).pick(&[("/value", "value")]).finish().remove("value")?;
    Some((format!("{}custom_{handle}", field::ATTRIBUTE), value))
}

const PROFILE: [(&str, &str); 14] = [
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
    ("/attributes/comms/email_optout", "attribute.email_optout"),
    ("/currency", "attribute.currency"),
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

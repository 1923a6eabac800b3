//! Omneo's webhooks: the event's name is in the header `x-omneo-event`, the event context is the body's root.
//!
//! Times have no zone and are taken as UTC. A context of something that happened also carries its profile, or part of it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use super::OmneoSettings;
use crate::customer::event::{self, EventKey};
use crate::customer::kind::{Source, SourceKind};
use crate::customer::phone::Phone;
use crate::customer::record::{Change, RecordKey, SourceMerge, field};
use crate::customer::versions::{Scope, Update};
use crate::sources::picker::{Picker, text_at, time_at};
use crate::sources::webhook::{Label, Sameness, Urgency, digest};
use crate::sources::{Delivery, Reader, Reading, Unreadable};

impl Reader for OmneoSettings {
    fn read_webhook(&self, delivery: &Delivery) -> Result<Reading, Unreadable> {
        let name = delivery.header("x-omneo-event").ok_or(Unreadable::Missing("x-omneo-event header"))?;
        let body = delivery.json()?;
        if !body.is_object() {
            return Err(Unreadable::Missing("event context"));
        }
        let context = Context { settings: self, body: &body, received_at: delivery.received_at };
        match name {
            "profile.before.update" => Ok(Reading::Ignored("the state before an update")),
            "profile.deleted" => context.profile_deleted(),
            "profile.merged" => context.profile_merged(),
            "profile.created" | "profile.updated" | "profile-temporary.created" => context.profile(),
            "balance.updated" | "aggregation.updated" | "profile-attribute.updated" => context.profile_part(),
            "identity.created" => context.identity(),
            "tier.achieved" => context.tier_achieved(),
            "tier.lost" | "tier.maintained" | "tier.progressed" => context.owner(),
            _ => match name.split_once('.').map(|(thing, action)| (if thing == "points" { "point" } else { thing }, action)) {
                // `benefit.code.allocated` and the like are about something inside the thing.
                Some((_, action)) if action.contains('.') => Ok(Reading::Ignored("unknown event")),
                Some((thing, action)) => match HAPPENINGS.iter().find(|(known, ..)| *known == thing) {
                    Some((_, places, times)) => context.happening(thing, action == "deleted", places, times),
                    None => Ok(Reading::Ignored("unknown event")),
                },
                None => Ok(Reading::Ignored("unknown event")),
            },
        }
    }

    fn read_answer(&self, _: &Delivery) -> Result<Reading, Unreadable> {
        Ok(Reading::Ignored("answers of this API are not read"))
    }

    fn kept_headers(&self) -> &'static [&'static str] {
        &["x-omneo-event"]
    }

    fn label(&self, delivery: &Delivery) -> Label {
        let event = delivery.header("x-omneo-event");
        let name = event.unwrap_or_default();
        // There is no id of the delivery, and a body may come again because what it says came to be so again.
        let about: Vec<String> = match self.read_webhook(delivery) {
            Ok(Reading::Changes(changes)) => changes.iter().flat_map(Change::keys).collect(),
            Ok(Reading::Ignored(_)) | Err(_) => Vec::new(),
        };
        let sameness = if about.is_empty() {
            Sameness::of_content(name, &delivery.body)
        } else {
            Sameness::Last { digest: digest(name, &delivery.body), about }
        };
        Label::new(event, sameness, Urgency::Usual)
    }
}

type Places = &'static [(&'static str, &'static str)];

/// What can happen to a profile: the thing, the values that messages may show, and where the time is, the best last.
const HAPPENINGS: [(&str, Places, Places); 7] = [
    (
        "transaction",
        &[
            ("/total", "data.total"),
            ("/currency", "data.currency"),
            ("/order_number", "data.order_number"),
            ("/receipt_ref", "data.receipt_ref"),
            ("/status", "data.status"),
            ("/type", "data.kind"),
            ("/is_void", "data.is_void"),
            ("/location/name", "data.location"),
        ],
        &[("/created_at", event::field::OCCURRED_AT), ("/transacted_at", event::field::OCCURRED_AT)],
    ),
    (
        "order",
        &[("/total", "data.total"), ("/currency", "data.currency"), ("/order_number", "data.order_number"), ("/status", "data.status")],
        &[("/created_at", event::field::OCCURRED_AT), ("/ordered_at", event::field::OCCURRED_AT)],
    ),
    (
        "reward",
        &[("/definition/name", "data.name"), ("/value_initial", "data.value_initial"), ("/value_remaining", "data.value_remaining")],
        &[("/issued_at", event::field::OCCURRED_AT), ("/expires_at", "data.expires_at")],
    ),
    ("benefit", &[("/definition/name", "data.name")], &[("/issued_at", event::field::OCCURRED_AT), ("/expires_at", "data.expires_at")]),
    (
        "interaction",
        &[
            ("/name", "data.name"),
            ("/action", "data.action"),
            ("/channel", "data.channel"),
            ("/description", "data.description"),
            ("/signal", "data.signal"),
            ("/namespace", "data.namespace"),
        ],
        &[("/created_at", event::field::OCCURRED_AT), ("/interacted_at", event::field::OCCURRED_AT)],
    ),
    ("point", &[("/value", "data.value"), ("/description", "data.description")], &[("/created_at", event::field::OCCURRED_AT)]),
    ("rating", &[("/value", "data.value"), ("/comment", "data.comment")], &[("/created_at", event::field::OCCURRED_AT)]),
];

struct Context<'a> {
    settings: &'a OmneoSettings,
    body: &'a Value,
    received_at: Timestamp,
}

impl Context<'_> {
    fn profile(&self) -> Result<Reading, Unreadable> {
        let id = text_at(self.body, "/id").ok_or(Unreadable::Missing("id"))?;
        Ok(Reading::Changes(vec![self.profile_change(self.body, &id)?]))
    }

    /// Of a tier's context: the profile at the root, or beside the tier.
    fn owner(&self) -> Result<Reading, Unreadable> {
        let beside = text_at(self.body, "/profile_id").or_else(|| text_at(self.body, "/profile/id"));
        match (beside, self.body.get("profile").filter(|profile| profile.is_object())) {
            (None, _) => self.profile(),
            (Some(id), Some(profile)) => Ok(Reading::Changes(vec![self.profile_change(profile, &id)?])),
            (Some(_), None) => Ok(Reading::Ignored("a tier without its profile")),
        }
    }

    fn profile_change(&self, profile: &Value, id: &str) -> Result<Change, Unreadable> {
        let at = time_at(profile, "/updated_at").unwrap_or(self.received_at);
        if text_at(profile, "/profile_type").as_deref() == Some("deleted") {
            return Ok(Change::Record { key: profile_key(id)?, update: Update { at, scope: Scope::Deletion, fields: BTreeMap::new() } });
        }
        Ok(Change::Record { key: profile_key(id)?, update: Update { at, scope: Scope::Partial, fields: self.profile_fields(profile) } })
    }

    /// Balances and aggregations come on their own, with the profile's id beside them.
    fn profile_part(&self) -> Result<Reading, Unreadable> {
        let id = text_at(self.body, "/profile_id").or_else(|| text_at(self.body, "/profile/id")).ok_or(Unreadable::Missing("profile_id"))?;
        let at = time_at(self.body, "/updated_at").unwrap_or(self.received_at);
        let mut fields = Picker::new(self.body).pick(&BALANCES).pick(&AGGREGATIONS).finish();
        fields.extend(custom_attribute(self.body));
        Ok(Reading::Changes(vec![Change::Record { key: profile_key(&id)?, update: Update { at, scope: Scope::Partial, fields } }]))
    }

    fn profile_deleted(&self) -> Result<Reading, Unreadable> {
        let id = text_at(self.body, "/id").ok_or(Unreadable::Missing("id"))?;
        let at = time_at(self.body, "/deleted_at").or_else(|| time_at(self.body, "/updated_at")).unwrap_or(self.received_at);
        Ok(Reading::Changes(vec![Change::Record { key: profile_key(&id)?, update: Update { at, scope: Scope::Deletion, fields: BTreeMap::new() } }]))
    }

    /// The body isn't documented: the root is taken as the winner's context; losers are named beside it or by the
    /// identities that came from them.
    fn profile_merged(&self) -> Result<Reading, Unreadable> {
        let winner = text_at(self.body, "/destination_profile_id").or_else(|| text_at(self.body, "/id")).ok_or(Unreadable::Missing("id"))?;
        let at = time_at(self.body, "/updated_at").unwrap_or(self.received_at);
        let mut changes = Vec::new();
        if text_at(self.body, "/id").as_deref() == Some(winner.as_str()) {
            changes.push(self.profile_change(self.body, &winner)?);
        }
        let named = ["/source_profile_id", "/loser_id"].into_iter().filter_map(|pointer| text_at(self.body, pointer));
        let identities = self.body.get("identities").and_then(Value::as_array).into_iter().flatten();
        let mut losers: Vec<String> = named.chain(identities.filter_map(|identity| text_at(identity, "/merged_from"))).collect();
        losers.sort();
        losers.dedup();
        for loser in losers.iter().filter(|loser| **loser != winner) {
            changes.push(Change::Merge(SourceMerge { loser: profile_key(loser)?, winner: profile_key(&winner)?, at }));
        }
        Ok(Reading::Changes(changes))
    }

    fn identity(&self) -> Result<Reading, Unreadable> {
        let id = text_at(self.body, "/profile_id").or_else(|| text_at(self.body, "/profile/id")).ok_or(Unreadable::Missing("profile_id"))?;
        let at = time_at(self.body, "/updated_at").unwrap_or(self.received_at);
        let fields: BTreeMap<_, _> = self.reference(self.body).into_iter().collect();
        if fields.is_empty() {
            return Ok(Reading::Ignored("an identity without handle or identifier"));
        }
        Ok(Reading::Changes(vec![Change::Record { key: profile_key(&id)?, update: Update { at, scope: Scope::Partial, fields } }]))
    }

    /// An identity is a reference; an inactive one is cleared.
    fn reference(&self, identity: &Value) -> Option<(String, Option<Value>)> {
        let (handle, identifier) = (text_at(identity, "/handle")?, text_at(identity, "/identifier")?);
        let namespace = self.settings.identity_kinds.get(&handle).cloned().unwrap_or_else(|| format!("omneo.identity.{handle}"));
        let active = identity.get("is_active").and_then(Value::as_bool) != Some(false);
        Some((format!("{}{namespace}#{identifier}", field::REFERENCE), active.then(|| Value::from(identifier))))
    }

    /// The context is the profile's; the tier has no id, so the profile and the tier stand for it.
    fn tier_achieved(&self) -> Result<Reading, Unreadable> {
        let id = text_at(self.body, "/id").ok_or(Unreadable::Missing("id"))?;
        let mut changes = vec![self.profile_change(self.body, &id)?];
        let handle = text_at(self.body, "/tier/handle").or_else(|| text_at(self.body, "/tier_handle"));
        let achieved_at = time_at(self.body, "/tier/achieved_at").or_else(|| time_at(self.body, "/updated_at")).unwrap_or(self.received_at);
        let key = handle.and_then(|handle| EventKey::new(Source::Omneo, "tier", &format!("{id}/{handle}/{}", achieved_at.as_second())));
        if let Some(key) = key {
            let fields = Picker::new(self.body)
                .pick(&[("/tier_handle", "data.name"), ("/tier/handle", "data.name"), ("/tier/name", "data.name")])
                .set(event::field::OCCURRED_AT, Some(Value::from(achieved_at.to_string())))
                .set(event::field::RECORD, Some(Value::from(profile_key(&id)?.to_string())))
                .finish();
            changes.push(Change::Event { key, update: Update { at: achieved_at, scope: Scope::Partial, fields } });
        }
        Ok(Reading::Changes(changes))
    }

    fn happening(&self, thing: &str, deleted: bool, places: Places, times: Places) -> Result<Reading, Unreadable> {
        let id = text_at(self.body, "/id").ok_or(Unreadable::Missing("id"))?;
        let key = EventKey::new(Source::Omneo, thing, &id).ok_or(Unreadable::Missing("usable id"))?;
        let said_at = time_at(self.body, "/updated_at");
        if deleted {
            // Not when it was made: that would lie before its last update.
            let at = time_at(self.body, "/deleted_at").or(said_at).unwrap_or(self.received_at);
            return Ok(Reading::Changes(vec![Change::Event { key, update: Update { at, scope: Scope::Deletion, fields: BTreeMap::new() } }]));
        }
        let at = said_at.or_else(|| time_at(self.body, "/created_at")).unwrap_or(self.received_at);
        let mut changes = Vec::new();
        let profile = self.body.get("profile").filter(|profile| profile.is_object());
        let owner = text_at(self.body, "/profile_id").or_else(|| profile.and_then(|profile| text_at(profile, "/id")));
        if let (Some(profile), Some(owner)) = (profile, &owner)
            && text_at(profile, "/id").as_ref() == Some(owner)
        {
            let at = time_at(profile, "/updated_at").unwrap_or(at);
            changes.push(Change::Record {
                key: profile_key(owner)?,
                update: Update { at, scope: Scope::Partial, fields: self.profile_fields(profile) },
            });
        }
        let record = owner.as_deref().map(profile_key).transpose()?.map(|key| key.to_string());
        let fields = Picker::new(self.body)
            .pick(places)
            .pick_text(&[("/url", event::field::URL), ("/order_number", "reference.order_number"), ("/receipt_ref", "reference.receipt_ref")])
            .pick_time(times)
            .set_known(event::field::RECORD, record)
            .finish();
        changes.push(Change::Event { key, update: Update { at, scope: Scope::Partial, fields } });
        Ok(Reading::Changes(changes))
    }

    fn profile_fields(&self, profile: &Value) -> BTreeMap<String, Option<Value>> {
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

fn profile_key(id: &str) -> Result<RecordKey, Unreadable> {
    RecordKey::new(SourceKind::OmneoProfile, id).ok_or(Unreadable::Missing("usable profile id"))
}

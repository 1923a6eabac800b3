//! Omneo's webhooks: the header `x-omneo-event` has the event's name; the event context is the root of the
//! body.
//!
//! The context of an event also contains its profile, or a part of it.

use jiff::Timestamp;
use serde_json::Value;

use super::events::{EventSpec, tier};
use super::names::NAMES;
use super::profile;
use super::profile::ProfileParser;
use super::settings::OmneoSettings;
use super::shape::{must_be, reports_deletion};
use crate::customer::model::record::Change;
use crate::sources::delivery::{Delivery, Unreadable};
use crate::sources::extract::{FieldExtractor, id_at, text_at, time_at};
use crate::sources::template_names::TemplateNames;
use crate::sources::webhook::{
    DedupKey, DeliveryMeta, ParsedWebhook, Priority, WebhookParser, digest,
};

impl WebhookParser for OmneoSettings {
    fn parse_webhook(&self, delivery: &Delivery) -> Result<ParsedWebhook, Unreadable> {
        let name =
            delivery.header("x-omneo-event").ok_or(Unreadable::Missing("x-omneo-event header"))?;
        self.read_context(name, &delivery.json()?, delivery.received_at)
    }
    fn required_headers(&self) -> &'static [&'static str] {
        &["x-omneo-event"]
    }

    fn template_names(&self) -> TemplateNames {
        NAMES
    }

    fn label(&self, delivery: &Delivery) -> DeliveryMeta {
        let event = delivery.header("x-omneo-event");
        let name = event.unwrap_or_default();
        // Webhooks have no id, and the same body may be sent again because the same state has returned.
        let body = delivery.json().unwrap_or_default();
        let about: Vec<String> = match self.read_context(name, &body, delivery.received_at) {
            Ok(ParsedWebhook::Changes(changes)) => changes.iter().flat_map(Change::keys).collect(),
            Ok(ParsedWebhook::Ignored(_)) if name == BEFORE => before(&body).into_iter().collect(),
            Ok(ParsedWebhook::Ignored(_)) | Err(_) => Vec::new(),
        };
        let dedup_key = if about.is_empty() {
            DedupKey::of_content(sort_of(name), &delivery.body)
        } else {
            DedupKey::Last { digest: digest(how_it_is_read(name, &body), &delivery.body), about }
        };
        DeliveryMeta::new(event, dedup_key, Priority::Normal)
    }
}

impl OmneoSettings {
    /// Parses an event's context.
    fn read_context(
        &self,
        name: &str,
        body: &Value,
        received_at: Timestamp,
    ) -> Result<ParsedWebhook, Unreadable> {
        if !body.is_object() {
            return Err(Unreadable::Missing("event context"));
        }
        let in_utc = self.in_utc(body);
        let body = in_utc.as_ref().unwrap_or(body);
        let context = Context { body, by: ProfileParser { settings: self, received_at } };
        match name {
            BEFORE => Ok(ParsedWebhook::Ignored("the state before an update")),
            "profile.deleted" => context.profile_deleted(),
            "profile.merged" => context.profile_merged(),
            "profile.created" | "profile.updated" | "profile-temporary.created" => {
                context.profile()
            }
            "balance.updated" | "aggregation.updated" | "profile-attribute.updated" => {
                context.profile_part()
            }
            "identity.created" => context.identity(),
            "tier.achieved" => context.tier_achieved(),
            "tier.lost" | "tier.maintained" | "tier.progressed" => context.owner(),
            _ => match name
                .split_once('.')
                .map(|(thing, action)| (if thing == "points" { "point" } else { thing }, action))
            {
                // `benefit.code.allocated` and similar events are about something inside the benefit.
                Some((_, action)) if action.contains('.') => {
                    Ok(ParsedWebhook::Ignored("unknown event"))
                }
                Some((thing, action)) => match EventSpec::named(thing) {
                    Some(sort) => {
                        must_be(sort.thing, body)?;
                        match (action, context.is_deleted()) {
                            ("deleted", DeletionCertainty::Surely) => {
                                Ok(ParsedWebhook::Changes(vec![sort.deletion(body, received_at)?]))
                            }
                            ("deleted", DeletionCertainty::Perhaps) if sort.is_listed() => {
                                Ok(ParsedWebhook::Ignored(
                                    "only an unsigned header reports the deletion; the next full sync run checks it",
                                ))
                            }
                            (
                                "deleted",
                                DeletionCertainty::Perhaps | DeletionCertainty::Unknown,
                            ) => Err(Unreadable::Unconfirmed),
                            _ => {
                                Ok(ParsedWebhook::Changes(sort.changes(&context.by, body, None)?))
                            }
                        }
                    }
                    None => Ok(ParsedWebhook::Ignored("unknown event")),
                },
                None => Ok(ParsedWebhook::Ignored("unknown event")),
            },
        }
    }
}

/// The event with the profile's state before an update. It is not parsed, and must not be accepted again as a
/// new state.
const BEFORE: &str = "profile.before.update";

/// The profile in that state.
fn before(body: &Value) -> Option<String> {
    profile::key(&id_at(body, "/id")?).ok().map(|key| key.to_string())
}

/// How a body is interpreted, for deduplication. The event's name is not signed, so another name must not make
/// the same body new content. But if the body has its own time, an old one changes nothing, and another event
/// with the same body is new content.
fn how_it_is_read<'a>(name: &'a str, body: &Value) -> &'a str {
    match name {
        _ if name.ends_with(".deleted") || reports_deletion(body) => "deleted",
        "profile.merged" | "identity.created" | "tier.achieved"
            if time_at(body, "/updated_at").is_some() =>
        {
            name
        }
        _ => "said",
    }
}

/// The name under which an unsupported body is stored. All unknown names count as one, so that nobody can store
/// a body twice with an invented name.
fn sort_of(name: &str) -> &str {
    match name.split_once('.') {
        Some((thing, action)) if EventSpec::named(thing).is_some() && action != "deleted" => thing,
        Some((thing, "deleted")) if thing == "profile" || EventSpec::named(thing).is_some() => name,
        Some(("profile", "merged")) => name,
        Some((
            thing @ ("profile" | "profile-temporary" | "profile-attribute" | "balance"
            | "aggregation" | "identity" | "tier"),
            _,
        )) => thing,
        _ => "unknown",
    }
}

/// Whether a deletion that the event's name reports is certain.
enum DeletionCertainty {
    /// The body reports it too, or the settings trust the header.
    Surely,
    /// Omneo can confirm it.
    Perhaps,
    /// Nothing can confirm it now.
    Unknown,
}

struct Context<'a> {
    body: &'a Value,
    by: ProfileParser<'a>,
}

impl Context<'_> {
    fn is_deleted(&self) -> DeletionCertainty {
        match self.by.settings {
            settings if reports_deletion(self.body) || settings.webhook.trust_deletion_header => {
                DeletionCertainty::Surely
            }
            settings if !settings.api.token.is_empty() => DeletionCertainty::Perhaps,
            _ => DeletionCertainty::Unknown,
        }
    }

    fn profile(&self) -> Result<ParsedWebhook, Unreadable> {
        must_be("profile", self.body)?;
        let id = id_at(self.body, "/id").ok_or(Unreadable::Missing("usable id"))?;
        Ok(ParsedWebhook::Changes(vec![self.by.profile(self.body, &id)?]))
    }

    /// For a tier's context: the profile is the root, or beside the tier.
    fn owner(&self) -> Result<ParsedWebhook, Unreadable> {
        match (owner_of(self.body), self.body.get("profile").filter(|profile| profile.is_object()))
        {
            (None, _) => self.profile(),
            (Some(id), Some(profile)) => {
                must_be("tier", self.body)?;
                Ok(ParsedWebhook::Changes(vec![self.by.profile(profile, &id)?]))
            }
            (Some(_), None) => Ok(ParsedWebhook::Ignored("a tier without a profile")),
        }
    }

    /// Balances and aggregations arrive separately, with the profile's id beside them.
    fn profile_part(&self) -> Result<ParsedWebhook, Unreadable> {
        must_be("part", self.body)?;
        let id = owner_of(self.body).ok_or(Unreadable::Missing("profile_id"))?;
        Ok(ParsedWebhook::Changes(vec![self.by.part(self.body, &id)?]))
    }

    fn profile_deleted(&self) -> Result<ParsedWebhook, Unreadable> {
        must_be("profile", self.body)?;
        let id = id_at(self.body, "/id").ok_or(Unreadable::Missing("usable id"))?;
        match self.is_deleted() {
            DeletionCertainty::Surely => {
                Ok(ParsedWebhook::Changes(vec![self.by.deletion(self.body, &id)?]))
            }
            DeletionCertainty::Perhaps => Ok(ParsedWebhook::Ignored(
                "only an unsigned header reports the deletion; Omneo is asked",
            )),
            DeletionCertainty::Unknown => Err(Unreadable::Unconfirmed),
        }
    }

    /// The body is not documented: the root is taken as the winner's context. The losers are named beside it,
    /// or by the identities that came from them.
    fn profile_merged(&self) -> Result<ParsedWebhook, Unreadable> {
        if self.body.get("destination_profile_id").is_none() {
            must_be("profile", self.body)?;
        }
        let winner = winner_of(self.body).ok_or(Unreadable::Missing("id"))?;
        let at = time_at(self.body, "/updated_at")
            .unwrap_or(self.by.received_at)
            .min(self.by.received_at);
        let mut changes = Vec::new();
        if id_at(self.body, "/id").as_deref() == Some(winner.as_str()) {
            changes.push(self.by.profile(self.body, &winner)?);
        }
        let named = ["/source_profile_id", "/loser_id"]
            .into_iter()
            .filter_map(|pointer| id_at(self.body, pointer));
        let identities =
            self.body.get("identities").and_then(Value::as_array).into_iter().flatten();
        let mut losers: Vec<String> = named
            .chain(identities.filter_map(|identity| id_at(identity, "/merged_from")))
            .collect();
        losers.sort();
        losers.dedup();
        for loser in losers {
            changes.extend(profile::merge(&loser, &winner, at)?);
        }
        Ok(ParsedWebhook::Changes(changes))
    }

    fn identity(&self) -> Result<ParsedWebhook, Unreadable> {
        must_be("identity", self.body)?;
        let id = owner_of(self.body).ok_or(Unreadable::Missing("profile_id"))?;
        let identity = self.by.identity(self.body, &id)?;
        Ok(identity
            .map_or(ParsedWebhook::Ignored("an identity without handle or identifier"), |change| {
                ParsedWebhook::Changes(vec![change])
            }))
    }

    /// The context is the one of a profile.
    fn tier_achieved(&self) -> Result<ParsedWebhook, Unreadable> {
        must_be("profile", self.body)?;
        let id = id_at(self.body, "/id").ok_or(Unreadable::Missing("usable id"))?;
        let mut changes = vec![self.by.profile(self.body, &id)?];
        let handle =
            text_at(self.body, "/tier/handle").or_else(|| text_at(self.body, "/tier_handle"));
        let achieved_at = time_at(self.body, "/tier/achieved_at")
            .or_else(|| time_at(self.body, "/updated_at"))
            .unwrap_or(self.by.received_at);
        let name = FieldExtractor::new(self.body).pick(&[
            ("/tier_handle", "data.name"),
            ("/tier/handle", "data.name"),
            ("/tier/name", "data.name"),
        ]);
        changes.extend(tier(&self.by, &id, handle.as_deref(), achieved_at, name)?);
        Ok(ParsedWebhook::Changes(changes))
    }
}

/// The profile that a part belongs to.
pub(super) fn owner_of(body: &Value) -> Option<String> {
    id_at(body, "/profile_id").or_else(|| id_at(body, "/profile/id"))
}

/// The profile that remains after a merge.
pub(super) fn winner_of(body: &Value) -> Option<String> {
    id_at(body, "/destination_profile_id").or_else(|| id_at(body, "/id"))
}

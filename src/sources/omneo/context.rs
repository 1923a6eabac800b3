//! The context of an event in a webhook. It also contains the event's profile, or a part of it.

use jiff::Timestamp;
use serde_json::Value;

use super::events::{EventSpec, tier};
use super::profile;
use super::profile::ProfileParser;
use super::settings::OmneoSettings;
use super::shape::{must_be, reports_deletion};
use crate::sources::extract::FieldExtractor;
use crate::sources::unreadable::Unreadable;
use crate::sources::value::{id_at, text_at, time_at};
use crate::sources::webhook::ParsedWebhook;

/// The event with the profile's state before an update. It is not parsed, and must not be accepted again as a
/// new state.
pub(super) const BEFORE: &str = "profile.before.update";

impl OmneoSettings {
    /// Parses an event's context.
    pub(super) fn read_context(
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
        Context { body, by: ProfileParser { settings: self, received_at } }.parse(name)
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
    fn parse(&self, name: &str) -> Result<ParsedWebhook, Unreadable> {
        match name {
            BEFORE => Ok(ParsedWebhook::Ignored("the state before an update")),
            "profile.deleted" => self.profile_deleted(),
            "profile.merged" => self.profile_merged(),
            "profile.created" | "profile.updated" | "profile-temporary.created" => self.profile(),
            "balance.updated" | "aggregation.updated" | "profile-attribute.updated" => {
                self.profile_part()
            }
            "identity.created" => self.identity(),
            "tier.achieved" => self.tier_achieved(),
            "tier.lost" | "tier.maintained" | "tier.progressed" => self.owner(),
            _ => match event_spec(name) {
                Some((spec, action)) => self.event(spec, action),
                None => Ok(ParsedWebhook::Ignored("unknown event")),
            },
        }
    }

    fn event(&self, spec: &EventSpec, action: &str) -> Result<ParsedWebhook, Unreadable> {
        must_be(spec.thing, self.body)?;
        if action != "deleted" {
            return Ok(ParsedWebhook::Changes(spec.changes(&self.by, self.body, None)?));
        }
        match self.is_deleted() {
            DeletionCertainty::Surely => {
                let deletion = spec.deletion(self.body, self.by.received_at)?;
                Ok(ParsedWebhook::Changes(vec![deletion]))
            }
            DeletionCertainty::Perhaps if spec.is_listed() => Ok(ParsedWebhook::Ignored(
                "only an unsigned header reports the deletion; the next full sync run checks it",
            )),
            DeletionCertainty::Perhaps | DeletionCertainty::Unknown => Err(Unreadable::Unconfirmed),
        }
    }

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
                "only an unsigned header reports the deletion; the service asks Omneo",
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

/// The type of event in a name, and what happened to it. `benefit.code.allocated` and similar events are about
/// something inside the benefit, so they are unknown.
pub(super) fn event_spec(name: &str) -> Option<(&'static EventSpec, &str)> {
    let (thing, action) = name.split_once('.').filter(|(_, action)| !action.contains('.'))?;
    let spec = EventSpec::named(if thing == "points" { "point" } else { thing })?;
    Some((spec, action))
}

/// The profile that a part belongs to.
pub(super) fn owner_of(body: &Value) -> Option<String> {
    id_at(body, "/profile_id").or_else(|| id_at(body, "/profile/id"))
}

/// The profile that remains after a merge.
pub(super) fn winner_of(body: &Value) -> Option<String> {
    id_at(body, "/destination_profile_id").or_else(|| id_at(body, "/id"))
}

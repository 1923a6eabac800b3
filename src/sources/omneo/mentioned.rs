//! Whom a webhook names, also one that cannot be applied.

use jiff::Timestamp;
use serde_json::Value;

use super::context::event_spec;
use super::profile::{ProfileParser, key};
use super::settings::OmneoSettings;
use crate::sources::mentioned::Mentions;
use crate::sources::value::id_at;

/// Where a body names profiles.
const PROFILES: [&str; 5] =
    ["/profile_id", "/profile/id", "/destination_profile_id", "/source_profile_id", "/loser_id"];

impl OmneoSettings {
    /// Whom the context of an event names.
    pub(super) fn mentions_in(&self, name: &str, body: &Value, received_at: Timestamp) -> Mentions {
        let spec = event_spec(name).map(|(spec, _)| spec);
        let owners = PROFILES.into_iter().filter_map(|pointer| id_at(body, pointer));
        let beside = body.get("profile").filter(|profile| profile.is_object());
        // In the context of a profile, the profile is the body itself, and no other profile owns it.
        let is_profile = name.starts_with("profile.")
            || name.starts_with("profile-temporary.")
            || name.starts_with("tier.");
        let is_root = is_profile && beside.is_none() && body.get("profile_id").is_none();
        let own = is_root.then(|| id_at(body, "/id")).flatten();
        let parser = ProfileParser { settings: self, received_at };
        let person = if is_root { Some(body) } else { beside };
        Mentions {
            records: owners.chain(own).filter_map(|id| key(&id).ok()).collect(),
            events: spec.and_then(|spec| spec.key(body).ok()).into_iter().collect(),
            fields: person.map(|person| parser.fields(person)).unwrap_or_default(),
        }
    }
}

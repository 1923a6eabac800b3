//! Merges: the loser is deleted; its objects and identifiers move to the winner.

use serde_json::{Value, json};

use super::profile::with_identities;
use crate::customer::model::source::Source;
use crate::demo::simulators::data::SimulatedData;
use crate::demo::simulators::object_kind::{ObjectKind, owner};
use crate::demo::simulators::request::Answer;
use crate::demo::simulators::time_format::written;
use crate::demo::simulators::webhook::Action;
use crate::sources::value::text_at;

const MOVED: [ObjectKind; 7] = [
    ObjectKind::Identity,
    ObjectKind::Transaction,
    ObjectKind::Order,
    ObjectKind::Reward,
    ObjectKind::Benefit,
    ObjectKind::Interaction,
    ObjectKind::Point,
];

/// Answers `POST /profiles/merge`.
pub(super) fn merge_profiles(data: &SimulatedData, body: &Value) -> Answer {
    let (Some(loser), Some(winner)) =
        (text_at(body, "/source_profile_id"), text_at(body, "/destination_profile_id"))
    else {
        return Answer::new(
            422,
            json!({ "errors": { "source_profile_id": ["Both profiles are required"] } })
                .to_string(),
        );
    };
    if data.merge(&loser, &winner) {
        let profile =
            data.get(ObjectKind::Profile, &winner).map(|profile| with_identities(data, &profile));
        Answer::ok(json!({ "data": profile }).to_string())
    } else {
        Answer::not_found()
    }
}

impl SimulatedData {
    /// Merges two profiles, and sends a webhook. Returns whether both exist.
    pub fn merge(&self, loser: &str, winner: &str) -> bool {
        let context = self.merge_silently(loser, winner);
        if let Some(context) = &context {
            self.report_change(ObjectKind::Profile, Action::Merged, context);
        }
        context.is_some()
    }

    /// Merges two profiles without a webhook. Returns the winner in the format of a webhook.
    pub fn merge_silently(&self, loser: &str, winner: &str) -> Option<Value> {
        let mut profile = self.get(ObjectKind::Profile, winner).filter(|_| loser != winner)?;
        self.remove(ObjectKind::Profile, loser)?;
        for kind in MOVED {
            for row in self.by_key(kind, &owner(loser)) {
                self.put(kind, moved(kind, &row.value, loser, winner));
            }
        }
        profile
            .as_object_mut()?
            .insert("updated_at".to_owned(), Value::from(written(Source::Omneo, self.now())));
        self.put(ObjectKind::Profile, profile.clone());
        let mut context = with_identities(self, &profile);
        let fields = context.as_object_mut()?;
        fields.insert("source_profile_id".to_owned(), Value::from(loser));
        fields.insert("destination_profile_id".to_owned(), Value::from(winner));
        Some(context)
    }
}

fn moved(kind: ObjectKind, object: &Value, loser: &str, winner: &str) -> Value {
    let mut object = object.clone();
    if let Some(fields) = object.as_object_mut() {
        if fields.contains_key("profile_id") {
            fields.insert("profile_id".to_owned(), Value::from(winner));
        }
        if fields.contains_key("profile") {
            fields.insert("profile".to_owned(), json!({ "id": winner }));
        }
        if kind == ObjectKind::Identity {
            fields.insert("merged_from".to_owned(), Value::from(loser));
        }
    }
    object
}

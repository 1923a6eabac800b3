//! Merges: the loser is deleted; its objects and identifiers move to the winner.

use serde_json::{Value, json};

use super::profile::with_identities;
use crate::customer::model::source::Source;
use crate::demo::systems::asked::Answer;
use crate::demo::systems::data::World;
use crate::demo::systems::object_kind::{ObjectKind, owner};
use crate::demo::systems::time_format::written;
use crate::demo::systems::webhook::Action;
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
pub(super) fn asked(world: &World, body: &Value) -> Answer {
    let (Some(loser), Some(winner)) =
        (text_at(body, "/source_profile_id"), text_at(body, "/destination_profile_id"))
    else {
        return Answer::new(
            422,
            json!({ "errors": { "source_profile_id": ["Both profiles are required"] } })
                .to_string(),
        );
    };
    if world.merge(&loser, &winner) {
        let profile =
            world.get(ObjectKind::Profile, &winner).map(|profile| with_identities(world, &profile));
        Answer::ok(json!({ "data": profile }).to_string())
    } else {
        Answer::not_found()
    }
}

impl World {
    /// Merges two profiles, and sends a webhook. Returns whether both exist.
    pub fn merge(&self, loser: &str, winner: &str) -> bool {
        let told = self.merge_silently(loser, winner);
        if let Some(context) = &told {
            self.tell(ObjectKind::Profile, Action::Merged, context);
        }
        told.is_some()
    }

    /// Merges two profiles without a webhook. Returns the winner in the format of a webhook.
    pub fn merge_silently(&self, loser: &str, winner: &str) -> Option<Value> {
        let mut profile = self.get(ObjectKind::Profile, winner).filter(|_| loser != winner)?;
        self.remove(ObjectKind::Profile, loser)?;
        for thing in MOVED {
            for row in self.by_key(thing, &owner(loser)) {
                self.put(thing, moved(thing, &row.value, loser, winner));
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

fn moved(thing: ObjectKind, object: &Value, loser: &str, winner: &str) -> Value {
    let mut object = object.clone();
    if let Some(fields) = object.as_object_mut() {
        if fields.contains_key("profile_id") {
            fields.insert("profile_id".to_owned(), Value::from(winner));
        }
        if fields.contains_key("profile") {
            fields.insert("profile".to_owned(), json!({ "id": winner }));
        }
        if thing == ObjectKind::Identity {
            fields.insert("merged_from".to_owned(), Value::from(loser));
        }
    }
    object
}

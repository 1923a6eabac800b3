//! Omneo's webhooks: the event name is in a header, the body has the object and part of its profile.

use serde_json::Value;

use crate::customer::model::source::Source;
use crate::demo::simulators::data::SimulatedData;
use crate::demo::simulators::object_kind::ObjectKind;
use crate::demo::simulators::time_format::written;
use crate::demo::simulators::webhook::{Action, Webhook};
use crate::sources::value::text_at;

/// The profile fields in a webhook about another object.
const PROFILE_FIELDS: [&str; 8] = [
    "id",
    "first_name",
    "last_name",
    "email",
    "mobile_phone_e164",
    "tier_handle",
    "point_balance",
    "updated_at",
];

/// The webhook about a change. `None` if no event exists for it.
pub(in crate::demo::simulators) fn webhook(
    data: &SimulatedData,
    kind: ObjectKind,
    action: Action,
    object: &Value,
) -> Option<Webhook> {
    let name = match kind {
        ObjectKind::Profile => "profile",
        ObjectKind::Identity if action == Action::Created => "identity",
        ObjectKind::Transaction => "transaction",
        ObjectKind::Order => "order",
        ObjectKind::Reward => "reward",
        ObjectKind::Benefit => "benefit",
        ObjectKind::Interaction => "interaction",
        ObjectKind::Point => "point",
        _ => return None,
    };
    let mut body = object.clone();
    let fields = body.as_object_mut()?;
    if kind != ObjectKind::Profile
        && let Some(profile) = owner_of(object).and_then(|id| data.get(ObjectKind::Profile, &id))
    {
        let profile_fields: serde_json::Map<String, Value> = PROFILE_FIELDS
            .iter()
            .filter_map(|field| Some(((*field).to_owned(), profile.get(*field)?.clone())))
            .collect();
        fields.insert("profile".to_owned(), Value::Object(profile_fields));
    }
    if action == Action::Deleted {
        fields.insert("deleted_at".to_owned(), Value::from(written(Source::Omneo, data.now())));
    }
    Some(event(&format!("{name}.{}", action.as_str()), body))
}

fn owner_of(object: &Value) -> Option<String> {
    text_at(object, "/profile_id").or_else(|| text_at(object, "/profile/id"))
}

fn event(name: &str, body: Value) -> Webhook {
    let headers = [("content-type", "application/json"), ("x-omneo-event", name)];
    Webhook {
        source: Source::Omneo,
        headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        body,
    }
}

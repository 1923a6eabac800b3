//! What is done with a webhook, by what it is about: Syncaroo's guide recommends to process at once what is critical, and to queue
//! or drop the rest.

use serde::{Deserialize, Serialize};

use crate::sources::webhook::Urgency;

/// Stands for every type.
const ANY: &str = "*";

/// The actions of a brand; the first that fits counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SyncarooActions(pub Vec<SyncarooAction>);

/// What is done with the webhooks about one attribute type and one resource type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SyncarooAction {
    /// `bookings`, `resources`, ... or `*`. The vendor's pages differ in which there are.
    pub attribute: String,
    /// `meeting-room`, `hot-desk`, ... or `*`.
    pub resource: String,
    /// When it is their turn.
    pub action: Urgency,
}

/// Nothing but bookings says anything about a person.
impl Default for SyncarooActions {
    fn default() -> Self {
        Self(vec![SyncarooAction { attribute: "bookings".to_owned(), resource: ANY.to_owned(), action: Urgency::First }])
    }
}

impl SyncarooActions {
    /// When it is the turn of a webhook. One that doesn't say what it is about is never dropped: somebody should see it.
    pub(super) fn urgency(&self, attribute: Option<&str>, resource: Option<&str>) -> Urgency {
        let Some(attribute) = attribute else { return Urgency::Usual };
        let fits = |wanted: &str, found: &str| wanted == ANY || wanted == found;
        let found = self.0.iter().find(|action| fits(&action.attribute, attribute) && fits(&action.resource, resource.unwrap_or_default()));
        found.map_or(Urgency::Usual, |action| action.action)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn actions(all: &[(&str, &str, Urgency)]) -> SyncarooActions {
        let action = |(attribute, resource, action): &(&str, &str, Urgency)| SyncarooAction {
            attribute: (*attribute).to_owned(),
            resource: (*resource).to_owned(),
            action: *action,
        };
        SyncarooActions(all.iter().map(action).collect())
    }

    #[test]
    fn bookings_come_first_unless_the_settings_say_otherwise() {
        let default = SyncarooActions::default();
        assert_eq!(default.urgency(Some("bookings"), Some("meeting-room")), Urgency::First);
        assert_eq!(default.urgency(Some("bookings"), None), Urgency::First);
        assert_eq!(default.urgency(Some("resources"), Some("meeting-room")), Urgency::Usual);
        assert_eq!(actions(&[]).urgency(Some("bookings"), None), Urgency::Usual);
    }

    #[test]
    fn the_first_action_that_fits_counts() {
        let actions = actions(&[
            ("resources", "meeting-room", Urgency::First),
            ("resources", "*", Urgency::Later),
            ("*", "hot-desk", Urgency::Drop),
            ("bookings", "*", Urgency::First),
        ]);
        for (attribute, resource, urgency) in [
            ("resources", Some("meeting-room"), Urgency::First),
            ("resources", Some("hot-desk"), Urgency::Later),
            ("resources", None, Urgency::Later),
            ("bookings", Some("hot-desk"), Urgency::Drop),
            ("bookings", Some(""), Urgency::First),
            ("locations", None, Urgency::Usual),
            ("Resources", Some("meeting-room"), Urgency::Usual),
        ] {
            assert_eq!(actions.urgency(Some(attribute), resource), urgency, "{attribute} {resource:?}");
        }
    }

    #[test]
    fn what_does_not_say_what_it_is_about_is_never_dropped() {
        assert_eq!(actions(&[("*", "*", Urgency::Drop)]).urgency(None, None), Urgency::Usual);
        assert_eq!(actions(&[("*", "*", Urgency::Drop)]).urgency(Some(""), None), Urgency::Drop);
    }
}

//! The priority of webhooks, by their content. Syncaroo's guide recommends to process critical ones at once,
//! and to queue or drop the rest.

use serde::{Deserialize, Serialize};

use crate::sources::webhook::Priority;

/// Matches every type.
const ANY: &str = "*";

/// The rules of a brand. The first rule that matches counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SyncarooPriorities(pub Vec<SyncarooPriority>);

/// The priority of webhooks with an attribute type and a resource type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SyncarooPriority {
    /// `bookings`, `resources`, ... or `*`. The vendor's pages list different ones.
    pub attribute: String,
    /// `meeting-room`, `hot-desk`, ... or `*`.
    pub resource: String,
    /// The priority.
    pub priority: Priority,
}

/// Only bookings contain data about a person.
impl Default for SyncarooPriorities {
    fn default() -> Self {
        Self(vec![SyncarooPriority {
            attribute: "bookings".to_owned(),
            resource: ANY.to_owned(),
            priority: Priority::High,
        }])
    }
}

impl SyncarooPriorities {
    /// The priority of a webhook. One without a type is never dropped, so that somebody notices it.
    pub(super) fn priority(&self, attribute: Option<&str>, resource: Option<&str>) -> Priority {
        let Some(attribute) = attribute else { return Priority::Normal };
        let fits = |wanted: &str, found: &str| wanted == ANY || wanted == found;
        let found = self.0.iter().find(|priority| {
            fits(&priority.attribute, attribute)
                && fits(&priority.resource, resource.unwrap_or_default())
        });
        found.map_or(Priority::Normal, |priority| priority.priority)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn webhook_priorities(all: &[(&str, &str, Priority)]) -> SyncarooPriorities {
        let priority =
            |(attribute, resource, priority): &(&str, &str, Priority)| SyncarooPriority {
                attribute: (*attribute).to_owned(),
                resource: (*resource).to_owned(),
                priority: *priority,
            };
        SyncarooPriorities(all.iter().map(priority).collect())
    }

    #[test]
    fn bookings_come_first_unless_the_settings_say_otherwise() {
        let default = SyncarooPriorities::default();
        assert_eq!(default.priority(Some("bookings"), Some("meeting-room")), Priority::High);
        assert_eq!(default.priority(Some("bookings"), None), Priority::High);
        assert_eq!(default.priority(Some("resources"), Some("meeting-room")), Priority::Normal);
        assert_eq!(webhook_priorities(&[]).priority(Some("bookings"), None), Priority::Normal);
    }

    #[test]
    fn the_first_action_that_fits_counts() {
        let webhook_priorities = webhook_priorities(&[
            ("resources", "meeting-room", Priority::High),
            ("resources", "*", Priority::Low),
            ("*", "hot-desk", Priority::Drop),
            ("bookings", "*", Priority::High),
        ]);
        for (attribute, resource, priority) in [
            ("resources", Some("meeting-room"), Priority::High),
            ("resources", Some("hot-desk"), Priority::Low),
            ("resources", None, Priority::Low),
            ("bookings", Some("hot-desk"), Priority::Drop),
            ("bookings", Some(""), Priority::High),
            ("locations", None, Priority::Normal),
            ("Resources", Some("meeting-room"), Priority::Normal),
        ] {
            assert_eq!(
                webhook_priorities.priority(Some(attribute), resource),
                priority,
                "{attribute} {resource:?}"
            );
        }
    }

    #[test]
    fn what_does_not_say_what_it_is_about_is_never_dropped() {
        assert_eq!(
            webhook_priorities(&[("*", "*", Priority::Drop)]).priority(None, None),
            Priority::Normal
        );
        assert_eq!(
            webhook_priorities(&[("*", "*", Priority::Drop)]).priority(Some(""), None),
            Priority::Drop
        );
    }
}

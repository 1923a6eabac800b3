//! The documented response for Omnidesk: exactly these keys, in this order, all values strings.

mod about_answer;
pub mod agent_page;
pub mod filters;
pub mod presentation;
pub mod presentation_rules;
pub mod profile;
mod template_check;
pub mod template_facts;
mod template_limits;
pub mod template_names;
mod template_words;

pub use self::about_answer::matched_by;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

/// One customer in the response array.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// The customer's addresses.
    pub addresses: Vec<Address>,
    /// Given name, or `""` if unknown.
    #[serde(rename = "customerFirstname")]
    pub customer_firstname: String,
    /// The customer's id.
    #[serde(rename = "customerID")]
    pub customer_id: String,
    /// Family name, or `""` if unknown.
    #[serde(rename = "customerLastname")]
    pub customer_lastname: String,
    /// Custom fields, in the order of the settings.
    #[serde(rename = "customFields")]
    pub custom_fields: Vec<CustomField>,
    /// Events, newest first.
    pub timeline: Vec<TimelineItem>,
}

/// An address of the customer.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct Address {
    /// The address itself.
    pub address: String,
    /// `email`, `telephone`, `facebook` or `twitter`.
    #[serde(rename = "type")]
    pub kind: &'static str,
}

/// A custom field: an object with one key.
#[derive(Clone, PartialEq, Eq)]
pub struct CustomField {
    /// The key.
    pub name: String,
    /// The value.
    pub value: String,
}

impl Serialize for CustomField {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry(&self.name, &self.value)?;
        map.end()
    }
}

/// One event of the timeline.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct TimelineItem {
    /// The event's id at the source.
    #[serde(rename = "externalID")]
    pub external_id: String,
    /// `YYYY-MM-DD HH:MM:SS` in the brand's time zone.
    #[serde(rename = "lastUpdate")]
    pub last_update: String,
    /// `event`, unless the settings say otherwise.
    #[serde(rename = "type")]
    pub kind: String,
    /// The message that agents read.
    pub message: String,
    /// The source's lower-case name.
    pub source: &'static str,
    /// Link to the event, or `""`.
    pub url: String,
}

impl Answer {
    /// The answer as JSON text.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

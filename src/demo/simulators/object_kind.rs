//! The kinds of objects in the simulated systems.

use serde_json::Value;

use crate::customer::model::source::Source;
use crate::sources::value::text_at;

/// A kind of object in one of the systems.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ObjectKind {
    /// A contact of the CRM.
    Contact,
    /// A customer of the CRM.
    Customer,
    /// A lead of the CRM.
    Lead,
    /// An opportunity of the CRM.
    Opportunity,
    /// A ticket of the CRM.
    Ticket,
    /// A loyalty profile.
    Profile,
    /// An identity of a profile, such as a card.
    Identity,
    /// A purchase.
    Transaction,
    /// An order in the web shop.
    Order,
    /// A reward.
    Reward,
    /// A benefit.
    Benefit,
    /// An interaction with a profile, such as a mailing.
    Interaction,
    /// Points.
    Point,
    /// A participant's booking at OmniLab. The system knows the data below `participant`, but its API does not return
    /// it.
    Appointment,
    /// A location with rooms and desks.
    Location,
    /// A room or a desk.
    Resource,
    /// A booking of a room or a desk.
    Booking,
}

/// The field with OmniLab's data about the person who made a booking.
pub const PARTICIPANT: &str = "participant";

impl ObjectKind {
    /// The system that has this kind of object.
    #[must_use]
    pub const fn source(self) -> Source {
        match self {
            Self::Contact | Self::Customer | Self::Lead | Self::Opportunity | Self::Ticket => {
                Source::OmnioTap
            }
            Self::Profile
            | Self::Identity
            | Self::Transaction
            | Self::Order
            | Self::Reward
            | Self::Benefit
            | Self::Interaction
            | Self::Point => Source::Omneo,
            Self::Appointment => Source::OmniLab,
            Self::Location | Self::Resource | Self::Booking => Source::Syncaroo,
        }
    }

    /// The id of an object of this kind.
    #[must_use]
    pub fn id_of(self, object: &Value) -> Option<String> {
        text_at(object, if self == Self::Appointment { "/booking" } else { "/id" })
    }

    /// JSON pointers to the ids of the objects that it belongs to.
    const fn owners(self) -> &'static [&'static str] {
        match self {
            Self::Contact | Self::Profile | Self::Location => &[],
            Self::Customer | Self::Lead | Self::Opportunity | Self::Ticket => {
                &["/contactId", "/customerId"]
            }
            Self::Identity
            | Self::Transaction
            | Self::Order
            | Self::Reward
            | Self::Benefit
            | Self::Interaction
            | Self::Point => &["/profile_id", "/profile/id"],
            Self::Appointment => &["/participant/external_id"],
            Self::Resource => &["/location/id"],
            Self::Booking => &["/resource/id"],
        }
    }

    /// The index keys of an object, for finding it without a full scan.
    pub(super) fn keys_of(self, object: &Value) -> Vec<String> {
        let owners = self
            .owners()
            .iter()
            .filter_map(|pointer| text_at(object, pointer))
            .map(|id| owner(&id));
        let words: &[&str] = match self {
            Self::Profile => &["/email", "/mobile_phone", "/mobile_phone_e164"],
            Self::Identity => &["/identifier"],
            _ => &[],
        };
        let mut keys: Vec<String> = owners
            .chain(
                words
                    .iter()
                    .filter_map(|pointer| text_at(object, pointer))
                    .map(|word| word_key(&word)),
            )
            .collect();
        keys.sort();
        keys.dedup();
        keys
    }

    /// The text that `search` matches.
    pub(super) fn text_of(self, object: &Value) -> String {
        let fields: &[&str] = match self {
            Self::Contact | Self::Customer => {
                &["/firstName", "/lastName", "/email", "/phone", "/company"]
            }
            Self::Lead | Self::Opportunity => &["/title"],
            Self::Ticket => &["/number", "/subject"],
            _ => &[],
        };
        let words: Vec<String> = fields
            .iter()
            .filter_map(|pointer| object.pointer(pointer)?.as_str())
            .map(str::to_lowercase)
            .collect();
        words.join(" ")
    }
}

/// The index key of objects that belong to an owner.
pub(super) fn owner(id: &str) -> String {
    format!("of {id}")
}

/// The index key of objects that contain a word, such as an address.
pub(super) fn word_key(word: &str) -> String {
    format!("is {}", word.to_lowercase())
}

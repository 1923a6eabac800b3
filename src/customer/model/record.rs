//! What one source reports about one person, and the changes that report it.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;

use super::event_key::EventKey;
use super::field_versions::{FieldVersions, Update};
use super::name::PersonName;
use super::source::{SourceKind, UnknownName};
use super::text;

/// The names of a record's fields. A field whose name ends with a dot is a group (`email.`, `phone.`, `reference.`,
/// `attribute.`): the rest of the name is chosen by the source.
pub mod field {
    /// Given name.
    pub const FIRST_NAME: &str = "name.first";
    /// Family name.
    pub const LAST_NAME: &str = "name.last";
    /// The whole name, if a source gives no parts.
    pub const FULL_NAME: &str = "name.full";
    /// E-mail addresses.
    pub const EMAIL: &str = "email.";
    /// Phone numbers, in any usual spelling.
    pub const PHONE: &str = "phone.";
    /// Social network accounts.
    pub const SOCIAL: &str = "social.";
    /// A Facebook account number.
    pub const FACEBOOK: &str = "social.facebook";
    /// A Twitter handle.
    pub const TWITTER: &str = "social.twitter";
    /// References to ids of other systems. The rest of the name is the namespace.
    pub const REFERENCE: &str = "reference.";
    /// Values for templates.
    pub const ATTRIBUTE: &str = "attribute.";
    /// Time at which the source created the record.
    pub const CREATED_AT: &str = "created_at";
}

/// The identity of a record: its kind and the source's id.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordKey {
    /// The kind of record, and with it the source.
    pub kind: SourceKind,
    /// The source's id.
    pub id: String,
}

impl RecordKey {
    /// Builds the key. `None` if the id is empty or longer than [`text::MAX_ID_CHARS`] (a shortened id could mean
    /// another person).
    #[must_use]
    pub fn new(kind: SourceKind, id: &str) -> Option<Self> {
        Some(Self { kind, id: text::id(id)? })
    }

    /// The ids under which an answer may show the record: its id alone, with the name of its source, with the name of
    /// its kind.
    #[must_use]
    pub fn shown_ids(&self) -> [String; 3] {
        [self.id.clone(), format!("{}:{}", self.kind.source(), self.id), self.to_string()]
    }
}

impl fmt::Display for RecordKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind, self.id)
    }
}

impl fmt::Debug for RecordKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:[id]", self.kind)
    }
}

impl FromStr for RecordKey {
    type Err = UnknownName;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        let (kind, id) = s.split_once(':').ok_or(UnknownName)?;
        Ok(Self { kind: kind.parse()?, id: id.to_owned() })
    }
}

/// One report of a source. The state depends on the set of changes, never on their order.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// A report about a person.
    Record {
        /// The record.
        key: RecordKey,
        /// The fields.
        update: Update,
    },
    /// A report about an event.
    Event {
        /// The event.
        key: EventKey,
        /// The fields.
        update: Update,
    },
    /// The source merged two of its own records.
    Merge(SourceMerge),
}

impl Change {
    /// The update of a record or event. `None` for a merge.
    #[must_use]
    pub const fn update(&self) -> Option<&Update> {
        match self {
            Self::Record { update, .. } | Self::Event { update, .. } => Some(update),
            Self::Merge(_) => None,
        }
    }

    /// The keys of the records and events that the change names, as text.
    #[must_use]
    pub fn keys(&self) -> Vec<String> {
        match self {
            Self::Record { key, .. } => vec![key.to_string()],
            Self::Event { key, .. } => vec![key.to_string()],
            Self::Merge(merge) => vec![merge.loser.to_string(), merge.winner.to_string()],
        }
    }
}

/// A merge by the source. The loser stays known as an alias of the winner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceMerge {
    /// The record that no longer exists at the source.
    pub loser: RecordKey,
    /// The record that remains.
    pub winner: RecordKey,
    /// Time of the merge.
    pub at: Timestamp,
}

/// A record with its current state.
#[derive(Debug, Clone)]
pub struct Record {
    /// The record's identity.
    pub key: RecordKey,
    /// The values of its fields.
    pub versions: FieldVersions,
}

impl Record {
    /// Time at which the source created the record. If it is missing, the time of the first report.
    #[must_use]
    pub fn created_at(&self) -> Timestamp {
        self.versions.time(field::CREATED_AT).unwrap_or_else(|| self.versions.first_at())
    }

    /// The person's name as this record has it.
    #[must_use]
    pub fn name(&self) -> PersonName {
        let name = PersonName::new(
            self.versions.text(field::FIRST_NAME),
            self.versions.text(field::LAST_NAME),
        );
        match self.versions.text(field::FULL_NAME) {
            Some(full) if name == PersonName::default() => PersonName::whole(full),
            _ => name,
        }
    }
}

//! What one source says about one person, and the changes that say it.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;

use super::event::EventKey;
use super::field_versions::{FieldVersions, Update};
use super::name::PersonName;
use super::source::{SourceKind, UnknownName};
use super::text;

/// The names of a record's fields. Slots (`email.`, `phone.`, `reference.`, `attribute.`) end in a name of the
/// source's choice.
pub mod field {
    /// Given name.
    pub const FIRST_NAME: &str = "name.first";
    /// Family name.
    pub const LAST_NAME: &str = "name.last";
    /// The whole name, where a source gives no parts.
    pub const FULL_NAME: &str = "name.full";
    /// E-mail addresses.
    pub const EMAIL: &str = "email.";
    /// Phone numbers, in any usual spelling.
    pub const PHONE: &str = "phone.";
    /// Accounts of social networks.
    pub const SOCIAL: &str = "social.";
    /// A Facebook account's number.
    pub const FACEBOOK: &str = "social.facebook";
    /// A Twitter handle.
    pub const TWITTER: &str = "social.twitter";
    /// References to ids in other systems: the rest of the name is the namespace.
    pub const REFERENCE: &str = "reference.";
    /// Whatever templates may show.
    pub const ATTRIBUTE: &str = "attribute.";
    /// When the source created the record.
    pub const CREATED_AT: &str = "created_at";
}

/// A record's identity: kind and the source's own id.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordKey {
    /// What kind of record, of which source.
    pub kind: SourceKind,
    /// The source's id.
    pub id: String,
}

impl RecordKey {
    /// A record's key, unless the id is empty or longer than [`text::MAX_ID_CHARS`] (cutting it could mix up two people).
    #[must_use]
    pub fn new(kind: SourceKind, id: &str) -> Option<Self> {
        Some(Self { kind, id: text::id(id)? })
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

/// A fact that a source reported. The state depends on the set of changes, never on their order.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// About a person.
    Record {
        /// Whom.
        key: RecordKey,
        /// What is said.
        update: Update,
    },
    /// About something that happened.
    Event {
        /// What.
        key: EventKey,
        /// What is said.
        update: Update,
    },
    /// The source merged two of its own records.
    Merge(SourceMerge),
}

impl Change {
    /// What is said of a record or an event.
    #[must_use]
    pub const fn update(&self) -> Option<&Update> {
        match self {
            Self::Record { update, .. } | Self::Event { update, .. } => Some(update),
            Self::Merge(_) => None,
        }
    }

    /// The keys of the records and events that it speaks of, as texts.
    #[must_use]
    pub fn keys(&self) -> Vec<String> {
        match self {
            Self::Record { key, .. } => vec![key.to_string()],
            Self::Event { key, .. } => vec![key.to_string()],
            Self::Merge(merge) => vec![merge.loser.to_string(), merge.winner.to_string()],
        }
    }
}

/// A merge that the source made: the loser lives on as an alias of the winner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceMerge {
    /// The record that went.
    pub loser: RecordKey,
    /// The record that stayed.
    pub winner: RecordKey,
    /// When.
    pub at: Timestamp,
}

/// One record with its current state.
#[derive(Debug, Clone)]
pub struct Record {
    /// Who.
    pub key: RecordKey,
    /// What is known.
    pub versions: FieldVersions,
}

impl Record {
    /// When the source created the record; failing that, when it was first heard of.
    #[must_use]
    pub fn created_at(&self) -> Timestamp {
        self.versions.time(field::CREATED_AT).unwrap_or_else(|| self.versions.first_at())
    }

    /// The person's name as this record has it.
    #[must_use]
    pub fn name(&self) -> PersonName {
        let name = PersonName::new(self.versions.text(field::FIRST_NAME), self.versions.text(field::LAST_NAME));
        match self.versions.text(field::FULL_NAME) {
            Some(full) if name == PersonName::default() => PersonName::whole(full),
            _ => name,
        }
    }
}

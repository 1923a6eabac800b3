//! The evidence that two records are one person, and its strength.

use std::fmt;

use crate::customer::model::identifier::{Identifier, IdentifierKind};
use crate::customer::model::record::RecordKey;

/// The strength of evidence, the strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// A decision by a person.
    Decision,
    /// A merge by the source. It comes before references, so that a doubtful reference cannot undo a fact.
    SourceMerge,
    /// A reference from one record to another by id.
    Reference,
    /// The same e-mail address or social account.
    Email,
    /// The same phone number.
    Phone,
}

impl Level {
    /// All levels, the strongest first.
    pub const ALL: [Self; 5] =
        [Self::Decision, Self::SourceMerge, Self::Reference, Self::Email, Self::Phone];

    /// The level at which values of a kind link.
    #[must_use]
    pub const fn of(kind: IdentifierKind) -> Self {
        match kind {
            IdentifierKind::Reference => Self::Reference,
            IdentifierKind::Email | IdentifierKind::Facebook | IdentifierKind::Twitter => {
                Self::Email
            }
            IdentifierKind::Phone => Self::Phone,
        }
    }

    /// The name in Postgres and on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Decision => "decision",
            Self::SourceMerge => "source merge",
            Self::Reference => "reference",
            Self::Email => "e-mail",
            Self::Phone => "phone",
        }
    }
}

/// What records have in common.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Evidence {
    /// A decision that they are one person. Named by the least of its records.
    Decision(RecordKey),
    /// A merge by the source into this record.
    SourceMerge(RecordKey),
    /// This record's id: one record has it, and others refer to it.
    Reference(RecordKey),
    /// An address that they share.
    Address(Identifier),
}

impl Evidence {
    /// The address, if the evidence is an address.
    #[must_use]
    pub const fn address(&self) -> Option<&Identifier> {
        if let Self::Address(identifier) = self { Some(identifier) } else { None }
    }

    /// Its kind and its text, for Postgres and for people.
    #[must_use]
    pub fn in_words(&self) -> (&'static str, String) {
        match self {
            Self::Decision(key) => ("decision", key.to_string()),
            Self::SourceMerge(winner) => ("merge", winner.to_string()),
            Self::Reference(key) => ("reference", key.to_string()),
            Self::Address(identifier) => (identifier.kind.as_str(), identifier.value.clone()),
        }
    }
}

impl fmt::Debug for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:[redacted]", self.in_words().0)
    }
}

/// Like [`Evidence`], but borrowed, for comparisons.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Held<'a> {
    Decision(&'a RecordKey),
    SourceMerge(&'a RecordKey),
    Reference(&'a RecordKey),
    Address(&'a Identifier),
}

impl<'a> Held<'a> {
    pub(crate) fn to_evidence(self) -> Evidence {
        match self {
            Self::Decision(key) => Evidence::Decision(key.clone()),
            Self::SourceMerge(winner) => Evidence::SourceMerge(winner.clone()),
            Self::Reference(key) => Evidence::Reference(key.clone()),
            Self::Address(identifier) => Evidence::Address(identifier.clone()),
        }
    }

    pub(crate) const fn address(self) -> Option<&'a Identifier> {
        if let Self::Address(identifier) = self { Some(identifier) } else { None }
    }
}

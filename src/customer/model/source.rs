//! The systems that can be connected, and the kinds of record that each has about people.

use std::fmt;
use std::str::FromStr;

/// A system that a brand can connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// Loyalty.
    Omneo,
    /// CRM.
    OmnioTap,
    /// Engagement and bookings.
    OmniLab,
    /// Workspace bookings.
    Syncaroo,
}

impl Source {
    /// Every source.
    pub const ALL: [Self; 4] = [Self::Omneo, Self::OmnioTap, Self::OmniLab, Self::Syncaroo];

    /// The lower-case name that answers, settings and URLs use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Omneo => "omneo",
            Self::OmnioTap => "omniotap",
            Self::OmniLab => "omnilab",
            Self::Syncaroo => "syncaroo",
        }
    }
}

/// A kind of record about a person, in one source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SourceKind {
    /// A loyalty profile.
    OmneoProfile,
    /// A customer of the CRM.
    OmnioTapCustomer,
    /// A contact of the CRM.
    OmnioTapContact,
    /// A person who took part in something.
    OmniLabParticipant,
    /// A person who books rooms or desks. A booking is an event.
    SyncarooMember,
}

impl SourceKind {
    /// Every kind, in the default order of preference.
    pub const ALL: [Self; 5] = [
        Self::OmneoProfile,
        Self::OmnioTapCustomer,
        Self::OmnioTapContact,
        Self::OmniLabParticipant,
        Self::SyncarooMember,
    ];

    /// The name that settings and record keys use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OmneoProfile => "omneo.profile",
            Self::OmnioTapCustomer => "omniotap.customer",
            Self::OmnioTapContact => "omniotap.contact",
            Self::OmniLabParticipant => "omnilab.participant",
            Self::SyncarooMember => "syncaroo.member",
        }
    }

    /// The system that has records of this kind.
    #[must_use]
    pub const fn source(self) -> Source {
        match self {
            Self::OmneoProfile => Source::Omneo,
            Self::OmnioTapCustomer | Self::OmnioTapContact => Source::OmnioTap,
            Self::OmniLabParticipant => Source::OmniLab,
            Self::SyncarooMember => Source::Syncaroo,
        }
    }

    /// Whether anybody can create such a record about anybody: a participant is whoever the form names.
    #[must_use]
    pub const fn is_self_asserted(self) -> bool {
        match self {
            Self::OmniLabParticipant => true,
            Self::OmneoProfile
            | Self::OmnioTapCustomer
            | Self::OmnioTapContact
            | Self::SyncarooMember => false,
        }
    }

    /// Whether the source keeps people unique, so that two existing records are two people.
    ///
    /// Omneo: e-mail and mobile phone are unique across profiles (its API reference). The other sources guarantee
    /// nothing.
    #[must_use]
    pub const fn keeps_people_unique(self) -> bool {
        match self {
            Self::OmneoProfile => true,
            Self::OmnioTapCustomer
            | Self::OmnioTapContact
            | Self::OmniLabParticipant
            | Self::SyncarooMember => false,
        }
    }
}

/// The text is not the name of a source or kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("unknown name; the sources are omneo, omniotap, omnilab and syncaroo")]
pub struct UnknownName;

impl FromStr for Source {
    type Err = UnknownName;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|source| source.as_str() == s).ok_or(UnknownName)
    }
}

impl FromStr for SourceKind {
    type Err = UnknownName;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == s).ok_or(UnknownName)
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for SourceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

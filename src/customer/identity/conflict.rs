//! The reasons not to join clusters.

/// Why two clusters are not joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Conflict {
    /// Their source keeps people unique and has a record for each of them.
    DifferentIds,
    /// The first names disagree. If one is unknown: the family names disagree.
    FirstNames,
    /// One has no first name, and the mailbox does not contain the first name of the other.
    NoFirstName,
    /// The names disagree.
    Names,
    /// Both have e-mail addresses, none in common, and the names do not agree in full.
    EmailAddresses,
    /// Only self-asserted records connect them.
    SelfAsserted,
    /// A decision says that they are different people.
    DecidedDifferent,
}

impl Conflict {
    /// The name in Postgres and on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DifferentIds => "different ids",
            Self::FirstNames => "first names disagree",
            Self::NoFirstName => "no first name",
            Self::Names => "names disagree",
            Self::EmailAddresses => "different e-mail addresses",
            Self::SelfAsserted => "only self-asserted",
            Self::DecidedDifferent => "a person decided that they differ",
        }
    }
}

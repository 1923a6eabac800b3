//! Why a person is erased: one of a few reasons. The audit log keeps them for good, and a free text could name the person.

/// Why a person is erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErasureReason {
    /// The person asked for it.
    Request,
    /// The person is not a customer any more.
    ContractEnded,
    /// The data is wrong, or it is a test.
    NoPerson,
    /// Any other reason.
    Other,
}

impl ErasureReason {
    /// All reasons, in the order of lists.
    pub const ALL: [Self; 4] = [Self::Request, Self::ContractEnded, Self::NoPerson, Self::Other];

    /// The reason in words, on pages and in the audit log.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Request => "request of the person",
            Self::ContractEnded => "no longer a customer",
            Self::NoPerson => "wrong data or a test",
            Self::Other => "another reason",
        }
    }

    /// The reason with these words.
    #[must_use]
    pub fn parse(words: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == words)
    }
}

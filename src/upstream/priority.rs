//! What calls are for, and which of them have precedence.

/// What a call is for. The first have precedence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CallPriority {
    /// Somebody is on the phone.
    Live,
    /// A webhook hinted at something.
    FollowUp,
    /// What is known is compared with what there is.
    Reconcile,
    /// What there is gets to be known.
    Backfill,
}

impl CallPriority {
    /// All of them, by precedence.
    pub const ALL: [Self; 4] = [Self::Live, Self::FollowUp, Self::Reconcile, Self::Backfill];

    /// Its name in metrics and commands.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::FollowUp => "follow-up",
            Self::Reconcile => "reconcile",
            Self::Backfill => "backfill",
        }
    }

    /// Its number in the store.
    pub(super) const fn number(self) -> usize {
        match self {
            Self::Live => 0,
            Self::FollowUp => 1,
            Self::Reconcile => 2,
            Self::Backfill => 3,
        }
    }
}

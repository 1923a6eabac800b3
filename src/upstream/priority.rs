//! The purpose of a call, which decides its priority.

use crate::storage::upstream_accounts::PRIORITIES;

/// The purpose of a call, from the highest priority to the lowest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CallPriority {
    /// A lookup waits for the reply.
    Live,
    /// A webhook asked for it.
    FollowUp,
    /// A reconcile run compares stored data with the source.
    Reconcile,
    /// A backfill loads the data of a source.
    Backfill,
}

impl CallPriority {
    /// All purposes, from the highest priority to the lowest.
    pub const ALL: [Self; 4] = [Self::Live, Self::FollowUp, Self::Reconcile, Self::Backfill];

    /// The name in metrics and commands.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::FollowUp => "follow-up",
            Self::Reconcile => "reconcile",
            Self::Backfill => "backfill",
        }
    }

    /// The number in Postgres.
    pub(super) const fn number(self) -> usize {
        match self {
            Self::Live => 0,
            Self::FollowUp => 1,
            Self::Reconcile => 2,
            Self::Backfill => 3,
        }
    }
}

// The number in Postgres is a place in an array of this length.
const _: () = assert!(CallPriority::ALL.len() == PRIORITIES);

//! The result of comparing the names of two clusters.

use super::cluster::Cluster;
use super::conflict::Conflict;

/// A fact that allows joining two clusters although their names disagree.
pub(crate) type Exception = fn(&Cluster<'_>, &Cluster<'_>) -> bool;

/// The result of comparing two sets of names.
#[derive(Debug, Clone, Copy)]
pub(crate) enum NameVerdict {
    /// They agree, in full or as far as they are known.
    Agree { in_full: bool },
    /// They disagree. `None`: no fact allows joining nevertheless.
    Disagree { conflict: Conflict, unless: Option<Exception> },
}

impl NameVerdict {
    pub(crate) const fn disagree(conflict: Conflict) -> Self {
        Self::Disagree { conflict, unless: None }
    }

    pub(crate) const fn disagree_unless(conflict: Conflict, exception: Exception) -> Self {
        Self::Disagree { conflict, unless: Some(exception) }
    }

    /// Whether clusters with these names must not be joined.
    pub(crate) fn forbids(self, a: &Cluster<'_>, b: &Cluster<'_>) -> bool {
        match self {
            Self::Agree { .. } => false,
            Self::Disagree { unless, .. } => unless.is_none_or(|allows| !allows(a, b)),
        }
    }
}

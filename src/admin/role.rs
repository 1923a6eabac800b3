//! What a person may do in the console.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What a person may do in the console. Each role may do everything that the ones before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// See customers, sources, webhooks and the audit log, with personal values masked.
    Viewer,
    /// See personal values; decide who is who; replay and discard webhooks; export.
    Supervisor,
    /// Keys, settings, erasures, people.
    Admin,
}

impl Role {
    /// All roles, each with what it may do.
    pub const ALL: [(Self, &str); 3] = [
        (Self::Viewer, "see all pages but Keys, Settings and People, with personal values masked"),
        (
            Self::Supervisor,
            "also see personal values, decide who is who, replay and discard webhooks, start runs, export a person",
        ),
        (
            Self::Admin,
            "also see Keys, Settings and People: make keys, try templates, invite people; and erase a person",
        ),
    ];

    /// The name in commands, pages and the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Supervisor => "supervisor",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// There is no such role.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the roles are viewer, supervisor and admin")]
pub struct UnknownRole;

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(name: &str) -> Result<Self, UnknownRole> {
        let role = Self::ALL.into_iter().find(|(role, _)| role.as_str() == name);
        role.map(|(role, _)| role).ok_or(UnknownRole)
    }
}

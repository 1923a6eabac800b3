//! A webhook of a system, before it is signed.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::customer::model::source::Source;

/// The kind of change to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// The object is new.
    Created,
    /// The object changed.
    Updated,
    /// The object was deleted.
    Deleted,
    /// Another object was merged into it.
    Merged,
}

impl Action {
    /// The name in the systems' webhooks.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Deleted => "deleted",
            Self::Merged => "merged",
        }
    }
}

/// A webhook before it is signed.
pub struct Webhook {
    /// The sender.
    pub source: Source,
    /// Headers without the signature.
    pub headers: BTreeMap<String, String>,
    /// Its body.
    pub body: Value,
}

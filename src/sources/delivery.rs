//! What a source sends: a webhook or a reply, and why it cannot be parsed.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::json::{Fault, json};

/// The headers and raw body of a webhook or a reply.
#[derive(Clone)]
pub struct Delivery {
    /// Header names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The bytes as they arrived.
    pub body: Vec<u8>,
    /// When it was first received. It is the time of data without a time of its own.
    pub received_at: Timestamp,
}

impl Delivery {
    pub(super) fn json(&self) -> Result<serde_json::Value, Unreadable> {
        json(&self.body)
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }
}

/// Why a delivery cannot be parsed. The text never contains its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// The body is not JSON.
    #[error("the body is not JSON: {0}")]
    NotJson(Fault),
    /// A header or field that is required is missing.
    #[error("there is no {0}")]
    Missing(&'static str),
    /// It belongs to another account of the source.
    #[error("it belongs to another {0}")]
    Foreign(&'static str),
    /// A deletion needs more proof than an unsigned header, which anybody could change.
    #[error("only an unsigned header reports the deletion (see the setting trust_deletion_header)")]
    Unconfirmed,
}

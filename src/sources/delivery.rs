//! What a source sends.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::json::json;
use super::unreadable::Unreadable;

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

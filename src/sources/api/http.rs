//! A request and a reply, as they are sent over HTTP.

use jiff::Timestamp;
use serde_json::Value;

/// The HTTP form of a request.
#[derive(Clone, PartialEq)]
pub struct Request {
    /// The JSON body of a POST; `None` for a GET.
    pub body: Option<Value>,
    /// Where it goes.
    pub target: Target,
    /// Whether sending it twice has the same effect as once.
    pub is_repeatable: bool,
}

/// The target of a request.
#[derive(Clone, PartialEq, Eq)]
pub enum Target {
    /// A path and query below the base URL of the account. It begins with a slash, and everything is encoded.
    Below(String),
    /// A whole URL that the source gave. It is only followed to an allowed origin of the account.
    Given(String),
}

impl Request {
    /// A request that changes nothing.
    #[must_use]
    pub const fn get(target: Target) -> Self {
        Self { body: None, target, is_repeatable: true }
    }
}

/// A reply: 2xx, or "not found" (404 or 410).
#[derive(Clone)]
pub struct Reply {
    /// The JSON body; null if there was none.
    pub body: Value,
    /// Whether the source answered "not found".
    pub is_missing: bool,
    /// When it arrived.
    pub received_at: Timestamp,
}

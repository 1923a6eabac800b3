//! What a system is asked, and what it answers, without the HTTP around it.

use std::collections::BTreeMap;

use serde_json::Value;
use url::form_urlencoded;

/// A request.
pub(super) struct Asked {
    pub(super) method: String,
    pub(super) path: String,
    /// The query as it came.
    pub(super) query: String,
    /// Header names in lower case.
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: Vec<u8>,
}

impl Asked {
    /// The parts of the path below a prefix, decoded; `None` when it isn't below it.
    pub(super) fn below(&self, prefix: &str) -> Option<Vec<String>> {
        let rest = self.path.strip_prefix(prefix)?;
        let decoded = |part: &str| percent_encoding::percent_decode_str(part).decode_utf8_lossy().into_owned();
        Some(rest.split('/').filter(|part| !part.is_empty()).map(decoded).collect())
    }

    /// Every parameter of the query, decoded.
    pub(super) fn parameters(&self) -> impl Iterator<Item = (String, String)> {
        form_urlencoded::parse(self.query.as_bytes()).into_owned()
    }

    /// A parameter of the query, decoded.
    pub(super) fn parameter(&self, name: &str) -> Option<String> {
        self.parameters().find(|(found, _)| found == name).map(|(_, value)| value)
    }

    /// A parameter that is a number; what isn't one counts as absent.
    pub(super) fn number(&self, name: &str) -> Option<usize> {
        self.parameter(name)?.parse().ok()
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// The token that came with it.
    pub(super) fn bearer(&self) -> Option<&str> {
        self.header("authorization")?.strip_prefix("Bearer ")
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The body as a form, as an object of texts.
    pub(super) fn form(&self) -> Value {
        form_urlencoded::parse(&self.body).into_owned().map(|(name, value)| (name, Value::from(value))).collect::<serde_json::Map<_, _>>().into()
    }
}

/// An answer; JSON, unless a fault makes it something else.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: String,
}

impl Answer {
    pub(super) fn new(status: u16, body: impl Into<String>) -> Self {
        Self { status, headers: Vec::new(), body: body.into() }
    }

    pub(super) fn ok(body: impl Into<String>) -> Self {
        Self::new(200, body)
    }

    /// An error, in words that say nothing of what was asked.
    pub(super) fn error(status: u16, message: &str) -> Self {
        Self::new(status, serde_json::json!({ "message": message }).to_string())
    }

    pub(super) fn not_found() -> Self {
        Self::error(404, "Not found")
    }

    pub(super) fn unauthorized() -> Self {
        Self::error(401, "Unauthorized")
    }

    pub(super) fn with(mut self, name: &'static str, value: &impl ToString) -> Self {
        self.headers.push((name, value.to_string()));
        self
    }
}

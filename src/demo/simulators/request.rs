//! Requests to a simulated system and its responses, without HTTP.

use std::collections::BTreeMap;

use serde_json::Value;
use url::form_urlencoded;

/// A request.
pub(super) struct SimulatorRequest {
    pub(super) method: String,
    pub(super) path: String,
    /// The query as received.
    pub(super) query: String,
    /// Header names in lower case.
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: Vec<u8>,
}

impl SimulatorRequest {
    /// The decoded parts of the path after a prefix. `None` if the path does not begin with it.
    pub(super) fn below(&self, prefix: &str) -> Option<Vec<String>> {
        let rest = self.path.strip_prefix(prefix)?;
        let decoded = |part: &str| {
            percent_encoding::percent_decode_str(part).decode_utf8_lossy().into_owned()
        };
        Some(rest.split('/').filter(|part| !part.is_empty()).map(decoded).collect())
    }

    /// All parameters of the query, decoded.
    pub(super) fn parameters(&self) -> impl Iterator<Item = (String, String)> {
        form_urlencoded::parse(self.query.as_bytes()).into_owned()
    }

    /// A parameter of the query, decoded.
    pub(super) fn parameter(&self, name: &str) -> Option<String> {
        self.parameters().find(|(found, _)| found == name).map(|(_, value)| value)
    }

    /// A numeric parameter. `None` if it is not a number.
    pub(super) fn number(&self, name: &str) -> Option<usize> {
        self.parameter(name)?.parse().ok()
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// The bearer token of the request.
    pub(super) fn bearer(&self) -> Option<&str> {
        self.header("authorization")?.strip_prefix("Bearer ")
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The form in the body, as an object of strings.
    pub(super) fn form(&self) -> Value {
        form_urlencoded::parse(&self.body)
            .into_owned()
            .map(|(name, value)| (name, Value::from(value)))
            .collect::<serde_json::Map<_, _>>()
            .into()
    }
}

/// A response; JSON, unless a fault changes it.
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

    /// An error response that contains nothing of the request.
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

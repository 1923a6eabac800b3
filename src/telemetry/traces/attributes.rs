//! The attributes that spans may have.

use std::borrow::Cow;

/// The names of all attributes that leave this service. Any other attribute is dropped and counted. The names without
/// `hookpoint` are those of OpenTelemetry's semantic conventions. `deploy/operate.md` explains each.
///
/// None may ever contain a path, a query, a key, a secret, the address of a caller or of a customer, an id or a name of
/// a person, a body, or the text of an error.
pub const ALLOWED: [&str; 22] = [
    "db.operation.batch.size",
    "db.system.name",
    "error.type",
    "http.request.method",
    "http.response.status_code",
    "http.route",
    "hookpoint.brand",
    "hookpoint.by",
    "hookpoint.cache",
    "hookpoint.changed",
    "hookpoint.customers",
    "hookpoint.deleted",
    "hookpoint.deliveries",
    "hookpoint.outcome",
    "hookpoint.priority",
    "hookpoint.problem",
    "hookpoint.request_id",
    "hookpoint.scanned",
    "hookpoint.source",
    "hookpoint.sources",
    "hookpoint.stream",
    "hookpoint.wait_ms",
];

/// The value of an attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A word of the code or of the settings.
    Text(Cow<'static, str>),
    /// A number.
    Number(i64),
}

impl From<&'static str> for Value {
    fn from(text: &'static str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

impl From<u16> for Value {
    fn from(number: u16) -> Self {
        Self::Number(number.into())
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::Number(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl From<usize> for Value {
    fn from(number: usize) -> Self {
        Self::Number(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

/// An attribute of a span.
pub(super) type Attribute = (&'static str, Value);

/// The attributes that may leave this service. The others are counted.
pub(super) fn allowed(attributes: &[Attribute]) -> impl Iterator<Item = &Attribute> {
    attributes.iter().filter(|(name, _)| {
        let is_allowed = ALLOWED.contains(name);
        if !is_allowed {
            metrics::counter!("hookpoint_trace_attributes_dropped_total").increment(1);
        }
        is_allowed
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attribute_with_another_name_is_dropped() {
        let attributes = ["hookpoint.brand", "url.query", "hookpoint.key", "", "http.route"]
            .map(|name| (name, Value::from("x")));
        let left: Vec<&str> = allowed(&attributes).map(|(name, _)| *name).collect();
        assert_eq!(left, ["hookpoint.brand", "http.route"]);
    }

    #[test]
    fn no_attribute_names_what_a_request_contains() {
        for part in ["url", "path", "query", "address", "key", "body", "message", "secret", "peer"]
        {
            let of_part = |name: &&&str| name.split(['.', '_']).any(|word| word == part);
            assert_eq!(ALLOWED.iter().find(of_part), None, "{part}");
        }
    }
}

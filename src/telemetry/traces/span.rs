//! A span: one step of a request or of background work, with its time and its attributes.

use std::time::Instant;

use uuid::Uuid;

use super::attributes::{Attribute, Value};

/// The names of spans. There are no others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpanName {
    /// A lookup, from the request to the response.
    Lookup,
    /// A query to Postgres for a lookup.
    LookupQuery,
    /// The time for which a lookup waited for sources.
    LookupReadThrough,
    /// A webhook, from the request to the response.
    Webhook,
    /// The time for which a webhook waited until it was stored.
    WebhookStore,
    /// A batch of deliveries of the inbox is applied.
    InboxApply,
    /// A follow-up of a webhook.
    FollowUp,
    /// A sync run of a stream.
    SyncRun,
    /// A call to a source, with its wait for the rate limit.
    SourceCall,
}

impl SpanName {
    /// All names.
    pub const ALL: [Self; 9] = [
        Self::Lookup,
        Self::LookupQuery,
        Self::LookupReadThrough,
        Self::Webhook,
        Self::WebhookStore,
        Self::InboxApply,
        Self::FollowUp,
        Self::SyncRun,
        Self::SourceCall,
    ];

    /// The name as the collector gets it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Lookup => "lookup",
            Self::LookupQuery => "lookup.query",
            Self::LookupReadThrough => "lookup.read_through",
            Self::Webhook => "webhook",
            Self::WebhookStore => "webhook.store",
            Self::InboxApply => "inbox.apply",
            Self::FollowUp => "follow_up",
            Self::SyncRun => "sync.run",
            Self::SourceCall => "source.call",
        }
    }

    /// The kind, by its number in OTLP: internal, server or client.
    pub(super) const fn kind(self) -> i32 {
        match self {
            Self::LookupReadThrough | Self::InboxApply | Self::FollowUp | Self::SyncRun => 1,
            Self::Lookup | Self::Webhook => 2,
            Self::LookupQuery | Self::WebhookStore | Self::SourceCall => 3,
        }
    }
}

/// The ids of a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpanContext {
    pub(super) trace_id: [u8; 16],
    pub(super) span_id: [u8; 8],
}

impl SpanContext {
    /// The span of a request. Its trace has the request's id, so that the id in a log line or in a response finds the
    /// trace. Work without a request gets a random id in the same way.
    #[must_use]
    pub const fn of_request(id: Uuid) -> Self {
        Self { trace_id: id.into_bytes(), span_id: id.as_u64_pair().1.to_be_bytes() }
    }

    /// A new span in the same trace.
    #[must_use]
    pub fn child(self) -> Self {
        // The second half of a random UUID is never zero, which would be no valid id.
        Self { span_id: Uuid::new_v4().as_u64_pair().1.to_be_bytes(), ..self }
    }

    /// The span that a `traceparent` header names (W3C Trace Context). `None` if the header is malformed.
    #[must_use]
    pub fn parse(traceparent: &str) -> Option<Self> {
        let mut parts = traceparent.split('-');
        let [version, trace, span, flags] = std::array::from_fn(|_| parts.next().unwrap_or(""));
        // A later version may have more parts.
        let is_known = is_hex(version, 2)
            && version != "ff"
            && (version != "00" || parts.next().is_none())
            && is_hex(trace, 32)
            && is_hex(span, 16)
            && is_hex(flags, 2);
        let trace_id = u128::from_str_radix(trace, 16).ok().filter(|id| is_known && *id != 0)?;
        let span_id = u64::from_str_radix(span, 16).ok().filter(|id| *id != 0)?;
        Some(Self { trace_id: trace_id.to_be_bytes(), span_id: span_id.to_be_bytes() })
    }
}

fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// A step that has ended.
#[derive(Debug, Clone)]
pub struct Span {
    pub(super) name: SpanName,
    pub(super) context: SpanContext,
    pub(super) parent: Option<SpanContext>,
    pub(super) link: Option<SpanContext>,
    pub(super) started_at: Instant,
    pub(super) ended_at: Instant,
    pub(super) has_failed: bool,
    pub(super) attributes: Vec<Attribute>,
}

impl Span {
    /// A span that took this time.
    #[must_use]
    pub const fn new(
        name: SpanName,
        context: SpanContext,
        started_at: Instant,
        ended_at: Instant,
    ) -> Self {
        Self {
            name,
            context,
            parent: None,
            link: None,
            started_at,
            ended_at,
            has_failed: false,
            attributes: Vec::new(),
        }
    }

    /// A part of another span.
    #[must_use]
    pub fn child_of(self, parent: SpanContext) -> Self {
        Self { parent: Some(parent), ..self }
    }

    /// Refers to a span of another service.
    #[must_use]
    pub fn linked_to(self, link: Option<SpanContext>) -> Self {
        Self { link, ..self }
    }

    /// Adds an attribute. Its name must be in the list of allowed ones.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.attributes.push((name, value.into()));
        self
    }

    /// Adds an attribute, if it has a value.
    #[must_use]
    pub fn with_some(self, name: &'static str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// Marks the step as failed, if there is a kind of error: a fixed word, never the text of an error.
    #[must_use]
    pub fn failed_with(self, kind: Option<&'static str>) -> Self {
        Self { has_failed: self.has_failed || kind.is_some(), ..self }.with_some("error.type", kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_traceparent_is_read_only_if_it_is_valid() {
        let (trace, span) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
        let read = |text: &str| SpanContext::parse(text);
        let found = read(&format!("00-{trace}-{span}-01")).unwrap();
        assert_eq!(found.trace_id[..2], [0x4b, 0xf9]);
        assert_eq!(found.span_id, [0x00, 0xf0, 0x67, 0xaa, 0x0b, 0xa9, 0x02, 0xb7]);
        assert_eq!(read(&format!("01-{trace}-{span}-01-what-comes-later")), Some(found));
        for wrong in [
            String::new(),
            "00".to_owned(),
            format!("00-{trace}-{span}"),
            format!("00-{trace}-{span}-01-more"),
            format!("ff-{trace}-{span}-01"),
            format!("00-{trace}-{}-01", "0".repeat(16)),
            format!("00-{}-{span}-01", "0".repeat(32)),
            format!("00-{}-{span}-01", trace.to_uppercase()),
            format!("00-+{}-{span}-01", trace.trim_start_matches('4')),
            format!("00-{trace}0-{span}-01"),
        ] {
            assert_eq!(read(&wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_trace_of_a_request_has_its_id() {
        let id = Uuid::new_v4();
        let context = SpanContext::of_request(id);
        let child = context.child();
        assert_eq!(context.trace_id, id.into_bytes());
        assert_eq!(child.trace_id, context.trace_id);
        assert_ne!(child.span_id, context.span_id);
        assert_ne!(context.span_id, [0; 8]);
    }
}

//! The messages of OTLP, with the fields that are sent: `opentelemetry/proto/trace/v1/trace.proto`, version 1.
//!
//! The tests decode them with the messages that OpenTelemetry generates.

use std::time::Instant;

use jiff::Timestamp;
use prost::Message;

use super::attributes::{Value, allowed};
use super::span::{Span, SpanContext};

/// What is sent.
#[derive(Clone, PartialEq, Message)]
struct ExportRequest {
    #[prost(message, repeated, tag = "1")]
    resource_spans: Vec<ResourceSpans>,
}

#[derive(Clone, PartialEq, Message)]
struct ResourceSpans {
    #[prost(message, optional, tag = "1")]
    resource: Option<Resource>,
    #[prost(message, repeated, tag = "2")]
    scope_spans: Vec<ScopeSpans>,
}

/// The service that sends.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Resource {
    #[prost(message, repeated, tag = "1")]
    attributes: Vec<KeyValue>,
}

#[derive(Clone, PartialEq, Message)]
struct ScopeSpans {
    #[prost(message, repeated, tag = "2")]
    spans: Vec<SpanMessage>,
}

#[derive(Clone, PartialEq, Message)]
struct SpanMessage {
    #[prost(bytes = "vec", tag = "1")]
    trace_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    span_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    parent_span_id: Vec<u8>,
    #[prost(string, tag = "5")]
    name: String,
    #[prost(int32, tag = "6")]
    kind: i32,
    #[prost(fixed64, tag = "7")]
    start_time_unix_nano: u64,
    #[prost(fixed64, tag = "8")]
    end_time_unix_nano: u64,
    #[prost(message, repeated, tag = "9")]
    attributes: Vec<KeyValue>,
    #[prost(message, repeated, tag = "13")]
    links: Vec<Link>,
    #[prost(message, optional, tag = "15")]
    status: Option<Status>,
    #[prost(fixed32, tag = "16")]
    flags: u32,
}

#[derive(Clone, PartialEq, Message)]
struct Link {
    #[prost(bytes = "vec", tag = "1")]
    trace_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    span_id: Vec<u8>,
    #[prost(fixed32, tag = "6")]
    flags: u32,
}

#[derive(Clone, PartialEq, Message)]
struct Status {
    #[prost(int32, tag = "3")]
    code: i32,
}

#[derive(Clone, PartialEq, Message)]
struct KeyValue {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(message, optional, tag = "2")]
    value: Option<AnyValue>,
}

/// One of the two.
#[derive(Clone, PartialEq, Message)]
struct AnyValue {
    #[prost(string, optional, tag = "1")]
    text: Option<String>,
    #[prost(int64, optional, tag = "3")]
    number: Option<i64>,
}

/// What the collector answers.
#[derive(Clone, PartialEq, Message)]
pub(super) struct ExportResponse {
    #[prost(message, optional, tag = "1")]
    partial_success: Option<PartialSuccess>,
}

#[derive(Clone, PartialEq, Message)]
struct PartialSuccess {
    #[prost(int64, tag = "1")]
    rejected_spans: i64,
}

/// The status of a span that failed.
const STATUS_ERROR: i32 = 2;

/// Flags of a span: it is sampled, and its parent is in this process.
const OWN_FLAGS: u32 = 0x101;

/// Flags of a link: it leads to another process.
const STRANGERS_FLAGS: u32 = 0x300;

impl Resource {
    /// A service with these attributes. Empty ones are left out.
    pub(super) fn new(attributes: &[(&str, &str)]) -> Self {
        let attributes = attributes.iter().filter(|(_, value)| !value.is_empty());
        let attribute = |(key, text): &(&str, &str)| {
            KeyValue::new(key, AnyValue { text: Some((*text).to_owned()), number: None })
        };
        Self { attributes: attributes.map(attribute).collect() }
    }
}

impl KeyValue {
    fn new(key: &str, value: AnyValue) -> Self {
        Self { key: key.to_owned(), value: Some(value) }
    }
}

/// The request for some spans. `now` is the present moment on both clocks: spans are timed by one that never jumps.
pub(super) fn encode(spans: &[Span], resource: &Resource, now: (Timestamp, Instant)) -> Vec<u8> {
    let spans = spans.iter().map(|span| message(span, now)).collect();
    let resource_spans =
        ResourceSpans { resource: Some(resource.clone()), scope_spans: vec![ScopeSpans { spans }] };
    ExportRequest { resource_spans: vec![resource_spans] }.encode_to_vec()
}

fn message(span: &Span, (now, instant): (Timestamp, Instant)) -> SpanMessage {
    let unix_nanos = |at: Instant| {
        let ago = i128::try_from(instant.saturating_duration_since(at).as_nanos());
        let since_1970 = now.as_nanosecond().saturating_sub(ago.unwrap_or_default());
        u64::try_from(since_1970).unwrap_or_default()
    };
    SpanMessage {
        trace_id: span.context.trace_id.to_vec(),
        span_id: span.context.span_id.to_vec(),
        parent_span_id: span.parent.map(|parent| parent.span_id.to_vec()).unwrap_or_default(),
        name: span.name.as_str().to_owned(),
        kind: span.name.kind(),
        start_time_unix_nano: unix_nanos(span.started_at),
        end_time_unix_nano: unix_nanos(span.ended_at),
        attributes: allowed(&span.attributes)
            .map(|(name, value)| KeyValue::new(name, any(value)))
            .collect(),
        links: span.link.map(link).into_iter().collect(),
        status: span.has_failed.then_some(Status { code: STATUS_ERROR }),
        flags: OWN_FLAGS,
    }
}

fn any(value: &Value) -> AnyValue {
    match value {
        Value::Text(text) => AnyValue { text: Some(text.to_string()), number: None },
        Value::Number(number) => AnyValue { text: None, number: Some(*number) },
    }
}

fn link(to: SpanContext) -> Link {
    Link { trace_id: to.trace_id.to_vec(), span_id: to.span_id.to_vec(), flags: STRANGERS_FLAGS }
}

/// The number of spans that the collector rejected. Its text about them is not read.
pub(super) fn rejected_spans(response: &[u8]) -> usize {
    let response = ExportResponse::decode(response).ok();
    let partial = response.and_then(|response| response.partial_success);
    partial.and_then(|partial| usize::try_from(partial.rejected_spans).ok()).unwrap_or_default()
}

//! Traces, sent to a collector in OTLP (HTTP with protobuf). They are off by default.
//!
//! A trace says where the time of a request or of background work went, and never about whom it was. So nothing is
//! recorded by itself: the code that knows a step describes its span when the step has ended, with the attributes of
//! [`ALLOWED`] only. Log events are not part of traces.
//!
//! OpenTelemetry's SDK is not used. It reads some twenty environment variables by itself, among them headers and
//! attributes; the settings file is the only source of settings here. The protocol needs one message (`otlp.rs`).

mod attributes;
mod collector;
mod exporter;
mod otlp;
mod scope;
mod span;
mod tracer;

pub use self::attributes::ALLOWED;
pub use self::exporter::start;
pub use self::scope::{OpenSpan, Scope, current, open, within};
pub use self::span::{Span, SpanContext, SpanName};
pub use self::tracer::Tracer;

//! The request id, the only field of a span that its log lines have.

use std::fmt;

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatFields, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

/// The field of a span that its log lines contain too.
pub(super) const REQUEST_ID: &str = "request_id";

/// Formats only the request id of a span.
#[derive(Debug)]
pub(crate) struct RequestIdOnly;

impl<'writer> FormatFields<'writer> for RequestIdOnly {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'writer>, fields: R) -> fmt::Result {
        fields.record(&mut KeepRequestId(writer));
        Ok(())
    }

    fn add_fields(
        &self,
        _: &'writer mut FormattedFields<Self>,
        _: &tracing::span::Record<'_>,
    ) -> fmt::Result {
        Ok(())
    }
}

struct KeepRequestId<'writer>(Writer<'writer>);

impl Visit for KeepRequestId<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == REQUEST_ID {
            let _ = self.0.write_str(value);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == REQUEST_ID {
            let _ = write!(self.0, "{value:?}");
        }
    }
}

/// Passes on the request id of the current span, unless the event has one itself.
pub(super) fn with_request_id<S>(
    event: &Event<'_>,
    context: &FmtContext<'_, S, RequestIdOnly>,
    push: impl FnOnce(&str),
) where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    if event.metadata().fields().field(REQUEST_ID).is_some() {
        return;
    }
    let Some(span) = context.lookup_current() else { return };
    let extensions = span.extensions();
    if let Some(id) =
        extensions.get::<FormattedFields<RequestIdOnly>>().filter(|id| !id.fields.is_empty())
    {
        push(&id.fields);
    }
}

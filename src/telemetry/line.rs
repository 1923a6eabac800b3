//! How a log line looks: an object for machines, a sentence for people.
//!
//! The library's own formatter writes each span's fields to text, reads them back and writes them again, for every line; a
//! request's line took longer than its answer. Of a span only the request's id is kept here.

use std::fmt::{self, Write};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

/// The span's field that its lines bear too.
const REQUEST_ID: &str = "request_id";

/// What is kept of a span's fields: the request's id, as it is.
#[derive(Debug)]
pub(super) struct RequestIdOnly;

impl<'writer> FormatFields<'writer> for RequestIdOnly {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'writer>, fields: R) -> fmt::Result {
        fields.record(&mut KeepRequestId(writer));
        Ok(())
    }

    fn add_fields(&self, _: &'writer mut FormattedFields<Self>, _: &tracing::span::Record<'_>) -> fmt::Result {
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

/// An object a line.
#[derive(Debug)]
pub(super) struct Json;

impl<S: Subscriber + for<'a> LookupSpan<'a>> FormatEvent<S, RequestIdOnly> for Json {
    fn format_event(&self, context: &FmtContext<'_, S, RequestIdOnly>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let metadata = event.metadata();
        writer.write_str("{\"timestamp\":\"")?;
        SystemTime.format_time(&mut writer)?;
        write!(writer, "\",\"level\":\"{}\"", metadata.level())?;
        if is_foreign(metadata.target()) {
            write!(writer, ",\"target\":{}", Quoted(metadata.target()))?;
        }
        let mut fields = JsonFields { writer: writer.by_ref(), written: Ok(()) };
        event.record(&mut fields);
        fields.written?;
        with_request_id(context, |id| write!(writer, ",\"{REQUEST_ID}\":{}", Quoted(id)))?;
        writer.write_str("}\n")
    }
}

struct JsonFields<'writer> {
    writer: Writer<'writer>,
    written: fmt::Result,
}

impl JsonFields<'_> {
    fn member(&mut self, field: &Field, value: impl fmt::Display) {
        if self.written.is_ok() {
            self.written = write!(self.writer, ",\"{}\":{value}", field.name());
        }
    }
}

impl Visit for JsonFields<'_> {
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.member(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.member(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.member(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.member(field, Quoted(value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.member(field, Quoted(&format!("{value:?}")));
    }
}

/// A JSON string. What a terminal or a careless viewer could take for a command is escaped too.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        if self.0.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\') {
            f.write_str(self.0)?;
        } else {
            for c in self.0.chars() {
                match c {
                    '"' | '\\' => write!(f, "\\{c}")?,
                    c if c.is_control() => write!(f, "\\u{:04x}", u32::from(c))?,
                    c => f.write_char(c)?,
                }
            }
        }
        f.write_char('"')
    }
}

/// A sentence a line.
#[derive(Debug)]
pub(super) struct Human {
    /// Whether levels are coloured.
    pub(super) colours: bool,
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> FormatEvent<S, RequestIdOnly> for Human {
    fn format_event(&self, context: &FmtContext<'_, S, RequestIdOnly>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let metadata = event.metadata();
        SystemTime.format_time(&mut writer)?;
        let level = *metadata.level();
        if self.colours {
            write!(writer, " \u{1b}[{}m{level:>5}\u{1b}[0m", colour(level))?;
        } else {
            write!(writer, " {level:>5}")?;
        }
        if is_foreign(metadata.target()) {
            write!(writer, " {}", metadata.target())?;
        }
        let mut fields = HumanFields { writer: writer.by_ref(), written: Ok(()) };
        event.record(&mut fields);
        fields.written?;
        with_request_id(context, |id| write!(writer, " {REQUEST_ID}={id}"))?;
        writer.write_char('\n')
    }
}

const fn colour(level: Level) -> u8 {
    match level {
        Level::ERROR => 31,
        Level::WARN => 33,
        Level::INFO => 32,
        Level::DEBUG => 34,
        Level::TRACE => 35,
    }
}

struct HumanFields<'writer> {
    writer: Writer<'writer>,
    written: fmt::Result,
}

impl Visit for HumanFields<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{}", value.escape_debug()));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if self.written.is_ok() {
            self.written = match field.name() {
                "message" => write!(self.writer, " {value:?}"),
                name => write!(self.writer, " {name}={value:?}"),
            };
        }
    }
}

/// Whose words it is: lines of other people's code name it.
fn is_foreign(target: &str) -> bool {
    !target.starts_with("hookpoint")
}

fn with_request_id<S>(context: &FmtContext<'_, S, RequestIdOnly>, write: impl FnOnce(&str) -> fmt::Result) -> fmt::Result
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let Some(span) = context.lookup_current() else { return Ok(()) };
    let extensions = span.extensions();
    extensions.get::<FormattedFields<RequestIdOnly>>().filter(|id| !id.fields.is_empty()).map_or(Ok(()), |id| write(&id.fields))
}

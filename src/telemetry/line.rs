//! How a log line looks: an object for machines, a sentence for people.
//!
//! The library's own formatter writes each span's fields to text, reads them back and writes them again, for every line; a
//! request's line took longer than its answer. Of a span only the request's id is kept here.

use std::cell::RefCell;
use std::fmt;

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

use crate::clock::Clock;

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
        write_time(&mut writer)?;
        writer.write_str("\",\"level\":\"")?;
        writer.write_str(metadata.level().as_str())?;
        writer.write_char('"')?;
        if is_foreign(metadata.target()) {
            writer.write_str(",\"target\":")?;
            write_quoted(&mut writer, metadata.target())?;
        }
        let mut fields = JsonFields { writer: writer.by_ref(), written: Ok(()) };
        event.record(&mut fields);
        fields.written?;
        with_request_id(event, context, |id| {
            writer.write_str(",\"request_id\":")?;
            write_quoted(&mut writer, id)
        })?;
        writer.write_str("}\n")
    }
}

struct JsonFields<'writer> {
    writer: Writer<'writer>,
    written: fmt::Result,
}

impl JsonFields<'_> {
    fn member(&mut self, field: &Field, write: impl FnOnce(&mut Writer<'_>) -> fmt::Result) {
        if self.written.is_ok() {
            let name = [",\"", field.name(), "\":"];
            self.written = name.into_iter().try_for_each(|part| self.writer.write_str(part)).and_then(|()| write(&mut self.writer));
        }
    }
}

impl Visit for JsonFields<'_> {
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.member(field, |writer| write!(writer, "{value}"));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.member(field, |writer| write!(writer, "{value}"));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.member(field, |writer| write!(writer, "{value}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.member(field, |writer| write_quoted(writer, value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.member(field, |writer| write_quoted(writer, &format!("{value:?}")));
    }
}

/// A JSON string. What a terminal or a careless viewer could take for a command is escaped too.
fn write_quoted(writer: &mut Writer<'_>, text: &str) -> fmt::Result {
    writer.write_char('"')?;
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\') {
        writer.write_str(text)?;
    } else {
        for c in text.chars() {
            match c {
                '"' | '\\' => write!(writer, "\\{c}")?,
                c if c.is_control() => write!(writer, "\\u{:04x}", u32::from(c))?,
                c => writer.write_char(c)?,
            }
        }
    }
    writer.write_char('"')
}

thread_local! {
    /// The second in which this thread wrote last, as text: most lines are of the same one.
    static SECOND: RefCell<(i64, String)> = const { RefCell::new((i64::MIN, String::new())) };
}

/// Now, in UTC, to the microsecond.
fn write_time(writer: &mut Writer<'_>) -> fmt::Result {
    let now = Clock::system().now();
    SECOND.with_borrow_mut(|(second, text)| {
        if *second != now.as_second() {
            (*second, *text) = (now.as_second(), now.strftime("%FT%T").to_string());
        }
        writer.write_str(text)
    })?;
    write!(writer, ".{:06}Z", now.subsec_microsecond())
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
        write_time(&mut writer)?;
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
        with_request_id(event, context, |id| write!(writer, " {REQUEST_ID}={id}"))?;
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

/// The id of the request that this happened in, unless the event itself names it.
fn with_request_id<S>(event: &Event<'_>, context: &FmtContext<'_, S, RequestIdOnly>, write: impl FnOnce(&str) -> fmt::Result) -> fmt::Result
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    if event.metadata().fields().field(REQUEST_ID).is_some() {
        return Ok(());
    }
    let Some(span) = context.lookup_current() else { return Ok(()) };
    let extensions = span.extensions();
    extensions.get::<FormattedFields<RequestIdOnly>>().filter(|id| !id.fields.is_empty()).map_or(Ok(()), |id| write(&id.fields))
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use serde_json::Value;
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn written(json: bool, say: impl FnOnce()) -> String {
        let lines = Lines::default();
        let writer = lines.clone();
        let layer = tracing_subscriber::fmt::layer().fmt_fields(RequestIdOnly).with_writer(move || writer.clone());
        let registry = tracing_subscriber::registry();
        if json {
            tracing::subscriber::with_default(registry.with(layer.event_format(Json)), say);
        } else {
            tracing::subscriber::with_default(registry.with(layer.event_format(Human { colours: false })), say);
        }
        let bytes = lines.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_line_is_one_object_whatever_is_in_it() {
        let nasty = "a\"b\\c\nd\u{1b}[31m\u{9b}\u{2028}ë";
        let text = written(true, || {
            let span = tracing::info_span!("request", request_id = "r-1", brand = tracing::field::Empty);
            let _in = span.enter();
            span.record("brand", "shop");
            tracing::warn!(nasty, n = 7_u64, below = -7_i64, yes = true, debug = ?Some(nasty), "said \"so\"");
        });
        assert_eq!(text.lines().count(), 1, "{text}");
        let line: Value = serde_json::from_str(&text).unwrap();
        assert_eq!((&line["nasty"], &line["n"], &line["below"], &line["yes"]), (&nasty.into(), &7.into(), &(-7).into(), &true.into()));
        assert_eq!((&line["message"], &line["level"], &line["request_id"]), (&"said \"so\"".into(), &"WARN".into(), &"r-1".into()));
        assert!(line["timestamp"].as_str().unwrap().parse::<jiff::Timestamp>().is_ok() && line["debug"].is_string(), "{text}");
        assert!(line.get("target").is_none() && !text.contains('\u{1b}'), "{text}");
    }

    #[test]
    fn people_read_a_sentence() {
        let text = written(false, || tracing::info!(status = 200, text = "a\u{1b}b", "http.request.answered"));
        assert!(text.trim_end().ends_with("  INFO http.request.answered status=200 text=a\\u{1b}b"), "{text}");
        let foreign = written(false, || tracing::error!(target: "sqlx", "lost"));
        assert!(foreign.trim_end().ends_with(" ERROR sqlx lost"), "{foreign}");
    }
}

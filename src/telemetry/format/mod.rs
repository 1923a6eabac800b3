//! The formats of log lines: JSON for machines, text for people.
//!
//! The formatter of the library writes the fields of each span to text, parses them, and writes them again, for every
//! line. That took longer than answering a request. This formatter keeps only the request id of a span.

use std::cell::RefCell;
use std::fmt::{self, Write};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

use crate::clock::Clock;

/// The field of a span that its log lines contain too.
const REQUEST_ID: &str = "request_id";

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

thread_local! {
    /// The line that this thread writes. Parts are added directly, because each call of the library's writer takes
    /// time.
    static LINE: RefCell<String> = const { RefCell::new(String::new()) };
    /// The second of this thread's last line, as text. Most lines have the same one.
    static SECOND: RefCell<(i64, String)> = const { RefCell::new((i64::MIN, String::new())) };
}

/// Writes a whole line at once. The values of a line may themselves write a log line meanwhile.
fn write_line(writer: &mut Writer<'_>, push: impl FnOnce(&mut String)) -> fmt::Result {
    let mut line = LINE.take();
    line.clear();
    push(&mut line);
    line.push('\n');
    let written = writer.write_str(&line);
    LINE.set(line);
    written
}

/// Writes one JSON object for each line.
#[derive(Debug)]
pub(crate) struct Json;

impl<S: Subscriber + for<'a> LookupSpan<'a>> FormatEvent<S, RequestIdOnly> for Json {
    fn format_event(
        &self,
        context: &FmtContext<'_, S, RequestIdOnly>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let metadata = event.metadata();
        write_line(&mut writer, |line| {
            line.push_str("{\"timestamp\":\"");
            push_time(line);
            line.push_str("\",\"level\":\"");
            line.push_str(metadata.level().as_str());
            line.push('"');
            if is_foreign(metadata.target()) {
                push_text(line, "target", metadata.target());
            }
            event.record(&mut JsonFields(line));
            with_request_id(event, context, |id| push_text(line, REQUEST_ID, id));
            line.push('}');
        })
    }
}

struct JsonFields<'a>(&'a mut String);

impl JsonFields<'_> {
    fn number(&mut self, field: &Field, value: impl fmt::Display) {
        push_name(self.0, field.name());
        let _ = write!(self.0, "{value}");
    }
}

impl Visit for JsonFields<'_> {
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.number(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.number(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.number(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        push_text(self.0, field.name(), value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        push_name(self.0, field.name());
        self.0.push('"');
        let start = self.0.len();
        let _ = write!(self.0, "{value:?}");
        if self.0.get(start..).is_some_and(|text| !is_plain(text)) {
            let text = self.0.split_off(start);
            push_escaped(self.0, &text);
        }
        self.0.push('"');
    }
}

fn push_name(line: &mut String, name: &str) {
    line.push_str(",\"");
    line.push_str(name);
    line.push_str("\":");
}

fn push_text(line: &mut String, name: &str, text: &str) {
    push_name(line, name);
    line.push('"');
    if is_plain(text) {
        line.push_str(text);
    } else {
        push_escaped(line, text);
    }
    line.push('"');
}

/// Whether a text needs no escaping in JSON.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\')
}

/// Escapes a text for JSON. Control characters are escaped too, because a terminal could execute them.
fn push_escaped(line: &mut String, text: &str) {
    for c in text.chars() {
        let _ = match c {
            '"' | '\\' => write!(line, "\\{c}"),
            c if c.is_control() => write!(line, "\\u{:04x}", u32::from(c)),
            c => line.write_char(c),
        };
    }
}

/// Appends the current time in UTC, with microseconds.
fn push_time(line: &mut String) {
    let now = Clock::system().now();
    SECOND.with_borrow_mut(|(second, text)| {
        if *second != now.as_second() {
            (*second, *text) = (now.as_second(), now.strftime("%FT%T").to_string());
        }
        line.push_str(text);
    });
    let _ = write!(line, ".{:06}Z", now.subsec_microsecond());
}

/// Writes one line of text for people.
#[derive(Debug)]
pub(crate) struct Human {
    /// Whether the level has a colour.
    pub(crate) colours: bool,
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> FormatEvent<S, RequestIdOnly> for Human {
    fn format_event(
        &self,
        context: &FmtContext<'_, S, RequestIdOnly>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let metadata = event.metadata();
        let level = *metadata.level();
        write_line(&mut writer, |line| {
            push_time(line);
            let _ = match self.colours {
                true => write!(line, " \u{1b}[{}m{level:>5}\u{1b}[0m", colour(level)),
                false => write!(line, " {level:>5}"),
            };
            if is_foreign(metadata.target()) {
                let _ = write!(line, " {}", metadata.target());
            }
            event.record(&mut HumanFields(line));
            with_request_id(event, context, |id| {
                let _ = write!(line, " {REQUEST_ID}={id}");
            });
        })
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

struct HumanFields<'a>(&'a mut String);

impl Visit for HumanFields<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{}", value.escape_debug()));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let _ = match field.name() {
            "message" => write!(self.0, " {value:?}"),
            name => write!(self.0, " {name}={value:?}"),
        };
    }
}

/// Whether a line comes from another crate. Such lines name their crate.
fn is_foreign(target: &str) -> bool {
    !target.starts_with("hookpoint")
}

/// Passes on the request id of the current span, unless the event has one itself.
fn with_request_id<S>(
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

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use serde_json::Value;
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    #[derive(Clone, Default)]
    struct TestWriter(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for TestWriter {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn written(json: bool, say: impl FnOnce()) -> String {
        let lines = TestWriter::default();
        let writer = lines.clone();
        let layer = tracing_subscriber::fmt::layer()
            .fmt_fields(RequestIdOnly)
            .with_writer(move || writer.clone());
        let registry = tracing_subscriber::registry();
        if json {
            tracing::subscriber::with_default(registry.with(layer.event_format(Json)), say);
        } else {
            tracing::subscriber::with_default(
                registry.with(layer.event_format(Human { colours: false })),
                say,
            );
        }
        let bytes = lines.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_line_is_one_object_whatever_is_in_it() {
        let nasty = "a\"b\\c\nd\u{1b}[31m\u{9b}\u{2028}ë";
        let text = written(true, || {
            let span =
                tracing::info_span!("request", request_id = "r-1", brand = tracing::field::Empty);
            let _in = span.enter();
            span.record("brand", "shop");
            tracing::warn!(nasty, n = 7_u64, below = -7_i64, yes = true, debug = ?Some(nasty), "said \"so\"");
        });
        assert_eq!(text.lines().count(), 1, "{text}");
        let line: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            (&line["nasty"], &line["n"], &line["below"], &line["yes"]),
            (&nasty.into(), &7.into(), &(-7).into(), &true.into())
        );
        assert_eq!(
            (&line["message"], &line["level"], &line["request_id"]),
            (&"said \"so\"".into(), &"WARN".into(), &"r-1".into())
        );
        assert!(
            line["timestamp"].as_str().unwrap().parse::<jiff::Timestamp>().is_ok()
                && line["debug"].is_string(),
            "{text}"
        );
        assert!(line.get("target").is_none() && !text.contains('\u{1b}'), "{text}");
    }

    #[test]
    fn people_read_a_sentence() {
        let text =
            written(false, || tracing::info!(status = 200, text = "a\u{1b}b", "request answered"));
        assert!(
            text.trim_end().ends_with("  INFO request answered status=200 text=a\\u{1b}b"),
            "{text}"
        );
        let foreign = written(false, || tracing::error!(target: "sqlx", "lost"));
        assert!(foreign.trim_end().ends_with(" ERROR sqlx lost"), "{foreign}");
    }
}

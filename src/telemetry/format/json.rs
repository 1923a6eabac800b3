//! Log lines as JSON, for machines.

use std::fmt::{self, Write};

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent};
use tracing_subscriber::registry::LookupSpan;

use super::line::{is_foreign, push_time, write_line};
use super::request_id::{REQUEST_ID, RequestIdOnly, with_request_id};

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
    fn number(&mut self, field: &Field, value: impl itoa::Integer) {
        push_name(self.0, field.name());
        self.0.push_str(itoa::Buffer::new().format(value));
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
        push_name(self.0, field.name());
        self.0.push_str(if value { "true" } else { "false" });
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
    // It looks at all bytes, so the processor can look at many at once.
    text.bytes().fold(true, |is_plain, byte| {
        is_plain & matches!(byte, b' '..=b'~') & (byte != b'"') & (byte != b'\\')
    })
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

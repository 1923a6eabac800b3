//! Log lines as text, for people.

use std::fmt::{self, Write};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent};
use tracing_subscriber::registry::LookupSpan;

use super::line::{is_foreign, push_time, write_line};
use super::request_id::{REQUEST_ID, RequestIdOnly, with_request_id};

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

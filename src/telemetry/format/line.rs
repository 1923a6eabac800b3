//! The parts that all log lines have.

use std::cell::RefCell;
use std::fmt;

use tracing_subscriber::fmt::format::Writer;

use crate::clock::Clock;

thread_local! {
    /// The line that this thread writes. Parts are added directly, because each call of the library's writer takes
    /// time.
    static LINE: RefCell<String> = const { RefCell::new(String::new()) };
    /// The second of this thread's last line, as text. Most lines have the same one.
    static SECOND: RefCell<(i64, String)> = const { RefCell::new((i64::MIN, String::new())) };
}

/// Writes a whole line at once. The values of a line may themselves write a log line meanwhile.
pub(super) fn write_line(writer: &mut Writer<'_>, push: impl FnOnce(&mut String)) -> fmt::Result {
    let mut line = LINE.take();
    line.clear();
    push(&mut line);
    line.push('\n');
    let written = writer.write_str(&line);
    LINE.set(line);
    written
}

/// Appends the current time in UTC, with microseconds.
pub(super) fn push_time(line: &mut String) {
    let now = Clock::system().now();
    SECOND.with_borrow_mut(|(second, text)| {
        if *second != now.as_second() {
            (*second, *text) = (now.as_second(), now.strftime("%FT%T").to_string());
        }
        line.push_str(text);
    });
    line.push('.');
    let microseconds = now.subsec_microsecond();
    for unit in [100_000, 10_000, 1_000, 100, 10, 1] {
        let digit = u8::try_from(microseconds / unit % 10).unwrap_or_default();
        line.push(char::from(b'0'.saturating_add(digit)));
    }
    line.push('Z');
}

/// Whether a line comes from another crate. Such lines name their crate.
pub(super) fn is_foreign(target: &str) -> bool {
    !target.starts_with("hookpoint")
}

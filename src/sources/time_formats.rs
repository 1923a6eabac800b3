//! The spellings of dates and times in texts.

use jiff::civil::{Date, DateTime};
use jiff::fmt::rfc2822::DateTimeParser;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

pub(super) fn in_utc(at: DateTime) -> Option<Timestamp> {
    at.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

/// A date without a time, or with midnight, which some programs append to every date. A zone has no meaning
/// then.
pub(super) fn day(text: &str) -> Option<Date> {
    let (date, rest) = text.split_at_checked(10)?;
    let rest = match rest.strip_prefix(['T', ' ']).map(|time| time.strip_prefix("00:00:00")) {
        Some(Some(fraction))
            if fraction.strip_prefix('.').unwrap_or(fraction).bytes().all(|byte| byte == b'0') =>
        {
            ""
        }
        Some(None) if rest.get(1..) == Some("00:00") => "",
        Some(_) => return None,
        None => rest,
    };
    let is_zone = rest.is_empty()
        || rest == "Z"
        || (rest.len() == 6 && offset_at_end(rest).is_some_and(|hours| hours <= MAX_HOURS));
    date.replace('/', "-").parse().ok().filter(|_| is_zone)
}

/// The largest offset of a zone from UTC, in hours.
const MAX_HOURS: u8 = 14;

/// The hours of an offset at the end of a text: `+01:00`, `+0100` or `+01`.
fn offset_at_end(text: &str) -> Option<u8> {
    let (_, offset) = text.split_at_checked(text.rfind(['+', '-'])?.saturating_add(1))?;
    let digits = offset.replace(':', "");
    let is_offset =
        matches!(digits.len(), 2 | 4) && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.get(..2).filter(|_| is_offset)?.parse().ok()
}

/// RFC 3339 and similar formats (ISO 8601, RFC 9557), RFC 2822, and the dates of HTTP and JavaScript.
pub(super) fn instant(text: &str) -> Option<Timestamp> {
    let (text, plus_a_day) = without_hour_24(text);
    let text = with_usual_zone(&with_short_fraction(&text));
    let zoned = || text.parse::<Zoned>().ok().map(|zoned| zoned.timestamp());
    let http = || httpdate::parse_http_date(&text).ok().and_then(|at| Timestamp::try_from(at).ok());
    let found = text
        .parse()
        .ok()
        .or_else(zoned)
        .or_else(|| civil(&text).and_then(in_utc))
        .or_else(|| mail(&text))
        .or_else(http);
    let found: Timestamp = found.or_else(|| javascript(&text))?;
    let without_name = text.split(['[', '(']).next().unwrap_or_default().trim_end();
    if offset_at_end(without_name).is_some_and(|hours| hours > MAX_HOURS) {
        return None;
    }
    if plus_a_day {
        found.checked_add(jiff::SignedDuration::from_secs(86_400)).ok()
    } else {
        Some(found)
    }
}

/// A date and a time without a zone.
pub(super) fn civil(text: &str) -> Option<DateTime> {
    let (date, time) = text.split_once(['T', 't', ' '])?;
    let has_no_zone =
        time.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b':' | b'.' | b','));
    format!("{}T{time}", date.replace('/', "-")).parse().ok().filter(|_| has_no_zone)
}

/// Only zones with an offset from UTC count. A zone name that the parser does not know could be any zone.
fn mail(text: &str) -> Option<Timestamp> {
    static PARSER: DateTimeParser = DateTimeParser::new();
    let zone = text.rsplit(' ').next()?;
    let is_offset = zone.starts_with(['+', '-'])
        || ["GMT", "UT", "UTC", "Z", "EST", "EDT", "CST", "CDT", "MST", "MDT", "PST", "PDT"]
            .contains(&zone);
    PARSER.parse_timestamp(text).ok().filter(|_| is_offset)
}

/// `Sat Nov 21 2026 10:00:00 GMT+0100 (Central European Standard Time)`.
fn javascript(text: &str) -> Option<Timestamp> {
    let text = text.split(" (").next()?;
    Timestamp::strptime("%a %b %d %Y %H:%M:%S GMT%z", text).ok()
}

/// Midnight at the end of a day (ISO 8601), as the beginning of that day. The caller adds a day.
fn without_hour_24(text: &str) -> (String, bool) {
    for (end, beginning) in [("T24:00", "T00:00"), (" 24:00", " 00:00")] {
        if let Some((date, rest)) = text.split_once(end)
            && rest
                .strip_prefix(":00")
                .unwrap_or(rest)
                .trim_start_matches(['.', ',', '0'])
                .chars()
                .next()
                .is_none_or(|c| !c.is_ascii_digit() && c != ':')
        {
            return (format!("{date}{beginning}{rest}"), true);
        }
    }
    (text.to_owned(), false)
}

/// Cuts fractions of a second to the supported length.
fn with_short_fraction(text: &str) -> String {
    let Some(start) = text.find(['.', ',']).map(|point| point.saturating_add(1)) else {
        return text.to_owned();
    };
    let digits =
        text.get(start..).unwrap_or_default().bytes().take_while(u8::is_ascii_digit).count();
    let (head, rest) =
        text.split_at_checked(start.saturating_add(digits.min(9))).unwrap_or((text, ""));
    format!("{head}{}", rest.trim_start_matches(|c: char| c.is_ascii_digit()))
}

/// Converts ` UTC` and ` GMT` after an ISO time, and a blank before an offset.
fn with_usual_zone(text: &str) -> String {
    if !text.get(..4).is_some_and(|year| year.bytes().all(|byte| byte.is_ascii_digit())) {
        return text.to_owned();
    }
    for (end, zone) in [(" UTC", "Z"), (" GMT", "Z"), (" Z", "Z"), (" +", "+"), (" -", "-")] {
        if let Some((time, rest)) = text.rsplit_once(end)
            && time.contains(':')
        {
            return format!("{time}{zone}{rest}");
        }
    }
    text.to_owned()
}

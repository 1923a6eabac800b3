//! Reads the rate limit headers of a reply. Another client may use the same limit, so the source knows best.
//!
//! It reads `X-RateLimit-*` as OmnioTap documents them, with the reset in seconds since 1970; `RateLimit-*` (an IETF
//! draft) with the seconds until the reset; and `Retry-After` (RFC 9110, section 10.2.3) with seconds or a date. Other
//! sources write the reset in smaller units, as a date, or as a duration such as `1m30s`.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};
use serde_json::Value;

use crate::sources::value::time_of;
use crate::storage::rate_limit::Allowance;

/// The longest pause or reset that is accepted.
const MAX_PAUSE: Duration = Duration::from_secs(3_600);

/// A reset that is further away has an unknown format. It is then replaced by this time.
const DEFAULT_RESET: Duration = Duration::from_secs(60);

/// The limits in a reply.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct RateLimitHeaders {
    /// The calls that are left, and until when.
    pub(super) allowance: Option<Allowance>,
    /// The pause before the next call.
    pub(super) pause: Option<Duration>,
    /// The source rejected the call with status 429.
    pub(super) is_throttled: bool,
}

impl RateLimitHeaders {
    /// Reads the headers of a reply. Times are relative to the reply's own date if it has one, because clocks differ.
    pub(super) fn read(status: u16, headers: &HeaderMap, now: Timestamp) -> Self {
        let now = text(headers, DATE.as_str()).and_then(date).unwrap_or(now);
        let reported = ["x-ratelimit", "ratelimit"]
            .into_iter()
            .filter_map(|prefix| allowance(headers, prefix, now));
        let is_throttled = status == 429;
        let asked = text(headers, RETRY_AFTER.as_str())
            .filter(|_| is_throttled || status == 503)
            .and_then(|text| time_until(text, now));
        let allowance = reported.min_by_key(|allowance| allowance.left);
        let exhausted = allowance
            .filter(|allowance| is_throttled && allowance.left == 0)
            .map(|allowance| allowance.lasts);
        Self { allowance, pause: asked.or(exhausted), is_throttled }
    }
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

/// Parses a date in one of HTTP's three formats (RFC 9110, section 5.6.7), or in another one that sources use.
fn date(text: &str) -> Option<Timestamp> {
    let http = httpdate::parse_http_date(text).ok().and_then(|at| Timestamp::try_from(at).ok());
    let is_number = number(text).is_some();
    http.or_else(|| time_of(&Value::from(text)).filter(|_| !is_number))
}

fn number(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

/// The calls that are left, and until when. `None` if a header is missing, or that time has passed.
fn allowance(headers: &HeaderMap, prefix: &str, now: Timestamp) -> Option<Allowance> {
    let left = number(text(headers, &format!("{prefix}-remaining"))?)?;
    let lasts = reset_in(text(headers, &format!("{prefix}-reset"))?, now)?;
    let left = u32::try_from(
        Duration::try_from_secs_f64(left.max(0.0)).unwrap_or(Duration::MAX).as_secs(),
    )
    .unwrap_or(u32::MAX);
    Some(Allowance { left, lasts })
}

/// The time until a reset. `None` if it has passed or cannot be parsed. An implausible time is replaced by the usual
/// length of a window.
fn reset_in(text: &str, now: Timestamp) -> Option<Duration> {
    let seconds = match number(text) {
        // A time since 1970, in seconds or smaller units, ...
        Some(reset) if reset > 1e17 => reset / 1e9 - seconds_of(now),
        Some(reset) if reset > 1e14 => reset / 1e6 - seconds_of(now),
        Some(reset) if reset > 1e11 => reset / 1e3 - seconds_of(now),
        Some(reset) if reset > 1e8 => reset - seconds_of(now),
        // ... or the seconds until the reset.
        Some(reset) => reset,
        None => match date(text) {
            Some(at) => at.duration_since(now).as_secs_f64(),
            None => text.parse::<SignedDuration>().ok()?.as_secs_f64(),
        },
    };
    bounded(if seconds > MAX_PAUSE.as_secs_f64() { DEFAULT_RESET.as_secs_f64() } else { seconds })
}

fn seconds_of(now: Timestamp) -> f64 {
    now.duration_since(Timestamp::UNIX_EPOCH).as_secs_f64()
}

/// A longer pause in `Retry-After` is a time since 1970, or an error.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(7 * 86_400);

fn time_until(text: &str, now: Timestamp) -> Option<Duration> {
    if number(text).is_some_and(|seconds| seconds > MAX_RETRY_AFTER.as_secs_f64()) {
        return reset_in(text, now);
    }
    let seconds = number(text).or_else(|| Some(date(text)?.duration_since(now).as_secs_f64()));
    bounded(seconds?)
}

fn bounded(seconds: f64) -> Option<Duration> {
    let time = Duration::try_from_secs_f64(seconds.clamp(0.0, MAX_PAUSE.as_secs_f64())).ok();
    time.filter(|time| !time.is_zero())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use reqwest::header::{HeaderName, HeaderValue};

    use super::*;

    fn now() -> Timestamp {
        "2026-11-21T12:00:00Z".parse().unwrap()
    }

    fn reported(status: u16, headers: &[(&str, &str)]) -> RateLimitHeaders {
        let header = |(name, value): &(&str, &str)| {
            (name.parse::<HeaderName>().unwrap(), value.parse::<HeaderValue>().unwrap())
        };
        RateLimitHeaders::read(status, &headers.iter().map(header).collect(), now())
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn what_is_left_is_read_as_the_vendors_write_it() {
        let epoch = now().as_second() + 20;
        let expected = Some(Allowance { left: 7, lasts: seconds(20) });
        for (prefix, reset) in [
            ("x-ratelimit", epoch.to_string()),
            ("x-ratelimit", format!("{epoch}000")),
            ("ratelimit", "20".to_owned()),
        ] {
            let (left, until) = (format!("{prefix}-remaining"), format!("{prefix}-reset"));
            assert_eq!(
                reported(200, &[(&left, "7"), (&until, &reset)]).allowance,
                expected,
                "{prefix}: {reset}"
            );
        }
        let reset = epoch.to_string();
        let both = [
            ("x-ratelimit-remaining", "9"),
            ("x-ratelimit-reset", &reset),
            ("ratelimit-remaining", "7"),
            ("ratelimit-reset", "20"),
        ];
        assert_eq!(reported(200, &both).allowance, expected, "the smaller one counts");
        // The source's clock is ten minutes ahead.
        let ahead = (epoch + 600).to_string();
        let dated = [
            ("x-ratelimit-remaining", "7"),
            ("x-ratelimit-reset", &ahead),
            ("date", "Sat, 21 Nov 2026 12:10:00 GMT"),
        ];
        assert_eq!(reported(200, &dated).allowance, expected);
        let dated = [
            ("x-ratelimit-remaining", "7"),
            ("x-ratelimit-reset", &ahead),
            ("date", "Saturday, 21-Nov-26 12:10:00 GMT"),
        ];
        assert_eq!(reported(200, &dated).allowance, expected);
        for reset in [
            format!("{epoch}000000"),
            format!("{epoch}000000000"),
            format!("{epoch}.0"),
            "Sat, 21 Nov 2026 12:00:20 GMT".to_owned(),
            "2026-11-21T12:00:20Z".to_owned(),
            "20s".to_owned(),
            "20000ms".to_owned(),
            "0m20s".to_owned(),
        ] {
            let headers = [("x-ratelimit-remaining", "7"), ("x-ratelimit-reset", reset.as_str())];
            assert_eq!(reported(200, &headers).allowance, expected, "{reset}");
        }
        for implausible in
            ["86400", "20000000", "4102444800", "1e300", "Sat, 21 Nov 2099 12:00:20 GMT"]
        {
            let headers = [("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", implausible)];
            assert_eq!(reported(429, &headers).pause, Some(seconds(60)), "{implausible}");
        }
        for unclear in ["soon", "", "NaN", "yesterday", "-5"] {
            assert_eq!(
                reported(200, &[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", unclear)])
                    .allowance,
                None,
                "{unclear}"
            );
        }
        let over = (epoch - 30).to_string();
        for nothing in [
            &[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", over.as_str())][..],
            &[("x-ratelimit-remaining", "0")],
            &[("x-ratelimit-reset", "9")],
        ] {
            assert_eq!(reported(200, nothing), RateLimitHeaders::default());
        }
    }

    #[test]
    fn a_pause_is_seconds_or_a_date_and_at_most_an_hour() {
        for (text, pause) in [
            ("30", Some(seconds(30))),
            ("Sat, 21 Nov 2026 12:00:30 GMT", Some(seconds(30))),
            ("Saturday, 21-Nov-26 12:00:30 GMT", Some(seconds(30))),
            ("Sat Nov 21 12:00:30 2026", Some(seconds(30))),
            ("30.0", Some(seconds(30))),
            ("86400", Some(seconds(3_600))),
            ("99999999", Some(seconds(60))),
            ("1795262430", Some(seconds(30))),
            ("Sat, 21 Nov 2099 12:00:30 GMT", Some(seconds(3_600))),
            ("Sat, 21 Nov 2020 12:00:30 GMT", None),
            ("0", None),
            ("-5", None),
            ("soon", None),
            ("NaN", None),
            ("inf", None),
            ("", None),
        ] {
            assert_eq!(reported(429, &[("retry-after", text)]).pause, pause, "{text}");
            assert_eq!(reported(200, &[("retry-after", text)]).pause, None);
        }
        assert_eq!(
            reported(503, &[("retry-after", "30")]),
            RateLimitHeaders { pause: Some(seconds(30)), ..RateLimitHeaders::default() }
        );
        let reset = (now().as_second() + 9).to_string();
        assert_eq!(
            reported(429, &[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", &reset)]).pause,
            Some(seconds(9))
        );
    }

    proptest! {
        #[test]
        fn whatever_it_says_it_is_bounded(status in 100_u16..600, values in proptest::collection::vec("[ -~]{0,40}|[0-9]{1,25}|-?[0-9]{1,12}(\\.[0-9]{1,9})?(e[0-9]{1,3})?", 6)) {
            let names = ["x-ratelimit-remaining", "x-ratelimit-reset", "ratelimit-remaining", "ratelimit-reset", "retry-after", "date"];
            let headers: Vec<_> = names.into_iter().zip(values.iter().map(String::as_str)).collect();
            let reported = reported(status, &headers);
            for time in reported.allowance.map(|allowance| allowance.lasts).into_iter().chain(reported.pause) {
                prop_assert!(!time.is_zero() && time <= MAX_PAUSE);
            }
        }
    }
}

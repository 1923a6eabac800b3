//! Counts in sentences: `1 delivery`, `2 deliveries`; and times: `5 minutes`.

use std::fmt::Display;

use jiff::SignedDuration;

/// A count with its noun.
#[must_use]
pub fn counted(count: impl Display, singular: &str, plural: &str) -> String {
    let count = count.to_string();
    let noun = if count == "1" { singular } else { plural };
    format!("{count} {noun}")
}

/// A time, rounded down: `45 seconds`, `12 minutes`, `5 hours`, `3 days`.
#[must_use]
pub fn duration(time: SignedDuration) -> String {
    match time.as_secs().max(0) {
        seconds @ 0..=119 => counted(seconds, "second", "seconds"),
        seconds @ 120..=7_199 => counted(seconds / 60, "minute", "minutes"),
        seconds @ 7_200..=172_799 => counted(seconds / 3_600, "hour", "hours"),
        seconds => counted(seconds / 86_400, "day", "days"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_is_singular() {
        let deliveries = |count: u64| counted(count, "delivery", "deliveries");
        assert_eq!([0, 1, 21].map(deliveries), ["0 deliveries", "1 delivery", "21 deliveries"]);
        assert_eq!(counted("1,001", "record", "records"), "1,001 records");
    }

    #[test]
    fn times_are_in_words() {
        let texts = [-1, 1, 119, 120, 7_200, 200_000]
            .map(|seconds| duration(SignedDuration::from_secs(seconds)));
        let words = ["0 seconds", "1 second", "119 seconds", "2 minutes", "2 hours", "2 days"];
        assert_eq!(texts, words);
    }
}

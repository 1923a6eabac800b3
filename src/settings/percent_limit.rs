//! Limits in percent, for changes that are probably a mistake if they affect much of the data.

/// So many are always allowed, because a percentage of little data says nothing.
const ALWAYS_ALLOWED: u64 = 10;

/// The most of `all` that a limit in percent allows.
#[must_use]
pub fn max_allowed(all: u64, max_percent: u32) -> u64 {
    (all.saturating_mul(u64::from(max_percent)) / 100).max(ALWAYS_ALLOWED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_are_always_allowed() {
        assert_eq!([max_allowed(0, 5), max_allowed(200, 5), max_allowed(1_000, 5)], [10, 10, 50]);
    }
}

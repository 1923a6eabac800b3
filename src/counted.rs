//! Counts in sentences: `1 delivery`, `2 deliveries`.

use std::fmt::Display;

/// A count with its noun.
#[must_use]
pub fn counted(count: impl Display, singular: &str, plural: &str) -> String {
    let count = count.to_string();
    let noun = if count == "1" { singular } else { plural };
    format!("{count} {noun}")
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
}

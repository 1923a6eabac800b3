//! Checks of the API keys for Omnidesk.

use jiff::{SignedDuration, Timestamp};

use super::check::ServiceCheck;
use crate::brand::Brand;
use crate::counted::counted;
use crate::doctor::finding::{Finding, Observation, Verdict};
use crate::storage::api_keys::{KeyRow, KeyState, list_keys};
use crate::storage::pool::Pool;

/// A key that expires sooner is reported.
const SOON: SignedDuration = SignedDuration::from_hours(14 * 24);

/// A rejected call with a revoked or expired key is reported for so long.
const LATELY: SignedDuration = SignedDuration::from_hours(24);

/// Checks that each brand has a key that is valid for some time, and that nobody uses another one.
pub async fn check_keys<'b>(
    pool: &Pool,
    brands: impl Iterator<Item = &'b Brand>,
    now: Timestamp,
) -> Vec<Finding> {
    let rows = match list_keys(pool).await {
        Ok(rows) => rows,
        Err(error) => return vec![ServiceCheck::Keys.found(Observation::fail(error.to_string()))],
    };
    let each = brands.map(|brand| {
        let own: Vec<&KeyRow> = rows.iter().filter(|row| row.brand_id == brand.id()).collect();
        ServiceCheck::Keys.found_of(brand.rules.slug.clone(), judge(&own, now))
    });
    each.collect()
}

fn judge(rows: &[&KeyRow], now: Timestamp) -> Observation {
    let valid = judge_valid(rows, now);
    match rejected_lately(rows.iter().copied(), now) {
        Some(_) if valid.verdict == Verdict::Pass => Observation::warn(
            "a call with a revoked or expired key was rejected within the last day",
        ),
        _ => valid,
    }
}

/// Judges whether one of the keys of a brand is valid for some time.
#[must_use]
pub fn judge_valid(rows: &[&KeyRow], now: Timestamp) -> Observation {
    let valid: Vec<&&KeyRow> =
        rows.iter().filter(|row| row.state(now) == KeyState::Valid).collect();
    let lasts = |row: &KeyRow| row.expires_at.is_none_or(|at| at.duration_since(now) > SOON);
    if valid.is_empty() {
        Observation::fail("no valid key")
    } else if valid.iter().any(|row| lasts(row)) {
        Observation::pass(counted(valid.len(), "valid key", "valid keys"))
    } else {
        Observation::warn("all valid keys expire within 14 days")
    }
}

/// The revoked or expired key with which a call was rejected last, if that was lately.
pub fn rejected_lately<'k>(
    rows: impl Iterator<Item = &'k KeyRow>,
    now: Timestamp,
) -> Option<&'k KeyRow> {
    rows.filter(|row| row.last_rejected_at.is_some_and(|at| now.duration_since(at) < LATELY))
        .max_by_key(|row| row.last_rejected_at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rejected_key_is_reported_for_a_day_unless_something_is_worse() {
        let now: Timestamp = "2026-11-30T12:00:00Z".parse().unwrap();
        let key = |rejected_hours: Option<i64>, is_revoked: bool| KeyRow {
            brand_id: 1,
            key_id: uuid::Uuid::nil(),
            label: String::new(),
            hash: [0; 32],
            created_at: now,
            expires_at: None,
            revoked_at: is_revoked.then_some(now),
            last_used_at: None,
            last_rejected_at: rejected_hours.map(|hours| now - SignedDuration::from_hours(hours)),
        };
        let valid = key(None, false);
        for (hours, verdict) in [(1, Verdict::Warn), (23, Verdict::Warn), (24, Verdict::Pass)] {
            let found = judge(&[&valid, &key(Some(hours), true)], now);
            assert_eq!(found.verdict, verdict, "{hours}: {}", found.seen);
        }
        let only_revoked = judge(&[&key(Some(1), true)], now);
        assert_eq!(only_revoked.verdict, Verdict::Fail);
    }
}

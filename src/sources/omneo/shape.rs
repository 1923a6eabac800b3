//! Detects the type of a body by its own keys. Omneo signs the body, but not the header with the event's name:
//! somebody who recorded a webhook could send it again as another event. So a body is parsed only as the type
//! that it looks like. A deletion counts only if the body itself reports it, or if Omneo confirms it.

use serde_json::Value;

use crate::sources::unreadable::Unreadable;
use crate::sources::value::{text_at, truth_of};

/// Types of bodies, and keys that only they have. A type without such keys may be confused with another.
const BODY_KINDS: [(&str, &[&str]); 11] = [
    (
        "profile",
        &[
            "first_name",
            "last_name",
            "full_name",
            "email",
            "mobile_phone",
            "mobile_phone_e164",
            "tier_handle",
            "identities",
            "joined_at",
        ],
    ),
    (
        "part",
        &[
            "reward_balance",
            "point_balance",
            "benefit_balance",
            "combined_balance_dollars",
            "spend_12m",
            "spend_all",
            "shop_count",
        ],
    ),
    ("tier", &["tier", "tier_handle", "achieved_at"]),
    ("identity", &["identifier"]),
    (
        "transaction",
        &["transacted_at", "receipt_ref", "items", "payments", "total_original", "is_void"],
    ),
    ("order", &["ordered_at", "order_number"]),
    ("reward", &["value_initial", "value_remaining"]),
    ("benefit", &["redemptions_remaining", "is_redeemable"]),
    ("interaction", &["interacted_at", "signal", "channel"]),
    ("point", &[]),
    ("rating", &[]),
];

/// A body may look like the type of its event, or like no known type, but not only like another type.
pub(super) fn must_be(kind: &str, body: &Value) -> Result<(), Unreadable> {
    let looks_like = |keys: &[&str]| keys.iter().any(|key| body.get(key).is_some());
    let is_own = BODY_KINDS.iter().any(|(own, keys)| *own == kind && looks_like(keys));
    // A profile also contains its balances and its tier.
    let may_hold =
        |other: &str| other == kind || (kind == "profile" && ["part", "tier"].contains(&other));
    let is_other = BODY_KINDS.iter().any(|(other, keys)| !may_hold(other) && looks_like(keys));
    // All other types belong to a profile; a profile belongs to none.
    let is_owned = kind == "profile"
        && (body.get("profile_id").is_some() || body.get("profile").is_some_and(Value::is_object));
    if is_owned || (is_other && !is_own) {
        Err(Unreadable::Foreign("event than its header says"))
    } else {
        Ok(())
    }
}

/// Whether the body itself reports its deletion.
pub(super) fn reports_deletion(body: &Value) -> bool {
    let has = |key: &str| {
        body.get(key).is_some_and(|value| !value.is_null() && value.as_str() != Some(""))
    };
    let is_true =
        |key: &str| body.get(key).is_some_and(|value| truth_of(value).ok().flatten() == Some(true));
    let is_deleted = |pointer: &str| {
        text_at(body, pointer).is_some_and(|kind| kind.eq_ignore_ascii_case("deleted"))
    };
    has("deleted_at")
        || is_true("is_deleted")
        || is_deleted("/profile_type")
        || is_deleted("/status")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_body_is_read_as_nothing_but_what_it_looks_like() {
        let profile = json!({ "id": "p", "first_name": "Anna", "point_balance": 3 });
        let transaction = json!({ "id": 1, "profile_id": "p", "total": 3, "transacted_at": "2026-01-01 10:00:00", "order_number": "A1", "profile": { "id": "p" } });
        let reward = json!({ "id": 2, "profile_id": "p", "value_initial": 5 });
        let balance = json!({ "profile_id": "p", "point_balance": 3 });
        let points = json!({ "id": "p", "point_balance": 3 });
        let little = json!({ "id": 1, "profile_id": "p", "status": "done" });
        for (kind, body) in [
            ("profile", &profile),
            ("profile", &points),
            ("transaction", &transaction),
            ("reward", &reward),
            ("part", &balance),
            ("transaction", &little),
        ] {
            assert!(must_be(kind, body).is_ok(), "{kind}");
        }
        for (kind, body) in [
            ("profile", &transaction),
            ("profile", &balance),
            ("profile", &little),
            ("part", &transaction),
            ("transaction", &profile),
            ("transaction", &reward),
            ("point", &reward),
            ("rating", &transaction),
            ("interaction", &balance),
            ("tier", &transaction),
        ] {
            assert_eq!(
                must_be(kind, body),
                Err(Unreadable::Foreign("event than its header says")),
                "{kind}"
            );
        }
    }

    #[test]
    fn only_a_body_that_says_so_is_about_something_that_is_gone() {
        for body in [
            json!({ "deleted_at": "2026-01-01 10:00:00" }),
            json!({ "profile_type": "Deleted" }),
            json!({ "is_deleted": true }),
        ] {
            assert!(reports_deletion(&body), "{body}");
        }
        for body in [
            json!({}),
            json!({ "deleted_at": null }),
            json!({ "deleted_at": "" }),
            json!({ "profile_type": "member", "is_deleted": 0 }),
        ] {
            assert!(!reports_deletion(&body), "{body}");
        }
    }
}

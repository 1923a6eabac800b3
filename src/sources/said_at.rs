//! The time of a statement or event in a vendor's JSON. It distinguishes a missing time from one that cannot be
//! parsed.

use jiff::Timestamp;
use serde_json::Value;

use super::extract::Fields;
use super::time::{Moment, Unclear, moment};
use super::value::{at, text_of};
use crate::customer::model::event::field::OCCURRED_AT;
use crate::customer::model::field_versions::UNCLEAR_AT;
use crate::customer::model::unread;

/// The time of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SaidAt {
    /// A known time.
    At(Moment),
    /// No time.
    Unsaid,
    /// A time that cannot be parsed, or a date that stands for "unknown".
    Unclear,
}

impl SaidAt {
    /// The time, if it is known.
    #[must_use]
    pub const fn known(self) -> Option<Moment> {
        if let Self::At(moment) = self { Some(moment) } else { None }
    }

    /// The time stamp of an update: the time of receipt if there is none. A time that cannot be parsed must not
    /// become "now".
    #[must_use]
    pub fn stamp(self, received_at: Timestamp) -> Timestamp {
        match self {
            Self::At(moment) => moment.timestamp().unwrap_or(UNCLEAR_AT),
            Self::Unsaid => received_at,
            Self::Unclear => UNCLEAR_AT,
        }
    }

    /// The later one of two times.
    #[must_use]
    pub fn or_later(self, other: Self) -> Self {
        match (self.known(), other.known()) {
            (Some(one), Some(two)) if two.timestamp() > one.timestamp() => other,
            (Some(_), _) => self,
            (None, Some(_)) => other,
            (None, None) if self == Self::Unsaid => other,
            (None, None) => self,
        }
    }
}

/// The first time that is present and can be parsed. Unparsable times are kept in the fields.
#[must_use]
pub fn said_at(body: &Value, places: &[&str], fields: &mut Fields) -> SaidAt {
    let mut said = SaidAt::Unsaid;
    for pointer in places {
        let Some(value) = at(body, pointer) else { continue };
        match moment(value) {
            Ok(Some(moment)) => return SaidAt::At(moment),
            Ok(None) if text_of(value).is_some() => said = SaidAt::Unclear,
            Ok(None) => {}
            Err(Unclear) => {
                fields.extend([unread::kept(pointer.rsplit('/').next().unwrap_or(pointer), value)]);
                said = SaidAt::Unclear;
            }
        }
    }
    said
}

/// Marks an event as undated if its time could not be parsed anywhere: it must not count as an event of "now".
#[must_use]
pub fn undated(occurred_at: Option<Moment>, unread: &Fields) -> Option<(String, Option<Value>)> {
    if occurred_at.is_some() {
        return None;
    }
    let raw = unread.values().flatten().next()?;
    Some(unread::kept(OCCURRED_AT, raw))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_first_time_that_can_be_read_counts_and_what_cannot_is_never_now() {
        let now: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
        let at: Timestamp = "2026-11-20T12:00:00Z".parse().unwrap();
        for (body, stamp, unread_count) in [
            (json!({"a": at.to_string(), "b": "2026-11-19"}), at, 0),
            (json!({"a": null, "b": at.to_string()}), at, 0),
            (json!({"a": "soon", "b": at.to_string()}), at, 1),
            (json!({"a": "", "b": null}), now, 0),
            (json!({}), now, 0),
            (json!({"a": "soon"}), UNCLEAR_AT, 1),
            (json!({"a": {}, "b": true}), UNCLEAR_AT, 2),
            (json!({"a": "0000-00-00"}), UNCLEAR_AT, 0),
            (json!({"a": 0}), UNCLEAR_AT, 0),
        ] {
            let mut unread = Fields::new();
            let said = said_at(&body, &["/a", "/b"], &mut unread);
            assert_eq!((said.stamp(now), unread.len()), (stamp, unread_count), "{body}");
            assert_eq!(
                undated(said.known(), &unread).is_some(),
                stamp == UNCLEAR_AT && unread_count > 0,
                "{body}"
            );
        }
    }

    #[test]
    fn of_two_times_the_later_one_counts_and_a_known_one_before_none() {
        let known = |text: &str| SaidAt::At(moment(&json!(text)).unwrap().unwrap());
        let (early, late) = (known("2026-11-19"), known("2026-11-20T12:00:00Z"));
        for (one, two, expected) in [
            (early, late, late),
            (late, early, late),
            (SaidAt::Unclear, early, early),
            (early, SaidAt::Unclear, early),
            (SaidAt::Unsaid, SaidAt::Unclear, SaidAt::Unclear),
            (SaidAt::Unclear, SaidAt::Unsaid, SaidAt::Unclear),
            (SaidAt::Unsaid, SaidAt::Unsaid, SaidAt::Unsaid),
        ] {
            assert_eq!(one.or_later(two), expected);
        }
    }
}

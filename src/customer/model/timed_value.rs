//! One value of a field with its time: which of two values wins, and which a deletion removes.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One value of a field, with its time.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct TimedValue {
    pub at: Timestamp,
    /// How long after its timestamp the value was received, in microseconds. 0: it has no timestamp other than the
    /// receipt.
    #[serde(default, rename = "delay_us", skip_serializing_if = "is_zero")]
    pub receipt_delay_us: u64,
    pub value: Option<Value>,
    /// For a value without its own timestamp: the newest value that has one. It counts again if a deletion removes the
    /// other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timed: Option<Box<Self>>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl TimedValue {
    /// Whether the value has a timestamp of the source.
    pub const fn is_timed(&self) -> bool {
        self.receipt_delay_us > 0
    }

    /// The newest value wins. At the same time: the later receipt, then the greater value, so that the order of arrival
    /// does not matter.
    fn wins_over(&self, other: &Self) -> bool {
        let stamps = (self.at, self.receipt_delay_us).cmp(&(other.at, other.receipt_delay_us));
        stamps.then_with(|| self.weight().cmp(&other.weight())).is_gt()
    }

    fn weight(&self) -> Option<String> {
        self.value.as_ref().map(Value::to_string)
    }

    /// Keeps the winner of two values. A winner without its own timestamp also keeps the newest value that has one,
    /// because a deletion can remove the first and not the second. In the opposite case nothing is kept.
    pub fn join(&mut self, mut other: Self) {
        if other.wins_over(self) {
            std::mem::swap(self, &mut other);
        }
        if self.is_timed() {
            self.timed = None;
            return;
        }
        let beneath = if other.is_timed() { Some(Box::new(other)) } else { other.timed };
        self.timed = match (self.timed.take(), beneath) {
            (Some(one), Some(two)) => Some(if two.wins_over(&one) { two } else { one }),
            (one, two) => one.or(two),
        };
    }
}

/// The time of a deletion.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Deletion {
    pub at: Timestamp,
    pub received_at: Timestamp,
}

impl Deletion {
    /// Whether the deletion removes a value. A value with its own timestamp is compared by it, another value by its
    /// receipt.
    pub fn masks(self, at: Timestamp, is_timed: bool) -> bool {
        at <= if is_timed { self.at } else { self.received_at }
    }
}

//! What one delivery or page says about one record or event.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde_json::Value;

/// The fields of one record or event in one delivery or page.
#[derive(Clone, PartialEq)]
pub struct Update {
    /// The source's timestamp. If it is missing, the time of receipt. If it cannot be parsed, [`UNCLEAR_AT`]. A
    /// timestamp after the receipt counts as the time of receipt, so that a clock that is ahead does not win.
    pub at: Timestamp,
    /// Time of the first receipt, by Postgres's clock.
    pub received_at: Timestamp,
    /// How much of the record or event the update covers.
    pub scope: Scope,
    /// The fields of the update. `None`: the field was cleared.
    pub fields: BTreeMap<String, Option<Value>>,
}

/// The second of [`UNCLEAR_AT`]: 1900-01-01. No real timestamp is so old.
pub const UNCLEAR_SECOND: i64 = -2_208_988_800;

/// Stands for a timestamp that cannot be parsed. It is older than every real timestamp, so such an update never
/// replaces a dated value. Of several such updates, the last received counts.
pub const UNCLEAR_AT: Timestamp = Timestamp::constant(UNCLEAR_SECOND, 0);

/// How much of the record or event an update covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Only the fields in the update (a webhook). A missing field is unknown.
    Partial,
    /// Only a part, such as a balance. It does not prove that the record or event exists.
    Part,
    /// All fields (an API response). A missing field is cleared.
    Whole,
    /// The source deleted the record or event.
    Deletion,
}

impl fmt::Debug for Update {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Update")
            .field("at", &self.at)
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}

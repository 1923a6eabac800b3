//! A value to try, and what is wrong if it turns out to be the right one.

use super::reason::Reason;

/// A value that may be the one that the sender used.
#[derive(Clone)]
pub struct Attempt<T> {
    /// The value.
    pub value: T,
    /// How it differs from the value that the verification uses. Empty if it is the same.
    pub reasons: Vec<Reason>,
}

impl<T> Attempt<T> {
    /// The value that the verification uses.
    pub(in crate::sources) const fn exact(value: T) -> Self {
        Self { value, reasons: Vec::new() }
    }

    /// Another value.
    pub(in crate::sources) fn other(value: T, reason: Reason) -> Self {
        Self { value, reasons: vec![reason] }
    }
}

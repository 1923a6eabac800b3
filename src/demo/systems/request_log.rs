//! Who came to a system, for tests to count.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

/// How many are remembered.
const KEPT: usize = 200_000;

/// A request that came. It says neither the query nor what proved whose it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// When.
    pub at: Timestamp,
    /// By which method.
    pub method: String,
    /// Where to, without the query.
    pub path: String,
    /// Whether a key, a token or a client's secret came with it.
    pub has_credential: bool,
    /// The status that it was answered; 0 where there was no answer in order.
    pub status: u16,
}

#[derive(Default)]
pub(super) struct Arrivals(Mutex<VecDeque<Arrival>>);

impl Arrivals {
    pub(super) fn add(&self, arrival: Arrival) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= KEPT {
            all.pop_front();
        }
        all.push_back(arrival);
    }

    pub(super) fn all(&self) -> Vec<Arrival> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    pub(super) fn forget(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

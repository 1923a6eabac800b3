//! A rate limit with fixed windows, as OmnioTap documents it.

use jiff::Timestamp;
use parking_lot::Mutex;

/// The start of the current window, and its number of requests.
#[derive(Default)]
pub(super) struct Window(Mutex<(i64, u32)>);

/// The result of counting a request.
pub(super) struct Counted {
    pub(super) is_over: bool,
    pub(super) remaining: u32,
    /// End of the window, in epoch seconds.
    pub(super) reset: i64,
}

impl Window {
    /// Counts a request. Windows begin at multiples of their length.
    pub(super) fn count(&self, now: Timestamp, limit: u32, seconds: u32) -> Counted {
        let length = i64::from(seconds.max(1));
        let start = now.as_second().div_euclid(length).saturating_mul(length);
        let mut window = self.0.lock();
        if window.0 != start {
            *window = (start, 0);
        }
        let is_over = window.1 >= limit;
        if !is_over {
            window.1 = window.1.saturating_add(1);
        }
        Counted {
            is_over,
            remaining: limit.saturating_sub(window.1),
            reset: start.saturating_add(length),
        }
    }
}

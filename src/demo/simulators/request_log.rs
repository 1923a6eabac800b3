//! The log of requests to a system, for tests.

use std::collections::VecDeque;

use jiff::Timestamp;
use parking_lot::Mutex;

/// The most requests in the log.
const MAX_LOGGED_REQUESTS: usize = 200_000;

/// A logged request, without its query and credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedRequest {
    /// Time of the request.
    pub at: Timestamp,
    /// HTTP method.
    pub method: String,
    /// Path without the query.
    pub path: String,
    /// Whether it contained an API key, a token or a client secret.
    pub has_credential: bool,
    /// The status of the response; 0 if there was no valid response.
    pub status: u16,
}

#[derive(Default)]
pub(super) struct RequestLog(Mutex<VecDeque<LoggedRequest>>);

impl RequestLog {
    pub(super) fn add(&self, logged: LoggedRequest) {
        let mut all = self.0.lock();
        if all.len() >= MAX_LOGGED_REQUESTS {
            all.pop_front();
        }
        all.push_back(logged);
    }

    pub(super) fn all(&self) -> Vec<LoggedRequest> {
        self.0.lock().iter().cloned().collect()
    }

    pub(super) fn clear(&self) {
        self.0.lock().clear();
    }
}

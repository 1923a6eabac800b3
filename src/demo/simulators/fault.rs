//! Faults of a simulated system, on demand.

use std::collections::VecDeque;
use std::time::Duration;

use parking_lot::Mutex;

/// A fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// It responds normally, but later.
    Slow(Duration),
    /// It accepts the request, and never begins to respond.
    Silent,
    /// It begins to respond, and never finishes.
    Unfinished,
    /// The response never ends: it sends more and more data.
    Endless,
    /// Too many requests. With seconds: it sends `Retry-After`.
    TooMany(Option<u32>),
    /// It returns this status, such as 500.
    Status(u16),
    /// It returns bytes that are not text.
    Garbage,
    /// It returns half of the response as if it were complete.
    Truncated,
    /// It returns half of the response, and then closes the connection.
    Cut,
    /// It returns an HTML page with status 200.
    Html,
    /// It redirects to this URL.
    Redirect(String),
    /// All tokens issued so far have expired.
    ExpiredTokens,
    /// It closes the connection without a response.
    Closed,
}

/// The requests that a fault affects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// API requests.
    Api,
    /// Token requests.
    Tokens,
}

/// The faults of one system.
#[derive(Default)]
pub(super) struct Faults(Mutex<State>);

#[derive(Default)]
struct State {
    /// Faults for the next requests, one each.
    next: VecDeque<(Part, Fault)>,
    lasting: Vec<(Part, Fault)>,
}

impl Faults {
    /// The fault that the current request gets.
    pub(super) fn next_fault(&self, part: Part) -> Option<Fault> {
        let mut state = self.0.lock();
        if let Some(at) = state.next.iter().position(|(of, _)| *of == part) {
            return state.next.remove(at).map(|(_, fault)| fault);
        }
        state.lasting.iter().find(|(of, _)| *of == part).map(|(_, fault)| fault.clone())
    }

    pub(super) fn set(&self, part: Part, fault: Option<Fault>) {
        let mut state = self.0.lock();
        state.lasting.retain(|(of, _)| *of != part);
        state.lasting.extend(fault.map(|fault| (part, fault)));
    }

    pub(super) fn add_next(&self, part: Part, fault: Fault) {
        self.0.lock().next.push_back((part, fault));
    }

    pub(super) fn clear(&self) {
        *self.0.lock() = State::default();
    }
}

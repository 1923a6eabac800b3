//! What may be wrong with a system, on demand.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// It answers as always, but later.
    Slow(Duration),
    /// It takes the request, and never begins to answer.
    Silent,
    /// It begins to answer, and never ends.
    Unfinished,
    /// The answer has no end: more and more of it comes.
    Endless,
    /// Too many requests. With seconds: it says when to come again.
    TooMany(Option<u32>),
    /// A status that isn't an answer, such as 500.
    Status(u16),
    /// Bytes that are no text at all.
    Garbage,
    /// Half of the right answer, as if it were all.
    Truncated,
    /// Half of the right answer, and the connection is closed before the rest.
    Cut,
    /// A page for people: 200, and HTML.
    Html,
    /// A redirect to this URL.
    Redirect(String),
    /// Every token given out so far has expired.
    ExpiredTokens,
    /// The connection is closed without an answer.
    Closed,
}

/// Which requests a fault meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Those for data.
    Api,
    /// Those for tokens.
    Tokens,
}

/// The faults of one system.
#[derive(Default)]
pub(super) struct Faults(Mutex<State>);

#[derive(Default)]
struct State {
    /// One for each of the next requests.
    next: VecDeque<(Part, Fault)>,
    lasting: Vec<(Part, Fault)>,
}

impl Faults {
    /// The fault that a request meets.
    pub(super) fn meet(&self, part: Part) -> Option<Fault> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = state.next.iter().position(|(of, _)| *of == part) {
            return state.next.remove(at).map(|(_, fault)| fault);
        }
        state.lasting.iter().find(|(of, _)| *of == part).map(|(_, fault)| fault.clone())
    }

    pub(super) fn set(&self, part: Part, fault: Option<Fault>) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.lasting.retain(|(of, _)| *of != part);
        state.lasting.extend(fault.map(|fault| (part, fault)));
    }

    pub(super) fn add_next(&self, part: Part, fault: Fault) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).next.push_back((part, fault));
    }

    pub(super) fn clear(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = State::default();
    }
}

//! Which connections probably work: when one breaks or falls silent, others of its age probably do not either.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};

/// If no connection answers anything for this long, waiting statements are abandoned.
const MAX_SILENCE: Duration = Duration::from_secs(4);

/// How long to wait for a statement on a connection that is as old as others that fell silent.
const SUSPECT_TIMEOUT: Duration = Duration::from_secs(4);

/// What is known about the connections of one database.
#[derive(Debug, Default)]
pub(super) struct ConnectionTrust(Mutex<Trust>);

#[derive(Debug, Default)]
struct Trust {
    /// For each open connection: when it was made, and when it last answered a statement.
    answers: BTreeMap<Instant, Instant>,
    /// Connections that were made before this time are not used any more.
    since: Option<Instant>,
    /// When they fell silent, if that is the reason.
    silent_at: Option<Instant>,
}

impl Trust {
    /// Whether a connection made before one time has answered since another time.
    fn has_answered(&self, made_before: Instant, since: Instant) -> bool {
        self.answers.range(..made_before).any(|(_, at)| *at >= since)
    }
}

impl ConnectionTrust {
    fn lock(&self) -> MutexGuard<'_, Trust> {
        self.0.lock()
    }

    /// Whether a connection that was made at that time probably works.
    pub(super) fn trusts(&self, made_at: Instant) -> bool {
        self.lock().since.is_none_or(|since| since <= made_at)
    }

    /// Records that a connection, made at that time, answered a statement.
    pub(super) fn note_answer(&self, made_at: Instant) {
        self.lock().answers.insert(made_at, Instant::now());
    }

    /// Records that a connection was closed.
    pub(super) fn note_end(&self, made_at: Instant) {
        self.lock().answers.remove(&made_at);
    }

    /// Records that a connection broke. All older ones are probably broken too.
    pub(super) fn note_break(&self) {
        let mut trust = self.lock();
        trust.since = Some(Instant::now());
        trust.silent_at = None;
    }

    /// Records that a statement got no answer: when it began, and when its connection was made. If no
    /// connection of that age has answered since, the fault is not the statement: something in the network has
    /// silently dropped these connections.
    pub(super) fn note_silence(&self, made_at: Instant, began_at: Instant) {
        let mut trust = self.lock();
        if trust.has_answered(made_at, began_at) {
            return;
        }
        // Connections that were made since then and answer are not affected.
        let first =
            trust.answers.iter().find(|(_, at)| **at >= began_at).map(|(made_at, _)| *made_at);
        let before = first.unwrap_or_else(Instant::now);
        if trust.since.is_none_or(|since| since < before) {
            trust.since = Some(before);
            trust.silent_at = Some(Instant::now());
        }
    }

    /// Whether a statement should be abandoned: when it began, and when its connection was made. Either no
    /// connection answers anything, although every replica sends something every two seconds; or this
    /// connection is one of those that fell silent.
    pub(super) fn is_given_up(&self, made_at: Instant, began_at: Instant) -> bool {
        let trust = self.lock();
        let answered_at =
            trust.answers.values().max().copied().map_or(began_at, |at| at.max(began_at));
        let is_silent = || {
            let (since, silent_at) = trust.since.zip(trust.silent_at)?;
            Some(
                made_at < since
                    && silent_at.max(began_at).elapsed() > SUSPECT_TIMEOUT
                    && !trust.has_answered(since, silent_at),
            )
        };
        answered_at.elapsed() > MAX_SILENCE || is_silent().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_unanswered_statement_is_a_silence_only_where_no_other_of_its_age_was_answered() {
        let trust = ConnectionTrust::default();
        let (one, other) = (Instant::now(), Instant::now());
        let began_at = Instant::now();
        trust.note_answer(one);
        trust.note_silence(other, began_at);
        assert!(trust.trusts(other), "another one answered");
        let began_at = Instant::now();
        let new = Instant::now();
        trust.note_answer(new);
        trust.note_silence(other, began_at);
        assert!(
            !trust.trusts(one) && !trust.trusts(other) && trust.trusts(new),
            "only a new one did"
        );
        trust.note_end(new);
        trust.note_silence(new, Instant::now());
        assert!(!trust.trusts(new) && trust.trusts(Instant::now()));
    }
}

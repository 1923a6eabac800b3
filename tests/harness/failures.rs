//! Lookups whose failures are recorded, so that a scenario can report the effect of a fault.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use super::client::{Answer, RequestGenerator};
use super::lookups::Lookups;

/// The times of answered and failed lookups.
#[derive(Clone, Default)]
pub struct Failures(Arc<Mutex<Seen>>);

#[derive(Default)]
struct Seen {
    asked: usize,
    answered: Vec<Instant>,
    failed: Vec<(Instant, u16)>,
}

/// Lookups whose failures are recorded.
pub struct Watched {
    pub lookups: Lookups,
    pub failures: Failures,
}

impl Failures {
    /// The number of lookups so far.
    pub fn asked(&self) -> usize {
        self.0.lock().unwrap().asked
    }

    /// The times of the failures since a time.
    pub fn since(&self, since: Instant) -> Vec<Instant> {
        self.0.lock().unwrap().failed.iter().map(|(at, _)| *at).filter(|at| *at >= since).collect()
    }

    /// Describes the failures since a time: the number by status, and the times of the first and the last.
    pub fn describe(&self, since: Instant) -> String {
        let seen = self.0.lock().unwrap();
        let failed: Vec<&(Instant, u16)> =
            seen.failed.iter().filter(|(at, _)| *at >= since).collect();
        let mut statuses: BTreeMap<u16, usize> = BTreeMap::new();
        failed.iter().for_each(|(_, status)| *statuses.entry(*status).or_default() += 1);
        let [first, last] = [failed.first(), failed.last()]
            .map(|failed| failed.map_or(0.0, |(at, _)| (*at - since).as_secs_f64()));
        format!("{statuses:?}, {first:.2} to {last:.2} s after it")
    }

    /// Whether an answer was wrong, and not only missing.
    pub fn have_been_wrong(&self) -> bool {
        self.0.lock().unwrap().failed.iter().any(|(_, status)| *status == 200)
    }

    /// The time of the first right answer since a time.
    pub fn answered_since(&self, since: Instant) -> Option<Instant> {
        let seen = self.0.lock().unwrap();
        seen.answered.get(seen.answered.partition_point(|at| *at < since)).copied()
    }
}

impl RequestGenerator for Watched {
    fn ask(&mut self, n: u64, request: &mut Vec<u8>) {
        self.failures.0.lock().unwrap().asked += 1;
        self.lookups.ask(n, request);
    }

    fn is_right(&mut self, n: u64, answer: &Answer<'_>) -> bool {
        let (is_right, now) = (self.lookups.is_right(n, answer), Instant::now());
        let mut seen = self.failures.0.lock().unwrap();
        if is_right {
            seen.answered.push(now);
        } else {
            seen.failed.push((now, answer.status));
        }
        is_right
    }
}

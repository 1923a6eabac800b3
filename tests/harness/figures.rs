//! The results of a load.

use std::collections::BTreeMap;
use std::time::Duration;

/// Latencies in a log-linear histogram: each power of two of microseconds has 128 steps, so the error of a percentile
/// is below one percent.
#[derive(Clone)]
pub struct Latencies {
    counts: Vec<u64>,
    count: u64,
    max: Duration,
}

const STEPS: u64 = 128;

fn step(microseconds: u64) -> usize {
    let shift = (u64::BITS - microseconds.leading_zeros()).saturating_sub(STEPS.ilog2() + 1);
    (u64::from(shift) * STEPS + (microseconds >> shift)) as usize
}

/// The middle of the range of one step.
fn microseconds(step: usize) -> f64 {
    let step = step as u64;
    let shift = (step / STEPS).saturating_sub(1);
    ((step - shift * STEPS) << shift) as f64 + (1_u64 << shift) as f64 / 2.0
}

impl Default for Latencies {
    fn default() -> Self {
        Self { counts: vec![0; step(u64::from(u32::MAX)) + 1], count: 0, max: Duration::ZERO }
    }
}

impl Latencies {
    pub fn record(&mut self, latency: Duration) {
        let step = step(latency.as_micros() as u64).min(self.counts.len() - 1);
        self.counts[step] += 1;
        self.count += 1;
        self.max = self.max.max(latency);
    }

    pub fn add(&mut self, other: &Self) {
        self.counts.iter_mut().zip(&other.counts).for_each(|(count, more)| *count += more);
        self.count += other.count;
        self.max = self.max.max(other.max);
    }

    pub const fn count(&self) -> u64 {
        self.count
    }

    pub fn max_ms(&self) -> f64 {
        self.max.as_secs_f64() * 1_000.0
    }

    /// The latency in milliseconds of this percentile.
    pub fn percentile_ms(&self, percent: f64) -> f64 {
        let rank = (self.count as f64 * percent / 100.0).ceil() as u64;
        let mut seen = 0;
        let found = self.counts.iter().position(|count| {
            seen += count;
            seen >= rank.max(1)
        });
        found.map_or(0.0, |step| (microseconds(step) / 1_000.0).min(self.max_ms()))
    }
}

/// The results of a load.
#[derive(Clone, Default)]
pub struct Figures {
    pub seconds: f64,
    /// Sent requests.
    pub asked: u64,
    /// Responses by status, right or wrong.
    pub statuses: BTreeMap<u16, u64>,
    /// Responses that are wrong.
    pub wrong: u64,
    pub latencies: Latencies,
    /// Times during which responses were late.
    pub stalls: Vec<Stall>,
}

/// A time during which responses were late.
#[derive(Clone, Copy)]
pub struct Stall {
    /// When the first late request was due, since the begin of the load.
    pub begin: Duration,
    /// Until the last late response.
    pub length: Duration,
}

/// A response later than this is part of a stall.
const LATE: Duration = Duration::from_millis(20);

impl Figures {
    /// Counts a response.
    pub fn count(&mut self, status: u16, latency: Duration, is_right: bool) {
        self.latencies.record(latency);
        *self.statuses.entry(status).or_default() += 1;
        self.wrong += u64::from(!is_right);
    }

    /// Notes a late response: `at` since the begin of the load.
    pub fn note_late(&mut self, at: Duration, latency: Duration) {
        if latency <= LATE {
            return;
        }
        let begin = at.saturating_sub(latency);
        match self.stalls.last_mut().filter(|last| begin <= last.begin + last.length) {
            Some(last) => last.length = last.length.max(at.saturating_sub(last.begin)),
            None => self.stalls.push(Stall { begin, length: latency }),
        }
    }

    pub const fn answered(&self) -> u64 {
        self.latencies.count()
    }

    /// Requests without a response: refused, cut, or not in time.
    pub const fn failed(&self) -> u64 {
        self.asked - self.answered()
    }

    pub const fn is_right(&self) -> bool {
        self.wrong == 0 && self.failed() == 0 && self.answered() > 0
    }

    pub fn per_second(&self) -> f64 {
        self.answered() as f64 / self.seconds
    }

    /// One line for people.
    pub fn describe(&self) -> String {
        let statuses: Vec<String> =
            self.statuses.iter().map(|(status, count)| format!("{count} x {status}")).collect();
        let [p50, p95, p99] =
            [50.0, 95.0, 99.0].map(|percent| self.latencies.percentile_ms(percent));
        format!(
            "{} ({} failed, {} wrong), p50 {p50:.2} ms, p95 {p95:.2} ms, p99 {p99:.2} ms, max {:.2} ms",
            statuses.join(", "),
            self.failed(),
            self.wrong,
            self.latencies.max_ms()
        )
    }
}

/// The median of some figures, and the quartiles: half of the figures are between them.
#[derive(Clone, Copy)]
pub struct Quartiles {
    pub first: f64,
    pub median: f64,
    pub third: f64,
}

impl Quartiles {
    pub fn of(figures: &[f64]) -> Self {
        assert!(!figures.is_empty(), "no figures");
        let mut sorted = figures.to_vec();
        sorted.sort_by(f64::total_cmp);
        let at = |part: f64| {
            let place = part * (sorted.len() - 1) as f64;
            let below = sorted[place.floor() as usize];
            below + (sorted[place.ceil() as usize] - below) * place.fract()
        };
        Self { first: at(0.25), median: at(0.5), third: at(0.75) }
    }

    /// For people, with so many decimal places. Without the quartiles if there is only one figure.
    pub fn describe(self, places: usize) -> String {
        let Self { first, median, third } = self;
        if first == third {
            return format!("{median:.places$}");
        }
        format!("{median:.places$} ({first:.places$} - {third:.places$})")
    }
}

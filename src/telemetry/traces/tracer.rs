//! Chooses which requests are traced, and hands their spans over to the exporter.

use std::sync::Arc;

use tokio::sync::mpsc;
use uuid::Uuid;

use super::span::Span;

/// Where spans go. Each application has its own. By default, traces are off: then everything here does nothing.
#[derive(Debug, Clone, Default)]
pub struct Tracer(Option<Arc<Sending>>);

#[derive(Debug)]
struct Sending {
    sampled_percent: u64,
    queue: mpsc::Sender<Vec<Span>>,
}

impl Tracer {
    pub(super) fn new(sampled_percent: u64, queue: mpsc::Sender<Vec<Span>>) -> Self {
        Self(Some(Arc::new(Sending { sampled_percent, queue })))
    }

    /// Whether traces are sent at all.
    #[must_use]
    pub const fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Whether a request or other work with this id is in the sample. The last bits of an id are random, so they
    /// choose. The sample of the log is chosen in the same way: a request that is in the smaller one is in both.
    #[must_use]
    pub fn samples(&self, id: Uuid) -> bool {
        self.0.as_ref().is_some_and(|sending| id.as_u64_pair().1 % 100 < sending.sampled_percent)
    }

    /// Hands spans over, without waiting. If the collector is too slow for them, they are dropped and counted.
    pub fn send(&self, spans: Vec<Span>) {
        let Some(sending) = &self.0 else { return };
        let count = spans.len();
        if sending.queue.try_send(spans).is_err() {
            count_spans("dropped", count);
        }
    }
}

/// Counts spans by their outcome: sent, failed or dropped.
pub(super) fn count_spans(outcome: &'static str, spans: usize) {
    metrics::counter!("hookpoint_trace_spans_total", "outcome" => outcome)
        .increment(u64::try_from(spans).unwrap_or(u64::MAX));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_has_about_the_chosen_part() {
        for (percent, expected) in [(0, 0..=0), (10, 850..=1_150), (100, 10_000..=10_000)] {
            let tracer = Tracer::new(percent, mpsc::channel(1).0);
            let sampled = (0..10_000).filter(|_| tracer.samples(Uuid::new_v4())).count();
            assert!(expected.contains(&sampled), "{percent} %: {sampled} of 10,000");
        }
        assert!(!Tracer::default().samples(Uuid::new_v4()));
    }
}

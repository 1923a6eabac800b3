//! Rounds of contenders that take turns, as tables for people.

use super::figures::{Figures, Latencies, Quartiles};

/// Rounds of one contender.
#[derive(Default)]
pub struct Rounds {
    pub rates: Vec<f64>,
    pub latencies: Latencies,
}

/// The head of a table of rounds.
pub fn head() -> String {
    format!(
        "{:<34}  {:>27}  {:>8}  {:>8}  {:>8}  {:>8}",
        "", "requests/s (quartiles)", "p50 ms", "p95 ms", "p99 ms", "max ms"
    )
}

impl Rounds {
    /// Adds a round.
    pub fn add(&mut self, figures: &Figures) {
        self.rates.push(figures.per_second());
        self.latencies.add(&figures.latencies);
    }

    /// As a line of the table.
    pub fn describe(&self, who: &str) -> String {
        let rates = Quartiles::of(&self.rates).describe(0);
        let latencies = &self.latencies;
        if latencies.count() == 0 {
            return format!("  {who:<32}  {rates:>27}");
        }
        let [p50, p95, p99] = [50.0, 95.0, 99.0].map(|percent| latencies.percentile_ms(percent));
        format!(
            "  {who:<32}  {rates:>27}  {p50:>8.2}  {p95:>8.2}  {p99:>8.2}  {:>8.2}",
            latencies.max_ms()
        )
    }
}

/// The median of the ratios of each round to the other contender's round of the same turn, and a line of the table. Other
/// load on the machine mostly affects both.
pub fn ratio(service: &Rounds, floor: &Rounds, of: &str) -> (f64, String) {
    let ratios: Vec<f64> =
        service.rates.iter().zip(&floor.rates).map(|(service, floor)| service / floor).collect();
    let ratio = Quartiles::of(&ratios);
    let line = format!("  {:<32}  {:>27}", format!("of {of}, by round"), ratio.describe(2));
    (ratio.median, line)
}

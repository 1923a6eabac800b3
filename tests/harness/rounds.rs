//! Rounds of contenders that take turns, as tables for people.

use super::figures::{Latencies, spread};

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
        "", "requests/s", "p50 ms", "p95 ms", "p99 ms", "max ms"
    )
}

impl Rounds {
    /// As a line of the table.
    pub fn describe(&self, who: &str) -> String {
        let (rate, least, most) = spread(&self.rates);
        let rates = if self.rates.len() > 1 {
            format!("{rate:.0} ({least:.0} - {most:.0})")
        } else {
            format!("{rate:.0}")
        };
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

/// The median of the ratios of each round to the round right after it, and a line of the table. Other load on the
/// machine affects both rounds equally.
pub fn ratio(service: &Rounds, floor: &Rounds) -> (f64, String) {
    let ratios: Vec<f64> =
        service.rates.iter().zip(&floor.rates).map(|(service, floor)| service / floor).collect();
    let (ratio, least, most) = spread(&ratios);
    (
        ratio,
        format!(
            "  {:<32}  {:>27}",
            "ratio, round by round",
            format!("{ratio:.2} ({least:.2} - {most:.2})")
        ),
    )
}

//! The results of a scenario.

use std::time::Duration;

use super::figures::Figures;

/// The size of a scenario.
#[derive(Clone, Copy)]
pub struct Scale {
    pub duration: Duration,
    pub lookups_per_second: u32,
    pub changes_per_second: u32,
    /// The service's deadline of a lookup. A busy machine needs a longer one.
    pub deadline: Duration,
}

impl Scale {
    /// Enough to check that answers are right, on any machine.
    pub const SHORT: Self = Self {
        duration: Duration::from_secs(3),
        lookups_per_second: 200,
        changes_per_second: 100,
        deadline: Duration::from_secs(10),
    };

    /// The size for which the results are promised.
    pub const fn full(duration: Duration) -> Self {
        Self {
            duration,
            lookups_per_second: 1_000,
            changes_per_second: 200,
            deadline: Duration::from_millis(800),
        }
    }
}

/// The results of a scenario.
#[derive(Default)]
pub struct Report {
    /// Measurements, for people.
    pub figures: Vec<String>,
    /// Wrong or missing answers. They are a failure on every machine.
    pub broken: Vec<String>,
    /// How long each thing with a promised limit took.
    pub took: Vec<Duration>,
    /// Results that took longer than promised. A slow machine can cause these.
    pub late: Vec<String>,
}

impl Report {
    pub fn figure(&mut self, what: &str, figure: impl std::fmt::Display) {
        self.figures.push(format!("{what}: {figure}"));
    }

    /// Expects that every request got a right response.
    pub fn expect_right(&mut self, what: &str, figures: &Figures) {
        self.figure(what, figures.describe());
        if !figures.is_right() {
            self.broken.push(format!("{what}: {}", figures.describe()));
        }
    }

    pub fn expect_within(&mut self, what: &str, took: Duration, promised: Duration) {
        self.figure(
            what,
            format!(
                "{:.0} ms, promised: {} ms",
                took.as_secs_f64() * 1_000.0,
                promised.as_millis()
            ),
        );
        self.took.push(took);
        if took > promised {
            self.late.push(format!("{what}: {took:.1?} instead of {promised:?}"));
        }
    }
}

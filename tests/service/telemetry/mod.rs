//! What the service sends to a collector of traces.

pub mod collector;
mod environment;
mod failures;
mod traces;

use crate::support::TestSettings;
use collector::Collector;

/// The demo's settings, with traces of everything.
fn traced(collector: &Collector) -> TestSettings {
    TestSettings::demo().with(|file| collector.turn_on(file))
}

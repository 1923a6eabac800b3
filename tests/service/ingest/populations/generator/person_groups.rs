//! Groups of people who share most of their values.

use super::*;

pub(super) const FIRST_NAMES: [&str; 18] = [
    "Jan",
    "J.",
    "Jan Pieter",
    "J.P.",
    "Eva",
    "Emma",
    "Mohammed",
    "Mohamed",
    "Ana",
    "Mario",
    "Maria",
    "Bob",
    "Robert",
    "Johannes",
    "Jan Sr.",
    "Jan Jr.",
    "Jan en Eva",
    "Eva & Jan",
];

pub(super) const LAST_NAMES: [&str; 8] =
    ["Bakker", "Baker", "de Bakker-Vos", "de Vries", "el Amrani", "Al", "Jan", "Bakker II"];

pub(super) const BLOCKED: [&str; 3] = ["info@example.org", "test@example.org", "balie@example.org"];

/// People who share most of their values.
pub(super) struct PersonGroup {
    pub(super) keys: Vec<RecordKey>,
    pub(super) emails: Vec<String>,
    pub(super) phones: Vec<String>,
    pub(super) handles: Vec<String>,
    pub(super) firsts: Vec<&'static str>,
    pub(super) lasts: Vec<&'static str>,
}

impl PersonGroup {
    pub(super) fn new(n: usize, rng: &mut Rng) -> Self {
        let keys = SourceKind::ALL
            .into_iter()
            .flat_map(|kind| {
                (0..3).map(move |id| RecordKey::new(kind, &format!("{}{id}", n + 1)).unwrap())
            })
            .collect();
        Self {
            keys: rng.shuffled(keys),
            // The third mailbox contains names of people who may live here.
            emails: vec![
                format!("m{n}0@example.org"),
                format!("m{n}1@example.org"),
                format!("jan.eva.robert.{n}@example.org"),
            ],
            phones: (0..3).map(|m| format!("+316{n:02}{m}00000")).collect(),
            handles: (0..2).map(|m| format!("10{n:02}{m}")).collect(),
            firsts: (0..3).map(|_| *rng.pick(&FIRST_NAMES)).collect(),
            lasts: (0..2).map(|_| *rng.pick(&LAST_NAMES)).collect(),
        }
    }

    /// The keys that get records. The others are only referred to.
    pub(super) fn known(&self) -> &[RecordKey] {
        &self.keys[..11]
    }
}

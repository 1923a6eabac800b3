//! The people whom the webhooks are about.

pub(super) const FIRST: [&str; 12] = [
    "Anna",
    "Bram",
    "Chiara",
    "Daan",
    "Esra",
    "Femke",
    "Gijs",
    "Hanna",
    "Mohammed",
    "Jan Pieter",
    "J.P.",
    "Zoë",
];

pub(super) const LAST: [&str; 12] = [
    "Bakker",
    "de Boer",
    "Dijkstra",
    "Jansen",
    "Mulder",
    "Peters",
    "Smit",
    "Visser",
    "el Amrani",
    "Yılmaz",
    "van den Berg-Vos",
    "Kowalska",
];

/// A person in the systems.
pub(super) struct Person {
    pub(super) first: &'static str,
    pub(super) last: &'static str,
    /// Own addresses first, then one that others in the household use as well.
    pub(super) emails: [String; 3],
    pub(super) phones: [String; 3],
    pub(super) tickets: Vec<u64>,
    pub(super) purchases: Vec<u64>,
    pub(super) bookings: Vec<u64>,
}

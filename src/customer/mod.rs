//! The pure heart: who somebody is, what is known of them, and what an agent sees. No I/O, no clock, nothing of ours.

pub mod answer;
pub mod identity;
pub mod model;

pub use self::identity::contradiction::Conflict;
pub use self::identity::moved::Moved;

/// The version of everything here that decides what customers and answers come of the same records. Whoever changes that counts it
/// up: then all of them are made anew.
pub const DERIVATION_VERSION: u32 = 5;

/// Newest first: by instant, then source, then id.
#[must_use]
pub fn timeline_order(a: &model::event::Event, b: &model::event::Event) -> std::cmp::Ordering {
    let rank = |e: &model::event::Event| (std::cmp::Reverse(e.occurred_at()), e.key.source.as_str(), e.key.id.clone(), e.key.what.clone());
    rank(a).cmp(&rank(b))
}

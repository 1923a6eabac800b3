//! The pure core: resolves records into customers, and renders what agents see. No I/O, no clock, no other module of
//! this crate.

pub mod answer;
pub mod identity;
pub mod model;

use std::cmp::Reverse;

pub use self::identity::conflict::Conflict;
pub use self::identity::moved_numbers::Moved;
use self::model::event::Event;

/// The version of the rules here, which decide the customers and answers of given records. Increase it with every
/// change of these rules: then all stored customers are derived again.
pub const DERIVATION_VERSION: u32 = 6;

/// Sorts events in the order of a timeline (newest first, by instant, then source, then id), and keeps the first ones.
pub fn keep_newest(events: &mut Vec<Event>, limit: usize) {
    events.sort_by_cached_key(|event| {
        (
            Reverse(event.occurred_at()),
            event.key.source.as_str(),
            event.key.id.clone(),
            event.key.what.clone(),
        )
    });
    events.truncate(limit);
}

//! The pure core: resolves records into customers, and renders what agents see. No I/O, no clock, no other module of
//! this crate.

pub mod answer;
pub mod identity;
pub mod model;

pub use self::identity::conflict::Conflict;
pub use self::identity::moved_numbers::Moved;

/// The version of the rules here, which decide the customers and answers of given records. Increase it with every
/// change of these rules: then all stored customers are derived again.
pub const DERIVATION_VERSION: u32 = 5;

/// The order of a timeline: newest first, by instant, then source, then id.
#[must_use]
pub fn timeline_order(a: &model::event::Event, b: &model::event::Event) -> std::cmp::Ordering {
    let rank = |e: &model::event::Event| {
        (
            std::cmp::Reverse(e.occurred_at()),
            e.key.source.as_str(),
            e.key.id.clone(),
            e.key.what.clone(),
        )
    };
    rank(a).cmp(&rank(b))
}

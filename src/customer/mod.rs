//! The pure heart: who somebody is, what is known of them, and what an agent sees. No I/O, no clock, nothing of ours.

mod agreement;
pub mod aliases;
pub mod answer;
mod bearing;
pub mod census;
mod cluster;
pub mod contradiction;
pub mod country;
pub mod email;
pub mod event;
pub mod evidence;
pub mod filters;
mod folded_name;
mod folding;
mod guests;
pub mod identifier;
pub mod kind;
mod mailbox;
mod moved;
pub mod name;
pub(crate) mod name_forms;
mod partition;
pub mod phone;
pub mod phone_field;
mod phone_spelling;
pub mod placeholder;
pub mod presentation;
pub mod profile;
pub mod record;
pub mod resolution;
pub mod rules;
mod spellings;
mod template_check;
pub mod text;
mod titles;
pub mod unread;
pub mod versions;

pub use contradiction::Grounds;
pub use moved::Moved;

/// The version of everything here that decides what customers and answers come of the same records. Whoever changes that counts it
/// up: then all of them are made anew.
pub const DERIVATION_VERSION: u32 = 5;

/// Newest first: by instant, then source, then id.
#[must_use]
pub fn timeline_order(a: &event::Event, b: &event::Event) -> std::cmp::Ordering {
    let rank = |e: &event::Event| (std::cmp::Reverse(e.occurred_at()), e.key.source.as_str(), e.key.id.clone(), e.key.what.clone());
    rank(a).cmp(&rank(b))
}

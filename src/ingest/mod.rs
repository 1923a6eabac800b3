//! The write path: turns the changes from sources into customers.

pub mod apply;
pub mod apply_reply;
pub mod batch;
mod component_parts;
pub mod derive;
pub(crate) mod difference;
pub(crate) mod erased_person;
pub mod given_ids;
pub mod live_search;
pub mod load;
pub mod next_state;
mod open_questions;
pub mod oversized;
pub mod place_names;
pub(crate) mod purge;
pub mod rebuild;
pub mod reserved_ids;
pub(crate) mod resolve;
pub mod suppress;
pub mod unread_values;
pub mod write;

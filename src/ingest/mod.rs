//! The write path: turns the changes from sources into customers.

pub mod apply;
pub mod apply_reply;
pub mod batch;
pub mod derive;
pub mod live_search;
pub mod load;
pub mod next_state;
pub mod oversized;
pub mod place_names;
pub mod rebuild;
pub mod suppress;
pub mod unread_values;

//! The hookpoint: one question, one answer.
//!
//! [`query`] parses it, [`handler`] lets it through, [`cache`] remembers answers, [`flight`] sends equal questions as one,
//! [`read`] asks the store.

pub mod cache;
pub mod flight;
pub mod handler;
pub mod query;
pub mod read;

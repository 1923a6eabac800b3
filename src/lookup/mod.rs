//! The hookpoint: one question, one answer.
//!
//! [`query`] parses it, [`handler`] lets it through, [`cache`] remembers answers, [`flight`] makes equal questions one,
//! `gate` lets others travel together, [`store`] asks Postgres as long as there is time, [`read`] knows what to ask, [`live`] has
//! sources asked that may know more.

pub mod cache;
pub mod flight;
mod gate;
pub mod handler;
pub mod live;
pub mod query;
pub mod read;
pub mod store;

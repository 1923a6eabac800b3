//! The hookpoint: one question, one answer.
//!
//! [`query`] parses it, [`handler`] lets it through, [`cache`] remembers answers, [`lookup`] makes equal questions one,
//! `gate` lets others travel together, [`store`] asks Postgres as long as there is time, [`read`] knows what to ask, [`live`] has
//! sources asked that may know more.

mod brand_queue;
pub mod cache;
pub mod change_listener;
pub mod coalescing;
pub mod handler;
pub mod query;
pub mod query_customers;
pub mod read_through;
pub mod repository;

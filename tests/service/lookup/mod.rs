//! The read path.

mod batching;
mod change_listener;
mod contract;
mod given_ids;
pub mod history;
pub mod postgres_outage;
mod read_through;

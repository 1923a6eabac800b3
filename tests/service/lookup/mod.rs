//! The read path.

mod about_answer;
mod batching;
mod change_listener;
mod contract;
pub mod given_ids;
pub mod history;
pub mod postgres_outage;
mod read_through;

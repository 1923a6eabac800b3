//! The lookup of a customer, as Omnidesk requests it.
//!
//! [`query`] parses the request, [`handler`] checks and answers it, and [`cache`] holds answers. [`finder`] finds the
//! others: [`coalescing`] joins identical in-flight lookups, `query_runner` runs them in batches, [`repository`] queries
//! Postgres within the deadline, with the queries in [`query_customers`]. `freshness` says when a source may know more,
//! and [`read_through`] asks it. [`change_listener`] invalidates cached answers. [`trace`] has
//! what the log line of a lookup says, and [`history`] records it in Postgres.

mod agent_links;
pub mod cache;
pub mod change_listener;
pub mod coalescing;
pub mod finder;
mod freshness;
pub mod given_ids;
pub mod handler;
pub mod history;
pub mod query;
pub mod query_customers;
mod query_runner;
pub mod read_through;
pub mod repository;
pub mod result;
pub mod trace;

//! The lookup of a customer, as Omnidesk requests it.
//!
//! [`query`] parses the request, [`handler`] checks and answers it, and [`cache`] holds answers. [`coalescing`] joins
//! identical in-flight lookups, and `brand_queue` runs the others in batches. [`repository`] queries Postgres within
//! the deadline, with the queries in [`query_customers`]. [`read_through`] asks sources that may know more.
//! [`change_listener`] invalidates cached answers.

mod brand_queue;
pub mod cache;
pub mod change_listener;
pub mod coalescing;
pub mod handler;
pub mod query;
pub mod query_customers;
pub mod read_through;
pub mod repository;

//! The application as its users see it: over HTTP, on a Postgres of its own.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::as_conversions,
    clippy::string_slice,
    clippy::disallowed_methods,
    clippy::print_stderr
)]

mod access;
mod apply;
mod batching;
mod booking;
mod cases;
mod changes;
mod contract;
mod erasure;
mod faults;
mod follow_ups;
mod forbidden;
mod generator;
#[path = "../cases/mod.rs"]
mod identity_cases;
mod inbox;
mod live;
#[path = "../load/mod.rs"]
mod load;
mod messy;
mod observer;
mod oracle;
mod populations;
mod privacy;
mod query_cost;
mod real_world;
mod rebuild;
mod replicas;
#[path = "../harness/settings.rs"]
#[allow(dead_code, reason = "a part of the harness")]
mod settings;
mod silence;
mod story;
mod support;
mod sync;
mod webhooks;

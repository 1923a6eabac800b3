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

mod admin;
mod agent_page;
#[path = "../harness/citus.rs"]
mod citus;
#[path = "../harness/cluster.rs"]
#[allow(dead_code, reason = "a part of the harness")]
mod cluster;
mod console;
#[path = "../harness/couples.rs"]
mod couples;
mod doctor;
mod erasure;
mod http;
#[path = "../harness/identity_cases/mod.rs"]
mod identity_cases;
mod inbox;
mod ingest;
mod lookup;
mod plans;
mod postgres_silence;
mod privacy;
mod reload;
#[path = "../harness/rng.rs"]
mod rng;
#[path = "../harness/round_trips.rs"]
mod round_trips;
#[path = "../harness/settings.rs"]
#[allow(dead_code, reason = "a part of the harness")]
mod settings;
mod sharding;
mod support;
mod sync;
mod telemetry;
mod webhooks;

//! The simulated systems behave as their vendors document, and our clients handle all of their behaviour.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::as_conversions,
    clippy::string_slice,
    clippy::disallowed_methods
)]

mod caller;
mod clients;
#[path = "../harness/cluster.rs"]
#[allow(dead_code, reason = "a part of the harness")]
mod cluster;
mod demo;
mod faults;
mod omneo;
mod omnilab;
mod omniotap;
#[path = "../service/support/mod.rs"]
#[allow(dead_code, unused_imports, reason = "of the application's tests, these need the database")]
mod service_support;
#[path = "../harness/settings.rs"]
#[allow(dead_code, reason = "a part of the harness")]
mod settings;
mod support;
mod syncaroo;
mod webhooks;

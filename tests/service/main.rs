//! The application as its users meet it: over HTTP, on a Postgres of its own.
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
mod contract;
mod faults;
mod forbidden;
mod generator;
mod observer;
mod oracle;
mod populations;
mod privacy;
mod story;
mod support;

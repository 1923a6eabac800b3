//! The simulated systems: that they behave as their vendors document, and that our clients get along with whatever they do.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::as_conversions,
    clippy::string_slice,
    clippy::disallowed_methods
)]

mod faults;
mod hooks;
mod omneo;
mod omnilab;
mod omniotap;
mod support;
mod syncaroo;

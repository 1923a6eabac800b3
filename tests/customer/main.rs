//! Who is who, and how values are read: the pure core.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::as_conversions,
    clippy::string_slice,
    clippy::print_stdout,
    clippy::disallowed_methods
)]

mod accuracy;
#[path = "../harness/couples.rs"]
mod couples;
mod couples_in_any_order;
mod field_versions;
mod identity;
#[path = "../harness/identity_cases/mod.rs"]
mod identity_cases;
mod messy_values;
mod phone;
#[path = "../harness/rng.rs"]
mod rng;

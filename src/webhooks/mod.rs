//! Receives webhooks. Each is verified on its raw bytes, stored together with its deduplication key, committed, and
//! only then acknowledged.

mod body_memory;
mod delivery_row;
pub mod delivery_writer;
pub mod endpoints;
pub mod handler;
pub(crate) mod request;
mod verification;

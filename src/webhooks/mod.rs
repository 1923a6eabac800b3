//! Receives webhooks. Each is verified on its raw bytes, stored together with its deduplication key, committed, and
//! only then acknowledged.

mod body_memory;
pub mod delivery_writer;
pub mod endpoints;
pub mod handler;

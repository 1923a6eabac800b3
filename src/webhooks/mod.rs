//! How webhooks come in: proved on the raw bytes, stored with what makes a second one the same, committed, and only then
//! acknowledged.

mod body_memory;
pub mod delivery_writer;
pub mod endpoints;
pub mod handler;

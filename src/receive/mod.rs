//! How webhooks come in: proved on the raw bytes, stored with what makes a second one the same, committed, and only then
//! acknowledged.

pub mod doors;
pub mod handler;
pub mod receipts;
mod room;

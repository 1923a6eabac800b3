//! The inbox: stored webhooks wait in it until they are applied.
//!
//! [`worker`] works for as long as the service runs. [`processor`] claims what is due, `apply` applies and finishes it in
//! one transaction, and `finish` decides between retry and dead letter. [`source_health`] watches each source.

mod apply;
mod claimed_delivery;
mod finish;
pub mod processor;
pub mod source_health;
pub mod wake_handles;
pub mod worker;

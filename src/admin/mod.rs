//! Actions by people. Each writes its row to the audit log.

pub mod cancel_booking;
pub mod explain;

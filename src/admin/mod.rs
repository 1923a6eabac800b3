//! Actions and explanations for people: cancel a booking, explain a lookup. Each action writes an audit entry.

pub mod cancel_booking;
pub mod explain;

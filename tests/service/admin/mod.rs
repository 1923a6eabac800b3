//! Actions by people.

mod cancel_booking;
mod decisions;
mod explanations;
mod reviews;

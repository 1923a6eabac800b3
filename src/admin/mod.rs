//! Actions and explanations for people. Commands call these functions. An action writes its audit entry.

pub mod answers_preview;
pub mod ask_sources;
pub mod audit;
pub mod cancel_booking;
pub mod compared_review;
pub mod console_access;
pub mod customers;
pub mod decided_since;
pub mod decisions;
pub mod deliveries;
pub mod delivery_body;
pub mod explain;
pub mod explain_nobody;
mod explained_customer;
pub mod find_customers;
pub mod history;
pub mod keys;
pub mod past_lookups;
pub mod reviews;
pub mod role;
pub mod rules_preview;

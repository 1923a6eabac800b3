//! The write path.

pub mod apply;
mod couples_in_any_order;
mod demo_data;
mod identity_cases;
mod messy_values;
pub mod populations;
pub mod query_cost;
mod real_world;
mod rebuild;
mod rules_preview;
mod stored_records;

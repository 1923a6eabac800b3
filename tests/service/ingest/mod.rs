//! The write path.

pub mod apply;
mod demo_data;
mod identity_cases;
mod messy_values;
pub mod populations;
mod query_cost;
mod real_world;
mod rebuild;
mod rules_preview;
mod stored_records;

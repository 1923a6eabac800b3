//! Decides which records are one customer: rules, evidence, contradictions and the resolution of clusters.

pub mod agreement;
pub mod bearing;
pub mod cluster;
pub mod contradiction;
pub mod evidence;
pub mod in_memory;
pub mod moved;
pub mod resolution;
pub mod rules;
pub mod shared_values;
pub mod unconfirmed_records;
pub mod union_find;

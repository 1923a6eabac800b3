//! Work that many callers share: identical work is done once, and similar work is done in batches.

pub mod batcher;
pub mod single_flight;

//! Work that many callers share: identical work is done once, and similar work is done in batches. And which threads run
//! first.

pub mod batcher;
pub mod short_slices;
pub mod single_flight;

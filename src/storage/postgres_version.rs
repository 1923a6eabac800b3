//! The versions of Postgres that the queries support.

/// The oldest major version.
pub(super) const MIN_MAJOR: u32 = 15;

//! The hasher of maps whose keys are hashes already.

use std::hash::{BuildHasherDefault, Hasher};

/// For maps whose keys are hashes that callers cannot choose, or ids of this service. To hash them again would take time,
/// and gain nothing.
pub(crate) type OfHashes = BuildHasherDefault<FirstBytes>;

/// The first bytes of what is hashed.
#[derive(Debug, Default)]
pub(crate) struct FirstBytes(u64);

impl Hasher for FirstBytes {
    fn write(&mut self, bytes: &[u8]) {
        let first = bytes.first_chunk().map_or(0, |first| u64::from_ne_bytes(*first));
        self.0 ^= first;
    }

    fn write_i32(&mut self, id: i32) {
        self.0 ^= u64::from(id.unsigned_abs());
    }

    fn write_usize(&mut self, _length: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}

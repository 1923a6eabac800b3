//! The digest of contents.

use sha2::{Digest, Sha256};

/// SHA-256 of an event's name and a body.
#[must_use]
pub fn digest(event: &str, body: &[u8]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    hasher.update(event.as_bytes());
    hasher.update([0]);
    hasher.update(body);
    hasher.finalize().into()
}

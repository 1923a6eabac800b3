//! Notifies the caches of all replicas of changes, without personal data.
//!
//! A notification contains the brand and keyed 16-byte hashes of the affected addresses and ids, before and
//! after the change. It is sent inside the transaction, so it arrives exactly when the change becomes visible.

use std::fmt;
use std::hash::Hasher;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use siphasher::sip128::{Hasher128, SipHasher24};

use crate::customer::model::identifier::Identifier;

/// The channel of the notifications.
pub const CHANNEL: &str = "hookpoint_changed";

/// A notification of Postgres must be shorter than 8,000 bytes; a hash takes at most 22 of them.
const HASHES_PER_PAYLOAD: usize = 300;

/// With more hashes than this, all answers of the brand are invalidated instead.
const MAX_HASHES: usize = 1_000;

/// A brand's secret for the hashes of addresses and ids.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct BrandSecret(pub [u8; 16]);

impl fmt::Debug for BrandSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BrandSecret([redacted])")
    }
}

/// An address or id that a lookup can use, as a keyed hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LookupHash(pub [u8; 16]);

impl LookupHash {
    /// The kind of an id, in place of the kind of an address.
    pub const ID: &str = "id";

    /// The hash of an address or id of a brand.
    #[must_use]
    pub fn new(secret: &BrandSecret, kind: &str, value: &(impl AsRef<[u8]> + ?Sized)) -> Self {
        let mut hasher = SipHasher24::new_with_key(&secret.0);
        hasher.write(kind.as_bytes());
        hasher.write_u8(0);
        hasher.write(value.as_ref());
        Self(hasher.finish128().as_bytes())
    }

    /// The hash of an address.
    #[must_use]
    pub fn of_address(secret: &BrandSecret, address: &Identifier) -> Self {
        Self::new(secret, address.kind.as_str(), &address.value)
    }

    /// The hash of a ticket, for the lookup history. It is none of a question: a ticket finds no customer.
    #[must_use]
    pub fn of_ticket(secret: &BrandSecret, ticket: &str) -> Self {
        Self::new(secret, "ticket", ticket.trim())
    }

    /// The hash of an id.
    #[must_use]
    pub fn of_id(secret: &BrandSecret, id: &str) -> Self {
        Self::new(secret, Self::ID, id)
    }
}

/// A cache invalidation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalidation {
    /// The brand.
    pub brand_id: i32,
    /// The changed addresses and ids; `None` for everything of the brand.
    pub hashes: Option<Vec<LookupHash>>,
}

impl Invalidation {
    pub(super) fn payloads(&self) -> Vec<String> {
        match &self.hashes {
            Some(hashes) if hashes.len() <= MAX_HASHES => {
                let payload = |some: &[LookupHash]| {
                    let bytes: Vec<u8> = some.iter().flat_map(|hash| hash.0).collect();
                    format!("{} {}", self.brand_id, STANDARD_NO_PAD.encode(bytes))
                };
                hashes.chunks(HASHES_PER_PAYLOAD).map(payload).collect()
            }
            Some(_) | None => vec![format!("{} *", self.brand_id)],
        }
    }

    /// Parses a notification; `None` if it has another format.
    #[must_use]
    pub fn parse(payload: &str) -> Option<Self> {
        let (brand_id, hashes) = payload.split_once(' ')?;
        let brand_id = brand_id.parse().ok()?;
        if hashes == "*" {
            return Some(Self { brand_id, hashes: None });
        }
        let bytes = STANDARD_NO_PAD.decode(hashes).ok()?;
        let (hashes, rest) = bytes.as_chunks::<16>();
        rest.is_empty().then(|| Self {
            brand_id,
            hashes: Some(hashes.iter().copied().map(LookupHash).collect()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hashes(n: u32) -> Vec<LookupHash> {
        (0..n).map(|n| LookupHash::new(&BrandSecret([7; 16]), "email", &n.to_string())).collect()
    }

    #[test]
    fn payloads_stay_below_the_limit_and_say_what_went_in() {
        let all = Invalidation { brand_id: 3, hashes: Some(hashes(900)) };
        let payloads = all.payloads();
        assert!(payloads.iter().all(|payload| payload.len() < 8_000), "{}", payloads.len());
        let read: Vec<_> = payloads
            .iter()
            .flat_map(|payload| Invalidation::parse(payload).unwrap().hashes.unwrap())
            .collect();
        assert_eq!(Some(read), all.hashes);
    }

    #[test]
    fn too_many_are_the_whole_brand() {
        let all = Invalidation { brand_id: 3, hashes: Some(hashes(1_001)) };
        assert_eq!(all.payloads(), ["3 *"]);
        assert_eq!(Invalidation::parse("3 *"), Some(Invalidation { brand_id: 3, hashes: None }));
        assert_eq!(Invalidation::parse("nonsense"), None);
    }

    #[test]
    fn another_brand_has_other_hashes() {
        assert_ne!(
            LookupHash::new(&BrandSecret([1; 16]), "id", "5"),
            LookupHash::new(&BrandSecret([2; 16]), "id", "5")
        );
        assert_ne!(
            LookupHash::new(&BrandSecret([1; 16]), "id", "5"),
            LookupHash::new(&BrandSecret([1; 16]), "email", "5")
        );
    }
}

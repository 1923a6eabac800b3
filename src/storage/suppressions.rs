//! The suppression list stores keyed hashes instead of personal data.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::StorageError;
use crate::customer::model::event::EventKey;
use crate::customer::model::identifier::Identifier;
use crate::customer::model::record::RecordKey;

/// A brand's key for the hashes of the suppression list.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SuppressionKey(pub [u8; 32]);

impl fmt::Debug for SuppressionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SuppressionKey([redacted])")
    }
}

impl SuppressionKey {
    /// The two values with which Postgres computes [`SuppressionHasher::given_id`] itself:
    /// `sha256(second || sha256(first || id))`.
    #[must_use]
    pub fn given_id_blocks(&self) -> [Vec<u8>; 2] {
        // As HMAC defines it (RFC 2104).
        let block = |pad: u8| {
            let rest = 64_usize.saturating_sub(self.0.len());
            let key = self.0.iter().copied().chain(std::iter::repeat_n(0, rest));
            key.map(|byte| byte ^ pad).collect::<Vec<u8>>()
        };
        [[block(0x36).as_slice(), GIVEN_ID.as_bytes(), &[0]].concat(), block(0x5c)]
    }
}

// A part of stored hashes.
const GIVEN_ID: &str = "given id";

/// The hash of a key, an id or an address in the suppression list: HMAC-SHA256 of its kind and text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SuppressionHash(pub [u8; 32]);

impl TryFrom<Vec<u8>> for SuppressionHash {
    type Error = StorageError;

    fn try_from(bytes: Vec<u8>) -> Result<Self, StorageError> {
        bytes.try_into().map(Self).map_err(|_| StorageError::Corrupt("suppression_hashes"))
    }
}

/// Computes the hashes of one brand.
#[derive(Clone)]
pub struct SuppressionHasher(Hmac<Sha256>);

impl SuppressionHasher {
    /// Creates the hasher for a brand's key.
    #[must_use]
    pub fn new(key: &SuppressionKey) -> Self {
        // The key has the length of a block. HMAC pads any shorter key to that length.
        let mut block = sha2::digest::Key::<Hmac<Sha256>>::default();
        block.iter_mut().zip(key.0).for_each(|(to, from)| *to = from);
        Self(Hmac::new(&block))
    }

    // `what` is a part of stored hashes, so these texts never change.
    fn hash(&self, what: &str, parts: &[&str]) -> SuppressionHash {
        let mut mac = self.0.clone();
        mac.update(what.as_bytes());
        for part in parts {
            mac.update(&[0]);
            mac.update(part.as_bytes());
        }
        SuppressionHash(mac.finalize().into_bytes().into())
    }

    /// The hash of a record.
    #[must_use]
    pub fn record(&self, key: &RecordKey) -> SuppressionHash {
        self.hash("record", &[key.kind.as_str(), &key.id])
    }

    /// The hash of an event.
    #[must_use]
    pub fn event(&self, key: &EventKey) -> SuppressionHash {
        self.hash("event", &[&key.event_type(), &key.id])
    }

    /// The hash of an id that an answer gave out for the erased person. It never comes to mean somebody else.
    #[must_use]
    pub fn given_id(&self, id: &str) -> SuppressionHash {
        self.hash(GIVEN_ID, &[id])
    }

    /// The hash of a value that only the erased person had. A record with it belongs to that person.
    #[must_use]
    pub fn exclusive(&self, value: &Identifier) -> SuppressionHash {
        self.hash("own", &[value.kind.as_str(), &value.value])
    }

    /// The hash of a value that others have too, or may have. A record with it belongs to the person only if
    /// the name matches.
    #[must_use]
    pub fn shared(&self, value: &Identifier) -> SuppressionHash {
        self.hash("common", &[value.kind.as_str(), &value.value])
    }

    /// The hash of a value together with a folded name.
    #[must_use]
    pub fn with_name(&self, value: &Identifier, name_key: &str) -> SuppressionHash {
        self.hash("named", &[value.kind.as_str(), &value.value, name_key])
    }

    /// The hash of a value together with the first letter of the given name; `None` if that is unknown.
    #[must_use]
    pub fn with_initial(&self, value: &Identifier, name_key: &str) -> Option<SuppressionHash> {
        let initial = given_name(name_key).chars().next()?;
        Some(self.hash(
            "initial",
            &[value.kind.as_str(), &value.value, initial.encode_utf8(&mut [0; 4])],
        ))
    }
}

/// The given name in the key of a folded name.
#[must_use]
pub fn given_name(name_key: &str) -> &str {
    name_key.split_once('\u{1f}').map_or("", |(given, _)| given)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::customer::model::identifier::IdentifierKind;

    #[test]
    fn hashes_are_hmac_sha256() {
        let hasher = SuppressionHasher::new(&SuppressionKey([7; 32]));
        let email = Identifier { kind: IdentifierKind::Email, value: "a@example.org".to_owned() };
        let hex: String =
            hasher.exclusive(&email).0.iter().map(|byte| format!("{byte:02x}")).collect();
        // printf 'own\0email\0a@example.org' | openssl dgst -sha256 -mac HMAC -macopt hexkey:0707…07
        assert_eq!(hex, "6f536dc0d7f5e19bf5a1ce81bddf354a6c38af65e78b37c7b081f3503b7c111f");
    }

    #[test]
    fn postgres_can_compute_the_hash_of_an_id() {
        use sha2::Digest;
        let key = SuppressionKey([7; 32]);
        let [inner, outer] = key.given_id_blocks();
        let first = Sha256::digest([inner.as_slice(), "7".as_bytes()].concat());
        let second = Sha256::digest([outer.as_slice(), first.as_slice()].concat());
        assert_eq!(SuppressionHasher::new(&key).given_id("7").0, <[u8; 32]>::from(second));
    }

    #[test]
    fn nothing_is_taken_for_something_else() {
        let hasher = SuppressionHasher::new(&SuppressionKey([7; 32]));
        let email = Identifier { kind: IdentifierKind::Email, value: "a@example.org".to_owned() };
        assert_ne!(hasher.exclusive(&email), hasher.shared(&email));
        assert_ne!(hasher.shared(&email), hasher.with_name(&email, ""));
        assert_ne!(
            hasher.exclusive(&email),
            SuppressionHasher::new(&SuppressionKey([8; 32])).exclusive(&email)
        );
    }
}

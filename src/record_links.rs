//! The paths of customers in URLs. The id of a record may be an address, and URLs are in histories and logs, so paths
//! contain the key of a record encrypted. The same record always has the same path.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};

use crate::brand::Brand;
use crate::customer::model::record::RecordKey;
use crate::storage::invalidation::LookupHash;

/// Encrypts the keys of records of a brand.
///
/// The nonce is a keyed hash of the text, so two texts never share one, and equal texts are encrypted equally.
pub struct RecordLinks<'a> {
    brand: &'a Brand,
}

impl<'a> RecordLinks<'a> {
    /// Encrypts with the secret of a brand.
    #[must_use]
    pub const fn new(brand: &'a Brand) -> Self {
        Self { brand }
    }

    /// The path of the customer of a record, or another text that must not be in a URL.
    #[must_use]
    pub fn path(&self, text: &str) -> String {
        let nonce = self.nonce(text);
        let mut sealed = text.as_bytes().to_vec();
        let key = self.key();
        let Some(key) = key else { return String::new() };
        let nonce_text = Nonce::assume_unique_for_key(nonce);
        if key.seal_in_place_append_tag(nonce_text, Aad::empty(), &mut sealed).is_err() {
            return String::new();
        }
        URL_SAFE_NO_PAD.encode([nonce.as_slice(), &sealed].concat())
    }

    /// The record of a path. `None` if it was not made for this brand.
    #[must_use]
    pub fn record(&self, path: &str) -> Option<RecordKey> {
        self.text(path)?.parse().ok()
    }

    /// The text of a path. `None` if it was not made for this brand.
    #[must_use]
    pub fn text(&self, path: &str) -> Option<String> {
        let bytes = URL_SAFE_NO_PAD.decode(path).ok()?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE_LEN)?;
        let mut text = sealed.to_vec();
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let text = self.key()?.open_in_place(nonce, Aad::empty(), &mut text).ok()?;
        std::str::from_utf8(text).ok().map(str::to_owned)
    }

    fn nonce(&self, text: &str) -> [u8; NONCE_LEN] {
        let LookupHash(hash) = LookupHash::new(&self.brand.secret, "console nonce", text);
        let mut nonce = [0; NONCE_LEN];
        nonce.iter_mut().zip(hash).for_each(|(to, from)| *to = from);
        nonce
    }

    fn key(&self) -> Option<LessSafeKey> {
        let half = |name: &str| {
            let LookupHash(hash) = LookupHash::new(&self.brand.secret, "console key", name);
            hash
        };
        let key = UnboundKey::new(&AES_256_GCM, &[half("1"), half("2")].concat()).ok()?;
        Some(LessSafeKey::new(key))
    }
}

//! Texts that URLs carry although nobody may read them there: URLs are in histories and logs. They are encrypted, and
//! nobody else can make one.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};

use crate::brand::Brand;
use crate::storage::invalidation::LookupHash;

/// Encrypts texts of a brand for one purpose.
///
/// The nonce is a keyed hash of the text, so two texts never share one, and equal texts are encrypted equally.
pub struct SealedTexts<'a> {
    brand: &'a Brand,
    purpose: &'a str,
}

impl<'a> SealedTexts<'a> {
    /// Encrypts with the secret of a brand. What was sealed for one purpose cannot be opened for another.
    #[must_use]
    pub const fn new(brand: &'a Brand, purpose: &'a str) -> Self {
        Self { brand, purpose }
    }

    /// The text, encrypted, in characters that a URL may contain.
    #[must_use]
    pub fn seal(&self, text: &str) -> String {
        let nonce = self.nonce(text);
        let mut sealed = text.as_bytes().to_vec();
        let Some(key) = self.key() else { return String::new() };
        let nonce_text = Nonce::assume_unique_for_key(nonce);
        if key.seal_in_place_append_tag(nonce_text, Aad::empty(), &mut sealed).is_err() {
            return String::new();
        }
        URL_SAFE_NO_PAD.encode([nonce.as_slice(), &sealed].concat())
    }

    /// The text. `None` if it was not sealed for this brand and this purpose.
    #[must_use]
    pub fn open(&self, sealed: &str) -> Option<String> {
        let bytes = URL_SAFE_NO_PAD.decode(sealed).ok()?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE_LEN)?;
        let mut text = sealed.to_vec();
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let text = self.key()?.open_in_place(nonce, Aad::empty(), &mut text).ok()?;
        std::str::from_utf8(text).ok().map(str::to_owned)
    }

    fn nonce(&self, text: &str) -> [u8; NONCE_LEN] {
        let LookupHash(hash) = self.hash("nonce", text);
        let mut nonce = [0; NONCE_LEN];
        nonce.iter_mut().zip(hash).for_each(|(to, from)| *to = from);
        nonce
    }

    fn key(&self) -> Option<LessSafeKey> {
        let half = |name: &str| {
            let LookupHash(hash) = self.hash("key", name);
            hash
        };
        let key = UnboundKey::new(&AES_256_GCM, &[half("1"), half("2")].concat()).ok()?;
        Some(LessSafeKey::new(key))
    }

    fn hash(&self, part: &str, text: &str) -> LookupHash {
        LookupHash::new(&self.brand.secret, &format!("{} {part}", self.purpose), text)
    }
}

//! Signatures with a shared secret: algorithm, encoding, verification.

use base64::Engine;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use serde::{Deserialize, Serialize};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};
use subtle::{Choice, ConstantTimeEq};

use super::secret::Secret;

/// A hash function. Vendors still use the weak ones; as part of HMAC, none of them has been forged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hash {
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
    /// SHA-1.
    Sha1,
    /// MD5.
    Md5,
}

/// How a digest is computed from a text and a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// HMAC (RFC 2104).
    Hmac(Hash),
    /// The plain hash of the key followed by the text.
    KeyBefore(Hash),
    /// The plain hash of the text followed by the key.
    KeyAfter(Hash),
}

impl Method {
    /// Every HMAC.
    pub(super) const KEYED: [Self; 4] = [
        Self::Hmac(Hash::Sha256),
        Self::Hmac(Hash::Sha512),
        Self::Hmac(Hash::Sha1),
        Self::Hmac(Hash::Md5),
    ];

    /// Every method.
    pub(super) const ALL: [Self; 12] = [
        Self::Hmac(Hash::Sha256),
        Self::Hmac(Hash::Sha512),
        Self::Hmac(Hash::Sha1),
        Self::Hmac(Hash::Md5),
        Self::KeyBefore(Hash::Sha256),
        Self::KeyBefore(Hash::Sha512),
        Self::KeyBefore(Hash::Sha1),
        Self::KeyBefore(Hash::Md5),
        Self::KeyAfter(Hash::Sha256),
        Self::KeyAfter(Hash::Sha512),
        Self::KeyAfter(Hash::Sha1),
        Self::KeyAfter(Hash::Md5),
    ];

    /// Its name, for people.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Hmac(Hash::Sha256) => "HMAC-SHA256",
            Self::Hmac(Hash::Sha512) => "HMAC-SHA512",
            Self::Hmac(Hash::Sha1) => "HMAC-SHA1",
            Self::Hmac(Hash::Md5) => "HMAC-MD5",
            Self::KeyBefore(Hash::Sha256) => "SHA-256 with the key before the text",
            Self::KeyBefore(Hash::Sha512) => "SHA-512 with the key before the text",
            Self::KeyBefore(Hash::Sha1) => "SHA-1 with the key before the text",
            Self::KeyBefore(Hash::Md5) => "MD5 with the key before the text",
            Self::KeyAfter(Hash::Sha256) => "SHA-256 with the key after the text",
            Self::KeyAfter(Hash::Sha512) => "SHA-512 with the key after the text",
            Self::KeyAfter(Hash::Sha1) => "SHA-1 with the key after the text",
            Self::KeyAfter(Hash::Md5) => "MD5 with the key after the text",
        }
    }

    /// The length of its digests.
    pub(super) const fn digest_bytes(self) -> usize {
        match self {
            Self::Hmac(hash) | Self::KeyBefore(hash) | Self::KeyAfter(hash) => hash.bytes(),
        }
    }

    /// The digest of a text, given in parts. HMAC accepts every key, so `None` does not occur.
    #[must_use]
    pub fn digest(self, key: &[u8], text: &[&[u8]]) -> Option<Vec<u8>> {
        match self {
            Self::Hmac(Hash::Sha256) => authenticated::<Hmac<Sha256>>(key, text),
            Self::Hmac(Hash::Sha512) => authenticated::<Hmac<Sha512>>(key, text),
            Self::Hmac(Hash::Sha1) => authenticated::<Hmac<Sha1>>(key, text),
            Self::Hmac(Hash::Md5) => authenticated::<Hmac<Md5>>(key, text),
            Self::KeyBefore(hash) => Some(hash.of([key].into_iter().chain(text.iter().copied()))),
            Self::KeyAfter(hash) => Some(hash.of(text.iter().copied().chain([key]))),
        }
    }
}

impl Hash {
    const fn bytes(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha512 => 64,
            Self::Sha1 => 20,
            Self::Md5 => 16,
        }
    }

    fn of<'a>(self, parts: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
        match self {
            Self::Sha256 => hashed::<Sha256>(parts),
            Self::Sha512 => hashed::<Sha512>(parts),
            Self::Sha1 => hashed::<Sha1>(parts),
            Self::Md5 => hashed::<Md5>(parts),
        }
    }
}

fn authenticated<M: Mac + KeyInit>(key: &[u8], text: &[&[u8]]) -> Option<Vec<u8>> {
    let mut mac = <M as KeyInit>::new_from_slice(key).ok()?;
    text.iter().for_each(|part| mac.update(part));
    Some(mac.finalize().into_bytes().to_vec())
}

fn hashed<'a, D: Digest>(parts: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut hasher = D::new();
    parts.for_each(|part| hasher.update(part));
    hasher.finalize().to_vec()
}

/// Whether one of the signatures was made from the text (given in parts) with one of the secrets. Every secret
/// is compared with every signature, so that the time reveals only how many there are.
#[must_use]
pub fn is_signed(
    method: Method,
    secrets: &[Secret],
    text: &[&[u8]],
    signatures: &[Vec<u8>],
) -> bool {
    let mut found = Choice::from(0);
    for expected in secrets.iter().filter_map(|secret| method.digest(secret.key(), text)) {
        for signature in signatures {
            found |= expected.ct_eq(signature);
        }
    }
    found.into()
}

/// The encoding of a digest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// Hexadecimal, in either case.
    #[default]
    Hex,
    /// Base64 with the standard alphabet (RFC 4648, section 4), with or without padding.
    Base64,
}

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Base64 with the URL-safe alphabet (RFC 4648, section 5). No source uses it, but a program may do so by mistake.
pub(super) const URL_SAFE_BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

impl Encoding {
    /// Its name in the settings.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hex => "hex",
            Self::Base64 => "base64",
        }
    }

    /// Encodes a digest.
    #[must_use]
    pub fn encode(self, digest: &[u8]) -> String {
        match self {
            Self::Hex => digest.iter().map(|byte| format!("{byte:02x}")).collect(),
            Self::Base64 => BASE64.encode(digest),
        }
    }

    /// Decodes a digest; `None` if the encoding is wrong.
    #[must_use]
    pub fn decode(self, text: &str) -> Option<Vec<u8>> {
        match self {
            Self::Hex => hex(text),
            Self::Base64 => BASE64.decode(text).ok(),
        }
    }
}

impl Encoding {
    /// Decodes all digests of a header that may come in several lines, which are joined by commas (RFC 9110,
    /// section 5.3); `None` if none can be decoded.
    #[must_use]
    pub fn decode_list(self, header: &str, prefix: &str) -> Option<Vec<Vec<u8>>> {
        let entries = header
            .split(',')
            .map(|entry| entry.trim_matches([' ', '\t']))
            .filter(|entry| !entry.is_empty());
        let decoded: Vec<Vec<u8>> =
            entries.filter_map(|entry| self.decode(entry.strip_prefix(prefix)?)).collect();
        (!decoded.is_empty()).then_some(decoded)
    }
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u32> = text.chars().map(|c| c.to_digit(16)).collect::<Option<_>>()?;
    digits
        .chunks(2)
        .map(|two| if let [high, low] = two { u8::try_from(high * 16 + low).ok() } else { None })
        .collect()
}

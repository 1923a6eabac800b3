//! The form of a signature: prefix, encoding and length. No secret is needed for it.

use super::attempt::Attempt;
use super::reason::Reason;
use crate::sources::signature::{Encoding, Method, URL_SAFE_BASE64};

/// The form that a verification expects.
pub struct SignatureForm<'a> {
    /// The header or the member of the body with the signature.
    pub place: &'a str,
    /// The text before the signature.
    pub prefix: &'a str,
    /// The encoding.
    pub encoding: Encoding,
    /// The algorithm, which decides the length.
    pub method: Method,
}

/// Texts that vendors write before a signature. Only these are ever shown.
const PREFIXES: [&str; 10] = [
    "sha256=",
    "sha512=",
    "sha1=",
    "md5=",
    "hmac-sha256=",
    "hmac=",
    "signature=",
    "v1=",
    "v0=",
    "t=",
];

impl SignatureForm<'_> {
    /// The signatures in a text, decoded in whatever encoding they have. The text may be a list.
    pub(in crate::sources) fn read(&self, text: &str) -> Vec<Attempt<Vec<u8>>> {
        text.split(',').filter_map(|entry| self.read_one(trimmed(entry))).collect()
    }

    fn read_one(&self, entry: &str) -> Option<Attempt<Vec<u8>>> {
        let (rest, reason) = match (entry.strip_prefix(self.prefix), prefix_of(entry)) {
            (Some(rest), _) if !self.prefix.is_empty() => (rest, None),
            (_, Some((prefix, rest))) => {
                (rest, Some(Reason::PrefixUnexpected { prefix: prefix.to_owned() }))
            }
            (None, None) => (entry, Some(Reason::PrefixMissing { prefix: self.prefix.to_owned() })),
            (Some(rest), None) => (rest, None),
        };
        let mut read = decode(rest, self.encoding)?;
        read.reasons.splice(0..0, reason);
        Some(read)
    }

    /// What is wrong with the form of a signature. `None` if the form is right.
    pub(in crate::sources) fn reason(&self, text: &str) -> Option<Reason> {
        reason_of(&self.read(text), self.place, self.method)
    }
}

/// What is wrong with the form of these signatures. `None` if one has the right form.
pub(in crate::sources) fn reason_of(
    signatures: &[Attempt<Vec<u8>>],
    place: &str,
    method: Method,
) -> Option<Reason> {
    let expected_bytes = method.digest_bytes();
    let is_right = |signature: &Attempt<Vec<u8>>| {
        signature.reasons.is_empty() && signature.value.len() == expected_bytes
    };
    if signatures.iter().any(is_right) {
        return None;
    }
    let Some(first) = signatures.first() else {
        return Some(Reason::NotASignature { place: place.to_owned() });
    };
    let length = Reason::WrongLength { expected_bytes, given_bytes: first.value.len() };
    Some(first.reasons.first().cloned().unwrap_or(length))
}

/// A signature in the expected encoding or another. `None` if it has no known encoding.
pub(in crate::sources) fn decode(text: &str, expected: Encoding) -> Option<Attempt<Vec<u8>>> {
    let as_expected = || {
        let bytes = expected.decode(text).filter(|bytes| !bytes.is_empty())?;
        Some(Attempt::exact(bytes))
    };
    let other = |bytes: Option<Vec<u8>>, given: &'static str| {
        let bytes = bytes.filter(|bytes| is_digest_length(bytes.len()))?;
        let expected = expected.as_str();
        Some(Attempt::other(bytes, Reason::WrongEncoding { expected, given }))
    };
    let from_hex = || other(Encoding::Hex.decode(text), "hex");
    let from_base64 = || other(Encoding::Base64.decode(text), "base64");
    let from_url_safe =
        || other(base64::Engine::decode(&URL_SAFE_BASE64, text).ok(), "URL-safe base64");
    let from_base64_of_hex = || {
        let hex = String::from_utf8(Encoding::Base64.decode(text)?).ok()?;
        other(Encoding::Hex.decode(&hex), "base64 of hex")
    };
    match expected {
        Encoding::Hex => as_expected().or_else(from_base64_of_hex).or_else(from_base64),
        // Every text in hex is also base64, but of another length.
        Encoding::Base64 => from_hex().or_else(from_base64_of_hex).or_else(as_expected),
    }
    .or_else(from_url_safe)
}

/// Whether a hash function makes digests of this length.
const fn is_digest_length(bytes: usize) -> bool {
    matches!(bytes, 16 | 20 | 32 | 64)
}

/// The known text before a signature, and the rest.
fn prefix_of(entry: &str) -> Option<(&'static str, &str)> {
    PREFIXES.into_iter().find_map(|prefix| {
        let (start, rest) = entry.split_at_checked(prefix.len())?;
        start.eq_ignore_ascii_case(prefix).then_some((prefix, rest))
    })
}

fn trimmed(entry: &str) -> &str {
    entry.trim_matches(|c: char| c.is_whitespace() || matches!(c, '"' | '\''))
}

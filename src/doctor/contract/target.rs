//! The hookpoint that is examined: its URL and its key.

use std::fmt;

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use url::Url;

use crate::sources::safe_url::is_of_this_machine;

/// An e-mail address, a phone number and an id that nobody has: `example.org` is reserved by RFC 2606, and the regulator
/// Ofcom reserves the number for fiction.
const NOBODY: [(&str, &str); 3] = [
    ("{email}", "channelAddressType=email&address=hookpoint-doctor%40example.org"),
    ("{phone}", "channelAddressType=phoneNumber&address=%2B447700900123"),
    ("{id}", "primaryID=hookpoint-doctor-nobody"),
];

/// The parameters that Omnidesk appends to the URL.
const APPENDED: [&str; 4] = ["channelAddressType", "address", "primaryID", "ticketID"];

/// The URL of a hookpoint, and its key.
#[derive(Clone)]
pub struct Target {
    /// Without query.
    url: Url,
    /// Parameters of the URL besides the key, each followed by `&`.
    more: String,
    key_parameter: String,
    /// The key, encoded.
    key: String,
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Target([redacted])")
    }
}

/// What is wrong with the URL or the key. The text repeats neither.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// It cannot be parsed, or is not http.
    #[error("the URL is malformed; write it as in Omnidesk: https://host/path?key=...")]
    Malformed,
    /// The key is missing or empty.
    #[error(
        "the key is missing; give the whole CRM sync url from Omnidesk, or add --key-file or --key"
    )]
    NoKey,
    /// There are several keys.
    #[error("there are several keys; give the key once: in the URL, with --key-file or with --key")]
    SeveralKeys,
}

impl Target {
    /// The URL as it is in Omnidesk. The key is in the URL, or given.
    ///
    /// # Errors
    /// When the URL is malformed, or there is not exactly one key.
    pub fn parse(url: &str, key: Option<&str>, key_parameter: &str) -> Result<Self, TargetError> {
        let mut url = Url::parse(url.trim()).map_err(|_| TargetError::Malformed)?;
        if !["http", "https"].contains(&url.scheme()) || url.host().is_none() {
            return Err(TargetError::Malformed);
        }
        let mut keys: Vec<String> = key.into_iter().map(encode).collect();
        let mut more = String::new();
        for pair in url.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = percent_decode_str(name).decode_utf8_lossy();
            if name == key_parameter {
                keys.push(value.to_owned());
            } else if !APPENDED.contains(&name.as_ref()) {
                more.push_str(pair);
                more.push('&');
            }
        }
        url.set_query(None);
        url.set_fragment(None);
        match <[String; 1]>::try_from(keys) {
            Ok([key]) if !key.is_empty() => {
                Ok(Self { url, more, key_parameter: encode(key_parameter), key })
            }
            Err(keys) if keys.len() > 1 => Err(TargetError::SeveralKeys),
            Ok(_) | Err(_) => Err(TargetError::NoKey),
        }
    }

    /// Scheme, host and port, to print.
    #[must_use]
    pub fn origin(&self) -> String {
        self.url.origin().ascii_serialization()
    }

    /// Whether the connection is encrypted.
    pub(super) fn is_https(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// Whether the hookpoint is on this machine, so that no network is between.
    pub(super) fn is_local(&self) -> bool {
        is_of_this_machine(&self.url)
    }

    /// The URL with a query. In the template, `{key}` is the parameter with the key, `{name}` and `{value}` are its
    /// parts, and `{email}`, `{phone}` and `{id}` ask for nobody.
    pub(super) fn with_query(&self, template: &str) -> Url {
        let mut query = format!("{}{template}", self.more);
        for (name, value) in NOBODY {
            query = query.replace(name, value);
        }
        query = query.replace("{long}", &"a".repeat(8_200));
        query = query.replace("{key}", "{name}={value}");
        query = query.replace("{name}", &self.key_parameter).replace("{value}", &self.key);
        let mut url = self.url.clone();
        url.set_query(Some(&query));
        url
    }

    /// A path below the hookpoint that does not exist, without the key.
    pub(super) fn unknown_path(&self) -> Url {
        let mut url = self.url.clone();
        url.set_path(&format!("{}/hookpoint-doctor", self.url.path().trim_end_matches('/')));
        url
    }

    /// The name of the parameter with the key, encoded.
    pub(super) fn key_parameter(&self) -> &str {
        &self.key_parameter
    }

    /// The key, as it is encoded and decoded.
    pub(super) fn keys(&self) -> [String; 2] {
        [self.key.clone(), percent_decode_str(&self.key).decode_utf8_lossy().into_owned()]
    }
}

/// Encodes a value for a query.
pub(super) fn encode(value: &str) -> String {
    utf8_percent_encode(value, NON_ALPHANUMERIC).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_of_omnidesk_is_taken_as_it_is() {
        let target = Target::parse("https://a.example/x?t=1&key=k%2B1", None, "key").unwrap();
        let url = target.with_query("{key}&{id}");
        assert_eq!(
            url.as_str(),
            "https://a.example/x?t=1&key=k%2B1&primaryID=hookpoint-doctor-nobody"
        );
        assert_eq!(target.unknown_path().as_str(), "https://a.example/x/hookpoint-doctor");
        let of_file = Target::parse("https://a.example/x", Some("k+1"), "key").unwrap();
        assert_eq!(of_file.with_query("{key}").query(), Some("key=k%2B1"));
        let whole = "https://a.example/x?key=k&channelAddressType=email&address=a%40b.example";
        let whole = Target::parse(whole, None, "key").unwrap();
        assert_eq!(whole.with_query("{key}").query(), Some("key=k"));
    }

    #[test]
    fn a_mistake_is_explained_without_the_url() {
        for (url, key, error) in [
            ("a.example/x?key=canary", None, TargetError::Malformed),
            ("ftp://a.example/x?key=canary", None, TargetError::Malformed),
            ("https://a.example/x", None, TargetError::NoKey),
            ("https://a.example/x?key=", None, TargetError::NoKey),
            ("https://a.example/x?key=canary", Some("canary"), TargetError::SeveralKeys),
        ] {
            let found = Target::parse(url, key, "key").unwrap_err();
            assert_eq!(found, error);
            assert!(!found.to_string().contains("canary"));
        }
    }
}

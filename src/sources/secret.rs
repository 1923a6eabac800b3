//! Secrets that are shared with a source, and where they are stored. The settings never contain a secret
//! themselves.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretSlice};
use subtle::{Choice, ConstantTimeEq};

use super::digest::digest;
use super::safe_url::is_safe_url;
pub use super::secret_place::SecretRef;
use super::setting_problem::SettingProblem;
use crate::customer::model::text;

/// The minimum length of a webhook secret: 128 bits. A shorter one might be guessed.
pub const MIN_SECRET_BYTES: usize = 16;

/// A secret. It is never shown, and its memory is wiped after use.
#[derive(Clone)]
pub struct Secret(SecretSlice<u8>);

impl Secret {
    /// A secret of these bytes.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(bytes.into())
    }

    /// A new secret of 256 random bits, in letters, digits, `-` and `_`.
    ///
    /// # Errors
    /// When the system provides no random bits.
    pub fn generate() -> Result<Self, getrandom::Error> {
        let mut bits = [0_u8; 32];
        getrandom::fill(&mut bits)?;
        Ok(Self::new(URL_SAFE_NO_PAD.encode(bits).into_bytes()))
    }

    /// The bytes of the secret.
    #[must_use]
    pub fn key(&self) -> &[u8] {
        self.0.expose_secret()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// Whether a text is one of the secrets. All are compared by their digests, so that the time reveals neither
/// which one matched nor their lengths.
#[must_use]
pub fn is_one_of(secrets: &[Secret], given: &str) -> bool {
    let given = digest("", given.as_bytes());
    let found = secrets
        .iter()
        .fold(Choice::from(0), |found, secret| found | digest("", secret.key()).ct_eq(&given));
    found.into()
}

/// The secret in a stored value, or why it contains none.
type Read = Result<Vec<u8>, &'static str>;

/// Loads the secrets that the settings name, and collects mistakes.
pub struct SecretLoader<'a> {
    fetch: Fetch<'a>,
    mistakes: Vec<SettingProblem>,
    missing: Vec<SettingProblem>,
    warnings: Vec<SettingProblem>,
}

/// Loads the value at a place, or returns an error that does not contain the value.
pub type Fetch<'a> = &'a dyn Fn(&SecretRef) -> Result<Vec<u8>, String>;

impl<'a> SecretLoader<'a> {
    /// Only the settings may read the environment, so they pass in the function that loads a secret.
    #[must_use]
    pub const fn new(fetch: Fetch<'a>) -> Self {
        Self { fetch, mistakes: Vec::new(), missing: Vec::new(), warnings: Vec::new() }
    }

    /// The mistakes: those of the settings, and those of secrets that could not be loaded, by key.
    #[must_use]
    pub fn into_mistakes(self) -> [Vec<SettingProblem>; 2] {
        [self.mistakes, self.missing]
    }

    /// Warnings about settings and secrets that may be wrong, by key.
    #[must_use]
    pub fn warnings(&self) -> &[SettingProblem] {
        &self.warnings
    }

    pub(super) fn mistake(&mut self, key: &str, what: &str) {
        self.mistakes.push(SettingProblem::new(key, what));
    }

    /// A mistake that exists only because of the value of another key.
    fn mistake_because_of(&mut self, cause: &str, key: &str, what: String) {
        self.mistakes.push(SettingProblem::new(key, what).depending_on(cause));
    }

    /// The secrets of a verification.
    pub(super) fn secrets(
        &mut self,
        verification: &str,
        places: &[SecretRef],
        read: impl Fn(Vec<u8>) -> Read,
    ) -> Vec<Secret> {
        if places.is_empty() {
            let what = format!(
                "\"{verification}\" needs secrets, such as secrets = [{{ env = \"NAME\" }}]"
            );
            self.mistake_because_of("secrets", "verification", what);
        }
        self.fetch("secrets", places, MIN_SECRET_BYTES, read)
    }

    /// A secret without verification would give a false impression of safety.
    pub(super) fn unused(&mut self, verification: &str, key: &str, places: &[SecretRef]) {
        if !places.is_empty() {
            let what = format!(
                "is not used with verification = \"{verification}\"; remove it, or choose another verification"
            );
            self.mistake_because_of("verification", key, what);
            // If the verification is what is wrong, the secrets will be needed.
            self.fetch(key, places, 0, Ok);
        }
    }

    /// A header's name, in lower case.
    pub(super) fn header(&mut self, key: &str, name: &str) -> String {
        if name.is_empty()
            || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        {
            self.mistake(key, "must be the name of a header, such as \"x-signature\"");
        }
        name.to_ascii_lowercase()
    }

    /// The only secret in a list, for calls. Vendors may use short ones. `None` if none is named, or it cannot
    /// be loaded.
    pub(super) fn only(&mut self, key: &str, places: &[SecretRef]) -> Option<Secret> {
        if places.len() > 1 {
            self.mistake(key, "names several secrets, but a call can use only one");
        }
        let fits = |kept: Vec<u8>| {
            if kept.iter().all(u8::is_ascii_graphic) {
                Ok(kept)
            } else {
                Err("contains a space, a line break or a character that is not ASCII")
            }
        };
        self.fetch(key, places, 1, fits).pop()
    }

    /// A text that is required if the API is called.
    pub(super) fn text(&mut self, key: &str, value: &str, is_called: bool) -> Option<String> {
        if is_called && value.is_empty() {
            self.mistake(key, "is needed to call the API");
        }
        (!value.is_empty()).then(|| value.to_owned())
    }

    /// The base URL of an API, without a slash at the end. It may be empty if the API is not called.
    pub(super) fn base_url(&mut self, key: &str, url: &str, is_called: bool) -> Option<String> {
        let is_safe = is_safe_url(url);
        if !is_safe && (is_called || !url.is_empty()) {
            self.mistake(key, "must be the URL of the API, such as \"https://api.example.com/v1\", without a user, a query or a fragment; plain http is allowed for this machine only");
        }
        is_safe.then(|| url.trim_end_matches('/').to_owned())
    }

    /// The token endpoint: a path of the API, or a whole URL. It may be empty if the API is not called.
    pub(super) fn token_url(&mut self, key: &str, url: &str, is_called: bool) -> Option<String> {
        let is_right = url.starts_with('/') || is_safe_url(url);
        if !is_right && (is_called || !url.is_empty()) {
            self.mistake(key, "must be a URL such as \"https://auth.example.com/token\", or a path below base_url such as \"/token\"");
        }
        is_right.then(|| url.to_owned())
    }

    /// The most calls in a minute. `documented` is the limit that the vendor publishes, if it publishes one.
    pub(super) fn rate(&mut self, key: &str, calls: u32, documented: Option<u32>) -> Option<u32> {
        let is_right = (1..=60_000).contains(&calls);
        if !is_right {
            self.mistake(key, "must be between 1 and 60000");
        }
        if let Some(documented) = documented.filter(|documented| is_right && calls > *documented) {
            let what = format!(
                "is above the limit that the vendor documents: {documented} calls per minute; the vendor may refuse the calls above it"
            );
            self.warnings.push(SettingProblem::new(key, what));
        }
        is_right.then_some(calls)
    }

    /// All secrets of a list, with a minimum length.
    pub(super) fn fetch(
        &mut self,
        key: &str,
        places: &[SecretRef],
        least: usize,
        read: impl Fn(Vec<u8>) -> Read,
    ) -> Vec<Secret> {
        let mut secrets = Vec::new();
        for (n, place) in places.iter().enumerate() {
            let kept = match (self.fetch)(place) {
                Ok(kept) => kept,
                Err(what) => {
                    self.missing.push(SettingProblem::new(format!("{key}.{n}"), what));
                    continue;
                }
            };
            if let Some(what) = surrounded_by(&kept) {
                let what = format!(
                    "contains a secret that begins or ends with {what}; they count as part of the secret. Remove them if they do not belong to it"
                );
                self.warnings.push(SettingProblem::new(format!("{key}.{n}"), what));
            }
            match read(kept) {
                Ok(bytes) if bytes.is_empty() => {
                    self.mistake(
                        &format!("{key}.{n}"),
                        "is empty: the file or the variable that it names contains no secret",
                    );
                }
                Ok(bytes) if bytes.len() < least => {
                    self.mistake(&format!("{key}.{n}"), &too_short(place, least));
                }
                Ok(bytes) => secrets.push(Secret::new(bytes)),
                Err(what) => {
                    self.mistake_because_of("key_encoding", &format!("{key}.{n}"), what.to_owned());
                }
            }
        }
        secrets
    }
}

fn too_short(place: &SecretRef, least: usize) -> String {
    place.variable().map_or_else(
        || format!("is too short: a secret needs at least {least} bytes"),
        |name| format!("is too short: the secret in {name} needs at least {least} bytes"),
    )
}

/// Characters around a secret that probably do not belong to it.
fn surrounded_by(kept: &[u8]) -> Option<&'static str> {
    let text = String::from_utf8_lossy(kept);
    let is_any = |is: fn(char) -> bool| text.starts_with(is) || text.ends_with(is);
    if is_any(char::is_whitespace) {
        return Some("spaces or line breaks");
    }
    if is_any(text::is_invisible) {
        return Some("invisible characters");
    }
    is_any(|c| matches!(c, '"' | '\'' | '`' | '“' | '”' | '„' | '‘' | '’' | '«' | '»'))
        .then_some("quotation marks")
}

//! Where secrets are stored. The settings name places only, never a secret itself.

use std::fmt;

use serde::de::{Error, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// Where a secret is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SecretRef {
    /// In the environment variable of this name.
    Env(String),
    /// In the file of this path.
    File(String),
}

impl SecretRef {
    /// The environment variable, for messages. `None` for a file, and for a name without the usual form (upper case, with
    /// an underscore or without digits): it may be the secret itself, written there by mistake.
    #[must_use]
    pub fn variable(&self) -> Option<&str> {
        let Self::Env(name) = self else { return None };
        let is_usual = name.starts_with(|c: char| c.is_ascii_uppercase())
            && name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
            && (name.contains('_') || !name.bytes().any(|b| b.is_ascii_digit()));
        is_usual.then_some(name)
    }

    /// Where it is, for people. What may be the secret itself, written there by mistake, is left out.
    #[must_use]
    pub fn in_words(&self) -> String {
        match (self, self.variable()) {
            (Self::File(path), _) if is_path(path) => format!("the file {path}"),
            (Self::File(_), _) => "a file".to_owned(),
            (Self::Env(_), Some(name)) => format!("the environment variable {name}"),
            (Self::Env(_), None) => "an environment variable".to_owned(),
        }
    }
}

/// Whether a text is surely a path, and no secret in base64.
fn is_path(text: &str) -> bool {
    text.starts_with(['/', '.']) && text.matches('/').count() > 1 && !text.contains(['+', '='])
}

const PLACE: &str = "the place of a secret, such as { env = \"NAME\" } or { file = \"/run/secrets/name\" }; a secret itself never belongs in this file";

/// An error never repeats a value: it may be a secret, written there by mistake.
impl<'de> Deserialize<'de> for SecretRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PlaceVisitor)
    }
}

struct PlaceVisitor;

impl<'de> Visitor<'de> for PlaceVisitor {
    type Value = SecretRef;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(PLACE)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<SecretRef, A::Error> {
        let wrong = || A::Error::custom(format!("must be {PLACE}"));
        let kind: String = map.next_key()?.ok_or_else(wrong)?;
        let text: String = map.next_value().map_err(|_| wrong())?;
        let is_only = map.next_entry::<IgnoredAny, IgnoredAny>()?.is_none();
        match kind.as_str() {
            "env" if is_only && !text.is_empty() => Ok(SecretRef::Env(text)),
            "file" if is_only && !text.is_empty() => Ok(SecretRef::File(text)),
            _ => Err(wrong()),
        }
    }
}

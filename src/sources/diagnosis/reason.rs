//! The reasons why a webhook fails its verification. A reason says only what the settings and the form of the
//! request say. It contains no secret, no signature and no content.

use std::fmt;

use serde::Serialize;

use crate::counted::counted;

/// A reason, as a person can act on it. Its serialization has the field `code`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "code", rename_all = "kebab-case")]
pub enum Reason {
    /// The settings do not say how to verify webhooks of this source.
    NotConnected,
    /// The secrets that the settings name are not available here.
    NoSecret,
    /// A header is missing.
    HeaderMissing {
        /// The header.
        header: String,
        /// Headers of the request with similar names. The log never has them.
        similar: Vec<String>,
    },
    /// The secret is missing.
    SecretMissing {
        /// The place where it should be.
        expected: &'static str,
    },
    /// The secret is at another place than the settings say.
    SecretElsewhere {
        /// The place where it should be.
        expected: &'static str,
        /// The place where it is.
        found: &'static str,
    },
    /// The text before the signature is missing.
    PrefixMissing {
        /// The text.
        prefix: String,
    },
    /// There is a text before the signature, but the settings have none, or another.
    PrefixUnexpected {
        /// The text.
        prefix: String,
    },
    /// The signature is encoded in another way than the settings say.
    WrongEncoding {
        /// The encoding in the settings.
        expected: &'static str,
        /// The encoding of the signature.
        given: &'static str,
    },
    /// The text is no signature in any known encoding.
    NotASignature {
        /// The header, or the member of the body.
        place: String,
    },
    /// The signature has another length than one of the expected algorithm.
    WrongLength {
        /// The expected length.
        expected_bytes: usize,
        /// The length of the signature.
        given_bytes: usize,
    },
    /// The timestamp is not a number of seconds since 1970.
    TimestampMalformed {
        /// Whether it is a number of milliseconds.
        is_milliseconds: bool,
    },
    /// The timestamp is too far from the time of receipt.
    Untimely {
        /// By how many seconds the timestamp is later. Negative if it is earlier.
        late_by_seconds: i64,
        /// The difference that the settings allow.
        tolerance_seconds: u64,
    },
    /// The id of the delivery contains a dot.
    IdWithDot,
    /// The header has no signature of the known version.
    VersionMissing {
        /// The version.
        version: &'static str,
    },
    /// The value of the header for the authorization is wrong.
    AuthorizationWrong {
        /// The header.
        header: String,
    },
    /// The body is not a JSON object with unique keys.
    BodyNotAnObject,
    /// The body has no string in a member.
    MemberMissing {
        /// The member.
        member: &'static str,
    },
    /// The body is not what was signed.
    BodyChanged {
        /// The difference.
        change: BodyChange,
    },
    /// The signature is of another algorithm.
    OtherAlgorithm {
        /// The algorithm in the settings.
        expected: &'static str,
        /// The algorithm of the signature.
        used: &'static str,
    },
    /// Another text was signed than the settings say.
    OtherText {
        /// The setting.
        setting: &'static str,
        /// The value of the setting that fits.
        used: &'static str,
    },
    /// The secret was used in another form.
    OtherSecretForm {
        /// The form.
        form: SecretForm,
    },
    /// The secret belongs to another endpoint in the settings.
    SecretOfOther {
        /// The brand of the other endpoint.
        brand: String,
        /// The source of the other endpoint.
        source: String,
    },
    /// The webhook is valid at another endpoint in the settings.
    ValidAtOther {
        /// The brand of the other endpoint.
        brand: String,
        /// The source of the other endpoint.
        source: String,
    },
    /// The signature fits nothing that was tried.
    SecretDiffers,
    /// The secret that the request carries is none of the known ones.
    OtherSecret,
}

/// A difference between the body and the signed text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum BodyChange {
    /// A line break was added at the end.
    LineBreakAdded,
    /// The line break at the end was removed.
    LineBreakRemoved,
    /// The line breaks were converted.
    LineBreaksConverted,
    /// A byte order mark was added.
    ByteOrderMarkAdded,
    /// The JSON was written again.
    JsonRewritten,
}

/// A form of the secret in the settings with which the sender signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SecretForm {
    /// With a line break at the end.
    WithLineBreak,
    /// Without the spaces or quotation marks around it.
    Trimmed,
    /// Decoded from base64.
    FromBase64,
    /// Decoded from hex.
    FromHex,
    /// Encoded in base64, not decoded.
    AsBase64,
    /// In another case.
    OtherCase,
}

impl fmt::Display for BodyChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LineBreakAdded => "a line break was added at its end",
            Self::LineBreakRemoved => "the line break at its end was removed",
            Self::LineBreaksConverted => "its line breaks were converted (LF, CR LF)",
            Self::ByteOrderMarkAdded => "a byte order mark was added at its beginning",
            Self::JsonRewritten => "its JSON was written again with other spaces, escapes or order",
        })
    }
}

impl fmt::Display for SecretForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WithLineBreak => "with a line break at its end: remove it at the source",
            Self::Trimmed => {
                "without the spaces or quotation marks around it: remove them in the settings"
            }
            Self::FromBase64 => {
                "decoded from base64: the secret in the settings is base64 and must be decoded"
            }
            Self::FromHex => {
                "decoded from hex: the secret in the settings is hex and must be decoded"
            }
            Self::AsBase64 => "in base64, without decoding it: the secret must not be decoded",
            Self::OtherCase => "with other upper and lower case letters",
        })
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotConnected => f.write_str(
                "the settings have no verification for this source, so its webhooks get 503",
            ),
            Self::NoSecret => f.write_str(
                "the secret that the settings name is not available here, so nothing can match",
            ),
            Self::SecretMissing { expected } => {
                write!(f, "no secret in {expected}, where the settings expect it")
            }
            Self::SecretElsewhere { expected, found } => {
                write!(f, "secret in {found}, but the settings expect it in {expected} (secret_in)")
            }
            Self::TimestampMalformed { is_milliseconds: true } => {
                f.write_str("the timestamp is in milliseconds; it must be in seconds since 1970")
            }
            Self::TimestampMalformed { is_milliseconds: false } => {
                f.write_str("the timestamp is not a number of seconds since 1970")
            }
            Self::Untimely { late_by_seconds, tolerance_seconds } => {
                let than = if *late_by_seconds < 0 { "older" } else { "newer" };
                write!(
                    f,
                    "the timestamp is {} s {than} than the time of receipt; allowed are {tolerance_seconds} s. Check both clocks",
                    late_by_seconds.unsigned_abs()
                )
            }
            Self::IdWithDot => {
                f.write_str("the id of the delivery contains a dot, which is not allowed")
            }
            Self::BodyNotAnObject => f.write_str("the body is not a JSON object with unique keys"),
            Self::MemberMissing { member } => {
                write!(f, "the body has no string in its member {member}")
            }
            Self::BodyChanged { change } => {
                write!(f, "the body is not the one that was signed: {change}")
            }
            Self::ValidAtOther { brand, source } => write!(
                f,
                "it would be valid at /webhooks/{brand}/{source}: it was sent to the wrong URL"
            ),
            _ => self.fmt_signature(f),
        }
    }
}

impl Reason {
    /// A header is missing.
    pub(in crate::sources) fn header_missing(header: &str) -> Self {
        Self::HeaderMissing { header: header.to_owned(), similar: Vec::new() }
    }

    /// The reasons that are about a signature or its secret.
    fn fmt_signature(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HeaderMissing { header, similar } if similar.is_empty() => {
                write!(f, "the header {header} is missing")
            }
            Self::HeaderMissing { header, similar } => write!(
                f,
                "the header {header} is missing; similar headers: {}",
                similar.join(", ")
            ),
            Self::PrefixMissing { prefix } => {
                write!(f, "the signature does not begin with \"{prefix}\"")
            }
            Self::PrefixUnexpected { prefix } => write!(
                f,
                "the signature begins with \"{prefix}\", which is not expected"
            ),
            Self::WrongEncoding { expected, given } => {
                write!(f, "{expected} expected, this is {given}")
            }
            Self::NotASignature { place } => {
                write!(f, "{place} has no signature in hex or base64")
            }
            Self::WrongLength { expected_bytes, given_bytes } => write!(
                f,
                "the signature has {}; the algorithm in the settings makes {expected_bytes}",
                counted(given_bytes, "byte", "bytes")
            ),
            Self::VersionMissing { version } => {
                write!(f, "no signature of version {version}, such as \"{version},<base64>\"")
            }
            Self::AuthorizationWrong { header } => {
                write!(f, "the value of the header {header} is wrong")
            }
            Self::OtherAlgorithm { expected, used } => {
                write!(f, "{expected} expected, this is {used}")
            }
            Self::OtherText { setting, used } => {
                write!(f, "the sender signed another text than the settings say; with {setting} = \"{used}\" the signature is right")
            }
            Self::OtherSecretForm { form } => {
                write!(f, "the sender used the secret {form}")
            }
            Self::SecretOfOther { brand, source } => write!(
                f,
                "the sender used the secret of {source} of the brand {brand}"
            ),
            Self::OtherSecret => f.write_str(
                "the secret differs: the request has another secret than the one in the settings",
            ),
            _ => f.write_str(
                "the secret differs: the sender used another secret than the one in the settings, or the body was changed after it was signed",
            ),
        }
    }
}

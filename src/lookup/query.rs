//! Parses the query string strictly. A request that does not follow the documentation is rejected before any query.

use std::borrow::Cow;
use std::fmt;

use crate::customer::model::email::Email;
use crate::customer::model::identifier::{Identifier, IdentifierKind};
use crate::customer::model::phone::Phone;
use crate::customer::model::placeholder::is_unfilled_lookup;
use crate::customer::model::text::{canonical_id, is_possible_id};
use crate::http::problem::Problem;
use crate::storage::invalidation::LookupHash;

/// The longest query string, in bytes.
pub const MAX_QUERY: usize = 4_096;

/// A query string, split into parameters but not validated. The key is checked before that.
#[derive(Default)]
pub struct Query<'a> {
    key: Seen<'a>,
    channel: Seen<'a>,
    address: Seen<'a>,
    primary_id: Seen<'a>,
    ticket: Seen<'a>,
}

/// The value of a parameter, as it was sent.
#[derive(Clone, Copy, Default)]
enum Seen<'a> {
    #[default]
    Never,
    Once(&'a str),
    Often,
}

impl<'a> Seen<'a> {
    const fn see(&mut self, value: &'a str) {
        *self = match self {
            Self::Never => Self::Once(value),
            Self::Once(_) | Self::Often => Self::Often,
        };
    }
}

/// The person that a lookup asks for.
#[derive(Clone, PartialEq, Eq)]
pub enum Question {
    /// The customers with this address.
    Address(Identifier),
    /// The customer with this id.
    Id(String),
}

impl fmt::Debug for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Question([redacted])")
    }
}

impl Question {
    /// The address, unless the lookup is by id.
    #[must_use]
    pub const fn address(&self) -> Option<&Identifier> {
        match self {
            Self::Address(address) => Some(address),
            Self::Id(_) => None,
        }
    }

    /// The kind and the value that are hashed for the cache.
    #[must_use]
    pub fn parts(&self) -> (&'static str, &str) {
        match self {
            Self::Address(address) => (address.kind.as_str(), &address.value),
            Self::Id(id) => (LookupHash::ID, id),
        }
    }
}

/// A lookup as it was sent, decoded but not validated. If it is in the cache, it was validated before.
#[derive(PartialEq, Eq)]
pub struct LookupQuery<'a> {
    kind: LookupQueryKind,
    text: Cow<'a, str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LookupQueryKind {
    Phone,
    Email,
    Id,
}

impl<'a> Query<'a> {
    /// Splits a query string. It ignores parameters that are not documented.
    ///
    /// # Errors
    /// When the query string is too long.
    pub fn split(query: &'a str, key_parameter: &str) -> Result<Self, Problem> {
        if query.len() > MAX_QUERY {
            return Err(Problem::QueryTooLong);
        }
        let mut split = Self::default();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = decode(name).unwrap_or_default();
            match name.as_ref() {
                name if name == key_parameter => split.key.see(value),
                "channelAddressType" => split.channel.see(value),
                "address" => split.address.see(value),
                "primaryID" => split.primary_id.see(value),
                "ticketID" => split.ticket.see(value),
                _ => {}
            }
        }
        Ok(split)
    }

    /// The bytes of the API key.
    ///
    /// # Errors
    /// When the key is missing, repeated or empty.
    pub fn key(&self) -> Result<Cow<'a, [u8]>, Problem> {
        match self.key {
            Seen::Once(key) if key.contains('+') => {
                Ok(percent_encoding::percent_decode_str(&key.replace('+', " "))
                    .collect::<Vec<u8>>()
                    .into())
            }
            Seen::Once(key) if !key.is_empty() => {
                Ok(percent_encoding::percent_decode_str(key).into())
            }
            Seen::Never | Seen::Once(_) | Seen::Often => Err(Problem::KeyMissing),
        }
    }

    /// The ticket, for the history. It is never a reason to reject a lookup: without a readable one, this is `None`.
    #[must_use]
    pub fn ticket(&self) -> Option<Cow<'a, str>> {
        match self.ticket {
            Seen::Once(ticket) if !ticket.is_empty() => decode(ticket),
            Seen::Never | Seen::Once(_) | Seen::Often => None,
        }
    }

    /// The lookup, before its validation.
    ///
    /// # Errors
    /// When parameters are missing, repeated, empty, or of both forms.
    pub fn asked(&self) -> Result<LookupQuery<'a>, Problem> {
        use Seen::{Never, Often, Once};
        match (self.channel, self.address, self.primary_id) {
            (Never, Never, Never) => Err(Problem::ParameterMissing),
            (Never, Never, Once(id)) => Ok(LookupQuery {
                kind: LookupQueryKind::Id,
                text: text(id, Problem::PrimaryIdMalformed)?,
            }),
            (Never, Never, Often) => Err(Problem::ParameterRepeated),
            (_, _, Once(_) | Often) => Err(Problem::BothForms),
            (Often, _, Never) | (_, Often, Never) => Err(Problem::ParameterRepeated),
            (Never, _, Never) | (_, Never, Never) => Err(Problem::ParameterMissing),
            (Once(channel), Once(address), Never) => {
                match text(channel, Problem::ChannelUnknown)?.as_ref() {
                    "phoneNumber" => Ok(LookupQuery {
                        kind: LookupQueryKind::Phone,
                        text: text(address, Problem::PhoneMalformed)?,
                    }),
                    "email" => Ok(LookupQuery {
                        kind: LookupQueryKind::Email,
                        text: text(address, Problem::EmailMalformed)?,
                    }),
                    _ => Err(Problem::ChannelUnknown),
                }
            }
        }
    }
}

impl<'a> LookupQuery<'a> {
    /// A lookup for an address or id as it is written here, to validate it.
    #[must_use]
    pub const fn of(kind: Option<IdentifierKind>, text: &'a str) -> Self {
        let kind = match kind {
            Some(IdentifierKind::Phone) => LookupQueryKind::Phone,
            Some(IdentifierKind::Email) => LookupQueryKind::Email,
            _ => LookupQueryKind::Id,
        };
        Self { kind, text: Cow::Borrowed(text) }
    }
}

impl LookupQuery<'_> {
    /// The kind and the value that are hashed for the cache if this is the canonical form.
    #[must_use]
    pub fn parts(&self) -> (&'static str, &str) {
        let kind = match self.kind {
            LookupQueryKind::Phone => IdentifierKind::Phone.as_str(),
            LookupQueryKind::Email => IdentifierKind::Email.as_str(),
            LookupQueryKind::Id => LookupHash::ID,
        };
        (kind, &self.text)
    }

    /// Validates the lookup.
    ///
    /// # Errors
    /// When the value is malformed, or a template that was not filled in.
    pub fn validate(&self) -> Result<Question, Problem> {
        let text = self.text.as_ref();
        match self.kind {
            LookupQueryKind::Phone => {
                // A plus that the client did not encode arrives as a space.
                let number = text
                    .strip_prefix(' ')
                    .map_or(Cow::Borrowed(text), |digits| Cow::Owned(format!("+{digits}")));
                Phone::parse_e164(&number)
                    .map(|phone| Question::Address(phone.into()))
                    .map_err(|_| Problem::PhoneMalformed)
            }
            LookupQueryKind::Email if text.trim() != text => Err(Problem::EmailMalformed),
            LookupQueryKind::Email => Email::parse(&with_plus(text))
                .map(|email| Question::Address(email.into()))
                .map_err(|_| Problem::EmailMalformed),
            LookupQueryKind::Id => {
                // At the ends of a source's id, control characters are removed. Nobody sends them in a lookup.
                let well_formed = is_possible_id(text)
                    && !text.contains(char::is_control)
                    && !is_unfilled_lookup(text);
                if well_formed {
                    Ok(Question::Id(canonical_id(text)))
                } else {
                    Err(Problem::PrimaryIdMalformed)
                }
            }
        }
    }
}

/// Restores a plus that the client did not encode, which arrives as a space. A mailbox with spaces of its own is in
/// quotation marks.
fn with_plus(address: &str) -> Cow<'_, str> {
    match address.rsplit_once('@') {
        Some((mailbox, domain)) if mailbox.contains(' ') && !mailbox.starts_with('"') => {
            Cow::Owned(format!("{}@{domain}", mailbox.replace(' ', "+")))
        }
        _ => Cow::Borrowed(address),
    }
}

fn text<'a>(raw: &'a str, malformed: Problem) -> Result<Cow<'a, str>, Problem> {
    if raw.is_empty() {
        return Err(Problem::ParameterEmpty);
    }
    decode(raw).ok_or(malformed)
}

/// Decodes a form value. `None` if a percent sign has no two hexadecimal digits, or the result is not UTF-8.
fn decode(raw: &str) -> Option<Cow<'_, str>> {
    if !raw.bytes().any(|byte| byte == b'%' || byte == b'+') {
        return Some(Cow::Borrowed(raw));
    }
    let (mut decoded, mut bytes) = (Vec::with_capacity(raw.len()), raw.bytes());
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => hex_digit(bytes.next()?)? << 4 | hex_digit(bytes.next()?)?,
            byte => byte,
        });
    }
    String::from_utf8(decoded).ok().map(Cow::Owned)
}

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn hostile_queries_never_panic(query in "\\PC{0,200}", raw in "[%&=+a-zA-Z0-9]{0,80}") {
            for query in [query, raw.clone(), format!("channelAddressType=email&address={raw}"), format!("primaryID={raw}")] {
                if let Ok(split) = Query::split(&query, "key") {
                    let _ = split.key();
                    let _ = split.asked().and_then(|asked| asked.validate());
                }
            }
        }
    }

    proptest! {
        #[test]
        fn a_value_is_decoded_as_a_browser_encodes_it(text in "\\PC{0,40}", cut in "[%0-9a-fA-F+]{0,12}") {
            let encoded: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
            prop_assert_eq!(decode(&encoded), Some(Cow::Borrowed(text.as_str())));
            let is_whole = cut.split('%').skip(1).all(|rest| {
                rest.bytes().take(2).filter(u8::is_ascii_hexdigit).count() == 2
            });
            let spaced = cut.replace('+', " ");
            let expected = percent_encoding::percent_decode_str(&spaced).decode_utf8().ok();
            prop_assert_eq!(decode(&cut), expected.filter(|_| is_whole));
        }
    }

    #[test]
    fn an_id_that_is_an_unfilled_template_is_refused() {
        let refused = |id: &str| {
            let query = format!("primaryID={id}");
            let asked = Query::split(&query, "key").unwrap().asked().unwrap();
            asked.validate().is_err()
        };
        for id in ["[Number]", "{{address}}", "${id}", "[[id]]", "%3C%25id%25%3E", "+${id}"] {
            assert!(refused(id), "{id}");
        }
        assert!(!refused("NL-2026-00042"));
    }
}

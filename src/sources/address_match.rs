//! Decides whether an item of a search result really has the address: sources return more than exact matches.

use crate::customer::model::email::Email;
use crate::customer::model::field_versions::Update;
use crate::customer::model::identifier::{Identifier, IdentifierKind};
use crate::customer::model::phone::Phone;
use crate::customer::model::record::field;

/// If the country is unknown, two numbers with this many equal last digits are the same line.
const COMPARED_DIGITS: usize = 8;

/// Whether an update contains this e-mail address or phone number.
pub(super) fn has(update: &Update, address: &Identifier) -> bool {
    let prefix = match address.kind {
        IdentifierKind::Email => field::EMAIL,
        IdentifierKind::Phone => field::PHONE,
        IdentifierKind::Facebook | IdentifierKind::Twitter | IdentifierKind::Reference => {
            return false;
        }
    };
    let slots = update.fields.iter().filter(|(name, _)| name.starts_with(prefix));
    let mut values = slots.filter_map(|(_, value)| value.as_ref()?.as_str());
    values.any(|raw| match address.kind {
        IdentifierKind::Email => {
            Email::parse(raw).is_ok_and(|email| email.as_str() == address.value)
        }
        _ => is_line(raw, &address.value),
    })
}

/// Whether a number is a line. Without a country code, the last digits decide.
fn is_line(raw: &str, line: &str) -> bool {
    match Phone::normalise(raw, None) {
        Ok(phone) => phone.as_str() == line,
        Err(_) => last_digits(raw).is_some_and(|digits| Some(digits) == last_digits(line)),
    }
}

fn last_digits(raw: &str) -> Option<String> {
    let digits: String =
        raw.chars().rev().filter(char::is_ascii_digit).take(COMPARED_DIGITS).collect();
    (digits.len() == COMPARED_DIGITS).then_some(digits)
}

/// Parses a text as an address, for requests that contain nothing else.
pub(super) fn address(text: &str) -> Option<Identifier> {
    let phone = Phone::parse_e164(text).ok().map(Identifier::from);
    phone.or_else(|| Email::parse(text).ok().map(Identifier::from))
}

//! The question for a lookup, from the arguments of a command.

use super::exit::Failure;
use crate::brand::Brand;
use crate::customer::model::email::Email;
use crate::customer::model::identifier::Identifier;
use crate::customer::model::phone::Phone;
use crate::customer::model::text::canonical_id;
use crate::lookup::query::Question;

const NO_PHONE_NUMBER: &str =
    "--phone is not a phone number; write it with the country code, such as +31612312311";

/// The question for a lookup: the first argument that is given.
pub(super) fn question(
    brand: &Brand,
    email: Option<&str>,
    phone: Option<&str>,
    id: Option<&str>,
) -> Result<Question, Failure> {
    Ok(match (email, phone) {
        (Some(email), _) => Question::Address(
            Email::parse(email)
                .map_err(|_| Failure::mistake("--email is not an e-mail address"))?
                .into(),
        ),
        (_, Some(phone)) => Question::Address(
            Phone::normalise(phone, brand.rules.identity.region)
                .map_err(|_| Failure::mistake(NO_PHONE_NUMBER))?
                .into(),
        ),
        (None, None) => {
            let id = canonical_id(id.unwrap_or_default());
            if id.is_empty() {
                return Err(Failure::mistake("--id is empty"));
            }
            Question::Id(id)
        }
    })
}

/// The address that the arguments name.
pub(super) fn address(
    brand: &Brand,
    email: Option<&str>,
    phone: Option<&str>,
) -> Result<Identifier, Failure> {
    let none = || Failure::mistake("name an address, with --email or --phone");
    email.or(phone).ok_or_else(none)?;
    match question(brand, email, phone, None)? {
        Question::Address(address) => Ok(address),
        Question::Id(_) => Err(none()),
    }
}

//! The values that find a person, and which values never identify one.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;

use super::email::Email;
use super::email_field::EmailField;
use super::field_versions::{FieldVersions, UNCLEAR_AT};
use super::phone::{Phone, Region};
use super::phone_field::{PhoneField, PhoneSpelling};
use super::placeholder::{ValueKind, is_placeholder};
use super::record::{Record, RecordKey, field};
use super::source::UnknownName;
use super::text;

/// Kinds of identifiers, in the order in which an answer lists them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IdentifierKind {
    /// An e-mail address.
    Email,
    /// A phone number.
    Phone,
    /// A Facebook account number.
    Facebook,
    /// A Twitter handle.
    Twitter,
    /// An id in another system: `namespace:value`.
    Reference,
}

impl IdentifierKind {
    /// Every kind, in that order.
    pub const ALL: [Self; 5] =
        [Self::Email, Self::Phone, Self::Facebook, Self::Twitter, Self::Reference];

    /// The name in Postgres. For addresses also the name in an answer.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Phone => "telephone",
            Self::Facebook => "facebook",
            Self::Twitter => "twitter",
            Self::Reference => "reference",
        }
    }

    /// Whether an answer lists it as an address.
    #[must_use]
    pub const fn is_address(self) -> bool {
        !matches!(self, Self::Reference)
    }
}

impl FromStr for IdentifierKind {
    type Err = UnknownName;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == s).ok_or(UnknownName)
    }
}

/// A value that finds a record, in canonical form.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identifier {
    /// The kind of identifier.
    pub kind: IdentifierKind,
    /// The canonical text.
    pub value: String,
}

impl fmt::Debug for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:[redacted]", self.kind.as_str())
    }
}

impl From<Email> for Identifier {
    fn from(email: Email) -> Self {
        Self { kind: IdentifierKind::Email, value: email.as_str().to_owned() }
    }
}

impl From<Phone> for Identifier {
    fn from(phone: Phone) -> Self {
        Self { kind: IdentifierKind::Phone, value: phone.as_str().to_owned() }
    }
}

impl Identifier {
    /// Builds a reference to an id of another system. If the namespace is a source kind, the reference points to its
    /// record.
    #[must_use]
    pub fn reference(namespace: &str, value: &str) -> Option<Self> {
        Some(Self {
            kind: IdentifierKind::Reference,
            value: format!("{}:{}", text::id(namespace)?, text::id(value)?),
        })
    }

    /// Whether this kind of identifier can link. An id in a namespace that is not a source kind (such as an account
    /// number) finds a customer, but never links.
    #[must_use]
    pub fn could_link(&self) -> bool {
        self.kind.is_address() || self.referred_record().is_some()
    }

    /// The record that a reference points to, if its namespace is a source kind.
    #[must_use]
    pub fn referred_record(&self) -> Option<RecordKey> {
        (self.kind == IdentifierKind::Reference).then(|| self.value.parse().ok()).flatten()
    }
}

/// All values that may identify the person of a record: those of its identifiers that could link, and a reference to
/// the record itself.
pub fn identifying_values(
    key: &RecordKey,
    identifiers: impl IntoIterator<Item = Identifier>,
) -> BTreeSet<Identifier> {
    let own = Identifier::reference(key.kind.as_str(), &key.id);
    identifiers.into_iter().filter(Identifier::could_link).chain(own).collect()
}

/// The identifiers of one record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identifiers {
    /// All identifiers.
    pub values: BTreeSet<Identifier>,
    /// Identifiers that do not link this record to others: the same phone line with another extension.
    pub unlinked: BTreeSet<Identifier>,
    /// The time at which the source last reported each phone number, if known.
    pub said_at: BTreeMap<Identifier, Timestamp>,
}

impl Identifiers {
    /// Whether an identifier of this record may link it to others.
    #[must_use]
    pub fn may_link(&self, identifier: &Identifier) -> bool {
        !self.unlinked.contains(identifier)
    }

    fn add_phones(&mut self, versions: &FieldVersions, region: Option<Region>) {
        let mut numbers: Vec<PhoneSpelling> = Vec::new();
        let fields = versions.with_prefix(field::PHONE);
        for (raw, at) in fields.filter_map(|(_, value, at)| Some((value.as_str()?, at))) {
            for number in PhoneField::read(raw, region).numbers {
                if at > UNCLEAR_AT {
                    let phone = Identifier::from(number.phone.clone());
                    let said_at = self.said_at.entry(phone).or_insert(at);
                    *said_at = at.max(*said_at);
                }
                numbers.push(number);
            }
        }
        let is_whole = |phone: &Phone| {
            numbers.iter().any(|number| number.phone == *phone && number.extension.is_none())
        };
        let unlinked = numbers
            .iter()
            .filter(|number| !is_whole(&number.phone))
            .map(|number| Identifier::from(number.phone.clone()));
        self.unlinked.extend(unlinked);
        self.values.extend(numbers.into_iter().map(|number| Identifier::from(number.phone)));
    }
}

/// The identifiers of a record. Values that cannot be parsed are left out here; the record keeps them.
#[must_use]
pub fn identifiers_of(record: &Record, region: Option<Region>) -> Identifiers {
    identifiers_in(&record.versions, region)
}

/// The identifiers in the fields of a record.
#[must_use]
pub fn identifiers_in(versions: &FieldVersions, region: Option<Region>) -> Identifiers {
    let texts = |prefix| {
        versions.with_prefix(prefix).filter_map(|(slot, value, _)| Some((slot, value.as_str()?)))
    };
    let emails =
        texts(field::EMAIL).flat_map(|(_, raw)| EmailField::read(raw).emails).map(Identifier::from);
    let references = texts(field::REFERENCE)
        .filter_map(|(slot, value)| Identifier::reference(namespace_of(slot), value));
    let social = |kind, name| {
        let value = versions.text(name).and_then(text::id)?;
        let value = value.trim_start_matches('@').to_lowercase();
        (!is_placeholder(ValueKind::Address, &value)).then_some(Identifier { kind, value })
    };
    let facebook = social(IdentifierKind::Facebook, field::FACEBOOK);
    let twitter = social(IdentifierKind::Twitter, field::TWITTER);
    let mut identifiers = Identifiers {
        values: emails.chain(references).chain(facebook).chain(twitter).collect(),
        ..Identifiers::default()
    };
    identifiers.add_phones(versions, region);
    identifiers
}

/// The namespace of a field name: `omneo.profile#2` is the second reference in the namespace `omneo.profile`.
fn namespace_of(slot: &str) -> &str {
    slot.split_once('#').map_or(slot, |(namespace, _)| namespace)
}

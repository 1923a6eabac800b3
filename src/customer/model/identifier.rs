//! What a person can be found by, and which values say nothing about who they are.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;

use super::email::{Email, EmailField};
use super::field_versions::UNCLEAR_AT;
use super::mailbox::is_of_nobody;
use super::phone::{Phone, Region};
use super::phone_field::{PhoneField, PhoneSpelling};
use super::placeholder::{Sort, is_placeholder};
use super::record::{Record, RecordKey, field};
use super::source::UnknownName;
use super::text;

/// Sorts of identifiers, in the order in which an answer lists them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IdentifierKind {
    /// An e-mail address.
    Email,
    /// A phone number.
    Phone,
    /// A Facebook account's number.
    Facebook,
    /// A Twitter handle.
    Twitter,
    /// An id in another system: `namespace:value`.
    Reference,
}

impl IdentifierKind {
    /// Every sort, in that order.
    pub const ALL: [Self; 5] = [Self::Email, Self::Phone, Self::Facebook, Self::Twitter, Self::Reference];

    /// The name in Postgres, and for addresses in an answer.
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

    /// Whether an answer shows it among the addresses.
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

/// A value that a record is found by, in canonical form.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identifier {
    /// Its sort.
    pub kind: IdentifierKind,
    /// Its canonical text.
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
    /// A reference to an id in the namespace of another system; a namespace that is a source kind refers to its record.
    #[must_use]
    pub fn reference(namespace: &str, value: &str) -> Option<Self> {
        Some(Self { kind: IdentifierKind::Reference, value: format!("{}:{}", text::id(namespace)?, text::id(value)?) })
    }

    /// Whether it is of a sort that can link. An id in another namespace than that of a record (an account's, say) finds, but
    /// never links.
    #[must_use]
    pub fn could_link(&self) -> bool {
        self.kind.is_address() || self.referred_record().is_some()
    }

    /// The record that a reference points to, when its namespace is a source kind.
    #[must_use]
    pub fn referred_record(&self) -> Option<RecordKey> {
        (self.kind == IdentifierKind::Reference).then(|| self.value.parse().ok()).flatten()
    }
}

/// What a record is found by.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identifiers {
    /// Every value.
    pub values: BTreeSet<Identifier>,
    /// Those of them that don't link this record with others: others have other extensions of the same line.
    pub unlinked: BTreeSet<Identifier>,
    /// When each phone number was last said, as far as that is known.
    pub said_at: BTreeMap<Identifier, Timestamp>,
}

impl Identifiers {
    /// Whether a value of this record may link it with others.
    #[must_use]
    pub fn may_link(&self, identifier: &Identifier) -> bool {
        !self.unlinked.contains(identifier)
    }
}

/// What a record is found by. Values that can't be read are left out; they stay in the record.
#[must_use]
pub fn identifiers_of(record: &Record, region: Option<Region>) -> Identifiers {
    let versions = &record.versions;
    let texts = |prefix| versions.with_prefix(prefix).filter_map(|(slot, value, _)| Some((slot, value.as_str()?)));
    let emails = texts(field::EMAIL).flat_map(|(_, raw)| EmailField::read(raw).emails).map(Identifier::from);
    let references = texts(field::REFERENCE).filter_map(|(slot, value)| Identifier::reference(namespace_of(slot), value));
    let social = |kind, name| {
        let value = versions.text(name).and_then(text::id)?;
        let value = value.trim_start_matches('@').to_lowercase();
        (!is_placeholder(Sort::Address, &value)).then_some(Identifier { kind, value })
    };
    let facebook = social(IdentifierKind::Facebook, field::FACEBOOK);
    let twitter = social(IdentifierKind::Twitter, field::TWITTER);
    let mut identifiers = Identifiers { values: emails.chain(references).chain(facebook).chain(twitter).collect(), ..Identifiers::default() };
    let mut numbers: Vec<PhoneSpelling> = Vec::new();
    for (_, raw, at) in versions.with_prefix(field::PHONE).filter_map(|(slot, value, at)| Some((slot, value.as_str()?, at))) {
        for number in PhoneField::read(raw, region).numbers {
            if at > UNCLEAR_AT {
                let said_at = identifiers.said_at.entry(Identifier::from(number.phone.clone())).or_insert(at);
                *said_at = at.max(*said_at);
            }
            numbers.push(number);
        }
    }
    let is_whole = |phone: &Phone| numbers.iter().any(|number| number.phone == *phone && number.extension.is_none());
    let unlinked = numbers.iter().filter(|number| !is_whole(&number.phone)).map(|number| Identifier::from(number.phone.clone()));
    identifiers.unlinked.extend(unlinked);
    identifiers.values.extend(numbers.into_iter().map(|number| Identifier::from(number.phone)));
    identifiers
}

/// `omneo.profile#2` is the second reference into `omneo.profile`.
fn namespace_of(slot: &str) -> &str {
    slot.split_once('#').map_or(slot, |(namespace, _)| namespace)
}

/// Values that say nothing about who somebody is: they find, but never link.
#[derive(Debug, Clone, Default)]
pub struct Blocklist {
    /// Local parts of mailboxes that belong to a role, not to a person, besides the usual ones.
    pub mailboxes: BTreeSet<String>,
    /// Whole values, in canonical form.
    pub values: BTreeSet<String>,
}

impl Blocklist {
    /// Whether a value never links.
    #[must_use]
    pub fn blocks(&self, identifier: &Identifier) -> bool {
        let value = identifier.value.as_str();
        let bare = if identifier.kind == IdentifierKind::Reference { value.rsplit(':').next().unwrap_or(value) } else { value };
        let bare = bare.to_lowercase();
        let local = if identifier.kind == IdentifierKind::Email { value.rsplit_once('@').map(|(local, _)| local) } else { None };
        is_placeholder(Sort::Id, bare.trim_start_matches('+'))
            || bare == "test"
            || self.values.contains(value)
            || local.is_some_and(|local| {
                let local = local.split_once('+').map_or(local, |(mailbox, _)| mailbox);
                is_placeholder(Sort::Address, local) || local == "test" || is_of_nobody(local) || self.mailboxes.contains(local)
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_name_nobody_are_blocked() {
        let list = Blocklist { mailboxes: ["balie".to_owned()].into(), values: ["+31201234567".to_owned()].into() };
        let of = |kind, value: &str| Identifier { kind, value: value.to_owned() };
        for blocked in ["test@example.org", "info@example.org", "info+x@example.org", "anonymous@example.org", "balie@example.org"] {
            assert!(list.blocks(&of(IdentifierKind::Email, blocked)), "{blocked}");
        }
        assert!(list.blocks(&of(IdentifierKind::Phone, "+31201234567")));
        assert!(list.blocks(&of(IdentifierKind::Reference, "omneo.profile:0000-0000")));
        assert!(list.blocks(&of(IdentifierKind::Twitter, "null")));
        assert!(!list.blocks(&of(IdentifierKind::Email, "thomas@example.org")));
        assert!(!list.blocks(&of(IdentifierKind::Email, "tester@example.org")));
    }
}

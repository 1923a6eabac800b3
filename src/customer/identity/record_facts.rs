//! The input of identity resolution: the facts of existing records, and the decisions about them.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::rules::IdentityRules;
use super::source_merges::Aliases;
use crate::customer::model::folded_name::FoldedName;
use crate::customer::model::identifier::{Identifier, identifiers_of};
use crate::customer::model::record::{Record, RecordKey};

/// An existing record, reduced to the facts that identity resolution uses.
#[derive(Debug, Clone)]
pub struct Member {
    /// The record's identity.
    pub key: RecordKey,
    /// The name, in the form for comparison.
    pub name: FoldedName,
    /// The record's identifiers.
    pub identifiers: BTreeSet<Identifier>,
    /// The identifiers that may link: neither blocked nor shared.
    pub linking: BTreeSet<Identifier>,
    /// The time at which the source last reported each phone number.
    pub said_at: BTreeMap<Identifier, Timestamp>,
}

impl Member {
    /// Builds the member of an existing record. `links` may exclude further identifiers, such as shared ones.
    #[must_use]
    pub fn new(
        record: &Record,
        rules: &IdentityRules,
        links: impl Fn(&Identifier) -> bool,
    ) -> Self {
        let identifiers = identifiers_of(record, rules.region);
        let may_link =
            |value: &&Identifier| rules.may_link_record(&identifiers, value) && links(value);
        let linking = identifiers.values.iter().filter(may_link).cloned().collect();
        Self {
            key: record.key.clone(),
            name: record.name().folded(),
            linking,
            identifiers: identifiers.values,
            said_at: identifiers.said_at,
        }
    }
}

/// A person's decision about two records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// One record.
    pub left: RecordKey,
    /// The other.
    pub right: RecordKey,
    /// Whether they are one person.
    pub same: bool,
}

/// The input of identity resolution.
#[derive(Debug)]
pub struct RecordFacts<'a> {
    /// Existing records, in whole components.
    pub members: &'a [Member],
    /// The merges by the sources.
    pub aliases: &'a Aliases,
    /// The decisions.
    pub decisions: &'a [Decision],
    /// The brand's rules.
    pub rules: &'a IdentityRules,
}

//! The identity rules of one brand.

use std::collections::BTreeSet;

use super::blocked_values::Blocklist;
use super::evidence::Level;
use crate::customer::model::identifier::{Identifier, Identifiers};
use crate::customer::model::phone::Region;
use crate::customer::model::source::SourceKind;

/// A brand's identity settings.
#[derive(Debug, Clone)]
pub struct IdentityRules {
    /// Kinds of record, the preferred first.
    pub precedence: Vec<SourceKind>,
    /// Kinds whose source keeps people unique.
    pub one_record_per_person: BTreeSet<SourceKind>,
    /// Kinds whose records anybody may write about anybody.
    pub self_asserted: BTreeSet<SourceKind>,
    /// The region of phone numbers without a country code.
    pub region: Option<Region>,
    /// A value is shared if more records of a unique kind, or records under more different names, hold it.
    pub shared_value_threshold: usize,
    /// A component with more records than this uses no phone links. A part that is still larger uses no e-mail links
    /// either.
    pub component_cap: usize,
    /// Whether the same e-mail address or social account links.
    pub link_by_email: bool,
    /// Whether the same phone number links.
    pub link_by_phone: bool,
    /// Whether the same e-mail address links only if the first names do not disagree.
    pub email_link_requires_compatible_names: bool,
    /// Whether the same e-mail address links a record without a first name only if the mailbox contains the first name
    /// of the other.
    pub email_link_requires_first_name: bool,
    /// After this many years a phone number belongs to its new holder. 0: never.
    pub phone_reassigned_after_years: u16,
    /// Whether a customer is found by addresses that only its self-asserted records have.
    pub lookup_by_self_asserted: bool,
    /// Values that never link.
    pub blocklist: Blocklist,
}

impl Default for IdentityRules {
    fn default() -> Self {
        Self {
            precedence: SourceKind::ALL.to_vec(),
            one_record_per_person: SourceKind::ALL
                .into_iter()
                .filter(|kind| kind.keeps_people_unique())
                .collect(),
            self_asserted: SourceKind::ALL
                .into_iter()
                .filter(|kind| kind.is_self_asserted())
                .collect(),
            region: None,
            shared_value_threshold: 4,
            component_cap: 1_000,
            link_by_email: true,
            link_by_phone: true,
            email_link_requires_compatible_names: true,
            email_link_requires_first_name: true,
            phone_reassigned_after_years: 5,
            lookup_by_self_asserted: false,
            blocklist: Blocklist::default(),
        }
    }
}

impl IdentityRules {
    /// Whether a value can identify a person, as long as it is not shared.
    #[must_use]
    pub fn may_link(&self, identifier: &Identifier) -> bool {
        identifier.could_link() && !self.blocklist.blocks(identifier)
    }

    /// Whether an identifier of a record may link it to others, as long as it is not shared.
    #[must_use]
    pub fn may_link_record(&self, identifiers: &Identifiers, identifier: &Identifier) -> bool {
        self.may_link(identifier) && identifiers.may_link(identifier)
    }

    /// Whether the rules use evidence of a level.
    #[must_use]
    pub const fn links_by(&self, level: Level) -> bool {
        match level {
            Level::Email => self.link_by_email,
            Level::Phone => self.link_by_phone,
            Level::Decision | Level::SourceMerge | Level::Reference => true,
        }
    }

    /// A kind's position in the order of preference. Kinds that are missing in the settings come last.
    #[must_use]
    pub fn rank(&self, kind: SourceKind) -> usize {
        self.precedence.iter().position(|listed| *listed == kind).unwrap_or(usize::MAX)
    }
}

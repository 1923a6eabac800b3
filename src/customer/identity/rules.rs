//! The rules of one brand that decide who is who.

use std::collections::BTreeSet;

use crate::customer::model::folded_name::FoldedName;
use crate::customer::model::identifier::{Blocklist, Identifier};
use crate::customer::model::phone::Region;
use crate::customer::model::source::SourceKind;
use crate::customer::model::spellings::count_different;

/// The most spellings of a name that are looked at, on average.
const SPELLINGS: usize = 4;

/// What a brand's settings say about identity.
#[derive(Debug, Clone)]
pub struct IdentityRules {
    /// Source kinds, the preferred first.
    pub precedence: Vec<SourceKind>,
    /// Kinds whose source keeps people unique.
    pub one_record_per_person: BTreeSet<SourceKind>,
    /// Kinds whose records anybody may write about anybody.
    pub self_asserted: BTreeSet<SourceKind>,
    /// The region of phone numbers that come without a country code.
    pub region: Option<Region>,
    /// A value is shared when more records of a unique kind, or records under more different names, hold it.
    pub shared_value_threshold: usize,
    /// A component of more records than this uses no phone links; if still above, no e-mail links.
    pub component_cap: usize,
    /// Whether an equal e-mail address or social account links.
    pub link_by_email: bool,
    /// Whether an equal phone number links.
    pub link_by_phone: bool,
    /// Whether an equal e-mail address links only where the first names don't disagree.
    pub email_link_requires_compatible_names: bool,
    /// Whether an equal e-mail address links who has no first name only where the mailbox bears the other's.
    pub email_link_requires_first_name: bool,
    /// After how many years a phone number is its new holder's; 0 for never.
    pub phone_reassigned_after_years: u16,
    /// Whether addresses that only self-asserted records of a customer name find it.
    pub lookup_by_self_asserted: bool,
    /// Values that never link.
    pub blocklist: Blocklist,
}

impl Default for IdentityRules {
    fn default() -> Self {
        Self {
            precedence: SourceKind::ALL.to_vec(),
            one_record_per_person: SourceKind::ALL.into_iter().filter(|kind| kind.keeps_people_unique()).collect(),
            self_asserted: SourceKind::ALL.into_iter().filter(|kind| kind.is_self_asserted()).collect(),
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
    /// Whether a value says who somebody is, as long as it isn't shared.
    #[must_use]
    pub fn may_link(&self, identifier: &Identifier) -> bool {
        identifier.could_link() && !self.blocklist.blocks(identifier)
    }

    /// So many names are too many, however they are spelled.
    #[must_use]
    pub const fn most_names(&self) -> usize {
        self.shared_value_threshold.saturating_add(1).saturating_mul(SPELLINGS)
    }

    /// Whether names, by their keys, are those of more people than one value can be of: spellings of one name count once.
    #[must_use]
    pub fn are_too_many<T: AsRef<str>>(&self, keys: &BTreeSet<T>) -> bool {
        if keys.len() <= self.shared_value_threshold || keys.len() >= self.most_names() {
            return keys.len() > self.shared_value_threshold;
        }
        let names: Vec<FoldedName> = keys.iter().map(|key| FoldedName::from_key(key.as_ref())).collect();
        count_different(&names) > self.shared_value_threshold
    }

    /// A kind's place in the order of preference; kinds that the settings leave out come last.
    #[must_use]
    pub fn rank(&self, kind: SourceKind) -> usize {
        self.precedence.iter().position(|listed| *listed == kind).unwrap_or(usize::MAX)
    }
}

//! The rules of one brand that decide who is who.

use std::collections::BTreeSet;

use super::identifier::{Blocklist, Identifier};
use super::kind::SourceKind;
use super::phone::Region;

/// What a brand's settings say about identity.
#[derive(Debug, Clone)]
pub struct IdentityRules {
    /// Source kinds, the preferred first.
    pub order: Vec<SourceKind>,
    /// Kinds whose source keeps people unique.
    pub unique: BTreeSet<SourceKind>,
    /// The region of phone numbers that come without a country code.
    pub region: Option<Region>,
    /// A value is shared when more records of a unique kind, or records under more different names, hold it.
    pub shared_above: usize,
    /// A component of more records than this uses no phone links; if still above, no e-mail links.
    pub component_cap: usize,
    /// Whether an equal e-mail address or social account links.
    pub email_links: bool,
    /// Whether an equal phone number links.
    pub phone_links: bool,
    /// Whether an equal e-mail address links only where the first names don't disagree.
    pub email_needs_names: bool,
    /// Values that never link.
    pub blocklist: Blocklist,
}

impl Default for IdentityRules {
    fn default() -> Self {
        Self {
            order: SourceKind::ALL.to_vec(),
            unique: SourceKind::ALL.into_iter().filter(|kind| kind.keeps_people_unique()).collect(),
            region: None,
            shared_above: 4,
            component_cap: 1_000,
            email_links: true,
            phone_links: true,
            email_needs_names: true,
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

    /// A kind's place in the order of preference; kinds that the settings leave out come last.
    #[must_use]
    pub fn rank(&self, kind: SourceKind) -> usize {
        self.order.iter().position(|listed| *listed == kind).unwrap_or(usize::MAX)
    }
}

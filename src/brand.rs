//! A brand, ready to work with: its rules from the settings, its number and secret from the store.

use ipnet::IpNet;

use crate::customer::presentation::Presenter;
use crate::customer::profile::Precedence;
use crate::customer::rules::IdentityRules;
use crate::sources::SourceSettings;
use crate::storage::brands::BrandRow;

/// What the settings say about a brand, validated.
#[derive(Debug)]
pub struct BrandRules {
    /// The brand's name in URLs, settings and commands.
    pub slug: String,
    /// Networks that may use its keys; empty allows all.
    pub allow: Vec<IpNet>,
    /// Who is who.
    pub identity: IdentityRules,
    /// Preferences per field.
    pub precedence: Precedence,
    /// What agents see.
    pub presenter: Presenter,
    /// How its sources are read.
    pub sources: SourceSettings,
    /// Namespaces of ids, such as order numbers, that `primaryID` may name.
    pub reference_ids: Vec<String>,
}

/// A brand of the settings and the store.
#[derive(Debug)]
pub struct Brand {
    /// From the settings.
    pub rules: BrandRules,
    /// From the store.
    pub row: BrandRow,
}

impl Brand {
    /// The brand's number in every table.
    #[must_use]
    pub const fn id(&self) -> i32 {
        self.row.brand_id
    }
}

//! A brand, ready to work with: its rules from the settings, its number and secret from the store.

use std::collections::BTreeMap;

use ipnet::IpNet;
use sha2::{Digest, Sha256};

use crate::customer::answer::presentation::Presenter;
use crate::customer::answer::profile::Precedence;
use crate::customer::identity::rules::IdentityRules;
use crate::customer::model::source::Source;
use crate::sources::SourceSettings;
use crate::sources::api::{AccountRules, LiveWhen};
use crate::sources::webhook::Door;
use crate::storage::brands::BrandRow;

/// What the settings say about a brand, validated.
#[derive(Debug)]
pub struct BrandRules {
    /// The brand's name in URLs, settings and commands.
    pub slug: String,
    /// Networks that may use its keys; empty allows all.
    pub allowed_networks: Vec<IpNet>,
    /// Who is who.
    pub identity: IdentityRules,
    /// Preferences per field.
    pub precedence: Precedence,
    /// What agents see.
    pub presenter: Presenter,
    /// How its sources are read.
    pub sources: SourceSettings,
    /// The doors of the sources whose webhooks can be proved to be theirs.
    pub doors: BTreeMap<Source, Door>,
    /// The accounts of the sources that may be asked.
    pub accounts: BTreeMap<Source, AccountRules>,
    /// Namespaces of ids, such as order numbers, that `primaryID` may name.
    pub reference_ids: Vec<String>,
}

impl BrandRules {
    /// Whether lookups may ask any source itself.
    #[must_use]
    pub fn asks_live(&self) -> bool {
        self.accounts.values().any(|account| account.live.when != LiveWhen::Off)
    }

    /// Names the rules that decide who is who and what is shown: whoever was made with others is made anew.
    #[must_use]
    pub fn hash(&self) -> [u8; 16] {
        let mut digest = Sha256::new();
        digest.update(self.presenter.hash());
        digest.update(format!("{:?}", self.identity));
        let mut hash = [0; 16];
        hash.iter_mut().zip(digest.finalize()).for_each(|(to, from)| *to = from);
        hash
    }
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

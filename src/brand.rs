//! A brand, ready to work with: its rules from the settings, its id and secrets from the database.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::IpNet;
use sha2::{Digest, Sha256};

use crate::agent_page::links::AgentLinks;
use crate::agent_page::settings::AgentPageSettings;
use crate::customer::answer::presentation::Presenter;
use crate::customer::answer::profile::{MergeRules, Precedence};
use crate::customer::identity::rules::IdentityRules;
use crate::customer::identity::source_merges::Aliases;
use crate::customer::model::identifier::Identifier;
use crate::customer::model::record::RecordKey;
use crate::customer::model::source::Source;
use crate::sources::SourceSettings;
use crate::sources::api::{AccountRules, LiveWhen};
use crate::sources::webhook::WebhookVerifier;
use crate::storage::invalidation::BrandSecret;
use crate::storage::suppressions::SuppressionKey;

/// What the settings say about a brand, validated.
#[derive(Debug)]
pub struct BrandRules {
    /// The brand's name in URLs, settings and commands.
    pub slug: String,
    /// Networks that may use its keys; empty allows all.
    pub allowed_networks: Vec<IpNet>,
    /// Which records belong to one customer.
    pub identity: IdentityRules,
    /// Which source's value wins, for each field.
    pub precedence: Precedence,
    /// What agents see in answers.
    pub presenter: Presenter,
    /// How webhooks and replies of its sources are parsed.
    pub sources: SourceSettings,
    /// Verifiers of webhooks, for the sources whose settings allow verification.
    pub webhook_verifiers: BTreeMap<Source, WebhookVerifier>,
    /// The API accounts of the sources that the service may call.
    pub accounts: BTreeMap<Source, AccountRules>,
    /// Sources whose API is in the settings, but cannot be called here: why a secret of theirs cannot be read.
    pub unreadable_secrets: BTreeMap<Source, String>,
    /// Namespaces of ids, such as order numbers, that `primaryID` may name.
    pub reference_ids: Vec<String>,
    /// The page with the whole customer, to which answers can link.
    pub agent_page: AgentPageSettings,
}

impl BrandRules {
    /// Whether a lookup may call any source (read-through).
    #[must_use]
    pub fn asks_live(&self) -> bool {
        self.accounts.values().any(|account| account.live.when != LiveWhen::Off)
    }

    /// The rules for merging profiles of records, with these facts.
    #[must_use]
    pub const fn merge_rules<'a>(
        &'a self,
        aliases: &'a Aliases,
        unconfirmed: &'a BTreeSet<RecordKey>,
        moved: &'a BTreeSet<(RecordKey, Identifier)>,
        confirmed: &'a BTreeSet<(RecordKey, Identifier)>,
    ) -> MergeRules<'a> {
        MergeRules {
            identity: &self.identity,
            precedence: &self.precedence,
            aliases,
            unconfirmed,
            moved,
            confirmed,
        }
    }

    /// Hash of the rules that decide identities and answers. Customers that were derived with another hash are
    /// derived again.
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

/// A brand, from the settings and the database.
#[derive(Debug)]
pub struct Brand {
    /// From the settings.
    pub rules: BrandRules,
    /// Secret of the hashes of addresses and ids.
    pub secret: BrandSecret,
    /// Secret of the hashes in the suppression list.
    pub suppression_key: SuppressionKey,
    /// What links to the agent page need. Only the running service gives out links.
    pub agent_links: Option<AgentLinks>,
    id: i32,
}

impl Brand {
    /// A brand with these rules, under its id in every table.
    #[must_use]
    pub const fn new(
        rules: BrandRules,
        id: i32,
        secret: BrandSecret,
        suppression_key: SuppressionKey,
    ) -> Self {
        Self { rules, secret, suppression_key, agent_links: None, id }
    }

    /// The brand's id in every table.
    #[must_use]
    pub const fn id(&self) -> i32 {
        self.id
    }
}

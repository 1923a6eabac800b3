//! The settings of one brand, as the file has them.

use std::collections::BTreeMap;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::networks;
use crate::agent_page::settings::AgentPageSettings;
use crate::sources::SourceSettings;

/// A brand.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "deploy/settings.example.toml explains each")]
pub struct BrandSettings {
    pub time_zone: String,
    pub locale: String,
    pub default_region: String,
    #[serde(deserialize_with = "networks::read")]
    pub allowed_networks: Vec<IpNet>,
    pub reference_ids: Vec<String>,
    pub precedence: BTreeMap<String, Vec<String>>,
    pub custom_fields: Vec<CustomFieldSettings>,
    pub matched_by_field: String,
    pub data_as_of_field: String,
    pub agent_page: AgentPageSettings,
    pub timeline: TimelineSettings,
    pub identity: IdentitySettings,
    pub sources: SourceSettings,
}

impl Default for BrandSettings {
    fn default() -> Self {
        let references = [
            "omneo.transaction.order_number",
            "omneo.order.order_number",
            "omneo.transaction.receipt_ref",
            "omniotap.ticket.number",
        ];
        Self {
            time_zone: "Europe/Amsterdam".to_owned(),
            locale: "en".to_owned(),
            default_region: "NL".to_owned(),
            allowed_networks: Vec::new(),
            reference_ids: references.map(str::to_owned).to_vec(),
            precedence: BTreeMap::new(),
            custom_fields: Vec::new(),
            matched_by_field: String::new(),
            data_as_of_field: String::new(),
            agent_page: AgentPageSettings::default(),
            timeline: TimelineSettings::default(),
            identity: IdentitySettings::default(),
            sources: SourceSettings::default(),
        }
    }
}

/// A custom field of the answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "deploy/settings.example.toml explains each")]
pub struct CustomFieldSettings {
    pub name: String,
    pub value: String,
}

/// The timeline of the answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "deploy/settings.example.toml explains each")]
pub struct TimelineSettings {
    pub limit: usize,
    #[serde(rename = "type")]
    pub kind: String,
    pub hide: Vec<String>,
    pub messages: BTreeMap<String, String>,
}

impl Default for TimelineSettings {
    fn default() -> Self {
        Self { limit: 50, kind: "event".to_owned(), hide: Vec::new(), messages: BTreeMap::new() }
    }
}

/// Identity resolution: which records are one person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "deploy/settings.example.toml explains each")]
pub struct IdentitySettings {
    pub precedence: Vec<String>,
    pub one_record_per_person: Vec<String>,
    pub self_asserted: Vec<String>,
    pub lookup_by_self_asserted: bool,
    pub shared_value_threshold: usize,
    pub component_cap: usize,
    pub link_by_email: bool,
    pub link_by_phone: bool,
    pub email_link_requires_compatible_names: bool,
    pub email_link_requires_first_name: bool,
    pub phone_reassigned_after_years: u16,
    pub blocked_mailboxes: Vec<String>,
    pub blocked_values: Vec<String>,
}

impl Default for IdentitySettings {
    fn default() -> Self {
        let rules = crate::customer::identity::rules::IdentityRules::default();
        Self {
            precedence: rules.precedence.iter().map(ToString::to_string).collect(),
            one_record_per_person: rules
                .one_record_per_person
                .iter()
                .map(ToString::to_string)
                .collect(),
            self_asserted: rules.self_asserted.iter().map(ToString::to_string).collect(),
            lookup_by_self_asserted: rules.lookup_by_self_asserted,
            shared_value_threshold: rules.shared_value_threshold,
            component_cap: rules.component_cap,
            link_by_email: true,
            link_by_phone: true,
            email_link_requires_compatible_names: true,
            email_link_requires_first_name: rules.email_link_requires_first_name,
            phone_reassigned_after_years: rules.phone_reassigned_after_years,
            blocked_mailboxes: Vec::new(),
            blocked_values: Vec::new(),
        }
    }
}

/// One element of each list, for messages.
pub(super) const ITEMS: [(&str, &str); 16] = [
    ("allowed_networks", "\"192.0.2.0/24\""),
    ("trusted_proxies", "\"10.0.0.0/8\""),
    ("reference_ids", "\"omniotap.ticket.number\""),
    ("custom_fields", "{ name = \"tier\", value = \"{{ omneo.tier }}\" }"),
    ("hide", "\"omneo.point\""),
    ("precedence", "\"omneo.profile\""),
    ("one_record_per_person", "\"omneo.profile\""),
    ("self_asserted", "\"omnilab.participant\""),
    ("blocked_mailboxes", "\"info\""),
    ("blocked_values", "\"info@example.org\""),
    ("secrets", "{ env = \"NAME\" }"),
    ("authorization", "{ env = \"NAME\" }"),
    ("token", "{ env = \"NAME\" }"),
    ("key", "{ env = \"NAME\" }"),
    ("client_secret", "{ env = \"NAME\" }"),
    ("webhook_priorities", "{ attribute = \"bookings\", resource = \"*\", priority = \"high\" }"),
];

/// Examples of texts without a default.
pub(super) const EXAMPLES: [(&str, &str); 7] = [
    ("matched_by_field", "\"Matched by\""),
    ("data_as_of_field", "\"Data as of\""),
    ("endpoint", "\"http://127.0.0.1:4318/v1/traces\""),
    ("public_url", "\"https://api.brand.nl\""),
    ("url", "\"postgres://user@host/database\""),
    ("url_file", "\"/run/secrets/database_url\""),
    ("base_url", "\"https://api.example.com/v1\""),
];

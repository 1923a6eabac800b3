//! The content of the settings file. Unknown keys are mistakes, and every key has a default. The file
//! `deploy/settings.example.toml` explains each key; a test makes sure that it has all of them.

use std::collections::BTreeMap;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

pub use super::brand_file::{
    BrandSettings, CustomFieldSettings, IdentitySettings, TimelineSettings,
};
use super::networks;
pub use super::oidc::{OidcRoleSettings, OidcSettings};
use crate::sources::secret::SecretRef;
use crate::storage::embedded::SHARED_BUFFERS_MEGABYTES;

/// The whole file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SettingsFile {
    /// Addresses, networks, shutdown.
    pub server: ServerSettings,
    /// The database.
    pub database: DatabaseSettings,
    /// The lookup endpoint, which Omnidesk calls.
    pub lookup: LookupSettings,
    /// Webhooks: how they are received, stored and applied.
    pub inbox: InboxSettings,
    /// Calls to the APIs of the sources.
    pub calls: CallSettings,
    /// Sync runs and follow-up calls.
    pub sync: SyncSettings,
    /// Rate limits for clients.
    pub limits: LimitsSettings,
    /// The console, for people.
    pub console: ConsoleSettings,
    /// Erasure of persons.
    pub erasure: ErasureSettings,
    /// Logs and traces.
    pub telemetry: TelemetrySettings,
    /// The brands, by slug.
    pub brands: BTreeMap<String, BrandSettings>,
}

impl SettingsFile {
    /// The base of the URLs of this service.
    #[must_use]
    pub fn base_url(&self) -> String {
        match self.server.public_url.trim_end_matches('/') {
            "" => format!("http://{}", self.server.listen),
            public_url => public_url.to_owned(),
        }
    }

    /// The URL for Omnidesk, with a key.
    #[must_use]
    pub fn lookup_url(&self, key: &str) -> String {
        let (path, parameter) = (&self.lookup.path, &self.lookup.key_parameter);
        format!("{}{path}?{parameter}={key}", self.base_url())
    }
}

/// Addresses, networks, shutdown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "deploy/settings.example.toml explains each")]
pub struct ServerSettings {
    pub listen: String,
    pub metrics_listen: String,
    pub public_url: String,
    #[serde(deserialize_with = "networks::read")]
    pub allowed_networks: Vec<IpNet>,
    #[serde(deserialize_with = "networks::read")]
    pub trusted_proxies: Vec<IpNet>,
    pub forwarded_header: ForwardedHeader,
    pub workers: usize,
    pub max_connections: usize,
    pub drain_seconds: u64,
    pub shutdown_timeout_seconds: u64,
}

/// The header in which trusted proxies write the client address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ForwardedHeader {
    /// The common header.
    #[serde(rename = "x-forwarded-for")]
    XForwardedFor,
    /// The header of RFC 7239.
    #[serde(rename = "forwarded")]
    Forwarded,
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8080".to_owned(),
            metrics_listen: "127.0.0.1:9464".to_owned(),
            public_url: String::new(),
            allowed_networks: Vec::new(),
            trusted_proxies: Vec::new(),
            forwarded_header: ForwardedHeader::XForwardedFor,
            workers: 0,
            max_connections: 1_000,
            drain_seconds: 1,
            shutdown_timeout_seconds: 30,
        }
    }
}

/// The console, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "deploy/settings.example.toml explains each")]
pub struct ConsoleSettings {
    pub listen: String,
    pub public_url: String,
    pub oidc: OidcSettings,
}

impl Default for ConsoleSettings {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8090".to_owned(),
            public_url: String::new(),
            oidc: OidcSettings::default(),
        }
    }
}

/// The database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "deploy/settings.example.toml explains each")]
pub struct DatabaseSettings {
    pub url: String,
    pub url_file: String,
    pub data_dir: String,
    pub postgres_bin: String,
    pub download_postgres: bool,
    pub shared_buffers_megabytes: u64,
    pub max_connections: usize,
}

impl Default for DatabaseSettings {
    fn default() -> Self {
        Self {
            url: String::new(),
            url_file: String::new(),
            data_dir: String::new(),
            postgres_bin: String::new(),
            download_postgres: true,
            shared_buffers_megabytes: SHARED_BUFFERS_MEGABYTES,
            max_connections: 10,
        }
    }
}

/// The lookup endpoint, which Omnidesk calls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "deploy/settings.example.toml explains each")]
pub struct LookupSettings {
    pub path: String,
    pub key_parameter: String,
    pub deadline_ms: u64,
    pub max_customers: u64,
    pub multiple_matches: MultipleMatches,
    pub cache_megabytes: u64,
    pub cache_seconds: u64,
    pub negative_cache_seconds: u64,
    pub stale_if_error_seconds: u64,
    pub max_waiting: u64,
    pub database_connections: usize,
    pub trace_days: u32,
}

/// The answer to a lookup if several customers have the address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MultipleMatches {
    /// All customers.
    All,
    /// No customer.
    None,
}

impl Default for LookupSettings {
    fn default() -> Self {
        Self {
            path: "/omnidesk/customerlookup".to_owned(),
            key_parameter: "key".to_owned(),
            deadline_ms: 800,
            max_customers: 10,
            multiple_matches: MultipleMatches::All,
            cache_megabytes: 64,
            cache_seconds: 300,
            negative_cache_seconds: 10,
            stale_if_error_seconds: 3_600,
            max_waiting: 1_000,
            database_connections: 4,
            trace_days: 14,
        }
    }
}

/// Webhooks: how they are received, stored and applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "deploy/settings.example.toml explains each")]
pub struct InboxSettings {
    pub max_body_kilobytes: u64,
    pub ack_timeout_ms: u64,
    pub body_memory_megabytes: u64,
    pub database_connections: usize,
    pub workers: usize,
    pub batch_size: u32,
    pub lease_seconds: u64,
    pub max_attempts: u32,
    pub retention_days: u32,
    pub dedup_retention_days: u32,
    pub dedup_history_size: u32,
}

impl Default for InboxSettings {
    fn default() -> Self {
        Self {
            max_body_kilobytes: 256,
            ack_timeout_ms: 800,
            body_memory_megabytes: 64,
            database_connections: 4,
            workers: 2,
            batch_size: 200,
            lease_seconds: 10,
            max_attempts: 20,
            retention_days: 30,
            dedup_retention_days: 90,
            dedup_history_size: 10,
        }
    }
}

/// Calls to the APIs of the sources.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "deploy/settings.example.toml explains each")]
pub struct CallSettings {
    pub connect_timeout_ms: u64,
    pub response_timeout_ms: u64,
    pub total_timeout_ms: u64,
    pub max_response_kilobytes: u64,
    pub max_concurrent: usize,
    pub breaker_failures: u32,
    pub breaker_open_seconds: u64,
}

impl Default for CallSettings {
    fn default() -> Self {
        Self {
            connect_timeout_ms: 2_000,
            response_timeout_ms: 5_000,
            total_timeout_ms: 20_000,
            max_response_kilobytes: 8_192,
            max_concurrent: 8,
            breaker_failures: 5,
            breaker_open_seconds: 10,
        }
    }
}

/// Sync runs and follow-up calls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "deploy/settings.example.toml explains each")]
pub struct SyncSettings {
    pub backfill: bool,
    pub reconcile_hours: u32,
    pub incremental_minutes: u32,
    pub lease_seconds: u64,
    pub max_deletions_percent: u32,
    pub follow_ups: bool,
    pub follow_up_max_attempts: u32,
}

impl Default for SyncSettings {
    fn default() -> Self {
        Self {
            backfill: true,
            reconcile_hours: 24,
            incremental_minutes: 15,
            lease_seconds: 60,
            max_deletions_percent: 10,
            follow_ups: true,
            follow_up_max_attempts: 20,
        }
    }
}

/// Rate limits for clients.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "deploy/settings.example.toml explains each")]
pub struct LimitsSettings {
    pub lookups_per_second: u32,
    pub wrong_keys_per_minute: u32,
    pub not_found_per_minute: u32,
    pub enforce_not_found_limit: bool,
    pub max_tracked_networks: u64,
    pub identical_webhooks_per_minute: u32,
}

impl Default for LimitsSettings {
    fn default() -> Self {
        Self {
            lookups_per_second: 500,
            wrong_keys_per_minute: 30,
            not_found_per_minute: 600,
            enforce_not_found_limit: false,
            max_tracked_networks: 100_000,
            identical_webhooks_per_minute: 10,
        }
    }
}

/// Erasure of persons.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "deploy/settings.example.toml explains each")]
pub struct ErasureSettings {
    pub suppression_file: String,
    pub max_erased_percent: u32,
}

impl Default for ErasureSettings {
    fn default() -> Self {
        Self { suppression_file: String::new(), max_erased_percent: 10 }
    }
}

/// Logs and traces.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "deploy/settings.example.toml explains each")]
pub struct TelemetrySettings {
    pub format: LogFormat,
    pub level: String,
    pub logged_lookups_percent: u64,
    pub traces: TracesSettings,
}

impl Default for TelemetrySettings {
    fn default() -> Self {
        Self {
            format: LogFormat::Auto,
            level: "info".to_owned(),
            logged_lookups_percent: 100,
            traces: TracesSettings::default(),
        }
    }
}

/// Traces, which are sent to a collector.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "deploy/settings.example.toml explains each")]
pub struct TracesSettings {
    pub endpoint: String,
    pub sampled_percent: u64,
    pub service_name: String,
    pub service_instance: String,
    pub environment: String,
    pub headers: BTreeMap<String, SecretRef>,
}

impl Default for TracesSettings {
    fn default() -> Self {
        Self {
            endpoint: String::new(),
            sampled_percent: 100,
            service_name: "hookpoint".to_owned(),
            service_instance: String::new(),
            environment: String::new(),
            headers: BTreeMap::new(),
        }
    }
}

/// The format of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Text in a terminal, JSON elsewhere.
    Auto,
    /// Text for people.
    Human,
    /// One JSON object in each line.
    Json,
}

//! The checks of this service.

use crate::doctor::finding::{Finding, Observation, Verdict};

/// A check of this service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ServiceCheck {
    /// The settings are valid.
    Settings,
    /// Secrets are there, and look right.
    Secrets,
    /// There is a brand.
    Brands,
    /// Networks are restricted.
    Networks,
    /// The public URL is set, with https.
    PublicUrl,
    /// The proxy in front of the service is trusted.
    Proxies,
    /// Webhooks are verified.
    WebhookVerification,
    /// The database answers.
    Database,
    /// No pooler takes sessions apart.
    DatabasePooler,
    /// Postgres is new enough.
    DatabaseVersion,
    /// The schema is current.
    DatabaseSchema,
    /// The role has the rights that it needs.
    DatabaseRights,
    /// The connection is protected.
    DatabaseTls,
    /// There are enough connections.
    DatabaseConnections,
    /// Commits are durable.
    DatabaseDurability,
    /// Postgres's log has no addresses.
    DatabaseLog,
    /// The clocks agree.
    Clock,
    /// The suppression file can be used.
    SuppressionFile,
    /// There is free space.
    Disk,
    /// Each brand has a valid key.
    Keys,
    /// The APIs of the sources answer.
    SourceApi,
    /// The login provider of the console answers.
    LoginProvider,
    /// The service answers on this machine.
    Service,
    /// All replicas run with the same settings.
    Replicas,
    /// The service answers at its public URL.
    PublicHealth,
    /// Proxies name the true address of a caller.
    ProxyHeaders,
    /// The lookup's path is reached from outside.
    PublicLookup,
    /// The webhook endpoints are reached from outside.
    PublicWebhooks,
}

use ServiceCheck as C;

impl ServiceCheck {
    /// All checks, in the order of the output.
    pub const ALL: [Self; 28] = [
        C::Settings,
        C::Secrets,
        C::Brands,
        C::Networks,
        C::PublicUrl,
        C::Proxies,
        C::WebhookVerification,
        C::Database,
        C::DatabasePooler,
        C::DatabaseVersion,
        C::DatabaseSchema,
        C::DatabaseRights,
        C::DatabaseTls,
        C::DatabaseConnections,
        C::DatabaseDurability,
        C::DatabaseLog,
        C::Clock,
        C::SuppressionFile,
        C::Disk,
        C::Keys,
        C::SourceApi,
        C::LoginProvider,
        C::Service,
        C::Replicas,
        C::PublicHealth,
        C::ProxyHeaders,
        C::PublicLookup,
        C::PublicWebhooks,
    ];

    /// The name of the check.
    #[must_use]
    pub const fn id(self) -> &'static str {
        self.texts().0
    }

    /// The name, the question and the remedy.
    const fn texts(self) -> (&'static str, &'static str, &'static str) {
        match self {
            C::Settings => (
                "settings",
                "Are the settings valid?",
                "Correct the line. deploy/settings.example.toml explains every setting.",
            ),
            C::Secrets => (
                "secrets",
                "Can all secrets be read, and do they look right?",
                "Set the environment variable, or write the file, that the settings name.",
            ),
            C::Brands => (
                "brands",
                "Do the settings have a brand?",
                "Add a table [brands.<name>] to the settings.",
            ),
            C::Networks => (
                "networks",
                "May only known networks look up customers?",
                "List Omnidesk's networks in server.allowed_networks, or in the brand's allowed_networks.",
            ),
            C::PublicUrl => (
                "public-url",
                "Do the settings name the public URL, with https?",
                "Set server.public_url to the https URL under which Omnidesk and the sources reach the service.",
            ),
            C::Proxies => (
                "proxies",
                "Is the proxy in front of the service listed as trusted?",
                "List the networks of your proxies in server.trusted_proxies. Otherwise every caller seems to be the proxy.",
            ),
            C::WebhookVerification => (
                "webhook-verification",
                "Are webhooks verified?",
                "Set the verification of the source, with a secret.",
            ),
            C::Database => (
                "database",
                "Does the database answer?",
                "Check the database URL, the server, the network and the password. See deploy/operate.md.",
            ),
            C::DatabasePooler => (
                "database-pooler",
                "Does each connection keep its session?",
                "Set pool_mode to session in PgBouncer, or connect to Postgres directly.",
            ),
            C::DatabaseVersion => {
                ("database-version", "Is Postgres new enough?", "Install Postgres 15 or newer.")
            }
            C::DatabaseSchema => (
                "database-schema",
                "Is the schema current?",
                "Run `hookpoint migrate`, or start the service.",
            ),
            C::DatabaseRights => (
                "database-rights",
                "Does the role have the rights that it needs?",
                "Make the role the owner of the database. Or give it CREATE on the schema, and make it the owner of all tables there.",
            ),
            C::DatabaseTls => (
                "database-tls",
                "Is the connection to the database protected?",
                "Set sslmode=verify-full in the database URL. For a certificate authority of your own, also set sslrootcert.",
            ),
            C::DatabaseConnections => (
                "database-connections",
                "Does Postgres allow enough connections for two replicas? A restart needs them for a moment.",
                "Raise max_connections of Postgres, or lower the numbers of connections in the settings.",
            ),
            C::DatabaseDurability => (
                "database-durability",
                "Is a commit on disk before Postgres confirms it?",
                "Set fsync, full_page_writes and synchronous_commit to on. Otherwise a crash can lose webhooks.",
            ),
            C::DatabaseLog => (
                "database-log",
                "Does Postgres keep addresses out of its log?",
                "Run the statements of deploy/operate.md, section \"Your own Postgres\".",
            ),
            C::Clock => (
                "clock",
                "Do the clocks of this machine and of Postgres agree?",
                "Run an NTP service on both machines.",
            ),
            C::SuppressionFile => (
                "suppression-file",
                "Can the suppression file be read and written, by its owner only?",
                "Check the file of erasure.suppression_file, its owner and its rights (0600).",
            ),
            C::Disk => (
                "disk",
                "Is there free space on the disks?",
                "Free some space, or enlarge the disk.",
            ),
            C::Keys => (
                "keys",
                "Does each brand have a valid key for Omnidesk, and is no other key used?",
                "Run `hookpoint key create`, and paste the URL into Omnidesk.",
            ),
            C::SourceApi => (
                "source-api",
                "Can the service read the API of the source?",
                "Check the base URL, the credentials and their permissions in the settings of the source.",
            ),
            C::LoginProvider => (
                "login-provider",
                "Does the login provider of the console answer?",
                "Check console.oidc.issuer: it is exactly what <issuer>/.well-known/openid-configuration says. Check DNS, certificate and firewall.",
            ),
            C::Service => (
                "service",
                "Does the service on this machine work?",
                "Run `hookpoint serve`, and look at its log.",
            ),
            C::Replicas => (
                "replicas",
                "Do all running replicas have the settings of this file?",
                "Give all replicas the same settings file. Then run `hookpoint reload`.",
            ),
            C::PublicHealth => (
                "public-health",
                "Does the service answer at its public URL?",
                "Check DNS, certificate, firewall and proxy. See deploy/operate.md, section \"Proxies\".",
            ),
            C::ProxyHeaders => (
                "proxy-headers",
                "Does the service know the true address of a caller at its public URL?",
                "List exactly your proxies in server.trusted_proxies, and let them write the header of server.forwarded_header. See deploy/operate.md, section \"Proxies\".",
            ),
            C::PublicLookup => (
                "public-lookup",
                "Do lookups at the public URL reach the service?",
                "Let the proxy pass the lookup's path with its query. Then run `hookpoint doctor URL`.",
            ),
            C::PublicWebhooks => (
                "public-webhooks",
                "Do webhooks at the public URL reach the service?",
                "Let the proxy pass /webhooks/ with all methods, headers and bodies unchanged.",
            ),
        }
    }

    /// The finding of an observation.
    #[must_use]
    pub fn found(self, observation: Observation) -> Finding {
        let (id, question, remedy) = self.texts();
        let is_wrong = [Verdict::Warn, Verdict::Fail].contains(&observation.verdict);
        Finding {
            id,
            subject: None,
            question,
            verdict: observation.verdict,
            seen: observation.seen,
            remedy: is_wrong.then_some(remedy),
        }
    }

    /// The finding of an observation about a part of the service.
    pub(super) fn found_of(self, subject: String, observation: Observation) -> Finding {
        Finding { subject: Some(subject), ..self.found(observation) }
    }
}

/// Adds the checks that nothing was found for, because an earlier check failed, and sorts all findings.
#[must_use]
pub fn completed(mut findings: Vec<Finding>) -> Vec<Finding> {
    for check in ServiceCheck::ALL {
        if !findings.iter().any(|finding| finding.id == check.id()) {
            findings.push(check.found(Observation::skipped("an earlier check failed")));
        }
    }
    findings
        .sort_by_key(|finding| ServiceCheck::ALL.iter().position(|check| check.id() == finding.id));
    findings
}

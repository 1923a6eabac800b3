//! Warnings about settings and a database that work, but are unsafe or too small.

use std::collections::HashMap;
use std::sync::Arc;

use crate::brand::Brand;
use crate::settings::SettingsFile;
use crate::storage::StorageError;
use crate::storage::database::Database;

/// Warns about settings that let anybody read or write data.
pub(super) fn warn_about_open_access(file: &SettingsFile, brands: &HashMap<i32, Arc<Brand>>) {
    let open = brands.values().filter(|brand| brand.rules.allowed_networks.is_empty());
    for brand in open.filter(|_| file.server.allowed_networks.is_empty()) {
        tracing::warn!(
            brand = brand.rules.slug,
            "any network may use this brand's API keys; allowed_networks of server and brand are empty"
        );
    }
    brands.values().for_each(|brand| warn_about_unverified_webhooks(brand));
    if brands.is_empty() {
        tracing::warn!("the settings have no brand; every API key is rejected");
    }
}

fn warn_about_unverified_webhooks(brand: &Brand) {
    let verifiers = brand.rules.webhook_verifiers.values();
    for verifier in verifiers.filter(|verifier| !verifier.verification.is_verified()) {
        let (brand, source) = (brand.rules.slug.as_str(), verifier.source.as_str());
        tracing::warn!(
            brand,
            source,
            "webhooks are not verified (verification is \"none\"); anyone who knows the URL can send data"
        );
    }
}

/// Warns if Postgres allows too few connections, if the connection to it is not protected, or if it logs addresses.
pub(super) async fn warn_about_database(
    file: &SettingsFile,
    database: &Database,
) -> Result<(), StorageError> {
    let needed = needed_connections(file);
    if let Some(allowed) = database.lacks_connections(needed).await {
        tracing::warn!(
            needed,
            allowed,
            "Postgres or its pooler allows fewer connections than the settings need, so requests fail under load; raise its limit, or lower database.max_connections, lookup.database_connections or inbox.database_connections"
        );
    }
    if let Some(exposure) = database.exposure() {
        tracing::warn!(
            exposure,
            "connection to Postgres is not fully protected; set sslmode=verify-full in the database URL"
        );
    }
    if database.logs_values().await? {
        tracing::warn!(
            "Postgres writes addresses of customers into its log; deploy/operate.md lists the settings that prevent it"
        );
    }
    Ok(())
}

/// The connections that a replica needs: those of the three pools, and one for the change listener.
pub(crate) const fn needed_connections(file: &SettingsFile) -> usize {
    file.database
        .max_connections
        .saturating_add(file.lookup.database_connections)
        .saturating_add(file.inbox.database_connections)
        .saturating_add(1)
}

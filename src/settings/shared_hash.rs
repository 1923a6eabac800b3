//! The hash by which replicas with other settings are found.

use sha2::{Digest, Sha256};

use super::file::{InboxSettings, SettingsFile};

/// A hash of the settings that should be the same on all replicas. Those of the machine are not part of it: addresses,
/// the database, logs, workers. Nor are secrets: only the places where they are stored.
#[must_use]
pub fn shared_hash(file: &SettingsFile) -> String {
    let SettingsFile { lookup, calls, sync, limits, brands, .. } = file;
    // A replica without workers may only receive webhooks.
    let inbox = InboxSettings { workers: 0, ..file.inbox.clone() };
    let percent = file.erasure.max_erased_percent;
    let shared = (lookup, inbox, calls, sync, limits, percent, brands);
    let text = serde_json::to_vec(&shared).unwrap_or_default();
    Sha256::digest(text).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

//! Compares the settings of the running replicas with the settings file.

use super::check::ServiceCheck;
use crate::doctor::finding::{Finding, Observation};
use crate::storage::pool::Pool;
use crate::storage::replicas::{ReplicaRow, list_replicas};

/// Checks that all running replicas have the settings with this hash.
pub async fn check_replicas(pool: &Pool, settings_hash: &str) -> Vec<Finding> {
    let check = ServiceCheck::Replicas;
    let rows = match list_replicas(pool).await {
        Ok(rows) => rows,
        Err(error) => return vec![check.found(Observation::fail(error.to_string()))],
    };
    if rows.is_empty() {
        return vec![check.found(Observation::skipped("no replica runs"))];
    }
    let finding = |replica: &ReplicaRow| {
        let observation = if replica.settings_hash == settings_hash {
            Observation::pass("as in this settings file")
        } else {
            Observation::warn("other settings than in this settings file")
        };
        check.found_of(format!("{} {}", replica.host, replica.address), observation)
    };
    rows.iter().map(|row| finding(&row.replica)).collect()
}

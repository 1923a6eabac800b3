//! Brings the suppression list and its file in sync, before the service answers.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::error::StartError;
use crate::brand::{Brand, BrandRules};
use crate::erasure::erase::ErasureError;
use crate::erasure::reconcile::{adopt_keys, reconcile};
use crate::erasure::suppression_file::{SuppressionFile, SuppressionFileError};
use crate::settings::{SettingsFile, suppression_file};
use crate::storage::pool::Pool;

/// The suppression file of the settings. A new database takes over its keys, so this comes before brands are opened.
///
/// # Errors
/// If the file cannot be read, or if Postgres fails.
pub async fn open_suppression_file(
    file: &SettingsFile,
    pool: &Pool,
    rules: &[BrandRules],
) -> Result<SuppressionFile, StartError> {
    let suppressions = SuppressionFile::new(suppression_file(file));
    let slugs: Vec<&str> = rules.iter().map(|rules| rules.slug.as_str()).collect();
    adopt_keys(pool, &suppressions, &slugs).await?;
    Ok(suppressions)
}

/// Erases people again who are on the suppression list but have data. If only writing the suppression file fails, the
/// service still starts.
pub(super) async fn reconcile_all(
    pool: &Pool,
    brands: &HashMap<i32, Arc<Brand>>,
    suppressions: &SuppressionFile,
    max_erased_percent: u32,
    (now, began_by): (Timestamp, Timestamp),
) -> Result<(), StartError> {
    for brand in brands.values() {
        match reconcile(pool, brand, suppressions, max_erased_percent, now, began_by).await {
            Err(ErasureError::SuppressionFile(error @ SuppressionFileError::Write(..))) => {
                tracing::error!(brand = brand.rules.slug, %error, "failed to write the suppression file; a restored backup would bring back erased people");
            }
            done => {
                done?;
            }
        }
    }
    Ok(())
}

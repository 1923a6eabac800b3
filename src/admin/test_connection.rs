//! Tests the connection to the API of a source, as `hookpoint doctor` does: each list is read once.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::audit::{Action, Attribution};
use crate::brand::Brand;
use crate::customer::model::source::Source;
use crate::doctor::finding::{Finding, Verdict};
use crate::doctor::service::check_source_api;
use crate::settings::file::CallSettings;
use crate::storage::StorageError;
use crate::storage::audit_log::{AuditFilter, list_audit};
use crate::storage::pool::Pool;

/// A source is tested at most once in this time. Each test is some calls.
pub const PAUSE: SignedDuration = SignedDuration::from_secs(10);

/// How long a person waits for one reply.
const TIMEOUT: Duration = Duration::from_secs(10);

/// So many entries of the audit log are looked at: more tests than are possible in the pause.
const MAX_ENTRIES: u32 = 100;

const ACTION: &str = "test connection";

/// What a test of a connection found.
pub enum TestedConnection {
    /// The findings, one for each list. They contain no secret and no person.
    Findings(Vec<Finding>),
    /// The last test was less than [`PAUSE`] ago.
    TooSoon,
    /// The settings have no API of this source.
    NotConnected,
}

/// Tests the connection to the API of a source.
///
/// # Errors
/// If Postgres fails.
pub async fn test_connection(
    pool: &Pool,
    brand: &Arc<Brand>,
    (source, calls): (Source, &CallSettings),
    (attribution, now): (Attribution<'_>, Timestamp),
) -> Result<TestedConnection, StorageError> {
    if !brand.rules.accounts.contains_key(&source) {
        return Ok(TestedConnection::NotConnected);
    }
    let target = source.to_string();
    let from = now.checked_sub(PAUSE).unwrap_or(now);
    let filter = AuditFilter { action: Some(ACTION), from, ..AuditFilter::ALL };
    let last = list_audit(pool, brand.id(), filter, MAX_ENTRIES).await?;
    if last.iter().any(|entry| entry.target == target && entry.begun_at > from) {
        return Ok(TestedConnection::TooSoon);
    }
    let entry = Action::new(ACTION, target).begin(pool, brand.id(), attribution, now).await?;
    let findings = check_source_api(pool, brand, source, calls, TIMEOUT).await;
    let failed = findings.iter().filter(|finding| finding.verdict == Verdict::Fail).count();
    entry.end(&format!("lists: {}, failed: {failed}", findings.len())).await?;
    Ok(TestedConnection::Findings(findings))
}

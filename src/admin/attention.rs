//! What needs a person now. It reads a bounded number of rows, so it is quick.

use jiff::Timestamp;
use uuid::Uuid;

use super::reviews;
use super::source_apis::{SourceApi, list_source_apis};
use crate::brand::Brand;
use crate::customer::model::source::Source;
use crate::doctor::finding::Verdict;
use crate::doctor::service::{judge_valid, rejected_lately};
use crate::inbox::source_health::{SourceHealth, list_source_health_for_page};
use crate::storage::StorageError;
use crate::storage::api_keys::{KeyRow, list_keys};
use crate::storage::bounded_counts::BoundedCount;
use crate::storage::inbox_pages::{MAX_COUNTED, list_failure_groups};
use crate::storage::pool::Pool;
use crate::sync::RunState;

/// Something that needs a person.
#[derive(Debug, Clone, PartialEq)]
pub enum Need {
    /// Deliveries could not be applied.
    DeadLetters(BoundedCount),
    /// Open questions about who is who.
    Reviews(BoundedCount),
    /// The verification of all recent webhooks failed: how many, and why the last one.
    AllRejected(Source, i64, Option<String>),
    /// The last webhook was rejected: why.
    Rejected(Source, Option<String>),
    /// There was no webhook for much longer than usual.
    Silent(Source),
    /// The secret of an API cannot be read: why.
    UnreadableSecret(Source, String),
    /// Calls to an API fail: the last error, and how many in a row.
    ApiFails(Source, String, u32),
    /// Requests that follow webhooks could not be answered.
    DeadFollowUps(Source, i64),
    /// The run of a stream failed, or waits: the stream, its state, and why.
    Sync(Source, String, RunState, String),
    /// No key for Omnidesk is valid for long: what is wrong.
    Keys(String),
    /// Calls with a revoked or expired key are rejected: the id of the last one.
    RejectedKey(Uuid),
}

/// Something that needs a person, and since when, if that is known.
#[derive(Debug, Clone, PartialEq)]
pub struct NeedRow {
    /// What it is.
    pub need: Need,
    /// When it was last seen, or since when it is so.
    pub at: Option<Timestamp>,
}

/// What is known about a brand, for the page about everything.
pub struct Situation {
    /// What needs a person, newest first. What has no time is before all others.
    pub needs: Vec<NeedRow>,
    /// The webhooks of the sources.
    pub health: Vec<SourceHealth>,
    /// The APIs of the sources.
    pub apis: Vec<SourceApi>,
}

/// This many failed calls in a row are no accident.
const MIN_FAILED_CALLS: u32 = 3;

/// Finds out what needs a person.
///
/// # Errors
/// If Postgres fails.
pub async fn get_situation(
    pool: &Pool,
    brand: &Brand,
    now: Timestamp,
) -> Result<Situation, StorageError> {
    let health = list_source_health_for_page(pool, brand).await?;
    let apis = list_source_apis(pool, brand).await?;
    let mut needs = Vec::new();
    let groups = list_failure_groups(pool, brand.id()).await?;
    let dead = groups.iter().map(|group| group.count).sum();
    if dead > 0 {
        let at = groups.iter().map(|group| group.last_at).max();
        needs.push(NeedRow { need: Need::DeadLetters(BoundedCount::new(dead, MAX_COUNTED)), at });
    }
    let (open, at) = reviews::count(pool, brand, now).await?;
    if open.number > 0 {
        needs.push(NeedRow { need: Need::Reviews(open), at });
    }
    needs.extend(health.iter().flat_map(|health| webhook_needs(health, now)));
    needs.extend(apis.iter().flat_map(|api| api_needs(api, brand, now)));
    let keys = list_keys(pool).await?;
    needs.extend(key_needs(&keys, brand, now));
    needs.sort_by_key(|row| std::cmp::Reverse(row.at.unwrap_or(Timestamp::MAX)));
    Ok(Situation { needs, health, apis })
}

/// What the keys of a brand need.
fn key_needs(keys: &[KeyRow], brand: &Brand, now: Timestamp) -> Vec<NeedRow> {
    let own: Vec<&KeyRow> = keys.iter().filter(|row| row.brand_id == brand.id()).collect();
    let mut needs = Vec::new();
    let valid = judge_valid(&own, now);
    if valid.verdict != Verdict::Pass {
        needs.push(NeedRow { need: Need::Keys(valid.seen.into_owned()), at: None });
    }
    if let Some(row) = rejected_lately(own.into_iter(), now) {
        needs.push(NeedRow { need: Need::RejectedKey(row.key_id), at: row.last_rejected_at });
    }
    needs
}

/// What the webhooks of a source need.
fn webhook_needs(health: &SourceHealth, now: Timestamp) -> Vec<NeedRow> {
    let (source, stats) = (health.source, &health.stats);
    let reason = || stats.unverified_reason.clone();
    let mut needs = Vec::new();
    if health.is_failing() {
        let need = Need::AllRejected(source, stats.unverified_in_a_row, reason());
        needs.push(NeedRow { need, at: stats.unverified_at });
    } else if stats.unverified_in_a_row > 0 {
        needs.push(NeedRow { need: Need::Rejected(source, reason()), at: stats.unverified_at });
    }
    if health.verification.is_some() && health.is_silent(now) {
        needs.push(NeedRow { need: Need::Silent(source), at: health.last_received_at });
    }
    needs
}

/// What the API of a source needs.
fn api_needs(api: &SourceApi, brand: &Brand, now: Timestamp) -> Vec<NeedRow> {
    let source = api.source;
    let mut needs = Vec::new();
    if let Some(why) = brand.rules.unreadable_secrets.get(&source) {
        let need = Need::UnreadableSecret(source, why.clone());
        needs.push(NeedRow { need, at: None });
    }
    let Some(account) = &api.account else { return needs };
    let is_open = account.open_until.is_some_and(|until| until > now);
    if is_open || account.failures_in_a_row >= MIN_FAILED_CALLS {
        let need = Need::ApiFails(source, account.failure.clone(), account.failures_in_a_row);
        needs.push(NeedRow { need, at: account.failed_at });
    }
    if let Some(follow_ups) = api.follow_ups.as_ref().filter(|counts| counts.dead > 0) {
        needs.push(NeedRow { need: Need::DeadFollowUps(source, follow_ups.dead), at: None });
    }
    for row in &api.streams {
        let state = RunState::of(row, now);
        let needs_person = row.is_failing() || state == RunState::Interrupted;
        if needs_person && row.requested_at.is_none() {
            let need = Need::Sync(source, row.stream.clone(), state, row.note.clone());
            let at = row.finished_at.unwrap_or(row.started_at);
            needs.push(NeedRow { need, at: Some(at) });
        }
    }
    needs
}

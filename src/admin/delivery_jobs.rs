//! Replays and discards many deliveries as a job: first they are counted, then somebody decides, then exactly those that
//! were counted are changed, part by part. If the process ends, any other one goes on.

use jiff::Timestamp;
use uuid::Uuid;

use super::audit::{Action, Attribution, finish_in};
use crate::brand::Brand;
use crate::counted::counted;
use crate::customer::model::text;
use crate::storage::StorageError;
use crate::storage::deliveries::DeliveryFilter;
use crate::storage::delivery_jobs::{
    DeliveryJob, JobDecision, JobState, NewJob, begin_job, change_next, delete_items, find_job,
    insert_job, lock_running_job, update_job,
};
use crate::storage::inbox_pages::DeliveryState;
use crate::storage::pool::{Connection, Pool};
use crate::storage::seen_deliveries::DeliveryAct;

/// A page counts at most this many deliveries for a job: the newest ones.
pub const MAX_COUNTED: i64 = 100_000;

/// How many deliveries are changed in one transaction.
const PART: i64 = 500;

/// Counts the deliveries that match, for a job that somebody may begin. Returns its id.
///
/// # Errors
/// If Postgres fails.
pub async fn count_for_job(
    pool: &Pool,
    brand: &Brand,
    filter: &DeliveryFilter,
    now: Timestamp,
) -> Result<Uuid, StorageError> {
    let mut connection = pool.acquire().await?;
    insert(&mut connection, brand, filter, MAX_COUNTED, now).await
}

async fn insert(
    db: &mut Connection,
    brand: &Brand,
    filter: &DeliveryFilter,
    limit: i64,
    now: Timestamp,
) -> Result<Uuid, StorageError> {
    let (job_id, selection) = (Uuid::new_v4(), in_words(filter));
    let job = NewJob { job_id, selection: &selection, now, limit };
    insert_job(db, brand.id(), filter, &job).await?;
    Ok(job_id)
}

/// What a filter selects, in words.
fn in_words(filter: &DeliveryFilter) -> String {
    let time = |at: &Timestamp| at.strftime("%F %T UTC").to_string();
    let parts = [
        filter.ids.as_ref().map(|ids| counted(ids.len(), "id", "ids")),
        filter.source.map(|source| format!("source {source}")),
        filter.states.as_ref().map(|states| {
            let in_words = |state: &String| state.parse().map_or("", DeliveryState::in_words);
            let states: Vec<&str> = states.iter().map(in_words).collect();
            states.join(" or ")
        }),
        filter.event.as_ref().map(|event| format!("event {event}")),
        filter.reason.as_ref().map(|reason| format!("reason: {reason}")),
        filter.since.as_ref().map(|at| format!("received since {}", time(at))),
        filter.until.as_ref().map(|at| format!("received before {}", time(at))),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() { "all".to_owned() } else { parts.join(", ") }
}

/// Begins a job that was counted. Returns false if somebody decided before.
///
/// # Errors
/// If Postgres fails.
pub async fn begin(
    pool: &Pool,
    brand: &Brand,
    (job, act): (&DeliveryJob, DeliveryAct),
    attribution: Attribution<'_>,
    now: Timestamp,
) -> Result<bool, StorageError> {
    let number = usize::try_from(job.counted).unwrap_or(usize::MAX);
    let target = format!("{}, job {}", counted(number, "delivery", "deliveries"), job.job_id);
    let mut transaction = pool.begin().await?;
    let by = (attribution, now);
    let begun = begin_in(&mut transaction, brand, (job.job_id, act), target, by).await?;
    if begun {
        transaction.commit().await?;
    } else {
        transaction.rollback().await?;
    }
    Ok(begun)
}

async fn begin_in(
    db: &mut Connection,
    brand: &Brand,
    (job_id, act): (Uuid, DeliveryAct),
    target: String,
    (attribution, now): (Attribution<'_>, Timestamp),
) -> Result<bool, StorageError> {
    let action = Action::new(name(act), target);
    let action_id = action.begin_in(db, brand.id(), attribution, now).await?;
    let (by, reason) = (text::clean(attribution.by), text::clean(attribution.reason));
    let decision = JobDecision { act, by: &by, reason: &reason, action_id };
    begin_job(db, brand.id(), job_id, &decision, now).await
}

/// The name of an act in the audit log.
pub(super) const fn name(act: DeliveryAct) -> &'static str {
    match act {
        DeliveryAct::Replay => "replay deliveries",
        DeliveryAct::Discard => "discard deliveries",
    }
}

/// Counts, begins and works off a job. `target` is for the audit entry. Returns how many deliveries were changed. If this
/// process ends meanwhile, a running service goes on.
///
/// # Errors
/// If Postgres fails.
pub(super) async fn run_at_once(
    pool: &Pool,
    brand: &Brand,
    (filter, act, target): (&DeliveryFilter, DeliveryAct, String),
    attribution: Attribution<'_>,
    now: Timestamp,
) -> Result<u64, StorageError> {
    let mut transaction = pool.begin().await?;
    // One less than the largest number, because the statement adds one.
    let most = i64::MAX.saturating_sub(1);
    let job_id = insert(&mut transaction, brand, filter, most, now).await?;
    begin_in(&mut transaction, brand, (job_id, act), target, (attribution, now)).await?;
    transaction.commit().await?;
    loop {
        if work_off_part(pool, brand, Some(job_id), now).await? {
            continue;
        }
        // It is done, or a running service works on it at this moment.
        match find_job(pool, brand.id(), job_id).await? {
            Some(job) if job.state == JobState::Running => {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
            job => return Ok(job.map_or(0, |job| u64::try_from(job.changed).unwrap_or_default())),
        }
    }
}

/// Works off the next part of a running job: of the oldest one, or of a certain one. Returns false if there was nothing to
/// do.
///
/// # Errors
/// If Postgres fails. Then the part is not done.
pub async fn work_off_part(
    pool: &Pool,
    brand: &Brand,
    job_id: Option<Uuid>,
    now: Timestamp,
) -> Result<bool, StorageError> {
    let mut transaction = pool.begin().await?;
    let job = lock_running_job(&mut transaction, brand.id(), job_id).await?;
    let Some((mut job, act)) = job.and_then(|job| job.act.map(|act| (job, act))) else {
        transaction.rollback().await?;
        return Ok(false);
    };
    let next = (job.job_id, act);
    let (taken, changed) = change_next(&mut transaction, brand.id(), next, PART, now).await?;
    job.changed = job.changed.saturating_add(changed);
    job.skipped = job.skipped.saturating_add(taken.saturating_sub(changed));
    if taken < PART {
        end(&mut transaction, brand, &mut job, JobState::Done, now).await?;
    } else {
        update_job(&mut transaction, brand.id(), &job).await?;
    }
    transaction.commit().await?;
    Ok(true)
}

/// Ends a job, and completes its audit entry.
async fn end(
    db: &mut Connection,
    brand: &Brand,
    job: &mut DeliveryJob,
    state: JobState,
    now: Timestamp,
) -> Result<(), StorageError> {
    (job.state, job.ended_at) = (state, Some(now));
    update_job(db, brand.id(), job).await?;
    let mut outcome = format!("deliveries: {}", job.changed);
    if state == JobState::Cancelled {
        outcome.push_str(", then cancelled");
    }
    match job.action_id {
        Some(action_id) => finish_in(db, brand.id(), action_id, &outcome).await,
        None => Ok(()),
    }
}

/// Cancels a running job. The deliveries that were changed stay so. Returns false if it does not run.
///
/// # Errors
/// If Postgres fails.
pub async fn cancel(
    pool: &Pool,
    brand: &Brand,
    job_id: Uuid,
    (attribution, now): (Attribution<'_>, Timestamp),
) -> Result<bool, StorageError> {
    // A part takes milliseconds: then the job is free.
    for _ in 0..100 {
        let mut transaction = pool.begin().await?;
        if let Some(mut job) = lock_running_job(&mut transaction, brand.id(), Some(job_id)).await? {
            let action = Action::new("cancel job", job_id.to_string());
            let outcome = format!("cancelled after {} of {}", job.changed, job.counted);
            let by = (attribution, now);
            action.done_in(&mut transaction, brand.id(), by, &outcome).await?;
            delete_items(&mut transaction, brand.id(), job_id).await?;
            end(&mut transaction, brand, &mut job, JobState::Cancelled, now).await?;
            transaction.commit().await?;
            return Ok(true);
        }
        transaction.rollback().await?;
        let job = find_job(pool, brand.id(), job_id).await?;
        if job.is_none_or(|job| job.state != JobState::Running) {
            return Ok(false);
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    Ok(false)
}

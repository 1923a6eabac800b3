//! Finds records that a list no longer has. Each is checked with the source once more before it counts as
//! deleted.

use std::collections::{BTreeMap, BTreeSet};

use super::run::{RunAbort, RunContext};
use crate::counted::counted;
use crate::customer::model::field_versions::{Scope, Update};
use crate::customer::model::record::{Change, Record};
use crate::customer::model::source::SourceKind;
use crate::ingest::apply::apply;
use crate::settings::percent_limit::max_allowed;
use crate::sources::api::ApiRequest;
use crate::storage::StorageError;
use crate::storage::database::database_now;
use crate::storage::records::{list_deleted_after, list_records_after};
use crate::storage::seen_keys::find_seen;
use crate::storage::sync_runs::Step;

/// Records that are compared in one step.
const RECORDS_PER_STEP: i64 = 1_000;

/// The difference between the stored records and the items that the run has seen.
#[derive(Default)]
pub(crate) struct DeletionDiff {
    pub met: u64,
    pub unseen: Vec<Record>,
}

/// Deletes records that no longer exist at the source. Returns a note for the status; empty if there is
/// nothing to say.
pub(super) async fn find_deleted(
    run: &RunContext<'_>,
    kind: SourceKind,
) -> Result<String, RunAbort> {
    let DeletionDiff { met, unseen } = diff(run, kind).await?;
    // Records that the source mentioned since the run began are not in the list yet, or the next run sees
    // them.
    let unseen: Vec<Record> = unseen
        .into_iter()
        .filter(|record| record.versions.asserted_at().is_none_or(|at| at < run.row.started_at))
        .collect();
    let count = u64::try_from(unseen.len()).unwrap_or(u64::MAX);
    let known = met.saturating_add(count);
    let max = match run.account.max_deletions_percent {
        0 => 0,
        max_percent => max_allowed(known, max_percent),
    };
    if count > max {
        let note = format!(
            "{count} of {} missing from the list: more than sync.max_deletions_percent allows, so nothing was deleted. If the source really deleted them, raise it and run `hookpoint sync run`",
            counted(known, "record is", "records are")
        );
        tracing::warn!(brand = run.account.brand().rules.slug, source = %run.account.source(), stream = run.which.stream, count, known, "too many records are missing from the list, so none was deleted; if the source deleted them, raise sync.max_deletions_percent");
        return Ok(note);
    }
    let mut unsettled: usize = 0;
    for record in unseen {
        match is_deleted(run, &record).await {
            Ok(Some(true)) => {
                let at = database_now(&run.account.pool, run.account.clock.frozen_at()).await?;
                let update =
                    Update { at, received_at: at, scope: Scope::Deletion, fields: BTreeMap::new() };
                apply(
                    &run.account.pool,
                    run.account.brand(),
                    vec![Change::Record { key: record.key, update }],
                )
                .await?;
                run.save(Step { deleted: 1, ..Step::default() }).await?;
            }
            Ok(Some(false)) => {}
            Ok(None) | Err(RunAbort::Broken(_)) => unsettled = unsettled.saturating_add(1),
            Err(stop) => return Err(stop),
        }
    }
    Ok(if unsettled == 0 {
        String::new()
    } else {
        format!(
            "not deleted, because missing from the list but impossible to check: {}",
            counted(unsettled, "record", "records")
        )
    })
}

/// Counts the records that the run has seen and that were deleted since.
pub(super) async fn count_deleted(run: &RunContext<'_>, kind: SourceKind) -> Result<u64, RunAbort> {
    let (mut count, mut after): (u64, String) = (0, String::new());
    loop {
        let mut db = run.account.pool.acquire().await.map_err(StorageError::from)?;
        let keys =
            list_deleted_after(&mut db, run.account.brand().id(), kind, &after, RECORDS_PER_STEP)
                .await?;
        let Some(last) = keys.last() else { return Ok(count) };
        after.clone_from(&last.id);
        let hashes: Vec<[u8; 16]> = keys.iter().map(|key| run.seen_key(&key.to_string())).collect();
        let met = find_seen(&mut db, run.which, run.row.run_id, &hashes).await?;
        count = count.saturating_add(u64::try_from(met.len()).unwrap_or(u64::MAX));
        // Release the connection before the next call needs one, or all workers could wait for each other.
        drop(db);
        run.renew("").await?;
    }
}

/// Compares the live records of a kind with the items that the run has seen.
pub(super) async fn diff(run: &RunContext<'_>, kind: SourceKind) -> Result<DeletionDiff, RunAbort> {
    let (mut diff, mut after) = (DeletionDiff::default(), String::new());
    loop {
        let mut db = run.account.pool.acquire().await.map_err(StorageError::from)?;
        let records =
            list_records_after(&mut db, run.account.brand().id(), kind, &after, RECORDS_PER_STEP)
                .await?;
        let Some(last) = records.last() else { return Ok(diff) };
        after.clone_from(&last.key.id);
        let hashes: Vec<[u8; 16]> =
            records.iter().map(|record| run.seen_key(&record.key.to_string())).collect();
        let met: BTreeSet<[u8; 16]> =
            find_seen(&mut db, run.which, run.row.run_id, &hashes).await?.into_iter().collect();
        drop(db);
        run.renew("").await?;
        diff.met = diff.met.saturating_add(u64::try_from(met.len()).unwrap_or(u64::MAX));
        diff.unseen.extend(
            records
                .into_iter()
                .zip(hashes)
                .filter(|(_, hash)| !met.contains(hash))
                .map(|(record, _)| record),
        );
    }
}

/// Asks the source about one record. `None` if its API has no such call.
async fn is_deleted(run: &RunContext<'_>, record: &Record) -> Result<Option<bool>, RunAbort> {
    let key = record.key.to_string();
    let mut ask: Option<ApiRequest> = run.account.api().confirm(record);
    if ask.is_none() {
        return Ok(None);
    }
    while let Some(asked) = ask.take() {
        let reply = run.ask(&asked).await?;
        if reply.there.contains(&key) {
            run.take(&reply).await?;
            return Ok(Some(false));
        }
        ask = reply.next.clone().filter(|next| *next != asked);
    }
    Ok(Some(true))
}

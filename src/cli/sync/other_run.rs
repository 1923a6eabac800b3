//! Watches a run of another process, which holds the lease of the stream.

use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::shown::RunDisplay;
use crate::clock::Clock;
use crate::sources::api::Stream;
use crate::storage::sync_streams::{StreamRow, list_streams};
use crate::sync::{Progress, ProgressEvent, RunEnd, SyncMode, SyncRunner};

/// If a run of another process makes no progress for this long, its reason is shown.
const STALLED_AFTER: Duration = Duration::from_secs(3);

/// Shows the progress of another process's run until it ends. Returns `None` if the lease of that process ended, or if
/// that run was an incremental one: then this process can run.
pub(super) async fn watch_other_run(
    runner: &SyncRunner,
    stream: Stream,
    shown: &RunDisplay<'_>,
) -> anyhow::Result<Option<RunEnd>> {
    let (mut scanned, mut progressed_at) = (None, Instant::now());
    loop {
        let rows = list_streams(runner.account.pool(), runner.account.brand().id()).await?;
        let Some(row) = rows.into_iter().find(|row| {
            row.source == runner.account.source().as_str() && row.stream == stream.name
        }) else {
            return Ok(Some(RunEnd::Cancelled));
        };
        if scanned.replace(row.scanned) != Some(row.scanned) {
            progressed_at = Instant::now();
        }
        let is_stalled = progressed_at.elapsed() >= STALLED_AFTER || !row.note.is_empty();
        let note = if is_stalled { lease_note(&row) } else { String::new() };
        shown.update(ProgressEvent { progress: progress(&row), note: &note });
        match state(&row, Clock::system().now()) {
            OtherRun::Ended(end) => return Ok(Some(end)),
            OtherRun::LeaseEnded => return Ok(None),
            OtherRun::Running => tokio::time::sleep(Duration::from_millis(500)).await,
        }
    }
}

/// The state of a run of another process.
enum OtherRun {
    Running,
    Ended(RunEnd),
    LeaseEnded,
}

fn state(row: &StreamRow, now: Timestamp) -> OtherRun {
    let (mode, is_complete) = (SyncMode::of(row), row.is_complete());
    let is_over =
        row.finished_at.is_some() && (mode == SyncMode::Full || (row.is_cancelled && !is_complete));
    if is_over && is_complete {
        OtherRun::Ended(RunEnd::Complete {
            mode,
            progress: progress(row),
            deleted: count(row.deleted),
            drift: row.drift.filter(|_| row.is_reconcile),
            note: row.last_full_result.clone(),
        })
    } else if is_over {
        OtherRun::Ended(RunEnd::Broken(row.note.clone()))
    } else if row.is_running(now) {
        OtherRun::Running
    } else {
        OtherRun::LeaseEnded
    }
}

fn progress(row: &StreamRow) -> Progress {
    Progress {
        scanned: count(row.scanned),
        changed: count(row.changed),
        total: row.total.map(count),
    }
}

fn count(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

/// Why a run of another process makes no progress. The text contains no time, so an unchanged reason is shown once.
fn lease_note(row: &StreamRow) -> String {
    let note =
        if row.note.is_empty() { String::new() } else { format!("; it reported: {}", row.note) };
    format!(
        "another process reads this stream; if it was killed, this command continues after sync.lease_seconds{note}"
    )
}

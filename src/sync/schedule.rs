//! When the service runs which sync: a full run once and then regularly, incremental runs in between.
//! Interrupted runs are resumed.

use std::sync::Arc;
use std::time::Duration;

use crate::storage::pool::Pool;
use jiff::{SignedDuration, Timestamp};

use super::{RunEnd, SyncError, SyncMode, SyncRunner};
use crate::clock::Clock;
use crate::customer::model::source::SourceKind;
use crate::jobs::tasks::BackgroundTasks;
use crate::settings::file::SyncSettings;
use crate::sources::api::{ListCoverage, Stream, Traversal};
use crate::storage::sync_streams::{StreamRow, list_streams};
use crate::upstream::UpstreamClient;

/// Pause between two checks for due runs.
const PAUSE: Duration = Duration::from_secs(5);

/// How long a failed run rests.
const AFTER_BREAKING: SignedDuration = SignedDuration::from_mins(15);

/// How much an incremental run overlaps with the one before, because the clocks of the source and of this
/// service differ.
const OVERLAP: SignedDuration = SignedDuration::from_mins(15);

/// Runs an account's streams when they are due, until the service shuts down.
pub async fn run_schedule(
    pool: Pool,
    account: Arc<UpstreamClient>,
    settings: SyncSettings,
    clock: Clock,
    background: BackgroundTasks,
) {
    let runner = || SyncRunner::new(pool.clone(), Arc::clone(&account), &settings, clock.clone());
    // Incremental runs do not wait for a full run, which may take hours.
    tokio::join!(
        run_loop(runner(), &settings, &background, ScheduleKind::Full),
        run_loop(runner(), &settings, &background, ScheduleKind::Incremental)
    );
}

/// The two schedules. They run at the same time; each stream is in one run at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScheduleKind {
    /// Full runs of all streams.
    Full,
    /// Incremental runs of the streams whose source can list changes.
    Incremental,
}

async fn run_loop(
    runner: SyncRunner,
    settings: &SyncSettings,
    background: &BackgroundTasks,
    line: ScheduleKind,
) {
    while !background.is_ending() {
        tokio::select! {
            worked = run_due_streams(&runner, settings, line) => {
                if let Err(error) = worked {
                    release(&runner).await;
                    tracing::warn!(brand = runner.account.brand.rules.slug, source = %runner.account.source, %error, "sync run interrupted; retrying");
                }
            }
            () = background.until_ending() => {}
        }
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => {}
            () = background.until_ending() => {}
        }
    }
    // Other replicas need not wait until the leases end.
    release(&runner).await;
}

/// Ignores errors: if Postgres fails, the leases end by themselves.
async fn release(runner: &SyncRunner) {
    let _ = runner.release().await;
}

/// Runs the streams that are due now.
///
/// # Errors
/// When Postgres fails, or the service is shutting down.
pub async fn run_due_streams(
    runner: &SyncRunner,
    settings: &SyncSettings,
    line: ScheduleKind,
) -> Result<(), SyncError> {
    let now = || runner.clock.now();
    let can_list_changes = |stream: &Stream| runner.api().first(stream.name, Some(now())).is_some();
    for stream in runner
        .api()
        .streams()
        .iter()
        .filter(|stream| line == ScheduleKind::Full || can_list_changes(stream))
    {
        let rows = list_streams(&runner.pool, runner.account.brand.id()).await?;
        let row = rows
            .iter()
            .find(|row| row.source == runner.account.source.as_str() && row.stream == stream.name);
        let due = due(row, can_list_changes(stream), settings, now())
            .or_else(|| is_outdated(runner, *stream, row, &rows).then_some(SyncMode::Full));
        let due = due.filter(|mode| (*mode == SyncMode::Full) == (line == ScheduleKind::Full));
        if let Some(mode) = due.filter(|_| !waits_for_dependencies(runner, *stream, &rows)) {
            report(runner, *stream, &runner.scan(*stream, mode, &|_| {}).await?);
        }
    }
    Ok(())
}

/// Whether a stream must wait for the first run of the lists that it depends on. It does not wait for a list
/// that failed: the failure may be permanent.
fn waits_for_dependencies(runner: &SyncRunner, stream: Stream, rows: &[StreamRow]) -> bool {
    dependencies(runner, stream, rows)
        .iter()
        .any(|dependencies| dependencies.is_none_or(StreamRow::is_first_under_way))
}

/// Whether a list that a stream depends on finished its first run only after the stream's last full run began.
fn is_outdated(
    runner: &SyncRunner,
    stream: Stream,
    row: Option<&StreamRow>,
    rows: &[StreamRow],
) -> bool {
    let Some(own) = row.filter(|own| own.is_complete()) else { return false };
    let is_later = |dependencies: &StreamRow| {
        dependencies.is_complete()
            && !dependencies.is_reconcile
            && dependencies.finished_at > own.last_full_started_at
    };
    dependencies(runner, stream, rows).into_iter().flatten().any(is_later)
}

/// The lists on which a stream depends; `None` for a list that has no run yet.
fn dependencies<'a>(
    runner: &SyncRunner,
    stream: Stream,
    rows: &'a [StreamRow],
) -> Vec<Option<&'a StreamRow>> {
    let list_of = |kind: SourceKind| {
        let streams = runner.brand().rules.sources.api(kind.source()).streams();
        streams
            .iter()
            .find(|list| list.traversal == Traversal::List(ListCoverage::Records(kind)))
            .map(|list| (kind.source(), list.name))
    };
    let lists = runner.needs(stream).into_iter().filter_map(list_of);
    lists
        .map(|(source, name)| {
            rows.iter().find(|row| row.source == source.as_str() && row.stream == name)
        })
        .collect()
}

/// The run that is due now: the interrupted one; else a full run, if its time has come; else an incremental
/// run, if the source can list changes.
fn due(
    row: Option<&StreamRow>,
    can_list_changes: bool,
    settings: &SyncSettings,
    now: Timestamp,
) -> Option<SyncMode> {
    let Some(row) = row else { return settings.backfill.then_some(SyncMode::Full) };
    if row.is_running(now) {
        return None;
    }
    // The runner may have been killed before it saw the cancellation.
    let ended_at = row.finished_at.or(row.lease_until.filter(|_| row.is_cancelled));
    let Some(ended_at) = ended_at else { return Some(SyncMode::of(row)) };
    let is_past = |at: Timestamp, time: SignedDuration| now.duration_since(at) > time;
    // A cancelled or failed run rests. An incremental run rests no longer than its usual interval.
    let every = SignedDuration::from_mins(i64::from(settings.incremental_minutes));
    let rest = if SyncMode::of(row) == SyncMode::Full {
        AFTER_BREAKING
    } else {
        AFTER_BREAKING.min(every)
    };
    if !row.is_complete() && !is_past(ended_at, rest) {
        return None;
    }
    let Some(last_full_started_at) = row.last_full_started_at else {
        // If a person cancelled the first run, a person must start it again.
        return (settings.backfill && !row.is_cancelled).then_some(SyncMode::Full);
    };
    if settings.reconcile_hours > 0
        && is_past(
            last_full_started_at,
            SignedDuration::from_hours(i64::from(settings.reconcile_hours)),
        )
    {
        return Some(SyncMode::Full);
    }
    let incremental_watermark = row.incremental_watermark.unwrap_or(last_full_started_at);
    let is_behind = settings.incremental_minutes > 0 && is_past(incremental_watermark, every);
    (can_list_changes && is_behind).then(|| SyncMode::Incremental {
        since: incremental_watermark.checked_sub(OVERLAP).unwrap_or(incremental_watermark),
    })
}

fn report(runner: &SyncRunner, stream: Stream, ended: &RunEnd) {
    let (brand, source, stream) =
        (runner.account.brand.rules.slug.as_str(), runner.account.source.as_str(), stream.name);
    match ended {
        RunEnd::Complete { mode: SyncMode::Full, progress, deleted, drift, .. } => {
            tracing::info!(
                brand,
                source,
                stream,
                scanned = progress.scanned,
                changed = progress.changed,
                deleted,
                drift,
                "full sync run complete"
            );
        }
        RunEnd::Complete { mode: SyncMode::Incremental { .. }, progress, drift, .. } => {
            tracing::info!(
                brand,
                source,
                stream,
                changed = progress.scanned,
                missed = progress.changed,
                share = drift,
                "incremental sync run complete"
            );
        }
        RunEnd::Cancelled => tracing::info!(brand, source, stream, "sync run cancelled"),
        RunEnd::Broken(reason) => tracing::warn!(brand, source, stream, reason, "sync run failed"),
        RunEnd::LeaseHeldElsewhere => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 60;

    fn ago(minutes: i64) -> Timestamp {
        "2026-11-21T12:00:00Z".parse::<Timestamp>().unwrap() - SignedDuration::from_mins(minutes)
    }

    fn due_now(row: &StreamRow, settings: &SyncSettings) -> Option<SyncMode> {
        due(Some(row), true, settings, ago(0))
    }

    /// A full run that began so many minutes ago and took one minute.
    fn scanned(minutes: i64) -> StreamRow {
        let began_at = Some(ago(minutes));
        StreamRow {
            finished_at: Some(ago(minutes - 1)),
            last_full_started_at: began_at,
            incremental_watermark: began_at,
            ..StreamRow::begun(ago(minutes))
        }
    }

    /// An incremental run that began so many minutes ago, after a full run.
    fn caught_up(minutes: i64, all: i64) -> StreamRow {
        StreamRow {
            last_full_started_at: Some(ago(all)),
            since: Some(ago(minutes + 17)),
            is_reconcile: true,
            ..scanned(minutes)
        }
    }

    #[test]
    fn a_full_run_happens_once_and_again_when_it_is_due() {
        let settings = SyncSettings::default();
        let nobody = SyncSettings { backfill: false, ..SyncSettings::default() };
        let never =
            SyncSettings { reconcile_hours: 0, incremental_minutes: 0, ..SyncSettings::default() };
        assert_eq!(due(None, true, &settings, ago(0)), Some(SyncMode::Full));
        assert_eq!(due(None, true, &nobody, ago(0)), None);
        assert_eq!(due_now(&scanned(25 * HOUR), &settings), Some(SyncMode::Full));
        assert_eq!(due_now(&scanned(25 * HOUR), &never), None);
        assert_eq!(
            due_now(&caught_up(3, 25 * HOUR), &settings),
            Some(SyncMode::Full),
            "an incremental run does not replace a full run"
        );
    }

    #[test]
    fn incremental_runs_happen_in_between_if_the_source_can_list_changes() {
        let settings = SyncSettings::default();
        let off = SyncSettings { incremental_minutes: 0, ..SyncSettings::default() };
        let alone = SyncSettings { reconcile_hours: 0, ..SyncSettings::default() };
        let since = |minutes| Some(SyncMode::Incremental { since: ago(minutes) });
        for (row, expected) in [
            (scanned(14), None),
            (scanned(16), since(31)),
            (scanned(5 * HOUR), since(5 * HOUR + 15)),
            (caught_up(14, 5 * HOUR), None),
            (caught_up(16, 5 * HOUR), since(31)),
        ] {
            assert_eq!(due_now(&row, &settings), expected);
            assert_eq!(due_now(&row, &alone), expected);
            assert_eq!(
                due(Some(&row), false, &settings, ago(0)),
                None,
                "the source cannot list changes"
            );
            assert_eq!(due_now(&row, &off), None);
        }
        assert_eq!(due_now(&caught_up(16, 25 * HOUR), &alone), since(31));
    }

    #[test]
    fn an_interrupted_run_is_resumed_and_a_failed_run_rests() {
        let settings = SyncSettings::default();
        let left = StreamRow {
            finished_at: None,
            started_at: ago(90),
            incremental_watermark: Some(ago(107)),
            ..caught_up(90, 25 * HOUR)
        };
        assert_eq!(
            due_now(&left, &settings),
            Some(SyncMode::Incremental { since: ago(107) }),
            "an interrupted run is resumed"
        );
        assert_eq!(
            due_now(&StreamRow { since: None, ..left.clone() }, &settings),
            Some(SyncMode::Full)
        );
        let held = StreamRow {
            lease_owner: Some(uuid::Uuid::nil()),
            lease_until: Some(ago(-1)),
            ..left.clone()
        };
        assert_eq!(due_now(&held, &settings), None);
        assert_eq!(
            due_now(&StreamRow { lease_until: Some(ago(1)), ..held }, &settings),
            Some(SyncMode::Incremental { since: ago(107) })
        );
        let broken = |minutes| StreamRow {
            finished_at: Some(ago(minutes)),
            last_full_started_at: Some(ago(200)),
            ..left.clone()
        };
        assert_eq!(due_now(&broken(14), &settings), None);
        assert_eq!(
            due_now(&broken(16), &settings),
            Some(SyncMode::Incremental { since: ago(122) })
        );
        let often = SyncSettings { incremental_minutes: 1, ..SyncSettings::default() };
        assert_eq!(
            [due_now(&broken(1), &often), due_now(&broken(2), &often)],
            [None, Some(SyncMode::Incremental { since: ago(122) })]
        );
        let first =
            |minutes| StreamRow { finished_at: Some(ago(minutes)), ..StreamRow::begun(ago(90)) };
        assert_eq!(
            [due_now(&first(14), &settings), due_now(&first(16), &settings)],
            [None, Some(SyncMode::Full)]
        );
        let cancelled = StreamRow { is_cancelled: true, ..first(16) };
        assert_eq!(due_now(&cancelled, &settings), None, "a person must start it again");
        let killed = StreamRow { finished_at: None, lease_until: Some(ago(16)), ..cancelled };
        assert_eq!(due_now(&killed, &settings), None);
    }
}

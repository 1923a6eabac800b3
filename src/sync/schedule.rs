//! When the service walks through what: once in full, again from time to time, through what changed in between, and on with what
//! somebody left.

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

/// How often it is looked at what is due.
const PAUSE: Duration = Duration::from_secs(5);

/// How long a pass that broke is left alone.
const AFTER_BREAKING: SignedDuration = SignedDuration::from_mins(15);

/// How much longer ago than the last pass began it is asked what changed since: the source's clock is theirs, and this one ours.
const OVERLAP: SignedDuration = SignedDuration::from_mins(15);

/// Walks through an account's streams when they are due, until the service ends.
pub async fn run_schedule(pool: Pool, account: Arc<UpstreamClient>, settings: SyncSettings, clock: Clock, background: BackgroundTasks) {
    let walker = || SyncRunner::new(pool.clone(), Arc::clone(&account), &settings, clock.clone());
    // What changed lately doesn't wait for the hours that everything may take.
    tokio::join!(keep(walker(), &settings, &background, ScheduleKind::Full), keep(walker(), &settings, &background, ScheduleKind::Incremental));
}

/// What is walked one after the other; the two go side by side, each stream by one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScheduleKind {
    /// Everything of each stream.
    Full,
    /// What changed in those whose source can tell.
    Incremental,
}

async fn keep(walker: SyncRunner, settings: &SyncSettings, background: &BackgroundTasks, line: ScheduleKind) {
    while !background.is_ending() {
        tokio::select! {
            worked = walk_due(&walker, settings, line) => {
                if let Err(error) = worked {
                    release(&walker).await;
                    tracing::warn!(brand = walker.account.brand.rules.slug, source = %walker.account.source, %error, "sync.pass.left");
                }
            }
            () = background.until_ending() => {}
        }
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => {}
            () = background.until_ending() => {}
        }
    }
    // Others needn't wait for the lease to end.
    release(&walker).await;
}

/// Postgres may be what failed: then the lease ends by itself.
async fn release(walker: &SyncRunner) {
    let _ = walker.release().await;
}

/// Walks through what is due now.
///
/// # Errors
/// When Postgres fails, or the service is ending.
pub async fn walk_due(walker: &SyncRunner, settings: &SyncSettings, line: ScheduleKind) -> Result<(), SyncError> {
    let now = || walker.clock.now();
    let can_tell = |stream: &Stream| walker.api().first(stream.name, Some(now())).is_some();
    for stream in walker.api().streams().iter().filter(|stream| line == ScheduleKind::Full || can_tell(stream)) {
        let rows = list_streams(&walker.pool, walker.account.brand.id()).await?;
        let row = rows.iter().find(|row| row.source == walker.account.source.as_str() && row.stream == stream.name);
        let due = due(row, can_tell(stream), settings, now()).or_else(|| is_overtaken(walker, *stream, row, &rows).then_some(SyncMode::Full));
        let due = due.filter(|pass| (*pass == SyncMode::Full) == (line == ScheduleKind::Full));
        if let Some(pass) = due.filter(|_| !waits_for_others(walker, *stream, &rows)) {
            report(walker, *stream, &walker.scan(*stream, pass, &|_| {}).await?);
        }
    }
    Ok(())
}

/// Whether those who are to be asked about one by one are still being found out elsewhere. Nobody waits for a list that can't be
/// walked through: that may be so for good.
fn waits_for_others(walker: &SyncRunner, stream: Stream, rows: &[StreamRow]) -> bool {
    others(walker, stream, rows).iter().any(|others| others.is_none_or(StreamRow::is_first_under_way))
}

/// Whether all those of a list who are to be asked about one by one became known only after the last pass had begun.
fn is_overtaken(walker: &SyncRunner, stream: Stream, row: Option<&StreamRow>, rows: &[StreamRow]) -> bool {
    let Some(own) = row.filter(|own| own.is_complete()) else { return false };
    let is_later = |others: &StreamRow| others.is_complete() && !others.is_reconcile && others.finished_at > own.last_full_started_at;
    others(walker, stream, rows).into_iter().flatten().any(is_later)
}

/// The lists of those who are to be asked about one by one, as far as they were walked; `None` for one that nobody began with.
fn others<'a>(walker: &SyncRunner, stream: Stream, rows: &'a [StreamRow]) -> Vec<Option<&'a StreamRow>> {
    let list_of = |kind: SourceKind| {
        let streams = walker.brand().rules.sources.api(kind.source()).streams();
        streams.iter().find(|list| list.traversal == Traversal::List(ListCoverage::Records(kind))).map(|list| (kind.source(), list.name))
    };
    let lists = walker.needs(stream).into_iter().filter_map(list_of);
    lists.map(|(source, name)| rows.iter().find(|row| row.source == source.as_str() && row.stream == name)).collect()
}

/// The pass that somebody should walk now: one that was left, as it is; else everything, when it is time for that; else what
/// changed, where the source can tell.
fn due(row: Option<&StreamRow>, can_tell: bool, settings: &SyncSettings, now: Timestamp) -> Option<SyncMode> {
    let Some(row) = row else { return settings.backfill.then_some(SyncMode::Full) };
    if row.is_walked(now) {
        return None;
    }
    // Whoever walked it may have been killed before hearing that it was cancelled.
    let ended_at = row.finished_at.or(row.lease_until.filter(|_| row.is_cancelled));
    let Some(ended_at) = ended_at else { return Some(SyncMode::of(row)) };
    let is_past = |at: Timestamp, time: SignedDuration| now.duration_since(at) > time;
    // Somebody cancelled it, or the source can't be walked through now. What changed is asked for again when it would be anyway.
    let every = SignedDuration::from_mins(i64::from(settings.incremental_minutes));
    let rest = if SyncMode::of(row) == SyncMode::Full { AFTER_BREAKING } else { AFTER_BREAKING.min(every) };
    if !row.is_complete() && !is_past(ended_at, rest) {
        return None;
    }
    let Some(last_full_started_at) = row.last_full_started_at else {
        // Who cancelled the first pass will say when to go on.
        return (settings.backfill && !row.is_cancelled).then_some(SyncMode::Full);
    };
    if settings.reconcile_hours > 0 && is_past(last_full_started_at, SignedDuration::from_hours(i64::from(settings.reconcile_hours))) {
        return Some(SyncMode::Full);
    }
    let incremental_watermark = row.incremental_watermark.unwrap_or(last_full_started_at);
    let is_behind = settings.incremental_minutes > 0 && is_past(incremental_watermark, every);
    (can_tell && is_behind).then(|| SyncMode::Incremental { since: incremental_watermark.checked_sub(OVERLAP).unwrap_or(incremental_watermark) })
}

fn report(walker: &SyncRunner, stream: Stream, ended: &RunEnd) {
    let (brand, source, stream) = (walker.account.brand.rules.slug.as_str(), walker.account.source.as_str(), stream.name);
    match ended {
        RunEnd::Complete { pass: SyncMode::Full, progress, deleted, drift, .. } => {
            tracing::info!(brand, source, stream, scanned = progress.scanned, changed = progress.changed, deleted, drift, "sync.pass.complete");
        }
        RunEnd::Complete { pass: SyncMode::Incremental { .. }, progress, drift, .. } => {
            tracing::info!(brand, source, stream, changed = progress.scanned, missed = progress.changed, share = drift, "sync.changes.complete");
        }
        RunEnd::Cancelled => tracing::info!(brand, source, stream, "sync.pass.cancelled"),
        RunEnd::Broken(reason) => tracing::warn!(brand, source, stream, reason, "sync.pass.broken"),
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

    /// A pass through everything that began so many minutes ago, and took one.
    fn scanned(minutes: i64) -> StreamRow {
        let began_at = Some(ago(minutes));
        StreamRow {
            finished_at: Some(ago(minutes - 1)),
            last_full_started_at: began_at,
            incremental_watermark: began_at,
            ..StreamRow::begun(ago(minutes))
        }
    }

    /// A pass of what changed, of which the same holds, after one through everything.
    fn caught_up(minutes: i64, all: i64) -> StreamRow {
        StreamRow { last_full_started_at: Some(ago(all)), since: Some(ago(minutes + 17)), is_reconcile: true, ..scanned(minutes) }
    }

    #[test]
    fn everything_is_walked_once_and_again_when_it_is_time() {
        let settings = SyncSettings::default();
        let nobody = SyncSettings { backfill: false, ..SyncSettings::default() };
        let never = SyncSettings { reconcile_hours: 0, incremental_minutes: 0, ..SyncSettings::default() };
        assert_eq!(due(None, true, &settings, ago(0)), Some(SyncMode::Full));
        assert_eq!(due(None, true, &nobody, ago(0)), None);
        assert_eq!(due_now(&scanned(25 * HOUR), &settings), Some(SyncMode::Full));
        assert_eq!(due_now(&scanned(25 * HOUR), &never), None);
        assert_eq!(due_now(&caught_up(3, 25 * HOUR), &settings), Some(SyncMode::Full), "what changed was walked meanwhile");
    }

    #[test]
    fn what_changed_is_walked_in_between_where_the_source_can_tell() {
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
            assert_eq!(due(Some(&row), false, &settings, ago(0)), None, "it can't tell");
            assert_eq!(due_now(&row, &off), None);
        }
        assert_eq!(due_now(&caught_up(16, 25 * HOUR), &alone), since(31));
    }

    #[test]
    fn what_was_left_is_gone_on_with_as_it_is_and_what_broke_is_left_alone() {
        let settings = SyncSettings::default();
        let left = StreamRow { finished_at: None, started_at: ago(90), incremental_watermark: Some(ago(107)), ..caught_up(90, 25 * HOUR) };
        assert_eq!(due_now(&left, &settings), Some(SyncMode::Incremental { since: ago(107) }), "it is short");
        assert_eq!(due_now(&StreamRow { since: None, ..left.clone() }, &settings), Some(SyncMode::Full));
        let held = StreamRow { lease_owner: Some(uuid::Uuid::nil()), lease_until: Some(ago(-1)), ..left.clone() };
        assert_eq!(due_now(&held, &settings), None);
        assert_eq!(due_now(&StreamRow { lease_until: Some(ago(1)), ..held }, &settings), Some(SyncMode::Incremental { since: ago(107) }));
        let broken = |minutes| StreamRow { finished_at: Some(ago(minutes)), last_full_started_at: Some(ago(200)), ..left.clone() };
        assert_eq!(due_now(&broken(14), &settings), None);
        assert_eq!(due_now(&broken(16), &settings), Some(SyncMode::Incremental { since: ago(122) }));
        let often = SyncSettings { incremental_minutes: 1, ..SyncSettings::default() };
        assert_eq!([due_now(&broken(1), &often), due_now(&broken(2), &often)], [None, Some(SyncMode::Incremental { since: ago(122) })]);
        let first = |minutes| StreamRow { finished_at: Some(ago(minutes)), ..StreamRow::begun(ago(90)) };
        assert_eq!([due_now(&first(14), &settings), due_now(&first(16), &settings)], [None, Some(SyncMode::Full)]);
        let cancelled = StreamRow { is_cancelled: true, ..first(16) };
        assert_eq!(due_now(&cancelled, &settings), None, "whoever did that will say");
        let killed = StreamRow { finished_at: None, lease_until: Some(ago(16)), ..cancelled };
        assert_eq!(due_now(&killed, &settings), None);
    }
}

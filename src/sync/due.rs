//! Which run of a stream is due.

use jiff::{SignedDuration, Timestamp};

use super::progress::SyncMode;
use crate::settings::file::SyncSettings;
use crate::storage::sync_streams::StreamRow;

/// How long a failed run rests.
const PAUSE_AFTER_FAILURE: SignedDuration = SignedDuration::from_mins(15);

/// How much an incremental run overlaps with the one before, because the clocks of the source and of this
/// service differ.
const OVERLAP: SignedDuration = SignedDuration::from_mins(15);

/// The run that is due now: the one that a person wants; else the interrupted one; else a full run, if its time has come; else an incremental
/// run, if the source can list changes.
pub(super) fn due(
    row: Option<&StreamRow>,
    can_list_changes: bool,
    settings: &SyncSettings,
    now: Timestamp,
) -> Option<SyncMode> {
    let Some(row) = row else { return settings.backfill.then_some(SyncMode::Full) };
    if row.is_running(now) {
        return None;
    }
    if row.requested_at.is_some() {
        return Some(SyncMode::Full);
    }
    // The runner may have been killed before it saw the cancellation.
    let ended_at = row.finished_at.or(row.lease_until.filter(|_| row.is_cancelled));
    let Some(ended_at) = ended_at else { return Some(SyncMode::of(row)) };
    let is_past = |at: Timestamp, time: SignedDuration| now.duration_since(at) > time;
    let every = SignedDuration::from_mins(i64::from(settings.incremental_minutes));
    if !row.is_complete() && !is_past(ended_at, rest_after(row, settings)) {
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

/// A cancelled or failed run rests. An incremental run rests no longer than its usual interval.
fn rest_after(row: &StreamRow, settings: &SyncSettings) -> SignedDuration {
    let every = SignedDuration::from_mins(i64::from(settings.incremental_minutes));
    if SyncMode::of(row) == SyncMode::Full {
        PAUSE_AFTER_FAILURE
    } else {
        PAUSE_AFTER_FAILURE.min(every)
    }
}

/// When the next run of a stream is due. `None`: no run is planned, or one is running. A time in the past: the service
/// begins it soon.
#[must_use]
pub fn next_run_at(
    row: Option<&StreamRow>,
    can_list_changes: bool,
    settings: &SyncSettings,
    now: Timestamp,
) -> Option<Timestamp> {
    if due(row, can_list_changes, settings, now).is_some() {
        return Some(now);
    }
    let row = row.filter(|row| !row.is_running(now))?;
    let after = |at: Timestamp, time: SignedDuration| at.checked_add(time).ok();
    let ended_at = row.finished_at.or(row.lease_until)?;
    let rests_until =
        if row.is_complete() { None } else { after(ended_at, rest_after(row, settings)) };
    let Some(last_full) = row.last_full_started_at else {
        return rests_until.filter(|_| settings.backfill && !row.is_cancelled);
    };
    let full = after(last_full, SignedDuration::from_hours(i64::from(settings.reconcile_hours)));
    let every = SignedDuration::from_mins(i64::from(settings.incremental_minutes));
    let incremental = after(row.incremental_watermark.unwrap_or(last_full), every);
    let planned = [
        full.filter(|_| settings.reconcile_hours > 0),
        incremental.filter(|_| settings.incremental_minutes > 0 && can_list_changes),
    ];
    planned.into_iter().flatten().min().map(|at| rests_until.map_or(at, |rest| rest.max(at)))
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
    fn incremental(minutes: i64, all: i64) -> StreamRow {
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
            due_now(&incremental(3, 25 * HOUR), &settings),
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
            (incremental(14, 5 * HOUR), None),
            (incremental(16, 5 * HOUR), since(31)),
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
        assert_eq!(due_now(&incremental(16, 25 * HOUR), &alone), since(31));
    }

    #[test]
    fn an_interrupted_run_is_resumed_and_a_failed_run_rests() {
        let settings = SyncSettings::default();
        let left = StreamRow {
            finished_at: None,
            started_at: ago(90),
            incremental_watermark: Some(ago(107)),
            ..incremental(90, 25 * HOUR)
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
        let wanted = StreamRow { requested_at: Some(ago(0)), ..cancelled.clone() };
        assert_eq!(due_now(&wanted, &settings), Some(SyncMode::Full), "a person starts it again");
        let killed = StreamRow { finished_at: None, lease_until: Some(ago(16)), ..cancelled };
        assert_eq!(due_now(&killed, &settings), None);
    }

    #[test]
    fn the_next_run_is_planned_for_when_it_is_due() {
        let settings = SyncSettings::default();
        let failed =
            |minutes| StreamRow { finished_at: Some(ago(minutes)), ..StreamRow::begun(ago(90)) };
        for row in [scanned(3), scanned(23 * HOUR), incremental(3, 5 * HOUR), failed(3)] {
            for can_list_changes in [true, false] {
                let next = |now| next_run_at(Some(&row), can_list_changes, &settings, now);
                let at = next(ago(0)).unwrap();
                let is_due = |now| due(Some(&row), can_list_changes, &settings, now).is_some();
                let second = SignedDuration::from_secs(1);
                // One that is due already is planned for now.
                let was_due = at == ago(0);
                assert_eq!([is_due(at - second), is_due(at + second)], [was_due, true]);
            }
        }
        assert_eq!(next_run_at(None, true, &settings, ago(0)), Some(ago(0)));
        let cancelled = StreamRow { is_cancelled: true, ..failed(3) };
        assert_eq!(next_run_at(Some(&cancelled), true, &settings, ago(0)), None);
    }
}

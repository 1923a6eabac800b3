//! A stream in `hookpoint sync status`, as one line.

use jiff::Timestamp;

use crate::cli::output::{plain, span};
use crate::sources::api::ApiRequest;
use crate::storage::sync_streams::StreamRow;
use crate::sync::RunState;

/// The state of a stream, as one line.
pub(super) fn line(row: &StreamRow, now: Timestamp) -> String {
    let ago = |at: Timestamp| format!("{} ago", span(now.duration_since(at)));
    let missed = row.since.filter(|_| row.scanned > 0).map_or_else(String::new, |_| {
        format!(", {:.2} % missed by webhooks", percent(row.changed, row.scanned))
    });
    let drift = row.drift.filter(|_| row.last_full_started_at.is_some());
    let drift = drift
        .map_or_else(String::new, |drift| format!(", drift {:.2} %", f64::from(drift) * 100.0));
    let deleted =
        if row.deleted == 0 { String::new() } else { format!(", {} deleted", row.deleted) };
    let last_full =
        row.last_full_started_at.filter(|at| row.finished_at.is_none() || *at != row.started_at);
    let last_full = last_full.map_or_else(String::new, |at| format!(", last full run {}", ago(at)));
    let notes: Vec<String> = [&row.note, &row.last_full_result]
        .into_iter()
        .filter(|note| !note.is_empty())
        .map(|note| plain(note))
        .collect();
    let note = if notes.is_empty() { String::new() } else { format!(": {}", notes.join("; ")) };
    format!("{}{missed}{drift}{deleted}{last_full}{note}", state(row, now))
}

/// What the run of a stream does, or did: `backfill running, 400 of 900, page 5`.
pub(super) fn state(row: &StreamRow, now: Timestamp) -> String {
    let ago = |at: Timestamp| format!("{} ago", span(now.duration_since(at)));
    let of = row.total.map_or_else(String::new, |total| format!(" of {total}"));
    let (mode, scanned, page) = (row.run_name(), row.scanned, page(row));
    let ended = row.finished_at.map(ago).unwrap_or_default();
    match RunState::of(row, now) {
        state if state != RunState::Running && row.requested_at.is_some() => {
            "a full run is requested; the service begins it soon".to_owned()
        }
        RunState::Running => format!("{mode} running, {scanned}{of}{page}"),
        RunState::Cancelled => format!("{mode} cancelled at {scanned}{of}"),
        RunState::Interrupted => {
            format!("{mode} interrupted at {scanned}{of}{page}; the service continues it")
        }
        RunState::Done => format!("{mode} done {ended}, {scanned} read"),
        RunState::Failed => format!("{mode} not completed, stopped {ended} at {scanned}{of}"),
    }
}

/// The page of the list that comes next, if it has a short name.
fn page(row: &StreamRow) -> String {
    let cursor = row.cursor.as_ref().and_then(ApiRequest::of_json);
    let page = cursor.and_then(|cursor| cursor.page_number());
    page.map_or_else(String::new, |page| format!(", page {page}"))
}

fn percent(part: i64, whole: i64) -> f64 {
    let number = |number: i64| f64::from(u32::try_from(number).unwrap_or(u32::MAX));
    number(part) / number(whole) * 100.0
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    #[test]
    fn an_incremental_run_is_shown_with_the_last_full_run() {
        let now: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
        let ago = |minutes| now - SignedDuration::from_mins(minutes);
        let all = StreamRow {
            is_reconcile: true,
            scanned: 20_412,
            deleted: 1,
            finished_at: Some(ago(170)),
            last_full_started_at: Some(ago(180)),
            incremental_watermark: Some(ago(180)),
            drift: Some(0.0022),
            ..StreamRow::begun(ago(180))
        };
        assert_eq!(line(&all, now), "reconcile done 2h ago, 20412 read, drift 0.22 %, 1 deleted");
        let last_full_result = "7 are not in the list".to_owned();
        let changes = StreamRow {
            since: Some(ago(182)),
            started_at: ago(5),
            scanned: 12,
            changed: 3,
            deleted: 0,
            finished_at: Some(ago(4)),
            incremental_watermark: Some(ago(5)),
            last_full_result,
            ..all
        };
        let known = "drift 0.22 %, last full run 3h ago: 7 are not in the list";
        assert_eq!(
            line(&changes, now),
            format!("incremental done 4m ago, 12 read, 25.00 % missed by webhooks, {known}")
        );
        let nothing = StreamRow { scanned: 0, changed: 0, ..changes.clone() };
        assert_eq!(line(&nothing, now), format!("incremental done 4m ago, 0 read, {known}"));
        let broken = StreamRow {
            incremental_watermark: Some(ago(20)),
            note: "it said 400".to_owned(),
            scanned: 0,
            ..changes
        };
        let known = "drift 0.22 %, last full run 3h ago: it said 400; 7 are not in the list";
        assert_eq!(
            line(&broken, now),
            format!("incremental not completed, stopped 4m ago at 0, {known}")
        );
    }
}

//! A stream of a source as the page shows it.

use jiff::Timestamp;
use serde::Serialize;

use crate::admin::source_apis::SourceApi;
use crate::console::shown::ShownTime;
use crate::console::visit::Visit;
use crate::storage::sync_streams::StreamRow;
use crate::sync::RunState;

/// A stream of a source.
#[derive(Serialize)]
pub(super) struct ShownStream {
    name: &'static str,
    state: String,
    tone: &'static str,
    /// When the run ended, or began if it has not ended.
    at: Option<ShownTime>,
    read: String,
    changed: Option<i64>,
    deleted: Option<i64>,
    /// Per cent.
    drift: Option<String>,
    last_full: Option<ShownTime>,
    next: Option<ShownTime>,
    notes: Vec<String>,
    can_start: bool,
    can_stop: bool,
}

impl ShownStream {
    pub(super) fn new(
        visit: &Visit,
        api: &SourceApi,
        (name, row): (&'static str, Option<&StreamRow>),
    ) -> Self {
        let now = visit.now();
        let settings = &visit.console.file.sync;
        let next = api.next_run_at(&visit.brand, name, settings, now);
        let run = row.map(|row| RunState::of(row, now));
        let is_wanted = row.is_some_and(|row| row.requested_at.is_some());
        let (state, tone) = state(row, run, is_wanted);
        let time = |at: Option<Timestamp>| at.map(|at| visit.time(at));
        let is_unfinished = matches!(run, Some(RunState::Running | RunState::Interrupted));
        Self {
            name,
            state,
            tone,
            at: time(
                row.filter(|row| row.scanned > 0 || !is_wanted)
                    .map(|row| row.finished_at.unwrap_or(row.started_at)),
            ),
            read: row.map_or_else(String::new, read),
            changed: row.map(|row| row.changed),
            deleted: row.map(|row| row.deleted),
            drift: row
                .filter(|row| row.last_full_started_at.is_some())
                .and_then(|row| row.drift)
                .map(|drift| format!("{:.2} %", f64::from(drift) * 100.0)),
            last_full: time(row.and_then(|row| row.last_full_started_at)),
            next: time(next),
            notes: row.map(notes).unwrap_or_default(),
            can_start: run != Some(RunState::Running) && !is_wanted,
            can_stop: is_unfinished || is_wanted,
        }
    }
}

fn state(
    row: Option<&StreamRow>,
    run: Option<RunState>,
    is_wanted: bool,
) -> (String, &'static str) {
    let Some((row, run)) = row.zip(run) else { return ("never read".to_owned(), "neutral") };
    if is_wanted && run != RunState::Running {
        return ("requested, begins soon".to_owned(), "neutral");
    }
    let (words, tone) = match run {
        RunState::Running if row.is_failing() => ("running, but it waits", "warn"),
        RunState::Running => ("running", "good"),
        RunState::Cancelled => ("cancelled", "neutral"),
        RunState::Interrupted => ("interrupted, goes on soon", "warn"),
        RunState::Done => ("done", "good"),
        RunState::Failed if row.is_cancelled => ("cancelled", "neutral"),
        RunState::Failed => ("failed", "bad"),
    };
    (format!("{} {words}", row.run_name()), tone)
}

fn read(row: &StreamRow) -> String {
    match row.total {
        Some(total) if row.finished_at.is_none() => format!("{} of {total}", row.scanned),
        _ => row.scanned.to_string(),
    }
}

fn notes(row: &StreamRow) -> Vec<String> {
    let notes = [&row.note, &row.last_full_result].into_iter();
    notes.filter(|note| !note.is_empty()).cloned().collect()
}

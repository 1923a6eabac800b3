//! How the streams of `hookpoint sync run` ended.

use indicatif::MultiProgress;
use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::cli::output::{JsonArguments, print_error, print_line};
use crate::cli::wrapped::print_wrapped;
use crate::customer::model::source::Source;
use crate::sources::api::Stream;
use crate::sync::{RunEnd, SyncRunner};

/// A stream of an account: brand, source and name.
type StreamName = (i32, Source, &'static str);

/// The display of a command that reads streams, and how they ended so far.
pub(crate) struct Results {
    pub(super) bars: MultiProgress,
    output: JsonArguments,
    ended: Mutex<Vec<(StreamName, RunEnd)>>,
}

fn name_of(runner: &SyncRunner, stream: Stream) -> StreamName {
    (runner.account.brand().id(), runner.account.source(), stream.name)
}

impl Results {
    pub(crate) fn new(output: JsonArguments) -> Self {
        Self { bars: MultiProgress::new(), output, ended: Mutex::default() }
    }

    /// For the demo.
    pub(crate) fn for_people() -> Self {
        Self::new(JsonArguments { json: false })
    }

    /// Prints a line about the progress. JSON comes at the end, so lines of progress go elsewhere.
    pub(super) fn print_progress(&self, text: &str) {
        if self.output.json { print_error(text) } else { print_line(text) }
    }

    /// Prints how a stream ended.
    pub(super) fn print_end(&self, text: &str) {
        if self.output.json { print_error(text) } else { print_wrapped(text, 4) }
    }

    pub(super) fn add(&self, runner: &SyncRunner, stream: Stream, end: RunEnd) {
        self.ended.lock().push((name_of(runner, stream), end));
    }

    /// How many streams could not be read.
    pub(crate) fn failed(&self) -> usize {
        let ended = self.ended.lock();
        ended.iter().filter(|(_, end)| matches!(end, RunEnd::Broken(_))).count()
    }

    /// The result of a stream, for scripts.
    pub(super) fn as_json(&self, runner: &SyncRunner, stream: Stream) -> Value {
        let (ended, name) = (self.ended.lock(), name_of(runner, stream));
        let end = ended.iter().find(|(ended, _)| *ended == name).map(|(_, end)| end);
        let (outcome, note) = match end {
            Some(RunEnd::Complete { note, .. }) => ("complete", note.as_str()),
            Some(RunEnd::Broken(reason)) => ("failed", reason.as_str()),
            Some(RunEnd::Cancelled) => ("cancelled", ""),
            Some(RunEnd::LeaseHeldElsewhere) | None => ("stopped", ""),
        };
        let figures = match end {
            Some(RunEnd::Complete { progress, deleted, drift, .. }) => {
                Some((progress, deleted, drift))
            }
            _ => None,
        };
        json!({
            "brand": runner.account.brand().rules.slug,
            "source": runner.account.source().as_str(),
            "stream": stream.name,
            "outcome": outcome,
            "read": figures.map(|(progress, ..)| progress.scanned),
            "changed": figures.map(|(progress, ..)| progress.changed),
            "deleted": figures.map(|(_, deleted, _)| deleted),
            "drift": figures.and_then(|(.., drift)| *drift),
            "note": note,
        })
    }
}

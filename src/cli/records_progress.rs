//! Shows how far a command is that looks at all records of a brand.

use indicatif::ProgressBar;

use super::output::{JsonArguments, print_error, print_line, progress_bar};
use crate::counted::counted;
use crate::ingest::rebuild::Progress;

/// A progress bar. Without a terminal, a line after each 10 %.
pub(super) struct RecordsProgress {
    bar: ProgressBar,
    name: String,
    print: fn(&str),
    /// How many lines were printed.
    lines: u64,
}

impl RecordsProgress {
    pub(super) fn new(name: &str, output: JsonArguments) -> Self {
        let print = if output.json { print_error } else { print_line };
        Self { bar: progress_bar(name, "records"), name: name.to_owned(), print, lines: 0 }
    }

    pub(super) fn show(&mut self, progress: Progress) {
        self.bar.set_length(progress.total.max(progress.done));
        self.bar.set_position(progress.done);
        let tenth =
            progress.done.saturating_mul(10).checked_div(progress.total).unwrap_or_default();
        if self.bar.is_hidden() && tenth > self.lines {
            self.lines = tenth;
            let total = counted(progress.total, "record", "records");
            (self.print)(&format!("{}: {} of {total}", self.name, progress.done));
        }
    }

    pub(super) fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

//! Shows the progress of `hookpoint sync run`: a bar in a terminal, lines elsewhere, and why a run waits.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use parking_lot::Mutex;

use super::results::Results;
use crate::cli::output::plain;
use crate::sources::api::Stream;
use crate::sync::{Progress, ProgressEvent, RunEnd, SyncRunner};

/// How often a line is printed if there is no terminal.
const PRINT_INTERVAL: Duration = Duration::from_secs(5);

/// How long the same reason is not repeated.
const REPEAT_AFTER: Duration = Duration::from_secs(30);

/// The display of one run.
pub(super) struct RunDisplay<'a> {
    name: String,
    results: &'a Results,
    bar: Option<ProgressBar>,
    state: Mutex<DisplayState>,
}

struct DisplayState {
    at: Instant,
    scanned: Option<u64>,
    printed_at: Instant,
    reasons: Reasons,
}

/// The reasons why the run waited, and when each was printed last.
#[derive(Default)]
struct Reasons(BTreeMap<String, Instant>);

impl Reasons {
    /// Whether a reason was not printed recently. Two reasons that alternate are not printed each time.
    fn should_print(&mut self, reason: &str, now: Instant) -> bool {
        let is_due = self.0.get(reason).is_none_or(|at| now.duration_since(*at) >= REPEAT_AFTER);
        if is_due {
            self.0.insert(reason.to_owned(), now);
        }
        is_due
    }
}

impl<'a> RunDisplay<'a> {
    pub(super) fn new(runner: &SyncRunner, stream: Stream, results: &'a Results) -> Self {
        let name = format!(
            "{} {} {}",
            runner.account.brand().rules.slug,
            runner.account.source(),
            stream.name
        );
        let style = ProgressStyle::with_template(
            "{prefix}  {wide_bar}  {human_pos} of {human_len}  {per_sec}  {eta} left  {msg}",
        )
        .ok();
        let bar = style.filter(|_| std::io::stderr().is_terminal()).map(|style| {
            results.bars.add(ProgressBar::no_length().with_style(style).with_prefix(name.clone()))
        });
        let now = Instant::now();
        Self {
            name,
            results,
            bar,
            state: Mutex::new(DisplayState {
                at: now,
                scanned: None,
                printed_at: now,
                reasons: Reasons::default(),
            }),
        }
    }

    pub(super) fn update(&self, ProgressEvent { progress, note }: ProgressEvent<'_>) {
        let mut state = self.state.lock();
        let waits =
            if note.is_empty() { String::new() } else { format!("waiting: {}", plain(note)) };
        let is_first = state.scanned.is_none();
        let scanned_before = *state.scanned.get_or_insert(progress.scanned);
        if let Some(bar) = &self.bar {
            bar.set_length(progress.total.unwrap_or(progress.scanned).max(progress.scanned));
            bar.set_position(progress.scanned);
            if is_first {
                // Items that were read before this process started do not count for its speed.
                bar.reset_eta();
            }
            if bar.message() != waits {
                bar.set_message(waits);
            }
        } else if !waits.is_empty() {
            if state.reasons.should_print(&waits, Instant::now()) {
                self.results.print_progress(&format!("{}: {waits}", self.name));
            }
        } else if state.printed_at.elapsed() >= PRINT_INTERVAL {
            state.printed_at = Instant::now();
            let scanned =
                u32::try_from(progress.scanned.saturating_sub(scanned_before)).unwrap_or(u32::MAX);
            let rate = f64::from(scanned) / state.at.elapsed().as_secs_f64();
            self.results.print_progress(&format!(
                "{}: {}{}",
                self.name,
                amount(progress),
                remaining(progress, rate)
            ));
        }
    }

    pub(super) fn end(&self, ended: &RunEnd) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        let text = match ended {
            RunEnd::Complete { progress, deleted, drift, note, .. } => {
                let found = drift.map_or_else(
                    || format!("{} new or changed", progress.changed),
                    |drift| {
                        format!(
                            "{:.2} % drift: {} new or changed, {deleted} deleted",
                            f64::from(drift) * 100.0,
                            progress.changed
                        )
                    },
                );
                let note = if note.is_empty() { String::new() } else { format!("; {note}") };
                format!("{} read, {found}{note}", progress.scanned)
            }
            RunEnd::Cancelled => "cancelled".to_owned(),
            RunEnd::LeaseHeldElsewhere => "another process reads this stream".to_owned(),
            RunEnd::Broken(reason) => format!("could not be read: {reason}"),
        };
        self.results.print_end(&format!("{}: {text}", self.name));
    }
}

fn amount(progress: Progress) -> String {
    progress.total.map_or_else(
        || progress.scanned.to_string(),
        |total| format!("{} of {total}", progress.scanned),
    )
}

/// The speed and the time left: `, 58 a minute, 12 min left`.
fn remaining(progress: Progress, rate: f64) -> String {
    if rate <= 0.0 {
        return String::new();
    }
    let left = progress
        .total
        .map(|total| u32::try_from(total.saturating_sub(progress.scanned)).unwrap_or(u32::MAX));
    let left =
        left.map_or_else(String::new, |left| format!(", {} left", time(f64::from(left) / rate)));
    if rate >= 1.0 {
        format!(", {rate:.0} a second{left}")
    } else {
        format!(", {:.0} a minute{left}", rate * 60.0)
    }
}

fn time(seconds: f64) -> String {
    if seconds < 90.0 {
        format!("{seconds:.0} s")
    } else if seconds < 5_400.0 {
        format!("{:.0} min", seconds / 60.0)
    } else {
        format!("{:.1} h", seconds / 3_600.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_printed_once_and_repeated_after_a_while() {
        let (mut reasons, begin) = (Reasons::default(), Instant::now());
        let said: Vec<bool> = (0..60)
            .map(|n| {
                reasons.should_print("it could not be reached", begin + Duration::from_secs(n))
            })
            .collect();
        assert_eq!(
            said.iter()
                .enumerate()
                .filter(|(_, is_said)| **is_said)
                .map(|(n, _)| n)
                .collect::<Vec<_>>(),
            [0, 30]
        );
        assert!(
            reasons.should_print("it answered 500", begin + Duration::from_secs(31)),
            "another reason is shown at once"
        );
        assert!(
            !reasons.should_print("it could not be reached", begin + Duration::from_secs(32)),
            "it was shown a moment ago"
        );
    }

    #[test]
    fn the_remaining_time_is_shown_in_words() {
        let progress = Progress { scanned: 1_000, changed: 0, total: Some(10_000) };
        assert_eq!(amount(progress), "1000 of 10000");
        assert_eq!(remaining(progress, 0.5), ", 30 a minute, 5.0 h left");
        assert_eq!(
            remaining(progress, 100.0),
            ", 100 a second, 90 s left".replace("90 s", "2 min")
        );
        assert_eq!(remaining(progress, 0.0), "");
        assert_eq!(remaining(Progress { total: None, ..progress }, 100.0), ", 100 a second");
    }
}

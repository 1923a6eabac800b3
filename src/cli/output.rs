//! What commands print. Text of the sources cannot control the terminal.

use std::io::{IsTerminal, Write};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use jiff::SignedDuration;
use serde::Serialize;

use super::exit::Failure;

/// Prints a line of a command's output.
pub(super) fn print_line(text: &str) {
    // The reader may close the pipe early (`| head`). That is no error.
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// Prints a line to standard error.
pub(super) fn print_error(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Prints a line with text of the sources.
pub(super) fn print_plain(text: &str) {
    print_line(&plain(text));
}

/// Text of a source, made safe to print: replaces control characters, and characters that change the text direction.
pub(super) fn plain(text: &str) -> String {
    text.replace(commands, "\u{fffd}")
}

/// JSON with text of a source, made safe to print: escapes the characters that could control the terminal. As JSON, it
/// means the same.
pub(super) fn plain_json(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        if commands(c) && c != '\n' {
            plain.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            plain.push(c);
        }
    }
    plain
}

/// Prints a value as JSON, for scripts.
pub(super) fn print_json(value: &impl Serialize) -> anyhow::Result<()> {
    print_line(&plain_json(&serde_json::to_string_pretty(value)?));
    Ok(())
}

/// The option of commands that print something.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct JsonArguments {
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

impl JsonArguments {
    /// Fails if a command that asks for confirmation is to print JSON: the question would be among it.
    pub(super) fn refuse_question(self, is_confirmed: bool) -> Result<(), Failure> {
        if self.json && !is_confirmed {
            return Err(Failure::mistake("--json asks no question; add --yes"));
        }
        Ok(())
    }
}

/// The options of commands about decisions. `--format json` is the same as `--json`.
#[derive(Debug, Clone, Args)]
pub(crate) struct OutputArguments {
    #[command(flatten)]
    json: JsonArguments,
    /// The form of the output: `text`, or `json` as with --json
    #[arg(long, value_name = "FORMAT", value_parser = ["text", "json"], hide = true)]
    format: Option<String>,
}

impl OutputArguments {
    /// Whether to print JSON.
    pub(super) fn is_json(&self) -> bool {
        self.json.json || self.format.as_deref() == Some("json")
    }

    /// See [`JsonArguments::refuse_question`].
    pub(super) fn refuse_question(&self, is_confirmed: bool) -> Result<(), Failure> {
        JsonArguments { json: self.is_json() }.refuse_question(is_confirmed)
    }
}

/// Whether a character can control the terminal: control characters, and those that change the text direction.
fn commands(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// `45s`, `12m`, `5h`, `3d`
pub(super) fn span(time: SignedDuration) -> String {
    match time.as_secs().max(0) {
        seconds @ 0..=119 => format!("{seconds}s"),
        seconds @ 120..=7_199 => format!("{}m", seconds / 60),
        seconds @ 7_200..=172_799 => format!("{}h", seconds / 3_600),
        seconds => format!("{}d", seconds / 86_400),
    }
}

/// A progress bar; hidden if there is no terminal.
pub(super) fn progress_bar(name: &str, things: &str) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template(&format!(
        "{{msg}}  {{wide_bar}}  {{human_pos}} of {{human_len}} {things}  {{eta}} left"
    ));
    let bar = ProgressBar::new(0).with_message(name.to_owned());
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// Asks a question that only "y" or "yes" confirms. Fails without a terminal, and says what --yes would do.
pub(super) fn confirm(question: &str, action: &str) -> anyhow::Result<bool> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::mistake(format!(
            "cannot ask for confirmation without a terminal; add --yes to {action}"
        ))
        .into());
    }
    let mut out = std::io::stdout();
    write!(out, "\n{question} [y/N] ")?;
    out.flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(["y", "yes"].contains(&answer.trim().to_lowercase().as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_sources_said_commands_the_terminal() {
        let said = "a\u{1b}[2J\u{9b}2J\u{202e}b\u{2066}c\u{7f}é";
        assert_eq!(plain(said), "a\u{fffd}[2J\u{fffd}2J\u{fffd}b\u{fffd}c\u{fffd}é");
        let json = serde_json::to_string_pretty(&serde_json::json!({ "name": said })).unwrap();
        let shown = plain_json(&json);
        assert!(!shown.chars().any(|c| commands(c) && c != '\n'), "{shown}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap()["name"], said);
    }

    #[test]
    fn durations_are_short() {
        let texts =
            [0, 119, 120, 7_200, 200_000].map(|seconds| span(SignedDuration::from_secs(seconds)));
        assert_eq!(texts, ["0s", "119s", "2m", "2h", "2d"]);
    }
}

//! Questions at the terminal, also if standard error is a file. Standard output has the result only.

use std::fs::File;
use std::io::{IsTerminal, Write};

use rustix::fs::{Mode, OFlags, open};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr, ttyname};

use crate::cli::wrapped::wrap;

/// The exit code of a command that Ctrl-C ended, as shells give it.
const INTERRUPTED: i32 = 130;

/// The terminal of the person.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terminal(());

impl Terminal {
    /// `None` if standard input is not a terminal, so that nobody can answer.
    pub(super) fn find() -> Option<Self> {
        std::io::stdin().is_terminal().then_some(Self(()))
    }

    /// From now on, Ctrl-C shows the input again, if it is hidden, and ends the command.
    #[expect(clippy::disallowed_methods, reason = "the task ends with the process")]
    pub(super) fn restore_on_interrupt(self) {
        let Ok(before) = tcgetattr(std::io::stdin()) else { return };
        tokio::spawn(async move {
            if tokio::signal::ctrl_c().await.is_ok() {
                let _ = tcsetattr(std::io::stdin(), OptionalActions::Now, &before);
                self.say("");
                std::process::exit(INTERRUPTED);
            }
        });
    }

    pub(super) fn say(self, text: &str) {
        let _ = self.print(&format!("{}\n", wrap(text, 0)));
    }

    /// Prints a text where the person sees it.
    fn print(self, text: &str) -> std::io::Result<()> {
        match self.file() {
            Some(mut terminal) => terminal.write_all(text.as_bytes()),
            None => print_error(text),
        }
    }

    /// The terminal on which the person types, if standard error is not a terminal.
    fn file(self) -> Option<File> {
        if std::io::stderr().is_terminal() {
            return None;
        }
        let name = ttyname(std::io::stdin(), Vec::new()).ok()?;
        let flags = OFlags::WRONLY | OFlags::NOCTTY | OFlags::CLOEXEC;
        open(name, flags, Mode::empty()).ok().map(File::from)
    }

    /// Asks a question. An empty answer is the default.
    pub(super) fn ask(self, question: &str, default: &str) -> anyhow::Result<String> {
        let shown = if default.is_empty() { String::new() } else { format!(" [{default}]") };
        self.print(&format!("{} ", wrap(&format!("{question}{shown}:"), 0)))?;
        let answer = read_line()?;
        Ok(if answer.is_empty() { default.to_owned() } else { answer })
    }

    /// Asks for a secret. The terminal does not show the answer.
    pub(super) fn ask_hidden(self, question: &str) -> anyhow::Result<String> {
        // First, so that it also hides an answer that is typed at once.
        let hidden = HiddenInput::start()?;
        self.print(&format!("{} ", wrap(&format!("{question}:"), 0)))?;
        let answer = read_line();
        drop(hidden);
        self.say("");
        answer
    }
}

/// Prints a line that is not part of the command's result.
pub(super) fn say(text: &str) {
    let _ = print_error(&format!("{text}\n"));
}

fn print_error(text: &str) -> std::io::Result<()> {
    let mut out = std::io::stderr();
    write!(out, "{text}")?;
    out.flush()
}

fn read_line() -> anyhow::Result<String> {
    let mut answer = String::new();
    let bytes = std::io::stdin().read_line(&mut answer)?;
    anyhow::ensure!(
        bytes > 0,
        "the input ended before all questions were answered; nothing was written"
    );
    Ok(answer.trim().to_owned())
}

/// While this exists, the terminal does not show what is typed.
struct HiddenInput(Termios);

impl HiddenInput {
    fn start() -> std::io::Result<Self> {
        let before = tcgetattr(std::io::stdin())?;
        let mut hidden = before.clone();
        hidden.local_modes.remove(LocalModes::ECHO);
        tcsetattr(std::io::stdin(), OptionalActions::Now, &hidden)?;
        Ok(Self(before))
    }
}

impl Drop for HiddenInput {
    fn drop(&mut self) {
        let _ = tcsetattr(std::io::stdin(), OptionalActions::Now, &self.0);
    }
}

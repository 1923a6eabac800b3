//! The commands. Each is a thin caller: what they do is in the modules that they name.

mod accuracy;
mod audit;
mod booking;
mod brand;
mod customer;
mod demo;
mod inbox;
mod key;
mod lookup;
mod mask;
mod rebuild;
mod serve;
mod sync;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use jiff::SignedDuration;

use crate::brand::BrandRules;
use crate::settings::{Mistake, Settings};
use crate::storage::database::{Database, PoolSize};

/// Answers Omnidesk's customer lookup with one merged customer
#[derive(Debug, Parser)]
#[command(name = "hookpoint", version, propagate_version = true, max_term_width = 100)]
#[command(
    after_help = "Start here:\n  hookpoint demo                        a brand with customers, answering on http://127.0.0.1:8080\n  hookpoint settings check              is the settings file right?\n  hookpoint key create --brand NAME     the URL to paste into Omnidesk\n\nSettings are read from --settings, $HOOKPOINT_SETTINGS, ./hookpoint.toml or /etc/hookpoint/hookpoint.toml.\nDATABASE_URL, if set, wins over the settings; without either, an embedded Postgres is used."
)]
pub struct Cli {
    /// The settings file
    #[arg(long, global = true, value_name = "FILE")]
    settings: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Try it: a brand with customers of four systems, answering at once
    Demo(demo::DemoArguments),
    /// Run the service
    Serve,
    /// Bring the database's schema up to date (`serve` does this too)
    Migrate,
    /// Look at the settings
    #[command(subcommand)]
    Settings(SettingsCommand),
    /// Look at brands
    #[command(subcommand)]
    Brand(brand::BrandCommand),
    /// Make, list and revoke the keys that Omnidesk uses
    #[command(subcommand)]
    Key(key::KeyCommand),
    /// See, replay and discard what the sources sent
    #[command(subcommand)]
    Inbox(inbox::InboxCommand),
    /// Walk through what the sources have, and see how that goes
    #[command(subcommand)]
    Sync(sync::SyncCommand),
    /// Ask as Omnidesk would: what would an agent get, and why?
    Lookup(lookup::LookupArguments),
    /// Erase a person for good, take that back, or give out everything that is held
    #[command(subcommand)]
    Customer(customer::CustomerCommand),
    /// Cancel a customer's booking, and see who had that done
    #[command(subcommand)]
    Booking(booking::BookingCommand),
    /// See who did what with people's data, deliveries and keys
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// Make all customers and answers anew from what the sources said; the service may go on
    Rebuild(rebuild::RebuildArguments),
    /// Measure who-is-who: false and missed merges over people whose truth is known
    Accuracy(accuracy::AccuracyArguments),
}

#[derive(Debug, Subcommand)]
enum SettingsCommand {
    /// Find every mistake: file, line, key, what is wrong, what would be right
    Check,
}

/// The exit code of a mistake in settings or arguments.
const MISTAKE: u8 = 2;

/// Runs one command.
#[must_use]
pub fn run(cli: Cli) -> ExitCode {
    let settings = match (&cli.command, Settings::load(cli.settings.as_deref())) {
        // The demo brings its own, and the measurement has no brand.
        (Command::Demo(_) | Command::Accuracy(_), _) => None,
        // Whoever only looks or mends needn't know the secrets of the sources.
        (Command::Serve | Command::Settings(_) | Command::Sync(sync::SyncCommand::Run(_)), Ok(settings)) if !settings.missing.is_empty() => {
            return report(&settings.missing);
        }
        (_, Ok(settings)) => Some(settings),
        (_, Err(mistakes)) => return report(&mistakes),
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error.into()),
    };
    let done = runtime.block_on(async {
        match (cli.command, settings) {
            (Command::Demo(arguments), _) => Box::pin(demo::run(arguments)).await,
            (Command::Accuracy(arguments), _) => accuracy::run(&arguments),
            (Command::Serve, Some(settings)) => serve::run(settings).await,
            (Command::Migrate, Some(settings)) => migrate(settings).await,
            (Command::Settings(SettingsCommand::Check), Some(settings)) => {
                settings.warnings.iter().for_each(|warning| say(&format!("Warning: {warning}.")));
                say(&format!("The settings are right. Brands: {}.", names_of(&settings.brands)));
                Ok(())
            }
            (Command::Brand(command), Some(settings)) => brand::run(command, settings).await,
            (Command::Key(command), Some(settings)) => key::run(command, settings).await,
            (Command::Inbox(command), Some(settings)) => inbox::run(command, settings).await,
            (Command::Sync(command), Some(settings)) => sync::run(command, settings).await,
            (Command::Lookup(arguments), Some(settings)) => lookup::run(arguments, settings).await,
            (Command::Customer(command), Some(settings)) => customer::run(command, settings).await,
            (Command::Booking(command), Some(settings)) => booking::run(command, settings).await,
            (Command::Audit(command), Some(settings)) => audit::run(command, settings).await,
            (Command::Rebuild(arguments), Some(settings)) => rebuild::run(arguments, settings).await,
            (_, None) => Ok(()),
        }
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

fn names_of(brands: &[BrandRules]) -> String {
    let names: Vec<&str> = brands.iter().map(|brand| brand.slug.as_str()).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

async fn migrate(settings: Settings) -> anyhow::Result<()> {
    let database = open(&settings).await?;
    say("The database is up to date.");
    database.close().await;
    Ok(())
}

/// Opens the store for a command: beside a running service, the service's own.
async fn open(settings: &Settings) -> anyhow::Result<Database> {
    // Somebody waits for it, and can end it.
    let size = PoolSize { statement: None, ..settings.pool_size() };
    let database = Database::open(&settings.place, size, true).await?;
    crate::storage::migrate(&database.pool).await?;
    Ok(database)
}

/// Opens the store for a command that only looks: nothing is written, and the schema stays as it is.
async fn look(settings: &Settings) -> anyhow::Result<Database> {
    let size = PoolSize { statement: None, ..settings.pool_size() };
    Ok(Database::open(&settings.place, size, true).await?)
}

/// Prints a line of the answer to a command.
fn say(text: &str) {
    use std::io::Write;
    // A closed pipe (`| head`) is the reader's business.
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// What sources said, as a line of text: nothing in it may command the terminal, or turn what stands there round.
fn plain(text: &str) -> String {
    text.replace(commands, "\u{fffd}")
}

/// JSON of what sources said: what may command the terminal is escaped, and means the same to whoever reads it as JSON.
fn plain_json(text: &str) -> String {
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

/// Control characters, and those that turn the direction of what follows.
fn commands(c: char) -> bool {
    c.is_control() || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[expect(clippy::print_stderr, reason = "the answer to a command")]
fn fail(error: &anyhow::Error) -> ExitCode {
    eprintln!("hookpoint: {error}");
    ExitCode::FAILURE
}

#[expect(clippy::print_stderr, reason = "the answer to a command")]
fn report(mistakes: &[Mistake]) -> ExitCode {
    for mistake in mistakes {
        eprintln!("{mistake}");
    }
    ExitCode::from(MISTAKE)
}

/// `45s`, `12m`, `5h`, `3d`
fn span(time: SignedDuration) -> String {
    match time.as_secs().max(0) {
        seconds @ 0..=119 => format!("{seconds}s"),
        seconds @ 120..=7_199 => format!("{}m", seconds / 60),
        seconds @ 7_200..=172_799 => format!("{}h", seconds / 3_600),
        seconds => format!("{}d", seconds / 86_400),
    }
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
        let texts = [0, 119, 120, 7_200, 200_000].map(|seconds| span(SignedDuration::from_secs(seconds)));
        assert_eq!(texts, ["0s", "119s", "2m", "2h", "2d"]);
    }
}

//! The commands. Each one reads its arguments, calls another module, and prints the result.

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

/// Answers Omnidesk's customer lookups with one merged customer
#[derive(Debug, Parser)]
#[command(name = "hookpoint", version, propagate_version = true, max_term_width = 100)]
#[command(
    after_help = "Start here:\n  hookpoint demo                        try the service with example customers, on http://127.0.0.1:8080\n  hookpoint settings check              check the settings file\n  hookpoint key create --brand NAME     create the URL to paste into Omnidesk\n\nSettings file: --settings, else $HOOKPOINT_SETTINGS, else the first that exists of ./hookpoint.toml\nand /etc/hookpoint/hookpoint.toml.\nDatabase: DATABASE_URL, else the URL in the settings, else an embedded Postgres."
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
    /// Try the service with example customers of four simulated systems
    Demo(demo::DemoArguments),
    /// Run the service
    Serve,
    /// Update the database schema (`serve` does this too)
    Migrate,
    /// Check the settings file
    #[command(subcommand)]
    Settings(SettingsCommand),
    /// List the brands
    #[command(subcommand)]
    Brand(brand::BrandCommand),
    /// Create, list and revoke the API keys for Omnidesk
    #[command(subcommand)]
    Key(key::KeyCommand),
    /// Show, replay and discard the webhooks that the sources sent
    #[command(subcommand)]
    Inbox(inbox::InboxCommand),
    /// Read data from the APIs of the sources, show the progress, or cancel a run
    #[command(subcommand)]
    Sync(sync::SyncCommand),
    /// Look up a customer in the stored data (without asking the sources), and explain the result
    Lookup(lookup::LookupArguments),
    /// Export or erase the data of a person, or revoke an erasure
    #[command(subcommand)]
    Customer(customer::CustomerCommand),
    /// Cancel a customer's booking, or list the cancellations
    #[command(subcommand)]
    Booking(booking::BookingCommand),
    /// Show who did what with personal data, deliveries and keys
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// Compute all customers and answers again from the stored records; the service may keep running
    Rebuild(rebuild::RebuildArguments),
    /// Measure false and missed merges of identity resolution, on generated people
    Accuracy(accuracy::AccuracyArguments),
}

#[derive(Debug, Subcommand)]
enum SettingsCommand {
    /// Check the settings file; prints each mistake with its line, its key and the correction
    Check,
}

/// The exit code for a mistake in the settings or the arguments.
const MISTAKE: u8 = 2;

/// Runs one command.
#[must_use]
pub fn run(cli: Cli) -> ExitCode {
    let settings = match (&cli.command, Settings::load(cli.settings.as_deref())) {
        // The demo has settings of its own, and the measurement needs none.
        (Command::Demo(_) | Command::Accuracy(_), _) => None,
        // Only these commands receive webhooks, call all sources or check the secrets. The others work without secrets.
        (
            Command::Serve | Command::Settings(_) | Command::Sync(sync::SyncCommand::Run(_)),
            Ok(settings),
        ) if !settings.missing.is_empty() => {
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
                settings
                    .warnings
                    .iter()
                    .for_each(|warning| print_line(&format!("Warning: {warning}.")));
                print_line(&format!(
                    "The settings are valid. Brands: {}.",
                    names_of(&settings.brands)
                ));
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
            (Command::Rebuild(arguments), Some(settings)) => {
                rebuild::run(arguments, settings).await
            }
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
    print_line("The database is up to date.");
    database.close().await;
    Ok(())
}

/// Opens the database for a command and updates its schema. Beside a running service, it is the service's database.
async fn open(settings: &Settings) -> anyhow::Result<Database> {
    // No statement timeout: the person who runs the command can stop it.
    let size = PoolSize { statement: None, ..settings.pool_size() };
    let database = Database::open(&settings.place, size, true).await?;
    crate::storage::migrate(&database.pool).await?;
    Ok(database)
}

/// Opens the database for a command that only reads. It does not update the schema.
async fn open_read_only(settings: &Settings) -> anyhow::Result<Database> {
    let size = PoolSize { statement: None, ..settings.pool_size() };
    Ok(Database::open(&settings.place, size, true).await?)
}

/// Prints a line of a command's output.
fn print_line(text: &str) {
    use std::io::Write;
    // The reader may close the pipe early (`| head`). That is no error.
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// Text of a source, made safe to print: replaces control characters, and characters that change the text direction.
fn plain(text: &str) -> String {
    text.replace(commands, "\u{fffd}")
}

/// JSON with text of a source, made safe to print: escapes the characters that could control the terminal. As JSON, it
/// means the same.
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

/// Whether a character can control the terminal: control characters, and those that change the text direction.
fn commands(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[expect(clippy::print_stderr, reason = "the output of a command")]
fn fail(error: &anyhow::Error) -> ExitCode {
    eprintln!("hookpoint: {error}");
    ExitCode::FAILURE
}

#[expect(clippy::print_stderr, reason = "the output of a command")]
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
        let texts =
            [0, 119, 120, 7_200, 200_000].map(|seconds| span(SignedDuration::from_secs(seconds)));
        assert_eq!(texts, ["0s", "119s", "2m", "2h", "2d"]);
    }
}

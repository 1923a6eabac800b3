//! The commands. Each one reads its arguments, calls another module, and prints the result.

mod accuracy;
mod actor;
mod answers;
mod audit;
mod booking;
mod brand;
mod console;
mod customer;
mod decision;
mod demo;
mod doctor;
mod exit;
mod generated;
mod health;
mod identity;
mod inbox;
mod init;
mod key;
mod lookup;
mod open_browser;
mod output;
mod question;
mod rebuild;
mod records_progress;
mod reload;
mod review;
mod secret_file;
mod serve;
mod session;
mod settings;
mod shown_customer;
mod shown_explanation;
mod shown_nobody;
mod sources;
mod sync;
mod systemd;
mod value;
mod version;
mod webhook_settings;
mod wrapped;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use serde_json::json;

use self::exit::{Exit, exit_codes};
use self::output::{JsonArguments, print_error, print_json, print_line};
use self::session::open;
use crate::concurrency::short_slices::ask_for_short_slices;
use crate::settings::{Checked, Mistake, SecretAccess, Settings};
use crate::storage::schema_version;

/// The end of the help of the program.
const START: &str = "\
Start here:
  hookpoint demo    try the service with example customers, on
                    http://127.0.0.1:8080
  hookpoint init    write the settings, create a key, print the URLs to paste
  hookpoint serve   run the service

Settings file: --settings, else $HOOKPOINT_SETTINGS, else the first that exists
of ./hookpoint.toml and /etc/hookpoint/hookpoint.toml.
Database: DATABASE_URL, else the URL in the settings, else an embedded Postgres.";

/// Answers Omnidesk's customer lookups with one merged customer
#[derive(Debug, Parser)]
#[command(name = "hookpoint", version, propagate_version = true, max_term_width = 80)]
#[command(after_help = format!("{START}\n\n{}", exit_codes()))]
pub struct Cli {
    /// The settings file
    #[arg(long, global = true, value_name = "FILE", display_order = 900)]
    settings: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Try the service with example customers of four simulated systems
    Demo(demo::DemoArguments),
    /// Write the first settings and secrets, create the key, and print the URLs to paste
    Init(init::InitArguments),
    /// Run the service
    Serve,
    /// Let all running replicas of the service read their settings again, without a restart
    Reload(JsonArguments),
    /// Ask the service on this machine whether it is ready; the exit code is 0 if it is ready
    Health(health::HealthArguments),
    /// Find out what is wrong with this service, or with any hookpoint by its URL, and what to do
    Doctor(doctor::DoctorArguments),
    /// Update the database schema (`serve` does this too)
    Migrate(JsonArguments),
    /// Check the settings file
    #[command(subcommand)]
    Settings(settings::SettingsCommand),
    /// List the brands
    #[command(subcommand)]
    Brand(brand::BrandCommand),
    /// Let people into the console, the pages for a browser
    #[command(subcommand)]
    Console(console::ConsoleCommand),
    /// Create, list and revoke the API keys for Omnidesk
    #[command(subcommand)]
    Key(key::KeyCommand),
    /// Show, verify, replay and discard the webhooks that the sources sent
    #[command(subcommand)]
    Inbox(inbox::InboxCommand),
    /// Send a sample webhook of a source to the service
    #[command(subcommand)]
    Sources(sources::SourcesCommand),
    /// Read data from the APIs of the sources, show the progress, or cancel a run
    #[command(subcommand)]
    Sync(sync::SyncCommand),
    /// Look up a customer as Omnidesk does, and explain the result. Or show past lookups
    Lookup(lookup::LookupArguments),
    /// Show a customer, join or separate records; export or erase the data of a person
    #[command(subcommand)]
    Customer(customer::CustomerCommand),
    /// List, show and answer open questions: are these customers one person?
    #[command(subcommand)]
    Review(review::ReviewCommand),
    /// List and undo the decisions of people about who is who
    #[command(subcommand)]
    Decision(decision::DecisionCommand),
    /// Decide that an address belongs to several people, and so joins no records
    #[command(subcommand)]
    Value(value::ValueCommand),
    /// Cancel a customer's booking, or list the cancellations
    #[command(subcommand)]
    Booking(booking::BookingCommand),
    /// Show who did what: decisions, personal data, deliveries and keys
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// Show what new rules of who is who would change
    #[command(subcommand)]
    Identity(identity::IdentityCommand),
    /// Show what new templates would change in answers
    #[command(subcommand)]
    Answers(answers::AnswersCommand),
    /// Compute all customers and answers again from the stored records; the service can run at the same time
    Rebuild(rebuild::RebuildArguments),
    /// Measure false and missed merges of identity resolution, on generated people
    Accuracy(accuracy::AccuracyArguments),
    /// Print a script that completes commands in a shell
    Completion(generated::CompletionArguments),
    /// Print the manual page
    Man(generated::ManArguments),
    /// Show the version, the schema of the database and the rules
    Version(version::VersionArguments),
}

/// Runs one command.
#[must_use]
pub fn run(cli: Cli) -> ExitCode {
    if let Command::Settings(command) = &cli.command {
        return settings::run(command, cli.settings.as_deref()).into();
    }
    let settings = match settings_for(&cli) {
        Ok(settings) => settings,
        Err(mistakes) => return report(&mistakes),
    };
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    // Lookups that are not cached, and webhooks, wait for these threads too. Other commands do not go first.
    if matches!(cli.command, Command::Serve) {
        builder.on_thread_start(ask_for_short_slices);
    }
    let runtime = match builder.enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error.into()),
    };
    let done = match settings {
        None => runtime.block_on(without_settings(cli.command, cli.settings)),
        Some(settings) => runtime.block_on(with_settings(cli.command, settings, cli.settings)),
    };
    match done {
        Ok(()) => Exit::Done.into(),
        Err(error) => fail(&error),
    }
}

/// Reads the settings that the command needs. `None` if it needs none.
fn settings_for(cli: &Cli) -> Result<Option<Settings>, Vec<Mistake>> {
    let mut checked = Checked::load(cli.settings.as_deref(), SecretAccess::Read);
    match &cli.command {
        // The demo has settings of its own, `init` writes them, and the doctor also runs with mistakes in them. The others
        // need none.
        Command::Demo(_)
        | Command::Init(_)
        | Command::Accuracy(_)
        | Command::Completion(_)
        | Command::Doctor(_)
        | Command::Man(_)
        | Command::Version(_)
        | Command::Settings(_) => return Ok(None),
        // Only these commands receive webhooks or call all sources. The others work without secrets.
        Command::Serve | Command::Sync(sync::SyncCommand::Run(_)) => {
            checked = checked.with_secrets_required();
        }
        _ => {}
    }
    checked.into_settings().map(Some)
}

/// Runs a command that needs no settings. `path` is the argument of `--settings`.
async fn without_settings(command: Command, path: Option<PathBuf>) -> anyhow::Result<()> {
    match command {
        Command::Demo(arguments) => Box::pin(demo::run(arguments)).await,
        Command::Init(arguments) => Box::pin(init::run(arguments, path)).await,
        Command::Accuracy(arguments) => accuracy::run(&arguments),
        Command::Completion(arguments) => {
            generated::print_completion(&arguments, Cli::command());
            Ok(())
        }
        Command::Doctor(arguments) => Box::pin(doctor::run(&arguments, path.as_deref())).await,
        Command::Man(arguments) => generated::man(&arguments, Cli::command()),
        Command::Version(arguments) => version::run(&arguments),
        _ => Ok(()),
    }
}

/// Runs a command that needs settings. `path` is the argument of `--settings`.
async fn with_settings(
    command: Command,
    settings: Settings,
    path: Option<PathBuf>,
) -> anyhow::Result<()> {
    match command {
        Command::Demo(_)
        | Command::Init(_)
        | Command::Accuracy(_)
        | Command::Completion(_)
        | Command::Doctor(_)
        | Command::Man(_)
        | Command::Version(_)
        | Command::Settings(_) => without_settings(command, None).await,
        Command::Health(arguments) => health::run(&arguments, &settings).await,
        Command::Serve => Box::pin(serve::run(settings, path)).await,
        Command::Reload(arguments) => reload::run(arguments, &settings).await,
        Command::Migrate(output) => migrate(settings, output).await,
        Command::Brand(command) => brand::run(command, settings).await,
        Command::Console(command) => console::run(command, settings).await,
        Command::Key(command) => key::run(command, settings).await,
        Command::Inbox(command) => inbox::run(command, settings).await,
        Command::Sources(command) => sources::run(command, &settings).await,
        Command::Sync(command) => sync::run(command, settings).await,
        Command::Lookup(arguments) => lookup::run(arguments, settings).await,
        Command::Customer(command) => Box::pin(customer::run(command, settings)).await,
        Command::Review(command) => Box::pin(review::run(command, settings)).await,
        Command::Decision(command) => Box::pin(decision::run(command, settings)).await,
        Command::Value(command) => Box::pin(value::run(command, settings)).await,
        Command::Booking(command) => booking::run(command, settings).await,
        Command::Audit(command) => audit::run(command, settings).await,
        Command::Identity(command) => Box::pin(identity::run(command, settings)).await,
        Command::Answers(command) => Box::pin(answers::run(command, settings)).await,
        Command::Rebuild(arguments) => Box::pin(rebuild::run(arguments, settings)).await,
    }
}

async fn migrate(settings: Settings, output: JsonArguments) -> anyhow::Result<()> {
    open(&settings).await?.close().await;
    if output.json {
        return print_json(&json!({ "schema": schema_version() }));
    }
    print_line("The database is up to date.");
    Ok(())
}

fn fail(error: &anyhow::Error) -> ExitCode {
    print_error(&format!("hookpoint: {error}"));
    Exit::of(error).into()
}

fn report(mistakes: &[Mistake]) -> ExitCode {
    mistakes.iter().for_each(|mistake| print_error(&mistake.to_string()));
    Exit::Mistake.into()
}

//! `hookpoint customer erase`, `revoke-erasure` and `export`

use clap::{Subcommand, ValueEnum};

use super::person::Person;
use super::receipt::{print_erased, print_revoked};
use super::target::{TargetArguments, usage};
use crate::admin::customers::{Erased, erase_customer, export_customer, revoke};
use crate::admin::export_page::{json_for_person, page};
use crate::admin::find_customers::erasure_target;
use crate::app::open_suppression_file;
use crate::cli::actor::{Actor, ActorArguments};
use crate::cli::exit::Failure;
use crate::cli::output::{JsonArguments, confirm, plain, plain_json, print_line, progress_bar};
use crate::cli::session::{Session, open};
use crate::clock::Clock;
use crate::erasure::erase::Progress;
use crate::erasure::reconcile::reconcile;
use crate::erasure::suppression_file::SuppressionFile;
use crate::settings::Settings;

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum PrivacyCommand {
    /// Erase a person permanently: delete the stored data, and drop data that arrives later. The service can run at the
    /// same time
    #[command(override_usage = usage("erase"))]
    Erase {
        #[command(flatten)]
        target: TargetArguments,
        /// Your name, for the audit log (it stores no reason of an erasure). Default: the login name
        #[arg(long, value_name = "NAME", value_parser = clap::builder::NonEmptyStringValueParser::new())]
        by: Option<String>,
        /// Do not ask for confirmation
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        output: JsonArguments,
    },
    /// Revoke an erasure: accept new data about the person again
    #[command(override_usage = usage("revoke-erasure"))]
    RevokeErasure {
        #[command(flatten)]
        target: TargetArguments,
        #[command(flatten)]
        actor: ActorArguments,
        #[command(flatten)]
        output: JsonArguments,
    },
    /// Print all stored data about a person: as JSON for programs, or as a page for the person
    #[command(override_usage = usage("export"))]
    Export {
        #[command(flatten)]
        target: TargetArguments,
        #[command(flatten)]
        actor: ActorArguments,
        /// The form: `json`, everything, for programs; or to hand out to the person, without names of employees: `html`,
        /// a page in the language of the brand, or `person-json`, the same content for machines
        #[arg(long, value_name = "FORMAT", value_enum, default_value_t = ExportFormat::Json)]
        format: ExportFormat,
        /// Print nothing else: without it, customers are shown if several match
        #[arg(long)]
        json: bool,
    },
}

/// The form of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum ExportFormat {
    Json,
    Html,
    PersonJson,
}

impl PrivacyCommand {
    const fn target(&self) -> &TargetArguments {
        let (Self::Erase { target, .. }
        | Self::RevokeErasure { target, .. }
        | Self::Export { target, .. }) = self;
        target
    }

    const fn prints_json(&self) -> bool {
        let (Self::Erase { output: JsonArguments { json }, .. }
        | Self::RevokeErasure { output: JsonArguments { json }, .. }
        | Self::Export { json, .. }) = self;
        *json
    }
}

pub(super) async fn run(command: PrivacyCommand, settings: Settings) -> anyhow::Result<()> {
    let database = open(&settings).await?;
    // This must come before the brands are opened.
    let suppressions =
        open_suppression_file(&settings.file, &database.pool, &settings.brands).await?;
    let session = Session::with_database(settings, database).await?;
    let done = run_in(&session, &suppressions, &command).await;
    session.close().await;
    done
}

async fn run_in(
    session: &Session,
    suppressions: &SuppressionFile,
    command: &PrivacyCommand,
) -> anyhow::Result<()> {
    if let PrivacyCommand::Erase { yes, output, .. } = command {
        output.refuse_question(*yes)?;
    }
    if let PrivacyCommand::Export { format, json: true, .. } = command
        && *format != ExportFormat::Json
    {
        return Err(Failure::mistake("choose one: --json, or --format").into());
    }
    let (brand, question) = command.target().resolve(session)?;
    let person = Person::new(session, brand, &question, command.prints_json())?;
    match command {
        PrivacyCommand::Erase { yes, by, output, .. } => {
            let actor = Actor::of(by.clone());
            match erase(session, suppressions, &person, &actor, *yes).await? {
                Some(erased) => print_erased(brand, &erased, *output),
                None => Ok(()),
            }
        }
        PrivacyCommand::RevokeErasure { actor, output, .. } => {
            let revoked = revoke_erasure(session, suppressions, &person, &actor.actor()).await?;
            print_revoked(brand, revoked, *output)
        }
        PrivacyCommand::Export { actor, format, .. } => {
            export(session, &person, &actor.actor(), *format).await
        }
    }
}

/// Erases a person. `None` if the answer to the question is no.
async fn erase(
    session: &Session,
    suppressions: &SuppressionFile,
    person: &Person<'_>,
    actor: &Actor,
    is_confirmed: bool,
) -> anyhow::Result<Option<Erased>> {
    let (pool, brand, clock) = (&session.database.pool, person.brand, Clock::system());
    // First, finish erasures that were interrupted.
    let (now, most) = (clock.now(), session.file.erasure.max_erased_percent);
    reconcile(pool, brand, suppressions, most, now, now).await?;
    let records = person.find(!is_confirmed).await?;
    if !is_confirmed
        && !confirm("Erase this customer permanently?", "erase this customer permanently")?
    {
        print_line("Nothing was erased.");
        return Ok(None);
    }
    let bar = progress_bar("inbox", "deliveries");
    let mut on_progress = |progress: Progress| {
        bar.set_length(progress.total.max(progress.done));
        bar.set_position(progress.done);
    };
    // The command takes no reason.
    let (by, place) = ((actor.attribution(), None), (suppressions, &clock));
    let erased = erase_customer(pool, brand, place, &records, by, &mut on_progress).await?;
    bar.finish_and_clear();
    Ok(Some(erased))
}

/// Revokes the erasures of a person. Returns how many there were.
async fn revoke_erasure(
    session: &Session,
    suppressions: &SuppressionFile,
    person: &Person<'_>,
    actor: &Actor,
) -> anyhow::Result<usize> {
    let (pool, clock) = (&session.database.pool, Clock::system());
    let (by, target) = (actor.attribution(), erasure_target(person.question));
    let revoked = revoke(pool, person.brand, (suppressions, &clock), &target, by).await?;
    if revoked == 0 {
        let what = "no erasure was found: nothing with this address or id was erased, or its erasure is already revoked";
        return Err(Failure::not_found(what).into());
    }
    Ok(revoked)
}

async fn export(
    session: &Session,
    person: &Person<'_>,
    actor: &Actor,
    format: ExportFormat,
) -> anyhow::Result<()> {
    let (pool, clock) = (&session.database.pool, Clock::system());
    let records = person.find(false).await?;
    let data = export_customer(pool, person.brand, &records, actor.attribution(), &clock).await?;
    print_line(&match format {
        ExportFormat::Json => plain_json(&serde_json::to_string_pretty(&data)?),
        ExportFormat::PersonJson => plain_json(&json_for_person(&data)?),
        // Text of the sources cannot control the terminal.
        ExportFormat::Html => {
            let page = page(person.brand, &data, clock.now())?;
            page.lines().map(plain).collect::<Vec<_>>().join("\n")
        }
    });
    Ok(())
}

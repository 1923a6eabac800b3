//! `hookpoint booking`

use std::io::{IsTerminal, Write};
use std::sync::Arc;

use anyhow::Context;
use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Subcommand};

use super::{audit, look, lookup, open, plain, say};
use crate::admin::cancel_booking::{Attribution, Refreshed, cancel, is_done, known};
use crate::app::{find_brands, open_brands};
use crate::brand::Brand;
use crate::clock::Clock;
use crate::customer::model::event::{Event, field};
use crate::jobs::tasks::BackgroundTasks;
use crate::settings::{Settings, user_name};
use crate::sources::booking::Cancelling;
use crate::storage::audit_log::list_actions;
use crate::storage::database::Database;
use crate::upstream::{UpstreamClient, UpstreamClients};

#[derive(Debug, Subcommand)]
pub(super) enum BookingCommand {
    /// Cancel a customer's booking at its source, and see the bookings anew; off unless the settings allow it
    Cancel(CancelArguments),
    /// Who had what cancelled, and why, the newest first
    Actions {
        /// The brand; may be left out when there is only one
        #[arg(long)]
        brand: Option<String>,
        /// How many at most
        #[arg(long, default_value_t = 50, value_name = "N")]
        limit: u32,
    },
}

#[derive(Debug, Args)]
pub(super) struct CancelArguments {
    /// The brand; may be left out when there is only one
    #[arg(long)]
    brand: Option<String>,
    /// The booking's id, as the timeline's `externalID` shows it
    #[arg(long, value_name = "ID", value_parser = NonEmptyStringValueParser::new())]
    booking: String,
    /// Why; it is written down
    #[arg(long, value_parser = NonEmptyStringValueParser::new())]
    reason: String,
    /// Who wants it, if not whoever is logged in; it is written down
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    by: Option<String>,
    /// Don't ask
    #[arg(long)]
    yes: bool,
}

/// What is said when there is nothing to do.
const CANCELLED_BEFORE: &str =
    "It is cancelled already, so nothing was sent. If its source shows otherwise, `hookpoint sync run` has it asked again.";

pub(super) async fn run(command: BookingCommand, settings: Settings) -> anyhow::Result<()> {
    let only_looks = matches!(command, BookingCommand::Actions { .. });
    let database = if only_looks { look(&settings).await? } else { open(&settings).await? };
    let done = with(&database, command, settings).await;
    database.close().await;
    done
}

async fn with(database: &Database, command: BookingCommand, settings: Settings) -> anyhow::Result<()> {
    let names = crate::cli::names_of(&settings.brands);
    let only_looks = matches!(command, BookingCommand::Actions { .. });
    let brands = if only_looks { find_brands(database, settings.brands).await? } else { open_brands(database, settings.brands).await? };
    match command {
        BookingCommand::Actions { brand, limit } => actions(database, lookup::choose(&brands, brand.as_deref(), &names)?, limit).await,
        BookingCommand::Cancel(arguments) => {
            let brand = lookup::choose(&brands, arguments.brand.as_deref(), &names)?;
            let what = brand.rules.sources.cancelling(&arguments.booking)?;
            let (background, clock) = (BackgroundTasks::new(), Clock::system());
            let accounts = UpstreamClients::new(&database.pool, std::slice::from_ref(brand), &settings.file.calls, &background, &clock);
            let account = accounts.get(brand.id(), what.source);
            let account = account.with_context(|| format!("{0} is not connected: sources.{0}.api says how it is called", what.source))?;
            let done = cancel_booking(database, account, &what, &arguments, &clock).await;
            background.end().await;
            done
        }
    }
}

async fn cancel_booking(
    database: &Database,
    account: &Arc<UpstreamClient>,
    what: &Cancelling,
    arguments: &CancelArguments,
    clock: &Clock,
) -> anyhow::Result<()> {
    let by = arguments.by.clone().or_else(user_name).context("who wants this? Say --by")?;
    let booking = known(&database.pool, account, what).await?;
    let is_done = is_done(what, booking.as_ref())?;
    show(booking.as_ref(), &account.brand);
    if is_done {
        say(CANCELLED_BEFORE);
        return Ok(());
    }
    if !arguments.yes && !confirm()? {
        say("Nothing was cancelled.");
        return Ok(());
    }
    let mandate = Attribution { by: &by, reason: &arguments.reason };
    let refreshed = cancel(&database.pool, account, what, mandate, clock).await?;
    if !matches!(refreshed, Refreshed::Needless) {
        say("\nCancelled.");
    }
    match refreshed {
        Refreshed::Done => {
            let booking = known(&database.pool, account, what).await?;
            show(booking.as_ref(), &account.brand);
            if !booking.is_some_and(|booking| what.is_done(&booking)) {
                say("It said yes, but its bookings, looked at since, don't show that yet. `hookpoint sync run` has them asked again.");
            }
        }
        Refreshed::Needless => say(CANCELLED_BEFORE),
        Refreshed::NobodyKnown => say("Whose booking it is isn't known here, so the bookings were not looked at again."),
        Refreshed::Failed(error) => say(&format!("The bookings could not be looked at again: {error}. What is shown may be old for a while.")),
    }
    Ok(())
}

/// What is known of the booking: times as the brand's agents see them.
fn show(event: Option<&Event>, brand: &Brand) {
    let Some(event) = event else { return };
    let zone = brand.rules.presenter.rules().time_zone.clone();
    if let Some(activity) = event.versions.text(&format!("{}activity", field::DATA)) {
        say(&format!("  what        {}", plain(activity)));
    }
    if let Some(at) = event.versions.time(&format!("{}starts_at", field::DATA)) {
        say(&format!("  when        {}", at.to_zoned(zone).strftime("%F %R %Z")));
    }
    if let Some(status) = event.versions.text(&format!("{}status", field::DATA)) {
        say(&format!("  status      {}", plain(status)));
    }
}

async fn actions(database: &Database, brand: &Brand, limit: u32) -> anyhow::Result<()> {
    let mut rows = list_actions(&database.pool, brand.id(), limit).await?;
    rows.retain(|row| row.source.is_some());
    if rows.is_empty() {
        say("Nobody had anything done.");
    }
    rows.iter().for_each(|row| audit::show(brand, row));
    Ok(())
}

fn confirm() -> anyhow::Result<bool> {
    anyhow::ensure!(std::io::stdin().is_terminal(), "there is nobody to ask: say --yes to cancel this booking");
    let mut out = std::io::stdout();
    write!(out, "\nCancel this booking? [y/N] ")?;
    out.flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(["y", "yes"].contains(&answer.trim().to_lowercase().as_str()))
}

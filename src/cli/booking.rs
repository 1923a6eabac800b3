//! `hookpoint booking`

use std::io::{IsTerminal, Write};
use std::sync::Arc;

use anyhow::Context;
use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Subcommand};

use super::{audit, lookup, open, open_read_only, plain, print_line};
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
    /// Cancel a booking at its source, and read the customer's bookings again. The settings must allow it
    Cancel(CancelArguments),
    /// List the cancellations, with name and reason, the newest first
    Actions {
        /// The brand. Needed if the settings have several brands
        #[arg(long)]
        brand: Option<String>,
        /// The most entries
        #[arg(long, default_value_t = 50, value_name = "N")]
        limit: u32,
    },
}

#[derive(Debug, Args)]
pub(super) struct CancelArguments {
    /// The brand. Needed if the settings have several brands
    #[arg(long)]
    brand: Option<String>,
    /// Id of the booking: its `externalID` in the timeline
    #[arg(long, value_name = "ID", value_parser = NonEmptyStringValueParser::new())]
    booking: String,
    /// The reason, for the audit log
    #[arg(long, value_parser = NonEmptyStringValueParser::new())]
    reason: String,
    /// Name of the person who wants this, for the audit log. Default: the login name
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    by: Option<String>,
    /// Do not ask for confirmation
    #[arg(long)]
    yes: bool,
}

/// The message for a booking that is already cancelled.
const CANCELLED_BEFORE: &str = "The booking is already cancelled, so nothing was sent. If its source shows it as active, run `hookpoint sync run`.";

pub(super) async fn run(command: BookingCommand, settings: Settings) -> anyhow::Result<()> {
    let is_read_only = matches!(command, BookingCommand::Actions { .. });
    let database =
        if is_read_only { open_read_only(&settings).await? } else { open(&settings).await? };
    let done = with(&database, command, settings).await;
    database.close().await;
    done
}

async fn with(
    database: &Database,
    command: BookingCommand,
    settings: Settings,
) -> anyhow::Result<()> {
    let names = crate::cli::names_of(&settings.brands);
    let is_read_only = matches!(command, BookingCommand::Actions { .. });
    let brands = if is_read_only {
        find_brands(database, settings.brands).await?
    } else {
        open_brands(database, settings.brands).await?
    };
    match command {
        BookingCommand::Actions { brand, limit } => {
            actions(database, lookup::choose(&brands, brand.as_deref(), &names)?, limit).await
        }
        BookingCommand::Cancel(arguments) => {
            let brand = lookup::choose(&brands, arguments.brand.as_deref(), &names)?;
            let what = brand.rules.sources.cancelling(&arguments.booking)?;
            let (background, clock) = (BackgroundTasks::new(), Clock::system());
            let accounts = UpstreamClients::new(
                &database.pool,
                std::slice::from_ref(brand),
                &settings.file.calls,
                &background,
                &clock,
            );
            let account = accounts.get(brand.id(), what.source);
            let account = account.with_context(|| {
                format!("{0} cannot be called; set sources.{0}.api and its secret", what.source)
            })?;
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
    let by = arguments
        .by
        .clone()
        .or_else(user_name)
        .context("the login name is unknown; give your name with --by NAME")?;
    let booking = known(&database.pool, account, what).await?;
    let is_done = is_done(what, booking.as_ref())?;
    show(booking.as_ref(), &account.brand);
    if is_done {
        print_line(CANCELLED_BEFORE);
        return Ok(());
    }
    if !arguments.yes && !confirm()? {
        print_line("Nothing was cancelled.");
        return Ok(());
    }
    let attribution = Attribution { by: &by, reason: &arguments.reason };
    let refreshed = cancel(&database.pool, account, what, attribution, clock).await?;
    if !matches!(refreshed, Refreshed::Needless) {
        print_line("\nCancelled.");
    }
    match refreshed {
        Refreshed::Done => {
            let booking = known(&database.pool, account, what).await?;
            show(booking.as_ref(), &account.brand);
            if !booking.is_some_and(|booking| what.is_done(&booking)) {
                print_line(
                    "The source accepted this, but its list of bookings does not show it yet. Run `hookpoint sync run` to read it again.",
                );
            }
        }
        Refreshed::Needless => print_line(CANCELLED_BEFORE),
        Refreshed::CustomerUnknown => print_line(
            "The customer of this booking is unknown, so the bookings were not read again.",
        ),
        Refreshed::Failed(error) => print_line(&format!(
            "The bookings could not be read again: {error}. Agents may see the old state for a while."
        )),
    }
    Ok(())
}

/// Prints the stored booking. Its time is in the brand's time zone.
fn show(event: Option<&Event>, brand: &Brand) {
    let Some(event) = event else { return };
    let zone = brand.rules.presenter.rules().time_zone.clone();
    if let Some(activity) = event.versions.text(&format!("{}activity", field::DATA)) {
        print_line(&format!("  what        {}", plain(activity)));
    }
    if let Some(at) = event.versions.time(&format!("{}starts_at", field::DATA)) {
        print_line(&format!("  when        {}", at.to_zoned(zone).strftime("%F %R %Z")));
    }
    if let Some(status) = event.versions.text(&format!("{}status", field::DATA)) {
        print_line(&format!("  status      {}", plain(status)));
    }
}

async fn actions(database: &Database, brand: &Brand, limit: u32) -> anyhow::Result<()> {
    let mut rows = list_actions(&database.pool, brand.id(), limit).await?;
    rows.retain(|row| row.source.is_some());
    if rows.is_empty() {
        print_line("No bookings were cancelled through hookpoint.");
    }
    rows.iter().for_each(|row| audit::show(brand, row));
    Ok(())
}

fn confirm() -> anyhow::Result<bool> {
    anyhow::ensure!(
        std::io::stdin().is_terminal(),
        "cannot ask for confirmation without a terminal; add --yes to cancel this booking"
    );
    let mut out = std::io::stdout();
    write!(out, "\nCancel this booking? [y/N] ")?;
    out.flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(["y", "yes"].contains(&answer.trim().to_lowercase().as_str()))
}

//! `hookpoint booking`

use std::sync::Arc;

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Subcommand};

use super::audit::print_actions;
use super::exit::Failure;
use super::output::{JsonArguments, confirm, plain, print_line};
use super::session::Session;
use crate::admin::audit::Attribution;
use crate::admin::cancel_booking::{Refreshed, cancel, is_done, known};
use crate::brand::Brand;
use crate::clock::Clock;
use crate::customer::model::event::{Event, field};
use crate::jobs::tasks::BackgroundTasks;
use crate::settings::{Settings, user_name};
use crate::sources::booking::Cancelling;
use crate::storage::audit_log::{ActionRow, list_audit};
use crate::storage::pool::Pool;
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
        /// Show at most this many entries
        #[arg(long, default_value_t = 50, value_name = "N")]
        limit: u32,
        #[command(flatten)]
        output: JsonArguments,
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
    /// Your name, for the audit log. Default: the login name
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    by: Option<String>,
    /// Do not ask for confirmation
    #[arg(long)]
    yes: bool,
}

/// The message for a booking that is already cancelled.
const CANCELLED_BEFORE: &str = "The booking is already cancelled, so nothing was sent. If its source shows it as active, run `hookpoint sync run`.";

pub(super) async fn run(command: BookingCommand, settings: Settings) -> anyhow::Result<()> {
    match command {
        BookingCommand::Actions { brand, limit, output } => {
            let session = Session::read_only(settings).await?;
            let listed = list(&session, brand.as_deref(), limit).await;
            session.close().await;
            print_actions(&listed?, output, "No bookings were cancelled through hookpoint.")
        }
        BookingCommand::Cancel(arguments) => {
            let session = Session::open(settings).await?;
            let done = cancel_booking(&session, &arguments).await;
            session.close().await;
            done
        }
    }
}

async fn cancel_booking(session: &Session, arguments: &CancelArguments) -> anyhow::Result<()> {
    let brand = session.choose(arguments.brand.as_deref())?;
    let what = brand.rules.sources.cancelling(&arguments.booking);
    let what = what.map_err(|error| Failure::mistake(error.to_string()))?;
    let (pool, background) = (&session.database.pool, BackgroundTasks::new());
    let brands = std::slice::from_ref(brand);
    let calls = &session.file.calls;
    let accounts = UpstreamClients::new(pool, brands, calls, &background, &Clock::system());
    let account = accounts.get(brand.id(), what.source);
    let account = account.ok_or_else(|| {
        let source = what.source;
        Failure::mistake(format!(
            "{source} cannot be called; set sources.{source}.api and its secret"
        ))
    })?;
    let done = cancel_confirmed(pool, account, &what, arguments).await;
    background.end().await;
    done
}

async fn cancel_confirmed(
    pool: &Pool,
    account: &Arc<UpstreamClient>,
    what: &Cancelling,
    arguments: &CancelArguments,
) -> anyhow::Result<()> {
    let by = arguments.by.clone().or_else(user_name).ok_or_else(|| {
        Failure::mistake("the login name is unknown; give your name with --by NAME")
    })?;
    let booking = known(pool, account, what).await?;
    let is_done = is_done(what, booking.as_ref())?;
    print_booking(booking.as_ref(), &account.brand);
    if is_done {
        print_line(CANCELLED_BEFORE);
        return Ok(());
    }
    if !arguments.yes && !confirm("Cancel this booking?", "cancel this booking")? {
        print_line("Nothing was cancelled.");
        return Ok(());
    }
    let attribution = Attribution { by: &by, reason: &arguments.reason };
    let refreshed = cancel(pool, account, what, attribution, &Clock::system()).await?;
    if !matches!(refreshed, Refreshed::Needless) {
        print_line("\nCancelled.");
    }
    match refreshed {
        Refreshed::Done => print_refreshed(pool, account, what).await?,
        Refreshed::Needless => print_line(CANCELLED_BEFORE),
        Refreshed::CustomerUnknown => print_line(
            "The customer of this booking is unknown, so the bookings were not read again. Agents may see the old state until the next sync run.",
        ),
        Refreshed::Failed(error) => print_line(&format!(
            "The bookings could not be read again: {error}. Agents may see the old state until the next sync run."
        )),
    }
    Ok(())
}

/// Prints the booking as its source shows it now.
async fn print_refreshed(
    pool: &Pool,
    account: &UpstreamClient,
    what: &Cancelling,
) -> anyhow::Result<()> {
    let booking = known(pool, account, what).await?;
    print_booking(booking.as_ref(), &account.brand);
    if !booking.is_some_and(|booking| what.is_done(&booking)) {
        print_line(
            "The source accepted the cancellation, but its list of bookings does not show it yet. Run `hookpoint sync run` to read it again.",
        );
    }
    Ok(())
}

/// Prints the stored booking. Its time is in the brand's time zone.
fn print_booking(event: Option<&Event>, brand: &Brand) {
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

async fn list(
    session: &Session,
    slug: Option<&str>,
    limit: u32,
) -> anyhow::Result<Vec<(Arc<Brand>, ActionRow)>> {
    let brand = session.choose(slug)?;
    let rows = list_audit(&session.database.pool, brand.id(), limit).await?;
    let cancelled = rows.into_iter().filter(|row| row.source.is_some());
    Ok(cancelled.map(|row| (Arc::clone(brand), row)).collect())
}

//! `hookpoint booking cancel`

use std::sync::Arc;

use clap::Args;
use clap::builder::NonEmptyStringValueParser;

use super::shown::{print_booking, print_result, result_as_json};
use crate::admin::audit::{Attribution, Via};
use crate::admin::cancel_booking::{CancelError, Refreshed, cancel, is_done, known};
use crate::cli::exit::Failure;
use crate::cli::output::{JsonArguments, confirm, print_json, print_line};
use crate::cli::session::Session;
use crate::clock::Clock;
use crate::jobs::tasks::BackgroundTasks;
use crate::settings::user_name;
use crate::sources::booking::Cancelling;
use crate::storage::pool::Pool;
use crate::upstream::{UpstreamClient, UpstreamClients};

#[derive(Debug, Args)]
pub(crate) struct CancelArguments {
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
    #[command(flatten)]
    output: JsonArguments,
}

impl CancelArguments {
    /// Refuses arguments that contradict each other.
    pub(super) fn check(&self) -> Result<(), Failure> {
        self.output.refuse_question(self.yes)
    }
}

pub(super) async fn cancel_booking(
    session: &Session,
    arguments: &CancelArguments,
) -> anyhow::Result<()> {
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
    let prints_json = arguments.output.json;
    let booking = known(pool, account, what).await?;
    let is_done = is_done(what, booking.as_ref())?;
    if !prints_json {
        print_booking(booking.as_ref(), &account.brand);
    }
    let refreshed = if is_done {
        Refreshed::Needless
    } else {
        if !arguments.yes && !confirm("Cancel this booking?", "cancel this booking")? {
            print_line("Nothing was cancelled.");
            return Ok(());
        }
        let attribution = Attribution { by: &by, reason: &arguments.reason, via: Via::Command };
        cancel(pool, account, what, attribution, &Clock::system()).await?
    };
    // As its source shows it now. An error must not invite to try again.
    let booking = known(pool, account, what).await.map_err(CancelError::from)?;
    if prints_json {
        return print_json(&result_as_json(&refreshed, booking.as_ref(), what, &account.brand));
    }
    print_result(&refreshed, booking.as_ref(), what, &account.brand);
    Ok(())
}

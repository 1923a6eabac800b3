//! `hookpoint booking`

mod cancel;
mod shown;

use std::sync::Arc;

use clap::Subcommand;

use self::cancel::{CancelArguments, cancel_booking};
use super::audit::print_actions;
use super::output::JsonArguments;
use super::session::Session;
use crate::brand::Brand;
use crate::settings::Settings;
use crate::storage::audit_log::{ActionRow, AuditFilter, list_audit};

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

pub(super) async fn run(command: BookingCommand, settings: Settings) -> anyhow::Result<()> {
    match command {
        BookingCommand::Actions { brand, limit, output } => {
            let session = Session::read_only(settings).await?;
            let listed = list(&session, brand.as_deref(), limit).await;
            session.close().await;
            print_actions(&listed?, output, "No bookings were cancelled through hookpoint.")
        }
        BookingCommand::Cancel(arguments) => {
            arguments.check()?;
            let session = Session::open(settings).await?;
            let done = cancel_booking(&session, &arguments).await;
            session.close().await;
            done
        }
    }
}

async fn list(
    session: &Session,
    slug: Option<&str>,
    limit: u32,
) -> anyhow::Result<Vec<(Arc<Brand>, ActionRow)>> {
    let brand = session.choose(slug)?;
    let rows = list_audit(&session.database.pool, brand.id(), AuditFilter::ALL, limit).await?;
    let cancelled = rows.into_iter().filter(|row| row.source.is_some());
    Ok(cancelled.map(|row| (Arc::clone(brand), row)).collect())
}

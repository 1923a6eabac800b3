//! `hookpoint audit`: who did what. Commands that show, change or delete personal data, or change keys, write an audit
//! entry before they act.

use clap::Subcommand;
use jiff::tz::TimeZone;

use super::output::{plain, print_line};
use super::session::Session;
use crate::brand::Brand;
use crate::settings::Settings;
use crate::storage::audit_log::{ActionRow, list_audit};

#[derive(Debug, Subcommand)]
pub(super) enum AuditCommand {
    /// List actions, the newest first: exports, erasures, revealed, replayed and discarded deliveries, keys,
    /// cancellations
    List {
        /// Only this brand
        #[arg(long)]
        brand: Option<String>,
        /// Show at most this many entries for each brand
        #[arg(long, default_value_t = 100, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
        limit: u32,
    },
}

pub(super) async fn run(command: AuditCommand, settings: Settings) -> anyhow::Result<()> {
    let AuditCommand::List { brand, limit } = command;
    let session = Session::read_only(settings).await?;
    let done = list(&session, brand.as_deref(), limit).await;
    session.close().await;
    done
}

async fn list(session: &Session, slug: Option<&str>, limit: u32) -> anyhow::Result<()> {
    let wanted = session.sorted(slug);
    if slug.is_some() && wanted.is_empty() {
        return Err(session.no_such_brand());
    }
    let mut is_empty = true;
    for brand in wanted {
        for row in list_audit(&session.database.pool, brand.id(), limit).await? {
            is_empty = false;
            print_action(&brand, &row);
        }
    }
    if is_empty {
        print_line("The audit log has no entries.");
    }
    Ok(())
}

/// Prints an audit entry, in two lines.
pub(super) fn print_action(brand: &Brand, row: &ActionRow) {
    let outcome = if row.outcome.is_empty() { "outcome unknown" } else { row.outcome.as_str() };
    let at = row.begun_at.to_zoned(TimeZone::UTC).strftime("%F %T UTC");
    let source = row.source.map(|source| format!("  {source}")).unwrap_or_default();
    let about: String = row
        .subjects
        .first()
        .into_iter()
        .flat_map(|subject| subject.0)
        .take(4)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let about = if about.is_empty() { String::new() } else { format!(" #{about}") };
    let target =
        if row.target.is_empty() { String::new() } else { format!(" {}", plain(&row.target)) };
    print_line(&format!(
        "{at}  {}{source}  {}{target}{about}  {outcome}",
        brand.rules.slug, row.action
    ));
    let reason = if row.reason.is_empty() { "no reason given" } else { row.reason.as_str() };
    print_line(&format!("    by {}: {}", plain(&row.done_by), plain(reason)));
}

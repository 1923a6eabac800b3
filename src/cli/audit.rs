//! `hookpoint audit`: who did what. Commands that show, change or delete personal data, or change keys, write an audit
//! entry before they act.

use std::sync::Arc;

use clap::Subcommand;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::output::{JsonArguments, plain, print_json, print_line};
use super::session::Session;
use super::wrapped::print_wrapped;
use crate::brand::Brand;
use crate::settings::Settings;
use crate::storage::audit_log::{ActionRow, AuditFilter, Via, list_audit};

#[derive(Debug, Subcommand)]
pub(super) enum AuditCommand {
    /// List actions, the newest first: decisions, exports, erasures, revealed, replayed and discarded deliveries, keys,
    /// cancellations
    List {
        /// Only this brand
        #[arg(long)]
        brand: Option<String>,
        /// Show at most this many entries for each brand
        #[arg(long, default_value_t = 100, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
        limit: u32,
        #[command(flatten)]
        output: JsonArguments,
    },
}

pub(super) async fn run(command: AuditCommand, settings: Settings) -> anyhow::Result<()> {
    let AuditCommand::List { brand, limit, output } = command;
    let session = Session::read_only(settings).await?;
    let listed = list(&session, brand.as_deref(), limit).await;
    session.close().await;
    print_actions(&listed?, output, "The audit log has no entries.")
}

/// The newest actions of each brand.
async fn list(
    session: &Session,
    slug: Option<&str>,
    limit: u32,
) -> anyhow::Result<Vec<(Arc<Brand>, ActionRow)>> {
    let mut actions = Vec::new();
    for brand in session.brands_of(slug)? {
        let rows = list_audit(&session.database.pool, brand.id(), AuditFilter::ALL, limit).await?;
        actions.extend(rows.into_iter().map(|row| (Arc::clone(&brand), row)));
    }
    Ok(actions)
}

/// Prints audit entries, or a sentence if there are none.
pub(super) fn print_actions(
    actions: &[(Arc<Brand>, ActionRow)],
    output: JsonArguments,
    none: &str,
) -> anyhow::Result<()> {
    if output.json {
        return print_json(
            &actions.iter().map(|(brand, row)| row_as_json(brand, row)).collect::<Vec<_>>(),
        );
    }
    if actions.is_empty() {
        print_line(none);
    }
    actions.iter().for_each(|(brand, row)| print_action(brand, row));
    Ok(())
}

/// An audit entry, for scripts.
pub(super) fn row_as_json(brand: &Brand, row: &ActionRow) -> Value {
    json!({
        "id": row.action_id,
        "brand": brand.rules.slug,
        "begun_at": row.begun_at,
        "action": row.action,
        "source": row.source.map(|source| source.as_str()),
        "target": row.target,
        "about": row.about(),
        "by": row.done_by,
        "reason": row.reason,
        "reason_erased": row.is_reason_erased,
        "via": row.via.map(Via::as_str),
        "outcome": row.outcome,
    })
}

/// Prints an audit entry: what, and below it who and why.
pub(super) fn print_action(brand: &Brand, row: &ActionRow) {
    let outcome = if row.outcome.is_empty() { "outcome unknown" } else { row.outcome.as_str() };
    let at = row.begun_at.to_zoned(TimeZone::UTC).strftime("%F %T UTC");
    let source = row.source.map(|source| format!("  {source}")).unwrap_or_default();
    let about = row.about().iter().map(|about| format!(" #{about}")).collect::<String>();
    let target =
        if row.target.is_empty() { String::new() } else { format!(" {}", plain(&row.target)) };
    let (slug, action) = (&brand.rules.slug, &row.action);
    print_wrapped(&format!("{at}  {slug}{source}  {action}{target}{about}  {outcome}"), 4);
    let reason = if row.reason.is_empty() { row.without_reason() } else { row.reason.as_str() };
    let place = if row.via == Some(Via::Console) { " in the console" } else { "" };
    print_wrapped(&format!("    by {}{place}: {}", plain(&row.done_by), plain(reason)), 4);
}

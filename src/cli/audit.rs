//! `hookpoint audit`: who did what. Commands that show, change or delete personal data, or change keys, write an audit
//! entry before they act.

use std::collections::BTreeSet;

use clap::{Args, Subcommand};
use jiff::tz::TimeZone;
use uuid::Uuid;

use super::{lookup, open_read_only, plain, print_line};
use crate::app::find_brands;
use crate::brand::Brand;
use crate::clock::Clock;
use crate::customer::model::record::RecordKey;
use crate::customer::model::text;
use crate::settings::{Settings, user_name};
use crate::storage::audit_log::{ActionRow, finish_action, insert_action, list_actions};
use crate::storage::database::Database;
use crate::storage::pool::Pool;
use crate::storage::suppressions::{SuppressionHash, SuppressionHasher};

#[derive(Debug, Subcommand)]
pub(super) enum AuditCommand {
    /// List actions, the newest first: exports, erasures, revealed, replayed and discarded deliveries, keys,
    /// cancellations
    List {
        /// Only this brand
        #[arg(long)]
        brand: Option<String>,
        /// The most entries for each brand
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
        limit: u32,
    },
}

/// The arguments that name the person and the reason for the audit log.
#[derive(Debug, Clone, Args)]
pub(super) struct ActorArguments {
    /// Name of the person who wants this, for the audit log. Default: the login name
    #[arg(long, value_name = "NAME", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    by: Option<String>,
    /// The reason, for the audit log
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
}

/// An action that a command is about to do.
pub(super) struct Act<'a> {
    pub(super) action: &'static str,
    /// The records that the action is about. The entry has their hashes.
    pub(super) records: Option<&'a BTreeSet<RecordKey>>,
    /// An id of this service, or a count. Never personal data.
    pub(super) target: String,
}

/// An action with an audit entry, before its outcome is known.
pub(super) struct OpenEntry<'a> {
    pool: &'a Pool,
    brand_id: i32,
    action_id: Uuid,
}

impl ActorArguments {
    /// A person without a reason.
    pub(super) fn of(by: &Option<String>) -> Self {
        Self { by: by.clone(), reason: String::new() }
    }

    /// Writes the audit entry of an action that is about to start.
    pub(super) async fn begin<'a>(
        &self,
        pool: &'a Pool,
        brand: &Brand,
        act: Act<'_>,
    ) -> anyhow::Result<OpenEntry<'a>> {
        let hasher = SuppressionHasher::new(&brand.suppression_key);
        let subjects = act.records.into_iter().flatten().map(|key| hasher.record(key)).collect();
        self.write(pool, brand.id(), act, subjects).await
    }

    /// As [`begin`](Self::begin), for an action without records. The brand does not have to be in the settings.
    pub(super) async fn begin_for<'a>(
        &self,
        pool: &'a Pool,
        brand_id: i32,
        act: Act<'_>,
    ) -> anyhow::Result<OpenEntry<'a>> {
        self.write(pool, brand_id, act, BTreeSet::new()).await
    }

    async fn write<'a>(
        &self,
        pool: &'a Pool,
        brand_id: i32,
        act: Act<'_>,
        subjects: BTreeSet<SuppressionHash>,
    ) -> anyhow::Result<OpenEntry<'a>> {
        let row = ActionRow {
            action_id: Uuid::new_v4(),
            source: None,
            action: act.action.to_owned(),
            subjects,
            target: act.target,
            done_by: text::clean(
                &self.by.clone().or_else(user_name).unwrap_or_else(|| "unknown".to_owned()),
            ),
            reason: text::clean(&self.reason),
            begun_at: Clock::system().now(),
            outcome: String::new(),
        };
        insert_action(pool, brand_id, &row).await?;
        Ok(OpenEntry { pool, brand_id, action_id: row.action_id })
    }
}

impl OpenEntry<'_> {
    /// Adds the outcome to the audit entry.
    pub(super) async fn end(self, outcome: &str) -> anyhow::Result<()> {
        Ok(finish_action(self.pool, self.brand_id, self.action_id, outcome).await?)
    }
}

pub(super) async fn run(command: AuditCommand, settings: Settings) -> anyhow::Result<()> {
    let database = open_read_only(&settings).await?;
    let AuditCommand::List { brand, limit } = command;
    let done = list(&database, settings, brand.as_deref(), limit).await;
    database.close().await;
    done
}

async fn list(
    database: &Database,
    settings: Settings,
    slug: Option<&str>,
    limit: u32,
) -> anyhow::Result<()> {
    let names = crate::cli::names_of(&settings.brands);
    let brands = find_brands(database, settings.brands).await?;
    let mut wanted: Vec<_> = match slug {
        Some(slug) => vec![lookup::choose(&brands, Some(slug), &names)?],
        None => brands.values().collect(),
    };
    wanted.sort_by_key(|brand| &brand.rules.slug);
    let mut is_empty = true;
    for brand in wanted {
        for row in list_actions(&database.pool, brand.id(), limit).await? {
            is_empty = false;
            show(brand, &row);
        }
    }
    if is_empty {
        print_line("The audit log has no entries.");
    }
    Ok(())
}

/// Prints an audit entry, in two lines.
pub(super) fn show(brand: &Brand, row: &ActionRow) {
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

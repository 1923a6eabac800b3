//! `hookpoint audit`: who did what. Commands that show, change or delete what is somebody's, or who may ask, write that down before they
//! do it.

use std::collections::BTreeSet;

use clap::{Args, Subcommand};
use jiff::tz::TimeZone;
use uuid::Uuid;

use super::{look, lookup, plain, say};
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
    /// What people did: exports, erasures, deliveries revealed, replayed and discarded, keys, cancellations; the newest first
    List {
        /// Only of this brand
        #[arg(long)]
        brand: Option<String>,
        /// At most so many of a brand
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
        limit: u32,
    },
}

/// Who does something, and why.
#[derive(Debug, Clone, Args)]
pub(super) struct ActorArguments {
    /// Who wants it, for the audit; whoever is logged in, if left out
    #[arg(long, value_name = "NAME", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    by: Option<String>,
    /// Why, for the audit
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
}

/// What is about to be done.
pub(super) struct Act<'a> {
    pub(super) action: &'static str,
    /// Whose records.
    pub(super) records: Option<&'a BTreeSet<RecordKey>>,
    /// By an id of ours, or how many.
    pub(super) target: String,
}

/// Something that was written down and is being done.
pub(super) struct Begun<'a> {
    pool: &'a Pool,
    brand_id: i32,
    action_id: Uuid,
}

impl ActorArguments {
    /// Somebody who needn't say why.
    pub(super) fn of(by: &Option<String>) -> Self {
        Self { by: by.clone(), reason: String::new() }
    }

    /// Writes down what is about to be done.
    pub(super) async fn begin<'a>(&self, pool: &'a Pool, brand: &Brand, act: Act<'_>) -> anyhow::Result<Begun<'a>> {
        let hasher = SuppressionHasher::new(&brand.row.suppression_key);
        let subjects = act.records.into_iter().flatten().map(|key| hasher.record(key)).collect();
        self.write(pool, brand.id(), act, subjects).await
    }

    /// As [`begin`](Self::begin), of what is about nobody's records, also where the brand is no longer in the settings.
    pub(super) async fn begin_for<'a>(&self, pool: &'a Pool, brand_id: i32, act: Act<'_>) -> anyhow::Result<Begun<'a>> {
        self.write(pool, brand_id, act, BTreeSet::new()).await
    }

    async fn write<'a>(&self, pool: &'a Pool, brand_id: i32, act: Act<'_>, subjects: BTreeSet<SuppressionHash>) -> anyhow::Result<Begun<'a>> {
        let row = ActionRow {
            action_id: Uuid::new_v4(),
            source: None,
            action: act.action.to_owned(),
            subjects,
            target: act.target,
            done_by: text::clean(&self.by.clone().or_else(user_name).unwrap_or_else(|| "somebody who did not say".to_owned())),
            reason: text::clean(&self.reason),
            begun_at: Clock::system().now(),
            outcome: String::new(),
        };
        insert_action(pool, brand_id, &row).await?;
        Ok(Begun { pool, brand_id, action_id: row.action_id })
    }
}

impl Begun<'_> {
    /// Writes down what became of it.
    pub(super) async fn end(self, outcome: &str) -> anyhow::Result<()> {
        Ok(finish_action(self.pool, self.brand_id, self.action_id, outcome).await?)
    }
}

pub(super) async fn run(command: AuditCommand, settings: Settings) -> anyhow::Result<()> {
    let database = look(&settings).await?;
    let AuditCommand::List { brand, limit } = command;
    let done = list(&database, settings, brand.as_deref(), limit).await;
    database.close().await;
    done
}

async fn list(database: &Database, settings: Settings, slug: Option<&str>, limit: u32) -> anyhow::Result<()> {
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
        say("Nobody did anything that is written down.");
    }
    Ok(())
}

/// One thing that was done, in two lines.
pub(super) fn show(brand: &Brand, row: &ActionRow) {
    let outcome = if row.outcome.is_empty() { "what became of it is not known" } else { row.outcome.as_str() };
    let at = row.begun_at.to_zoned(TimeZone::UTC).strftime("%F %T UTC");
    let source = row.source.map(|source| format!("  {source}")).unwrap_or_default();
    let about: String = row.subjects.first().into_iter().flat_map(|subject| subject.0).take(4).map(|byte| format!("{byte:02x}")).collect();
    let about = if about.is_empty() { String::new() } else { format!(" #{about}") };
    let target = if row.target.is_empty() { String::new() } else { format!(" {}", plain(&row.target)) };
    say(&format!("{at}  {}{source}  {}{target}{about}  {outcome}", brand.rules.slug, row.action));
    let reason = if row.reason.is_empty() { "no reason given" } else { row.reason.as_str() };
    say(&format!("    by {}: {}", plain(&row.done_by), plain(reason)));
}

//! `hookpoint inbox status`

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::brand::Brand;
use crate::cli::output::{JsonArguments, plain, print_json, print_line, span};
use crate::cli::wrapped::print_wrapped;
use crate::counted::counted;
use crate::inbox::source_health::{SourceHealth, list_source_health};
use crate::storage::deliveries::count_deliveries;
use crate::storage::invalid_values::{InvalidValueRow, list_invalid_values};
use crate::storage::pool::Pool;

/// Shows the webhooks of each source.
pub(super) async fn status(
    pool: &Pool,
    brands: &[Arc<Brand>],
    output: JsonArguments,
    now: Timestamp,
) -> anyhow::Result<()> {
    let mut all = Vec::new();
    for brand in brands {
        let sources = list_sources(pool, brand, now).await?;
        if output.json {
            all.extend(sources.iter().map(|source| source.as_json(brand)));
        } else {
            print_brand(brand, &sources, now);
        }
    }
    if output.json { print_json(&all) } else { Ok(()) }
}

/// The webhooks of a source.
struct SourceStatus {
    health: SourceHealth,
    /// The service saves its count every few seconds. It is never less than what is stored.
    received: i64,
    done: i64,
    retried: i64,
    /// What a person should know or do.
    remarks: Vec<String>,
}

async fn list_sources(
    pool: &Pool,
    brand: &Brand,
    now: Timestamp,
) -> anyhow::Result<Vec<SourceStatus>> {
    let counts = count_deliveries(pool, brand.id()).await?;
    let mut sources = Vec::new();
    for health in list_source_health(pool, brand).await? {
        let mut remarks = remarks(&health, now);
        let unread = list_invalid_values(pool, brand.id(), health.source).await?;
        remarks.extend(unread_values(health.source.as_str(), &unread));
        let of_source = || counts.iter().filter(|(source, ..)| source == health.source.as_str());
        let done = of_source().filter(|(_, state, ..)| state == "done");
        let stored: i64 = of_source().map(|(_, _, count, _)| count).sum();
        sources.push(SourceStatus {
            received: health.stats.accepted.max(stored),
            done: done.map(|(_, _, count, _)| count).sum(),
            retried: of_source().map(|(.., retried)| retried).sum(),
            remarks,
            health,
        });
    }
    Ok(sources)
}

impl SourceStatus {
    fn as_json(&self, brand: &Brand) -> Value {
        let health = &self.health;
        json!({
            "brand": brand.rules.slug,
            "source": health.source.as_str(),
            "verification": health.verification,
            "received": self.received,
            "rejected": health.stats.unverified,
            "duplicates": health.stats.duplicates,
            "pending": health.pending,
            "oldest_pending_at": health.oldest_pending_at,
            "done": self.done,
            "retried": self.retried,
            "dead": health.dead,
            "last_received_at": health.last_received_at,
            "usual_silence_seconds": health.usual_silence.map(|usual| usual.as_secs()),
            "remarks": self.remarks,
        })
    }
}

fn print_brand(brand: &Brand, sources: &[SourceStatus], now: Timestamp) {
    print_line(&format!("{}\n", brand.rules.slug));
    print_line(&format!(
        "  {:<9}{:>10}{:>10}{:>12}{:>9}{:>10}{:>9}{:>7}",
        "source", "received", "rejected", "duplicates", "pending", "done", "retried", "dead"
    ));
    sources.iter().for_each(|source| print_line(&counts(source)));
    print_line(&format!(
        "\n  {:<9} {:<13}{:>12}{:>13}{:>18}",
        "source", "verified by", "last seen", "usual gap", "oldest pending"
    ));
    sources.iter().for_each(|source| print_line(&times(source, now)));
    print_line("");
    let remarks = sources.iter().flat_map(|source| &source.remarks);
    remarks.for_each(|remark| print_wrapped(&plain(&format!("  {remark}")), 4));
}

/// The counts of a source, as one line of the first table.
fn counts(source: &SourceStatus) -> String {
    let SourceStatus { health, received, done, retried, .. } = source;
    format!(
        "  {:<9}{received:>10}{:>10}{:>12}{:>9}{done:>10}{retried:>9}{:>7}",
        health.source.as_str(),
        health.stats.unverified,
        health.stats.duplicates,
        health.pending,
        health.dead
    )
}

/// The verification and the times of a source, as one line of the second table.
fn times(source: &SourceStatus, now: Timestamp) -> String {
    let health = &source.health;
    let oldest =
        health.oldest_pending_at.map_or_else(|| "-".to_owned(), |at| span(now.duration_since(at)));
    let silence = health
        .silence(now)
        .map_or_else(|| "never".to_owned(), |silence| format!("{} ago", span(silence)));
    let usual = health
        .usual_silence
        .map_or_else(|| "-".to_owned(), |usual| format!("up to {}", span(usual)));
    format!(
        "  {:<9} {:<13}{silence:>12}{usual:>13}{oldest:>18}",
        health.source.as_str(),
        health.verification.unwrap_or("-")
    )
}

/// The problems of a source that a person should solve.
fn remarks(health: &SourceHealth, now: Timestamp) -> Vec<String> {
    let mut remarks = Vec::new();
    let name = health.source.as_str();
    match health.verification {
        None => remarks.push(format!("{name}: not connected. Its webhooks get 503 until sources.{name}.webhook sets their verification")),
        Some(_) if !health.is_verified => remarks.push(format!("{name}: webhooks are not verified (verification = \"none\"): anybody can write data of this brand")),
        Some(_) => {}
    }
    if health.is_failing() {
        let since = health
            .stats
            .unverified_since
            .map_or_else(String::new, |at| format!(" since {}", at.strftime("%F %T UTC")));
        let count = health.stats.unverified_in_a_row;
        remarks.push(format!("{name}: the last {count} webhooks were all rejected{since}. Compare the secret in the settings with the secret at the source"));
    }
    remarks.extend(rejection(health));
    if health.dead > 0.0 {
        remarks.push(format!(
            "{name}: {} could not be applied. `hookpoint inbox list --source {name} --state dead` shows the reasons",
            counted(health.dead, "delivery", "deliveries")
        ));
    }
    if let Some(at) = health.stats.conflicting_at {
        remarks.push(format!(
            "{name}: {} dropped, because an earlier one with other content has the same id (last {}). Report this to the source",
            counted(health.stats.conflicting_duplicates, "webhook", "webhooks"),
            at.strftime("%F %T UTC")
        ));
    }
    if health.is_silent(now) {
        remarks.push(format!("{name}: no webhook for much longer than usual. Check that the source still sends to the right URL"));
    }
    remarks
}

/// The last rejected webhook, unless a later one was accepted.
fn rejection(health: &SourceHealth) -> Option<String> {
    let stats = &health.stats;
    let at = stats.unverified_at.filter(|_| stats.unverified_in_a_row > 0)?;
    Some(format!(
        "{}: the last webhook was rejected ({}): {}. `hookpoint inbox verify` explains it",
        health.source,
        at.strftime("%F %T UTC"),
        stats.unverified_reason.as_deref().unwrap_or("no reason is known")
    ))
}

/// The most fields in a line.
const MAX_FIELDS: usize = 8;

/// The line about values that were left out because they could not be parsed.
fn unread_values(source: &str, rows: &[InvalidValueRow]) -> Option<String> {
    let last_at = rows.iter().map(|row| row.last_at).max()?;
    let named: Vec<String> =
        rows.iter().take(MAX_FIELDS).map(|row| format!("{} {}", row.field, row.count)).collect();
    let more = if rows.len() > MAX_FIELDS {
        let left = rows.len().saturating_sub(MAX_FIELDS);
        format!(" and {}", counted(left, "more field", "more fields"))
    } else {
        String::new()
    };
    let (named, last_at) = (named.join(", "), last_at.strftime("%F %T UTC"));
    Some(format!(
        "{source}: values that could not be parsed are left out: {named}{more} (last {last_at}). See `hookpoint inbox list` and `hookpoint lookup --why`"
    ))
}

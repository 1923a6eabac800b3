//! `hookpoint inbox status`

use jiff::Timestamp;

use crate::brand::Brand;
use crate::cli::output::{print_line, span};
use crate::inbox::source_health::{SourceHealth, list_source_health};
use crate::storage::deliveries::count_deliveries;
use crate::storage::invalid_values::{InvalidValueRow, list_invalid_values};
use crate::storage::pool::Pool;

pub(super) async fn status(pool: &Pool, brand: &Brand, now: Timestamp) -> anyhow::Result<()> {
    print_line(&format!("{}\n", brand.rules.slug));
    print_line(&format!(
        "  {:<9} {:<11}{:>9}{:>9}{:>11}{:>8}{:>7}{:>8}{:>8}{:>6}{:>11}{:>12}",
        "source",
        "verified by",
        "received",
        "rejected",
        "duplicates",
        "pending",
        "oldest",
        "done",
        "retried",
        "dead",
        "last seen",
        "usual gap"
    ));
    let counts = count_deliveries(pool, brand.id()).await?;
    let sources = list_source_health(pool, brand).await?;
    sources.iter().for_each(|health| print_line(&line(health, &counts, now)));
    print_line("");
    for health in &sources {
        remarks(health, now).iter().for_each(|note| print_line(&format!("  {note}")));
        let unread = list_invalid_values(pool, brand.id(), health.source).await?;
        unread_values(health.source.as_str(), &unread)
            .iter()
            .for_each(|note| print_line(&format!("  {note}")));
    }
    Ok(())
}

/// Deliveries of a source in a state: the source, the state, how many there are, and how many of them were retried.
type DeliveryCount = (String, String, i64, i64);

/// The counts of a source, as one line of the table.
fn line(health: &SourceHealth, counts: &[DeliveryCount], now: Timestamp) -> String {
    let of_source = || counts.iter().filter(|(source, ..)| source == health.source.as_str());
    let is_done = |(_, state, ..): &&DeliveryCount| state == "done";
    let done: i64 = of_source().filter(is_done).map(|(_, _, count, _)| count).sum();
    let retried: i64 = of_source().map(|(.., retried)| retried).sum();
    let oldest =
        health.oldest_pending_at.map_or_else(|| "-".to_owned(), |at| span(now.duration_since(at)));
    let silence = health
        .silence(now)
        .map_or_else(|| "never".to_owned(), |silence| format!("{} ago", span(silence)));
    let usual = health
        .usual_silence
        .map_or_else(|| "-".to_owned(), |usual| format!("up to {}", span(usual)));
    format!(
        "  {:<9} {:<11}{:>9}{:>9}{:>11}{:>8}{oldest:>7}{done:>8}{retried:>8}{:>6}{silence:>11}{usual:>12}",
        health.source.as_str(),
        health.verification.unwrap_or("-"),
        health.stats.accepted,
        health.stats.unverified,
        health.stats.duplicates,
        health.pending,
        health.dead
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
            "{name}: deliveries that could not be applied: {}. `hookpoint inbox list --source {name} --state dead` shows the reasons",
            health.dead
        ));
    }
    if let Some(at) = health.stats.conflicting_at {
        remarks.push(format!(
            "{name}: webhooks dropped, because an earlier one with other content has the same id: {} (last {}). Report this to the source",
            health.stats.conflicting_duplicates,
            at.strftime("%F %T UTC")
        ));
    }
    if health.silence_ratio(now).is_some_and(|ratio| ratio > 3.0) {
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
        format!(" and {} more fields", rows.len().saturating_sub(MAX_FIELDS))
    } else {
        String::new()
    };
    let (named, last_at) = (named.join(", "), last_at.strftime("%F %T UTC"));
    Some(format!(
        "{source}: values that could not be parsed are left out: {named}{more} (last {last_at}). See `hookpoint inbox list` and `hookpoint lookup --why`"
    ))
}

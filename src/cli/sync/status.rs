//! `hookpoint sync status`

use std::sync::Arc;

use crate::storage::pool::Pool;
use jiff::Timestamp;

use crate::brand::Brand;
use crate::cli::{plain, print_line, span};
use crate::clock::Clock;
use crate::customer::model::source::Source;
use crate::sources::api::{AccountRules, ApiRequest};
use crate::storage::follow_ups::{FollowUpCounts, count_follow_ups};
use crate::storage::sync_streams::{StreamRow, list_streams};
use crate::storage::upstream_accounts::{AccountRow, get_account};
use crate::sync::SyncMode;

pub(super) async fn status(pool: &Pool, brands: &[Arc<Brand>]) -> anyhow::Result<()> {
    let now = Clock::system().now();
    for (n, brand) in brands.iter().enumerate() {
        if n > 0 {
            print_line("");
        }
        print_line(&format!("{}\n", brand.rules.slug));
        let rows = list_streams(pool, brand.id()).await?;
        let hints = count_follow_ups(pool, brand.id()).await?;
        for source in Source::ALL {
            let Some(rules) = brand.rules.accounts.get(&source) else {
                print_line(&format!(
                    "  {source}: not connected: sources.{source}.api is not set, or this shell lacks its secret"
                ));
                continue;
            };
            print_line(&format!(
                "  {:<9} {}",
                source.as_str(),
                health(&get_account(pool, brand.id(), source).await?, rules, now)
            ));
            show_streams(brand, source, &rows, now);
            if let Some(hints) = hints.iter().find(|hints| hints.source == source.as_str()) {
                print_line(&format!("            {:<14}{}", "follow-ups", follow_up_line(hints)));
            }
        }
    }
    Ok(())
}

/// The calls and the health of an account, as one line.
fn health(account: &AccountRow, rules: &AccountRules, now: Timestamp) -> String {
    let ago = |at: Timestamp| format!("{} ago", span(now.duration_since(at)));
    let [live, follow_ups, reconcile, backfill] = account.granted;
    let used = account.granted.iter().sum::<u32>();
    let mut parts = vec![format!(
        "{used} of {} calls in the last minute (lookups {live}, follow-ups {follow_ups}, reconcile {reconcile}, backfill {backfill})",
        rules.calls_per_minute
    )];
    parts.push(account.succeeded_at.map_or_else(
        || "no successful call yet".to_owned(),
        |at| format!("last success {}", ago(at)),
    ));
    if let Some(at) = account.failed_at {
        let row = if account.failures_in_a_row > 1 {
            format!(", {} in a row", account.failures_in_a_row)
        } else {
            String::new()
        };
        parts.push(format!("last failure {}{row}: {}", ago(at), plain(&account.failure)));
    }
    let until = |at: Timestamp| span(at.duration_since(now));
    if let Some(at) = account.open_until.filter(|at| *at > now) {
        parts.push(format!("CIRCUIT OPEN for {}, because calls fail", until(at)));
    }
    if let Some(at) = account.blocked_until.filter(|at| *at > now) {
        parts.push(format!("no calls for {}, because the source asked to wait", until(at)));
    } else if let Some(at) = account.spent_until.filter(|at| *at > now) {
        parts.push(format!(
            "no calls for {}, because the source reports that its limit is used up",
            until(at)
        ));
    }
    parts.join("; ")
}

fn show_streams(brand: &Brand, source: Source, rows: &[StreamRow], now: Timestamp) {
    for stream in brand.rules.sources.api(source).streams() {
        let row =
            rows.iter().find(|row| row.source == source.as_str() && row.stream == stream.name);
        print_line(&format!(
            "            {:<14}{}",
            stream.name,
            row.map_or_else(|| "never read".to_owned(), |row| line(row, now))
        ));
    }
}

/// The line about requests that follow webhooks.
fn follow_up_line(hints: &FollowUpCounts) -> String {
    let dead = if hints.dead == 0 {
        String::new()
    } else {
        format!(", {} dead: {}", hints.dead, plain(&hints.note))
    };
    format!("{} pending{dead}", hints.waiting)
}

/// The state of a stream, as one line.
fn line(row: &StreamRow, now: Timestamp) -> String {
    let ago = |at: Timestamp| format!("{} ago", span(now.duration_since(at)));
    let of = row.total.map_or_else(String::new, |total| format!(" of {total}"));
    let page =
        row.cursor.as_ref().and_then(ApiRequest::of_json).and_then(|cursor| cursor.page_number());
    let at_page = page.map_or_else(String::new, |page| format!(", page {page}"));
    let mode = match SyncMode::of(row) {
        SyncMode::Incremental { .. } => "incremental",
        SyncMode::Full if row.is_reconcile => "reconcile",
        SyncMode::Full => "backfill",
    };
    let state = match row.finished_at {
        None if row.is_running(now) => format!("{mode} running, {}{of}{at_page}", row.scanned),
        None if row.is_cancelled => format!("{mode} cancelled at {}{of}", row.scanned),
        None => {
            format!("{mode} interrupted at {}{of}{at_page}; the service continues it", row.scanned)
        }
        Some(at) if row.is_complete() => format!("{mode} done {}, {} read", ago(at), row.scanned),
        Some(at) => format!("{mode} ended {} at {}{of}", ago(at), row.scanned),
    };
    let missed = row.since.filter(|_| row.scanned > 0);
    let missed = missed.map_or_else(String::new, |_| {
        format!(", {:.2} % missed by webhooks", percent(row.changed, row.scanned))
    });
    let drift = row.drift.filter(|_| row.last_full_started_at.is_some());
    let drift = drift
        .map_or_else(String::new, |drift| format!(", drift {:.2} %", f64::from(drift) * 100.0));
    let deleted =
        if row.deleted == 0 { String::new() } else { format!(", {} deleted", row.deleted) };
    let oldest =
        row.last_full_started_at.filter(|at| row.finished_at.is_none() || *at != row.started_at);
    let oldest = oldest.map_or_else(String::new, |at| format!(", last full run {}", ago(at)));
    let remarks: Vec<String> = [&row.note, &row.last_full_result]
        .into_iter()
        .filter(|note| !note.is_empty())
        .map(|note| plain(note))
        .collect();
    let note = if remarks.is_empty() { String::new() } else { format!(": {}", remarks.join("; ")) };
    format!("{state}{missed}{drift}{deleted}{oldest}{note}")
}

fn percent(part: i64, whole: i64) -> f64 {
    let number = |number: i64| f64::from(u32::try_from(number).unwrap_or(u32::MAX));
    number(part) / number(whole) * 100.0
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    #[test]
    fn an_incremental_run_is_shown_with_the_last_full_run() {
        let now: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
        let ago = |minutes| now - SignedDuration::from_mins(minutes);
        let all = StreamRow {
            is_reconcile: true,
            scanned: 20_412,
            deleted: 1,
            finished_at: Some(ago(170)),
            last_full_started_at: Some(ago(180)),
            incremental_watermark: Some(ago(180)),
            drift: Some(0.0022),
            ..StreamRow::begun(ago(180))
        };
        assert_eq!(line(&all, now), "reconcile done 2h ago, 20412 read, drift 0.22 %, 1 deleted");
        let last_full_result = "7 are not in the list".to_owned();
        let changes = StreamRow {
            since: Some(ago(182)),
            started_at: ago(5),
            scanned: 12,
            changed: 3,
            deleted: 0,
            finished_at: Some(ago(4)),
            incremental_watermark: Some(ago(5)),
            last_full_result,
            ..all
        };
        let known = "drift 0.22 %, last full run 3h ago: 7 are not in the list";
        assert_eq!(
            line(&changes, now),
            format!("incremental done 4m ago, 12 read, 25.00 % missed by webhooks, {known}")
        );
        let nothing = StreamRow { scanned: 0, changed: 0, ..changes.clone() };
        assert_eq!(line(&nothing, now), format!("incremental done 4m ago, 0 read, {known}"));
        let broken = StreamRow {
            incremental_watermark: Some(ago(20)),
            note: "it said 400".to_owned(),
            scanned: 0,
            ..changes
        };
        let known = "drift 0.22 %, last full run 3h ago: it said 400; 7 are not in the list";
        assert_eq!(line(&broken, now), format!("incremental ended 4m ago at 0, {known}"));
    }
}

//! `hookpoint sync status`

use std::sync::Arc;

use jiff::Timestamp;

use super::stream_line::line;
use crate::brand::Brand;
use crate::cli::output::{plain, print_line, span};
use crate::clock::Clock;
use crate::customer::model::source::Source;
use crate::sources::api::AccountRules;
use crate::storage::account_status::{AccountRow, get_account};
use crate::storage::follow_ups::{FollowUpCounts, count_follow_ups};
use crate::storage::pool::Pool;
use crate::storage::sync_streams::{StreamRow, list_streams};

pub(super) async fn status(pool: &Pool, brands: &[Arc<Brand>]) -> anyhow::Result<()> {
    let now = Clock::system().now();
    for (n, brand) in brands.iter().enumerate() {
        if n > 0 {
            print_line("");
        }
        print_line(&format!("{}\n", brand.rules.slug));
        let rows = list_streams(pool, brand.id()).await?;
        let counts = count_follow_ups(pool, brand.id()).await?;
        for source in Source::ALL {
            let Some(rules) = brand.rules.accounts.get(&source) else {
                print_line(&format!(
                    "  {source}: not connected: sources.{source}.api is not set, or its secret is not set in this shell"
                ));
                continue;
            };
            print_line(&format!(
                "  {:<9} {}",
                source.as_str(),
                health(&get_account(pool, brand.id(), source).await?, rules, now)
            ));
            show_streams(brand, source, &rows, now);
            if let Some(counts) = counts.iter().find(|counts| counts.source == source.as_str()) {
                print_line(&format!("            {:<14}{}", "follow-ups", follow_up_line(counts)));
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
    let calls = format!(
        "{used} of {} calls in the last minute (lookups {live}, follow-ups {follow_ups}, reconcile {reconcile}, backfill {backfill})",
        rules.calls_per_minute
    );
    let success = account.succeeded_at.map_or_else(
        || "no successful call yet".to_owned(),
        |at| format!("last success {}", ago(at)),
    );
    let failure = account.failed_at.map(|at| {
        let row = if account.failures_in_a_row > 1 {
            format!(", {} in a row", account.failures_in_a_row)
        } else {
            String::new()
        };
        format!("last failure {}{row}: {}", ago(at), plain(&account.failure))
    });
    let parts = [Some(calls), Some(success), failure].into_iter().chain(pauses(account, now));
    parts.flatten().collect::<Vec<_>>().join("; ")
}

/// Why an account makes no calls now.
fn pauses(account: &AccountRow, now: Timestamp) -> [Option<String>; 2] {
    let left = |until: Option<Timestamp>| {
        until.filter(|at| *at > now).map(|at| span(at.duration_since(now)))
    };
    let open =
        left(account.open_until).map(|left| format!("CIRCUIT OPEN for {left}, because calls fail"));
    let blocked = left(account.blocked_until)
        .map(|left| format!("no calls for {left}, because the source asked to wait"));
    let spent = || {
        let left = left(account.spent_until)?;
        Some(format!("no calls for {left}, because the source reports that its limit is used up"))
    };
    [open, blocked.or_else(spent)]
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
fn follow_up_line(counts: &FollowUpCounts) -> String {
    let dead = if counts.dead == 0 {
        String::new()
    } else {
        format!(", {} dead: {}", counts.dead, plain(&counts.note))
    };
    format!("{} pending{dead}", counts.waiting)
}

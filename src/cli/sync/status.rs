//! `hookpoint sync status`

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::stream_line::{line, state};
use crate::admin::source_apis::{SourceApi, list_source_apis};
use crate::brand::Brand;
use crate::cli::output::{JsonArguments, plain, print_json, print_line, span};
use crate::cli::wrapped::print_wrapped;
use crate::clock::Clock;
use crate::sources::api::AccountRules;
use crate::storage::account_status::AccountRow;
use crate::storage::follow_ups::FollowUpCounts;
use crate::storage::pool::Pool;
use crate::storage::sync_streams::StreamRow;

/// Shows the calls and the streams of each source.
pub(super) async fn status(
    pool: &Pool,
    brands: &[Arc<Brand>],
    output: JsonArguments,
) -> anyhow::Result<()> {
    let now = Clock::system().now();
    let mut all = Vec::new();
    for (n, brand) in brands.iter().enumerate() {
        let sources: Vec<SourceStatus> =
            list_source_apis(pool, brand).await?.into_iter().map(SourceStatus).collect();
        if output.json {
            all.extend(sources.iter().map(|source| source.as_json(brand, now)));
            continue;
        }
        if n > 0 {
            print_line("");
        }
        print_line(&format!("{}\n", brand.rules.slug));
        sources.iter().for_each(|source| source.print(brand, now));
    }
    if output.json { print_json(&all) } else { Ok(()) }
}

/// How the API of a source is shown.
struct SourceStatus(SourceApi);

impl SourceStatus {
    fn print(&self, brand: &Brand, now: Timestamp) {
        let source = self.0.source;
        let Some(account) = &self.0.account else {
            let text =
                format!("  {:<9} not connected: sources.{source}.api is not set", source.as_str());
            return print_wrapped(&text, 12);
        };
        let rules = brand.rules.accounts.get(&source);
        print_wrapped(&format!("  {:<9} {}", source.as_str(), health(account, rules, now)), 12);
        if let Some(why) = brand.rules.unreadable_secrets.get(&source) {
            let note = format!(
                "            This command cannot read its secret: {why}. The running service may have it."
            );
            print_wrapped(&note, 12);
        }
        for (name, row) in self.0.streams(brand) {
            let text = row.map_or_else(|| "never read".to_owned(), |row| line(row, now));
            print_wrapped(&format!("            {name:<14}{text}"), 26);
        }
        if let Some(counts) = &self.0.follow_ups {
            let text = follow_up_line(counts);
            print_wrapped(&format!("            {:<14}{text}", "follow-ups"), 26);
        }
    }

    fn as_json(&self, brand: &Brand, now: Timestamp) -> Value {
        let stream = |(name, row): (&str, Option<&StreamRow>)| {
            let state = row.map_or_else(|| "never read".to_owned(), |row| state(row, now));
            json!({
                "stream": name,
                "state": state,
                "is_running": row.is_some_and(|row| row.is_running(now)),
                "started_at": row.map(|row| row.started_at),
                "finished_at": row.and_then(|row| row.finished_at),
                "read": row.map(|row| row.scanned),
                "changed": row.map(|row| row.changed),
                "deleted": row.map(|row| row.deleted),
                "total": row.and_then(|row| row.total),
                "drift": row.and_then(|row| row.drift),
                "last_full_started_at": row.and_then(|row| row.last_full_started_at),
                "note": row.map(|row| row.note.as_str()),
            })
        };
        let account = self.0.account.as_ref();
        let rules = brand.rules.accounts.get(&self.0.source);
        let is_later = |until: Option<Timestamp>| until.is_some_and(|until| until > now);
        json!({
            "brand": brand.rules.slug,
            "source": self.0.source.as_str(),
            "is_connected": account.is_some(),
            "calls_last_minute": account.map(|account| account.granted.iter().sum::<u32>()),
            "calls_per_minute": rules.map(|rules| rules.calls_per_minute),
            "succeeded_at": account.and_then(|account| account.succeeded_at),
            "failed_at": account.and_then(|account| account.failed_at),
            "failure": account.map(|account| account.failure.as_str()),
            "failures_in_a_row": account.map(|account| account.failures_in_a_row),
            "is_circuit_open": account.is_some_and(|account| is_later(account.open_until)),
            "streams": account.map(|_| self.0.streams(brand).map(stream).collect::<Vec<_>>()),
            "follow_ups_pending": self.0.follow_ups.as_ref().map(|counts| counts.waiting),
            "follow_ups_dead": self.0.follow_ups.as_ref().map(|counts| counts.dead),
        })
    }
}

/// The calls and the health of an account, as one line.
fn health(account: &AccountRow, rules: Option<&AccountRules>, now: Timestamp) -> String {
    let ago = |at: Timestamp| format!("{} ago", span(now.duration_since(at)));
    let [live, follow_ups, reconcile, backfill] = account.granted;
    let used = account.granted.iter().sum::<u32>();
    let most = rules.map(|rules| format!(" of {}", rules.calls_per_minute)).unwrap_or_default();
    let calls = format!(
        "{used}{most} calls in the last minute (lookups {live}, follow-ups {follow_ups}, reconcile {reconcile}, backfill {backfill})"
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

/// The line about requests that follow webhooks.
fn follow_up_line(counts: &FollowUpCounts) -> String {
    let dead = if counts.dead == 0 {
        String::new()
    } else {
        format!(", {} dead: {}", counts.dead, plain(&counts.note))
    };
    format!("{} pending{dead}", counts.waiting)
}

//! When the service walks through what: once in full, again from time to time, and on with what somebody left.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use sqlx::PgPool;

use super::{Ended, SyncError, Walker};
use crate::account::Account;
use crate::background::Background;
use crate::clock::Clock;
use crate::settings::file::SyncSettings;
use crate::sources::api::{Holds, Stream, Walk};
use crate::storage::streams::{StreamRow, list_streams};

/// How often it is looked at what is due.
const PAUSE: Duration = Duration::from_secs(5);

/// How long a pass that broke is left alone.
const AFTER_BREAKING: SignedDuration = SignedDuration::from_mins(15);

/// Walks through an account's streams when they are due, until the service ends.
pub async fn keep_in_step(pool: PgPool, account: Arc<Account>, settings: SyncSettings, clock: Clock, background: Background) {
    let walker = Walker::new(pool, account, &settings, clock);
    while !background.is_ending() {
        tokio::select! {
            worked = walk_due(&walker, &settings) => {
                if let Err(error) = worked {
                    release(&walker).await;
                    tracing::warn!(brand = walker.account.brand.rules.slug, source = %walker.account.source, %error, "sync.pass.left");
                }
            }
            () = background.until_ending() => {}
        }
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => {}
            () = background.until_ending() => {}
        }
    }
    // Others needn't wait for the lease to end.
    release(&walker).await;
}

/// Postgres may be what failed: then the lease ends by itself.
async fn release(walker: &Walker) {
    let _ = walker.release().await;
}

async fn walk_due(walker: &Walker, settings: &SyncSettings) -> Result<(), SyncError> {
    for stream in walker.api().streams() {
        let rows = list_streams(&walker.pool, walker.account.brand.id()).await?;
        let row = rows.iter().find(|row| row.source == walker.account.source.as_str() && row.stream == stream.name);
        if is_due(row, settings, walker.clock.now()) && !waits_for_others(walker, *stream, &rows) {
            report(walker, *stream, &walker.walk(*stream, &|_| {}).await?);
        }
    }
    Ok(())
}

/// Whether those who are to be asked about one by one are still being found out elsewhere.
fn waits_for_others(walker: &Walker, stream: Stream, rows: &[StreamRow]) -> bool {
    let Some(other) = walker.needs(stream) else { return false };
    let is_walked = |row: &&StreamRow| row.source == other.source().as_str() && row.complete_at.is_some();
    let list = walker.brand().rules.sources.api(other.source()).streams().iter().find(|list| list.walk == Walk::List(Holds::Records(other)));
    list.is_some_and(|list| !rows.iter().filter(is_walked).any(|row| row.stream == list.name))
}

/// Whether somebody should walk through a stream now.
fn is_due(row: Option<&StreamRow>, settings: &SyncSettings, now: Timestamp) -> bool {
    let Some(row) = row else { return settings.backfill };
    if row.is_walked(now) {
        return false;
    }
    // Whoever walked it may have been killed before hearing that it was cancelled.
    let ended_at = row.finished_at.or(row.lease_until.filter(|_| row.is_cancelled));
    let Some(finished_at) = ended_at else { return true };
    let since = |at: Timestamp| now.duration_since(at);
    match row.complete_at {
        // Somebody cancelled it, who will say when to go on; or the source can't be walked through now.
        None => settings.backfill && !row.is_cancelled && since(finished_at) > AFTER_BREAKING,
        Some(complete_at) => {
            let every = SignedDuration::from_hours(i64::from(settings.reconcile_hours));
            settings.reconcile_hours > 0 && since(complete_at) > every && since(finished_at) > AFTER_BREAKING
        }
    }
}

fn report(walker: &Walker, stream: Stream, ended: &Ended) {
    let (brand, source, stream) = (walker.account.brand.rules.slug.as_str(), walker.account.source.as_str(), stream.name);
    match ended {
        Ended::Complete { progress, gone, drift, .. } => {
            tracing::info!(brand, source, stream, walked = progress.walked, news = progress.news, gone, drift, "sync.pass.complete");
        }
        Ended::Cancelled => tracing::info!(brand, source, stream, "sync.pass.cancelled"),
        Ended::Broken(reason) => tracing::warn!(brand, source, stream, reason, "sync.pass.broken"),
        Ended::Elsewhere => {}
    }
}

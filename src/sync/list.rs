//! Reads a list page by page.
//!
//! Lists change while they are read. If an item on an earlier page is deleted, later items move up, and the run
//! would miss them. So if the source reports a smaller total than on the page before, the run reads as many
//! pages again. If the run ends with fewer existing items than the source reports, it reads the whole list
//! again.
//!
//! An incremental list (changes since a time) behaves differently: only deletions remove an item, and a change
//! during the run adds the item or moves it to the newest end. The next incremental run starts from the start
//! of this one, so it includes all of that. So an incremental run reads the list once, and a missing item does
//! not count as deleted. One case is missed: the newest items come last, and an item on an earlier page changes
//! again, so that later items move up. This needs several pages and a lost webhook. The next full run repairs
//! it.

use std::collections::VecDeque;
use std::time::Duration;

use super::deletions::{count_deleted, find_deleted};
use super::progress::SyncMode;
use super::run::{RunAbort, RunContext};
use crate::sources::Unreadable;
use crate::sources::api::{ApiRequest, ListCoverage, ParsedReply};
use crate::storage::deliveries::{BacklogRow, list_backlog};
use crate::storage::seen_keys::count_seen;
use crate::storage::sync_runs::Step;
use crate::upstream::CallError;

/// How often a list is read again at most. Some sources count items that they do not list.
const MAX_ROUNDS: i32 = 2;

/// How often, and how long each time, the run waits for pending webhooks.
const MAX_WAITS: u32 = 60;
const WAIT_INTERVAL: Duration = Duration::from_millis(500);

/// How many pages back the run can go without a restart.
const MAX_PAGES_BACK: usize = 16;

/// Reads a list. A full run then looks for deleted records. Returns a note for the status; empty if there
/// is nothing to say.
pub(super) async fn scan_list(
    run: &RunContext<'_>,
    holds: ListCoverage,
) -> Result<String, RunAbort> {
    let mut seen = 0;
    let mut restart_count = run.row.restart_count;
    let first = || run.account.api().first(run.which.stream, run.row.since);
    let mut cursor =
        run.row.cursor.as_ref().and_then(|cursor| ApiRequest::of_json(cursor).or_else(first));
    // The first page of a resumed run was counted before the interruption.
    let mut is_counted = run.row.scanned > 0;
    while let Some(ask) = cursor.take() {
        scan_pages(run, ask, std::mem::take(&mut is_counted)).await?;
        if run.mode() != SyncMode::Full {
            return Ok(String::new());
        }
        let met = count_met(run, holds).await?;
        let is_short = run.progress().total.is_some_and(|total| met < total);
        if is_short && restart_count < MAX_ROUNDS && met > seen {
            (seen, restart_count) = (met, restart_count.saturating_add(1));
            cursor = first();
            run.save(Step {
                cursor: cursor.as_ref().map(ApiRequest::to_json),
                restart_count: 1,
                ..Step::default()
            })
            .await?;
        }
    }
    match holds {
        ListCoverage::Records(kind) => find_deleted(run, kind).await,
        ListCoverage::Events(_) | ListCoverage::Neither => Ok(String::new()),
    }
}

/// Counts the items that the run has seen and that still exist. Webhooks report deletions during the run.
async fn count_met(run: &RunContext<'_>, holds: ListCoverage) -> Result<u64, RunAbort> {
    match holds {
        ListCoverage::Records(kind) => {
            wait_for_webhooks(run).await?;
            let met = count_seen(&run.account.pool, run.which, run.row.run_id).await?;
            Ok(met.saturating_sub(count_deleted(run, kind).await?))
        }
        ListCoverage::Events(_) | ListCoverage::Neither => {
            Ok(count_seen(&run.account.pool, run.which, run.row.run_id).await?)
        }
    }
}

/// Waits for webhooks that arrived before the end of the list, so that their deletions count. It gives up
/// after [`MAX_WAITS`] tries: a webhook may keep failing.
async fn wait_for_webhooks(run: &RunContext<'_>) -> Result<(), RunAbort> {
    let since = run.account.clock.now();
    let is_pending = |backlog: &BacklogRow| {
        backlog.state == "pending"
            && backlog.source == run.account.source().as_str()
            && backlog.oldest_at <= since
    };
    for _ in 0..MAX_WAITS {
        if !list_backlog(&run.account.pool, run.account.brand().id()).await?.iter().any(is_pending)
        {
            break;
        }
        tokio::time::sleep(WAIT_INTERVAL).await;
        run.renew("").await?;
    }
    Ok(())
}

async fn scan_pages(
    run: &RunContext<'_>,
    first: ApiRequest,
    mut is_counted: bool,
) -> Result<(), RunAbort> {
    let mut scanned: VecDeque<ApiRequest> = VecDeque::new();
    let mut reply = run.ask(&first).await?;
    let mut ask = first;
    loop {
        let next = next_ask(&ask, &reply, &scanned, run.progress().total);
        if next.as_ref() == Some(&ask) {
            return Err(RunAbort::Broken(CallError::Unreadable(Unreadable::Missing(
                "other next page: this page names itself as the next one",
            ))));
        }
        // Fetches the next page while this one is applied.
        let fetch = async {
            match &next {
                Some(next) => run.ask(next).await.map(Some),
                None => Ok(None),
            }
        };
        let is_counted = std::mem::take(&mut is_counted) || scanned.contains(&ask);
        let (kept, fetched) = tokio::join!(keep(run, &ask, &reply, is_counted), fetch);
        kept?;
        let (Some(next), Some(more)) = (next, fetched?) else { return Ok(()) };
        if !more.there.is_empty() && more.there == reply.there && !scanned.contains(&next) {
            return Err(RunAbort::Broken(CallError::Unreadable(Unreadable::Missing(
                "new next page: the next page has the same items",
            ))));
        }
        scanned.push_back(std::mem::replace(&mut ask, next));
        if scanned.len() > MAX_PAGES_BACK {
            scanned.pop_front();
        }
        reply = more;
    }
}

/// Applies a page and saves the progress. The cursor stays on this page: if items are deleted before the run
/// resumes, later items move up to it, and a run that continues on the next page would miss them.
async fn keep(
    run: &RunContext<'_>,
    ask: &ApiRequest,
    reply: &ParsedReply,
    is_counted: bool,
) -> Result<(), RunAbort> {
    let changed = run.take(reply).await?;
    let seen_keys: Vec<[u8; 16]> = match run.mode() {
        SyncMode::Full => reply.there.iter().map(|key| run.seen_key(key)).collect(),
        SyncMode::Incremental { .. } => Vec::new(),
    };
    run.save(Step {
        cursor: Some(ask.to_json()),
        scanned: if is_counted { 0 } else { reply.there.len().max(reply.places.len()) },
        changed,
        total: reply.total,
        seen_keys: &seen_keys,
        ..Step::default()
    })
    .await
}

/// The next page to read. If the total shrank, it is an earlier page, because later items have moved up to it.
fn next_ask(
    ask: &ApiRequest,
    reply: &ParsedReply,
    scanned: &VecDeque<ApiRequest>,
    total_before: Option<u64>,
) -> Option<ApiRequest> {
    let fewer = total_before.zip(reply.total).map_or(0, |(before, now)| before.saturating_sub(now));
    let page = u64::try_from(reply.there.len()).unwrap_or(u64::MAX).max(1);
    let back = usize::try_from(fewer.div_ceil(page)).unwrap_or(usize::MAX).min(scanned.len());
    let again =
        if back == 0 { None } else { scanned.get(scanned.len().saturating_sub(back)).cloned() };
    again.filter(|again| again != ask).or_else(|| reply.next.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sources::omniotap::{Entity, OmnioTapRequest};

    fn page(page: u64) -> ApiRequest {
        OmnioTapRequest::List { entity: Entity::Contact, page }.into()
    }

    #[test]
    fn pages_are_read_again_when_later_items_have_moved_up() {
        let scanned: VecDeque<ApiRequest> = (1..5).map(page).collect();
        let reply = |total| ParsedReply {
            there: vec![String::new(); 10],
            next: Some(page(6)),
            total,
            ..ParsedReply::default()
        };
        for (before, now, expected) in [
            (None, Some(90), 6),
            (Some(100), Some(100), 6),
            (Some(100), Some(99), 4),
            (Some(100), Some(89), 3),
            (Some(100), Some(0), 1),
        ] {
            assert_eq!(
                next_ask(&page(5), &reply(now), &scanned, before),
                Some(page(expected)),
                "{before:?} {now:?}"
            );
        }
        assert_eq!(
            next_ask(&page(1), &reply(Some(1)), &VecDeque::new(), Some(9)),
            Some(page(6)),
            "no earlier page"
        );
    }
}

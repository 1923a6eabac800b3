//! Makes a call to the source for each stored record or event.

use std::collections::BTreeMap;

use futures_util::{StreamExt, stream};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::account::SyncAccount;
use super::run::{RunAbort, RunContext};
use crate::counted::counted;
use crate::customer::model::field_versions::FieldVersions;
use crate::sources::api::{ApiRequest, Stream, Traversal};
use crate::storage::StorageError;
use crate::storage::events::{count_events, list_events_after};
use crate::storage::records::{count_record_ids, list_records_after};
use crate::storage::sync_runs::Step;

/// Items after which the progress is saved.
const ITEMS_PER_SAVE: u8 = 32;

/// Calls at the same time.
const MAX_CONCURRENT: usize = 4;

/// The cursor of a run: the id of the last item.
#[derive(Serialize, Deserialize)]
struct After {
    after: String,
}

/// Makes a call for each record or event. Returns a note for the status; empty if there is nothing to say.
pub(super) async fn scan_each(run: &RunContext<'_>, stream: Stream) -> Result<String, RunAbort> {
    let mut after = run
        .row
        .cursor
        .as_ref()
        .and_then(|cursor| After::deserialize(cursor).ok())
        .map(|cursor| cursor.after)
        .unwrap_or_default();
    let total = count_each(run.account, stream).await?;
    let mut failed: usize = 0;
    loop {
        let known = list_each(run.account, stream, &after).await?;
        let Some((last, _)) = known.last() else { break };
        let asks: Vec<ApiRequest> = known
            .iter()
            .filter_map(|(id, versions)| run.account.api().each(stream.name, id, versions))
            .collect();
        let asked: Vec<_> = asks.into_iter().map(|ask| ask_about(run, ask)).collect();
        let mut asked = stream::iter(asked).buffer_unordered(MAX_CONCURRENT);
        let mut changed: usize = 0;
        while let Some(done) = asked.next().await {
            match done {
                Ok(more) => changed = changed.saturating_add(more),
                // A failed call does not stop the run.
                Err(RunAbort::Broken(_)) => failed = failed.saturating_add(1),
                Err(stop) => return Err(stop),
            }
        }
        drop(asked);
        let cursor = Some(json!(After { after: last.clone() }));
        run.save(Step {
            cursor,
            scanned: known.len(),
            changed,
            total: Some(total),
            ..Step::default()
        })
        .await?;
        after.clone_from(last);
    }
    Ok(if failed == 0 {
        String::new()
    } else {
        format!("calls for {} failed", counted(failed, "item", "items"))
    })
}

/// Reads all pages of one item.
async fn ask_about(run: &RunContext<'_>, first: ApiRequest) -> Result<usize, RunAbort> {
    let (mut changed, mut ask): (usize, Option<ApiRequest>) = (0, Some(first));
    while let Some(asked) = ask.take() {
        let reply = run.ask(&asked).await?;
        changed = changed.saturating_add(run.take(&reply).await?);
        ask = reply.next.clone().filter(|next| *next != asked);
    }
    Ok(changed)
}

async fn count_each(account: &SyncAccount, stream: Stream) -> Result<u64, RunAbort> {
    let (mut db, brand_id) =
        (account.pool.acquire().await.map_err(StorageError::from)?, account.brand().id());
    Ok(match stream.traversal {
        Traversal::List(_) => 0,
        Traversal::EachRecord => {
            count_record_ids(&mut db, brand_id, &account.api().records_of(stream.name)).await?
        }
        Traversal::EachEvent(what) => {
            count_events(&mut db, brand_id, (account.source(), what)).await?
        }
    })
}

async fn list_each(
    account: &SyncAccount,
    stream: Stream,
    after: &str,
) -> Result<Vec<(String, FieldVersions)>, RunAbort> {
    let (mut db, brand_id) =
        (account.pool.acquire().await.map_err(StorageError::from)?, account.brand().id());
    Ok(match stream.traversal {
        Traversal::List(_) => Vec::new(),
        Traversal::EachRecord => {
            let mut records = BTreeMap::new();
            for kind in account.api().records_of(stream.name) {
                let of_kind =
                    list_records_after(&mut db, brand_id, kind, after, ITEMS_PER_SAVE.into())
                        .await?;
                records.extend(of_kind.into_iter().map(|record| (record.key.id, record.versions)));
            }
            records.into_iter().take(ITEMS_PER_SAVE.into()).collect()
        }
        Traversal::EachEvent(what) => {
            let events = list_events_after(
                &mut db,
                brand_id,
                (account.source(), what),
                after,
                ITEMS_PER_SAVE.into(),
            )
            .await?;
            events.into_iter().map(|event| (event.key.id, event.versions)).collect()
        }
    })
}

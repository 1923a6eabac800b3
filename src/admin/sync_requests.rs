//! Starts and stops sync runs of the running service.

use jiff::Timestamp;

use super::audit::{Action, Attribution};
use crate::brand::Brand;
use crate::customer::model::source::Source;
use crate::storage::StorageError;
use crate::storage::pool::Pool;
use crate::storage::sync_runs::{cancel_streams, request_runs};

/// The streams of a source whose runs are to be started or stopped: one, or all.
#[derive(Debug, Clone, Copy)]
pub struct WantedStreams<'a> {
    /// The source.
    pub source: Source,
    /// The name of the stream. `None`: all of the source.
    pub stream: Option<&'a str>,
}

impl WantedStreams<'_> {
    fn target(self) -> String {
        format!("{} {}", self.source, self.stream.unwrap_or("all streams"))
    }
}

/// Asks for a full run of streams. A running service begins it within seconds, unless it reads another stream of this
/// source: then after that. Returns how many runs are new.
///
/// # Errors
/// If Postgres fails.
pub async fn request_sync(
    pool: &Pool,
    brand: &Brand,
    wanted: WantedStreams<'_>,
    attribution: Attribution<'_>,
    now: Timestamp,
) -> Result<u64, StorageError> {
    let streams = brand.rules.sources.api(wanted.source).streams().iter().map(|all| all.name);
    let streams: Vec<&str> =
        streams.filter(|name| wanted.stream.is_none_or(|stream| stream == *name)).collect();
    let mut transaction = pool.begin().await?;
    let count = request_runs(&mut transaction, brand.id(), wanted.source, &streams, now).await?;
    let action = Action::new("request sync", wanted.target());
    let outcome = format!("runs: {count}");
    action.done_in(&mut transaction, brand.id(), (attribution, now), &outcome).await?;
    transaction.commit().await?;
    Ok(count)
}

/// Cancels unfinished runs, on any replica. Returns how many.
///
/// # Errors
/// If Postgres fails.
pub async fn cancel_sync(
    pool: &Pool,
    brand: &Brand,
    wanted: WantedStreams<'_>,
    attribution: Attribution<'_>,
    now: Timestamp,
) -> Result<u64, StorageError> {
    let action = Action::new("cancel sync", wanted.target());
    let entry = action.begin(pool, brand.id(), attribution, now).await?;
    let (source, stream) = (Some(wanted.source), wanted.stream);
    let count = cancel_streams(pool, brand.id(), source, stream, now).await?;
    entry.end(&format!("runs: {count}")).await?;
    Ok(count)
}

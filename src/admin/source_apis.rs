//! What is known about the APIs of the sources, without a call to any.

use jiff::Timestamp;

use crate::brand::Brand;
use crate::customer::model::source::Source;
use crate::settings::file::SyncSettings;
use crate::sources::api::{Stream, Traversal};
use crate::storage::StorageError;
use crate::storage::account_status::{AccountRow, get_account};
use crate::storage::follow_ups::{FollowUpCounts, count_follow_ups};
use crate::storage::pool::Pool;
use crate::storage::sync_streams::{StreamRow, list_streams};
use crate::sync::next_run_at;

/// What is known about the API of a source.
pub struct SourceApi {
    /// The source.
    pub source: Source,
    /// The calls and the health of the account. `None` if the settings have no API.
    pub account: Option<AccountRow>,
    /// The streams that ever had a run.
    pub streams: Vec<StreamRow>,
    /// The requests that follow webhooks. `None`: there are none.
    pub follow_ups: Option<FollowUpCounts>,
}

/// What is known about the APIs of all sources of a brand.
///
/// # Errors
/// If Postgres fails.
pub async fn list_source_apis(pool: &Pool, brand: &Brand) -> Result<Vec<SourceApi>, StorageError> {
    let mut rows = list_streams(pool, brand.id()).await?;
    let mut counts = count_follow_ups(pool, brand.id()).await?;
    let mut sources = Vec::new();
    for source in Source::ALL {
        let rules = &brand.rules;
        let has_api =
            rules.accounts.contains_key(&source) || rules.unreadable_secrets.contains_key(&source);
        let account = match has_api {
            true => Some(get_account(pool, brand.id(), source).await?),
            false => None,
        };
        let name = source.as_str();
        sources.push(SourceApi {
            source,
            account,
            streams: rows.extract_if(.., |row| row.source == name).collect(),
            follow_ups: counts.extract_if(.., |counts| counts.source == name).next(),
        });
    }
    Ok(sources)
}

impl SourceApi {
    /// The streams of the source, each with its stored status.
    pub fn streams<'a>(
        &'a self,
        brand: &'a Brand,
    ) -> impl Iterator<Item = (&'static str, Option<&'a StreamRow>)> {
        let streams = brand.rules.sources.api(self.source).streams();
        streams.iter().map(|stream| (stream.name, self.row(stream)))
    }

    fn row(&self, stream: &Stream) -> Option<&StreamRow> {
        self.streams.iter().find(|row| row.stream == stream.name)
    }

    /// When the next run of a stream is planned; see [`next_run_at`].
    #[must_use]
    pub fn next_run_at(
        &self,
        brand: &Brand,
        stream: &str,
        settings: &SyncSettings,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let can_list_changes =
            brand.rules.sources.api(self.source).first(stream, Some(now)).is_some();
        let row = self.streams.iter().find(|row| row.stream == stream);
        next_run_at(row, can_list_changes, settings, now)
    }

    /// Whether every stream was read in full at least once, except those that the settings exclude.
    #[must_use]
    pub fn is_read_once(&self, brand: &Brand) -> bool {
        let api = brand.rules.sources.api(self.source);
        let is_excluded = |stream: &Stream| {
            matches!(stream.traversal, Traversal::List(_)) && api.first(stream.name, None).is_none()
        };
        let is_read = |stream: &Stream| {
            self.row(stream).is_some_and(|row| row.last_full_started_at.is_some())
        };
        api.streams().iter().all(|stream| is_excluded(stream) || is_read(stream))
    }
}

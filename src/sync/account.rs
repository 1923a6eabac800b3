//! An account whose streams are read, with what every run needs.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use uuid::Uuid;

use crate::brand::Brand;
use crate::clock::Clock;
use crate::customer::model::source::{Source, SourceKind};
use crate::settings::file::SyncSettings;
use crate::sources::api::{ApiConnector, Stream};
use crate::storage::StorageError;
use crate::storage::pool::Pool;
use crate::storage::sync_runs::{LeaseOwner, release_streams};
use crate::upstream::UpstreamClient;

/// An account whose streams are read.
pub struct SyncAccount {
    pub(crate) pool: Pool,
    pub(crate) client: Arc<UpstreamClient>,
    pub(crate) clock: Clock,
    pub(crate) lease: Duration,
    pub(crate) max_deletions_percent: u32,
    token: Uuid,
}

impl SyncAccount {
    /// An account. Each value has a token of its own, so that its leases differ from others.
    #[must_use]
    pub fn new(
        pool: Pool,
        client: Arc<UpstreamClient>,
        settings: &SyncSettings,
        clock: Clock,
    ) -> Self {
        Self {
            pool,
            client,
            clock,
            lease: Duration::from_secs(settings.lease_seconds),
            max_deletions_percent: settings.max_deletions_percent,
            token: Uuid::new_v4(),
        }
    }

    /// The connections to Postgres.
    #[must_use]
    pub const fn pool(&self) -> &Pool {
        &self.pool
    }

    /// The brand of the account.
    #[must_use]
    pub fn brand(&self) -> &Brand {
        &self.client.brand
    }

    /// The source of the account.
    #[must_use]
    pub fn source(&self) -> Source {
        self.client.source
    }

    /// Kinds of record, from other connected sources, for each of which a stream makes a call.
    #[must_use]
    pub fn needs(&self, stream: Stream) -> BTreeSet<SourceKind> {
        let is_connected = |source: Source| {
            source != self.source() && self.brand().rules.accounts.contains_key(&source)
        };
        self.api()
            .records_of(stream.name)
            .into_iter()
            .filter(|kind| is_connected(kind.source()))
            .collect()
    }

    /// The account's API.
    #[must_use]
    pub fn api(&self) -> &dyn ApiConnector {
        self.client.brand.rules.sources.api(self.client.source)
    }

    /// Releases the leases of this runner, so that others can resume its runs.
    ///
    /// # Errors
    /// When Postgres fails. The leases then end by themselves.
    pub async fn release(&self) -> Result<(), StorageError> {
        release_streams(&self.pool, self.client.brand.id(), self.token).await
    }

    /// This value as the owner of a lease that starts now.
    pub(crate) fn lease_owner(&self) -> LeaseOwner {
        let at = self.clock.now();
        let lease = SignedDuration::try_from(self.lease).unwrap_or(SignedDuration::from_secs(60));
        LeaseOwner { token: self.token, at, until: at.checked_add(lease).unwrap_or(at) }
    }
}

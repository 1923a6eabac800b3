//! The accounts of brands at their sources: everything that goes out to a source's API goes through one of these.
//!
//! A call waits for the budget that all replicas share, is made once for all who ask the same at the same time, and is read by
//! the source's own words ([`Api`](crate::sources::api::Api)). An account that fails again and again is left alone for a while.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use sqlx::PgPool;

use crate::background::Background;
use crate::brand::Brand;
use crate::clock::Clock;
use crate::customer::kind::Source;
use crate::settings::file::CallSettings;
use crate::sources::Unreadable;
use crate::sources::api::{Ask, Heard};
use crate::storage::StorageError;

/// What a call is for. The first have precedence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Somebody is on the phone.
    Live,
    /// A webhook hinted at something.
    FollowUp,
    /// What is known is compared with what there is.
    Reconcile,
    /// What there is gets to be known.
    Backfill,
}

/// Why there is no reading. The text never holds what was asked, sent or heard.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CallError {
    /// The budget allows no call within the time that the caller has.
    #[error("the budget allows no call in time")]
    NoBudget,
    /// It failed too often lately.
    #[error("it is left alone, because it fails")]
    Broken,
    /// Nothing came in time.
    #[error("it did not answer in time")]
    TimedOut,
    /// There was nobody, or the connection broke.
    #[error("it could not be reached")]
    Unreachable,
    /// A status that isn't an answer.
    #[error("it answered {0}")]
    Status(u16),
    /// It wants us to go elsewhere.
    #[error("it redirects")]
    Redirected,
    /// A URL that leads away from the account, or nowhere.
    #[error("a URL leads away from the account")]
    Foreign,
    /// More than anybody needs.
    #[error("the answer is too large")]
    TooLarge,
    /// Something else than JSON.
    #[error("the answer is not JSON")]
    NotJson,
    /// JSON that says nothing.
    #[error("the answer can't be understood: {0}")]
    Unreadable(#[from] Unreadable),
    /// There is no token to be had.
    #[error("there is no token: {0}")]
    NoToken(Arc<Self>),
    /// This API can't be asked that.
    #[error("this API can't be asked that")]
    Unaskable,
    /// The budget is kept in Postgres.
    #[error("the budget is not known: {0}")]
    Storage(Arc<StorageError>),
    /// The service is ending.
    #[error("the service is ending")]
    Ending,
}

impl CallError {
    /// Whether the same question may be answered later.
    #[must_use]
    pub const fn may_heal(&self) -> bool {
        match self {
            Self::NoBudget | Self::Broken | Self::TimedOut | Self::Unreachable | Self::NoToken(_) | Self::Storage(_) | Self::Ending => true,
            // Also a key that is wrong today.
            Self::Status(status) => matches!(status, 401 | 403 | 408 | 425 | 429) || *status >= 500,
            Self::NotJson | Self::Redirected => true,
            Self::Foreign | Self::TooLarge | Self::Unreadable(_) | Self::Unaskable => false,
        }
    }
}

/// An account of a brand at a source.
pub struct Account {
    /// The brand.
    pub brand: Arc<Brand>,
    /// The source.
    pub source: Source,
}

impl Account {
    /// Asks, and waits for what is heard: at most `patience` for the budget, and then for as long as a call may take. A call
    /// that has begun goes on when nobody waits for it any more.
    ///
    /// # Errors
    /// When nothing is heard.
    pub async fn call(self: &Arc<Self>, _ask: &Ask, _class: Class, _patience: Duration) -> Result<Arc<Heard>, CallError> {
        Err(CallError::Ending)
    }

    /// Whether calls are likely to be made at all now: not while it is left alone because it fails. A call to find out whether
    /// it is back is made beside whoever asks.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        true
    }
}

/// The accounts of all brands.
#[derive(Clone, Default)]
pub struct Accounts(Arc<BTreeMap<(i32, Source), Arc<Account>>>);

impl Accounts {
    /// The accounts of some brands; nothing is called yet.
    #[must_use]
    pub fn new(_pool: &PgPool, brands: &[Arc<Brand>], _settings: &CallSettings, _background: &Background, _clock: &Clock) -> Self {
        let each = brands.iter().flat_map(|brand| brand.rules.accounts.keys().map(move |source| (brand, *source)));
        let account = |(brand, source): (&Arc<Brand>, Source)| ((brand.id(), source), Arc::new(Account { brand: Arc::clone(brand), source }));
        Self(Arc::new(each.map(account).collect()))
    }

    /// A brand's account at a source.
    #[must_use]
    pub fn get(&self, brand_id: i32, source: Source) -> Option<&Arc<Account>> {
        self.0.get(&(brand_id, source))
    }

    /// All accounts of a brand.
    pub fn of_brand(&self, brand_id: i32) -> impl Iterator<Item = &Arc<Account>> {
        self.0.iter().filter(move |((brand, _), _)| *brand == brand_id).map(|(_, account)| account)
    }
}

//! The accounts of brands at their sources: everything that goes out to a source's API goes through one of these.
//!
//! A call waits for the budget that all replicas share, is made once for all who ask the same at the same time, and is read by
//! the source's own words ([`Api`](crate::sources::api::Api)). An account that fails again and again is left alone for a while.

mod breaker;
mod budget;
mod calls;
mod client;
mod share;
mod target;
mod token;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sqlx::PgPool;

use self::breaker::Breaker;
use self::budget::{Budget, Limits};
use self::calls::Flights;
use self::client::Client;
pub use self::share::Window;
use self::target::Places;
use self::token::Prover;

use crate::background::Background;
use crate::brand::Brand;
use crate::clock::Clock;
use crate::customer::kind::Source;
use crate::settings::file::CallSettings;
use crate::sources::Unreadable;
use crate::sources::api::{AccountRules, Api};
use crate::storage::StorageError;
use crate::storage::accounts::AccountKey;

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

impl Class {
    /// All of them, by precedence.
    pub const ALL: [Self; 4] = [Self::Live, Self::FollowUp, Self::Reconcile, Self::Backfill];

    /// Its name in metrics and commands.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::FollowUp => "follow-up",
            Self::Reconcile => "reconcile",
            Self::Backfill => "backfill",
        }
    }

    /// Its number in the store.
    pub(super) const fn number(self) -> usize {
        match self {
            Self::Live => 0,
            Self::FollowUp => 1,
            Self::Reconcile => 2,
            Self::Backfill => 3,
        }
    }
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
    /// What becomes of a call, in metrics.
    const fn outcome(&self) -> &'static str {
        match self {
            Self::NoBudget => "no_budget",
            Self::Broken => "left_alone",
            Self::TimedOut => "timed_out",
            Self::Unreachable => "unreachable",
            Self::Status(429) => "throttled",
            Self::Status(_) => "status",
            Self::Redirected => "redirected",
            Self::Foreign => "foreign",
            Self::TooLarge => "too_large",
            Self::NotJson => "not_json",
            Self::Unreadable(_) => "unreadable",
            Self::NoToken(_) => "no_token",
            Self::Unaskable => "unaskable",
            Self::Storage(_) => "unavailable",
            Self::Ending => "ending",
        }
    }

    /// Whether the account isn't well: after some of these in a row it is left alone. Too many calls are the budget's matter.
    fn is_fault(&self) -> bool {
        match self {
            Self::TimedOut | Self::Unreachable | Self::NotJson | Self::Redirected => true,
            // A key that is wrong stays wrong for a while.
            Self::Status(status) => *status == 401 || *status >= 500,
            Self::NoToken(why) => why.is_fault() || matches!(**why, Self::Status(_) | Self::Unreadable(_)),
            _ => false,
        }
    }

    /// Whether the source said something, be it that it doesn't want to.
    const fn is_answer(&self) -> bool {
        matches!(self, Self::Status(_) | Self::TooLarge | Self::Unreadable(_))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An account of a brand at a source.
pub struct Account {
    /// The brand.
    pub brand: Arc<Brand>,
    /// The source.
    pub source: Source,
    api: Option<Arc<dyn Api>>,
    places: Places,
    prover: Prover,
    client: Client,
    budget: Arc<Budget>,
    breaker: Arc<Breaker>,
    flights: Flights,
    background: Background,
    clock: Clock,
}

impl Account {
    /// Who words the questions and reads the replies.
    fn api(&self) -> &dyn Api {
        self.api.as_deref().unwrap_or_else(|| self.brand.rules.sources.api(self.source))
    }

    /// Whether calls are likely to be made at all now: not while it is left alone because it fails. A call to find out whether
    /// it is back is made beside whoever asks.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.breaker.is_closed()
    }
}

/// What the accounts of a process have in common.
pub struct Switchboard {
    pool: PgPool,
    client: Client,
    settings: CallSettings,
    window: Window,
    background: Background,
    clock: Clock,
}

impl Switchboard {
    /// Connects to nobody yet. The window is a minute, but for tests.
    #[must_use]
    pub fn new(pool: &PgPool, settings: &CallSettings, window: Window, background: &Background, clock: &Clock) -> Self {
        let (pool, background, clock) = (pool.clone(), background.clone(), clock.clone());
        Self { pool, client: Client::new(settings), settings: settings.clone(), window, background, clock }
    }

    /// An account by these rules; its API is the source's own unless there is another one.
    #[must_use]
    pub fn open(&self, brand: &Arc<Brand>, source: Source, rules: &AccountRules, api: Option<Arc<dyn Api>>) -> Arc<Account> {
        let (pool, background, settings) = (&self.pool, &self.background, &self.settings);
        let key = AccountKey { brand_id: brand.id(), source };
        let slug = brand.rules.slug.as_str();
        let limits = Limits { calls: rules.calls_per_minute, window: self.window, at_once: settings.at_once };
        let budget = Budget::new(pool, key, slug, limits, background);
        let rest = Duration::from_secs(settings.break_seconds);
        Arc::new(Account {
            brand: Arc::clone(brand),
            source,
            api,
            places: Places::new(&rules.base_url, &rules.origins),
            prover: Prover::new(&rules.credential, &rules.base_url, &self.client, &budget, background),
            client: self.client.clone(),
            breaker: Breaker::new(pool, key, slug, settings.break_after, rest, background),
            budget,
            flights: Flights::default(),
            background: background.clone(),
            clock: self.clock.clone(),
        })
    }
}

/// The accounts of all brands.
#[derive(Clone, Default)]
pub struct Accounts(Arc<BTreeMap<(i32, Source), Arc<Account>>>);

impl Accounts {
    /// The accounts of some brands; nothing is called yet.
    #[must_use]
    pub fn new(pool: &PgPool, brands: &[Arc<Brand>], settings: &CallSettings, background: &Background, clock: &Clock) -> Self {
        let board = Switchboard::new(pool, settings, Window::MINUTE, background, clock);
        let each = brands.iter().flat_map(|brand| brand.rules.accounts.iter().map(move |(source, rules)| (brand, *source, rules)));
        Self(Arc::new(each.map(|(brand, source, rules)| ((brand.id(), source), board.open(brand, source, rules, None))).collect()))
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

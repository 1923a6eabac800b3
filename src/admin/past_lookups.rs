//! Finds lookups that were answered: what did the agent see?

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::find_customers::{erasure_target, find_customers, without_owner};
use crate::brand::Brand;
use crate::customer::model::email::Email;
use crate::customer::model::identifier::Identifier;
use crate::customer::model::phone::Phone;
use crate::customer::model::record::RecordKey;
use crate::customer::model::text::canonical_id;
use crate::erasure::erase::is_erased;
use crate::lookup::query::Question;
use crate::lookup::query_customers::ReadRules;
use crate::lookup::trace::Outcome;
use crate::storage::StorageError;
use crate::storage::customer_summaries::{Owner, list_changed_owners, list_names};
use crate::storage::invalidation::LookupHash;
use crate::storage::lookup_history::{LookupFilter, LookupRow, list_lookups};
use crate::storage::page_key::PageKey;
use crate::storage::pool::Pool;

/// Which lookups to find.
pub enum LookupSearch {
    /// Those that named a ticket of Omnidesk.
    Ticket(String),
    /// The one of a request.
    Request(Uuid),
    /// Those of an address or id.
    Question(Question),
    /// Those that the customer with this customer id, record id or record key matched.
    Customer(String),
}

impl LookupSearch {
    /// A search for the lookups of an e-mail address, or of a phone number in any usual spelling. `None` if the text is
    /// neither.
    #[must_use]
    pub fn of_address(brand: &Brand, text: &str) -> Option<Self> {
        let address: Identifier = if text.contains('@') {
            Email::parse(text).ok()?.into()
        } else {
            Phone::normalise(text, brand.rules.identity.region).ok()?.into()
        };
        Some(Self::Question(Question::Address(address)))
    }
}

/// A lookup that was answered.
pub struct PastLookup {
    /// When, and with what.
    pub row: LookupRow,
    /// The customers in the answer.
    pub customers: Vec<PastCustomer>,
}

/// A customer in an answer.
pub struct PastCustomer {
    /// The key that it had then.
    pub key: String,
    /// The key of the customer that has its first record now. `None` if the record is no longer stored.
    pub now: Option<String>,
    /// Whether its part of the answer is still the same.
    pub since: Since,
}

/// Whether an answer is still the same. Old answers are not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Since {
    /// It is still the same.
    Same,
    /// It changed since, for the last time then.
    Changed(Timestamp),
    /// Not known.
    Unknown,
}

/// A cached answer may be older than what is stored by this time: after it, a silent connection counts as broken.
const MOST_BEHIND: SignedDuration = SignedDuration::from_secs(12);

/// The clocks of the service and of Postgres may differ by this time.
const CLOCKS: SignedDuration = SignedDuration::from_secs(2);

impl Since {
    /// Of the customer with a key in a lookup. `owner` is the customer that has its first record now, `settings_hash` that
    /// of the settings now.
    fn new(lookup: &LookupRow, key: &str, owner: Option<&Owner>, settings_hash: &[u8]) -> Self {
        let was_shown = !lookup.too_many && lookup.cache != Outcome::Stale.as_str();
        let is_current =
            |owner: &&Owner| owner.customer_key == key && owner.settings_hash == settings_hash;
        let owner = owner.filter(|_| was_shown).filter(is_current);
        let Some(changed_at) = owner.and_then(|owner| owner.changed_at) else {
            return Self::Unknown;
        };
        let duration = SignedDuration::from_micros(lookup.duration_us.into());
        let answered_at = lookup.asked_at.saturating_add(duration).unwrap_or(lookup.asked_at);
        if changed_at.duration_since(answered_at) > CLOCKS {
            Self::Changed(changed_at)
        } else if lookup.asked_at.duration_since(changed_at) > MOST_BEHIND {
            Self::Same
        } else {
            Self::Unknown
        }
    }

    /// Whether it is the same, if that is known, and when it changed.
    #[must_use]
    pub const fn parts(self) -> (Option<bool>, Option<Timestamp>) {
        match self {
            Self::Same => (Some(true), None),
            Self::Changed(at) => (Some(false), Some(at)),
            Self::Unknown => (None, None),
        }
    }
}

/// The newest lookups that match, at most `limit`.
///
/// # Errors
/// If Postgres fails.
pub async fn find_past_lookups(
    pool: &Pool,
    brand: &Brand,
    search: &LookupSearch,
    rules: ReadRules,
    limit: u32,
) -> Result<Vec<PastLookup>, StorageError> {
    let secret = &brand.secret;
    let records = match search {
        LookupSearch::Customer(id) => records_of(pool, brand, id, rules).await?,
        _ => BTreeSet::new(),
    };
    let filter = match search {
        LookupSearch::Ticket(ticket) => LookupFilter::Ticket(LookupHash::of_ticket(secret, ticket)),
        LookupSearch::Request(id) => LookupFilter::Request(*id),
        LookupSearch::Question(question) => {
            let (kind, text) = question.parts();
            LookupFilter::Question(LookupHash::new(secret, kind, text))
        }
        LookupSearch::Customer(_) => LookupFilter::Customers(&records),
    };
    list(pool, brand, filter, limit).await
}

/// The newest lookups of the brand from before one of them, at most `limit`.
///
/// # Errors
/// If Postgres fails.
pub async fn list_past_lookups(
    pool: &Pool,
    brand: &Brand,
    before: PageKey,
    limit: u32,
) -> Result<Vec<PastLookup>, StorageError> {
    list(pool, brand, LookupFilter::Before(before), limit).await
}

async fn list(
    pool: &Pool,
    brand: &Brand,
    filter: LookupFilter<'_>,
    limit: u32,
) -> Result<Vec<PastLookup>, StorageError> {
    let mut connection = pool.acquire().await?;
    let rows = list_lookups(&mut connection, brand.id(), filter, Some(limit)).await?;
    let keys = rows.iter().flat_map(|row| &row.customer_keys).filter_map(|key| key.parse().ok());
    let owners = list_changed_owners(&mut connection, brand.id(), &keys.collect()).await?;
    let settings_hash = brand.rules.presenter.hash();
    let customer = |row: &LookupRow, key: &String| {
        let owner = key.parse().ok().and_then(|record: RecordKey| owners.get(&record));
        let now = owner.map(|owner| owner.customer_key.clone());
        let since = Since::new(row, key, owner, &settings_hash);
        PastCustomer { key: key.clone(), now, since }
    };
    let lookup = |row: LookupRow| {
        let customers = row.customer_keys.iter().map(|key| customer(&row, key)).collect();
        PastLookup { row, customers }
    };
    Ok(rows.into_iter().map(lookup).collect())
}

/// The names of the customers of some lookups as they are now, by the key of each.
///
/// # Errors
/// If Postgres fails.
pub async fn names_now(
    pool: &Pool,
    brand: &Brand,
    lookups: &[PastLookup],
) -> Result<BTreeMap<String, String>, StorageError> {
    let customers = lookups.iter().flat_map(|lookup| &lookup.customers);
    let keys = customers.filter_map(|customer| customer.now.clone()).collect();
    list_names(&mut *pool.acquire().await?, brand.id(), &keys).await
}

/// Whether a search is about a person who was erased.
///
/// # Errors
/// If Postgres fails.
pub async fn is_about_erased(
    pool: &Pool,
    brand: &Brand,
    search: &LookupSearch,
) -> Result<bool, StorageError> {
    let target = match search {
        LookupSearch::Question(question) => erasure_target(question),
        LookupSearch::Customer(id) => erasure_target(&Question::Id(canonical_id(id))),
        LookupSearch::Ticket(_) | LookupSearch::Request(_) => return Ok(false),
    };
    is_erased(&mut *pool.acquire().await?, brand, &target).await
}

/// The records of a customer. If it is no longer stored: those that the id may mean.
async fn records_of(
    pool: &Pool,
    brand: &Brand,
    id: &str,
    rules: ReadRules,
) -> Result<BTreeSet<RecordKey>, StorageError> {
    let question = Question::Id(canonical_id(id));
    let found = find_customers(pool, brand, &question, rules).await?;
    if found.is_empty() {
        let possible = erasure_target(&question).record_keys();
        return without_owner(&mut *pool.acquire().await?, brand, possible).await;
    }
    Ok(found.into_iter().flat_map(|found| found.records).collect())
}

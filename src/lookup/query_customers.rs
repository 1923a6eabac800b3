//! Queries for lookups. A rendered answer takes one round trip. An answer that other settings rendered is rendered
//! again.

use std::collections::BTreeSet;

use crate::storage::pool::{Connection, Pool};

use super::agent_links::with_links;
use super::freshness::{sources_to_query, sources_to_query_by_id};
use super::query::Question;
use super::result::CustomerKeys;
use crate::brand::Brand;
use crate::customer::answer::presentation::{Presenter, Rendered};
use crate::customer::answer::profile::Profile;
use crate::customer::identity::source_merges::Aliases;
use crate::customer::model::identifier::Identifier;
use crate::customer::model::record::Record;
use crate::customer::model::source::Source;
use crate::settings::file::{LookupSettings, MultipleMatches};
use crate::sources::api::LookupTarget;
use crate::storage::answers::{
    AnswerRow, StoredAddress, find_by_addresses, find_by_id, find_known_addresses,
};
use crate::storage::decisions::list_confirmed_addresses;
use crate::storage::invalidation::LookupHash;
use crate::storage::suppressions::SuppressionHasher;
use crate::storage::{StorageError, customers, events, records};

/// The rules for an address that several customers have.
#[derive(Debug, Clone, Copy)]
pub struct ReadRules {
    /// If more customers match, the answer is empty.
    pub max_customers: usize,
    /// Whether the answer has all matching customers, or is empty if several match.
    pub multiple_matches: MultipleMatches,
}

impl From<&LookupSettings> for ReadRules {
    fn from(settings: &LookupSettings) -> Self {
        Self {
            max_customers: usize::try_from(settings.max_customers).unwrap_or(usize::MAX),
            multiple_matches: settings.multiple_matches,
        }
    }
}

impl ReadRules {
    /// The most customers that the answer to an address may have.
    const fn most_by_address(self) -> usize {
        match self.multiple_matches {
            MultipleMatches::None => 1,
            MultipleMatches::All => self.max_customers,
        }
    }

    const fn why_ambiguous(self) -> &'static str {
        match self.multiple_matches {
            MultipleMatches::None => "the address matches several customers",
            MultipleMatches::All => {
                "the address matches more customers than lookup.max_customers allows"
            }
        }
    }
}

/// The result of a lookup in Postgres.
pub struct FoundCustomer {
    /// The response body: a JSON array.
    pub body: String,
    /// The customers in the body, or that too many match.
    pub customers: CustomerKeys,
    /// The sources that may have more data.
    pub sources_to_query: Vec<Source>,
    /// Whether the answer may be cached. Notifications do not name the ids of events, so an answer found by such an id
    /// is not cached.
    pub may_be_cached: bool,
}

impl FoundCustomer {
    /// Builds the text in one allocation of the exact size, because cached bodies must not take more memory than
    /// needed.
    fn new(brand: &Brand, rows: Vec<AnswerRow>, may_be_cached: bool) -> Self {
        let rows = with_links(brand, rows);
        let length = rows
            .iter()
            .map(|row| row.body.len().saturating_add(1))
            .sum::<usize>()
            .saturating_add(1)
            .max(2);
        let mut body = String::with_capacity(length);
        body.push('[');
        for (n, row) in rows.iter().enumerate() {
            if n > 0 {
                body.push(',');
            }
            body.push_str(&row.body);
        }
        body.push(']');
        let customers = rows.into_iter().map(|row| row.customer_key).collect();
        Self { body, customers, sources_to_query: Vec::new(), may_be_cached }
    }

    fn needing(self, sources_to_query: Vec<Source>) -> Self {
        Self { sources_to_query, ..self }
    }
}

/// Answers a lookup on a connection of a pool.
///
/// # Errors
/// When Postgres fails.
pub async fn find(
    pool: &Pool,
    brand: &Brand,
    question: &Question,
    rules: ReadRules,
) -> Result<FoundCustomer, StorageError> {
    find_on(&mut *pool.acquire().await?, brand, question, rules).await
}

/// Answers a lookup.
///
/// # Errors
/// When Postgres fails.
pub async fn find_on(
    db: &mut Connection,
    brand: &Brand,
    question: &Question,
    rules: ReadRules,
) -> Result<FoundCustomer, StorageError> {
    for _ in 0..MAX_RESTARTS {
        // If a customer was replaced between two statements, the lookup starts again.
        if let Some(found) = find_once(db, brand, question, rules).await? {
            return Ok(found);
        }
    }
    // So many restarts are not a coincidence: the customer can never be loaded.
    Err(StorageError::Corrupt("customers"))
}

const MAX_RESTARTS: u32 = 10;

/// Answers the lookups of several addresses in one round trip. `found` gets each answer as soon as it has arrived; `None`
/// stands for one that other settings rendered, which [`find_on`] renders again.
///
/// # Errors
/// When Postgres fails. Some lookups may have been answered.
pub async fn find_batch(
    db: &mut Connection,
    brand: &Brand,
    addresses: &[Identifier],
    rules: ReadRules,
    mut found: impl FnMut(usize, Option<FoundCustomer>) + Send,
) -> Result<(), StorageError> {
    list_known(db, brand, addresses, rules, |n, known| {
        let Some(address) = addresses.get(n) else { return };
        found(n, read(brand, address, known, rules));
    })
    .await
}

/// The answer to a lookup by address. `None` if other settings rendered it.
fn read(
    brand: &Brand,
    address: &Identifier,
    known: StoredAddress,
    rules: ReadRules,
) -> Option<FoundCustomer> {
    let sources_to_query = sources_to_query(brand, &LookupTarget::Address(address.clone()), &known);
    let rows = known.rows;
    if rows.len() > rules.most_by_address() {
        return Some(ambiguous(brand, rows, rules.why_ambiguous(), true));
    }
    let is_current = rows.iter().all(|row| row.settings_hash == brand.rules.presenter.hash());
    is_current.then(|| FoundCustomer::new(brand, rows, true).needing(sources_to_query))
}

/// Loads the answers of some addresses. If sources can be asked, it also loads which sources have data. `found` gets each
/// address as soon as it has arrived.
async fn list_known(
    db: &mut Connection,
    brand: &Brand,
    addresses: &[Identifier],
    rules: ReadRules,
    found: impl FnMut(usize, StoredAddress) + Send,
) -> Result<(), StorageError> {
    let limit = rules.max_customers.saturating_add(1);
    if !brand.rules.asks_live() {
        return find_by_addresses(db, brand.id(), addresses, limit, found).await;
    }
    let asked: Vec<(&Identifier, LookupHash)> = addresses
        .iter()
        .map(|address| (address, LookupHash::of_address(&brand.secret, address)))
        .collect();
    find_known_addresses(db, brand.id(), &asked, limit, found).await
}

/// Finds the keys of the customers that match a lookup, at most as many as an answer may have.
///
/// # Errors
/// When Postgres fails.
pub async fn find_keys(
    db: &mut Connection,
    brand: &Brand,
    question: &Question,
    rules: ReadRules,
) -> Result<Vec<String>, StorageError> {
    let rows = match question {
        Question::Address(address) => {
            let mut rows = Vec::new();
            let limit = rules.max_customers;
            let addresses = std::slice::from_ref(address);
            find_by_addresses(db, brand.id(), addresses, limit, |_, found| rows = found.rows)
                .await?;
            rows
        }
        Question::Id(id) => find_id(db, brand, id).await?.0,
    };
    Ok(rows.into_iter().map(|row| row.customer_key).collect())
}

/// The customers that an id may mean, at most two, and whether a reference has led to them.
///
/// # Errors
/// When Postgres fails.
pub async fn find_id(
    db: &mut Connection,
    brand: &Brand,
    id: &str,
) -> Result<(Vec<AnswerRow>, bool), StorageError> {
    let hash = SuppressionHasher::new(&brand.suppression_key).given_id(id);
    find_by_id(db, brand.id(), (id, hash), &brand.rules.reference_ids).await
}

/// One attempt at a lookup. `None` if a customer was replaced between two statements.
async fn find_once(
    db: &mut Connection,
    brand: &Brand,
    question: &Question,
    rules: ReadRules,
) -> Result<Option<FoundCustomer>, StorageError> {
    // A result by id may be cached only if notifications name that id. So "nobody" is not cached, nor a customer found
    // by an order number.
    let (rows, sources_to_query, may_be_cached, most, why) = match question {
        Question::Address(address) => {
            let mut known = StoredAddress::default();
            let addresses = std::slice::from_ref(address);
            list_known(db, brand, addresses, rules, |_, found| known = found).await?;
            let sources_to_query =
                sources_to_query(brand, &LookupTarget::Address(address.clone()), &known);
            (known.rows, sources_to_query, true, rules.most_by_address(), rules.why_ambiguous())
        }
        Question::Id(id) => {
            let (rows, by_reference) = find_id(db, brand, id).await?;
            let may_be_cached = rows.len() == 1 && !by_reference;
            // A customer found by an id has that id, so no source needs to be asked.
            let sources_to_query = if rows.is_empty() {
                sources_to_query_by_id(db, brand, id).await?
            } else {
                Vec::new()
            };
            (rows, sources_to_query, may_be_cached, 1, "the id matches several customers")
        }
    };
    if rows.len() > most {
        return Ok(Some(ambiguous(brand, rows, why, may_be_cached)));
    }
    let mut shown = Vec::with_capacity(rows.len());
    for row in rows {
        match current(db, brand, row).await? {
            Some(row) => shown.push(row),
            None => return Ok(None),
        }
    }
    Ok(Some(FoundCustomer::new(brand, shown, may_be_cached).needing(sources_to_query)))
}

/// If too many customers match: how many of them the history names.
const MOST_NAMED: usize = 10;

/// The answer if too many customers match: it is empty. An admin should know about it.
fn ambiguous(
    brand: &Brand,
    rows: Vec<AnswerRow>,
    why: &'static str,
    may_be_cached: bool,
) -> FoundCustomer {
    tracing::warn!(
        brand = brand.rules.slug,
        reason = why,
        "lookup matches too many customers; the answer is empty"
    );
    metrics::counter!("hookpoint_lookups_ambiguous_total", "brand" => brand.rules.slug.clone())
        .increment(1);
    let some = rows.into_iter().take(MOST_NAMED).map(|row| row.customer_key);
    let customers = CustomerKeys::too_many(some);
    FoundCustomer { customers, ..FoundCustomer::new(brand, Vec::new(), may_be_cached) }
}

/// The answer, rendered with the current settings. `None` if the customer was replaced meanwhile.
async fn current(
    db: &mut Connection,
    brand: &Brand,
    row: AnswerRow,
) -> Result<Option<AnswerRow>, StorageError> {
    if row.settings_hash == brand.rules.presenter.hash() {
        return Ok(Some(row));
    }
    let rendered = render(db, brand, &row.customer_key).await?;
    Ok(rendered.map(|rendered| AnswerRow { body: rendered.answer.to_json(), ..row }))
}

/// Renders a customer from stored records, with the settings of the brand. `None` if the customer was removed
/// meanwhile.
///
/// # Errors
/// When Postgres fails.
pub async fn render(
    db: &mut Connection,
    brand: &Brand,
    customer_key: &str,
) -> Result<Option<Rendered>, StorageError> {
    render_with(db, brand, &brand.rules.presenter, customer_key).await
}

/// Like [`render`], with other templates.
///
/// # Errors
/// When Postgres fails.
pub async fn render_with(
    db: &mut Connection,
    brand: &Brand,
    presenter: &Presenter,
    customer_key: &str,
) -> Result<Option<Rendered>, StorageError> {
    let Some(profile) = profile(db, brand, customer_key).await? else { return Ok(None) };
    let shown = presenter.rules();
    let timelines = events::list_newest_events(
        db,
        brand.id(),
        &[&profile.record_keys],
        shown.timeline_limit,
        &shown.hidden_events,
    )
    .await?;
    let timeline = timelines.into_iter().next().unwrap_or_default();
    Ok(Some(presenter.answer(&profile, &timeline)))
}

/// Merges the profile of a customer from stored records. `None` if the customer was removed meanwhile.
///
/// # Errors
/// When Postgres fails.
pub async fn profile(
    db: &mut Connection,
    brand: &Brand,
    customer_key: &str,
) -> Result<Option<Profile>, StorageError> {
    let found = customers::find_customer(db, brand.id(), customer_key).await?;
    let Some(customers::FoundCustomer { customer_id, matched_by, record_keys: keys }) = found
    else {
        return Ok(None);
    };
    let known = records::list_records(db, brand.id(), &keys).await?;
    let others = keys
        .iter()
        .filter_map(|key| key.parse().ok())
        .filter(|key| !known.get(key).is_some_and(|record| record.versions.is_live()))
        .collect();
    let live: Vec<&Record> = known.values().filter(|record| record.versions.is_live()).collect();
    let aliases = Aliases::new(&records::list_merges(db, brand.id(), &keys).await?);
    let unconfirmed =
        customers::list_unconfirmed(db, brand.id(), &keys, &brand.rules.identity.self_asserted)
            .await?;
    // Moved numbers matter for addresses only, and those are replaced below.
    let moved = BTreeSet::new();
    let confirmed = list_confirmed_addresses(db, brand.id(), &keys).await?;
    let rules = brand.rules.merge_rules(&aliases, &unconfirmed, &moved, &confirmed);
    let Some(mut profile) = Profile::merge(&live, others, rules) else { return Ok(None) };
    profile.customer_id = customer_id;
    profile.matched_by = matched_by;
    // The addresses that find a customer depend on other customers too, so the stored ones stay.
    let own = customers::list_addresses(db, brand.id(), customer_key).await?;
    profile.addresses.retain(|address| own.contains(address));
    Ok(Some(profile))
}

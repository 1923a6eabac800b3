//! Asking the store: one round trip for text that is ready. An answer that other settings rendered is rendered anew.

use sqlx::{PgConnection, PgPool};

use super::query::Question;
use crate::brand::Brand;
use crate::customer::aliases::Aliases;
use crate::customer::profile::{MergeRules, Profile};
use crate::customer::record::Record;
use crate::settings::file::Several;
use crate::storage::answers::{AnswerRow, find_by_address, find_by_id};
use crate::storage::{StorageError, customers, events, records};

/// What is answered when several customers have an address.
#[derive(Debug, Clone, Copy)]
pub struct ReadRules {
    /// More than this are nobody.
    pub max_customers: usize,
    /// All of them or none.
    pub several: Several,
}

/// What the store knows.
pub struct Found {
    /// The response body: a JSON array.
    pub body: String,
    /// How many customers are in it.
    pub customers: usize,
    /// An id of an event isn't told to the caches when it changes, so its answer isn't remembered.
    pub may_be_cached: bool,
}

/// Answers a question. A connection that turns out dead is replaced, as often as there are connections.
///
/// # Errors
/// When Postgres fails.
pub async fn find(pool: &PgPool, brand: &Brand, question: &Question, rules: ReadRules) -> Result<Found, StorageError> {
    let mut tries = pool.options().get_max_connections().saturating_add(1);
    loop {
        let mut connection = pool.acquire().await?;
        match find_with(&mut connection, brand, question, rules).await {
            Err(StorageError::Database(error)) if is_dead(&error) && tries > 0 => {
                // Closing a dead connection can wait for the network, so it is only let go.
                drop(connection.detach());
                tries = tries.saturating_sub(1);
            }
            // Made anew again and again means that it never can be.
            Ok(None) if tries == 0 => return Err(StorageError::Corrupt("customers")),
            Ok(None) => tries = tries.saturating_sub(1),
            Ok(Some(found)) => return Ok(found),
            Err(error) => return Err(error),
        }
    }
}

/// The connection broke, or the server is ending or starting (SQLSTATE class 57P).
fn is_dead(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) => true,
        sqlx::Error::Database(error) => error.code().is_some_and(|code| code.starts_with("57P")),
        _ => false,
    }
}

/// The keys of the customers that a question finds, at most as many as an answer holds.
///
/// # Errors
/// When Postgres fails.
pub async fn find_keys(db: &mut PgConnection, brand: &Brand, question: &Question, rules: ReadRules) -> Result<Vec<String>, StorageError> {
    let rows = match question {
        Question::Address(address) => find_by_address(db, brand.id(), address, rules.max_customers).await?,
        Question::Id(id) => find_by_id(db, brand.id(), id, &brand.rules.reference_ids).await?.0,
    };
    Ok(rows.into_iter().map(|row| row.customer_key).collect())
}

/// `None` when a customer was made anew between two statements: the question must be asked again.
async fn find_with(db: &mut PgConnection, brand: &Brand, question: &Question, rules: ReadRules) -> Result<Option<Found>, StorageError> {
    // By id, only what the caches are told about may be remembered: not "nobody", and not what an order number found.
    let (rows, may_be_cached) = match question {
        Question::Address(address) => (find_by_address(db, brand.id(), address, rules.max_customers.saturating_add(1)).await?, true),
        Question::Id(id) => {
            let (rows, by_reference) = find_by_id(db, brand.id(), id, &brand.rules.reference_ids).await?;
            let may_be_cached = rows.len() == 1 && !by_reference;
            (rows, may_be_cached)
        }
    };
    let (most, why) = match (question, rules.several) {
        (Question::Id(_), _) => (1, "an id means several customers"),
        (Question::Address(_), Several::None) => (1, "an address has several customers"),
        (Question::Address(_), Several::All) => (rules.max_customers, "an address has more customers than lookup.max_customers"),
    };
    if rows.len() > most {
        tracing::warn!(brand = brand.rules.slug, reason = why, "lookup.answer.ambiguous");
        metrics::counter!("hookpoint_ambiguous_total", "brand" => brand.rules.slug.clone()).increment(1);
        return Ok(Some(Found { body: "[]".to_owned(), customers: 0, may_be_cached }));
    }
    let mut bodies = Vec::with_capacity(rows.len());
    for row in rows {
        match current(db, brand, row).await? {
            Some(body) => bodies.push(body),
            None => return Ok(None),
        }
    }
    Ok(Some(Found { body: format!("[{}]", bodies.join(",")), customers: bodies.len(), may_be_cached }))
}

/// The answer as today's settings render it.
async fn current(db: &mut PgConnection, brand: &Brand, row: AnswerRow) -> Result<Option<String>, StorageError> {
    if row.settings_hash == brand.rules.presenter.hash() {
        return Ok(Some(row.body));
    }
    render(db, brand, &row.customer_key).await
}

/// Renders a customer from what is stored; `None` when it is gone meanwhile.
async fn render(db: &mut PgConnection, brand: &Brand, customer_key: &str) -> Result<Option<String>, StorageError> {
    let Some((customer_id, keys)) = customers::find_customer(db, brand.id(), customer_key).await? else { return Ok(None) };
    let known = records::list_records(db, brand.id(), &keys).await?;
    let others =
        keys.iter().filter_map(|key| key.parse().ok()).filter(|key| !known.get(key).is_some_and(|record| record.versions.is_live())).collect();
    let live: Vec<&Record> = known.values().filter(|record| record.versions.is_live()).collect();
    let aliases = Aliases::new(&records::list_merges(db, brand.id(), &keys).await?);
    let rules = MergeRules { identity: &brand.rules.identity, precedence: &brand.rules.precedence, aliases: &aliases };
    let Some(mut profile) = Profile::merge(&live, others, rules) else { return Ok(None) };
    profile.customer_id = customer_id;
    let presenter = &brand.rules.presenter;
    let shown = presenter.rules();
    let timelines = events::list_newest_events(db, brand.id(), &[&profile.record_keys], shown.timeline_limit, &shown.hidden_events).await?;
    let timeline = timelines.into_iter().next().unwrap_or_default();
    Ok(Some(presenter.answer(&profile, &timeline).to_json()))
}

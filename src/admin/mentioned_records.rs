//! Whom a webhook is about, also one that could not be applied.

use std::collections::BTreeSet;

use super::find_customers::customer_keys;
use crate::brand::Brand;
use crate::customer::model::field_versions::{FieldVersions, Scope, Update};
use crate::customer::model::identifier::{Identifier, identifiers_in};
use crate::customer::model::record::RecordKey;
use crate::customer::model::source::Source;
use crate::lookup::query::Question;
use crate::lookup::query_customers::ReadRules;
use crate::settings::file::MultipleMatches;
use crate::sources::Delivery;
use crate::sources::extract::Fields;
use crate::sources::mentioned::Mentions;
use crate::storage::StorageError;
use crate::storage::customer_summaries::list_owners;
use crate::storage::deliveries::ShownRow;
use crate::storage::events::find_event;
use crate::storage::pool::{Connection, Pool};

/// A record that a webhook is about.
pub struct MentionedRecord {
    /// The record.
    pub record: RecordKey,
    /// The key of the customer that has it now.
    pub owner: Option<String>,
    /// How it was found.
    pub by: FoundBy,
}

/// How a record was found that a webhook is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FoundBy {
    /// The webhook names it, or an event of it.
    Name,
    /// The webhook has an id in another system, which may be of several kinds of record.
    Reference,
    /// The webhook has an address of its customer.
    Address,
}

/// The records that a webhook is about, at most `limit`. If no customer has one that it names: the customers that its
/// addresses find.
///
/// # Errors
/// If Postgres fails.
pub async fn find_mentioned(
    pool: &Pool,
    brand: &Brand,
    row: &ShownRow,
    limit: usize,
) -> Result<Vec<MentionedRecord>, StorageError> {
    let Mentions { records: mut named, events, fields } = mentions(brand, row);
    let mut connection = pool.acquire().await?;
    let db = &mut *connection;
    for event in events.iter().take(limit) {
        let event = find_event(db, brand.id(), event).await?;
        named.extend(event.and_then(|event| event.record()));
    }
    let identifiers = identifiers(brand, row, fields);
    // An id in another system may be of several kinds, so only those count that are stored.
    let referred: BTreeSet<RecordKey> =
        identifiers.iter().filter_map(Identifier::referred_record).collect();
    let possible = named.union(&referred).cloned().collect();
    let owners = list_owners(db, brand.id(), &possible).await?;
    let of_record = |record: RecordKey| {
        let owner = owners.get(&record).cloned();
        let by = if named.contains(&record) { FoundBy::Name } else { FoundBy::Reference };
        MentionedRecord { record, owner, by }
    };
    let mut found: Vec<MentionedRecord> = possible
        .into_iter()
        .map(of_record)
        .filter(|mentioned| mentioned.owner.is_some() || mentioned.by == FoundBy::Name)
        .collect();
    if !found.iter().any(|known| known.owner.is_some() && known.by == FoundBy::Name) {
        found.extend(found_by_address(db, brand, identifiers, limit).await?);
    }
    found.truncate(limit);
    Ok(found)
}

/// Whom a webhook names by the rules of its source.
fn mentions(brand: &Brand, row: &ShownRow) -> Mentions {
    let Ok(source) = row.listed.source.parse::<Source>() else { return Mentions::default() };
    let delivery = Delivery {
        headers: row.headers.clone(),
        body: row.body.clone(),
        received_at: row.listed.received_at,
    };
    let parser = brand.rules.sources.parser(source);
    let mentions = parser.mentions(&delivery);
    match parser.parse_webhook(&delivery) {
        Ok(parsed) => mentions.and_changes(parsed.changes().unwrap_or_default()),
        Err(_) => mentions,
    }
}

/// The addresses and references in a webhook.
fn identifiers(brand: &Brand, row: &ShownRow, fields: Fields) -> BTreeSet<Identifier> {
    let at = row.listed.received_at;
    let update = Update { at, received_at: at, scope: Scope::Partial, fields };
    identifiers_in(&FieldVersions::from(update), brand.rules.identity.region).values
}

/// The first records of the customers that addresses find.
async fn found_by_address(
    db: &mut Connection,
    brand: &Brand,
    identifiers: BTreeSet<Identifier>,
    limit: usize,
) -> Result<Vec<MentionedRecord>, StorageError> {
    let rules = ReadRules { max_customers: limit, multiple_matches: MultipleMatches::All };
    let mut keys = BTreeSet::new();
    let addresses = identifiers.into_iter().filter(|identifier| identifier.kind.is_address());
    for address in addresses.take(limit) {
        keys.extend(customer_keys(db, brand, &Question::Address(address), rules).await?);
    }
    let of_customer = |key: String| {
        let record = key.parse().ok()?;
        Some(MentionedRecord { record, owner: Some(key), by: FoundBy::Address })
    };
    Ok(keys.into_iter().filter_map(of_customer).collect())
}

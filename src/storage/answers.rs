//! Looking up: one round trip for text that is ready.

use sqlx::PgConnection;

use super::StorageError;
use crate::customer::identifier::Identifier;
use crate::customer::kind::SourceKind;

/// An answer as it was rendered.
#[derive(Clone)]
pub struct AnswerRow {
    /// The customer inside the product.
    pub customer_key: String,
    /// What rendered it.
    pub settings_hash: Vec<u8>,
    /// One object of the response array.
    pub body: String,
}

/// The customers that have each of some addresses, at most `limit` for each, in the addresses' order.
///
/// # Errors
/// When Postgres fails.
pub async fn find_by_addresses(
    db: &mut PgConnection,
    brand_id: i32,
    addresses: &[&Identifier],
    limit: usize,
) -> Result<Vec<Vec<AnswerRow>>, StorageError> {
    let kinds: Vec<&str> = addresses.iter().map(|address| address.kind.as_str()).collect();
    let values: Vec<&str> = addresses.iter().map(|address| address.value.as_str()).collect();
    let rows: Vec<(i64, String, Vec<u8>, String)> = sqlx::query_as(
        "select asked.n, found.customer_key, found.settings_hash, found.body
        from unnest($2::text[], $3::text[]) with ordinality as asked (kind, address, n)
        cross join lateral (
            select answer.customer_key, answer.settings_hash, answer.body from customer_addresses as held
            join answers as answer on answer.brand_id = $1 and answer.customer_key = held.customer_key
            where held.brand_id = $1 and held.kind = asked.kind and held.address = asked.address
            order by held.customer_key limit $4
        ) as found",
    )
    .bind(brand_id)
    .bind(kinds)
    .bind(values)
    .bind(i64::try_from(limit).unwrap_or(i64::MAX))
    .fetch_all(db)
    .await?;
    let mut found: Vec<Vec<AnswerRow>> = addresses.iter().map(|_| Vec::new()).collect();
    for (n, customer_key, settings_hash, body) in rows {
        let place = usize::try_from(n).ok().and_then(|n| found.get_mut(n.checked_sub(1)?));
        place.ok_or(StorageError::Corrupt("answers"))?.push(AnswerRow { customer_key, settings_hash, body });
    }
    for rows in &mut found {
        rows.sort_unstable_by(|one, other| one.customer_key.cmp(&other.customer_key));
    }
    Ok(found)
}

/// The customers that an id may mean, of the first tier that has any: (1) customer ids, (2) record ids of any source,
/// merged-away ones included, (3) references of the configured namespaces. At most two of them: more than one is
/// ambiguous. Also says whether it was the third tier.
///
/// # Errors
/// When Postgres fails.
pub async fn find_by_id(db: &mut PgConnection, brand_id: i32, id: &str, namespaces: &[String]) -> Result<(Vec<AnswerRow>, bool), StorageError> {
    let record_keys: Vec<String> = SourceKind::ALL.into_iter().map(|kind| format!("{kind}:{id}")).collect();
    let references: Vec<String> = namespaces.iter().map(|namespace| format!("{namespace}:{id}")).collect();
    let rows: Vec<(String, Vec<u8>, String, i32)> = sqlx::query_as(
        "with tiers as materialized (
            select 1 as tier, customer_key from customers where brand_id = $1 and customer_id = $2
            union
            select 2, customer_key from customer_records where brand_id = $1 and record_key = any($3)
            union
            select 3, owner.customer_key from event_references as reference
            join events as event on event.brand_id = $1 and event.event_key = reference.event_key and event.live
            join customer_records as owner on owner.brand_id = $1 and owner.record_key = event.record_key
            where reference.brand_id = $1 and reference.value = $2 and reference.namespace = any($5)
            union
            select 3, owner.customer_key from identifiers as reference
            join customer_records as owner on owner.brand_id = $1 and owner.record_key = reference.record_key
            where reference.brand_id = $1 and reference.kind = 'reference' and reference.value = any($4)
        ),
        decisive as (select tier from tiers order by tier limit 1)
        select answer.customer_key, answer.settings_hash, answer.body, found.tier
        from (select tier, customer_key from tiers where tier = (select tier from decisive) limit 2) as found
        join answers as answer on answer.brand_id = $1 and answer.customer_key = found.customer_key
        order by answer.customer_key",
    )
    .bind(brand_id)
    .bind(id)
    .bind(record_keys)
    .bind(references)
    .bind(namespaces)
    .fetch_all(db)
    .await?;
    let by_reference = rows.iter().any(|(.., tier)| *tier == 3);
    let rows = rows.into_iter().map(|(customer_key, settings_hash, body, _)| AnswerRow { customer_key, settings_hash, body });
    Ok((rows.collect(), by_reference))
}

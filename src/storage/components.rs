//! Which records hang together: the closure over references, merges, decisions and values that link.

use std::collections::BTreeSet;

use sqlx::PgConnection;

use super::StorageError;
use super::records::{identifier, texts};
use crate::customer::identifier::Identifier;
use crate::customer::record::{RecordKey, SourceMerge};
use crate::customer::resolution::Decision;
use crate::customer::rules::IdentityRules;

fn columns<'a>(values: impl IntoIterator<Item = &'a Identifier>) -> (Vec<String>, Vec<String>) {
    values.into_iter().map(|value| (value.kind.as_str().to_owned(), value.value.clone())).unzip()
}

/// Who holds some values now; of a shared one nobody, because it doesn't link.
///
/// # Errors
/// When Postgres fails.
pub async fn list_linked_holders(db: &mut PgConnection, brand_id: i32, values: &BTreeSet<Identifier>) -> Result<Vec<RecordKey>, StorageError> {
    let (kinds, texts) = columns(values);
    let keys: Vec<(String,)> = sqlx::query_as(
        "select distinct holder.record_key
        from unnest($2::text[], $3::text[]) as asked (kind, value)
        join identifiers as holder on holder.brand_id = $1 and holder.kind = asked.kind and holder.value = asked.value and holder.links
        where not exists (select from shared_values as shared where shared.brand_id = $1 and shared.kind = asked.kind and shared.value = asked.value)",
    )
    .bind(brand_id)
    .bind(kinds)
    .bind(texts)
    .fetch_all(db)
    .await?;
    keys.into_iter().map(|(key,)| key.parse().map_err(StorageError::corrupt("identifiers"))).collect()
}

/// Decides anew which of some values are shared, and gives back those that became shared or ceased to be.
///
/// Shared is what more than the rules' number of records of one unique kind hold, or records of the other kinds under
/// more than that many different names. The second count skips from name to name, so it doesn't depend on how many hold
/// the value.
///
/// # Errors
/// When Postgres fails.
pub async fn update_shared_values(
    db: &mut PgConnection,
    brand_id: i32,
    values: &BTreeSet<Identifier>,
    rules: &IdentityRules,
) -> Result<BTreeSet<Identifier>, StorageError> {
    let (kinds, texts) = columns(values.iter().filter(|value| value.kind.is_address()));
    let unique: Vec<&str> = rules.unique.iter().map(|kind| kind.as_str()).collect();
    let others: Vec<&str> = rules.order.iter().filter(|kind| !rules.unique.contains(kind)).map(|kind| kind.as_str()).collect();
    let limit = i64::try_from(rules.shared_above).unwrap_or(i64::MAX - 1).saturating_add(1);
    let flipped: Vec<(String, String)> = sqlx::query_as(
        "with asked as (select kind, value from unnest($2::text[], $3::text[]) as asked (kind, value)),
        counted as (
            select asked.kind, asked.value,
                exists (
                    select from unnest($4::text[]) as source (kind)
                    cross join lateral (
                        select count(*) as holders from (
                            select from identifiers as held
                            where held.brand_id = $1 and held.kind = asked.kind and held.value = asked.value
                                and held.source_kind = source.kind and held.links
                            limit $6
                        ) as counted
                    ) as holding
                    where holding.holders >= $6
                )
                or $6 <= (
                    select count(distinct named.name_key) from unnest($5::text[]) as source (kind)
                    cross join lateral (
                        with recursive names (name_key) as (
                            (select held.name_key from identifiers as held
                            where held.brand_id = $1 and held.kind = asked.kind and held.value = asked.value
                                and held.source_kind = source.kind and held.name_key > '' and held.links
                            order by held.name_key limit 1)
                            union all
                            select (select held.name_key from identifiers as held
                                where held.brand_id = $1 and held.kind = asked.kind and held.value = asked.value
                                    and held.source_kind = source.kind and held.name_key > names.name_key and held.links
                                order by held.name_key limit 1)
                            from names where names.name_key is not null
                        )
                        select name_key from names where name_key is not null limit $6
                    ) as named
                ) as is_shared
            from asked
        ),
        gone as (
            delete from shared_values as old using counted
            where old.brand_id = $1 and old.kind = counted.kind and old.value = counted.value and not counted.is_shared
            returning old.kind, old.value
        ),
        come as (
            insert into shared_values (brand_id, kind, value) select $1, kind, value from counted where is_shared
            on conflict do nothing returning kind, value
        )
        select kind, value from gone union all select kind, value from come",
    )
    .bind(brand_id)
    .bind(kinds)
    .bind(texts)
    .bind(unique)
    .bind(others)
    .bind(limit)
    .fetch_all(db)
    .await?;
    flipped.into_iter().map(identifier).collect()
}

/// Every record that links to some values, shared or not.
///
/// # Errors
/// When Postgres fails.
pub async fn list_holders(db: &mut PgConnection, brand_id: i32, values: &BTreeSet<Identifier>) -> Result<Vec<RecordKey>, StorageError> {
    let (kinds, texts) = columns(values);
    let keys: Vec<(String,)> = sqlx::query_as(
        "select distinct holder.record_key from unnest($2::text[], $3::text[]) as asked (kind, value)
        join identifiers as holder on holder.brand_id = $1 and holder.kind = asked.kind and holder.value = asked.value and holder.links",
    )
    .bind(brand_id)
    .bind(kinds)
    .bind(texts)
    .fetch_all(db)
    .await?;
    keys.into_iter().map(|(key,)| key.parse().map_err(StorageError::corrupt("identifiers"))).collect()
}

/// Every key that hangs together with one of the seeds, known or not.
///
/// # Errors
/// When Postgres fails.
pub async fn list_component_keys(db: &mut PgConnection, brand_id: i32, seeds: &BTreeSet<RecordKey>) -> Result<Vec<String>, StorageError> {
    let keys: Vec<(String,)> = sqlx::query_as(
        "with recursive component (kind, value) as (
            -- Two sorts of nodes, records and values, so that each value is expanded once, however many hold it. A record is
            -- also the value of the references to it.
            select 'record' collate \"C\", unnest($2::text[]) collate \"C\"
            union
            select next.kind, next.value from component
            cross join lateral (
                select own.kind, own.value from identifiers as own
                where component.kind = 'record' and own.brand_id = $1 and own.record_key = component.value and own.links
                    and not exists (select from shared_values as shared where shared.brand_id = $1 and shared.kind = own.kind and shared.value = own.value)
                union all
                select 'reference', component.value where component.kind = 'record'
                union all
                select 'record', holder.record_key from identifiers as holder
                where component.kind <> 'record' and holder.brand_id = $1 and holder.kind = component.kind and holder.value = component.value
                    and holder.links
                union all
                select 'record', component.value where component.kind = 'reference'
                union all
                select 'record', winner_key from source_merges where component.kind = 'record' and brand_id = $1 and loser_key = component.value
                union all
                select 'record', loser_key from source_merges where component.kind = 'record' and brand_id = $1 and winner_key = component.value
                union all
                select 'record', right_key from decisions
                where component.kind = 'record' and brand_id = $1 and left_key = component.value and undone_at is null
                union all
                select 'record', left_key from decisions
                where component.kind = 'record' and brand_id = $1 and right_key = component.value and undone_at is null
            ) as next (kind, value)
        )
        select value from component where kind = 'record'",
    )
    .bind(brand_id)
    .bind(texts(seeds))
    .fetch_all(db)
    .await?;
    Ok(keys.into_iter().map(|(key,)| key).collect())
}

/// The merges and decisions about some records.
///
/// # Errors
/// When Postgres fails.
pub async fn list_facts(db: &mut PgConnection, brand_id: i32, keys: &[String]) -> Result<(Vec<SourceMerge>, Vec<Decision>), StorageError> {
    let rows: Vec<(String, String, Option<jiff_sqlx::Timestamp>, Option<bool>)> = sqlx::query_as(
        "select loser_key, winner_key, merged_at, null::boolean from source_merges
        where brand_id = $1 and (loser_key = any($2) or winner_key = any($2))
        union all
        select left_key, right_key, null, same_person from decisions
        where brand_id = $1 and undone_at is null and (left_key = any($2) or right_key = any($2))",
    )
    .bind(brand_id)
    .bind(keys)
    .fetch_all(db)
    .await?;
    let (mut merges, mut decisions) = (Vec::new(), Vec::new());
    for (left, right, merged_at, same) in rows {
        let left = left.parse().map_err(StorageError::corrupt("source_merges or decisions"))?;
        let right = right.parse().map_err(StorageError::corrupt("source_merges or decisions"))?;
        match merged_at {
            Some(at) => merges.push(SourceMerge { loser: left, winner: right, at: at.to_jiff() }),
            None => decisions.push(Decision { left, right, same: same == Some(true) }),
        }
    }
    Ok((merges, decisions))
}

/// What of some records' identifiers is shared.
///
/// # Errors
/// When Postgres fails.
pub async fn list_shared_of(db: &mut PgConnection, brand_id: i32, keys: &[String]) -> Result<BTreeSet<Identifier>, StorageError> {
    let rows: Vec<(String, String)> = sqlx::query_as(
        "select distinct shared.kind, shared.value from identifiers as own
        join shared_values as shared on shared.brand_id = $1 and shared.kind = own.kind and shared.value = own.value
        where own.brand_id = $1 and own.record_key = any($2)",
    )
    .bind(brand_id)
    .bind(keys)
    .fetch_all(db)
    .await?;
    rows.into_iter().map(identifier).collect()
}

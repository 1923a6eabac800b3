//! Compares the stored customers of a brand with those of a private copy.

use std::sync::LazyLock;

use sqlx::{Executor, FromRow};

use super::StorageError;
use super::customer_states::{CustomerState, STATES};
use super::derived_copy::DerivedCopy;
use super::write_transaction::PLANS;

/// The comparison looks at whole tables, so it may plan as Postgres likes.
const USUAL_PLANS: &str = "set local enable_seqscan = on; set local enable_bitmapscan = on; set local enable_material = on; \
     set local enable_hashjoin = on; set local enable_mergejoin = on; set local plan_cache_mode = auto; analyze touched_customers";

const TABLE: &str = "create temporary table compared (
        is_new boolean not null,
        customer_key text collate \"C\" not null,
        customer_id text not null,
        records text[] not null,
        addresses text[] not null,
        answer bytea,
        -- The same records, id and addresses: only the answer differs.
        only_looks_different boolean not null default false
    ) on commit drop";

/// Adds the stored customers, or those of the copy. $1 brand, $2 whether they are the new ones.
static ADD: LazyLock<String> = LazyLock::new(|| {
    format!(
        "insert into compared (is_new, customer_key, customer_id, records, addresses, answer)
        select $2::boolean, state.customer_key, state.customer_id, state.records, state.addresses, sha256(convert_to(answer.body, 'UTF8'))
        from ({STATES} and customer.customer_key in (select customer_key from touched_customers)) as state
        left join answers as answer on answer.brand_id = $1 and answer.customer_key = state.customer_key"
    )
});

/// Leaves those that differ, and lists which stored customers and which new ones have records in common.
const COMPARE: &str = "
    create index on compared (customer_key, is_new);
    analyze compared;
    update compared as one set only_looks_different = true
    from compared as other
    where one.customer_key = other.customer_key and one.is_new <> other.is_new
        and (one.customer_id, one.records, one.addresses) = (other.customer_id, other.records, other.addresses);
    delete from compared as one using compared as other
    where one.customer_key = other.customer_key and one.is_new <> other.is_new
        and one.only_looks_different and other.only_looks_different and one.answer is not distinct from other.answer;
    create temporary table common_records (
        old_key text collate \"C\" not null,
        new_key text collate \"C\" not null,
        primary key (old_key, new_key)
    ) on commit drop";

const LIST_COMMON: &str = "insert into common_records (old_key, new_key)
    select distinct old.customer_key, own.customer_key
    from compared as old
    cross join lateral unnest(old.records) as held (record_key)
    join customer_records as own on own.brand_id = $1 and own.record_key = held.record_key
    where not old.is_new";

/// How many customers there are, and how many of them change.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, FromRow)]
pub struct ComparedCounts {
    /// Stored customers.
    pub customers_before: i64,
    /// Customers of the copy.
    pub customers_after: i64,
    /// Stored customers that become one with others.
    pub joined: i64,
    /// How many customers they become.
    pub joined_into: i64,
    /// Stored customers that become several.
    pub parted: i64,
    /// How many customers they become.
    pub parted_into: i64,
    /// Customers that keep their records, but have another id, other addresses or another answer.
    pub different: i64,
    /// New customers of records that had none.
    pub appeared: i64,
    /// Stored customers whose records no customer has.
    pub disappeared: i64,
}

const COUNT: &str = "
    with joins (new_key) as materialized (
        select new_key from common_records group by new_key having count(*) > 1
    ),
    partings (old_key) as materialized (
        select old_key from common_records group by old_key having count(*) > 1
    ),
    regrouped (new_key) as materialized (
        select new_key from joins
        union
        select common.new_key from common_records as common join partings using (old_key)
    )
    select
        $2::bigint as customers_before,
        (select count(*) from customers where brand_id = $1) as customers_after,
        (select count(distinct old_key) from common_records join joins using (new_key)) as joined,
        (select count(*) from joins) as joined_into,
        (select count(*) from partings) as parted,
        (select count(distinct new_key) from common_records join partings using (old_key)) as parted_into,
        (select count(*) from compared
            where is_new and exists (select from common_records where new_key = customer_key)
                and not exists (select from regrouped where new_key = customer_key)) as different,
        (select count(*) from compared
            where is_new and not exists (select from common_records where new_key = customer_key)) as appeared,
        (select count(*) from compared
            where not is_new and not exists (select from common_records where old_key = customer_key)) as disappeared";

/// Compares all customers. Call it once, after the derivation.
///
/// # Errors
/// When Postgres fails.
pub async fn compare(copy: &mut DerivedCopy) -> Result<ComparedCounts, StorageError> {
    let brand_id = copy.brand_id();
    copy.connection().execute(USUAL_PLANS).await?;
    copy.connection().execute(TABLE).await?;
    copy.show_stored().await?;
    let count = "select count(*) from customers where brand_id = $1";
    let (before,): (i64,) =
        sqlx::query_as(count).bind(brand_id).fetch_one(copy.connection()).await?;
    add(copy, false).await?;
    copy.show_copies().await?;
    add(copy, true).await?;
    copy.connection().execute(COMPARE).await?;
    sqlx::query(LIST_COMMON).bind(brand_id).execute(copy.connection()).await?;
    copy.connection().execute("analyze common_records").await?;
    let counts =
        sqlx::query_as(COUNT).bind(brand_id).bind(before).fetch_one(copy.connection()).await?;
    copy.connection().execute(PLANS).await?;
    Ok(counts)
}

async fn add(copy: &mut DerivedCopy, is_new: bool) -> Result<(), StorageError> {
    let query = sqlx::query(ADD.as_str()).bind(copy.brand_id()).bind(is_new);
    query.execute(copy.connection()).await?;
    Ok(())
}

/// A customer whose records, id or addresses differ, before or after.
#[derive(FromRow)]
pub struct ComparedCustomer {
    /// Whether it is a customer of the copy.
    pub is_new: bool,
    /// The customer.
    #[sqlx(flatten)]
    pub state: CustomerState,
}

/// The customers whose records, id or addresses differ, after a place in the order of their keys. A stored customer comes
/// before the new one with the same key.
///
/// # Errors
/// When Postgres fails.
pub async fn list_different(
    copy: &mut DerivedCopy,
    after: (&str, bool),
    limit: i64,
) -> Result<Vec<ComparedCustomer>, StorageError> {
    let query = sqlx::query_as(
        "select is_new, customer_key, customer_id, records, addresses from compared
        where (customer_key, is_new) > ($1, $2) and not only_looks_different
        order by customer_key, is_new limit $3",
    );
    Ok(query.bind(after.0).bind(after.1).bind(limit).fetch_all(copy.connection()).await?)
}

/// The keys of stored customers, and those of the new customers that have their records.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct RegroupedKeys {
    /// The stored customers.
    pub old_keys: Vec<String>,
    /// The new customers.
    pub new_keys: Vec<String>,
}

const JOINED: &str = "
    select picked.old_keys, array(
        select distinct new_key from common_records where old_key = any(picked.old_keys) order by new_key
    ) as new_keys
    from (
        select new_key, array_agg(old_key order by old_key) as old_keys
        from common_records group by new_key having count(*) > 1
        order by md5(new_key), new_key limit $1
    ) as picked
    order by md5(picked.new_key), picked.new_key";

const PARTED: &str = "
    select array[old_key] as old_keys, array_agg(new_key order by new_key) as new_keys
    from common_records group by old_key having count(*) > 1
    order by md5(old_key), old_key limit $1";

/// Some of the customers that join, as if drawn at random, but always the same.
///
/// # Errors
/// When Postgres fails.
pub async fn sample_joined(
    copy: &mut DerivedCopy,
    limit: i64,
) -> Result<Vec<RegroupedKeys>, StorageError> {
    Ok(sqlx::query_as(JOINED).bind(limit).fetch_all(copy.connection()).await?)
}

/// Some of the customers that part, as if drawn at random, but always the same.
///
/// # Errors
/// When Postgres fails.
pub async fn sample_parted(
    copy: &mut DerivedCopy,
    limit: i64,
) -> Result<Vec<RegroupedKeys>, StorageError> {
    Ok(sqlx::query_as(PARTED).bind(limit).fetch_all(copy.connection()).await?)
}

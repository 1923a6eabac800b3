//! Private copies of the tables with derived data, for a preview. In a transaction with them, the write path derives
//! customers that nobody else sees. It needs no lock, and at the end nothing is left of it.
//!
//! The copies are temporary tables with the names of the tables. Postgres searches temporary tables first, so the
//! statements of the write path use them without a change. All other tables stay as they were when the transaction
//! began.

use sqlx::{AssertSqlSafe, Executor, SqlSafeStr};

use super::StorageError;
use super::pool::{Connection, Pool, Transaction};
use super::write_transaction::PLANS;

/// The tables that a derivation writes.
const TABLES: [&str; 7] = [
    "identifiers",
    "shared_values",
    "customers",
    "customer_records",
    "customer_addresses",
    "answers",
    "match_reviews",
];

const COPY: &str = include_str!("copy_derived.sql");

/// All tables in the state of one moment. `write_changes.sql` sends no notifications.
const BEGIN: &str = "begin isolation level repeatable read; set local temp_buffers = '128MB'; \
     set local hookpoint.notify = 'off'";

/// The customers that the derivation has written. Only these may differ from the stored ones.
const TOUCHED: &str = "create temporary table touched_customers (customer_key text collate \"C\" primary key) on commit drop";

/// Plans of statements know the tables by their ids, so they must be made again.
const FORGET_PLANS: &str = "discard plans";

/// Whether another session waits for a table of this one. Locks of a brand are not among them.
const IS_IN_THE_WAY: &str = "select exists (
        select from pg_locks
        where locktype = 'relation' and not granted and pg_backend_pid() = any(pg_blocking_pids(pid))
    )";

/// A transaction with private copies of a brand's derived data.
pub struct DerivedCopy {
    transaction: Transaction,
    brand_id: i32,
    /// The search path of the session, with which names mean the copies.
    search_path: String,
}

impl DerivedCopy {
    /// Copies the derived data of a brand. This takes about a minute for a million records.
    ///
    /// # Errors
    /// When Postgres fails. The role needs the privilege to create temporary tables.
    pub async fn begin(pool: &Pool, brand_id: i32) -> Result<Self, StorageError> {
        let mut transaction = pool.begin_with(BEGIN).await?;
        let (search_path,): (String,) = sqlx::query_as("select current_setting('search_path')")
            .fetch_one(&mut *transaction)
            .await?;
        for table in TABLES {
            let copy = COPY.replace("{table}", table).replace("{brand_id}", &brand_id.to_string());
            (&mut *transaction).execute(AssertSqlSafe(copy).into_sql_str()).await?;
            give_way(&mut transaction).await?;
        }
        let prepare = format!("{TOUCHED}; {FORGET_PLANS}; {PLANS}");
        (&mut *transaction).execute(AssertSqlSafe(prepare).into_sql_str()).await?;
        Ok(Self { transaction, brand_id, search_path })
    }

    /// The brand.
    #[must_use]
    pub const fn brand_id(&self) -> i32 {
        self.brand_id
    }

    /// The connection. Names of tables with derived data mean the copies, or after
    /// [`show_stored`](Self::show_stored) the stored tables.
    pub fn connection(&mut self) -> &mut Connection {
        &mut self.transaction
    }

    /// Fails if another session waits for a table of this one, such as a migration. Lookups of the service would wait
    /// behind it.
    ///
    /// # Errors
    /// When another session waits, or Postgres fails.
    pub async fn give_way(&mut self) -> Result<(), StorageError> {
        give_way(&mut self.transaction).await
    }

    /// Notes customers that the derivation has written.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn note_touched(&mut self, keys: &[&str]) -> Result<(), StorageError> {
        let query = sqlx::query(
            "insert into touched_customers (customer_key) select unnest($1::text[]) on conflict do nothing",
        );
        query.bind(keys).execute(self.connection()).await?;
        Ok(())
    }

    /// From now on, names mean the stored tables.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn show_stored(&mut self) -> Result<(), StorageError> {
        let path = format!("{}, pg_temp", self.search_path);
        self.search(&path).await
    }

    /// From now on, names mean the copies again.
    ///
    /// # Errors
    /// When Postgres fails.
    pub async fn show_copies(&mut self) -> Result<(), StorageError> {
        let path = self.search_path.clone();
        self.search(&path).await
    }

    async fn search(&mut self, path: &str) -> Result<(), StorageError> {
        let set = sqlx::query("select set_config('search_path', $1, true)").bind(path);
        set.execute(self.connection()).await?;
        self.connection().execute(FORGET_PLANS).await?;
        Ok(())
    }

    /// Ends it. Nothing of it is left.
    ///
    /// # Errors
    /// When Postgres fails. Nothing is left then either.
    pub async fn end(self) -> Result<(), StorageError> {
        Ok(self.transaction.rollback().await?)
    }
}

async fn give_way(db: &mut Connection) -> Result<(), StorageError> {
    let (is_in_the_way,): (bool,) = sqlx::query_as(IS_IN_THE_WAY).fetch_one(db).await?;
    if is_in_the_way { Err(StorageError::InTheWay) } else { Ok(()) }
}

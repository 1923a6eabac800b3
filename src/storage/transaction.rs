//! A transaction on a connection of the pool.

use std::ops::{Deref, DerefMut};

use sqlx::{Executor, SqlStr};

use super::connection::Connection;
use super::failure::breaks;
use super::pooled::Pooled;

/// A transaction. If it is neither committed nor rolled back, its connection is closed.
#[must_use]
pub struct Transaction {
    pooled: Pooled,
    is_open: bool,
}

impl Transaction {
    pub(super) async fn begin(pooled: Pooled, statements: SqlStr) -> Result<Self, sqlx::Error> {
        let mut transaction = Self { pooled, is_open: true };
        match transaction.execute(statements).await {
            Ok(_) => Ok(transaction),
            Err(error) => {
                // Another session held a lock: the connection is still usable.
                if !breaks(&error) {
                    let _ = transaction.rollback().await;
                }
                Err(error)
            }
        }
    }

    /// Commits.
    ///
    /// # Errors
    /// When Postgres fails. Unless the error comes from Postgres itself, it is unknown whether the commit
    /// succeeded.
    pub async fn commit(self) -> Result<(), sqlx::Error> {
        self.end("commit").await
    }

    /// Rolls back.
    ///
    /// # Errors
    /// When Postgres fails. Nothing is committed then either.
    pub async fn rollback(self) -> Result<(), sqlx::Error> {
        self.end("rollback").await
    }

    async fn end(mut self, how: &'static str) -> Result<(), sqlx::Error> {
        (&mut *self.pooled).execute(how).await?;
        self.is_open = false;
        Ok(())
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        if self.is_open {
            self.pooled.is_usable = false;
        }
    }
}

impl Deref for Transaction {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.pooled
    }
}

impl DerefMut for Transaction {
    fn deref_mut(&mut self) -> &mut Connection {
        &mut self.pooled
    }
}

//! Taking in what a source's API said.

use std::sync::Arc;
use std::time::Duration;

use sqlx::PgPool;

use super::apply::{Applied, apply};
use crate::account::{Account, Class};
use crate::sources::api::Heard;
use crate::storage::StorageError;

/// Applies what was heard.
///
/// # Errors
/// When Postgres fails; nothing is changed then.
pub async fn take_in(pool: &PgPool, account: &Arc<Account>, _class: Class, _patience: Duration, heard: &Heard) -> Result<Applied, StorageError> {
    apply(pool, &account.brand, heard.changes.clone()).await
}

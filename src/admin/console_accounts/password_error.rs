//! Why a password did not let a person in, or was not changed.

use super::password_rules::PasswordProblem;
use super::passwords::HashError;
use crate::admin::console_access::AccessError;
use crate::storage::StorageError;

/// A password did not let a person in, or was not changed.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// The brand, the name or the password is wrong. Nobody learns which.
    #[error("wrong name or password")]
    Wrong,
    /// Too many wrong passwords in a row. The value is the seconds to wait.
    #[error("too many wrong passwords")]
    Wait(u64),
    /// The new password is not accepted.
    #[error(transparent)]
    NotAccepted(#[from] PasswordProblem),
    /// It could not be compared.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// There are no random bits, or Postgres failed.
    #[error(transparent)]
    Access(#[from] AccessError),
}

impl From<StorageError> for PasswordError {
    fn from(error: StorageError) -> Self {
        Self::Access(error.into())
    }
}

impl From<sqlx::Error> for PasswordError {
    fn from(error: sqlx::Error) -> Self {
        StorageError::from(error).into()
    }
}

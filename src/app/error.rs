//! Why the application cannot start.

use crate::erasure::erase::ErasureError;
use crate::http::openapi::DocumentError;
use crate::storage::StorageError;

/// Why the application cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Postgres failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The suppression list cannot be read or reconciled.
    #[error(transparent)]
    Erasure(#[from] ErasureError),
    /// The API document is broken.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// The service did not become ready in time.
    #[error("the service was not ready in time: it could not listen to changes in the database")]
    NotReady,
    /// The service cannot listen on an address.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address, as in the settings.
        address: String,
        /// The reason.
        source: std::io::Error,
    },
}

impl StartError {
    /// The error of an address on which the service cannot listen.
    pub(super) fn listen(address: &str) -> impl FnOnce(std::io::Error) -> Self {
        let address = address.to_owned();
        move |source| Self::Listen { address, source }
    }
}

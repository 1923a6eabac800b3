//! Mistakes in the arguments that only the command itself can find.

/// A mistake in the arguments. The command exits as it does for mistakes that the parser finds.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct UsageError(pub(super) String);

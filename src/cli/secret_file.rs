//! The limit of files with a secret, so that the wrong file is noticed and never cut silently.

use std::path::Path;

use super::exit::Failure;

/// The most bytes of a file with a secret.
pub(super) const MAX_SECRET: u64 = 64 * 1024;

/// Refuses a longer file. Whoever reads it reads one byte more than allowed.
pub(super) fn check_secret_length(file: &Path, bytes: usize) -> Result<(), Failure> {
    if u64::try_from(bytes).is_ok_and(|bytes| bytes <= MAX_SECRET) {
        return Ok(());
    }
    Err(Failure::mistake(format!("{} is longer than 64 KB, so it is no secret", file.display())))
}

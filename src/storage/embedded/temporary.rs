//! Private directories in a shared temporary directory, with random names. An existing directory is never used:
//! it may belong to another user, with links to files of this service.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use uuid::Uuid;

/// Creates a directory whose name has this prefix.
///
/// # Errors
/// When it cannot be created.
pub fn make_directory(parent: &Path, prefix: &str) -> io::Result<PathBuf> {
    let path = parent.join(format!("{prefix}{}", Uuid::new_v4().simple()));
    // Fails if the path exists, also as a link.
    DirBuilder::new().mode(0o700).create(&path)?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_directory_is_new_and_private() {
        let [one, other] =
            [0, 1].map(|_| make_directory(&std::env::temp_dir(), "hookpoint-unit-").unwrap());
        assert_ne!(one, other);
        for path in [one, other] {
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
            std::fs::remove_dir(&path).unwrap();
        }
    }
}

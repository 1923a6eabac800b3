//! Directories below a shared temporary directory: made by us, under a name that nobody can guess, and for our eyes only. What is
//! there already may be somebody else's, with links to what is ours, and is never used.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use uuid::Uuid;

/// Makes a directory whose name begins so.
///
/// # Errors
/// When it can't be made.
pub fn make_directory(parent: &Path, prefix: &str) -> io::Result<PathBuf> {
    let path = parent.join(format!("{prefix}{}", Uuid::new_v4().simple()));
    // Fails for what is there, a link too.
    DirBuilder::new().mode(0o700).create(&path)?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_directory_is_new_and_private() {
        let [one, other] = [0, 1].map(|_| make_directory(&std::env::temp_dir(), "hookpoint-unit-").unwrap());
        assert_ne!(one, other);
        for path in [one, other] {
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
            std::fs::remove_dir(&path).unwrap();
        }
    }
}

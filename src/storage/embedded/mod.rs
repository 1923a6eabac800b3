//! An embedded Postgres server: real binaries, one data directory, a Unix socket that only this service can
//! reach.
//!
//! The server is a child of this process and dies with it in every case: the kernel sends it SIGINT (a clean,
//! fast shutdown) when the thread that started it ends. A lock on the directory prevents a second service.

mod access;
mod binaries;
mod child;
mod cluster;
mod command;
mod error;
mod fallback;
mod layout;
mod postmaster;
mod server;
mod socket;
pub mod temporary;

use std::fs::File;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use sqlx::postgres::PgConnectOptions;

pub use self::binaries::Binaries;
pub use self::error::EmbeddedError;
use self::error::at;
pub use self::layout::{Layout, SHARED_BUFFERS_MEGABYTES};
use self::server::Server;

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
            Err(EmbeddedError::InUse(_)) => postmaster::running(&layout.data_dir),
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
            && postmaster::running(&entry.path()).is_none()
        {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

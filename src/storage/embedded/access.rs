//! Access rules of the embedded server: only through its socket, and only for the user of the service and root.
//! Postgres asks the kernel for the user (peer authentication), so there is no password to store.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};

use super::binaries::{RunAs, our_user};
use super::error::{EmbeddedError, at};

/// The files with the rules, in the cluster's directory.
pub(super) struct Rules {
    pub hba: PathBuf,
    pub ident: PathBuf,
}

/// Name of the map from system users to Postgres users.
const MAP: &str = "hookpoint";

/// Writes the files. A cluster of an earlier version trusted every user of its socket; it gets these rules at
/// its next start.
pub(super) fn write(
    cluster: &Path,
    role: &str,
    run_as: Option<RunAs>,
) -> Result<Rules, EmbeddedError> {
    let rules = Rules {
        hba: cluster.join("hookpoint_hba.conf"),
        ident: cluster.join("hookpoint_ident.conf"),
    };
    let us = our_user().ok_or_else(|| {
        at(cluster)(io::Error::new(
            io::ErrorKind::NotFound,
            "the user of this process has no name: add it to /etc/passwd, or run hookpoint as another user",
        ))
    })?;
    let mut users = vec!["root".to_owned()];
    users.extend((us != "root").then_some(us));
    let ident: String =
        users.iter().map(|user| format!("{MAP} {} {role}\n", quoted(user))).collect();
    for (path, text) in
        [(&rules.hba, format!("local all {role} peer map={MAP}\n")), (&rules.ident, ident)]
    {
        // Writes to a temporary file first, so that a reader never sees half a file.
        let begun = path.with_extension("begun");
        // The directory belongs to the server's user, who may have put a link there. So a new file is created.
        let _ = std::fs::remove_file(&begun);
        let made = File::options().write(true).create_new(true).mode(0o600).open(&begun);
        made.and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            run_as.map_or(Ok(()), |user| fchown(&file, Some(user.uid), Some(user.gid)))
        })
        .map_err(at(&begun))?;
        std::fs::rename(&begun, path).map_err(at(path))?;
    }
    Ok(rules)
}

/// Quotes a name for Postgres. A leading slash would make it a pattern.
fn quoted(user: &str) -> String {
    format!("\"{}\"", user.trim_start_matches('/').replace('"', "\"\""))
}

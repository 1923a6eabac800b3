//! Who may connect to the server: on its socket only, and only the user whose service it is, and root. Postgres asks the kernel who
//! is at the other end (peer authentication), so there is no password to keep.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};

use super::EmbeddedError;
use super::at;
use super::binaries::{RunAs, our_user};

/// The files that say so, in the cluster's directory.
pub(super) struct Rules {
    pub hba: PathBuf,
    pub ident: PathBuf,
}

/// The name of the map from the system's users to Postgres's.
const MAP: &str = "hookpoint";

/// Writes them down. A cluster of an earlier version, which trusted everybody who reached its socket, has them from its next start on.
pub(super) fn write(cluster: &Path, role: &str, run_as: Option<RunAs>) -> Result<Rules, EmbeddedError> {
    let rules = Rules { hba: cluster.join("hookpoint_hba.conf"), ident: cluster.join("hookpoint_ident.conf") };
    let us = our_user().ok_or_else(|| at(cluster)(io::Error::new(io::ErrorKind::NotFound, "nobody knows the name of this process's user")))?;
    let mut users = vec!["root".to_owned()];
    users.extend((us != "root").then_some(us));
    let ident: String = users.iter().map(|user| format!("{MAP} {} {role}\n", quoted(user))).collect();
    for (path, text) in [(&rules.hba, format!("local all {role} peer map={MAP}\n")), (&rules.ident, ident)] {
        // Beside its place first: whoever reads it meets all of it.
        let begun = path.with_extension("begun");
        // The directory is the server's user's, who may have left a link there: what is written is a file of ours, and new.
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

/// As Postgres reads a name: a slash in front would make it a pattern.
fn quoted(user: &str) -> String {
    format!("\"{}\"", user.trim_start_matches('/').replace('"', "\"\""))
}

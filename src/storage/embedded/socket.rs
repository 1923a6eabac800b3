//! The directory of the server's socket. Only the users of the service and of the server can enter it.

use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::error::{EmbeddedError, at};
use super::temporary::make_directory;

/// A part of the socket's name. Postgres does not listen on a network.
pub(super) const PORT: u16 = 5432;

/// Prefix of a socket directory outside the data directory.
const OUTSIDE_DIR_PREFIX: &str = "hookpoint-";

/// The directory of the socket.
#[derive(Debug)]
pub(super) struct SocketDir {
    pub(super) path: PathBuf,
    is_elsewhere: bool,
}

impl SocketDir {
    /// Chooses the directory: beside the data or, because the path of a socket must be short, in the temporary
    /// directory, or in `/tmp`. Clients find it through the server's `postmaster.pid`. The directory of a
    /// killed service is deleted at the next start.
    pub(super) fn choose(data_dir: &Path) -> Result<Self, EmbeddedError> {
        let note = data_dir.join("socket_directory");
        let parents = [std::env::temp_dir(), PathBuf::from("/tmp")];
        if let Some(left) = noted(&note)
            && left.parent().is_some_and(|parent| parents.iter().any(|one| one == parent))
            && left
                .file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with(OUTSIDE_DIR_PREFIX))
        {
            let _ = std::fs::remove_dir_all(left);
        }
        let beside = data_dir.join("run");
        if holds_a_socket(&beside) {
            return Ok(Self { path: beside, is_elsewhere: false });
        }
        let [usual, systems] = parents;
        let usual_fits = holds_a_socket(&usual.join(format!("{OUTSIDE_DIR_PREFIX}{:032}", 0)));
        let parent = if usual_fits { usual } else { systems };
        let path = make_directory(&parent, OUTSIDE_DIR_PREFIX).map_err(at(&parent))?;
        // A new file: the directory may belong to another user, who may have put a link there.
        let _ = std::fs::remove_file(&note);
        let written = std::fs::File::options().write(true).create_new(true).mode(0o600).open(&note);
        written
            .and_then(|mut file| file.write_all(path.as_os_str().as_encoded_bytes()))
            .map_err(at(&note))?;
        Ok(Self { path, is_elsewhere: true })
    }
}

/// The directory named in a file that this user owns. A file of another user is ignored.
fn noted(note: &Path) -> Option<PathBuf> {
    let mut file =
        std::fs::File::options().read(true).custom_flags(libc::O_NOFOLLOW).open(note).ok()?;
    let ours = rustix::process::geteuid().as_raw();
    let mut text = String::new();
    (file.metadata().ok()?.uid() == ours && file.read_to_string(&mut text).is_ok())
        .then(|| text.into())
}

/// Whether a socket's path in a directory is short enough: Linux allows 107 bytes, others 103.
fn holds_a_socket(dir: &Path) -> bool {
    dir.join(format!(".s.PGSQL.{PORT}")).as_os_str().len() <= 103
}

impl Drop for SocketDir {
    fn drop(&mut self) {
        if self.is_elsewhere {
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}

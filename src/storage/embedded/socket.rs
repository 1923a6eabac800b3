//! Where the server's socket is: in a directory that only the service's user and the server's can enter.

use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::temporary::make_directory;
use super::{EmbeddedError, at};

/// A part of the socket's name: Postgres listens on no network.
pub(super) const PORT: u16 = 5432;

/// How a socket's directory is called that is not beside the data.
const ELSEWHERE: &str = "hookpoint-";

/// Where the socket is.
#[derive(Debug)]
pub(super) struct SocketDir {
    pub(super) path: PathBuf,
    is_elsewhere: bool,
}

impl SocketDir {
    /// Beside the data; but a socket's path is short, so a deep data directory gets its socket in the temporary directory, or, if that
    /// is deep too, in the system's. Whoever looks for it is told where by the server's own `postmaster.pid`. The one of a service that
    /// was killed goes with the next start.
    pub(super) fn choose(data_dir: &Path) -> Result<Self, EmbeddedError> {
        let note = data_dir.join("socket_directory");
        let parents = [std::env::temp_dir(), PathBuf::from("/tmp")];
        if let Some(left) = noted(&note)
            && left.parent().is_some_and(|parent| parents.iter().any(|one| one == parent))
            && left.file_name().is_some_and(|name| name.to_string_lossy().starts_with(ELSEWHERE))
        {
            let _ = std::fs::remove_dir_all(left);
        }
        let beside = data_dir.join("run");
        if holds_a_socket(&beside) {
            return Ok(Self { path: beside, is_elsewhere: false });
        }
        let [usual, systems] = parents;
        let usual_fits = holds_a_socket(&usual.join(format!("{ELSEWHERE}{:032}", 0)));
        let parent = if usual_fits { usual } else { systems };
        let path = make_directory(&parent, ELSEWHERE).map_err(at(&parent))?;
        // A file of ours, and new: the directory may be another user's, who may have left a link there.
        let _ = std::fs::remove_file(&note);
        let written = std::fs::File::options().write(true).create_new(true).mode(0o600).open(&note);
        written.and_then(|mut file| file.write_all(path.as_os_str().as_encoded_bytes())).map_err(at(&note))?;
        Ok(Self { path, is_elsewhere: true })
    }
}

/// The directory that a file of ours names: what somebody else wrote there names what isn't ours.
fn noted(note: &Path) -> Option<PathBuf> {
    let mut file = std::fs::File::options().read(true).custom_flags(libc::O_NOFOLLOW).open(note).ok()?;
    let ours = rustix::process::geteuid().as_raw();
    let mut text = String::new();
    (file.metadata().ok()?.uid() == ours && file.read_to_string(&mut text).is_ok()).then(|| text.into())
}

/// Whether the path of a socket in a directory is short enough: Linux takes 107 bytes, others 103.
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

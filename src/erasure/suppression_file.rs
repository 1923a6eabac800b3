//! The copy of the suppression list outside Postgres. It is needed because a backup of yesterday does not contain the
//! erasures of today.
//!
//! The file has lines of JSON. Lines are only appended, and each is on disk before the first delete of its erasure.
//! They contain hashes and the key of the hashes: a new database has another key, and could not use the hashes without
//! it. So a reader of the file can test whether an address was erased. Therefore only the owner can read the file.

use std::collections::BTreeMap;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, fchown};
use std::path::PathBuf;

use super::suppression_lines::FileRecord;
pub use super::suppression_lines::{BrandSuppressions, Entry};
use crate::storage::suppressions::SuppressionKey;

/// The file of the suppression list.
#[derive(Debug, Clone)]
pub struct SuppressionFile(PathBuf);

/// The suppression file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SuppressionFileError {
    /// The file cannot be read.
    #[error("the suppression file {0} cannot be read: {1}")]
    Read(PathBuf, ErrorKind),
    /// The file cannot be written.
    #[error("the suppression file {0} cannot be written: {1}")]
    Write(PathBuf, ErrorKind),
    /// The file belongs to another database.
    #[error(
        "the suppression file {0} belongs to another database: its key is another one. Set erasure.suppression_file to the file of this database"
    )]
    Foreign(PathBuf),
}

impl SuppressionFile {
    /// The file at a path. It does not have to exist yet.
    #[must_use]
    pub const fn new(path: PathBuf) -> Self {
        Self(path)
    }

    fn unread(&self) -> impl Fn(std::io::Error) -> SuppressionFileError {
        move |error| SuppressionFileError::Read(self.0.clone(), error.kind())
    }

    fn unwritten(&self) -> impl Fn(std::io::Error) -> SuppressionFileError {
        move |error| SuppressionFileError::Write(self.0.clone(), error.kind())
    }

    /// Reads the whole file, by brand. It ignores incomplete lines: for these, nothing was deleted.
    ///
    /// # Errors
    /// If the file exists and cannot be read.
    pub fn read(&self) -> Result<BTreeMap<String, BrandSuppressions>, SuppressionFileError> {
        let text = match std::fs::read(&self.0) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(BTreeMap::new()),
            Err(error) => return Err(self.unread()(error)),
        };
        let mut suppressions: BTreeMap<String, BrandSuppressions> = BTreeMap::new();
        let mut cut_off = 0_usize;
        for line in text.lines().filter(|line| !line.is_empty()) {
            let read = serde_json::from_str::<FileRecord>(line)
                .ok()
                .and_then(|line| suppressions.entry(line.brand.clone()).or_default().add(&line));
            cut_off = cut_off.saturating_add(usize::from(read.is_none()));
        }
        if cut_off > 0 {
            tracing::warn!(
                lines = cut_off,
                "suppression file has unreadable lines, which are ignored; erasures that only these lines contain are lost"
            );
        }
        Ok(suppressions)
    }

    /// Reads the part of a brand, and checks its key.
    ///
    /// # Errors
    /// If the file has another key for the brand, or if it cannot be read.
    pub fn read_brand(
        &self,
        brand: &str,
        key: &SuppressionKey,
    ) -> Result<BrandSuppressions, SuppressionFileError> {
        let suppressions = self.read()?.remove(brand).unwrap_or_default();
        if suppressions.key.is_some_and(|known| known != *key) {
            Err(SuppressionFileError::Foreign(self.0.clone()))
        } else {
            Ok(suppressions)
        }
    }

    /// Appends erasures of a brand, and returns when they are on disk.
    ///
    /// # Errors
    /// If the file cannot be written. Then the caller must not delete anything.
    pub fn append(
        &self,
        brand: &str,
        additions: &BrandSuppressions,
    ) -> Result<(), SuppressionFileError> {
        let mut text = String::new();
        for line in additions.lines(brand) {
            text.push_str(&serde_json::to_string(&line).unwrap_or_default());
            text.push('\n');
        }
        if text.is_empty() { Ok(()) } else { self.write(&text).map_err(self.unwritten()) }
    }

    fn write(&self, text: &str) -> std::io::Result<()> {
        let directory = self.0.parent().filter(|parent| !parent.as_os_str().is_empty());
        if let Some(directory) = directory {
            DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        }
        // The directory may belong to another user, who may have put a link there. So links are not followed.
        let mut file = OpenOptions::new()
            .create(true)
            .read(true)
            .append(true)
            .mode(0o600)
            .custom_flags(libc::O_NOFOLLOW)
            .open(&self.0)?;
        if let Some(owner) = directory.map(std::fs::metadata).transpose()? {
            // If root runs the command, the service's user must still be able to read the file. For other users, this
            // fails.
            let _ = fchown(&file, Some(owner.uid()), Some(owner.gid()));
        }
        // A service and a command may write at the same time.
        file.lock()?;
        let mut last = [b'\n'];
        if file.seek(SeekFrom::End(0))? > 0 {
            file.seek(SeekFrom::End(-1))?;
            file.read_exact(&mut last)?;
        }
        // After an incomplete line, start a new one.
        let start = if last == [b'\n'] { "" } else { "\n" };
        file.write_all(format!("{start}{text}").as_bytes())?;
        file.sync_all()?;
        directory.map_or(Ok(()), |directory| File::open(directory)?.sync_all())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use jiff::Timestamp;
    use uuid::Uuid;

    use super::*;
    use crate::storage::suppressions::SuppressionHash;

    fn entry(n: u8) -> Entry {
        Entry {
            erased_at: Timestamp::UNIX_EPOCH,
            revoked_at: None,
            hashes: [SuppressionHash([n; 32])].into(),
        }
    }

    fn additions<const N: usize>(
        key: Option<u8>,
        erasures: [(Uuid, Entry); N],
    ) -> BrandSuppressions {
        let key = key.map(|n| SuppressionKey([n; 32]));
        BrandSuppressions { key, erasures: erasures.into() }
    }

    #[test]
    fn a_line_that_was_cut_off_takes_no_other_with_it() {
        let path = std::env::temp_dir()
            .join(format!("hookpoint-suppressions-{}", Uuid::new_v4().simple()))
            .join("suppressions.jsonl");
        let file = SuppressionFile::new(path.clone());
        assert_eq!(file.read().unwrap(), BTreeMap::new());
        let (first, second) = (Uuid::new_v4(), Uuid::new_v4());
        file.append("demo", &additions(Some(1), [(first, entry(1))])).unwrap();
        let mut handle = OpenOptions::new().append(true).open(&path).unwrap();
        handle.write_all(b"{\"brand\":\"demo\",\"erasure\":\"00").unwrap();
        let more = additions(Some(2), [(first, entry(3)), (second, entry(2))]);
        file.append("demo", &more).unwrap();
        let taken_back =
            Entry { revoked_at: Some(Timestamp::UNIX_EPOCH), hashes: BTreeSet::new(), ..entry(0) };
        file.append("demo", &additions(None, [(second, taken_back)])).unwrap();
        let suppressions = file.read().unwrap().remove("demo").unwrap();
        assert_eq!(suppressions.key, Some(SuppressionKey([1; 32])), "the first key counts");
        assert_eq!(
            suppressions.erasures[&first].hashes,
            [SuppressionHash([1; 32]), SuppressionHash([3; 32])].into()
        );
        assert_eq!(suppressions.erasures[&second].revoked_at, Some(Timestamp::UNIX_EPOCH));
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::remove_dir_all(path.parent().unwrap()).unwrap();
    }

    #[test]
    fn a_link_is_no_suppression_file() {
        let directory = std::env::temp_dir()
            .join(format!("hookpoint-suppressions-{}", Uuid::new_v4().simple()));
        std::fs::create_dir(&directory).unwrap();
        let (ours, link) = (directory.join("ours"), directory.join("suppressions.jsonl"));
        std::fs::write(&ours, "ours").unwrap();
        std::os::unix::fs::symlink(&ours, &link).unwrap();
        let additions =
            BrandSuppressions { key: Some(SuppressionKey([1; 32])), erasures: BTreeMap::new() };
        assert!(SuppressionFile::new(link).append("demo", &additions).is_err());
        assert_eq!(std::fs::read_to_string(&ours).unwrap(), "ours");
        std::fs::remove_dir_all(directory).unwrap();
    }
}

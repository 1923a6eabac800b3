//! The ledger's copy outside Postgres: a backup of yesterday doesn't know who was erased today.
//!
//! Lines of JSON, only ever added to, each on the disk before anything is deleted on its account. They hold hashes, and the
//! key that they were made with: a database that was made anew has another key, and could do nothing with the hashes. So
//! whoever can read the file can try out addresses, as whoever can read the database can read them; it is its owner's only.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, fchown};
use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::storage::suppressions::{SuppressionHash, SuppressionKey};

/// The ledger's file.
#[derive(Debug, Clone)]
pub struct SuppressionFile(PathBuf);

/// The ledger's file can't be used.
#[derive(Debug, thiserror::Error)]
pub enum SuppressionFileError {
    /// What it holds isn't known.
    #[error("the ledger of erasures {0} cannot be read: {1}")]
    Read(PathBuf, ErrorKind),
    /// Nothing can be added.
    #[error("the ledger of erasures {0} cannot be written: {1}")]
    Write(PathBuf, ErrorKind),
    /// It belongs to another database.
    #[error("the ledger of erasures {0} was made with another key than this database's")]
    Foreign(PathBuf),
}

/// What the file says of one brand.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BrandSuppressions {
    /// What the hashes were made with.
    pub key: Option<SuppressionKey>,
    /// Who was erased.
    pub erasures: BTreeMap<Uuid, Entry>,
}

/// An erasure.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entry {
    /// When.
    pub erased_at: Timestamp,
    /// When somebody took it back, which counts for ever.
    pub unerased_at: Option<Timestamp>,
    /// Whom and what it names.
    pub hashes: BTreeSet<SuppressionHash>,
}

/// A line of the file: the key, something erased, or something taken back.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileRecord {
    brand: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    erasure: Option<Uuid>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    erased_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unerased_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    hashes: Vec<String>,
}

fn bytes(text: &str) -> Option<[u8; 32]> {
    STANDARD_NO_PAD.decode(text).ok()?.try_into().ok()
}

impl SuppressionFile {
    /// The file at a path, which need not be there yet.
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

    /// Everything it says, by brand. A line that was cut off says nothing: nothing was deleted on its account.
    ///
    /// # Errors
    /// When the file is there and can't be read.
    pub fn read(&self) -> Result<BTreeMap<String, BrandSuppressions>, SuppressionFileError> {
        let text = match std::fs::read(&self.0) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(BTreeMap::new()),
            Err(error) => return Err(self.unread()(error)),
        };
        let mut ledger: BTreeMap<String, BrandSuppressions> = BTreeMap::new();
        let mut cut_off = 0_usize;
        for line in text.lines().filter(|line| !line.is_empty()) {
            let read = serde_json::from_str::<FileRecord>(line).ok().and_then(|line| ledger.entry(line.brand.clone()).or_default().add(&line));
            cut_off = cut_off.saturating_add(usize::from(read.is_none()));
        }
        if cut_off > 0 {
            tracing::warn!(lines = cut_off, "the ledger of erasures has lines that can't be read: they count for nothing");
        }
        Ok(ledger)
    }

    /// What it says of a brand whose hashes are made with a key.
    ///
    /// # Errors
    /// When it was made with another one, or can't be read.
    pub fn read_brand(&self, brand: &str, key: &SuppressionKey) -> Result<BrandSuppressions, SuppressionFileError> {
        let ledger = self.read()?.remove(brand).unwrap_or_default();
        if ledger.key.is_some_and(|known| known != *key) { Err(SuppressionFileError::Foreign(self.0.clone())) } else { Ok(ledger) }
    }

    /// Adds to what it says of a brand, and returns once that is on the disk.
    ///
    /// # Errors
    /// When the file can't be written; nothing may be deleted then.
    pub fn append(&self, brand: &str, news: &BrandSuppressions) -> Result<(), SuppressionFileError> {
        let mut text = String::new();
        for line in news.lines(brand) {
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
        // The directory may be another user's, who may have left a link there: what it leads to is nobody's ledger.
        let mut file = OpenOptions::new().create(true).read(true).append(true).mode(0o600).custom_flags(libc::O_NOFOLLOW).open(&self.0)?;
        if let Some(owner) = directory.map(std::fs::metadata).transpose()? {
            // A command of root's must not make a file that the service can't read. Anybody else can't give it away.
            let _ = fchown(&file, Some(owner.uid()), Some(owner.gid()));
        }
        // A service and a command may both write.
        file.lock()?;
        let mut last = [b'\n'];
        if file.seek(SeekFrom::End(0))? > 0 {
            file.seek(SeekFrom::End(-1))?;
            file.read_exact(&mut last)?;
        }
        // What was cut off must not take the next line with it.
        let start = if last == [b'\n'] { "" } else { "\n" };
        file.write_all(format!("{start}{text}").as_bytes())?;
        file.sync_all()?;
        directory.map_or(Ok(()), |directory| File::open(directory)?.sync_all())
    }
}

impl BrandSuppressions {
    /// `None` for a line that says nothing.
    fn add(&mut self, line: &FileRecord) -> Option<()> {
        if let Some(key) = &line.key {
            let key = SuppressionKey(bytes(key)?);
            // The first counts: hashes were made with it.
            self.key.get_or_insert(key);
        }
        let Some(id) = line.erasure else { return line.key.as_ref().map(|_| ()) };
        let hashes = line.hashes.iter().map(|hash| bytes(hash).map(SuppressionHash)).collect::<Option<Vec<_>>>()?;
        let entry = self.erasures.entry(id).or_default();
        entry.erased_at = line.erased_at.unwrap_or(entry.erased_at);
        entry.unerased_at = entry.unerased_at.or(line.unerased_at);
        entry.hashes.extend(hashes);
        Some(())
    }

    fn lines(&self, brand: &str) -> Vec<FileRecord> {
        let line = |key: Option<&SuppressionKey>| FileRecord {
            brand: brand.to_owned(),
            key: key.map(|key| STANDARD_NO_PAD.encode(key.0)),
            erasure: None,
            erased_at: None,
            unerased_at: None,
            hashes: Vec::new(),
        };
        let key = self.key.as_ref().map(|key| line(Some(key)));
        let erasures = self.erasures.iter().map(|(id, entry)| FileRecord {
            erasure: Some(*id),
            erased_at: Some(entry.erased_at),
            unerased_at: entry.unerased_at,
            hashes: entry.hashes.iter().map(|hash| STANDARD_NO_PAD.encode(hash.0)).collect(),
            ..line(None)
        });
        key.into_iter().chain(erasures).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_was_cut_off_takes_no_other_with_it() {
        let path = std::env::temp_dir().join(format!("hookpoint-ledger-{}", Uuid::new_v4().simple())).join("ledger.jsonl");
        let file = SuppressionFile::new(path.clone());
        assert_eq!(file.read().unwrap(), BTreeMap::new());
        let entry = |n: u8| Entry { erased_at: Timestamp::UNIX_EPOCH, unerased_at: None, hashes: [SuppressionHash([n; 32])].into() };
        let (first, second) = (Uuid::new_v4(), Uuid::new_v4());
        file.append("demo", &BrandSuppressions { key: Some(SuppressionKey([1; 32])), erasures: [(first, entry(1))].into() }).unwrap();
        let mut handle = OpenOptions::new().append(true).open(&path).unwrap();
        handle.write_all(b"{\"brand\":\"demo\",\"erasure\":\"00").unwrap();
        file.append("demo", &BrandSuppressions { key: Some(SuppressionKey([2; 32])), erasures: [(first, entry(3)), (second, entry(2))].into() })
            .unwrap();
        let taken_back = Entry { unerased_at: Some(Timestamp::UNIX_EPOCH), hashes: BTreeSet::new(), ..entry(0) };
        file.append("demo", &BrandSuppressions { key: None, erasures: [(second, taken_back)].into() }).unwrap();
        let ledger = file.read().unwrap().remove("demo").unwrap();
        assert_eq!(ledger.key, Some(SuppressionKey([1; 32])), "the first key counts");
        assert_eq!(ledger.erasures[&first].hashes, [SuppressionHash([1; 32]), SuppressionHash([3; 32])].into());
        assert_eq!(ledger.erasures[&second].unerased_at, Some(Timestamp::UNIX_EPOCH));
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::remove_dir_all(path.parent().unwrap()).unwrap();
    }

    #[test]
    fn a_link_is_no_ledger() {
        let directory = std::env::temp_dir().join(format!("hookpoint-ledger-{}", Uuid::new_v4().simple()));
        std::fs::create_dir(&directory).unwrap();
        let (ours, link) = (directory.join("ours"), directory.join("ledger.jsonl"));
        std::fs::write(&ours, "ours").unwrap();
        std::os::unix::fs::symlink(&ours, &link).unwrap();
        let news = BrandSuppressions { key: Some(SuppressionKey([1; 32])), erasures: BTreeMap::new() };
        assert!(SuppressionFile::new(link).append("demo", &news).is_err());
        assert_eq!(std::fs::read_to_string(&ours).unwrap(), "ours");
        std::fs::remove_dir_all(directory).unwrap();
    }
}

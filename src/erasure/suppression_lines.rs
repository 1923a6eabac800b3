//! The lines of the suppression file, as JSON: a key, an erasure, or a revoked erasure.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::storage::suppressions::{SuppressionHash, SuppressionKey};

/// The part of the file about one brand.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BrandSuppressions {
    /// The key of the hashes.
    pub key: Option<SuppressionKey>,
    /// The erasures, by id.
    pub erasures: BTreeMap<Uuid, Entry>,
}

/// An erasure.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entry {
    /// When the person was erased.
    pub erased_at: Timestamp,
    /// When the erasure was revoked. This is final.
    pub revoked_at: Option<Timestamp>,
    /// The hashes of the person's records, events and addresses.
    pub hashes: BTreeSet<SuppressionHash>,
}

/// A line of the file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileRecord {
    pub brand: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    erasure: Option<Uuid>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    erased_at: Option<Timestamp>,
    // The other name is in files from before 0.1.0. They must keep erased people erased.
    #[serde(default, skip_serializing_if = "Option::is_none", alias = "unerased_at")]
    revoked_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    hashes: Vec<String>,
}

fn bytes(text: &str) -> Option<[u8; 32]> {
    STANDARD_NO_PAD.decode(text).ok()?.try_into().ok()
}

impl BrandSuppressions {
    /// Adds a line. Returns `None` if the line has no meaning.
    pub(super) fn add(&mut self, line: &FileRecord) -> Option<()> {
        if let Some(key) = &line.key {
            let key = SuppressionKey(bytes(key)?);
            // The first key wins: the hashes are made with it.
            self.key.get_or_insert(key);
        }
        let Some(id) = line.erasure else { return line.key.as_ref().map(|_| ()) };
        let hashes = line
            .hashes
            .iter()
            .map(|hash| bytes(hash).map(SuppressionHash))
            .collect::<Option<Vec<_>>>()?;
        let entry = self.erasures.entry(id).or_default();
        entry.erased_at = line.erased_at.unwrap_or(entry.erased_at);
        entry.revoked_at = entry.revoked_at.or(line.revoked_at);
        entry.hashes.extend(hashes);
        Some(())
    }

    pub(super) fn lines(&self, brand: &str) -> Vec<FileRecord> {
        let line = |key: Option<&SuppressionKey>| FileRecord {
            brand: brand.to_owned(),
            key: key.map(|key| STANDARD_NO_PAD.encode(key.0)),
            erasure: None,
            erased_at: None,
            revoked_at: None,
            hashes: Vec::new(),
        };
        let key = self.key.as_ref().map(|key| line(Some(key)));
        let erasures = self.erasures.iter().map(|(id, entry)| FileRecord {
            erasure: Some(*id),
            erased_at: Some(entry.erased_at),
            revoked_at: entry.revoked_at,
            hashes: entry.hashes.iter().map(|hash| STANDARD_NO_PAD.encode(hash.0)).collect(),
            ..line(None)
        });
        key.into_iter().chain(erasures).collect()
    }
}

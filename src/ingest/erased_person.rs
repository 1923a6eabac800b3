//! Decides which records belong to an erased person, by the hashes of the suppression list.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::batch::links_of;
use crate::brand::Brand;
use crate::customer::model::field_versions::FieldVersions;
use crate::customer::model::identifier::Identifier;
use crate::customer::model::record::{Record, RecordKey};
use crate::storage::StorageError;
use crate::storage::pool::Connection;
use crate::storage::suppression_hashes::find_erased;
use crate::storage::suppressions::{SuppressionHash, SuppressionHasher};

/// A record that may belong to an erased person.
pub(crate) struct Candidate {
    pub key: RecordKey,
    /// Its folded name; empty if unknown.
    pub name_key: String,
    pub links: BTreeSet<Identifier>,
}

impl Candidate {
    /// All hashes of the record that the suppression list may contain.
    pub(crate) fn suppression_hashes(
        &self,
        hasher: &SuppressionHasher,
    ) -> BTreeSet<SuppressionHash> {
        let links =
            self.links.iter().flat_map(|value| [hasher.exclusive(value), hasher.shared(value)]);
        links.chain([hasher.record(&self.key)]).collect()
    }

    pub(crate) fn new(
        key: &RecordKey,
        said: &FieldVersions,
        known: Option<&Record>,
        brand: &Brand,
    ) -> Self {
        let mut versions = said.clone();
        if let Some(known) = known {
            versions.join(known.versions.clone());
        }
        let record = Record { key: key.clone(), versions };
        Self {
            key: key.clone(),
            name_key: record.name().folded().key(),
            links: links_of(&record, brand.rules.identity.region),
        }
    }
}

/// Decides which records belong to an erased person. First, those with an address that only the person had,
/// unless their given name begins with another letter: numbers and mailboxes change hands. Second, those with
/// an address that others had as well, if they also have the person's name.
pub(crate) async fn match_candidates(
    db: &mut Connection,
    brand: &Brand,
    candidates: &[Candidate],
    found: &BTreeMap<SuppressionHash, Uuid>,
) -> Result<BTreeMap<RecordKey, Uuid>, StorageError> {
    let hasher = SuppressionHasher::new(&brand.suppression_key);
    let mut matched = BTreeMap::new();
    let mut by_name: Vec<(SuppressionHash, &RecordKey)> = Vec::new();
    for candidate in candidates {
        for value in &candidate.links {
            let initial = hasher.with_initial(value, &candidate.name_key);
            match (found.get(&hasher.exclusive(value)), initial) {
                // The address may belong to somebody else now, so the initial must match too.
                (Some(_), Some(initial)) => by_name.push((initial, &candidate.key)),
                (Some(erasure), _) => {
                    matched.insert(candidate.key.clone(), *erasure);
                }
                (None, _) => {}
            }
            if !candidate.name_key.is_empty() && found.contains_key(&hasher.shared(value)) {
                by_name.push((hasher.with_name(value, &candidate.name_key), &candidate.key));
            }
        }
    }
    let named = find_erased(db, brand.id(), by_name.iter().map(|(hash, _)| *hash)).await?;
    for (hash, key) in by_name {
        if let Some(erasure) = named.get(&hash) {
            matched.entry(key.clone()).or_insert(*erasure);
        }
    }
    Ok(matched)
}

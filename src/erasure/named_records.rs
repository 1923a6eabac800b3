//! Finds stored records of persons that the suppression list contains.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use crate::brand::Brand;
use crate::customer::model::identifier::identifying_values;
use crate::customer::model::record::RecordKey;
use crate::ingest::erased_person::{Candidate, match_candidates};
use crate::storage::StorageError;
use crate::storage::person::list_identifiers;
use crate::storage::pool::Connection;
use crate::storage::purge::list_named_after;
use crate::storage::suppression_hashes::find_erased;
use crate::storage::suppressions::{SuppressionHash, SuppressionHasher};

/// Records per page.
const PAGE: usize = 500;

/// A page of records, with those that the suppression list contains.
pub(super) struct Named {
    /// The last record of the page.
    pub last: RecordKey,
    /// The number of records on the page.
    pub number: usize,
    /// The records of erased persons, each with its erasure.
    pub erased: BTreeMap<RecordKey, Uuid>,
    /// Hashes of record ids to add to the list: records that it recognised by their addresses.
    pub learned: BTreeSet<(SuppressionHash, Uuid)>,
}

/// Reads and checks the next page of records. Returns `None` at the end.
pub(super) async fn named_after(
    db: &mut Connection,
    brand: &Brand,
    after: &str,
) -> Result<Option<Named>, StorageError> {
    let hasher = SuppressionHasher::new(&brand.suppression_key);
    let keys = list_named_after(db, brand.id(), after, PAGE).await?;
    let Some(last) = keys.last().cloned() else { return Ok(None) };
    let candidate = |key: &RecordKey| Candidate {
        key: key.clone(),
        name_key: String::new(),
        links: identifying_values(key, []),
    };
    let mut candidates: BTreeMap<RecordKey, Candidate> =
        keys.iter().map(|key| (key.clone(), candidate(key))).collect();
    for of_record in list_identifiers(db, brand.id(), &keys).await? {
        if let Some(candidate) = candidates.get_mut(&of_record.record) {
            candidate.name_key = of_record.name_key;
            candidate.links.extend(identifying_values(&of_record.record, [of_record.identifier]));
        }
    }
    let suppression_hashes: BTreeSet<SuppressionHash> =
        candidates.values().flat_map(|candidate| candidate.suppression_hashes(&hasher)).collect();
    let found = find_erased(db, brand.id(), suppression_hashes).await?;
    let candidates: Vec<Candidate> = candidates.into_values().collect();
    let mut erased: BTreeMap<RecordKey, Uuid> = keys
        .iter()
        .filter_map(|key| Some((key.clone(), *found.get(&hasher.record(key))?)))
        .collect();
    let mut learned = BTreeSet::new();
    for (key, erasure) in match_candidates(db, brand, &candidates, &found).await? {
        if erased.insert(key.clone(), erasure).is_none() {
            learned.insert((hasher.record(&key), erasure));
        }
    }
    Ok(Some(Named { last, number: keys.len(), erased, learned }))
}

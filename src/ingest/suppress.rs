//! Drops changes about erased persons from a batch.

use std::collections::{BTreeMap, BTreeSet};

use crate::storage::pool::Connection;
use uuid::Uuid;

use super::batch::{ChangeBatch, links_of};
use crate::brand::Brand;
use crate::customer::model::event::{Event, EventKey};
use crate::customer::model::field_versions::FieldVersions;
use crate::customer::model::identifier::Identifier;
use crate::customer::model::record::{Record, RecordKey};
use crate::erasure::purge::purge;
use crate::storage::StorageError;
use crate::storage::erasures::{count_erased, find_erased, insert_hashes};
use crate::storage::records::list_records;
use crate::storage::suppressions::{SuppressionHash, SuppressionHasher};

/// A batch, and the changes that were dropped because the person is erased.
#[derive(Default)]
pub(crate) struct Filtered {
    /// The remaining batch.
    pub work: ChangeBatch,
    /// Keys of the dropped changes, as texts.
    pub dropped: BTreeSet<String>,
    /// Keys that are new for the suppression list.
    learned: BTreeSet<(SuppressionHash, Uuid)>,
    /// Records and events that were stored before it was clear that they belong to an erased person. They are
    /// deleted, under their erasure.
    stored: BTreeMap<Uuid, (BTreeSet<RecordKey>, BTreeSet<EventKey>)>,
}

/// Checks a batch against the suppression list, inside a transaction that holds the brand's lock. It writes
/// nothing.
pub(crate) async fn filter(
    db: &mut Connection,
    brand: &Brand,
    work: &ChangeBatch,
) -> Result<Filtered, StorageError> {
    let region = brand.rules.identity.region;
    let hasher = SuppressionHasher::new(&brand.suppression_key);
    let ends = work.merges.keys().flat_map(|(loser, winner)| [loser, winner]);
    let keys: BTreeSet<&RecordKey> = work.records.keys().chain(ends).collect();
    let texts: Vec<String> = keys.iter().map(ToString::to_string).collect();
    let known = list_records(db, brand.id(), &texts).await?;
    let candidates: Vec<Candidate> = work
        .records
        .iter()
        .map(|(key, said)| Candidate::new(key, said, known.get(key), brand))
        .collect();
    let mut suppression_hashes = work.suppression_hashes(&hasher, region);
    suppression_hashes
        .extend(candidates.iter().flat_map(|candidate| candidate.suppression_hashes(&hasher)));
    let found = find_erased(db, brand.id(), suppression_hashes).await?;
    let mut erased: BTreeMap<RecordKey, Uuid> = keys
        .into_iter()
        .filter_map(|key| Some((key.clone(), *found.get(&hasher.record(key))?)))
        .collect();
    let named_by_ledger: BTreeSet<RecordKey> = erased.keys().cloned().collect();
    for (key, erasure) in match_candidates(db, brand, &candidates, &found).await? {
        erased.entry(key).or_insert(erasure);
    }
    follow_merges(work, &known, &mut erased);

    let mut filtered = Filtered { work: work.clone(), ..Filtered::default() };
    filtered.work.is_filtered = true;
    for (key, erasure) in &erased {
        let is_named = named_by_ledger.contains(key);
        if !is_named {
            filtered.learned.insert((hasher.record(key), *erasure));
        }
        // Events of an unknown record may be stored already.
        if !is_named || known.contains_key(key) {
            filtered.stored.entry(*erasure).or_default().0.insert(key.clone());
        }
        if filtered.work.records.remove(key).is_some() {
            filtered.dropped.insert(key.to_string());
        }
    }
    for (loser, winner) in work
        .merges
        .keys()
        .filter(|(loser, winner)| erased.contains_key(loser) || erased.contains_key(winner))
    {
        filtered.work.merges.remove(&(loser.clone(), winner.clone()));
        filtered.dropped.extend(
            [loser, winner]
                .into_iter()
                .filter(|end| erased.contains_key(*end))
                .map(ToString::to_string),
        );
    }
    for (key, versions) in &work.events {
        let owner = Event { key: key.clone(), versions: versions.clone() }.record();
        let of_owner = owner.and_then(|owner| {
            erased.get(&owner).or_else(|| found.get(&hasher.record(&owner))).copied()
        });
        let named = found.get(&hasher.event(key)).copied();
        let Some(erasure) = named.or(of_owner) else { continue };
        filtered.work.events.remove(key);
        filtered.dropped.insert(key.to_string());
        if named.is_none() {
            filtered.learned.insert((hasher.event(key), erasure));
            filtered.stored.entry(erasure).or_default().1.insert(key.clone());
        }
    }
    Ok(filtered)
}

impl Filtered {
    /// Adds the new keys to the suppression list, and deletes what was stored under them. Returns whether
    /// anything was written.
    pub(crate) async fn apply_suppressions(
        &self,
        db: &mut Connection,
        brand: &Brand,
    ) -> Result<bool, StorageError> {
        if !self.dropped.is_empty() {
            let dropped = u64::try_from(self.dropped.len()).unwrap_or(u64::MAX);
            metrics::counter!("hookpoint_suppressed_changes_total", "brand" => brand.rules.slug.clone()).increment(dropped);
        }
        let has_learned =
            !self.learned.is_empty() && insert_hashes(db, brand.id(), &self.learned).await?;
        for (erasure, (records, events)) in &self.stored {
            let counts = purge(db, brand, records, events).await?;
            count_erased(db, brand.id(), *erasure, counts).await?;
        }
        Ok(has_learned || !self.stored.is_empty())
    }
}

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
        let links = self.links.iter().flat_map(|value| [hasher.own(value), hasher.common(value)]);
        links.chain([hasher.record(&self.key)]).collect()
    }

    fn new(key: &RecordKey, said: &FieldVersions, known: Option<&Record>, brand: &Brand) -> Self {
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
            let initial = hasher.initial(value, &candidate.name_key);
            match (found.get(&hasher.own(value)), initial) {
                // The address may belong to somebody else now, so the initial must match too.
                (Some(_), Some(initial)) => by_name.push((initial, &candidate.key)),
                (Some(erasure), _) => {
                    matched.insert(candidate.key.clone(), *erasure);
                }
                (None, _) => {}
            }
            if !candidate.name_key.is_empty() && found.contains_key(&hasher.common(value)) {
                by_name.push((hasher.named(value, &candidate.name_key), &candidate.key));
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

/// A record that a source merges with an erased one is the same person, unless it is already stored.
fn follow_merges(
    work: &ChangeBatch,
    known: &BTreeMap<RecordKey, Record>,
    erased: &mut BTreeMap<RecordKey, Uuid>,
) {
    loop {
        let before = erased.len();
        for (loser, winner) in work.merges.keys() {
            for (one, other) in [(loser, winner), (winner, loser)] {
                if let Some(erasure) =
                    erased.get(one).copied().filter(|_| !known.contains_key(other))
                {
                    erased.entry(other.clone()).or_insert(erasure);
                }
            }
        }
        if erased.len() == before {
            return;
        }
    }
}

//! Takes changes about erased persons out of a batch. It writes nothing: what must be deleted is in the result.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::batch::ChangeBatch;
use super::erased_person::{Candidate, match_candidates};
use super::purge::Purge;
use crate::brand::Brand;
use crate::customer::model::event::Event;
use crate::customer::model::record::{Record, RecordKey};
use crate::storage::StorageError;
use crate::storage::pool::Connection;
use crate::storage::records::list_records;
use crate::storage::suppression_hashes::find_erased;
use crate::storage::suppressions::{SuppressionHash, SuppressionHasher};

/// A batch, divided by the suppression list.
#[derive(Default)]
pub(crate) struct Suppressed {
    /// The changes to apply.
    pub keep: ChangeBatch,
    /// Keys of the other changes, as texts.
    pub dropped: BTreeSet<String>,
    /// What the other changes have revealed about erased persons.
    pub purge: Purge,
}

/// Divides a batch by the suppression list, inside a transaction that holds the brand's lock.
pub(crate) async fn suppress(
    db: &mut Connection,
    brand: &Brand,
    batch: &ChangeBatch,
) -> Result<Suppressed, StorageError> {
    let matches = match_batch(db, brand, batch).await?;
    let suppressed = divide(batch, &matches);
    if !suppressed.dropped.is_empty() {
        let dropped = u64::try_from(suppressed.dropped.len()).unwrap_or(u64::MAX);
        metrics::counter!("hookpoint_suppressed_changes_total", "brand" => brand.rules.slug.clone()).increment(dropped);
    }
    Ok(suppressed)
}

/// What the suppression list says about a batch.
struct Matches<'a> {
    hasher: SuppressionHasher,
    /// Hashes of the batch that the list contains, each with its erasure.
    found: BTreeMap<SuppressionHash, Uuid>,
    /// Records of erased persons, each with its erasure.
    erased: BTreeMap<&'a RecordKey, Uuid>,
    /// Those of them whose keys the list contains.
    named: BTreeSet<&'a RecordKey>,
    /// Stored records of the batch.
    known: BTreeMap<RecordKey, Record>,
}

async fn match_batch<'a>(
    db: &mut Connection,
    brand: &Brand,
    batch: &'a ChangeBatch,
) -> Result<Matches<'a>, StorageError> {
    let hasher = SuppressionHasher::new(&brand.suppression_key);
    let ends = batch.merges.keys().flat_map(|(loser, winner)| [loser, winner]);
    let keys: BTreeSet<&RecordKey> = batch.records.keys().chain(ends).collect();
    let texts: Vec<String> = keys.iter().map(ToString::to_string).collect();
    let known = list_records(db, brand.id(), &texts).await?;
    let candidates: Vec<Candidate> = batch
        .records
        .iter()
        .map(|(key, said)| Candidate::new(key, said, known.get(key), brand))
        .collect();
    let mut hashes = batch.suppression_hashes(&hasher, brand.rules.identity.region);
    hashes.extend(candidates.iter().flat_map(|candidate| candidate.suppression_hashes(&hasher)));
    let found = find_erased(db, brand.id(), hashes).await?;
    let mut erased: BTreeMap<&RecordKey, Uuid> =
        keys.into_iter().filter_map(|key| Some((key, *found.get(&hasher.record(key))?))).collect();
    let named = erased.keys().copied().collect();
    let matched = match_candidates(db, brand, &candidates, &found).await?;
    for key in batch.records.keys() {
        if let Some(erasure) = matched.get(key) {
            erased.entry(key).or_insert(*erasure);
        }
    }
    follow_merges(batch, &known, &mut erased);
    Ok(Matches { hasher, found, erased, named, known })
}

/// A record that a source merges with an erased one is the same person, unless it is already stored.
fn follow_merges<'a>(
    batch: &'a ChangeBatch,
    known: &BTreeMap<RecordKey, Record>,
    erased: &mut BTreeMap<&'a RecordKey, Uuid>,
) {
    loop {
        let before = erased.len();
        for (loser, winner) in batch.merges.keys() {
            for (one, other) in [(loser, winner), (winner, loser)] {
                if let Some(erasure) =
                    erased.get(one).copied().filter(|_| !known.contains_key(other))
                {
                    erased.entry(other).or_insert(erasure);
                }
            }
        }
        if erased.len() == before {
            return;
        }
    }
}

/// Divides a batch into what to apply and what to drop. Pure.
fn divide(batch: &ChangeBatch, matches: &Matches<'_>) -> Suppressed {
    let keep = ChangeBatch { is_filtered: true, ..batch.clone() };
    let mut suppressed = Suppressed { keep, ..Suppressed::default() };
    suppressed.drop_records(matches);
    suppressed.drop_merges(batch, matches);
    suppressed.drop_events(batch, matches);
    suppressed
}

impl Suppressed {
    fn drop_records(&mut self, matches: &Matches<'_>) {
        for (key, erasure) in &matches.erased {
            let is_named = matches.named.contains(key);
            if !is_named {
                self.purge.learned.insert((matches.hasher.record(key), *erasure));
            }
            // Events of an unknown record may be stored already.
            if !is_named || matches.known.contains_key(*key) {
                self.purge.of(*erasure).records.insert((*key).clone());
            }
            if self.keep.records.remove(*key).is_some() {
                self.dropped.insert(key.to_string());
            }
        }
    }

    fn drop_merges(&mut self, batch: &ChangeBatch, Matches { erased, .. }: &Matches<'_>) {
        for ends in batch.merges.keys() {
            let (loser, winner) = ends;
            let of_erased: Vec<&RecordKey> =
                [loser, winner].into_iter().filter(|end| erased.contains_key(end)).collect();
            if !of_erased.is_empty() {
                self.keep.merges.remove(ends);
                self.dropped.extend(of_erased.into_iter().map(ToString::to_string));
            }
        }
    }

    fn drop_events(&mut self, batch: &ChangeBatch, matches: &Matches<'_>) {
        let Matches { hasher, found, erased, .. } = matches;
        for (key, versions) in &batch.events {
            let owner = Event { key: key.clone(), versions: versions.clone() }.record();
            let of_owner = owner.and_then(|owner| {
                erased.get(&owner).or_else(|| found.get(&hasher.record(&owner))).copied()
            });
            let named = found.get(&hasher.event(key)).copied();
            let Some(erasure) = named.or(of_owner) else { continue };
            self.keep.events.remove(key);
            self.dropped.insert(key.to_string());
            if named.is_none() {
                self.purge.learned.insert((hasher.event(key), erasure));
                self.purge.of(erasure).events.insert(key.clone());
            }
        }
    }
}

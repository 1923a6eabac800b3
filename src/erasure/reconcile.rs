//! Keeps the suppression file and the database equal, and erases again the persons whom a restored backup brought back.

use std::collections::{BTreeMap, BTreeSet};

use crate::storage::pool::{Connection, Pool};
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::erase::ErasureError;
use super::purge::purge;
use super::purge_inbox::purge_deliveries;
use super::suppression_file::{BrandSuppressions, Entry, SuppressionFile, SuppressionFileError};
use crate::brand::Brand;
use crate::customer::model::event::EventKey;
use crate::customer::model::identifier::Identifier;
use crate::customer::model::record::RecordKey;
use crate::ingest::suppress::{Candidate, match_candidates};
use crate::storage::StorageError;
use crate::storage::brands::get_or_insert_brand;
use crate::storage::erasures::{
    ErasureRow, adopt_suppression_key, complete_erasures, count_erased, find_erased,
    get_suppression_key, insert_erasure, insert_hashes, list_erasures, list_hashes,
    mark_erasure_revoked, reopen_erasure,
};
use crate::storage::purge::{list_event_keys, list_events_after, list_named_after, list_traces};
use crate::storage::suppressions::{SuppressionHash, SuppressionHasher};
use crate::storage::write_changes::begin;

/// Records or events per transaction.
const PAGE: usize = 500;

/// Stores, for each brand, the key of the file's hashes, unless the database already has hashes of the brand. So a new
/// database recognises the persons that were erased before. Call this before brands are opened.
///
/// # Errors
/// If the file cannot be read, or if Postgres fails.
pub async fn adopt_keys(
    pool: &Pool,
    file: &SuppressionFile,
    slugs: &[&str],
) -> Result<(), ErasureError> {
    for (slug, suppressions) in file.read()? {
        if let Some(key) = suppressions.key.filter(|_| slugs.contains(&slug.as_str())) {
            let row = get_or_insert_brand(pool, &slug).await?;
            adopt_suppression_key(pool, row.brand_id, &key).await?;
        }
    }
    Ok(())
}

/// Makes the file and the database equal, and finishes the interrupted erasures that began by a given time: a command may
/// still be working on a later one. Returns how many erasures it finished.
///
/// # Errors
/// If the file or Postgres fails.
pub async fn reconcile(
    pool: &Pool,
    brand: &Brand,
    (file, max_erased_percent): (&SuppressionFile, u32),
    now: Timestamp,
    began_by: Timestamp,
) -> Result<usize, ErasureError> {
    if get_suppression_key(pool, brand.id()).await? != brand.suppression_key {
        tracing::error!(
            brand = brand.rules.slug,
            "database was replaced; restart the service, or erased persons may be visible"
        );
        return Ok(0);
    }
    let of_file = match file.read_brand(&brand.rules.slug, &brand.suppression_key) {
        Err(error @ SuppressionFileError::Foreign(_)) => {
            tracing::error!(brand = brand.rules.slug, %error, "suppression file ignored; persons in it count as not erased");
            None
        }
        read => Some(read?),
    };
    let rows = import_from_file(pool, brand, of_file.as_ref(), max_erased_percent).await?;
    // First finish the erasures, then write the file: its disk may be full.
    let is_open = |row: &&ErasureRow| {
        row.completed_at.is_none() && row.unerased_at.is_none() && row.erased_at <= began_by
    };
    let open: BTreeSet<Uuid> = rows.iter().filter(is_open).map(|row| row.erasure_id).collect();
    if !open.is_empty() {
        resume(pool, brand, &open, now).await?;
        tracing::info!(
            brand = brand.rules.slug,
            erasures = open.len(),
            "finished erasures that were interrupted, or undone by a restored backup"
        );
    }
    if let Some(of_file) = of_file {
        export_to_file(pool, brand, file, &of_file, &rows).await?;
    }
    Ok(open.len())
}

fn digest(hashes: &BTreeSet<SuppressionHash>) -> [u8; 32] {
    let mut digest = Sha256::new();
    hashes.iter().for_each(|hash| digest.update(hash.0));
    digest.finalize().into()
}

/// Copies erasures from the file to the database, unless they would erase too much of the brand. Returns all erasures
/// of the database.
async fn import_from_file(
    pool: &Pool,
    brand: &Brand,
    of_file: Option<&BrandSuppressions>,
    max_erased_percent: u32,
) -> Result<Vec<ErasureRow>, ErasureError> {
    // Without the lock of the brand: usually there is nothing to copy.
    let rows = list_erasures(&mut *pool.acquire().await?, brand.id()).await?;
    let known: BTreeMap<Uuid, &ErasureRow> = rows.iter().map(|row| (row.erasure_id, row)).collect();
    let is_alike = |id: &Uuid, entry: &Entry| {
        let row = known.get(id);
        row.is_some_and(|row| {
            row.unerased_at.is_some()
                || (entry.unerased_at.is_none() && row.digest == digest(&entry.hashes))
        })
    };
    let additions: Vec<(&Uuid, &Entry)> = of_file
        .iter()
        .flat_map(|suppressions| &suppressions.erasures)
        .filter(|(id, entry)| !is_alike(id, entry))
        .collect();
    if additions.is_empty() {
        return Ok(rows);
    }
    let mut transaction = begin(pool, brand.id()).await?;
    for (id, entry) in additions {
        insert_erasure(&mut transaction, brand.id(), *id, entry.erased_at).await?;
        if let Some(at) = entry.unerased_at {
            mark_erasure_revoked(&mut transaction, brand.id(), *id, at).await?;
        } else if insert_hashes(
            &mut transaction,
            brand.id(),
            &entry.hashes.iter().map(|hash| (*hash, *id)).collect(),
        )
        .await?
        {
            reopen_erasure(&mut transaction, brand.id(), *id).await?;
        }
    }
    let rows = list_erasures(&mut transaction, brand.id()).await?;
    check_erased_share(&mut transaction, brand, max_erased_percent).await?;
    transaction.commit().await?;
    Ok(rows)
}

/// Copies erasures from the database to the file.
async fn export_to_file(
    pool: &Pool,
    brand: &Brand,
    file: &SuppressionFile,
    of_file: &BrandSuppressions,
    rows: &[ErasureRow],
) -> Result<(), ErasureError> {
    let mut additions = BrandSuppressions::default();
    for row in rows {
        let known = of_file.erasures.get(&row.erasure_id);
        let is_alike = |known: &Entry| {
            known.unerased_at.is_some()
                || (row.unerased_at.is_none() && row.digest == digest(&known.hashes))
        };
        if known.is_some_and(is_alike) {
            continue;
        }
        let mut hashes = list_hashes(
            &mut *pool.acquire().await.map_err(StorageError::from)?,
            brand.id(),
            row.erasure_id,
        )
        .await?;
        if let Some(known) = known {
            hashes.retain(|hash| !known.hashes.contains(hash));
        }
        let is_new = known.is_none() || row.unerased_at.is_some() || !hashes.is_empty();
        let entry = Entry { erased_at: row.erased_at, unerased_at: row.unerased_at, hashes };
        additions.erasures.extend(is_new.then_some((row.erasure_id, entry)));
    }
    if !additions.erasures.is_empty() {
        additions.key = of_file.key.is_none().then_some(brand.suppression_key);
        file.append(&brand.rules.slug, &additions)?;
    }
    Ok(())
}

/// This many records, and this many events of other records, may always be erased again, whatever their percentage.
const FEW: usize = 10;

/// Refuses a suppression list that would erase a large part of the brand: it probably belongs to another database,
/// because few persons are erased between two backups.
async fn check_erased_share(
    db: &mut Connection,
    brand: &Brand,
    max_erased_percent: u32,
) -> Result<(), ErasureError> {
    let hasher = SuppressionHasher::new(&brand.suppression_key);
    let (mut named, mut of_named, mut all, mut after) = (0_usize, 0_usize, 0_usize, String::new());
    while let Some(page) = named_after(db, brand, &after).await? {
        after = page.last.to_string();
        all = all.saturating_add(page.number);
        named = named.saturating_add(page.erased.len());
        of_named = of_named.saturating_add(
            list_event_keys(db, brand.id(), &page.erased.into_keys().collect()).await?.len(),
        );
    }
    check_share(brand, "records", named, all, max_erased_percent)?;
    let (mut named, mut all, mut after) = (0_usize, 0_usize, String::new());
    loop {
        let keys = list_events_after(db, brand.id(), &after, PAGE).await?;
        let Some(last) = keys.last() else { break };
        after = last.to_string();
        all = all.saturating_add(keys.len());
        let found = find_erased(db, brand.id(), keys.iter().map(|key| hasher.event(key))).await?;
        named = named.saturating_add(
            keys.iter().filter(|key| found.contains_key(&hasher.event(key))).count(),
        );
    }
    check_share(brand, "events", named.saturating_sub(of_named), all, max_erased_percent)
}

fn check_share(
    brand: &Brand,
    what: &'static str,
    named: usize,
    all: usize,
    max_erased_percent: u32,
) -> Result<(), ErasureError> {
    let most = all.saturating_mul(usize::try_from(max_erased_percent).unwrap_or(100)) / 100;
    if named <= most.max(FEW) {
        return Ok(());
    }
    Err(ErasureError::TooMany { brand: brand.rules.slug.clone(), what, named, all })
}

/// Searches all stored data for persons of the suppression list, and erases them.
async fn resume(
    pool: &Pool,
    brand: &Brand,
    open: &BTreeSet<Uuid>,
    now: Timestamp,
) -> Result<(), ErasureError> {
    let mut after = String::new();
    while let Some(last) = erase_records(pool, brand, &after).await? {
        after = last.to_string();
    }
    let mut after = String::new();
    while let Some(last) = erase_events(pool, brand, &after).await? {
        after = last.to_string();
    }
    if let Some(erasure) = open.first() {
        purge_deliveries(pool, brand, *erasure, &mut |_| ()).await?;
    }
    complete_erasures(&mut *pool.acquire().await?, brand.id(), open, now).await?;
    Ok(())
}

/// A page of records, with those that the suppression list contains.
struct Named {
    /// The last record of the page.
    last: RecordKey,
    /// The number of records on the page.
    number: usize,
    /// The records of erased persons, each with its erasure.
    erased: BTreeMap<RecordKey, Uuid>,
    /// Hashes of record ids to add to the list: records that it recognised by their addresses.
    learned: BTreeSet<(SuppressionHash, Uuid)>,
}

/// Reads and checks the next page of records. Returns `None` at the end.
async fn named_after(
    db: &mut Connection,
    brand: &Brand,
    after: &str,
) -> Result<Option<Named>, ErasureError> {
    let hasher = SuppressionHasher::new(&brand.suppression_key);
    let keys = list_named_after(db, brand.id(), after, PAGE).await?;
    let Some(last) = keys.last().cloned() else { return Ok(None) };
    let own = |key: &RecordKey| Identifier::reference(key.kind.as_str(), &key.id);
    let candidate = |key: &RecordKey| Candidate {
        key: key.clone(),
        name_key: String::new(),
        links: own(key).into_iter().collect(),
    };
    let mut candidates: BTreeMap<RecordKey, Candidate> =
        keys.iter().map(|key| (key.clone(), candidate(key))).collect();
    for trace in list_traces(db, brand.id(), &keys).await? {
        if let Some(candidate) = candidates.get_mut(&trace.record) {
            candidate.name_key = trace.name_key;
            candidate.links.insert(trace.identifier);
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

/// Erases the records of the next page that the suppression list contains. Returns the last record of the page.
async fn erase_records(
    pool: &Pool,
    brand: &Brand,
    after: &str,
) -> Result<Option<RecordKey>, ErasureError> {
    let mut transaction = begin(pool, brand.id()).await?;
    let Some(Named { last, erased, learned, .. }) =
        named_after(&mut transaction, brand, after).await?
    else {
        return Ok(None);
    };
    insert_hashes(&mut transaction, brand.id(), &learned).await?;
    let mut by_erasure: BTreeMap<Uuid, BTreeSet<RecordKey>> = BTreeMap::new();
    for (key, erasure) in erased {
        by_erasure.entry(erasure).or_default().insert(key);
    }
    for (erasure, records) in by_erasure {
        let counts = purge(&mut transaction, brand, &records, &BTreeSet::new()).await?;
        count_erased(&mut transaction, brand.id(), erasure, counts).await?;
    }
    transaction.commit().await?;
    Ok(Some(last))
}

/// Erases the events of the next page that the suppression list contains. Returns the last event of the page.
async fn erase_events(
    pool: &Pool,
    brand: &Brand,
    after: &str,
) -> Result<Option<EventKey>, ErasureError> {
    let hasher = SuppressionHasher::new(&brand.suppression_key);
    let mut transaction = begin(pool, brand.id()).await?;
    let keys = list_events_after(&mut transaction, brand.id(), after, PAGE).await?;
    let Some(last) = keys.last().cloned() else { return Ok(None) };
    let found =
        find_erased(&mut transaction, brand.id(), keys.iter().map(|key| hasher.event(key))).await?;
    let mut by_erasure: BTreeMap<Uuid, BTreeSet<EventKey>> = BTreeMap::new();
    for key in keys {
        if let Some(erasure) = found.get(&hasher.event(&key)) {
            by_erasure.entry(*erasure).or_default().insert(key);
        }
    }
    for (erasure, events) in by_erasure {
        let counts = purge(&mut transaction, brand, &BTreeSet::new(), &events).await?;
        count_erased(&mut transaction, brand.id(), erasure, counts).await?;
    }
    transaction.commit().await?;
    Ok(Some(last))
}

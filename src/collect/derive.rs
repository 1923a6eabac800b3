//! From seeds to customers: whole components loaded, resolved, merged, rendered and put in place of what was there.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::PgConnection;

use crate::brand::Brand;
use crate::customer::aliases::Aliases;
use crate::customer::identifier::{Identifier, identifiers_of};
use crate::customer::kind::SourceKind;
use crate::customer::profile::{MergeRules, Profile};
use crate::customer::record::{Record, RecordKey, SourceMerge};
use crate::customer::resolution::{Decision, Facts, Member, resolve};
use crate::storage::customers::{CustomerRow, Touched};
use crate::storage::invalidation::{Invalidation, LookupHash, notify};
use crate::storage::{StorageError, components, customers, events, records};

/// Everything about the components of some seeds.
struct Loaded {
    keys: Vec<String>,
    records: Vec<Record>,
    aliases: Aliases,
    decisions: Vec<Decision>,
    shared: BTreeSet<Identifier>,
}

/// Makes the customers of some records anew, and tells the caches. Gives back how many there are now.
pub(super) async fn rederive(db: &mut PgConnection, brand: &Brand, seeds: BTreeSet<RecordKey>) -> Result<usize, StorageError> {
    let (loaded, before) = load(db, brand, seeds).await?;
    let profiles = profiles(&loaded, brand, db).await?;
    let presenter = &brand.rules.presenter;
    let keys: Vec<&[RecordKey]> = profiles.iter().map(|profile| profile.record_keys.as_slice()).collect();
    let rules = presenter.rules();
    let timelines = events::list_newest_events(db, brand.id(), &keys, rules.timeline_limit, &rules.hidden_events).await?;
    let rows: Vec<CustomerRow<'_>> = profiles
        .iter()
        .zip(&timelines)
        .map(|(profile, events)| CustomerRow { profile, answer: presenter.answer(profile, events).to_json() })
        .collect();
    customers::insert_customers(db, brand.id(), presenter.hash(), &rows).await?;
    notify(db, &touched(brand, &before, &profiles)).await?;
    Ok(rows.len())
}

/// Loads the closure, and removes the customers that stood there. Should one of them have had a record outside the
/// closure, that record is a seed as well.
async fn load(db: &mut PgConnection, brand: &Brand, mut seeds: BTreeSet<RecordKey>) -> Result<(Loaded, Touched), StorageError> {
    let mut before = Touched::default();
    loop {
        let keys = components::list_component_keys(db, brand.id(), &seeds).await?;
        let removed = customers::delete_customers(db, brand.id(), &keys).await?;
        let known: BTreeSet<&str> = keys.iter().map(String::as_str).collect();
        let outside: Vec<RecordKey> = removed.records.iter().filter(|key| !known.contains(key.to_string().as_str())).cloned().collect();
        before.addresses.extend(removed.addresses);
        before.records.extend(removed.records);
        before.customer_ids.extend(removed.customer_ids);
        if !outside.is_empty() {
            seeds.extend(outside);
            continue;
        }
        let records = records::list_records(db, brand.id(), &keys).await?;
        let (merges, decisions) = components::list_facts(db, brand.id(), &keys).await?;
        let shared = components::list_shared_of(db, brand.id(), &keys).await?;
        let records = records.into_values().filter(|record| record.versions.is_live()).collect();
        return Ok((Loaded { keys, records, aliases: Aliases::new(&merges), decisions, shared }, before));
    }
}

/// The merges that some records take part in, whole chains: whether one is an alias can depend on the far end.
pub(super) async fn chain(db: &mut PgConnection, brand: &Brand, start: Vec<RecordKey>) -> Result<Vec<SourceMerge>, StorageError> {
    let mut keys: BTreeSet<String> = start.iter().map(ToString::to_string).collect();
    let mut merges = Vec::new();
    while !keys.is_empty() {
        let asked: Vec<String> = keys.iter().cloned().collect();
        merges = components::list_facts(db, brand.id(), &asked).await?.0;
        keys.extend(merges.iter().flat_map(|merge| [merge.loser.to_string(), merge.winner.to_string()]));
        if keys.len() == asked.len() {
            break;
        }
    }
    Ok(merges)
}

async fn profiles(loaded: &Loaded, brand: &Brand, db: &mut PgConnection) -> Result<Vec<Profile>, StorageError> {
    let identity = &brand.rules.identity;
    let members: Vec<Member> = loaded.records.iter().map(|record| member(record, brand, &loaded.shared)).collect();
    let resolution = resolve(&Facts { members: &members, aliases: &loaded.aliases, decisions: &loaded.decisions, rules: identity });
    let rules = MergeRules { identity, precedence: &brand.rules.precedence, aliases: &loaded.aliases };
    let mut profiles: Vec<Profile> = Vec::with_capacity(resolution.clusters.len());
    for (cluster, aliases) in resolution.clusters.iter().zip(aliases_by_cluster(loaded, &resolution.clusters)) {
        let records: Vec<&Record> = cluster.iter().filter_map(|index| loaded.records.get(*index)).collect();
        profiles.extend(Profile::merge(&records, aliases, rules));
    }
    tell_apart(db, brand, &mut profiles).await?;
    debug_assert!(profiles.iter().all(|profile| loaded.keys.contains(&profile.key.to_string())), "customers stay inside their components");
    Ok(profiles)
}

/// Keys without a live record: each stands for the customer of the record that it was merged into; should that not be live
/// either, for the customer of the first live record that was.
fn aliases_by_cluster(loaded: &Loaded, clusters: &[Vec<usize>]) -> Vec<Vec<RecordKey>> {
    let numbered = clusters.iter().zip(0_usize..).flat_map(|(cluster, n)| cluster.iter().map(move |index| (*index, n)));
    let live: BTreeMap<&RecordKey, usize> = numbered.filter_map(|(index, n)| Some((&loaded.records.get(index)?.key, n))).collect();
    let mut heirs: BTreeMap<&RecordKey, usize> = BTreeMap::new();
    for (key, n) in &live {
        heirs.entry(loaded.aliases.canonical(key)).or_insert(*n);
    }
    let mut aliases = vec![Vec::new(); clusters.len()];
    for (key, end) in loaded.aliases.iter().filter(|(key, _)| !live.contains_key(key)) {
        let owner = live.get(end).or_else(|| heirs.get(end));
        if let Some(of_owner) = owner.and_then(|n| aliases.get_mut(*n)) {
            of_owner.push(key.clone());
        }
    }
    aliases
}

fn member(record: &Record, brand: &Brand, shared: &BTreeSet<Identifier>) -> Member {
    let identity = &brand.rules.identity;
    let identifiers = identifiers_of(record, identity.region);
    let linking = identifiers.iter().filter(|identifier| !shared.contains(identifier) && !identity.blocklist.blocks(identifier)).cloned().collect();
    Member { key: record.key.clone(), name: record.name().folded(), identifiers, linking }
}

/// A customer whose id is also borne by another live record of the brand shows its source's name with it; where that
/// record is of the same source, its kind.
async fn tell_apart(db: &mut PgConnection, brand: &Brand, profiles: &mut [Profile]) -> Result<(), StorageError> {
    let namesakes = |profile: &Profile| {
        SourceKind::ALL
            .into_iter()
            .filter(|kind| *kind != profile.key.kind)
            .filter_map(|kind| RecordKey::new(kind, &profile.key.id))
            .collect::<Vec<_>>()
    };
    let asked: Vec<String> = profiles.iter().flat_map(namesakes).map(|key| key.to_string()).collect();
    let known: BTreeMap<RecordKey, Record> = records::list_records(db, brand.id(), &asked).await?;
    for profile in profiles {
        let bearers: Vec<SourceKind> =
            namesakes(profile).into_iter().filter(|key| known.get(key).is_some_and(|record| record.versions.is_live())).map(|key| key.kind).collect();
        if !bearers.is_empty() {
            let of_one_source = bearers.iter().any(|kind| kind.source() == profile.key.kind.source());
            profile.tell_apart(of_one_source);
        }
    }
    Ok(())
}

/// Everything that could be asked about these people, before or after.
fn touched(brand: &Brand, before: &Touched, after: &[Profile]) -> Invalidation {
    let secret = &brand.row.secret;
    let addresses = before.addresses.iter().chain(after.iter().flat_map(|profile| &profile.addresses));
    let records = before.records.iter().chain(after.iter().flat_map(|profile| &profile.record_keys));
    let ids = records.map(|key| &key.id).chain(&before.customer_ids).chain(after.iter().map(|profile| &profile.customer_id));
    let mut hashes: Vec<LookupHash> =
        addresses.map(|address| LookupHash::of_address(secret, address)).chain(ids.map(|id| LookupHash::new(secret, "id", id))).collect();
    hashes.sort_unstable();
    hashes.dedup();
    Invalidation { brand_id: brand.id(), hashes: Some(hashes) }
}

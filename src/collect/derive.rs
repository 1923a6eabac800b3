//! From what is known to customers: resolved, merged, rendered, and compared with what stands there. Pure.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

use super::after::After;
use crate::brand::Brand;
use crate::customer::aliases::Aliases;
use crate::customer::event::Event;
use crate::customer::identifier::{Identifier, IdentifierKind, identifiers_of};
use crate::customer::kind::SourceKind;
use crate::customer::profile::{MergeRules, Profile};
use crate::customer::record::{Record, RecordKey};
use crate::customer::resolution::{Facts, Member, Resolution, resolve};
use crate::customer::rules::IdentityRules;
use crate::customer::timeline_order;
use crate::storage::invalidation::{Invalidation, LookupHash};
use crate::storage::neighbourhood::{Neighbourhood, ReviewRow, StoredCustomer};
use crate::storage::outcome::{CustomerRow, Derived};

/// Which sorts of values may link some records, because of the cap.
pub(super) type Reach = BTreeMap<RecordKey, Vec<IdentifierKind>>;

/// Who is who in a neighbourhood: clusters, and the profile of each.
pub(super) struct Resolved {
    pub members: Vec<Member>,
    pub resolution: Resolution,
    /// In the order of the clusters.
    pub profiles: Vec<Profile>,
}

/// Resolves and merges everybody in the neighbourhood.
pub(super) fn resolve_all(after: &After, known: &Neighbourhood, barred: &Reach, brand: &Brand) -> Resolved {
    let identity = &brand.rules.identity;
    let records: Vec<&Record> = after.live.values().collect();
    let members: Vec<Member> = records.iter().map(|record| member(record, &after.shared, barred, identity)).collect();
    let decisions = known.all_decisions();
    let resolution = resolve(&Facts { members: &members, aliases: &after.aliases, decisions: &decisions, rules: identity });
    let rules = MergeRules { identity, precedence: &brand.rules.precedence, aliases: &after.aliases };
    let mut profiles: Vec<Profile> = Vec::with_capacity(resolution.clusters.len());
    for (cluster, aliases) in resolution.clusters.iter().zip(aliases_by_cluster(&records, &after.aliases, &resolution.clusters)) {
        let records: Vec<&Record> = cluster.iter().filter_map(|index| records.get(*index).copied()).collect();
        profiles.extend(Profile::merge(&records, aliases, rules));
    }
    profiles.iter_mut().for_each(|profile| tell_apart(profile, &after.namesakes));
    Resolved { members, resolution, profiles }
}

/// Makes the customers of the neighbourhood, and tells how they differ from those that stand there.
pub(super) fn derive(after: &After, known: &Neighbourhood, barred: &Reach, brand: &Brand) -> Derived {
    let Resolved { resolution, profiles, .. } = resolve_all(after, known, barred, brand);
    let presenter = &brand.rules.presenter;
    let mut new: BTreeMap<String, (StoredCustomer, String)> = BTreeMap::new();
    let mut failed_templates = BTreeSet::new();
    for profile in &profiles {
        let rendered = presenter.answer(profile, &timeline(profile, after, known, brand));
        failed_templates.extend(rendered.failed_templates);
        let answer = rendered.answer.to_json();
        let customer = StoredCustomer {
            customer_id: profile.customer_id.clone(),
            records: profile.record_keys.iter().cloned().collect(),
            addresses: profile.addresses.iter().cloned().collect(),
            answer: hex(&Sha256::digest(&answer)),
            settings_hash: hex(&presenter.hash()),
        };
        new.insert(profile.key.to_string(), (customer, answer));
    }
    let reviews = reviews(&resolution, &profiles);
    let (mut derived, touched) = difference(&known.customers, new);
    derived.settings_hash = presenter.hash();
    derived.reviews_gone = known.reviews.difference(&reviews).cloned().collect();
    derived.reviews = reviews.difference(&known.reviews).cloned().collect();
    derived.notice = (!touched.is_empty()).then(|| invalidation(brand, &touched));
    derived.oversized = resolution.oversized;
    derived.failed_templates = failed_templates;
    derived
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A live record as resolution sees it.
fn member(record: &Record, shared: &BTreeSet<Identifier>, barred: &Reach, rules: &IdentityRules) -> Member {
    let identifiers = identifiers_of(record, rules.region);
    let barred = barred.get(&record.key).map_or(&[][..], Vec::as_slice);
    let links = |identifier: &&Identifier| {
        rules.may_link(identifier) && identifiers.may_link(identifier) && !shared.contains(*identifier) && !barred.contains(&identifier.kind)
    };
    let linking = identifiers.values.iter().filter(links).cloned().collect();
    Member { key: record.key.clone(), name: record.name().folded(), identifiers: identifiers.values, linking }
}

/// Keys without a live record: each stands for the customer of the record that it was merged into; should that not be live
/// either, for the customer of the first live record that was.
fn aliases_by_cluster(records: &[&Record], aliases: &Aliases, clusters: &[Vec<usize>]) -> Vec<Vec<RecordKey>> {
    let numbered = clusters.iter().zip(0_usize..).flat_map(|(cluster, n)| cluster.iter().map(move |index| (*index, n)));
    let live: BTreeMap<&RecordKey, usize> = numbered.filter_map(|(index, n)| Some((&records.get(index)?.key, n))).collect();
    let mut heirs: BTreeMap<&RecordKey, usize> = BTreeMap::new();
    for (key, n) in &live {
        heirs.entry(aliases.canonical(key)).or_insert(*n);
    }
    let mut by_cluster = vec![Vec::new(); clusters.len()];
    for (key, end) in aliases.iter().filter(|(key, _)| !live.contains_key(key)) {
        let owner = live.get(end).or_else(|| heirs.get(end));
        if let Some(of_owner) = owner.and_then(|n| by_cluster.get_mut(*n)) {
            of_owner.push(key.clone());
        }
    }
    by_cluster
}

/// An id that a live record of another kind bears as well is shown with its source's name, or its kind's where that is the
/// same source.
fn tell_apart(profile: &mut Profile, live: &BTreeSet<RecordKey>) {
    let others = SourceKind::ALL.into_iter().filter(|kind| *kind != profile.key.kind);
    let bearers: Vec<SourceKind> = others.filter(|kind| live.contains(&RecordKey { kind: *kind, id: profile.key.id.clone() })).collect();
    if !bearers.is_empty() {
        let of_one_source = bearers.iter().any(|kind| kind.source() == profile.key.kind.source());
        profile.tell_apart(of_one_source);
    }
}

/// The newest events of all its records: those that were stored, and those of the work.
pub(super) fn timeline(profile: &Profile, after: &After, known: &Neighbourhood, brand: &Brand) -> Vec<Event> {
    let rules = brand.rules.presenter.rules();
    let own: BTreeSet<&RecordKey> = profile.record_keys.iter().collect();
    let stored = profile.record_keys.iter().filter_map(|key| known.timelines.get(key)).flat_map(BTreeMap::values);
    let shown = |event: &&Event| event.versions.is_live() && !rules.hidden_events.contains(&event.key.event_type());
    let said = after.events.values().filter(shown).filter(|event| event.record().is_some_and(|record| own.contains(&record)));
    let mut events: Vec<Event> = stored.chain(said).cloned().collect();
    events.sort_by(timeline_order);
    events.truncate(rules.timeline_limit);
    events
}

fn reviews(resolution: &Resolution, profiles: &[Profile]) -> BTreeSet<ReviewRow> {
    let mut rows = BTreeSet::new();
    for doubt in &resolution.doubts {
        let (kind, value) = doubt.evidence.in_words();
        let mut customers: Vec<String> = doubt.clusters.iter().filter_map(|n| profiles.get(*n)).map(|profile| profile.key.to_string()).collect();
        customers.sort();
        let (level, grounds) = (doubt.level.as_str().to_owned(), doubt.grounds.as_str().to_owned());
        rows.insert(ReviewRow { level, kind: kind.to_owned(), value, grounds, customers });
    }
    rows
}

/// What must be written so that the new customers stand where the old ones did, and those that differ, before and after.
fn difference(old: &BTreeMap<String, StoredCustomer>, new: BTreeMap<String, (StoredCustomer, String)>) -> (Derived, Vec<StoredCustomer>) {
    let mut derived = Derived::default();
    let mut touched = Vec::new();
    let standing: BTreeSet<RecordKey> = new.values().flat_map(|(customer, _)| customer.records.iter().cloned()).collect();
    for (key, before) in old {
        let after = new.get(key).map(|(customer, _)| customer);
        if after == Some(before) {
            continue;
        }
        let kept = |address: &&Identifier| after.is_some_and(|after| after.addresses.contains(*address));
        derived.addresses_gone.extend(before.addresses.iter().filter(|address| !kept(address)).map(|address| (address.clone(), key.clone())));
        derived.records_gone.extend(before.records.difference(&standing).cloned());
        if after.is_none() {
            derived.customers_gone.push(key.clone());
        }
        touched.push(before.clone());
    }
    for (key, (after, answer)) in new {
        let before = old.get(&key);
        if before == Some(&after) {
            continue;
        }
        let news = |address: &&Identifier| before.is_none_or(|before| !before.addresses.contains(*address));
        derived.addresses.extend(after.addresses.iter().filter(news).map(|address| (address.clone(), key.clone())));
        derived.records.extend(after.records.iter().map(|record| (record.clone(), key.clone())));
        touched.push(after.clone());
        derived.customers.push(CustomerRow { key, customer_id: after.customer_id, answer });
    }
    (derived, touched)
}

/// Everything that could be asked about these people, before or after.
fn invalidation(brand: &Brand, touched: &[StoredCustomer]) -> Invalidation {
    let secret = &brand.row.secret;
    let addresses = touched.iter().flat_map(|customer| &customer.addresses).map(|address| LookupHash::of_address(secret, address));
    let ids = touched.iter().flat_map(|customer| customer.records.iter().map(|key| &key.id).chain([&customer.customer_id]));
    let hashes: BTreeSet<LookupHash> = addresses.chain(ids.map(|id| LookupHash::new(secret, "id", id))).collect();
    Invalidation { brand_id: brand.id(), hashes: Some(hashes.into_iter().collect()) }
}

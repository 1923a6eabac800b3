//! Derives customers from records: resolves identities, merges profiles, renders answers, and compares with the
//! stored customers. Pure.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

use super::next_state::NextState;
use crate::brand::Brand;
use crate::customer::Conflict;
use crate::customer::answer::profile::{MergeRules, Profile};
use crate::customer::identity::evidence::Level;
use crate::customer::identity::resolution::{Member, RecordFacts, Resolution, resolve};
use crate::customer::identity::rules::IdentityRules;
use crate::customer::identity::source_merges::Aliases;
use crate::customer::model::event::Event;
use crate::customer::model::identifier::{Identifier, IdentifierKind};
use crate::customer::model::record::{Record, RecordKey};
use crate::customer::model::source::SourceKind;
use crate::customer::timeline_order;
use crate::storage::invalidation::{Invalidation, LookupHash};
use crate::storage::load_component::{ComponentRows, ReviewRow, StoredCustomer};
use crate::storage::write_changes::{CustomerRow, Derived};

/// Kinds of identifier that may not link a record, because of the cap.
pub(crate) type LinkRestrictions = BTreeMap<RecordKey, Vec<IdentifierKind>>;

/// The resolved records of a component: clusters, and the profile of each.
pub(crate) struct Resolved {
    pub members: Vec<Member>,
    pub resolution: Resolution,
    /// In the order of the clusters.
    pub profiles: Vec<Profile>,
}

/// Resolves and merges all records of the component.
pub(crate) fn resolve_all(
    after: &NextState,
    known: &ComponentRows,
    barred: &LinkRestrictions,
    brand: &Brand,
) -> Resolved {
    let identity = &brand.rules.identity;
    let records: Vec<&Record> = after.live.values().collect();
    let members: Vec<Member> =
        records.iter().map(|record| member(record, &after.shared, barred, identity)).collect();
    let decisions = known.all_decisions();
    let resolution = resolve(&RecordFacts {
        members: &members,
        aliases: &after.aliases,
        decisions: &decisions,
        rules: identity,
    });
    let key_of = |n: &usize| members.get(*n).map(|member| member.key.clone());
    let unconfirmed: BTreeSet<RecordKey> =
        resolution.unconfirmed.iter().filter_map(key_of).collect();
    let moved =
        resolution.moved.iter().filter_map(|moved| Some((moved, moved.evidence.address()?)));
    let moved = moved
        .flat_map(|(moved, number)| {
            moved.from.iter().filter_map(key_of).map(move |key| (key, number.clone()))
        })
        .collect();
    let rules = MergeRules {
        identity,
        precedence: &brand.rules.precedence,
        aliases: &after.aliases,
        unconfirmed: &unconfirmed,
        moved: &moved,
    };
    let mut profiles: Vec<Profile> = Vec::with_capacity(resolution.clusters.len());
    for (cluster, aliases) in resolution.clusters.iter().zip(aliases_by_cluster(
        &records,
        &after.aliases,
        &resolution.clusters,
    )) {
        let records: Vec<&Record> =
            cluster.iter().filter_map(|index| records.get(*index).copied()).collect();
        profiles.extend(Profile::merge(&records, aliases, rules));
    }
    qualify_duplicate_id(&mut profiles, &after.namesakes, identity);
    Resolved { members, resolution, profiles }
}

/// Derives the customers of the component, and the difference to the stored customers.
pub(crate) fn derive(
    after: &NextState,
    known: &ComponentRows,
    barred: &LinkRestrictions,
    brand: &Brand,
) -> Derived {
    let resolved = resolve_all(after, known, barred, brand);
    let profiles = &resolved.profiles;
    let presenter = &brand.rules.presenter;
    let mut new: BTreeMap<String, (StoredCustomer, String)> = BTreeMap::new();
    let mut failed_templates = BTreeSet::new();
    for profile in profiles {
        let rendered = presenter.answer(profile, &timeline(profile, after, known, brand));
        failed_templates.extend(rendered.failed_templates);
        let answer = rendered.answer.to_json();
        let customer = StoredCustomer {
            customer_id: profile.customer_id.clone(),
            records: profile.record_keys.iter().cloned().collect(),
            addresses: profile.found_by(&brand.rules.identity),
            answer: hex(&Sha256::digest(&answer)),
            settings_hash: hex(&presenter.hash()),
        };
        new.insert(profile.key.to_string(), (customer, answer));
    }
    let reviews = reviews(&resolved, &after.aliases);
    let (mut derived, touched) = difference(&known.customers, new);
    derived.settings_hash = presenter.hash();
    derived.reviews_gone = known.reviews.difference(&reviews).cloned().collect();
    derived.reviews = reviews.difference(&known.reviews).cloned().collect();
    derived.notice = (!touched.is_empty()).then(|| invalidation(brand, &touched));
    derived.oversized = resolved.resolution.oversized;
    derived.failed_templates = failed_templates;
    derived
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A live record as input of the resolution.
fn member(
    record: &Record,
    shared: &BTreeSet<Identifier>,
    barred: &LinkRestrictions,
    rules: &IdentityRules,
) -> Member {
    let barred = barred.get(&record.key).map_or(&[][..], Vec::as_slice);
    Member::new(record, rules, |identifier| {
        !shared.contains(identifier) && !barred.contains(&identifier.kind)
    })
}

/// Keys without a live record. Each is an alias of the customer of the record that it was merged into. If that
/// record is not live either, it is an alias of the customer of the first live record that was merged into the
/// same one.
fn aliases_by_cluster(
    records: &[&Record],
    aliases: &Aliases,
    clusters: &[Vec<usize>],
) -> Vec<Vec<RecordKey>> {
    let numbered = clusters
        .iter()
        .zip(0_usize..)
        .flat_map(|(cluster, n)| cluster.iter().map(move |index| (*index, n)));
    let live: BTreeMap<&RecordKey, usize> =
        numbered.filter_map(|(index, n)| Some((&records.get(index)?.key, n))).collect();
    let mut successors: BTreeMap<&RecordKey, usize> = BTreeMap::new();
    for (key, n) in &live {
        successors.entry(aliases.canonical(key)).or_insert(*n);
    }
    let mut by_cluster = vec![Vec::new(); clusters.len()];
    for (key, end) in aliases.iter().filter(|(key, _)| !live.contains_key(key)) {
        let owner = live.get(end).or_else(|| successors.get(end));
        if let Some(of_owner) = owner.and_then(|n| by_cluster.get_mut(*n)) {
            of_owner.push(key.clone());
        }
    }
    by_cluster
}

/// If a record of another kind and customer has the same id, the id is shown with the name of its source, or of
/// its kind if both are of the same source. A self-asserted record never changes the id of a trusted customer.
fn qualify_duplicate_id(
    profiles: &mut [Profile],
    live: &BTreeSet<RecordKey>,
    rules: &IdentityRules,
) {
    for profile in profiles {
        let others = SourceKind::ALL.into_iter().filter(|kind| *kind != profile.key.kind);
        let trusted =
            others.filter(|kind| profile.is_self_asserted || !rules.self_asserted.contains(kind));
        let namesakes = trusted
            .map(|kind| RecordKey { kind, id: profile.key.id.clone() })
            .filter(|key| live.contains(key));
        let bearers: Vec<RecordKey> =
            namesakes.filter(|key| !profile.record_keys.contains(key)).collect();
        if !bearers.is_empty() {
            let of_one_source =
                bearers.iter().any(|key| key.kind.source() == profile.key.kind.source());
            profile.qualify_duplicate_id(of_one_source);
        }
    }
}

/// The newest events of all records of a customer: the stored ones, and those in the batch.
pub(crate) fn timeline(
    profile: &Profile,
    after: &NextState,
    known: &ComponentRows,
    brand: &Brand,
) -> Vec<Event> {
    let rules = brand.rules.presenter.rules();
    let own: BTreeSet<&RecordKey> = profile.record_keys.iter().collect();
    let stored = profile
        .record_keys
        .iter()
        .filter_map(|key| known.timelines.get(key))
        .flat_map(BTreeMap::values);
    let shown = |event: &&Event| {
        event.versions.is_live() && !rules.hidden_events.contains(&event.key.event_type())
    };
    let said = after
        .events
        .values()
        .filter(shown)
        .filter(|event| event.record().is_some_and(|record| own.contains(&record)));
    let mut events: Vec<Event> = stored.chain(said).cloned().collect();
    events.sort_by(timeline_order);
    events.truncate(rules.timeline_limit);
    events
}

/// Questions that only a person can answer: one for each value, about all customers with it.
fn reviews(resolved: &Resolved, aliases: &Aliases) -> BTreeSet<ReviewRow> {
    let Resolved { members, resolution, profiles } = resolved;
    let mut questions: BTreeMap<(Level, &'static str, String), (Conflict, BTreeSet<String>)> =
        BTreeMap::new();
    let mut ask = |level: Level,
                   (kind, value): (&'static str, String),
                   grounds: Conflict,
                   customers: Vec<&Profile>| {
        let question =
            questions.entry((level, kind, value)).or_insert_with(|| (grounds, BTreeSet::new()));
        question.0 = question.0.min(grounds);
        question.1.extend(customers.into_iter().map(|profile| profile.key.to_string()));
    };
    for doubt in &resolution.doubts {
        let customers = doubt.clusters.iter().filter_map(|n| profiles.get(*n)).collect();
        ask(doubt.level, doubt.evidence.in_words(), doubt.grounds, customers);
    }
    for (profile, cluster) in profiles.iter().zip(&resolution.clusters) {
        // For a value that does not link, the other holders are not loaded here.
        let linking = cluster
            .iter()
            .filter_map(|n| members.get(*n))
            .filter(|member| !aliases.is_loser(&member.key))
            .flat_map(|member| &member.linking);
        let linking: BTreeSet<&Identifier> = linking.collect();
        for address in profile.asserted.iter().filter(|address| linking.contains(address)) {
            let level =
                if address.kind == IdentifierKind::Phone { Level::Phone } else { Level::Email };
            ask(
                level,
                (address.kind.as_str(), address.value.clone()),
                Conflict::SelfAsserted,
                vec![profile],
            );
        }
    }
    let row = |((level, kind, value), (grounds, customers)): (
        (Level, &'static str, String),
        (Conflict, BTreeSet<String>),
    )| {
        let customers = customers.into_iter().take(MOST_CONCERNED).collect();
        ReviewRow {
            level: level.as_str().to_owned(),
            kind: kind.to_owned(),
            value,
            grounds: grounds.as_str().to_owned(),
            customers,
        }
    };
    questions.into_iter().map(row).collect()
}

/// The most customers in one question. Nobody can answer it about more.
const MOST_CONCERNED: usize = 100;

/// The rows to write so that the stored customers become the new ones. Also all customers that differ, before
/// and after.
fn difference(
    old: &BTreeMap<String, StoredCustomer>,
    new: BTreeMap<String, (StoredCustomer, String)>,
) -> (Derived, Vec<StoredCustomer>) {
    let mut derived = Derived::default();
    let mut touched = Vec::new();
    let standing: BTreeSet<RecordKey> =
        new.values().flat_map(|(customer, _)| customer.records.iter().cloned()).collect();
    for (key, before) in old {
        let after = new.get(key).map(|(customer, _)| customer);
        if after == Some(before) {
            continue;
        }
        let kept =
            |address: &Identifier| after.is_some_and(|after| after.addresses.contains_key(address));
        derived.addresses_gone.extend(
            before
                .addresses
                .keys()
                .filter(|address| !kept(address))
                .map(|address| (address.clone(), key.clone())),
        );
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
        let changed = |address: &Identifier, asserted: bool| {
            before.is_none_or(|before| before.addresses.get(address) != Some(&asserted))
        };
        let news =
            after.addresses.iter().filter(|(address, asserted)| changed(address, **asserted));
        derived
            .addresses
            .extend(news.map(|(address, asserted)| (address.clone(), key.clone(), *asserted)));
        derived.records.extend(after.records.iter().map(|record| (record.clone(), key.clone())));
        touched.push(after.clone());
        derived.customers.push(CustomerRow { key, customer_id: after.customer_id, answer });
    }
    (derived, touched)
}

/// The cache keys of every lookup that could find these customers, before or after.
fn invalidation(brand: &Brand, touched: &[StoredCustomer]) -> Invalidation {
    let secret = &brand.secret;
    let addresses = touched
        .iter()
        .flat_map(|customer| customer.addresses.keys())
        .map(|address| LookupHash::of_address(secret, address));
    let ids = touched.iter().flat_map(|customer| {
        customer.records.iter().map(|key| &key.id).chain([&customer.customer_id])
    });
    let hashes: BTreeSet<LookupHash> =
        addresses.chain(ids.map(|id| LookupHash::new(secret, "id", id))).collect();
    Invalidation { brand_id: brand.id(), hashes: Some(hashes.into_iter().collect()) }
}

//! Resolves the identities of a loaded component, and merges the profile of each customer. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::next_state::NextState;
use crate::brand::Brand;
use crate::customer::answer::profile::Profile;
use crate::customer::identity::resolution::{Member, RecordFacts, Resolution, resolve};
use crate::customer::identity::rules::IdentityRules;
use crate::customer::identity::source_merges::Aliases;
use crate::customer::model::identifier::{Identifier, IdentifierKind};
use crate::customer::model::record::{Record, RecordKey};
use crate::customer::model::source::SourceKind;
use crate::storage::component_rows::ComponentRows;
use crate::storage::given_ids::GivenId;

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
    let rules = brand.rules.merge_rules(&after.aliases, &unconfirmed, &moved, &known.confirmed);
    let mut profiles: Vec<Profile> = Vec::with_capacity(resolution.clusters.len());
    let aliases = aliases_by_cluster(&records, &after.aliases, &resolution.clusters);
    let clusters = resolution.clusters.iter().zip(aliases).zip(resolution.joined_by());
    for ((cluster, aliases), joined_by) in clusters {
        let records: Vec<&Record> =
            cluster.iter().filter_map(|index| records.get(*index).copied()).collect();
        let kinds: Vec<&str> = joined_by.into_iter().map(|(_, kind)| kind).collect();
        let profile = Profile::merge(&records, aliases, rules);
        profiles.extend(profile.map(|profile| Profile { matched_by: kinds.join(" "), ..profile }));
    }
    let reserved: BTreeMap<&str, &RecordKey> =
        known.given.iter().map(|(key, given)| (given.customer_id.as_str(), key)).collect();
    let given = GivenOut { by_record: &known.given, reserved, erased: &known.erased_ids };
    for profile in &mut profiles {
        show_id(profile, &after.namesakes, &given, &unconfirmed, identity);
    }
    Resolved { members, resolution, profiles }
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

/// Ids that answers gave out.
struct GivenOut<'a> {
    by_record: &'a BTreeMap<RecordKey, GivenId>,
    /// The record of each id.
    reserved: BTreeMap<&'a str, &'a RecordKey>,
    /// Ids that were given out for erased persons.
    erased: &'a BTreeSet<String>,
}

impl GivenOut<'_> {
    /// Whether a customer may show an id for the first time.
    fn allows(&self, id: &str, is_own: impl Fn(&RecordKey) -> bool) -> bool {
        !self.erased.contains(id) && self.reserved.get(id).is_none_or(|key| is_own(key))
    }
}

/// Sets the id that answers show. An id that an answer gave out stays, of several the one that was given first. A form
/// decides it only where the customer has no trusted record.
///
/// A new id is the id of the first record. It is shown with the name of its source if a record of another customer has the
/// same id, or if an answer gave it out for another one, also for one that is erased; with the name of its kind if both
/// are of the same source. A self-asserted record never changes the id of a trusted customer.
fn show_id(
    profile: &mut Profile,
    live: &BTreeSet<RecordKey>,
    given: &GivenOut<'_>,
    unconfirmed: &BTreeSet<RecordKey>,
    rules: &IdentityRules,
) {
    let is_own = |key: &RecordKey| profile.record_keys.binary_search(key).is_ok();
    let counts = |key: &&RecordKey| profile.is_self_asserted || !unconfirmed.contains(*key);
    let own = profile.record_keys.iter().filter(counts);
    let own = own.filter_map(|key| Some((given.by_record.get(key)?, key)));
    if let Some((first, _)) = own.min_by_key(|(given, key)| (given.given_at, *key)) {
        profile.customer_id.clone_from(&first.customer_id);
        return;
    }
    // Records of other customers with the same id.
    let others = SourceKind::ALL.into_iter().filter(|kind| *kind != profile.key.kind);
    let trusted =
        others.filter(|kind| profile.is_self_asserted || !rules.self_asserted.contains(kind));
    let bearers: Vec<RecordKey> = trusted
        .map(|kind| RecordKey { kind, id: profile.key.id.clone() })
        .filter(|key| live.contains(key) && !is_own(key))
        .collect();
    let source = profile.key.kind.source();
    let [bare, with_source, with_kind] = profile.key.shown_ids();
    profile.customer_id = if bearers.is_empty() && given.allows(&bare, is_own) {
        bare
    } else if bearers.iter().all(|key| key.kind.source() != source)
        && given.allows(&with_source, is_own)
    {
        with_source
    } else {
        with_kind
    };
}

//! Derives customers from records: resolves identities, merges profiles, renders answers, and compares with the
//! stored customers. Pure.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

use super::difference::{Touched, difference, invalidation};
use super::next_state::NextState;
use super::open_questions::open_questions;
use super::resolve::{LinkRestrictions, resolve_all};
use crate::brand::Brand;
use crate::customer::answer::profile::Profile;
use crate::customer::keep_newest;
use crate::customer::model::event::Event;
use crate::customer::model::record::RecordKey;
use crate::storage::changed_rows::Derived;
use crate::storage::component_rows::{ComponentRows, StoredCustomer};

/// Derives the customers of the component: the rows to write, and the customers that differ from the stored ones.
pub(crate) fn derive(
    after: &NextState,
    known: &ComponentRows,
    barred: &LinkRestrictions,
    brand: &Brand,
) -> (Derived, Touched) {
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
            matched_by: profile.matched_by.clone(),
            records: profile.record_keys.iter().cloned().collect(),
            addresses: profile.found_by(&brand.rules.identity),
            answer: hex(&Sha256::digest(&answer)),
            settings_hash: hex(&presenter.hash()),
        };
        new.insert(profile.key.to_string(), (customer, answer));
    }
    let reviews = open_questions(&resolved, &after.aliases);
    let (mut derived, touched) = difference(&known.customers, new);
    derived.settings_hash = presenter.hash();
    derived.reviews_deleted = known.reviews.difference(&reviews).cloned().collect();
    derived.reviews = reviews.difference(&known.reviews).cloned().collect();
    derived.notice = (!touched.is_empty()).then(|| invalidation(brand, &touched, &known.given));
    derived.oversized = resolved.resolution.oversized;
    derived.failed_templates = failed_templates;
    (derived, touched)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
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
    let said = after
        .events
        .values()
        .filter(|event| rules.shows(event))
        .filter(|event| event.record().is_some_and(|record| own.contains(&record)));
    let mut events: Vec<Event> = stored.chain(said).cloned().collect();
    keep_newest(&mut events, rules.timeline_limit);
    events
}

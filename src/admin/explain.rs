//! Explains a customer: what joins its records, what keeps other records apart, and where each field comes from.

use std::collections::{BTreeMap, BTreeSet};

use crate::storage::pool::Connection;
use jiff::Timestamp;
use serde_json::Value;

use crate::brand::Brand;
use crate::customer::answer::profile::Profile;
use crate::customer::model::identifier::Identifier;
use crate::customer::model::record::{Record, RecordKey, field};
use crate::customer::model::unread::unread_values;
use crate::ingest::batch::{ChangeBatch, scope};
use crate::ingest::derive::timeline;
use crate::ingest::next_state::NextState;
use crate::ingest::resolve::{LinkRestrictions, Resolved, resolve_all};
use crate::storage::StorageError;
use crate::storage::customers::find_customer;
use crate::storage::load_component::{ComponentQuery, load_component};

/// The explanation of a customer. It is personal data, for an admin only. So it does not implement `Debug`.
#[derive(Default)]
pub struct Explanation {
    /// The customer id, as answers show it.
    pub customer_id: String,
    /// The customer's records that are not deleted, with the name in each.
    pub records: Vec<(RecordKey, String)>,
    /// The links that joined the records: level, evidence, and the records that have it.
    pub links: Vec<(&'static str, String, Vec<RecordKey>)>,
    /// Decisions of people about the records: whether the two records are the same person, and the records.
    pub decisions: Vec<(bool, RecordKey, RecordKey)>,
    /// The links that were refused: level, evidence, the reason, and the other customers.
    pub doubts: Vec<(&'static str, String, &'static str, Vec<String>)>,
    /// Addresses that find the customer but join no records, with the reason.
    pub finds_only: Vec<(Identifier, &'static str)>,
    /// Addresses in the records that do not find the customer, with the reason.
    pub finds_not: Vec<(Identifier, &'static str)>,
    /// Values that could not be parsed, for each record and each event of the timeline: the field's name and its text.
    pub unread: BTreeMap<String, BTreeMap<String, String>>,
    /// The templates that failed. Their fields or events are missing in the answer.
    pub failed_templates: BTreeSet<String>,
    /// The values of each record: name in templates, value, and time.
    pub record_values: BTreeMap<RecordKey, Vec<(String, String, Timestamp)>>,
    /// Notes about the limits of this explanation.
    pub remarks: Vec<&'static str>,
}

const PARTIAL: &str = "More records are connected than identity.component_cap, so only the records of this customer were examined.";
const OVERSIZED: &str = "More records are connected than identity.component_cap, so phone numbers, or e-mail addresses too, join no records there.";
const OUTDATED: &str = "The stored customer is outdated: it is from other settings. This explanation uses the present ones.";

/// Explains a customer. Returns `None` if the customer no longer exists.
///
/// # Errors
/// If Postgres fails.
pub async fn explain(
    db: &mut Connection,
    brand: &Brand,
    customer_key: &str,
) -> Result<Option<Explanation>, StorageError> {
    let rules = &brand.rules.identity;
    let Some((_, keys)) = find_customer(db, brand.id(), customer_key).await? else {
        return Ok(None);
    };
    let stored: BTreeSet<RecordKey> = keys.iter().filter_map(|key| key.parse().ok()).collect();
    let ask = ComponentQuery { records: stored.clone(), ..ComponentQuery::default() };
    let follow = rules.component_cap.saturating_add(keys.len()).saturating_add(1);
    let mut remarks = Vec::new();
    let mut known = load_component(db, brand.id(), &ask, &scope(brand, Some(follow))).await?;
    if known.is_truncated {
        remarks.push(PARTIAL);
        known = load_component(db, brand.id(), &ask, &scope(brand, None)).await?;
    }
    let now = NextState::new(&ChangeBatch::default(), &known, &BTreeMap::new(), rules);
    let found = resolve_all(&now, &known, &LinkRestrictions::new(), brand);
    let position = found
        .profiles
        .iter()
        .position(|profile| profile.record_keys.iter().any(|key| stored.contains(key)));
    let exact = found.profiles.iter().position(|profile| profile.key.to_string() == customer_key);
    let position = exact.or(position);
    let Some((position, profile)) = position.and_then(|n| Some((n, found.profiles.get(n)?))) else {
        return Ok(None);
    };
    if profile.record_keys.iter().collect::<BTreeSet<_>>() != stored.iter().collect()
        && remarks.is_empty()
    {
        remarks.push(OUTDATED);
    }
    if found.resolution.oversized > 0 {
        remarks.push(OVERSIZED);
    }
    let own: BTreeSet<usize> =
        found.resolution.clusters.get(position).into_iter().flatten().copied().collect();
    let key_of = |n: &usize| found.members.get(*n).map(|member| member.key.clone());
    let mut explanation =
        Explanation { customer_id: profile.customer_id.clone(), remarks, ..Explanation::default() };
    for record in own.iter().filter_map(key_of).filter_map(|key| now.live.get(&key)) {
        let name = record.name();
        let words: Vec<String> = [name.first, name.last].into_iter().flatten().collect();
        explanation.records.push((record.key.clone(), words.join(" ")));
    }
    for link in found
        .resolution
        .links
        .iter()
        .filter(|link| link.members.iter().any(|member| own.contains(member)))
    {
        explanation.links.push((
            link.level.as_str(),
            link.evidence.in_words().1,
            link.members.iter().filter_map(key_of).collect(),
        ));
    }
    let decided = known.decisions.iter().filter(|((left, right), _)| {
        profile.record_keys.contains(left) || profile.record_keys.contains(right)
    });
    explanation.decisions =
        decided.map(|((left, right), same)| (*same, left.clone(), right.clone())).collect();
    for doubt in found.resolution.doubts.iter().filter(|doubt| doubt.clusters.contains(&position)) {
        let others = doubt
            .clusters
            .iter()
            .filter(|n| **n != position)
            .filter_map(|n| found.profiles.get(*n));
        let others = others.map(|profile| profile.key.to_string()).collect();
        explanation.doubts.push((
            doubt.level.as_str(),
            doubt.evidence.in_words().1,
            doubt.grounds.as_str(),
            others,
        ));
    }
    let values = profile.addresses.iter().map(|address| (address.clone(), false)).collect();
    let lines = load_component(
        db,
        brand.id(),
        &ComponentQuery { values, ..ComponentQuery::default() },
        &scope(brand, None),
    )
    .await?;
    for address in &profile.addresses {
        let why = if !rules.may_link(address) {
            "blocked: it identifies nobody"
        } else if lines.holdings.get(address).is_some_and(|holding| holding.decided) {
            "shared: a person decided this"
        } else if now.shared.contains(address) {
            "shared: too many people have it"
        } else {
            continue;
        };
        explanation.finds_only.push((address.clone(), why));
    }
    explanation.finds_not = finds_not(&found, &own, profile, brand);
    let records: Vec<&Record> =
        own.iter().filter_map(key_of).filter_map(|key| now.live.get(&key)).collect();
    explanation.record_values = record_values(&records, profile);
    let events = timeline(profile, &now, &known, brand);
    explanation.failed_templates = brand.rules.presenter.answer(profile, &events).failed_templates;
    let of_records = records
        .iter()
        .map(|record| (record.key.to_string(), unread_values(&record.versions, rules.region)));
    let of_events = events
        .iter()
        .map(|event| (event.key.to_string(), unread_values(&event.versions, rules.region)));
    explanation.unread =
        of_records.chain(of_events).filter(|(_, unread)| !unread.is_empty()).collect();
    Ok(Some(explanation))
}

/// Phone numbers that have a new owner, and addresses that only a form contains.
fn finds_not(
    found: &Resolved,
    own: &BTreeSet<usize>,
    profile: &Profile,
    brand: &Brand,
) -> Vec<(Identifier, &'static str)> {
    const MOVED: &str = "it has a new owner: another person's record had it years later";
    const ASSERTED: &str = "only a form contains it: a trusted record or a person must confirm it";
    let lost = found
        .resolution
        .moved
        .iter()
        .filter(|moved| moved.from.iter().any(|member| own.contains(member)));
    let lost = lost
        .filter_map(|moved| moved.evidence.address())
        .filter(|number| !profile.addresses.contains(number));
    let asserted =
        profile.asserted.iter().filter(|_| !brand.rules.identity.lookup_by_self_asserted);
    lost.map(|number| (number.clone(), MOVED))
        .chain(asserted.map(|address| (address.clone(), ASSERTED)))
        .collect()
}

/// The values of a profile, for each record that they come from. Addresses have the source's spelling, the other values
/// their names in templates.
fn record_values(
    records: &[&Record],
    profile: &Profile,
) -> BTreeMap<RecordKey, Vec<(String, String, Timestamp)>> {
    let mut record_values: BTreeMap<RecordKey, Vec<(String, String, Timestamp)>> = BTreeMap::new();
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    for (name, field) in
        [("customer.first_name", &profile.first_name), ("customer.last_name", &profile.last_name)]
    {
        if let Some(field) = field {
            record_values.entry(field.record.clone()).or_default().push((
                name.to_owned(),
                field.value.clone(),
                field.at,
            ));
        }
    }
    for record in records {
        for prefix in [field::EMAIL, field::PHONE, field::SOCIAL] {
            let addresses = record
                .versions
                .with_prefix(prefix)
                .map(|(slot, value, at)| (format!("{prefix}{slot}"), text(value), at));
            record_values.entry(record.key.clone()).or_default().extend(addresses);
        }
    }
    for (source, attributes) in &profile.by_source {
        for (name, field) in attributes {
            let is_preferred = profile
                .attributes
                .get(name)
                .is_some_and(|preferred| preferred.record == field.record);
            let name = if is_preferred {
                format!("{source}.{name}, attributes.{name}")
            } else {
                format!("{source}.{name}")
            };
            record_values.entry(field.record.clone()).or_default().push((
                name,
                text(&field.value),
                field.at,
            ));
        }
    }
    record_values
}

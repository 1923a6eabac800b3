//! Explains a customer: what links its records, what keeps other records apart, and where each field comes from.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::explained_customer::{ExplainedCustomer, ValueSource};
pub use super::explained_customer::{ONLY_A_FORM, RecordValue};
use crate::brand::Brand;
use crate::customer::answer::profile::Profile;
use crate::customer::identity::component::most_keys;
use crate::customer::model::event::EventKey;
use crate::customer::model::identifier::Identifier;
use crate::customer::model::record::RecordKey;
use crate::ingest::batch::{ChangeBatch, scope};
use crate::ingest::next_state::NextState;
use crate::ingest::resolve::{LinkRestrictions, resolve_all};
use crate::storage::StorageError;
use crate::storage::component_rows::ComponentRows;
use crate::storage::customers::{FoundCustomer, find_customer};
use crate::storage::decisions::{DecisionRow, Verdict, Which, list_decisions};
use crate::storage::load_component::{ComponentQuery, load_component};
use crate::storage::outranked_addresses::list_outranked;
use crate::storage::pool::Connection;

/// The explanation of a customer. It is personal data, for an admin only. So it does not implement `Debug`.
#[derive(Default)]
pub struct Explanation {
    /// The customer id, as answers show it.
    pub customer_id: String,
    /// The customer's records that are not deleted, with the name in each.
    pub records: Vec<(RecordKey, String)>,
    /// The links between the records: level, evidence, and the records that have it.
    pub links: Vec<(&'static str, String, Vec<RecordKey>)>,
    /// Decisions of people in force about the records and addresses.
    pub decisions: Vec<DecisionRow>,
    /// The links that were refused: level, evidence, the reason, and the other customers.
    pub review_candidates: Vec<(&'static str, String, &'static str, Vec<String>)>,
    /// Addresses that find the customer but link no records, with the reason.
    pub finds_only: Vec<(Identifier, &'static str)>,
    /// Addresses in the records that do not find the customer, with the reason.
    pub finds_not: Vec<(Identifier, &'static str)>,
    /// Values that could not be parsed, for each record and each event of the timeline: the field's name and its text.
    pub unread: BTreeMap<String, BTreeMap<String, String>>,
    /// The templates that failed. Their fields or events are missing in the answer.
    pub failed_templates: BTreeSet<String>,
    /// The values of each record.
    pub record_values: BTreeMap<RecordKey, Vec<RecordValue>>,
    /// The custom fields of the answer, each with the values that its template uses.
    pub custom_fields: Vec<(String, Vec<ValueSource>)>,
    /// The events of the answer, the newest first: each with its record and its time.
    pub events: Vec<(EventKey, RecordKey, Timestamp)>,
    /// Notes about the limits of this explanation.
    pub remarks: Vec<&'static str>,
}

const PARTIAL: &str = "More records are connected than identity.component_cap allows, so only the records of this customer were examined.";
const OVERSIZED: &str = "More records are connected than identity.component_cap allows. So phone numbers link none of them. Where the rest is still too large, e-mail addresses link none either.";
const UNCONFIRMED: &str = "A decision confirmed an address that none of these records contains any more. So it does not find this customer.";
const OUTDATED: &str = "The stored customer was computed with earlier settings. This explanation uses the current settings.";

/// Explains a customer, in a transaction that `begin_reading` began. Returns `None` if the customer no longer exists.
///
/// # Errors
/// If Postgres fails.
pub async fn explain(
    db: &mut Connection,
    brand: &Brand,
    customer_key: &str,
) -> Result<Option<Explanation>, StorageError> {
    let Some(FoundCustomer { record_keys: keys, .. }) =
        find_customer(db, brand.id(), customer_key).await?
    else {
        return Ok(None);
    };
    let stored: BTreeSet<RecordKey> = keys.iter().filter_map(|key| key.parse().ok()).collect();
    let (known, is_incomplete) = load(db, brand, &stored, keys.len()).await?;
    let rules = &brand.rules.identity;
    let now = NextState::new(&ChangeBatch::default(), &known, &BTreeMap::new(), rules);
    let found = resolve_all(&now, &known, &LinkRestrictions::new(), brand);
    let Some(customer) =
        ExplainedCustomer::find(brand, &known, &now, &found, &stored, customer_key)
    else {
        return Ok(None);
    };
    let values = customer.profile.addresses.iter().map(|address| (address.clone(), false));
    let ask = ComponentQuery { values: values.collect(), ..ComponentQuery::default() };
    let holders = load_component(db, brand.id(), &ask, &scope(brand, None)).await?;
    let events = customer.timeline();
    let records = customer.profile.record_keys.iter().cloned().collect();
    let addresses = customer.profile.addresses.iter().cloned().collect();
    let own = BTreeSet::from([customer_key.to_owned()]);
    let outranked = list_outranked(db, brand.id(), &own).await?;
    let outranked = outranked.into_values().flatten().collect();
    let mut decisions = list_decisions(db, brand.id(), Which::About(&records, &addresses)).await?;
    decisions.retain(|row| row.undone_at.is_none());
    let rendered = brand.rules.presenter.answer(customer.profile, &events);
    let mut remarks = remarks(&customer, &stored, is_incomplete);
    if decisions.iter().any(|row| confirms_nothing(row, customer.profile)) {
        remarks.push(UNCONFIRMED);
    }
    Ok(Some(Explanation {
        customer_id: customer.profile.customer_id.clone(),
        records: customer.names(),
        links: customer.links(),
        decisions,
        review_candidates: customer.review_candidates(),
        finds_only: customer.finds_only(&holders),
        finds_not: customer.finds_not(&outranked),
        unread: customer.unread(&events),
        failed_templates: rendered.failed_templates,
        record_values: customer.record_values(),
        custom_fields: customer.custom_fields(&rendered.answer),
        events: customer.shown_events(&events),
        remarks,
    }))
}

/// Loads all records that are connected with some records. If they are too many, only these records, and returns that
/// as the second value.
async fn load(
    db: &mut Connection,
    brand: &Brand,
    stored: &BTreeSet<RecordKey>,
    own: usize,
) -> Result<(ComponentRows, bool), StorageError> {
    let ask = ComponentQuery { records: stored.clone(), ..ComponentQuery::default() };
    let follow = most_keys(own, &brand.rules.identity);
    let known = load_component(db, brand.id(), &ask, &scope(brand, Some(follow))).await?;
    if known.is_truncated {
        let known = load_component(db, brand.id(), &ask, &scope(brand, None)).await?;
        return Ok((known, true));
    }
    Ok((known, false))
}

/// Whether a decision confirmed an address that no record of the customer contains any more.
fn confirms_nothing(row: &DecisionRow, profile: &Profile) -> bool {
    matches!(&row.verdict, Verdict::ConfirmedAddress(address, _)
        if !profile.addresses.contains(address) && !profile.asserted.contains(address))
}

fn remarks(
    customer: &ExplainedCustomer<'_>,
    stored: &BTreeSet<RecordKey>,
    is_incomplete: bool,
) -> Vec<&'static str> {
    let is_outdated =
        customer.profile.record_keys.iter().collect::<BTreeSet<_>>() != stored.iter().collect();
    let mut remarks = Vec::new();
    if is_incomplete {
        remarks.push(PARTIAL);
    } else if is_outdated {
        remarks.push(OUTDATED);
    }
    if customer.found.resolution.oversized > 0 {
        remarks.push(OVERSIZED);
    }
    remarks
}

//! Decisions about addresses that only records from forms have.

use std::collections::BTreeSet;

use super::contradictions::{Companions, separated};
use super::error::DecisionError;
use super::in_force::InForce;
use super::live_records::{live_records_of_customers, require_live};
use crate::brand::Brand;
use crate::customer::model::identifier::Identifier;
use crate::customer::model::record::RecordKey;
use crate::storage::customers::list_unconfirmed;
use crate::storage::decisions::{DecisionRow, Verdict};
use crate::storage::person::{list_holders, list_identifiers};
use crate::storage::pool::Connection;

/// The most holders of an address that are compared with earlier decisions.
const MOST_HOLDERS: i64 = 100;

/// The address belongs to the customer of the record.
pub(super) async fn confirm(
    db: &mut Connection,
    brand: &Brand,
    address: &Identifier,
    record: &RecordKey,
) -> Result<Verdict, DecisionError> {
    match forms_with(db, brand, address, record).await {
        Ok(forms) => Ok(Verdict::ConfirmedAddress(address.clone(), forms)),
        Err(DecisionError::NothingToConfirm) => Err(why_nothing(db, brand, address, record).await?),
        Err(error) => Err(error),
    }
}

/// Why no record from a form adds an address to the customer of a record: decisions separated them, or there is none.
async fn why_nothing(
    db: &mut Connection,
    brand: &Brand,
    address: &Identifier,
    record: &RecordKey,
) -> Result<DecisionError, DecisionError> {
    let mut forms = list_holders(db, brand.id(), address, MOST_HOLDERS).await?;
    forms.retain(|key| brand.rules.identity.self_asserted.contains(&key.kind));
    let confirmed = Verdict::ConfirmedAddress(address.clone(), forms.into_iter().collect());
    let in_force = InForce::around(db, brand, &confirmed).await?;
    let customer = records_of_customer(db, brand, record).await?;
    let ids = separated(&confirmed.records(), &customer, &in_force);
    Ok(if ids.is_empty() {
        DecisionError::NothingToConfirm
    } else {
        DecisionError::Contradicts(ids)
    })
}

/// The trusted records that are in one customer with each record that a decision separates and whose address another
/// decision confirmed.
pub(super) async fn companions(
    db: &mut Connection,
    brand: &Brand,
    verdict: &Verdict,
    in_force: &[DecisionRow],
) -> Result<Companions, DecisionError> {
    let mut companions = Companions::new();
    if !matches!(verdict, Verdict::DifferentPeople(_)) {
        return Ok(companions);
    }
    let named = verdict.records();
    let confirmed = in_force.iter().filter_map(|row| match &row.verdict {
        Verdict::ConfirmedAddress(_, forms) => Some(forms),
        _ => None,
    });
    for form in confirmed.flatten().filter(|form| named.contains(*form)) {
        let mut others = records_of_customer(db, brand, form).await?;
        let unconfirmed = unconfirmed(db, brand, &others).await?;
        others.retain(|other| other != form && !unconfirmed.contains(other));
        companions.insert(form.clone(), others);
    }
    Ok(companions)
}

/// The existing records of the customer of a record.
async fn records_of_customer(
    db: &mut Connection,
    brand: &Brand,
    record: &RecordKey,
) -> Result<BTreeSet<RecordKey>, DecisionError> {
    let one = BTreeSet::from([record.clone()]);
    Ok(live_records_of_customers(db, brand, &one).await?.into_iter().flatten().collect())
}

async fn unconfirmed(
    db: &mut Connection,
    brand: &Brand,
    records: &BTreeSet<RecordKey>,
) -> Result<BTreeSet<RecordKey>, DecisionError> {
    let texts: Vec<String> = records.iter().map(ToString::to_string).collect();
    let kinds = &brand.rules.identity.self_asserted;
    Ok(list_unconfirmed(db, brand.id(), &texts, kinds).await?)
}

/// The records from forms that add an address to the customer of a record.
pub(super) async fn forms_with(
    db: &mut Connection,
    brand: &Brand,
    address: &Identifier,
    record: &RecordKey,
) -> Result<BTreeSet<RecordKey>, DecisionError> {
    require_live(db, brand, &[record.clone()].into()).await?;
    let all = records_of_customer(db, brand, record).await?;
    let unconfirmed = unconfirmed(db, brand, &all).await?;
    let held = list_identifiers(db, brand.id(), &all).await?;
    let (forms, trusted): (BTreeSet<RecordKey>, BTreeSet<RecordKey>) = held
        .into_iter()
        .filter(|held| held.identifier == *address)
        .map(|held| held.record)
        .partition(|record| unconfirmed.contains(record));
    let has_trusted_records = all.iter().any(|record| !unconfirmed.contains(record));
    if forms.is_empty() || !trusted.is_empty() || !has_trusted_records {
        return Err(DecisionError::NothingToConfirm);
    }
    Ok(forms)
}

//! What a person wants to decide, and what has to be done for it.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::contradictions;
use super::error::DecisionError;
use super::forms::{companions, confirm, forms_with};
use super::in_force::InForce;
use super::live_records::{live_records_of_customers, require_live};
use crate::brand::Brand;
use crate::customer::model::identifier::Identifier;
use crate::customer::model::record::RecordKey;
use crate::storage::StorageError;
use crate::storage::decisions::{DecisionRow, Verdict, Which, list_decisions};
use crate::storage::person::list_holders;
use crate::storage::pool::Connection;

/// The most pairs of records in one decision.
const MOST_PAIRS: usize = 10_000;

/// What a person wants to decide. It may name an address, so it does not implement `Debug`.
#[derive(Clone)]
pub enum Act {
    /// These records are one person.
    Join(BTreeSet<RecordKey>),
    /// The customers of these records are one person, with all records that they have now.
    JoinCustomers(BTreeSet<RecordKey>),
    /// These records are not the person of the other records of their customers.
    Separate(BTreeSet<RecordKey>),
    /// The customers of these records are different people.
    KeepApart(BTreeSet<RecordKey>),
    /// The address belongs to several people: it links nobody.
    Share(Identifier),
    /// The address belongs to the customer of the record, although only forms contain it.
    Confirm(Identifier, RecordKey),
    /// The address does not belong to the customer of the record. The forms that contain it are another person's.
    Reject(Identifier, RecordKey),
    /// As if this decision had never been made.
    Undo(Uuid),
}

/// What to store.
pub(super) enum Fact {
    Decide(Verdict),
    Undo(DecisionRow),
}

/// What has to be done for an act.
pub(super) struct Plan {
    pub fact: Fact,
    /// The records that the act names, or holders of the address that it names.
    pub concerned: BTreeSet<RecordKey>,
}

impl Verdict {
    /// The name of the action in the audit log.
    pub(super) const fn action(&self) -> &'static str {
        match self {
            Self::SamePerson(_) => "decide same person",
            Self::DifferentPeople(_) => "decide different people",
            Self::SharedValue(_) => "decide shared address",
            Self::ConfirmedAddress(..) => "confirm address",
        }
    }
}

impl Plan {
    /// What has to be done for an act, inside the transaction that will do it.
    pub(super) async fn new(
        db: &mut Connection,
        brand: &Brand,
        act: &Act,
    ) -> Result<Self, DecisionError> {
        let verdict = match act {
            Act::Join(records) => join(db, brand, records).await?,
            Act::JoinCustomers(records) => join_customers(db, brand, records).await?,
            Act::Separate(records) => separate(db, brand, records).await?,
            Act::KeepApart(records) => keep_apart(db, brand, records).await?,
            Act::Share(address) => share(db, brand, address).await?,
            Act::Confirm(address, record) => confirm(db, brand, address, record).await?,
            Act::Reject(address, record) => {
                let forms = forms_with(db, brand, address, record).await?;
                separate(db, brand, &forms).await?
            }
            Act::Undo(id) => return Self::undo(db, brand, *id).await,
        };
        let in_force = InForce::around(db, brand, &verdict).await?;
        let companions = companions(db, brand, &verdict, &in_force.decisions).await?;
        contradictions::check(&verdict, &in_force, &companions)?;
        Self::of(db, brand, Fact::Decide(verdict)).await
    }

    async fn undo(db: &mut Connection, brand: &Brand, id: Uuid) -> Result<Self, DecisionError> {
        let row = find_decision(db, brand, id).await?;
        if row.undone_at.is_some() {
            return Err(DecisionError::AlreadyUndone);
        }
        Self::of(db, brand, Fact::Undo(row)).await
    }

    async fn of(db: &mut Connection, brand: &Brand, fact: Fact) -> Result<Self, DecisionError> {
        let mut plan = Self { fact, concerned: BTreeSet::new() };
        let verdict = plan.verdict();
        plan.concerned = match verdict {
            // Resolution finds the other holders itself.
            Verdict::SharedValue(address) => {
                list_holders(db, brand.id(), address, MOST_SHOWN).await?.into_iter().collect()
            }
            other => other.records(),
        };
        Ok(plan)
    }

    /// What the decision says, or said.
    pub(super) const fn verdict(&self) -> &Verdict {
        match &self.fact {
            Fact::Decide(verdict) => verdict,
            Fact::Undo(row) => &row.verdict,
        }
    }

    /// What it does, in a text that no other act has.
    pub(super) fn name(&self) -> String {
        let verdict = self.verdict();
        let address = verdict
            .address()
            .map(|address| format!(" {} {}", address.kind.as_str(), address.value));
        let undone = match &self.fact {
            Fact::Decide(_) => String::new(),
            Fact::Undo(row) => format!("undo {} ", row.decision_id),
        };
        format!("{undone}{}{}", verdict.action(), address.unwrap_or_default())
    }

    /// The id of the decision.
    pub(super) fn decision_id(&self) -> Uuid {
        match &self.fact {
            Fact::Decide(_) => Uuid::now_v7(),
            Fact::Undo(row) => row.decision_id,
        }
    }

    /// Refuses a decision that had no effect. `owners` are the customers of the records after it.
    pub(super) fn check(&self, owners: &BTreeMap<RecordKey, String>) -> Result<(), DecisionError> {
        let are_one = |(left, right): &(RecordKey, RecordKey)| {
            owners.get(left).is_some_and(|owner| owners.get(right) == Some(owner))
        };
        let has_effect = match &self.fact {
            Fact::Decide(Verdict::SamePerson(pairs)) => pairs.iter().all(are_one),
            Fact::Decide(Verdict::DifferentPeople(pairs)) => !pairs.iter().any(are_one),
            Fact::Decide(_) | Fact::Undo(_) => true,
        };
        if has_effect { Ok(()) } else { Err(DecisionError::NoEffect) }
    }
}

/// A decision, whether it is in force or undone.
///
/// # Errors
/// If there is none with this id, or if Postgres fails.
pub async fn find_decision(
    db: &mut Connection,
    brand: &Brand,
    decision_id: Uuid,
) -> Result<DecisionRow, DecisionError> {
    let found = list_decisions(db, brand.id(), Which::Id(decision_id)).await?;
    found.into_iter().next().ok_or(DecisionError::NoDecision)
}

/// The decision in force that an address is shared.
///
/// # Errors
/// If Postgres fails.
pub async fn find_shared(
    db: &mut Connection,
    brand: &Brand,
    address: &Identifier,
) -> Result<Option<Uuid>, StorageError> {
    let addresses = BTreeSet::from([address.clone()]);
    let about = Which::About(&BTreeSet::new(), &addresses);
    let decisions = list_decisions(db, brand.id(), about).await?;
    let shared = Verdict::SharedValue(address.clone());
    let in_force = decisions.iter().find(|row| row.undone_at.is_none() && row.verdict == shared);
    Ok(in_force.map(|row| row.decision_id))
}

/// How many holders of a shared value are shown.
const MOST_SHOWN: i64 = 100;

/// Every record with the first one.
async fn join(
    db: &mut Connection,
    brand: &Brand,
    records: &BTreeSet<RecordKey>,
) -> Result<Verdict, DecisionError> {
    require_live(db, brand, records).await?;
    let first = records.first().filter(|_| records.len() > 1).ok_or(DecisionError::TooFew)?;
    let others = records.iter().skip(1).map(|other| (first.clone(), other.clone()));
    Ok(Verdict::SamePerson(others.collect()))
}

/// Every record of the customers of some records with the first one. Not their forms, except those that are named: a
/// decision would confirm a form.
async fn join_customers(
    db: &mut Connection,
    brand: &Brand,
    named: &BTreeSet<RecordKey>,
) -> Result<Verdict, DecisionError> {
    require_live(db, brand, named).await?;
    let self_asserted = &brand.rules.identity.self_asserted;
    let mut records = named.clone();
    for customer in live_records_of_customers(db, brand, named).await? {
        records.extend(customer.into_iter().filter(|key| !self_asserted.contains(&key.kind)));
    }
    if records.len() > MOST_PAIRS {
        return Err(DecisionError::TooManyPairs);
    }
    join(db, brand, &records).await
}

/// Every record that leaves with every record of its customer that stays.
async fn separate(
    db: &mut Connection,
    brand: &Brand,
    leaving: &BTreeSet<RecordKey>,
) -> Result<Verdict, DecisionError> {
    require_live(db, brand, leaving).await?;
    let mut pairs = Vec::new();
    for records in live_records_of_customers(db, brand, leaving).await? {
        let (go, stay): (Vec<RecordKey>, Vec<RecordKey>) =
            records.into_iter().partition(|record| leaving.contains(record));
        pairs.extend(pairs_between(&go, &stay));
    }
    if pairs.is_empty() {
        return Err(DecisionError::NothingStays);
    }
    different(pairs)
}

/// Only an address that a record has: nothing else would ever delete the decision.
async fn share(
    db: &mut Connection,
    brand: &Brand,
    address: &Identifier,
) -> Result<Verdict, DecisionError> {
    if list_holders(db, brand.id(), address, 1).await?.is_empty() {
        return Err(DecisionError::NothingToShare);
    }
    Ok(Verdict::SharedValue(address.clone()))
}

/// Every record of each customer with every record of the others.
async fn keep_apart(
    db: &mut Connection,
    brand: &Brand,
    records: &BTreeSet<RecordKey>,
) -> Result<Verdict, DecisionError> {
    require_live(db, brand, records).await?;
    let customers = live_records_of_customers(db, brand, records).await?;
    let mut pairs = Vec::new();
    for (n, one) in customers.iter().enumerate() {
        for other in customers.iter().skip(n.saturating_add(1)) {
            pairs.extend(pairs_between(one, other));
            if pairs.len() > MOST_PAIRS {
                return Err(DecisionError::TooManyPairs);
            }
        }
    }
    if pairs.is_empty() { Err(DecisionError::TooFew) } else { different(pairs) }
}

fn pairs_between(one: &[RecordKey], other: &[RecordKey]) -> Vec<(RecordKey, RecordKey)> {
    one.iter().flat_map(|left| other.iter().map(|right| (left.clone(), right.clone()))).collect()
}

fn different(pairs: Vec<(RecordKey, RecordKey)>) -> Result<Verdict, DecisionError> {
    if pairs.len() > MOST_PAIRS {
        return Err(DecisionError::TooManyPairs);
    }
    Ok(Verdict::DifferentPeople(pairs))
}

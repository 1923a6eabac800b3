//! Decisions of people: who is the same person, who is not, which addresses are shared, and which are confirmed.
//!
//! A decision is never changed: undoing it only stores when, and who did it. An erasure deletes those about the erased person.

use std::collections::BTreeSet;

use jiff::Timestamp;
use uuid::Uuid;

use super::StorageError;
use super::identifier_columns::{columns, identifier};
use super::page_key::PageKey;
use super::pool::Connection;
use super::records::{record_key, texts};
use crate::customer::model::identifier::Identifier;
use crate::customer::model::record::RecordKey;

type Time = jiff_sqlx::Timestamp;

/// What a decision says. It is personal data, so it does not implement `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The records of each pair are the same person.
    SamePerson(Vec<(RecordKey, RecordKey)>),
    /// The records of each pair are different people.
    DifferentPeople(Vec<(RecordKey, RecordKey)>),
    /// The address belongs to several people: it links nobody.
    SharedValue(Identifier),
    /// The self-asserted records are right about the address.
    ConfirmedAddress(Identifier, BTreeSet<RecordKey>),
}

impl Verdict {
    /// The name for commands and the audit log.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::SamePerson(_) => "same person",
            Self::DifferentPeople(_) => "different people",
            Self::SharedValue(_) => "shared address",
            Self::ConfirmedAddress(..) => "confirmed address",
        }
    }

    /// The pairs of records, if it is about pairs.
    #[must_use]
    pub fn pairs(&self) -> &[(RecordKey, RecordKey)] {
        match self {
            Self::SamePerson(pairs) | Self::DifferentPeople(pairs) => pairs,
            Self::SharedValue(_) | Self::ConfirmedAddress(..) => &[],
        }
    }

    /// All records that it names.
    #[must_use]
    pub fn records(&self) -> BTreeSet<RecordKey> {
        match self {
            Self::SamePerson(pairs) | Self::DifferentPeople(pairs) => {
                pairs.iter().flat_map(|(left, right)| [left.clone(), right.clone()]).collect()
            }
            Self::SharedValue(_) => BTreeSet::new(),
            Self::ConfirmedAddress(_, records) => records.clone(),
        }
    }

    /// The address, if it is about one.
    #[must_use]
    pub const fn address(&self) -> Option<&Identifier> {
        match self {
            Self::SamePerson(_) | Self::DifferentPeople(_) => None,
            Self::SharedValue(address) | Self::ConfirmedAddress(address, _) => Some(address),
        }
    }
}

/// A decision.
#[derive(Clone, PartialEq, Eq)]
pub struct DecisionRow {
    /// Its id.
    pub decision_id: Uuid,
    /// What it says.
    pub verdict: Verdict,
    /// The person who decided.
    pub decided_by: String,
    /// The reason; empty if none was given.
    pub reason: String,
    /// When.
    pub decided_at: Timestamp,
    /// When it was undone. `None`: it is in force.
    pub undone_at: Option<Timestamp>,
    /// The person who undid it. `None` also if that is not known.
    pub undone_by: Option<String>,
    /// Why it was undone; empty if no reason was given. `None` also if that is not known.
    pub undone_reason: Option<String>,
}

/// Stores a decision.
///
/// # Errors
/// When Postgres fails.
pub async fn insert_decision(
    db: &mut Connection,
    brand_id: i32,
    row: &DecisionRow,
) -> Result<(), StorageError> {
    let insert = match &row.verdict {
        Verdict::SamePerson(_) | Verdict::DifferentPeople(_) => {
            "insert into decisions (brand_id, decision_id, decided_by, reason, decided_at, left_key, right_key, same_person)
            select $1, $2, $3, $4, $5, pair.one, pair.other, $8 from unnest($6::text[], $7::text[]) as pair (one, other)"
        }
        Verdict::SharedValue(_) => {
            "insert into shared_value_decisions (brand_id, decision_id, decided_by, reason, decided_at, kind, value)
            values ($1, $2, $3, $4, $5, $6, $7)"
        }
        Verdict::ConfirmedAddress(..) => {
            "insert into confirmed_addresses (brand_id, decision_id, decided_by, reason, decided_at, kind, value, record_key)
            select $1, $2, $3, $4, $5, $6, $7, unnest($8::text[])"
        }
    };
    let query = sqlx::query(insert)
        .bind(brand_id)
        .bind(row.decision_id)
        .bind(&row.decided_by)
        .bind(&row.reason)
        .bind(Time::from(row.decided_at));
    let query = match &row.verdict {
        Verdict::SamePerson(pairs) | Verdict::DifferentPeople(pairs) => query
            .bind(texts(pairs.iter().map(|(left, _)| left)))
            .bind(texts(pairs.iter().map(|(_, right)| right)))
            .bind(matches!(row.verdict, Verdict::SamePerson(_))),
        Verdict::SharedValue(address) => query.bind(address.kind.as_str()).bind(&address.value),
        Verdict::ConfirmedAddress(address, records) => {
            query.bind(address.kind.as_str()).bind(&address.value).bind(texts(records))
        }
    };
    query.execute(db).await?;
    Ok(())
}

/// The addresses that decisions in force say are shared.
///
/// # Errors
/// When Postgres fails, or a row is invalid.
pub async fn list_shared_values(
    db: &mut Connection,
    brand_id: i32,
) -> Result<BTreeSet<Identifier>, StorageError> {
    let rows: Vec<(String, String)> = sqlx::query_as(
        "select distinct kind, value from shared_value_decisions where brand_id = $1 and undone_at is null",
    )
    .bind(brand_id)
    .fetch_all(db)
    .await?;
    rows.into_iter().map(|(kind, value)| identifier(&kind, value)).collect()
}

/// Stores that a decision is undone, by whom and why. Returns whether it was in force.
///
/// # Errors
/// When Postgres fails.
pub async fn undo_decision(
    db: &mut Connection,
    brand_id: i32,
    decision_id: Uuid,
    (undone_by, reason, now): (&str, &str, Timestamp),
) -> Result<bool, StorageError> {
    let mut undone = 0_u64;
    for update in [
        "update decisions set undone_at = $3, undone_by = $4, undone_reason = $5 where brand_id = $1 and decision_id = $2 and undone_at is null",
        "update shared_value_decisions set undone_at = $3, undone_by = $4, undone_reason = $5 where brand_id = $1 and decision_id = $2 and undone_at is null",
        "update confirmed_addresses set undone_at = $3, undone_by = $4, undone_reason = $5 where brand_id = $1 and decision_id = $2 and undone_at is null",
    ] {
        let query = sqlx::query(update).bind(brand_id).bind(decision_id);
        let query = query.bind(Time::from(now)).bind(undone_by).bind(reason);
        undone = undone.saturating_add(query.execute(&mut *db).await?.rows_affected());
    }
    Ok(undone > 0)
}

/// Which decisions to list.
#[derive(Clone, Copy)]
pub enum Which<'a> {
    /// The newest of the brand from before one of them, at most so many.
    Newest(PageKey, u32),
    /// The decision with this id.
    Id(Uuid),
    /// Those that name one of these records, or one of these addresses.
    About(&'a BTreeSet<RecordKey>, &'a BTreeSet<Identifier>),
    /// Those in force that connect with these records, also through records that other decisions name or that their source
    /// merged.
    Connected(&'a BTreeSet<RecordKey>),
}

/// A decision as columns: id, by, reason, when, undone when, by and why, what, left or only records, right records, kind, value.
type Columns = (
    Uuid,
    String,
    String,
    Time,
    Option<Time>,
    Option<String>,
    Option<String>,
    String,
    Vec<String>,
    Vec<String>,
    Option<String>,
    Option<String>,
);

/// Decisions of a brand, the newest first.
///
/// # Errors
/// When Postgres fails, or a row is invalid.
pub async fn list_decisions(
    db: &mut Connection,
    brand_id: i32,
    which: Which<'_>,
) -> Result<Vec<DecisionRow>, StorageError> {
    let (id, records, addresses, page) = match which {
        Which::Newest(before, limit) => (None, None, None, Some((before, limit))),
        Which::Id(id) => (Some(id), None, None, None),
        Which::About(records, addresses) => (None, Some(records), Some(addresses), None),
        Which::Connected(records) => (None, Some(records), None, None),
    };
    let (kinds, values) = columns(addresses.into_iter().flatten());
    let rows: Vec<Columns> = sqlx::query_as(include_str!("list_decisions.sql"))
        .bind(brand_id)
        .bind(page.is_some())
        .bind(id)
        .bind(records.map(texts).unwrap_or_default())
        .bind(kinds)
        .bind(values)
        .bind(matches!(which, Which::Connected(_)))
        .bind(page.map_or(i64::MAX, |(_, limit)| i64::from(limit)))
        .bind(page.map(|(before, _)| Time::from(before.at)))
        .bind(page.map(|(before, _)| before.id))
        .fetch_all(db)
        .await?;
    rows.into_iter().map(decision).collect()
}

fn decision(row: Columns) -> Result<DecisionRow, StorageError> {
    let (
        decision_id,
        decided_by,
        reason,
        decided_at,
        undone_at,
        undone_by,
        undone_reason,
        what,
        left,
        right,
        kind,
        value,
    ) = row;
    let corrupt = || StorageError::Corrupt("decisions");
    let key = |text: &String| record_key(text);
    let pairs = || {
        left.iter()
            .zip(&right)
            .map(|(left, right)| Ok((key(left)?, key(right)?)))
            .collect::<Result<Vec<_>, StorageError>>()
    };
    let address = || {
        let (kind, value) = kind.clone().zip(value.clone()).ok_or_else(corrupt)?;
        identifier(&kind, value)
    };
    let verdict = match what.as_str() {
        "same" => Verdict::SamePerson(pairs()?),
        "different" => Verdict::DifferentPeople(pairs()?),
        "shared" => Verdict::SharedValue(address()?),
        "confirmed" => {
            Verdict::ConfirmedAddress(address()?, left.iter().map(key).collect::<Result<_, _>>()?)
        }
        _ => return Err(corrupt()),
    };
    Ok(DecisionRow {
        decision_id,
        verdict,
        decided_by,
        reason,
        decided_at: decided_at.to_jiff(),
        undone_at: undone_at.map(Time::to_jiff),
        undone_by,
        undone_reason,
    })
}

/// Addresses that a person confirmed, with the self-asserted record that contains each, among some records.
///
/// # Errors
/// When Postgres fails.
pub async fn list_confirmed_addresses(
    db: &mut Connection,
    brand_id: i32,
    keys: &[String],
) -> Result<BTreeSet<(RecordKey, Identifier)>, StorageError> {
    let rows: Vec<(String, String, String)> = sqlx::query_as(
        "select record_key, kind, value from confirmed_addresses
        where brand_id = $1 and record_key = any($2) and undone_at is null",
    )
    .bind(brand_id)
    .bind(keys)
    .fetch_all(db)
    .await?;
    rows.into_iter()
        .map(|(key, kind, value)| Ok((record_key(&key)?, identifier(&kind, value)?)))
        .collect()
}

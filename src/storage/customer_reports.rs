//! Reports of agents: a customer is not, or not only, one person. Each is a question for a person who decides.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::StorageError;
use super::pool::Connection;
use super::records::texts;
use crate::customer::model::record::RecordKey;

type Time = jiff_sqlx::Timestamp;

/// What a report came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reported {
    /// It is a new question.
    Raised,
    /// The same question is open already.
    Counted,
    /// Somebody decided it, and no record has come to the customer since.
    Settled,
}

/// An open report.
pub struct OpenReport {
    /// The key that the customer had when it was reported.
    pub reported_key: String,
    /// The key that it has now.
    pub customer_key: String,
    /// The records that it has now.
    pub record_keys: Vec<String>,
    /// How often it was reported.
    pub reports: u64,
    /// The last ticket.
    pub last_ticket: Option<String>,
    /// When it was first reported.
    pub first_at: Timestamp,
    /// When it was last reported.
    pub last_at: Timestamp,
    /// Somebody put it away until then.
    pub postponed_until: Option<Timestamp>,
}

/// Stores a report of a customer with these records. The transaction must hold the lock of the brand.
///
/// # Errors
/// When Postgres fails.
pub async fn report(
    db: &mut Connection,
    brand_id: i32,
    (customer_key, records): (&str, &BTreeSet<RecordKey>),
    ticket: Option<u32>,
    now: Timestamp,
) -> Result<Reported, StorageError> {
    let records = texts(records);
    // Of several reports about these records, the open one, or else the last one.
    let known: Option<(String, bool, bool, bool)> = sqlx::query_as(
        "select customer_key, settled_at is not null, record_keys <@ $2, record_keys @> $2 from customer_reports
        where brand_id = $1 and record_keys && $2 order by settled_at is not null, last_at desc limit 1",
    )
    .bind(brand_id)
    .bind(&records)
    .fetch_optional(&mut *db)
    .await?;
    let ticket = ticket.map(|ticket| ticket.to_string());
    match known {
        // Nothing has come that the person who decided did not see.
        Some((_, true, _, true)) => return Ok(Reported::Settled),
        // The customer still has all records of the question, and perhaps more.
        Some((key, false, true, _)) => {
            count_again(db, brand_id, (&key, &records), ticket, now).await?;
            return Ok(Reported::Counted);
        }
        Some((key, ..)) => delete(db, brand_id, &key).await?,
        None => {}
    }
    sqlx::query(
        "insert into customer_reports (brand_id, customer_key, record_keys, reports, last_ticket, first_at, last_at)
        values ($1, $2, $3, 1, $4, $5, $5)
        on conflict (brand_id, customer_key) do update set record_keys = excluded.record_keys, reports = 1,
            last_ticket = excluded.last_ticket, first_at = excluded.first_at, last_at = excluded.last_at,
            postponed_until = null, settled_at = null",
    )
    .bind(brand_id)
    .bind(customer_key)
    .bind(records)
    .bind(ticket)
    .bind(Time::from(now))
    .execute(db)
    .await?;
    Ok(Reported::Raised)
}

async fn count_again(
    db: &mut Connection,
    brand_id: i32,
    (reported_key, records): (&str, &[String]),
    ticket: Option<String>,
    now: Timestamp,
) -> Result<(), StorageError> {
    let update = sqlx::query(
        "update customer_reports set record_keys = $3, reports = reports + 1, last_at = $5,
            last_ticket = coalesce($4, last_ticket)
        where brand_id = $1 and customer_key = $2",
    );
    let update = update.bind(brand_id).bind(reported_key).bind(records).bind(ticket);
    update.bind(Time::from(now)).execute(db).await?;
    Ok(())
}

async fn delete(
    db: &mut Connection,
    brand_id: i32,
    reported_key: &str,
) -> Result<(), StorageError> {
    let delete = "delete from customer_reports where brand_id = $1 and customer_key = $2";
    sqlx::query(delete).bind(brand_id).bind(reported_key).execute(db).await?;
    Ok(())
}

type Columns = (String, String, Vec<String>, i32, Option<String>, Time, Time, Option<Time>);

/// The open reports, the newest first: those that nobody decided, and whose records are still one customer.
///
/// # Errors
/// When Postgres fails.
pub async fn list_open_reports(
    db: &mut Connection,
    brand_id: i32,
) -> Result<Vec<OpenReport>, StorageError> {
    let rows: Vec<Columns> = sqlx::query_as(
        "select report.customer_key, own.customer_key, array(
                select record_key from customer_records as whole
                where whole.brand_id = $1 and whole.customer_key = own.customer_key order by record_key
            ), report.reports, report.last_ticket, report.first_at, report.last_at,
            report.postponed_until
        from customer_reports as report
        cross join lateral (
            select min(owned.customer_key) as customer_key, count(distinct owned.customer_key) as customers
            from customer_records as owned
            where owned.brand_id = $1 and owned.record_key = any(report.record_keys)
        ) as own
        where report.brand_id = $1 and report.settled_at is null and own.customers = 1
        order by report.first_at desc, report.customer_key",
    )
    .bind(brand_id)
    .fetch_all(db)
    .await?;
    let open = |row: Columns| {
        let (
            reported_key,
            customer_key,
            record_keys,
            reports,
            last_ticket,
            first_at,
            last_at,
            until,
        ) = row;
        OpenReport {
            reported_key,
            customer_key,
            record_keys,
            reports: u64::try_from(reports).unwrap_or_default(),
            last_ticket,
            first_at: first_at.to_jiff(),
            last_at: last_at.to_jiff(),
            postponed_until: until.map(Time::to_jiff),
        }
    };
    Ok(rows.into_iter().map(open).collect())
}

/// Stores that somebody decided that the customer is one person, with the records that it has now.
///
/// # Errors
/// When Postgres fails.
pub async fn settle_report(
    db: &mut Connection,
    brand_id: i32,
    (reported_key, customer_key): (&str, &str),
    now: Timestamp,
) -> Result<(), StorageError> {
    let update = sqlx::query(
        "update customer_reports set settled_at = $4, record_keys = array(
            select record_key from customer_records as own where own.brand_id = $1 and own.customer_key = $3 order by record_key
        ) where brand_id = $1 and customer_key = $2 and settled_at is null",
    );
    let update = update.bind(brand_id).bind(reported_key).bind(customer_key);
    update.bind(Time::from(now)).execute(db).await?;
    Ok(())
}

/// Puts a report away until then. Returns whether it is open.
///
/// # Errors
/// When Postgres fails.
pub async fn postpone_report(
    db: &mut Connection,
    brand_id: i32,
    reported_key: &str,
    until: Timestamp,
) -> Result<bool, StorageError> {
    let update = sqlx::query(
        "update customer_reports set postponed_until = $3
        where brand_id = $1 and customer_key = $2 and settled_at is null",
    );
    let update = update.bind(brand_id).bind(reported_key).bind(Time::from(until));
    Ok(update.execute(db).await?.rows_affected() > 0)
}

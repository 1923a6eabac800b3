//! Everything about a customer that a person may want to see before they decide.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::audit::{Action, Attribution};
use super::decisions::{CustomerView, views_of};
use super::explain::{Explanation, explain};
use super::history::{History, history};
use super::reviews::{Review, about};
use crate::brand::Brand;
use crate::customer::answer::Answer;
use crate::customer::model::record::RecordKey;
use crate::lookup::query_customers::render;
use crate::storage::StorageError;
use crate::storage::customers::find_owner;
use crate::storage::pool::{Connection, Pool};
use crate::storage::write_transaction::begin_reading;

/// The most audit entries that are shown.
pub const MOST_ACTIONS: i64 = 50;

/// A customer. It is personal data, so it does not implement `Debug`.
pub struct ShownCustomer {
    /// Who it is, and its records.
    pub view: CustomerView,
    /// What an agent sees.
    pub answer: Answer,
    /// Why these records are one customer.
    pub explanation: Explanation,
    /// The open questions about it.
    pub reviews: Vec<Review>,
    /// What people decided and did about it.
    pub history: History,
}

/// The customer of a record. `None` if the record has none (any more). If a person sees who it is, it writes an audit
/// entry.
///
/// # Errors
/// If Postgres fails.
pub async fn show_customer(
    pool: &Pool,
    brand: &Brand,
    record: &RecordKey,
    seen_by: Option<(Attribution<'_>, Timestamp)>,
) -> Result<Option<ShownCustomer>, StorageError> {
    let mut connection = pool.acquire().await?;
    let db = &mut *connection;
    let Some(view) = view_of_record(db, brand, record).await? else { return Ok(None) };
    let records = records_of(&view);
    // Before the audit entry of this view.
    let history = history(db, brand, &records, MOST_ACTIONS).await?;
    log_view(db, brand, ("view customer", &records), seen_by).await?;
    let Some(rendered) = render(db, brand, &view.key).await? else { return Ok(None) };
    let reviews = about(db, brand, &view.key).await?;
    // Never two connections at once: others may have all the rest.
    drop(connection);
    let mut reading = begin_reading(pool).await?;
    let explanation = Box::pin(explain(&mut reading, brand, &view.key)).await?;
    reading.commit().await?;
    let Some(explanation) = explanation else { return Ok(None) };
    Ok(Some(ShownCustomer {
        view,
        answer: rendered.answer.for_people(),
        explanation,
        reviews,
        history,
    }))
}

/// The customer of a record, in short.
///
/// # Errors
/// If Postgres fails.
pub async fn view_of_record(
    db: &mut Connection,
    brand: &Brand,
    record: &RecordKey,
) -> Result<Option<CustomerView>, StorageError> {
    let Some(key) = find_owner(db, brand.id(), record).await? else { return Ok(None) };
    Ok(views_of(db, brand, &BTreeSet::from([key])).await?.into_iter().next())
}

/// All records of a customer.
#[must_use]
pub fn records_of(view: &CustomerView) -> BTreeSet<RecordKey> {
    view.records.iter().map(|(record, _)| record.clone()).collect()
}

/// Writes the audit entry of a view, if a person sees personal values.
///
/// # Errors
/// If Postgres fails.
pub async fn log_view(
    db: &mut Connection,
    brand: &Brand,
    (action, records): (&'static str, &BTreeSet<RecordKey>),
    seen_by: Option<(Attribution<'_>, Timestamp)>,
) -> Result<(), StorageError> {
    let Some(by) = seen_by else { return Ok(()) };
    let action = Action::new(action, String::new()).about_records(brand, records);
    action.done_in(db, brand.id(), by, "shown").await
}

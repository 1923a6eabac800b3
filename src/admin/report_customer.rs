//! An agent reports on the agent page that a customer is not, or not only, one person. A supervisor finds the question among the
//! open reviews.

use jiff::Timestamp;

use super::agent_links::AGENT_PAGE;
use super::audit::Action;
use super::shown_customer::{records_of, view_of_record};
use crate::brand::Brand;
use crate::customer::model::record::RecordKey;
use crate::storage::StorageError;
pub use crate::storage::customer_reports::Reported;
use crate::storage::customer_reports::report;
use crate::storage::pool::Pool;
use crate::storage::write_transaction::begin;

/// Stores a report about the customer of a record, with an audit entry. `None` if the record has no customer (any more).
///
/// # Errors
/// If Postgres fails.
pub async fn report_customer(
    pool: &Pool,
    brand: &Brand,
    record: &RecordKey,
    ticket: Option<u32>,
    now: Timestamp,
) -> Result<Option<Reported>, StorageError> {
    let mut transaction = begin(pool, brand.id()).await?;
    let view = view_of_record(&mut transaction, brand, record).await?;
    let Some(view) = view else {
        transaction.rollback().await?;
        return Ok(None);
    };
    let records = records_of(&view);
    let about = (view.key.as_str(), &records);
    let reported = report(&mut transaction, brand.id(), about, ticket, now).await?;
    // Without the ticket: that goes with the customer, and the audit log stays.
    let action = Action::new("report customer", String::new()).about_records(brand, &records);
    let outcome = match reported {
        Reported::Raised => "raised",
        Reported::Counted => "counted",
        Reported::Settled => "decided before",
    };
    action.done_in(&mut transaction, brand.id(), (AGENT_PAGE, now), outcome).await?;
    transaction.commit().await?;
    Ok(Some(reported))
}

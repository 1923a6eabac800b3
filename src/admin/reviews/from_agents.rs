//! Questions that agents raise on the agent page: a customer is not, or not only, one person. A person who decides separates its
//! records, which ends the question, or says that it is one person. Then it is asked again only if another record has come.

use crate::storage::StorageError;
use crate::storage::component_rows::ReviewRow;
use crate::storage::customer_reports::{OpenReport, list_open_reports};
use crate::storage::lookup_reviews::LookupSummary;
use crate::storage::pool::Connection;
use crate::storage::reviews::OpenReview;

/// The level of these questions.
pub(super) const LEVEL: &str = "agent";

/// Why they are questions.
const CONFLICT: &str = "an agent reported that it is not one person";

/// The kind of their value: the key that the customer had when it was reported.
const KIND: &str = "customer";

/// A question, its reports in the place of the lookups that met it, and the records of its customer.
pub(super) type Question = (OpenReview, LookupSummary, Vec<String>);

/// The questions that agents raised.
pub(super) async fn list_from_agents(
    db: &mut Connection,
    brand_id: i32,
) -> Result<Vec<Question>, StorageError> {
    Ok(list_open_reports(db, brand_id).await?.into_iter().map(question).collect())
}

fn question(report: OpenReport) -> Question {
    let review = ReviewRow {
        level: LEVEL.to_owned(),
        kind: KIND.to_owned(),
        value: report.reported_key,
        conflict: CONFLICT.to_owned(),
        customers: vec![report.customer_key],
    };
    let OpenReport { first_at: found_at, postponed_until, record_keys, .. } = report;
    let reports = LookupSummary {
        count: report.reports,
        is_more: false,
        last_at: Some(report.last_at),
        last_ticket: report.last_ticket,
    };
    (OpenReview { review, found_at, postponed_until }, reports, record_keys)
}

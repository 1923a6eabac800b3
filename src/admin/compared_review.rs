//! The customers of an open question, side by side.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::audit::{Attribution, record_view};
use super::decisions::{CustomerView, views_of};
use super::reviews::Review;
use crate::brand::Brand;
use crate::customer::model::record::RecordKey;
use crate::storage::StorageError;
use crate::storage::events::list_newest_events;
use crate::storage::pool::Pool;

/// The most customers that are compared.
pub const MOST_COMPARED: usize = 12;

/// A customer of a question. It is personal data, so it does not implement `Debug`.
pub struct ComparedCustomer {
    /// The customer.
    pub view: CustomerView,
    /// When its newest event happened, or will happen.
    pub newest_event: Option<Timestamp>,
}

/// How far the values of several customers agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Agreement {
    /// Nobody has a value.
    Unknown,
    /// Only some have a value. Those have the same ones.
    OnlySome,
    /// All have the same values.
    Same,
    /// They have a value in common, and others that differ.
    Partly,
    /// No value is common to those who have one.
    Different,
}

/// How far the values of several customers agree.
#[must_use]
pub fn compare<T: Ord>(values: &[BTreeSet<T>]) -> Agreement {
    let with_values: Vec<&BTreeSet<T>> = values.iter().filter(|own| !own.is_empty()).collect();
    let Some((first, others)) = with_values.split_first() else { return Agreement::Unknown };
    if others.iter().all(|other| other == first) {
        let all_have_one = with_values.len() == values.len();
        return if all_have_one { Agreement::Same } else { Agreement::OnlySome };
    }
    let is_common = |value: &T| others.iter().all(|other| other.contains(value));
    if first.iter().any(is_common) { Agreement::Partly } else { Agreement::Different }
}

/// The customers of a question: at most [`MOST_COMPARED`]. With the person who sees their data, the view is in the audit
/// log.
///
/// # Errors
/// If Postgres fails.
pub async fn compared_customers(
    pool: &Pool,
    brand: &Brand,
    review: &Review,
    seen_by: Option<Attribution<'_>>,
    now: Timestamp,
) -> Result<Vec<ComparedCustomer>, StorageError> {
    let keys: BTreeSet<String> =
        review.open.review.customers.iter().take(MOST_COMPARED).cloned().collect();
    let mut connection = pool.acquire().await?;
    let views = views_of(&mut connection, brand, &keys).await?;
    let records = |view: &CustomerView| -> Vec<RecordKey> {
        view.records.iter().map(|(record, _)| record.clone()).collect()
    };
    let of_each: Vec<Vec<RecordKey>> = views.iter().map(records).collect();
    let keys: Vec<&[RecordKey]> = of_each.iter().map(Vec::as_slice).collect();
    let newest = list_newest_events(&mut connection, brand.id(), &keys, 1, &[]).await?;
    drop(connection);
    if let Some(attribution) = seen_by {
        let records = of_each.iter().flatten().cloned().collect();
        let what = ("view review", review.id.clone());
        record_view(pool, brand, what, &records, (attribution, now)).await?;
    }
    let compared = views.into_iter().zip(newest).map(|(view, events)| {
        let newest_event = events.first().map(|event| event.occurred_at());
        ComparedCustomer { view, newest_event }
    });
    Ok(compared.collect())
}

/// A kind of evidence, or of what a lookup asked for, in words.
#[must_use]
pub fn kind_in_words(kind: &str) -> &str {
    match kind {
        "email" => "e-mail address",
        "telephone" => "phone number",
        "facebook" => "Facebook account",
        "twitter" => "Twitter account",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_agree_in_full_in_part_or_not() {
        let agreement = |values: &[&[&str]]| {
            let sets: Vec<BTreeSet<&str>> =
                values.iter().map(|own| own.iter().copied().collect()).collect();
            compare(&sets)
        };
        assert_eq!(agreement(&[&[], &[]]), Agreement::Unknown);
        assert_eq!(agreement(&[&["a"], &[]]), Agreement::OnlySome);
        assert_eq!(agreement(&[&["a"], &["a"]]), Agreement::Same);
        assert_eq!(agreement(&[&["a", "b"], &["a"]]), Agreement::Partly);
        assert_eq!(agreement(&[&["a", "b"], &["a"], &["b"]]), Agreement::Different);
        assert_eq!(agreement(&[&["a"], &["b"], &[]]), Agreement::Different);
    }
}

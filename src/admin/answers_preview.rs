//! What new templates would change in the answer of a customer. Nothing is changed.

use std::collections::BTreeSet;

use crate::brand::Brand;
use crate::lookup::query_customers::render;
use crate::storage::StorageError;
use crate::storage::answers::find_answer;
use crate::storage::pool::Connection;

/// The answer of a customer, before and after. It is personal data, so it does not implement `Debug`.
pub struct AnswerPreview {
    /// The customer's key.
    pub customer_key: String,
    /// The stored answer, as JSON.
    pub before: String,
    /// The answer that the settings of the brand render, as JSON.
    pub after: String,
    /// The templates that failed. Their fields or messages are missing in the answer.
    pub failed_templates: BTreeSet<String>,
}

/// Renders the answer of a customer with the settings of the brand. The records and addresses of the customer stay as
/// they are stored. `None` if the customer no longer exists.
///
/// # Errors
/// If Postgres fails.
pub async fn preview_answer(
    db: &mut Connection,
    brand: &Brand,
    customer_key: &str,
) -> Result<Option<AnswerPreview>, StorageError> {
    let before = find_answer(db, brand.id(), customer_key).await?;
    let rendered = render(db, brand, customer_key).await?;
    Ok(before.zip(rendered).map(|(before, rendered)| AnswerPreview {
        customer_key: customer_key.to_owned(),
        before,
        after: rendered.answer.to_json(),
        failed_templates: rendered.failed_templates,
    }))
}

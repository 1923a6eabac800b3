//! What makes a customer who it is: its records, its id, and the addresses that find it. Not how it looks.

use std::sync::LazyLock;

use sha2::{Digest, Sha256};
use sqlx::FromRow;

use super::StorageError;
use super::pool::Connection;

/// The statement for all customers of a brand.
pub(super) const STATES: &str = include_str!("customer_states.sql");

/// A customer, without its answer. It is personal data, so it does not implement `Debug`.
#[derive(Clone, PartialEq, Eq, FromRow)]
pub struct CustomerState {
    /// The customer's key.
    pub customer_key: String,
    /// The customer id, as answers show it.
    pub customer_id: String,
    /// The keys of its records, in order.
    pub records: Vec<String>,
    /// Kind, text, and whether only self-asserted records have it, for each address, in order.
    pub addresses: Vec<String>,
}

impl CustomerState {
    /// A hash of all of it.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        let Self { customer_key, customer_id, records, addresses } = self;
        let mut digest = Sha256::new();
        let mut add = |text: &str| {
            digest.update(text.len().to_be_bytes());
            digest.update(text);
        };
        add(customer_key);
        add(customer_id);
        for list in [records, addresses] {
            add(&list.len().to_string());
            list.iter().for_each(|text| add(text));
        }
        digest.finalize().into()
    }
}

static AFTER: LazyLock<String> = LazyLock::new(|| {
    format!("{STATES} and customer.customer_key > $2 order by customer.customer_key limit $3")
});

/// The customers after a key, in the order of their keys.
///
/// # Errors
/// When Postgres fails.
pub async fn list_states_after(
    db: &mut Connection,
    brand_id: i32,
    after: &str,
    limit: i64,
) -> Result<Vec<CustomerState>, StorageError> {
    let query = sqlx::query_as(AFTER.as_str()).bind(brand_id).bind(after).bind(limit);
    Ok(query.fetch_all(db).await?)
}

//! Whether the customers became what a preview showed.

use std::collections::{BTreeSet, HashMap};

use sha2::{Digest, Sha256};

use crate::admin::decisions::{CustomerView, views_of};
use crate::brand::Brand;
use crate::storage::StorageError;
use crate::storage::customer_states::{CustomerState, list_states_after};
use crate::storage::pool::Pool;

/// How many customers are read at once.
const PAGE: i64 = 1_000;

/// The customers that change, as they will be: a short hash of each key, with a short hash of the customer, or `None`
/// if there will be no customer with this key. A million of them take some ten megabytes.
#[derive(Default)]
pub struct ExpectedCustomers(HashMap<u64, Option<u64>>);

impl ExpectedCustomers {
    /// Adds a customer. If there will be a customer with its key, that one must come later.
    pub(super) fn add(&mut self, is_new: bool, state: &CustomerState) {
        let after = is_new.then(|| short(&state.hash()));
        self.0.insert(short_of_key(state), after);
    }

    /// Whether a customer is as expected. Customers that were not to change are.
    fn check(&mut self, state: &CustomerState) -> bool {
        let expected = self.0.remove(&short_of_key(state));
        expected.is_none_or(|expected| expected == Some(short(&state.hash())))
    }

    /// How many of the expected customers were not checked.
    fn missing(&self) -> usize {
        self.0.values().flatten().count()
    }
}

fn short_of_key(state: &CustomerState) -> u64 {
    short(&Sha256::digest(&state.customer_key).into())
}

fn short(hash: &[u8; 32]) -> u64 {
    hash.first_chunk().copied().map(u64::from_be_bytes).unwrap_or_default()
}

/// The customers that are not as the preview showed them. It is personal data, so it does not implement `Debug`.
#[derive(Default)]
pub struct Unexpected {
    /// How many there are.
    pub count: usize,
    /// Some of them. Those that do not exist are not among them.
    pub customers: Vec<CustomerView>,
}

/// Compares the stored customers with what a preview showed.
///
/// # Errors
/// If Postgres fails.
pub async fn find_unexpected(
    pool: &Pool,
    brand: &Brand,
    mut expected: ExpectedCustomers,
    samples: usize,
) -> Result<Unexpected, StorageError> {
    let mut connection = pool.acquire().await?;
    let (mut unexpected, mut keys) = (0_usize, BTreeSet::new());
    let mut after = String::new();
    loop {
        let states = list_states_after(&mut connection, brand.id(), &after, PAGE).await?;
        let Some(last) = states.last() else { break };
        last.customer_key.clone_into(&mut after);
        for state in states {
            if !expected.check(&state) {
                unexpected = unexpected.saturating_add(1);
                if keys.len() < samples {
                    keys.insert(state.customer_key);
                }
            }
        }
    }
    let customers = views_of(&mut connection, brand, &keys).await?;
    Ok(Unexpected { count: unexpected.saturating_add(expected.missing()), customers })
}

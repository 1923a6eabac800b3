//! What new rules of who is who would change: every customer is derived by them on a private copy, and compared
//! with the stored one. Nothing is changed.
//!
//! The copy is derived as [`rebuild`](crate::ingest::rebuild::rebuild) derives, by the same statements. So with the
//! same data, a rebuild by these rules does exactly what the preview shows.

mod expected;
mod state;

use sha2::{Digest, Sha256};

pub use self::expected::{ExpectedCustomers, Unexpected, find_unexpected};
pub use self::state::{NotAState, PreviewState};
use super::decisions::{CustomerView, views_of};
use crate::brand::Brand;
use crate::ingest::rebuild::{Progress, rebuild_copy};
use crate::storage::StorageError;
pub use crate::storage::compared_customers::ComparedCounts;
use crate::storage::compared_customers::{
    ComparedCustomer, RegroupedKeys, compare, list_different, sample_joined, sample_parted,
};
use crate::storage::derived_copy::DerivedCopy;
use crate::storage::pool::Pool;

/// How many customers are read at once.
const PAGE: i64 = 1_000;

/// What new rules would change. It is personal data, so it does not implement `Debug`.
pub struct RulesPreview {
    /// How many customers change.
    pub counts: ComparedCounts,
    /// Some of the customers that join.
    pub joins: Vec<Regrouped>,
    /// Some of the customers that part.
    pub partings: Vec<Regrouped>,
    /// Names exactly this change.
    pub state: PreviewState,
    /// All customers that change, as they will be.
    pub expected: ExpectedCustomers,
}

/// Customers that join or part.
pub struct Regrouped {
    /// The stored customers.
    pub before: Vec<CustomerView>,
    /// The customers that their records will form.
    pub after: Vec<CustomerView>,
}

/// Shows what the rules of the brand would change, with so many samples.
///
/// # Errors
/// If Postgres fails.
pub async fn preview_rules(
    pool: &Pool,
    brand: &Brand,
    samples: u32,
    on_progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<RulesPreview, StorageError> {
    let mut copy = rebuild_copy(pool, brand, on_progress).await?;
    let counts = compare(&mut copy).await?;
    let (hash, expected) = read_different(&mut copy).await?;
    let joins = sample_joined(&mut copy, samples.into()).await?;
    let joins = views(&mut copy, brand, &joins).await?;
    let partings = sample_parted(&mut copy, samples.into()).await?;
    let partings = views(&mut copy, brand, &partings).await?;
    copy.end().await?;
    let state = PreviewState::new(&counts, hash);
    Ok(RulesPreview { counts, joins, partings, state, expected })
}

/// The hash of all customers that differ in more than their answers, and these customers. Whether only the answer of a
/// customer differs does not matter here: answers of a running service change all the time.
async fn read_different(
    copy: &mut DerivedCopy,
) -> Result<(Sha256, ExpectedCustomers), StorageError> {
    let (mut hash, mut expected) = (Sha256::new(), ExpectedCustomers::default());
    let mut after = (String::new(), true);
    loop {
        let customers = list_different(copy, (&after.0, after.1), PAGE).await?;
        for ComparedCustomer { is_new, state } in &customers {
            hash.update([u8::from(*is_new)]);
            hash.update(state.hash());
            expected.add(*is_new, state);
        }
        let Some(ComparedCustomer { is_new, state }) = customers.into_iter().last() else {
            return Ok((hash, expected));
        };
        after = (state.customer_key, is_new);
    }
}

async fn views(
    copy: &mut DerivedCopy,
    brand: &Brand,
    regrouped: &[RegroupedKeys],
) -> Result<Vec<Regrouped>, StorageError> {
    let mut shown = Vec::with_capacity(regrouped.len());
    copy.show_stored().await?;
    for RegroupedKeys { old_keys, .. } in regrouped {
        let keys = old_keys.iter().cloned().collect();
        let before = views_of(copy.connection(), brand, &keys).await?;
        shown.push(Regrouped { before, after: Vec::new() });
    }
    copy.show_copies().await?;
    for (shown, RegroupedKeys { new_keys, .. }) in shown.iter_mut().zip(regrouped) {
        let keys = new_keys.iter().cloned().collect();
        shown.after = views_of(copy.connection(), brand, &keys).await?;
    }
    Ok(shown)
}

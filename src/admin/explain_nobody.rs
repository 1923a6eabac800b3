//! Explains why a lookup finds nobody.

use super::find_customers::erasure_target;
use crate::brand::Brand;
use crate::customer::model::record::RecordKey;
use crate::customer::model::source::Source;
use crate::erasure::erase::is_erased;
use crate::lookup::query::Question;
use crate::sources::api::{LiveWhen, LookupTarget};
use crate::storage::StorageError;
use crate::storage::invalidation::LookupHash;
use crate::storage::live_queries::{LastQuery, list_live_queries};
use crate::storage::person::list_holders;
use crate::storage::pool::Connection;

/// Why a lookup finds nobody. It is personal data, for an admin only. So it does not implement `Debug`.
pub struct NobodyExplanation {
    /// The kind and the value of the address or id, as the service compares it.
    pub question: (&'static str, String),
    /// Whether a person with it was erased.
    pub is_erased: bool,
    /// Records that contain the address, but do not let it find their customer.
    pub holders: Vec<RecordKey>,
    /// The sources that a lookup may ask about it, each with the last query about it.
    pub sources: Vec<(Source, Option<LastQuery>)>,
}

/// The most records that are named.
const MAX_HOLDERS: i64 = 10;

/// Explains why nobody matches.
///
/// # Errors
/// If Postgres fails.
pub async fn explain_nobody(
    db: &mut Connection,
    brand: &Brand,
    question: &Question,
) -> Result<NobodyExplanation, StorageError> {
    let (shown, target, hash) = match question {
        Question::Address(address) => (
            (address.kind.as_str(), address.value.clone()),
            LookupTarget::Address(address.clone()),
            LookupHash::of_address(&brand.secret, address),
        ),
        Question::Id(id) => {
            (("id", id.clone()), LookupTarget::Id(id.clone()), LookupHash::of_id(&brand.secret, id))
        }
    };
    let holders = match question {
        Question::Address(address) => list_holders(db, brand.id(), address, MAX_HOLDERS).await?,
        Question::Id(_) => Vec::new(),
    };
    let queries = list_live_queries(db, brand.id(), hash).await?;
    let last = |source| queries.iter().find(|query| query.source == source).copied();
    let rules = &brand.rules;
    let asked = rules.accounts.iter().filter(|(source, account)| {
        account.live.when != LiveWhen::Off
            && !rules.sources.api(**source).find(&target, &[]).is_empty()
    });
    Ok(NobodyExplanation {
        question: shown,
        is_erased: is_erased(db, brand, &erasure_target(question)).await?,
        holders,
        sources: asked.map(|(source, _)| (*source, last(*source))).collect(),
    })
}

//! When a source may know more about a person than Postgres.

use std::time::Duration;

use super::query::Question;
use crate::brand::Brand;
use crate::customer::model::source::Source;
use crate::sources::api::{AccountRules, LiveWhen, LookupTarget};
use crate::storage::StorageError;
use crate::storage::answers::StoredAddress;
use crate::storage::invalidation::LookupHash;
use crate::storage::live_queries::{LastQuery, list_live_queries};
use crate::storage::pool::Connection;

impl From<&Question> for LookupTarget {
    fn from(question: &Question) -> Self {
        match question {
            Question::Address(address) => Self::Address(address.clone()),
            Question::Id(id) => Self::Id(id.clone()),
        }
    }
}

/// The sources that may have more data about an address than Postgres.
pub(crate) fn sources_to_query(
    brand: &Brand,
    target: &LookupTarget,
    known: &StoredAddress,
) -> Vec<Source> {
    let accounts = brand.rules.accounts.iter();
    let needed = accounts.filter(|(source, account)| {
        is_stale(
            account,
            (!known.rows.is_empty(), known.sources.contains(source)),
            last_query(&known.last_queries, **source),
        )
    });
    // Some sources cannot find a person by an address.
    let can_answer = |source: Source| {
        !known.rows.is_empty() || !brand.rules.sources.api(source).find(target, &[]).is_empty()
    };
    needed.map(|(source, _)| *source).filter(|source| can_answer(*source)).collect()
}

/// The sources that may know an id that matches no customer in Postgres.
pub(crate) async fn sources_to_query_by_id(
    db: &mut Connection,
    brand: &Brand,
    id: &str,
) -> Result<Vec<Source>, StorageError> {
    let target = LookupTarget::Id(id.to_owned());
    let accounts =
        brand.rules.accounts.iter().filter(|(_, account)| account.live.when != LiveWhen::Off);
    let mut asked: Vec<(&Source, &AccountRules)> = accounts
        .filter(|(source, _)| !brand.rules.sources.api(**source).find(&target, &[]).is_empty())
        .collect();
    if !asked.is_empty() {
        let last_queries =
            list_live_queries(db, brand.id(), LookupHash::of_id(&brand.secret, id)).await?;
        asked.retain(|(source, account)| {
            is_stale(account, (false, false), last_query(&last_queries, **source))
        });
    }
    Ok(asked.into_iter().map(|(source, _)| *source).collect())
}

fn last_query(last_queries: &[LastQuery], source: Source) -> Option<&LastQuery> {
    last_queries.iter().find(|look| look.source == source)
}

/// Whether a source should be asked. `is_found`: a customer was found. `is_present`: that customer has data from this
/// source.
fn is_stale(
    account: &AccountRules,
    (is_found, is_present): (bool, bool),
    look: Option<&LastQuery>,
) -> bool {
    let is_older = |look: &LastQuery, seconds: u64| {
        look.age_seconds >= Duration::from_secs(seconds).as_secs_f64()
    };
    let is_unknown = || look.is_none_or(|look| is_older(look, account.live.negative_ttl_seconds));
    match account.live.when {
        LiveWhen::Off => false,
        LiveWhen::Unknown => !is_found && is_unknown(),
        LiveWhen::Stale if is_present => {
            look.is_none_or(|look| is_older(look, account.live.max_age_seconds))
        }
        LiveWhen::Stale => is_unknown(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sources::api::{Credential, LiveSettings};
    use crate::sources::secret::Secret;

    #[test]
    fn a_source_is_asked_when_it_may_know_more() {
        let account = |when| AccountRules {
            base_url: String::new(),
            origins: Vec::new(),
            credential: Credential::Bearer(Secret::new(Vec::new())),
            calls_per_minute: 60,
            live: LiveSettings { when, max_age_seconds: 900, negative_ttl_seconds: 300 },
        };
        let look =
            |age_seconds| Some(LastQuery { source: Source::Omneo, age_seconds, is_known: false });
        for (when, known, look, expected) in [
            (LiveWhen::Off, (false, false), None, false),
            (LiveWhen::Unknown, (false, false), None, true),
            (LiveWhen::Unknown, (true, true), None, false),
            (LiveWhen::Unknown, (true, false), None, false),
            (LiveWhen::Unknown, (false, false), look(299.0), false),
            (LiveWhen::Unknown, (false, false), look(300.0), true),
            (LiveWhen::Stale, (true, true), None, true),
            (LiveWhen::Stale, (true, true), look(899.0), false),
            (LiveWhen::Stale, (true, true), look(900.0), true),
            (LiveWhen::Stale, (true, false), None, true),
            (LiveWhen::Stale, (true, false), look(299.0), false),
            (LiveWhen::Stale, (false, false), look(301.0), true),
        ] {
            assert_eq!(
                is_stale(&account(when), known, look.as_ref()),
                expected,
                "{when:?} {known:?} {look:?}"
            );
        }
    }
}

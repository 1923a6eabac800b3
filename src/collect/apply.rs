//! The one write path: changes in, customers and answers out, in one transaction per batch and brand.
//!
//! 1. The brand is locked, so that two replicas never resolve the same people at once.
//! 2. Everything that hangs together with what is said is read (`storage::neighbourhood`).
//! 3. What that comes to is decided here, without a database: what is news (`after`), and which customers differ (`derive`).
//! 4. Facts, customers and answers are written, and the caches told, with the commit (`storage::outcome`).
//!
//! That makes four round trips, whatever the tables hold. A fifth is needed where a first look shows that more is
//! touched: a value that ceases to be shared frees its other holders, and an id that another system uses as well must be
//! told apart from then on. Only what hangs together in numbers near the cap takes the longer way (`capped`).

use std::collections::BTreeMap;

use sqlx::{PgConnection, PgPool};

use super::after::After;
use super::capped;
use super::derive::{Reach, derive};
pub use super::work::Applied;
use super::work::{Work, report, scope};
use crate::brand::Brand;
use crate::customer::identifier::Identifier;
use crate::customer::record::Change;
use crate::storage::StorageError;
use crate::storage::neighbourhood::{Ask, Neighbourhood, read_neighbourhood};
use crate::storage::outcome::{analyze, begin, write_outcome};

/// Applies changes of one brand; either all of them, or none.
///
/// # Errors
/// When Postgres fails; nothing is changed then.
pub async fn apply(pool: &PgPool, brand: &Brand, changes: Vec<Change>) -> Result<Applied, StorageError> {
    run(pool, brand, &Work::from(changes)).await
}

/// Does some work in a transaction of its own.
pub(super) async fn run(pool: &PgPool, brand: &Brand, work: &Work) -> Result<Applied, StorageError> {
    if work.is_empty() {
        return Ok(Applied::default());
    }
    let mut transaction = begin(pool, brand.id()).await?;
    let mut is_outgrown = false;
    let applied = match gather(&mut transaction, brand, work).await? {
        Some((known, after)) => {
            if after.is_nothing_new(work) {
                transaction.rollback().await?;
                return Ok(Applied::default());
            }
            let derived = derive(&after, &known, &Reach::new(), brand);
            write_outcome(&mut transaction, brand.id(), &after.facts, &derived).await?;
            report(brand, derived.oversized);
            is_outgrown = known.is_outgrown;
            Applied { changed: after.facts.news(), customers: derived.customers.len() }
        }
        None => capped::apply(&mut transaction, brand, work).await?,
    };
    transaction.commit().await?;
    if is_outgrown {
        // What was applied is applied.
        if let Err(error) = analyze(pool).await {
            tracing::warn!(%error, "statements are not planned anew for tables that have grown");
        }
    }
    Ok(applied)
}

/// Reads until nothing is missing. `None` when more hangs together than is followed in one go.
async fn gather(db: &mut PgConnection, brand: &Brand, work: &Work) -> Result<Option<(Neighbourhood, After)>, StorageError> {
    let rules = &brand.rules.identity;
    let mut ask = work.ask(rules.region);
    let (changing, merge_ends, events) = (ask.changing.clone(), ask.merge_ends.clone(), ask.events.clone());
    let mut known = Neighbourhood::default();
    let mut asked: BTreeMap<Identifier, bool> = BTreeMap::new();
    loop {
        // Ordinary people are a few records each: far more than that means that a component may be above the cap.
        let follow = rules.component_cap.saturating_add(ask.changing.len().saturating_mul(10)).saturating_add(1);
        known.extend(read_neighbourhood(db, brand.id(), &ask, &scope(brand, Some(follow))).await?);
        if known.is_cut_off {
            return Ok(None);
        }
        asked.extend(ask.values);
        let after = After::new(work, &known, &asked, rules);
        if after.missing.is_empty() {
            return Ok(Some((known, after)));
        }
        ask = Ask { changing: changing.clone(), merge_ends: merge_ends.clone(), events: events.clone(), ..after.missing };
    }
}

//! Reading what a piece of work needs to know, until nothing is missing.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::PgConnection;

use super::after::After;
use super::work::{Work, scope};
use crate::brand::Brand;
use crate::customer::identifier::Identifier;
use crate::storage::StorageError;
use crate::storage::neighbourhood::{Ask, Neighbourhood, read_neighbourhood};

/// What is known around some work, and what will be.
pub(super) struct Gathered {
    pub known: Neighbourhood,
    pub after: After,
    /// The values that were asked for.
    pub asked: BTreeSet<Identifier>,
}

/// Reads what the work touches and, if told to follow, everything that hangs together with it. `None` when more hangs
/// together than is followed in one go. What the ledger of erasures names something of is not read to the end.
pub(super) async fn gather(db: &mut PgConnection, brand: &Brand, work: &Work, follows: bool) -> Result<Option<Gathered>, StorageError> {
    let rules = &brand.rules.identity;
    let first = work.ask(brand);
    // Ordinary people are a few records each: far more than that means that a component may be above the cap.
    let most = rules.component_cap.saturating_add(first.changing.len().saturating_mul(10)).saturating_add(1);
    let scope = scope(brand, follows.then_some(most));
    let mut ask = first.clone();
    let mut known = Neighbourhood::default();
    let mut asked: BTreeMap<Identifier, bool> = BTreeMap::new();
    loop {
        known.extend(read_neighbourhood(db, brand.id(), &ask, &scope).await?);
        if known.is_cut_off && known.erased.is_empty() {
            return Ok(None);
        }
        asked.extend(ask.values);
        let after = After::new(work, &known, &asked, rules);
        if after.missing.is_empty() || !known.erased.is_empty() {
            return Ok(Some(Gathered { known, after, asked: asked.into_keys().collect() }));
        }
        ask = Ask { changing: first.changing.clone(), merge_ends: first.merge_ends.clone(), events: first.events.clone(), ..after.missing };
    }
}

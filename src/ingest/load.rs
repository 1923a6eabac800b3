//! Reading what a piece of work needs to know, until nothing is missing.

use std::collections::{BTreeMap, BTreeSet};

use crate::storage::pool::{Connection, Pool};

use super::batch::{ChangeBatch, scope};
use super::next_state::NextState;
use crate::brand::Brand;
use crate::customer::model::identifier::Identifier;
use crate::storage::StorageError;
use crate::storage::load_component::{ComponentQuery, ComponentRows, LoadLimits, load_component};
use crate::storage::write_changes::try_begin_concurrent;

/// What is known around some work, and what will be.
pub(crate) struct LoadedComponent {
    pub known: ComponentRows,
    pub after: NextState,
    /// The values that were asked for.
    pub asked: BTreeSet<Identifier>,
}

/// Where to read from.
pub(crate) struct LoadFrom<'a> {
    /// The connection that holds the brand's lock.
    pub db: &'a mut Connection,
    /// Another one may read beside it, as long as the first has written nothing.
    pub beside: Option<&'a Pool>,
}

impl LoadFrom<'_> {
    /// Reads on two connections where there is much to read, since Postgres answers a statement on one processor.
    async fn read(&mut self, brand: &Brand, ask: &ComponentQuery, scope: &LoadLimits<'_>) -> Result<ComponentRows, StorageError> {
        let Some((pool, [one, other])) = self.beside.zip(ask.halves()) else { return load_component(self.db, brand.id(), ask, scope).await };
        let Some(mut transaction) = try_begin_concurrent(pool).await? else { return load_component(self.db, brand.id(), ask, scope).await };
        let beside = async {
            let found = load_component(&mut transaction, brand.id(), &other, scope).await?;
            transaction.rollback().await?;
            Ok(found)
        };
        let (mut found, more) = tokio::try_join!(load_component(self.db, brand.id(), &one, scope), beside)?;
        found.extend(more);
        Ok(found)
    }
}

/// Reads what the work touches and, if told to follow, everything that hangs together with it. `None` when more hangs
/// together than is followed in one go. What the ledger of erasures names something of is not read to the end.
pub(crate) async fn load(from: &mut LoadFrom<'_>, brand: &Brand, work: &ChangeBatch, follows: bool) -> Result<Option<LoadedComponent>, StorageError> {
    let rules = &brand.rules.identity;
    let mut ask = work.ask(brand);
    let events = ask.events.clone();
    // Ordinary people are a few records each: far more than that means that a component may be above the cap.
    let most = rules.component_cap.saturating_add(ask.changing.len().saturating_mul(10)).saturating_add(1);
    let scope = scope(brand, follows.then_some(most));
    let mut known = ComponentRows::default();
    let mut asked: BTreeMap<Identifier, bool> = BTreeMap::new();
    loop {
        known.extend(from.read(brand, &ask, &scope).await?);
        if known.is_cut_off && known.erased.is_empty() {
            return Ok(None);
        }
        asked.extend(ask.values);
        let after = NextState::new(work, &known, &asked, rules);
        if after.missing.is_empty() || !known.erased.is_empty() {
            return Ok(Some(LoadedComponent { known, after, asked: asked.into_keys().collect() }));
        }
        // What changes has been read; it only doesn't count.
        ask = ComponentQuery { changing_elsewhere: known.changing.clone(), events_elsewhere: events.clone(), ..after.missing };
    }
}

//! Loads everything that a batch needs, until nothing is missing.

use std::collections::{BTreeMap, BTreeSet};

use crate::storage::pool::{Connection, Pool};

use super::batch::{ChangeBatch, scope};
use super::next_state::NextState;
use crate::brand::Brand;
use crate::customer::identity::component::most_keys;
use crate::customer::model::identifier::Identifier;
use crate::storage::StorageError;
use crate::storage::component_rows::ComponentRows;
use crate::storage::load_component::{ComponentQuery, LoadLimits, load_component};
use crate::storage::write_transaction::try_begin_concurrent;

/// The stored state around a batch, and the next state.
pub(crate) struct LoadedComponent {
    pub known: ComponentRows,
    pub after: NextState,
    /// The values that the query named.
    pub asked: BTreeSet<Identifier>,
}

/// The connections to read from.
pub(crate) struct LoadFrom<'a> {
    /// The connection that holds the brand's lock.
    pub db: &'a mut Connection,
    /// A second connection may read too, as long as the first one has written nothing.
    pub beside: Option<&'a Pool>,
}

impl LoadFrom<'_> {
    /// Reads large queries on two connections, because Postgres runs a statement on one processor.
    async fn read(
        &mut self,
        brand: &Brand,
        query: &ComponentQuery,
        scope: &LoadLimits<'_>,
    ) -> Result<ComponentRows, StorageError> {
        let Some((pool, [one, other])) = self.beside.zip(query.halves()) else {
            return load_component(self.db, brand.id(), query, scope).await;
        };
        let Some(mut transaction) = try_begin_concurrent(pool).await? else {
            return load_component(self.db, brand.id(), query, scope).await;
        };
        let beside = async {
            let found = load_component(&mut transaction, brand.id(), &other, scope).await?;
            transaction.rollback().await?;
            Ok(found)
        };
        let (mut found, more) =
            tokio::try_join!(load_component(self.db, brand.id(), &one, scope), beside)?;
        found.extend(more);
        Ok(found)
    }
}

/// What was loaded for a batch.
pub(crate) enum Loaded {
    /// Everything that is connected with the batch.
    Whole(LoadedComponent),
    /// What the batch affects directly: the connected records are too many to load at once.
    Oversized(LoadedComponent),
}

impl Loaded {
    /// The loaded state, of either kind.
    pub(crate) const fn component(&self) -> &LoadedComponent {
        match self {
            Self::Whole(component) | Self::Oversized(component) => component,
        }
    }

    /// Whether the suppression list names anything in the batch. The rest may be incomplete then.
    pub(crate) fn names_erased_person(&self) -> bool {
        !self.component().known.erased.is_empty()
    }
}

/// Loads what the batch affects, with everything that is connected with it if that is not too much. If the
/// suppression list names anything in the batch, loading stops early.
pub(crate) async fn load(
    from: &mut LoadFrom<'_>,
    brand: &Brand,
    batch: &ChangeBatch,
) -> Result<Loaded, StorageError> {
    let whole = Loaded::Whole(load_component_of(from, brand, batch, true).await?);
    if whole.component().known.is_truncated && !whole.names_erased_person() {
        return Ok(Loaded::Oversized(load_component_of(from, brand, batch, false).await?));
    }
    Ok(whole)
}

/// Loads until nothing is missing, the suppression list names anything, or too much is connected.
async fn load_component_of(
    from: &mut LoadFrom<'_>,
    brand: &Brand,
    batch: &ChangeBatch,
    follows: bool,
) -> Result<LoadedComponent, StorageError> {
    let rules = &brand.rules.identity;
    let mut query = batch.query(brand);
    let events = query.events.clone();
    let most = most_keys(query.changing.len(), rules);
    let scope = scope(brand, follows.then_some(most));
    let mut known = ComponentRows::default();
    let mut asked: BTreeMap<Identifier, bool> = BTreeMap::new();
    loop {
        known.extend(from.read(brand, &query, &scope).await?);
        asked.extend(query.values);
        let after = NextState::new(batch, &known, &asked, rules);
        if after.missing.is_empty() || known.is_truncated || !known.erased.is_empty() {
            return Ok(LoadedComponent { known, after, asked: asked.into_keys().collect() });
        }
        // The changing records are loaded already. They are left out of the counts.
        query = ComponentQuery {
            changing_elsewhere: known.changing.clone(),
            events_elsewhere: events.clone(),
            ..after.missing
        };
    }
}

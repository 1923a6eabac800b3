//! The decisions in force that a new decision may contradict.

use std::collections::BTreeSet;

use super::error::DecisionError;
use crate::brand::Brand;
use crate::customer::identity::source_merges::Aliases;
use crate::customer::model::record::RecordKey;
use crate::storage::decisions::{DecisionRow, Verdict, Which, list_decisions};
use crate::storage::pool::Connection;
use crate::storage::records::list_connected_merges;

/// Decisions in force, and which of their records stands for which.
pub(super) struct InForce {
    pub decisions: Vec<DecisionRow>,
    /// A record stands for the one that its source merged it into.
    pub aliases: Aliases,
}

impl InForce {
    /// Those about the same records or address, also through records that other decisions name or that their source
    /// merged. Of the merged records, no more are followed than a component may have.
    pub(super) async fn around(
        db: &mut Connection,
        brand: &Brand,
        verdict: &Verdict,
    ) -> Result<Self, DecisionError> {
        let records = verdict.records();
        let connected = list_decisions(db, brand.id(), Which::Connected(&records)).await?;
        let addresses = verdict.address().cloned().into_iter().collect();
        let about = list_decisions(db, brand.id(), Which::About(&records, &addresses)).await?;
        let decisions: Vec<DecisionRow> = connected
            .into_iter()
            .filter(|row| !row.verdict.pairs().is_empty())
            .chain(about.into_iter().filter(|row| row.verdict.pairs().is_empty()))
            .filter(|row| row.undone_at.is_none())
            .collect();
        let named: BTreeSet<RecordKey> =
            decisions.iter().flat_map(|row| row.verdict.records()).chain(records).collect();
        let most = named.len().saturating_add(brand.rules.identity.component_cap);
        let merges = list_connected_merges(db, brand.id(), &named, most).await?;
        Ok(Self { decisions, aliases: Aliases::new(&merges) })
    }
}

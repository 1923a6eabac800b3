//! Counts values that could not be parsed, so that somebody notices them.

use std::collections::{BTreeMap, BTreeSet};

use crate::storage::pool::Connection;

use crate::brand::Brand;
use crate::customer::model::source::Source;
use crate::storage::StorageError;
use crate::storage::invalid_values::add_invalid_values;

/// How often each field could not be parsed, for each source.
#[derive(Debug, Default)]
pub(crate) struct UnreadCounts(BTreeMap<Source, BTreeMap<String, i64>>);

impl UnreadCounts {
    /// Adds the fields of one delivery or reply.
    pub(crate) fn add(&mut self, source: Source, fields: &BTreeSet<String>) {
        for field in fields {
            let count = self.0.entry(source).or_default().entry(field.clone()).or_default();
            *count = count.saturating_add(1);
        }
    }

    /// Whether all values could be parsed.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Saves the counts, for `inbox status`.
    pub(crate) async fn save(
        &self,
        db: &mut Connection,
        brand: &Brand,
    ) -> Result<(), StorageError> {
        for (source, counts) in &self.0 {
            add_invalid_values(&mut *db, brand.id(), *source, counts).await?;
        }
        Ok(())
    }

    /// Adds the counts to the metrics.
    pub(crate) fn count(&self, brand: &Brand) {
        for (source, counts) in &self.0 {
            for (field, count) in counts {
                let (brand, field) = (brand.rules.slug.clone(), field.clone());
                metrics::counter!("hookpoint_invalid_values_total", "brand" => brand, "source" => source.as_str(), "field" => field)
                    .increment(u64::try_from(*count).unwrap_or_default());
            }
        }
    }
}

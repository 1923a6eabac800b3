//! What a stored delivery says, as hashes to compare with the suppression list.

use std::collections::BTreeSet;

use super::body_scan::scan_body;
use crate::brand::Brand;
use crate::customer::model::source::Source;
use crate::ingest::batch::ChangeBatch;
use crate::sources::{Delivery, ParsedWebhook};
use crate::storage::bodies::{BodyRow, PageLimit};
use crate::storage::suppressions::{SuppressionHash, SuppressionHasher};

/// The deliveries to read at once. Short transactions do not delay other changes.
pub(crate) const PAGE: PageLimit = PageLimit { deliveries: 200, bytes: 4 * 1024 * 1024 };

/// The content of a delivery, with the hashes to compare with the suppression list.
pub(crate) struct DeliveryContent {
    /// Its changes, if it has any.
    pub batch: Option<ChangeBatch>,
    /// The hashes of its changes.
    pub change_hashes: BTreeSet<SuppressionHash>,
    /// The hashes of texts in its body.
    pub text_hashes: BTreeSet<SuppressionHash>,
}

impl DeliveryContent {
    pub(crate) fn at(row: &BodyRow, brand: &Brand, hasher: &SuppressionHasher) -> Self {
        let region = brand.rules.identity.region;
        let delivery = Delivery {
            headers: row.headers.clone(),
            body: row.body.clone(),
            received_at: row.received_at,
        };
        let parsed =
            row.source.parse::<Source>().ok().and_then(|source| {
                brand.rules.sources.parser(source).parse_webhook(&delivery).ok()
            });
        let batch = parsed
            .as_ref()
            .and_then(ParsedWebhook::changes)
            .map(|changes| ChangeBatch::from(changes.to_vec()));
        // A pending delivery with changes is judged by them only.
        let is_left = batch.is_some() && is_pending(row);
        Self {
            change_hashes: batch
                .as_ref()
                .map(|batch| batch.suppression_hashes(hasher, region))
                .unwrap_or_default(),
            text_hashes: if is_left {
                BTreeSet::new()
            } else {
                scan_body(&row.body, hasher, region)
            },
            batch,
        }
    }
}

/// Whether the delivery still waits to be applied.
pub(crate) fn is_pending(row: &BodyRow) -> bool {
    row.state == "pending"
}

//! What a stored delivery says, as hashes to compare with the suppression list.

use std::collections::BTreeSet;

use super::body_scan::mentions_of;
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
    /// Its changes, if it can be parsed.
    pub work: Option<ChangeBatch>,
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
        let parsed = row
            .source
            .parse::<Source>()
            .ok()
            .map(|source| brand.rules.sources.parser(source).parse_webhook(&delivery));
        let work = match parsed {
            Some(Ok(ParsedWebhook::Changes(changes))) if !changes.is_empty() => {
                Some(ChangeBatch::from(changes))
            }
            _ => None,
        };
        // A pending delivery that can be parsed is judged by its changes only: it may also be about other people.
        let is_left = work.is_some() && is_pending(row);
        Self {
            change_hashes: work
                .as_ref()
                .map(|work| work.suppression_hashes(hasher, region))
                .unwrap_or_default(),
            text_hashes: if is_left {
                BTreeSet::new()
            } else {
                mentions_of(&row.body, hasher, region)
            },
            work,
        }
    }
}

/// Whether the delivery still waits to be applied.
pub(crate) fn is_pending(row: &BodyRow) -> bool {
    row.state == "pending"
}

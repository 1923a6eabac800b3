//! Which calls follow from a webhook.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::json;

use crate::brand::Brand;
use crate::customer::model::field_versions::{FieldVersions, Scope, Update};
use crate::customer::model::record::{Change, Record, RecordKey};
use crate::customer::model::source::Source;
use crate::ingest::batch::ChangeBatch;
use crate::sources::Delivery;
use crate::storage::follow_ups::NewFollowUpRow;
use crate::storage::suppressions::{SuppressionHash, SuppressionHasher};

/// The follow-ups of a webhook. Empty if the source's API is not connected.
pub(crate) fn webhook_follow_ups(
    brand: &Brand,
    source: Source,
    delivery: &Delivery,
    changes: &[Change],
) -> Vec<NewFollowUpRow> {
    if !brand.rules.accounts.contains_key(&source) {
        return Vec::new();
    }
    let asks = brand.rules.sources.api(source).after_webhook(delivery);
    // By these hashes, an erasure finds the follow-ups of a person.
    let subjects: Vec<SuppressionHash> = if asks.is_empty() {
        Vec::new()
    } else {
        let hasher = SuppressionHasher::new(&brand.suppression_key);
        ChangeBatch::from(changes.to_vec()).key_hashes(&hasher).into_iter().collect()
    };
    asks.iter()
        .map(|ask| NewFollowUpRow { source, ask: json!(ask), subjects: subjects.clone() })
        .collect()
}

/// Follow-ups that fetch the current state of records after an old webhook was repeated. Empty if the source's
/// API is not connected.
pub fn refetch_requests(
    brand: &Brand,
    source: Source,
    records: &[RecordKey],
) -> Vec<NewFollowUpRow> {
    if !brand.rules.accounts.contains_key(&source) {
        return Vec::new();
    }
    let (api, hasher) =
        (brand.rules.sources.api(source), SuppressionHasher::new(&brand.suppression_key));
    // `confirm` only uses the key, so the stored values are not loaded.
    let nothing = Update {
        at: Timestamp::MIN,
        received_at: Timestamp::MIN,
        scope: Scope::Partial,
        fields: BTreeMap::new(),
    };
    let request = |key: &RecordKey| {
        let ask = api.confirm(&Record {
            key: key.clone(),
            versions: FieldVersions::from(nothing.clone()),
        })?;
        Some(NewFollowUpRow { source, ask: json!(ask), subjects: vec![hasher.record(key)] })
    };
    records.iter().filter_map(request).collect()
}

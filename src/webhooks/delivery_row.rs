//! The row that a verified webhook becomes in the inbox.

use crate::brand::Brand;
use crate::customer::model::source::Source;
use crate::sources::webhook::{DedupKey, Priority, VerifiedWebhook};
use crate::storage::delivery_queue::{DeliveryRow, new_id};
use crate::storage::invalidation::LookupHash;

/// The number of a priority. `None` if the webhook is not stored.
pub(super) const fn priority_number(priority: Priority) -> Option<i16> {
    match priority {
        Priority::High => Some(0),
        Priority::Normal => Some(1),
        Priority::Low => Some(2),
        Priority::Drop => None,
    }
}

/// The row of a delivery. The values that identify a delivery are stored as keyed hashes, which reveal nothing about a
/// person.
pub(super) fn row(
    brand: &Brand,
    source: Source,
    VerifiedWebhook { delivery, meta }: VerifiedWebhook,
    priority: i16,
) -> DeliveryRow {
    let hash = |kind: &str, value: &[u8]| {
        LookupHash::new(&brand.secret, &format!("{kind} {source}"), value).0
    };
    let (key, last) = match &meta.dedup_key {
        DedupKey::None => (None, None),
        DedupKey::Id(id) => (Some(hash("delivery", id.as_bytes())), None),
        DedupKey::LatestContent { digest, about } => (
            None,
            Some((
                hash("content", digest),
                about.iter().map(|about| hash("subject", about.as_bytes())).collect(),
            )),
        ),
    };
    DeliveryRow {
        delivery_id: new_id(delivery.received_at),
        source,
        event: meta.event,
        headers: delivery.headers,
        content: hash("whole content", &delivery.body),
        body: delivery.body,
        priority,
        key,
        last,
    }
}

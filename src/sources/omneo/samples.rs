//! Sample webhooks of Omneo.

use jiff::Timestamp;

use super::settings::OmneoSettings;
use crate::sources::sample::{SampleWebhook, SampleWebhooks};

/// The recorded webhooks.
const RECORDED: [(&str, &str); 19] = [
    (
        "aggregation.updated",
        include_str!("../../../fixtures/webhooks/omneo/aggregation.updated.json"),
    ),
    ("balance.updated", include_str!("../../../fixtures/webhooks/omneo/balance.updated.json")),
    ("benefit.created", include_str!("../../../fixtures/webhooks/omneo/benefit.created.json")),
    ("identity.created", include_str!("../../../fixtures/webhooks/omneo/identity.created.json")),
    (
        "interaction.created",
        include_str!("../../../fixtures/webhooks/omneo/interaction.created.json"),
    ),
    ("order.created", include_str!("../../../fixtures/webhooks/omneo/order.created.json")),
    ("point.created", include_str!("../../../fixtures/webhooks/omneo/point.created.json")),
    ("product.created", include_str!("../../../fixtures/webhooks/omneo/product.created.json")),
    (
        "profile.before.update",
        include_str!("../../../fixtures/webhooks/omneo/profile.before.update.json"),
    ),
    ("profile.created", include_str!("../../../fixtures/webhooks/omneo/profile.created.json")),
    ("profile.deleted", include_str!("../../../fixtures/webhooks/omneo/profile.deleted.json")),
    ("profile.merged", include_str!("../../../fixtures/webhooks/omneo/profile.merged.json")),
    ("profile.updated", include_str!("../../../fixtures/webhooks/omneo/profile.updated.json")),
    ("rating.created", include_str!("../../../fixtures/webhooks/omneo/rating.created.json")),
    ("reward.created", include_str!("../../../fixtures/webhooks/omneo/reward.created.json")),
    ("reward.updated", include_str!("../../../fixtures/webhooks/omneo/reward.updated.json")),
    ("tier.achieved", include_str!("../../../fixtures/webhooks/omneo/tier.achieved.json")),
    (
        "transaction.created",
        include_str!("../../../fixtures/webhooks/omneo/transaction.created.json"),
    ),
    (
        "transaction.updated",
        include_str!("../../../fixtures/webhooks/omneo/transaction.updated.json"),
    ),
];

impl SampleWebhooks for OmneoSettings {
    fn recorded_webhooks(&self) -> &'static [(&'static str, &'static str)] {
        &RECORDED
    }

    fn adapt(&self, webhook: SampleWebhook, _: Timestamp) -> SampleWebhook {
        webhook
    }
}

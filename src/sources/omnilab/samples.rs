//! Sample webhooks of OmniLab.

use jiff::Timestamp;
use uuid::Uuid;

use super::settings::OmniLabSettings;
use crate::sources::sample::{SampleWebhook, SampleWebhooks};

/// The recorded webhooks.
const RECORDED: [(&str, &str); 17] = [
    (
        "booking.cancelled.v1",
        include_str!("../../../fixtures/webhooks/omnilab/booking.cancelled.v1.json"),
    ),
    (
        "booking.created.v1",
        include_str!("../../../fixtures/webhooks/omnilab/booking.created.v1.json"),
    ),
    ("cta.clicked.v1", include_str!("../../../fixtures/webhooks/omnilab/cta.clicked.v1.json")),
    (
        "feedback.submitted.v1",
        include_str!("../../../fixtures/webhooks/omnilab/feedback.submitted.v1.json"),
    ),
    (
        "question.answered.v1",
        include_str!("../../../fixtures/webhooks/omnilab/question.answered.v1.json"),
    ),
    (
        "reward.eligible.v1",
        include_str!("../../../fixtures/webhooks/omnilab/reward.eligible.v1.json"),
    ),
    ("reward.lost.v1", include_str!("../../../fixtures/webhooks/omnilab/reward.lost.v1.json")),
    (
        "reward.redeemed.v1",
        include_str!("../../../fixtures/webhooks/omnilab/reward.redeemed.v1.json"),
    ),
    ("reward.won.v1", include_str!("../../../fixtures/webhooks/omnilab/reward.won.v1.json")),
    (
        "smartlink.redirected.v1",
        include_str!("../../../fixtures/webhooks/omnilab/smartlink.redirected.v1.json"),
    ),
    (
        "stamp.collected.v1",
        include_str!("../../../fixtures/webhooks/omnilab/stamp.collected.v1.json"),
    ),
    (
        "touchpoint.completed.v1",
        include_str!("../../../fixtures/webhooks/omnilab/touchpoint.completed.v1.json"),
    ),
    (
        "touchpoint.page_visit.v1",
        include_str!("../../../fixtures/webhooks/omnilab/touchpoint.page_visit.v1.json"),
    ),
    (
        "touchpoint.participated.v1",
        include_str!("../../../fixtures/webhooks/omnilab/touchpoint.participated.v1.json"),
    ),
    (
        "touchpoint.participation_form_filled.v1",
        include_str!(
            "../../../fixtures/webhooks/omnilab/touchpoint.participation_form_filled.v1.json"
        ),
    ),
    (
        "touchpoint.started.v1",
        include_str!("../../../fixtures/webhooks/omnilab/touchpoint.started.v1.json"),
    ),
    (
        "touchpoint.terms_accepted.v1",
        include_str!("../../../fixtures/webhooks/omnilab/touchpoint.terms_accepted.v1.json"),
    ),
];

impl SampleWebhooks for OmniLabSettings {
    fn recorded_webhooks(&self) -> &'static [(&'static str, &'static str)] {
        &RECORDED
    }

    /// Each has an id of its own, because a second delivery with the same id is a duplicate.
    fn adapt(&self, mut webhook: SampleWebhook, now: Timestamp) -> SampleWebhook {
        let id = format!("msg_hookpoint_sample_{}", Uuid::new_v4().simple());
        webhook.headers.insert("webhook-id".to_owned(), id);
        webhook.headers.insert("webhook-timestamp".to_owned(), now.as_second().to_string());
        webhook
    }
}

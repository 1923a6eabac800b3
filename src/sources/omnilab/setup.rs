//! How OmniLab's webhooks are connected.

use crate::sources::setup::{NOT_VERIFIED, SecretOrigin, VerificationChoice, WebhookSetup};

/// How OmniLab's webhooks are connected.
pub const SETUP: WebhookSetup = WebhookSetup {
    name: "OmniLab",
    url_goes_to: "Give OmniLab's staff this URL and these event types: they create the subscription. \
                  touchpoint.page_visit.v1, touchpoint.participated.v1, touchpoint.participation_form_filled.v1, \
                  touchpoint.started.v1, touchpoint.completed.v1, touchpoint.terms_accepted.v1, cta.clicked.v1, \
                  question.answered.v1, feedback.submitted.v1, reward.eligible.v1, reward.won.v1, reward.lost.v1, \
                  reward.redeemed.v1, booking.created.v1, smartlink.redirected.v1. Ask for the other events of bookings, too: \
                  the published list ends before them.",
    url_parts: None,
    verifications: &[
        VerificationChoice {
            name: "signature",
            meaning: "OmniLab's signature: its staff gives you the secret (whsec_...)",
            in_words: "OmniLab's signature. Its staff gives you the secret (whsec_...)",
            secret: SecretOrigin::Source,
        },
        NOT_VERIFIED,
    ],
    custom_field: None,
};

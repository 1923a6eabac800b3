//! How OmniLab's webhooks are connected.

use crate::sources::setup::{NOT_VERIFIED, SecretOrigin, VerificationChoice, WebhookSetup};

/// How OmniLab's webhooks are connected.
pub const SETUP: WebhookSetup = WebhookSetup {
    name: "OmniLab",
    url_goes_to: "Give this URL and the event types to OmniLab's staff: they create the subscription.",
    verifications: &[
        VerificationChoice {
            name: "signature",
            meaning: "OmniLab's signature: its staff gives you the secret (whsec_...)",
            secret: SecretOrigin::Source,
        },
        NOT_VERIFIED,
    ],
    custom_field: None,
};

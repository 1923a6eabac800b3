//! How Syncaroo's webhooks are connected.

use crate::sources::setup::{
    NOT_VERIFIED, SecretOrigin, URL_SECRET, VerificationChoice, WebhookSetup,
};

/// How Syncaroo's webhooks are connected.
pub const SETUP: WebhookSetup = WebhookSetup {
    name: "Syncaroo",
    url_goes_to: "Give Syncaroo an apiUri and a webhookPath that together make this URL.",
    url_parts: Some(["apiUri", "webhookPath"]),
    verifications: &[
        URL_SECRET,
        VerificationChoice {
            name: "hash",
            meaning: "the hash in the webhook: ask Syncaroo how it is made, and for the key",
            in_words: "the hash in Syncaroo's webhooks. Ask Syncaroo for its key",
            secret: SecretOrigin::Source,
        },
        NOT_VERIFIED,
    ],
    custom_field: None,
};

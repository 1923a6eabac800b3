//! How OmnioTap's webhooks are connected.

use crate::sources::setup::{
    NOT_VERIFIED, SecretOrigin, URL_SECRET, VerificationChoice, WebhookSetup,
};

/// How OmnioTap's webhooks are connected.
pub const SETUP: WebhookSetup = WebhookSetup {
    name: "OmnioTap",
    url_goes_to: "In Tenant Settings, paste this URL.",
    url_parts: None,
    verifications: &[
        URL_SECRET,
        VerificationChoice {
            name: "signature",
            meaning: "a signature, if OmnioTap signs your webhooks: ask OmnioTap how, and for the secret",
            in_words: "OmnioTap's signature. Ask OmnioTap how it signs, and for the secret",
            secret: SecretOrigin::Source,
        },
        NOT_VERIFIED,
    ],
    custom_field: Some(("segment", "{{ omniotap.segment }}")),
};

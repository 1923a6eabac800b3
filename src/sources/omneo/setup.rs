//! How Omneo's webhooks are connected.

use crate::sources::setup::{
    NOT_VERIFIED, SecretOrigin, URL_SECRET, VerificationChoice, WebhookSetup,
};

/// How Omneo's webhooks are connected.
pub const SETUP: WebhookSetup = WebhookSetup {
    name: "Omneo",
    url_goes_to: "In CX Manager > Settings > Webhooks, create a webhook for each event, all with this URL. \
                  Take these events: profile.*, identity.created, transaction.*, order.*, reward.*, benefit.*, point.*, \
                  tier.*, balance.updated, aggregation.updated, interaction.created, rating.*.",
    url_parts: None,
    verifications: &[
        VerificationChoice {
            name: "signature",
            meaning: "Omneo's signature, with the secret of your tenant: ask Omneo for it",
            in_words: "Omneo's signature. Ask Omneo for its secret",
            secret: SecretOrigin::Source,
        },
        URL_SECRET,
        NOT_VERIFIED,
    ],
    custom_field: Some(("customerType", "{{ omneo.tier }}")),
};

//! What the vendors say and want to hear: webhooks, requests and replies, and what proves a webhook.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::as_conversions,
    clippy::string_slice
)]

mod apis;
mod parsed_changes;
mod verification;
mod webhooks;

//! The list of the last webhooks that could not be verified.

use hookpoint::customer::model::source::Source;
use hookpoint::storage::rejected_webhooks::{RejectedRow, list_rejected};

use super::webhook_requests::unsigned_webhook;
use super::{is_acknowledged, is_unverified, receiver};
use crate::support::{TestApp, now};

/// What the service stores every two seconds.
async fn listed(app: &TestApp, source: Option<Source>) -> Vec<RejectedRow> {
    app.application.save_webhook_counters().await.unwrap();
    list_rejected(app.pool(), app.brand.id(), source, 1_000).await.unwrap()
}

#[tokio::test]
async fn a_rejected_webhook_is_listed_with_its_reason_and_sender_and_without_its_content() {
    let app = receiver().await;
    is_acknowledged(&unsigned_webhook(Source::Omneo, 1).signed().to(&app).await);
    assert_eq!(listed(&app, None).await, []);
    let canaries = ["canary-of-a-person@example.org", "canary-signature", "canary-secret"];
    let mut webhook = unsigned_webhook(Source::Omneo, 2);
    webhook.body = format!("{{\"id\":\"p-2\",\"email\":\"{}\"}}", canaries[0]).into_bytes();
    is_unverified(&webhook.clone().signed_with(canaries[2], now()).to(&app).await);
    let signed = webhook.signed().with("x-omneo-hmac-sha256", canaries[1]);
    is_unverified(&signed.to(&app).await);
    is_unverified(&unsigned_webhook(Source::OmnioTap, 3).bare().to(&app).await);
    let rows = listed(&app, None).await;
    let sources: Vec<Source> = rows.iter().map(|row| row.source).collect();
    assert_eq!(sources.iter().filter(|source| **source == Source::Omneo).count(), 2, "{rows:?}");
    assert_eq!(sources.len(), 3, "{rows:?}");
    for row in &rows {
        assert_eq!((row.caller.as_str(), row.rejected_at), ("127.0.0.1", now()));
        assert!(!row.reason.is_empty());
        assert!(canaries.iter().all(|canary| !row.reason.contains(canary)), "{row:?}");
    }
    assert_eq!(listed(&app, Some(Source::OmnioTap)).await.len(), 1);
    app.stop().await;
}

#[tokio::test]
async fn the_list_is_bounded_and_keeps_the_newest() {
    let app = receiver().await;
    for _ in 0..7 {
        for n in 0..20 {
            is_unverified(&unsigned_webhook(Source::Omneo, n).bare().to(&app).await);
        }
        listed(&app, None).await;
    }
    let rows = listed(&app, None).await;
    assert!((20..=100).contains(&rows.len()), "{}", rows.len());
    app.stop().await;
}

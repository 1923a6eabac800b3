//! Secrets in the URL, for sources that cannot sign.

use hookpoint::customer::model::source::Source;

use super::webhook_requests::unsigned_webhook;
use super::{is_acknowledged, is_unverified, receiving, secrets};
use crate::inbox::deliveries;
use crate::support::TestApp;

const SECRET: &str = "a-secret.of~ours_1";
const OLD: &str = "an-older-secret-of-ours";

const SOURCES: [Source; 3] = [Source::Omneo, Source::OmnioTap, Source::Syncaroo];

/// The secret with some of its letters percent-encoded.
fn encoded() -> String {
    SECRET.replace('-', "%2d").replace('a', "%61").replace('~', "%7E")
}

#[tokio::test]
async fn a_secret_in_the_path_is_its_last_segment() {
    let settings = SOURCES.into_iter().fold(receiving(), |settings, source| {
        let secrets = secrets(source, &[SECRET, OLD]);
        settings.webhook(source, &format!("verification = \"secret\"\n{secrets}"))
    });
    let app = TestApp::start_with(settings).await;
    for source in SOURCES {
        let way = format!("/webhooks/demo/{source}");
        for (n, target) in (0..).zip([
            format!("{way}/{SECRET}"),
            format!("{way}/{}", encoded()),
            format!("{way}/{OLD}"),
            format!("{way}/{SECRET}?a=b&token=wrong"),
        ]) {
            is_acknowledged(&unsigned_webhook(source, n).bare().at(&target).to(&app).await);
        }
        for target in [
            way.clone(),
            format!("{way}/"),
            format!("{way}/{}", &SECRET[1..]),
            format!("{way}/{SECRET}x"),
            format!("{way}/{}", SECRET.to_uppercase()),
            format!("{way}/%FF{SECRET}"),
            format!("{way}/{SECRET}%00"),
            format!("{way}/%20{SECRET}"),
            format!("{way}/{}", encoded().replace('%', "%25%")),
            format!("{way}?token={SECRET}"),
            format!("{way}/?token={SECRET}"),
            format!("{way}/wrong?token={SECRET}"),
        ] {
            is_unverified(&unsigned_webhook(source, 9).bare().at(&target).to(&app).await);
        }
        // A slash at the end is allowed. An additional slash elsewhere makes another path.
        is_acknowledged(
            &unsigned_webhook(source, 8).bare().at(&format!("{way}/{SECRET}/")).to(&app).await,
        );
        for target in [
            format!("{way}//{SECRET}"),
            format!("{way}/wrong/{SECRET}"),
            format!("/webhooks/{SECRET}/{source}"),
        ] {
            assert_eq!(
                unsigned_webhook(source, 9).bare().at(&target).to(&app).await.status,
                404,
                "{target}"
            );
        }
    }
    assert_eq!(deliveries(&app).await.len(), 5 * SOURCES.len());
    app.stop().await;
}

#[tokio::test]
async fn a_secret_in_the_query_is_its_token() {
    let settings = SOURCES.into_iter().fold(receiving(), |settings, source| {
        let secrets = secrets(source, &[SECRET, OLD]);
        let lines = format!("verification = \"secret\"\nsecret_in = \"query\"\n{secrets}");
        settings.webhook(source, &lines)
    });
    let app = TestApp::start_with(settings).await;
    for source in SOURCES {
        let way = format!("/webhooks/demo/{source}");
        for (n, target) in (0..).zip([
            format!("{way}?token={SECRET}"),
            format!("{way}?a=b&token={}&c", encoded()),
            format!("{way}?token={OLD}"),
            format!("{way}/?token={SECRET}"),
            format!("{way}/anything?token={SECRET}"),
        ]) {
            is_acknowledged(&unsigned_webhook(source, n).bare().at(&target).to(&app).await);
        }
        for target in [
            way.clone(),
            format!("{way}?"),
            format!("{way}?token"),
            format!("{way}?token="),
            format!("{way}?{SECRET}"),
            format!("{way}?Token={SECRET}"),
            format!("{way}?tokens={SECRET}"),
            format!("{way}?xtoken={SECRET}"),
            format!("{way}?token={SECRET}x"),
            format!("{way}?token=wrong&token={SECRET}"),
            format!("{way}?token=+{SECRET}"),
            format!("{way}?token=%FF{SECRET}"),
            format!("{way}/{SECRET}"),
            format!("{way}/{SECRET}?token=wrong"),
        ] {
            is_unverified(&unsigned_webhook(source, 9).bare().at(&target).to(&app).await);
        }
    }
    assert_eq!(deliveries(&app).await.len(), 5 * SOURCES.len());
    app.stop().await;
}

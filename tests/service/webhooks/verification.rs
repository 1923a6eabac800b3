//! Verification: which webhooks are accepted, which are rejected, and which are stored once only.

use hookpoint::customer::model::source::Source;
use jiff::ToSpan;

use super::webhook_requests::{
    UnsignedWebhook, WebhookRequest, signed_names, tampered, unsigned_webhook,
};
use super::{is_acknowledged, is_to_be_sent_again, is_unverified, receiver, receiving, secrets};
use crate::inbox::{deliveries, states, work_off};
use crate::support::{TestApp, TestSettings, now, secret_of};

const OLD: &str = "the-secret-of-before";
const NEW: &str = "the-secret-from-now-on";
const OTHER: &str = "somebody-elses-secret";

async fn stored(app: &TestApp) -> usize {
    deliveries(app).await.len()
}

#[tokio::test]
async fn what_a_source_signed_is_acknowledged_stored_and_applied() {
    let app = receiver().await;
    for (n, source) in (1..).zip(Source::ALL) {
        is_acknowledged(&unsigned_webhook(source, 1).signed().to(&app).await);
        let rows = deliveries(&app).await;
        assert_eq!(
            (rows.len(), rows.iter().filter(|row| row.source == source.as_str()).count()),
            (n, 1),
            "{source}"
        );
    }
    work_off(&app).await;
    assert!(states(&app).await.iter().all(|(state, note)| state == "done" && note.is_empty()));
    app.wait_until_current().await;
    for email in ["c-1@example.org", "p-1@example.org"] {
        assert_eq!(app.by_email(email).await[0]["customerFirstname"], "Anna");
    }
    app.stop().await;
}

#[tokio::test]
async fn what_is_not_signed_right_is_refused_and_not_stored() {
    let app = receiver().await;
    for source in Source::ALL {
        let good = unsigned_webhook(source, 1).signed();
        let by_another = unsigned_webhook(source, 1).signed_with(OTHER, now());
        is_unverified(&by_another.to(&app).await);
        let changed = String::from_utf8(good.body.clone())
            .unwrap()
            .replace("-1", "-2")
            .replace("0001", "0002");
        assert_ne!(changed.as_bytes(), good.body);
        is_unverified(&good.saying(changed).to(&app).await);
        for name in signed_names(source) {
            for value in [
                None,
                Some(""),
                Some("none"),
                Some("0"),
                Some("v1,"),
                Some(secret_of(source).as_str()),
            ] {
                is_unverified(&tampered(source, &good, name, value).to(&app).await);
            }
        }
        // The plain secret does not replace a signature, and neither does another source's signature.
        is_unverified(
            &unsigned_webhook(source, 1)
                .bare()
                .at(&format!("/webhooks/demo/{source}/{}", secret_of(source)))
                .to(&app)
                .await,
        );
        is_unverified(
            &unsigned_webhook(source, 1)
                .bare()
                .at(&format!("/webhooks/demo/{source}?token={}", secret_of(source)))
                .to(&app)
                .await,
        );
        for other in Source::ALL.into_iter().filter(|other| *other != source) {
            is_unverified(
                &unsigned_webhook(other, 1)
                    .signed()
                    .at(&format!("/webhooks/demo/{source}"))
                    .to(&app)
                    .await,
            );
        }
        assert_eq!(stored(&app).await, 0, "{source}");
        assert_eq!(
            good.to(&app).await.status,
            202,
            "and no rejected webhook prevents the right one"
        );
        sqlx::query("delete from deliveries").execute(app.pool()).await.unwrap();
    }
    app.stop().await;
}

#[tokio::test]
async fn a_time_stamp_counts_within_the_tolerance_and_not_a_second_longer() {
    let app = receiver().await;
    let secret = secret_of(Source::OmniLab);
    let at = |seconds: i64| now() + seconds.seconds();
    for (n, seconds) in (1..).zip([-300, 300, -299, 0]) {
        is_acknowledged(
            &unsigned_webhook(Source::OmniLab, n).signed_with(&secret, at(seconds)).to(&app).await,
        );
    }
    assert_eq!(stored(&app).await, 4);
    for seconds in [-301, 301, -86_400, 86_400, 31_536_000] {
        is_unverified(
            &unsigned_webhook(Source::OmniLab, 9).signed_with(&secret, at(seconds)).to(&app).await,
        );
        // If the timestamp is changed afterwards, the signature is no longer valid.
        let repaired = unsigned_webhook(Source::OmniLab, 9)
            .signed_with(&secret, at(seconds))
            .with("webhook-timestamp", &now().as_second().to_string());
        is_unverified(&repaired.to(&app).await);
    }
    assert_eq!(stored(&app).await, 4);
    app.stop().await;
}

#[tokio::test]
async fn while_a_secret_is_changed_both_are_valid_and_no_other() {
    let settings = Source::ALL.into_iter().fold(receiving(), |settings, source| {
        let way = if source == Source::Syncaroo { "hash" } else { "signature" };
        let secrets = secrets(source, &[OLD, NEW]);
        settings.webhook(source, &format!("verification = \"{way}\"\n{secrets}"))
    });
    let app = TestApp::start_with(settings).await;
    for source in Source::ALL {
        for (n, secret) in [(1, OLD), (2, NEW)] {
            is_acknowledged(&unsigned_webhook(source, n).signed_with(secret, now()).to(&app).await);
        }
        for secret in [OTHER, &secret_of(source), ""] {
            is_unverified(&unsigned_webhook(source, 3).signed_with(secret, now()).to(&app).await);
        }
    }
    assert_eq!(stored(&app).await, 8);
    app.stop().await;
}

#[tokio::test]
async fn a_list_of_signatures_and_another_header_are_looked_at() {
    let more = format!(
        "verification = \"signature\"\n{}\nauthorization = [{{ env = \"Basic dXNlcjpwYXNzd29yZA==\" }}, {{ env = \"Bearer a-token-of-ours\" }}]",
        secrets(Source::OmniLab, &[NEW])
    );
    let app = TestApp::start_with(receiving().webhook(Source::OmniLab, &more)).await;
    let sent = |n: u32| unsigned_webhook(Source::OmniLab, n).signed_with(NEW, now());
    for (n, value) in [(1, "Basic dXNlcjpwYXNzd29yZA=="), (2, "Bearer a-token-of-ours")] {
        is_acknowledged(&sent(n).with("Authorization", value).to(&app).await);
    }
    let listed = |sent: &WebhookRequest| {
        let wrong = unsigned_webhook(Source::OmniLab, 3).signed_with(OTHER, now());
        let (wrong, right) = (
            wrong.header("webhook-signature").unwrap().to_owned(),
            sent.header("webhook-signature").unwrap().to_owned(),
        );
        sent.with("webhook-signature", &format!("{wrong} v1a,{} {right}", &right[3..]))
            .with("Authorization", "Bearer a-token-of-ours")
    };
    is_acknowledged(&listed(&sent(3)).to(&app).await);
    for value in
        ["", "Bearer", "Basic a-token-of-ours", "Bearer a-token-of-our", "bearer a-token-of-ours"]
    {
        is_unverified(&sent(4).with("Authorization", value).to(&app).await);
    }
    is_unverified(&sent(4).to(&app).await);
    is_unverified(
        &sent(4)
            .with("Authorization", "Bearer a-token-of-ours")
            .without("webhook-signature")
            .to(&app)
            .await,
    );
    assert_eq!(stored(&app).await, 3);
    app.stop().await;
}

#[tokio::test]
async fn what_is_sent_again_is_stored_once_but_every_word_of_a_source_that_only_says_that_something_changed()
 {
    let app = receiver().await;
    for source in Source::ALL {
        for n in [1, 1, 2, 1] {
            is_acknowledged(&unsigned_webhook(source, n).signed().to(&app).await);
        }
        let count =
            deliveries(&app).await.iter().filter(|row| row.source == source.as_str()).count();
        assert_eq!(count, if source == Source::Syncaroo { 4 } else { 2 }, "{source}");
    }
    // The same delivery, signed later: its id counts.
    let later = unsigned_webhook(Source::OmniLab, 1)
        .signed_with(&secret_of(Source::OmniLab), now() + 60.seconds());
    is_acknowledged(&later.to(&app).await);
    // Ids of different sources are independent.
    let same = UnsignedWebhook::new(Source::OmniLab, 1, unsigned_webhook(Source::OmniLab, 1).body)
        .with("webhook-id", "event-1");
    is_acknowledged(&same.signed().to(&app).await);
    assert_eq!(stored(&app).await, 11);
    app.stop().await;
}

/// The same lines for the webhooks of every source.
fn all_sources(lines: &str) -> TestSettings {
    Source::ALL.into_iter().fold(receiving(), |settings, source| settings.webhook(source, lines))
}

#[tokio::test]
async fn a_source_that_proves_nothing_is_let_in_where_the_settings_say_so() {
    let app = TestApp::start_with(all_sources("verification = \"none\"")).await;
    for source in Source::ALL {
        is_acknowledged(&unsigned_webhook(source, 1).bare().to(&app).await);
        is_acknowledged(
            &unsigned_webhook(source, 2)
                .signed_with(OTHER, now())
                .at(&format!("/webhooks/demo/{source}/anything?token=any"))
                .to(&app)
                .await,
        );
    }
    assert_eq!(stored(&app).await, 8);
    app.stop().await;
}

#[tokio::test]
async fn a_source_that_is_not_connected_is_asked_to_come_again() {
    let app = TestApp::start_with(all_sources("")).await;
    for source in Source::ALL {
        is_to_be_sent_again(
            &unsigned_webhook(source, 1).signed().to(&app).await,
            "source-not-connected",
        );
        is_to_be_sent_again(
            &UnsignedWebhook::new(source, 1, "").bare().to(&app).await,
            "source-not-connected",
        );
    }
    assert_eq!(stored(&app).await, 0);
    app.stop().await;
}

#[tokio::test]
async fn a_brand_or_source_that_there_is_not_is_not_found() {
    let app = receiver().await;
    let sent = unsigned_webhook(Source::Omneo, 1).signed();
    for target in [
        "/webhooks/other/omneo",
        "/webhooks/demo/other",
        "/webhooks/Demo/omneo",
        "/webhooks/demo/Omneo",
        "/webhooks/demo",
        "/webhooks/",
        "/webhooks/demo/omneo/a/b",
        "/webhooks//omneo",
        "/webhook/demo/omneo",
    ] {
        let response = sent.at(target).to(&app).await;
        assert_eq!((response.status, response.code().as_str()), (404, "not-found"), "{target}");
    }
    assert_eq!(stored(&app).await, 0);
    app.stop().await;
}

//! Webhooks while Postgres is unavailable or hangs, and during shutdown.

use hookpoint::customer::model::source::Source;

use super::webhook_requests::{UnsignedWebhook, unsigned_webhook};
use super::{is_acknowledged, is_to_be_sent_again, is_unverified, receiving};
use crate::inbox::deliveries;
use crate::lookup::postgres_outage::{cut, restore};
use crate::support::{Options, Response, TestApp, now, until};

const LOCK: &str = "lock table deliveries in access exclusive mode";

/// Repeats a webhook until it is acknowledged, as sources do.
async fn acknowledged_in_the_end(app: &TestApp, webhook: &UnsignedWebhook) {
    until("it is acknowledged", async || {
        let response = webhook.clone().signed().to(app).await;
        assert!([202, 503].contains(&response.status), "{} {}", response.head, response.body);
        response.status == 202
    })
    .await;
}

#[tokio::test]
async fn without_the_store_a_webhook_is_to_be_sent_again_and_then_stored_once() {
    let app = TestApp::start_with(receiving().usual_ack_timeout()).await;
    cut(&app).await;
    for source in Source::ALL {
        let response = unsigned_webhook(source, 1).signed().to(&app).await;
        let code = response.code();
        assert!(["inbox-unavailable", "receipt-unknown"].contains(&code.as_str()), "{code}");
        is_to_be_sent_again(&response, &code);
        is_unverified(
            &unsigned_webhook(source, 1).signed_with("somebody-elses-secret", now()).to(&app).await,
        );
    }
    restore(&app).await;
    for source in Source::ALL {
        acknowledged_in_the_end(&app, &unsigned_webhook(source, 1)).await;
    }
    let once = Source::ALL.into_iter().filter(|source| *source != Source::Syncaroo);
    let rows = deliveries(&app).await;
    for source in once {
        assert_eq!(rows.iter().filter(|row| row.source == source.as_str()).count(), 1, "{source}");
    }
    app.stop().await;
}

#[tokio::test]
async fn what_was_stored_after_nobody_waited_any_more_is_known_when_it_comes_again() {
    let app = TestApp::start_with(receiving().usual_ack_timeout()).await;
    let mut blocker = app.pool().begin().await.unwrap();
    sqlx::query(LOCK).execute(&mut *blocker).await.unwrap();
    for source in [Source::OmnioTap, Source::Omneo, Source::OmniLab] {
        is_to_be_sent_again(
            &unsigned_webhook(source, 1).signed().to(&app).await,
            "receipt-unknown",
        );
    }
    blocker.rollback().await.unwrap();
    until("they are stored nevertheless", async || deliveries(&app).await.len() == 3).await;
    for source in [Source::OmnioTap, Source::Omneo, Source::OmniLab] {
        is_acknowledged(&unsigned_webhook(source, 1).signed().to(&app).await);
    }
    assert_eq!(deliveries(&app).await.len(), 3);
    app.stop().await;
}

#[tokio::test]
async fn while_the_store_hangs_webhooks_do_not_pile_up_in_memory() {
    let settings =
        receiving().usual_ack_timeout().with(|file| file.inbox.body_memory_megabytes = 1);
    let app = TestApp::start_with(settings).await;
    let large = |n: u32| {
        let body = String::from_utf8(unsigned_webhook(Source::OmnioTap, n).body)
            .unwrap()
            .replace("Anna", &"x".repeat(200_000));
        UnsignedWebhook::new(Source::OmnioTap, n, body)
    };
    let send_all = |which: std::ops::Range<u32>| {
        let sent: Vec<_> = which.map(|n| large(n).signed()).collect();
        let app = &app;
        async move { futures_util::future::join_all(sent.iter().map(|sent| sent.to(app))).await }
    };
    let mut blocker = app.pool().begin().await.unwrap();
    sqlx::query(LOCK).execute(&mut *blocker).await.unwrap();
    // This many fit into a megabyte.
    send_all(0..5)
        .await
        .iter()
        .for_each(|response| is_to_be_sent_again(response, "receipt-unknown"));
    let others: Vec<Response> = send_all(5..60).await;
    others.iter().for_each(|response| is_to_be_sent_again(response, "inbox-unavailable"));
    blocker.rollback().await.unwrap();
    for n in 0..60 {
        acknowledged_in_the_end(&app, &large(n)).await;
    }
    assert_eq!(deliveries(&app).await.len(), 60);
    app.stop().await;
}

#[tokio::test]
async fn who_shuts_down_takes_what_still_comes() {
    let settings = receiving()
        .with(|file| file.server.drain_seconds = 3)
        .webhook(Source::Syncaroo, "verification = \"none\"");
    let app = TestApp::start_with(settings).await;
    let (address, place, database) =
        (app.application.address, app.place.clone(), app.database.clone());
    let ending = app.stop();
    let asking = async {
        for source in Source::ALL {
            let sent = unsigned_webhook(source, 2).signed();
            let headers: Vec<(&str, &str)> =
                sent.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            is_acknowledged(
                &crate::support::post(address, &sent.target, &headers, &sent.body).await,
            );
        }
    };
    // The shutdown starts first: the service drains before the webhook is sent.
    futures_util::future::join(ending, asking).await;
    let again =
        TestApp::start_with(Options { place: Some((place, database)), ..Options::default() }).await;
    let (kept,): (i64,) =
        sqlx::query_as("select count(*) from deliveries").fetch_one(again.pool()).await.unwrap();
    assert_eq!(kept, 4);
    again.stop().await;
}

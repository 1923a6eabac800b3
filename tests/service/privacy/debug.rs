//! Debug output often ends up in log lines, so it must not contain personal data.

use hookpoint::customer::model::source::Source;

use super::app_with_canaries;
use super::webhooks::{SECRET, TOKEN, WRONG, everything, webhook_settings, webhooks};
use crate::support::{now, written};
use crate::webhooks::webhook_requests::WebhookRequest;

/// Whether a type implements `Debug`.
macro_rules! prints {
    ($type:ty) => {{
        #[allow(dead_code, reason = "only where the type has none")]
        trait Unprinted {
            const PRINTS: bool = false;
        }
        impl<T: ?Sized> Unprinted for T {}
        #[allow(dead_code, reason = "only where the type has Debug")]
        struct Is<T: ?Sized>(std::marker::PhantomData<T>);
        #[allow(dead_code, reason = "only where the type has Debug")]
        impl<T: ?Sized + std::fmt::Debug> Is<T> {
            const PRINTS: bool = true;
        }
        <Is<$type>>::PRINTS
    }};
}

#[test]
fn what_holds_a_body_or_a_secret_has_no_debug_output() {
    use hookpoint::sources::extract::FieldExtractor;
    use hookpoint::sources::{Delivery, webhook};
    use hookpoint::storage::deliveries::ShownRow;
    use hookpoint::storage::delivery_queue;
    assert!(prints!(String) && !prints!(WebhookRequest), "the macro distinguishes them");
    let printing = [
        prints!(Delivery),
        prints!(FieldExtractor<'static>),
        prints!(webhook::UnverifiedWebhook<'static>),
        prints!(webhook::VerifiedWebhook),
        prints!(webhook::DeliveryMeta),
        prints!(webhook::DedupKey),
        prints!(delivery_queue::DeliveryRow),
        prints!(hookpoint::storage::delivery_claims::ClaimedRow),
        prints!(ShownRow),
        prints!(hookpoint::inbox::processor::ClaimedBatch),
        prints!(hookpoint::demo::webhook_signer::Request),
    ];
    assert!(printing.iter().all(|prints| !prints), "{printing:?}");
}

#[tokio::test]
async fn debug_output_of_what_is_near_a_webhook_names_nobody() {
    use hookpoint::sources::secret::{Secret, SecretRef};
    use hookpoint::sources::webhook::{UnverifiedWebhook, WebhookVerifier};
    use hookpoint::webhooks::handler::WebhookTrace;
    let app = app_with_canaries(webhook_settings()).await;
    let secret: String = app.brand.secret.0.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut shown = vec![
        format!(
            "{:?}",
            WebhookTrace {
                brand: app.brand.clone(),
                source: Source::Omneo,
                outcome: None,
                reason: None,
                storing: None,
            }
        ),
        format!("{:?}", Secret::new(SECRET.as_bytes().to_vec())),
    ];
    for sent in webhooks("debug", now()) {
        let headers =
            sent.headers.iter().map(|(name, value)| (name.to_lowercase(), value.clone())).collect();
        for (source, verifier) in &app.brand.rules.webhook_verifiers {
            let webhook = UnverifiedWebhook {
                headers: &headers,
                secret: Some(WRONG),
                body: &sent.body,
                received_at: now(),
            };
            shown.push(format!(
                "{:?} {:?}",
                WebhookVerifier::verify(
                    verifier,
                    app.brand.rules.sources.parser(*source),
                    &webhook
                )
                .err(),
                verifier
            ));
            let delivery = hookpoint::sources::Delivery {
                headers: headers.clone(),
                body: sent.body.clone(),
                received_at: now(),
            };
            shown.push(format!(
                "{:?}",
                app.brand.rules.sources.parser(*source).parse_webhook(&delivery)
            ));
        }
    }
    let shown = shown.join("\n");
    // In this test's settings, the name of a secret's place is the secret itself.
    let shown = [SECRET.to_owned(), written(Source::OmniLab, SECRET), TOKEN.to_owned()]
        .into_iter()
        .fold(shown, |shown, name| {
            shown.replace(&format!("{:?}", SecretRef::Env(name)), "a place")
        });
    for expected in ["[redacted]", "Changes([", "Wrong(", "NotJson"] {
        assert!(shown.contains(expected), "nothing was shown of {expected}");
    }
    assert_eq!(everything().find(&shown), None);
    let bytes = app.brand.secret.0.map(|byte| byte.to_string()).join(", ");
    assert!(!shown.contains(&secret) && !shown.contains(&bytes), "the brand's own secret");
    app.stop().await;
}

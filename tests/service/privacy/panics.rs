//! The message of a panic may contain the data that was being processed.

use std::sync::atomic::{AtomicBool, Ordering};

use hookpoint::jobs::tasks::BackgroundTasks;
use hookpoint::settings::file::{LogFormat, TelemetrySettings};
use tracing::field::{Field, Visit};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

use super::child::{is_alone, run_alone};
use super::webhooks::{everything, send_webhooks, signatures, webhook_settings};
use super::{
    EMAIL, ID, LEAKED, NAME, PHONE, SECRET_KEY, app_with_canaries, is_found_where_leaked, queries,
};
use crate::inbox::states;
use crate::support::{KEY, Logs, adopt_logs, encode, now, until};

static ARMED: AtomicBool = AtomicBool::new(false);

/// A bug during a request, or while a webhook is applied: the code that writes the log line calls `unwrap` on a value
/// with personal data.
struct PanickingLayer;

impl<S: tracing::Subscriber> Layer<S> for PanickingLayer {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        struct Is(bool);
        impl Visit for Is {
            fn record_debug(&mut self, _: &Field, value: &dyn std::fmt::Debug) {
                let said = format!("{value:?}");
                self.0 |=
                    said == "request answered" || said.starts_with("identity component exceeds");
            }
        }
        let mut answered = Is(false);
        event.record(&mut answered);
        if answered.0 && ARMED.load(Ordering::SeqCst) {
            read(SECRET_KEY).expect(NAME);
        }
    }
}

/// An error as other crates create it: its text contains the invalid input.
fn read(text: &str) -> Result<(), String> {
    Err(format!("{text} of {EMAIL} can't be read"))
}

#[tokio::test]
async fn a_panic_is_logged_without_what_it_says() {
    if is_alone() {
        return panic_everywhere().await;
    }
    let printed = run_alone("privacy::panics::a_panic_is_logged_without_what_it_says").await;
    assert_eq!(everything().find(&printed), None, "on the standard streams");
    is_found_where_leaked(&printed);
}

async fn panic_everywhere() {
    let (logs, settings) = (
        Logs::default(),
        TelemetrySettings {
            format: LogFormat::Json,
            level: "trace".to_owned(),
            ..Default::default()
        },
    );
    let writer = logs.clone();
    tracing::subscriber::set_global_default(
        hookpoint::telemetry::subscriber(&settings, move || writer.clone()).with(PanickingLayer),
    )
    .unwrap();
    adopt_logs(logs.clone());
    // The program's own panic hook. Its subscriber is set too late for this.
    hookpoint::telemetry::start(&settings);
    let settings = webhook_settings().identity(|identity| identity.component_cap = 1);
    let app = app_with_canaries(settings).await;
    ARMED.store(true, Ordering::SeqCst);
    for query in queries("") {
        let response = app.ask(&query).await;
        assert_eq!(response.status, 0, "the connection ends");
    }
    let received = send_webhooks(app.application.address, "panic", now()).await;
    assert!(received.iter().filter(|status| **status == 0).count() > 50, "{received:?}");
    let panicked = || async {
        states(&app)
            .await
            .iter()
            .filter(|(_, note)| note.contains("internal error (panic)"))
            .count()
    };
    until("a webhook panicked while it was applied", async || panicked().await > 0).await;
    ARMED.store(false, Ordering::SeqCst);
    assert_eq!(
        app.ask(&format!("key={KEY}&channelAddressType=email&address={}", encode(EMAIL)))
            .await
            .status,
        200,
        "and others are answered"
    );
    app.stop().await;
    let background = BackgroundTasks::new();
    background.spawn(async { panic!("{EMAIL} {PHONE}") });
    background.spawn_endless(async { std::panic::panic_any(ID.to_owned()) });
    // A task that never started would be dropped.
    tokio::task::yield_now().await;
    background.end().await;
    let threads = [
        std::thread::spawn(|| panic!("{SECRET_KEY}")),
        std::thread::spawn(|| drop(EMAIL[std::hint::black_box(99)..].to_owned())),
    ];
    assert!(threads.into_iter().all(|thread| thread.join().is_err()));
    assert!(tokio::spawn(async { assert_eq!(EMAIL, PHONE, "{NAME}") }).await.is_err());
    drop(std::panic::take_hook());
    let seen = logs.text();
    let panics: Vec<&str> =
        seen.lines().filter(|line| line.contains("panic in the service")).collect();
    assert!(panics.len() > queries("").len() + 5 + received.len() / 2, "{panics:?}");
    assert!(panics.iter().all(|line| line.contains("privacy/panics.rs:")), "{panics:?}");
    assert_eq!(everything().find(&seen), None, "in the log");
    assert_eq!(signatures("panic", now()).find(&seen), None, "in the log");
    let _ = std::panic::catch_unwind(|| panic!("{LEAKED}"));
}

//! Every log event of the process, at every level and from every crate, and which of them the program's filter passes.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Level, Metadata};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

use super::child::{is_alone, run_alone};
use super::webhooks::{everything, send_webhooks, signatures, webhook_settings};
use super::{LEAKED, app_with_canaries, drive, is_found_where_leaked, queries, while_it_hangs};
use crate::lookup::postgres_outage::{cut, restore};
use crate::support::{Logs, adopt_logs, now, until};

struct Said {
    target: String,
    level: Level,
    text: String,
}

#[derive(Clone, Default)]
struct Recorder(Arc<Mutex<Vec<Said>>>);

impl Recorder {
    fn note(&self, metadata: &Metadata<'_>, record: impl FnOnce(&mut Fields)) {
        let mut fields = Fields(metadata.name().to_owned());
        record(&mut fields);
        self.0.lock().unwrap().push(Said {
            target: metadata.target().to_owned(),
            level: *metadata.level(),
            text: fields.0,
        });
    }
}

struct Fields(String);

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        write!(self.0, " {field}={value}").unwrap();
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        write!(self.0, " {field}={value:?}").unwrap();
    }
}

impl<S: tracing::Subscriber + for<'s> LookupSpan<'s>> Layer<S> for Recorder {
    fn on_new_span(&self, attributes: &Attributes<'_>, _: &Id, _: Context<'_, S>) {
        self.note(attributes.metadata(), |fields| attributes.record(fields));
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        self.note(context.metadata(id).unwrap(), |fields| values.record(fields));
    }

    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        self.note(event.metadata(), |fields| event.record(fields));
    }
}

/// Whether the program's filter passes an event at its most verbose level.
fn is_let_out(said: &Said) -> bool {
    let ours = said.target == "hookpoint" || said.target.starts_with("hookpoint::");
    ours || (said.level <= Level::WARN && said.target.split("::").next() != Some("actix_http"))
}

#[tokio::test]
async fn no_span_or_event_of_ours_and_no_warning_of_others_names_anybody() {
    if is_alone() {
        return listen_to_everything().await;
    }
    run_alone(
        "privacy::unfiltered::no_span_or_event_of_ours_and_no_warning_of_others_names_anybody",
    )
    .await;
}

async fn listen_to_everything() {
    let recorder = Recorder::default();
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(recorder.clone()))
        .unwrap();
    adopt_logs(Logs::default());
    let app =
        app_with_canaries(webhook_settings().usual_ack_timeout().lookup_deadline_ms(300)).await;
    drive(app.application.address, "").await;
    send_webhooks(app.application.address, "first", now()).await;
    while_it_hangs(&app, async {
        app.ask(&queries("8")[0]).await;
        // The query behind the answer has its own deadline, which begins later.
        let health = async || app.send("GET", "/health/ready", &[]).await.body;
        until("lookups fail", async || health().await.contains("\"lookups\":\"failing\"")).await;
    })
    .await;
    cut(&app).await;
    drive(app.application.address, "9").await;
    send_webhooks(app.application.address, "second", now()).await;
    restore(&app).await;
    app.stop().await;
    let span = tracing::trace_span!(target: "hookpoint::canary", "leak", leaked = LEAKED, later = tracing::field::Empty);
    span.record("later", format!("{LEAKED} later"));
    let said = std::mem::take(&mut *recorder.0.lock().unwrap());
    let let_out: String = said
        .iter()
        .filter(|said| is_let_out(said))
        .map(|said| format!("{} {} {}\n", said.level, said.target, said.text))
        .collect();
    for expected in [
        "http.request",
        "http.route",
        "Postgres does not answer lookups",
        "within the deadline",
        "debug output of changes",
        "webhook verification failed",
        "webhooks are not stored",
        "later=leaked",
        "hookpoint::telemetry",
    ] {
        assert!(let_out.contains(expected), "nothing was recorded of {expected}");
    }
    is_found_where_leaked(&let_out);
    assert_eq!(everything().find(&let_out), None);
    assert_eq!(signatures("first", now()).find(&let_out), None);
    let others: BTreeSet<&str> = said
        .iter()
        .filter(|said| !is_let_out(said))
        .filter_map(|said| said.target.split("::").next())
        .collect();
    assert!(
        ["actix_http", "actix_server", "sqlx"].iter().all(|target| others.contains(target)),
        "the recorder also captures other targets: {others:?}"
    );
}

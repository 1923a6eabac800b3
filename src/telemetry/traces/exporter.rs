//! Collects spans, and sends them to the collector in batches.
//!
//! Requests never wait for it: their spans go into a bounded queue. While the collector is slow or down, spans are
//! dropped and counted. Spans that the collector did not take are not sent again.

use std::time::{Duration, Instant};

use reqwest::header::HeaderMap;
use tokio::sync::mpsc;
use tokio::time::timeout;
use uuid::Uuid;

use super::collector::Collector;
use super::otlp::{Resource, encode};
use super::span::Span;
use super::tracer::{Tracer, count_spans};
use crate::clock::Clock;
use crate::jobs::tasks::BackgroundTasks;
use crate::settings::file::TracesSettings;

/// The most traces that wait. With some spans each, they take a few megabytes.
const MAX_WAITING: usize = 2_048;

/// From this number of spans on, a batch is sent.
const BATCH_SPANS: usize = 512;

/// How long a batch waits for more spans.
const BATCH_WAIT: Duration = Duration::from_secs(1);

/// How long a shutdown waits for the last spans. All background tasks together may take two seconds.
const LAST_EXPORT: Duration = Duration::from_secs(1);

/// Starts to send traces, if the settings name a collector. `headers` are sent with each request.
#[must_use]
pub fn start(
    settings: &TracesSettings,
    headers: HeaderMap,
    clock: Clock,
    background: &BackgroundTasks,
) -> Tracer {
    if settings.endpoint.is_empty() {
        return Tracer::default();
    }
    let (sender, queue) = mpsc::channel(MAX_WAITING);
    let exporter = Exporter {
        queue,
        batch: Vec::new(),
        collector: Collector::new(&settings.endpoint, headers),
        resource: resource(settings),
        clock,
    };
    background.spawn(exporter.run(background.clone()));
    Tracer::new(settings.sampled_percent, sender)
}

/// What the collector learns about this process.
fn resource(settings: &TracesSettings) -> Resource {
    let random = Uuid::new_v4().to_string();
    let instance = match settings.service_instance.as_str() {
        "" => random.as_str(),
        instance => instance,
    };
    Resource::new(&[
        ("service.name", &settings.service_name),
        ("service.version", env!("CARGO_PKG_VERSION")),
        ("service.instance.id", instance),
        ("deployment.environment.name", &settings.environment),
    ])
}

struct Exporter {
    queue: mpsc::Receiver<Vec<Span>>,
    batch: Vec<Span>,
    collector: Collector,
    resource: Resource,
    clock: Clock,
}

impl Exporter {
    async fn run(mut self, background: BackgroundTasks) {
        let exporting = async {
            while self.collect().await {
                self.export().await;
            }
        };
        tokio::select! {
            () = exporting => {}
            () = background.until_ending() => {}
        }
        // A batch whose request was interrupted is sent again.
        let _ = timeout(LAST_EXPORT, self.export_rest()).await;
        while let Ok(spans) = self.queue.try_recv() {
            self.batch.extend(spans);
        }
        count_spans("dropped", self.batch.len());
    }

    /// Waits for spans, and then a moment for further ones. False if there will be none.
    async fn collect(&mut self) -> bool {
        let Some(first) = self.queue.recv().await else { return false };
        self.batch.extend(first);
        let more = async {
            while self.batch.len() < BATCH_SPANS {
                let Some(spans) = self.queue.recv().await else { return };
                self.batch.extend(spans);
            }
        };
        let _ = timeout(BATCH_WAIT, more).await;
        true
    }

    async fn export(&mut self) {
        let now = (self.clock.now(), Instant::now());
        let request = encode(&self.batch, &self.resource, now);
        let spans = self.batch.len();
        let rejected = self.collector.send(request).await.unwrap_or(spans).min(spans);
        count_spans("sent", spans.saturating_sub(rejected));
        count_spans("failed", rejected);
        self.batch.clear();
    }

    /// Sends what was handed over before the shutdown.
    async fn export_rest(&mut self) {
        loop {
            while self.batch.len() < BATCH_SPANS {
                let Ok(spans) = self.queue.try_recv() else { break };
                self.batch.extend(spans);
            }
            if self.batch.is_empty() {
                return;
            }
            self.export().await;
        }
    }
}

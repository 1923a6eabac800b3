//! Logs, metrics and traces, without personal data.
//!
//! They never contain query strings, keys, addresses of customers, names or bodies, and the network address of a caller
//! only if it was rejected. So the root span is our own, because tracing-actix-web's span records the path with its
//! query, the caller's address and internal errors. Of other crates, only warnings are kept.

pub mod alarm;
mod format;
pub mod metrics;
mod recorder;
pub mod series;
pub mod traces;
mod writer;

use std::io::IsTerminal;
use std::sync::OnceLock;
use std::time::Duration;

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;

use self::format::{Human, Json, RequestIdOnly};
pub use self::recorder::{metrics, render_metrics};
use self::writer::Output;
use crate::settings::file::{LogFormat, TelemetrySettings};

/// Builds the subscriber for the log. Of other crates it keeps only warnings, at any level.
pub fn subscriber<W>(
    settings: &TelemetrySettings,
    writer: W,
) -> Box<dyn tracing::Subscriber + Send + Sync>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let level: LevelFilter = settings.level.parse().unwrap_or(LevelFilter::INFO);
    let filter =
        Targets::new().with_default(LevelFilter::WARN.min(level)).with_target("hookpoint", level);
    // This crate logs every malformed request as an error, so anybody could fill the log.
    let filter = filter.with_target("actix_http", LevelFilter::OFF);
    let json = match settings.format {
        LogFormat::Json => true,
        LogFormat::Human => false,
        LogFormat::Auto => !std::io::stderr().is_terminal(),
    };
    let registry = tracing_subscriber::registry().with(filter);
    let lines = tracing_subscriber::fmt::layer().fmt_fields(RequestIdOnly).with_writer(writer);
    if json {
        Box::new(registry.with(lines.event_format(Json)))
    } else {
        Box::new(
            registry.with(lines.event_format(Human { colours: std::io::stderr().is_terminal() })),
        )
    }
}

static OUTPUT: OnceLock<Output> = OnceLock::new();

/// Starts logging to standard error.
pub fn start(settings: &TelemetrySettings) {
    let output = OUTPUT.get_or_init(|| Output::new(std::io::stderr())).clone();
    let _ = tracing::subscriber::set_global_default(subscriber(settings, output));
    // The text of a panic may contain personal data, so only its place is logged.
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "panic in the service; please report it");
    }));
}

/// Writes the last lines of the log before the process ends. Waits at most one second for a slow reader.
pub fn flush() {
    let Some(output) = OUTPUT.get() else { return };
    let (done, written) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        output.write();
        let _ = done.send(());
    });
    let _ = written.recv_timeout(Duration::from_secs(1));
}

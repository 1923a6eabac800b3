//! Checks of the APIs of the sources: each list is called once.

use std::sync::Arc;
use std::time::Duration;

use super::check::ServiceCheck;
use crate::brand::Brand;
use crate::clock::Clock;
use crate::customer::model::source::Source;
use crate::doctor::finding::{Finding, Observation};
use crate::jobs::tasks::BackgroundTasks;
use crate::settings::file::CallSettings;
use crate::sources::api::{Stream, Traversal};
use crate::storage::pool::Pool;
use crate::upstream::{CallError, CallPriority, UpstreamClient, UpstreamClients};

/// Reads the first page of each list of each connected source. The data is not stored.
pub async fn check_source_apis(
    pool: &Pool,
    brands: &[Arc<Brand>],
    settings: &CallSettings,
    timeout: Duration,
) -> Vec<Finding> {
    let (background, clock) = (BackgroundTasks::new(), Clock::system());
    let clients = UpstreamClients::new(pool, brands, settings, &background, &clock);
    let mut findings = Vec::new();
    for brand in brands {
        for source in Source::ALL {
            if let Some(client) = clients.get(brand.id(), source) {
                findings.extend(check_account(client, timeout).await);
            }
        }
    }
    background.end().await;
    if findings.is_empty() {
        let none = Observation::skipped("no API is connected");
        findings.push(ServiceCheck::SourceApi.found(none));
    }
    findings
}

/// Reads the first page of each list of one source. Empty if its API is not connected.
pub async fn check_source_api(
    pool: &Pool,
    brand: &Arc<Brand>,
    source: Source,
    settings: &CallSettings,
    timeout: Duration,
) -> Vec<Finding> {
    let (background, clock) = (BackgroundTasks::new(), Clock::system());
    let brands = std::slice::from_ref(brand);
    let clients = UpstreamClients::new(pool, brands, settings, &background, &clock);
    let findings = match clients.get(brand.id(), source) {
        Some(client) => check_account(client, timeout).await,
        None => Vec::new(),
    };
    background.end().await;
    findings
}

/// Whether a check reads a stream: only lists are read.
#[must_use]
pub const fn is_tested(stream: &Stream) -> bool {
    matches!(stream.traversal, Traversal::List(_))
}

async fn check_account(client: &Arc<UpstreamClient>, timeout: Duration) -> Vec<Finding> {
    let (brand, source) = (&client.brand, client.source);
    let streams = brand.rules.sources.api(source).streams();
    let mut findings = Vec::new();
    for stream in streams.iter().filter(|stream| is_tested(stream)) {
        let subject = format!("{}/{source} {}", brand.rules.slug, stream.name);
        if brand.id() < 0 {
            let unknown = "the brand is not stored yet: start the service once";
            let skipped = Observation::skipped(unknown);
            findings.push(ServiceCheck::SourceApi.found_of(subject, skipped));
            continue;
        }
        let (observation, is_usable) = read(client, *stream, timeout).await;
        findings.push(ServiceCheck::SourceApi.found_of(subject, observation));
        // More failures would open the circuit breaker of the service.
        if !is_usable {
            break;
        }
    }
    findings
}

/// Reads a list, and says whether other lists may be readable.
async fn read(
    client: &Arc<UpstreamClient>,
    stream: Stream,
    timeout: Duration,
) -> (Observation, bool) {
    const EXCLUDED: &str = "the settings exclude this list";
    let Some(request) = client.brand.rules.sources.api(client.source).first(stream.name, None)
    else {
        return (Observation::skipped(EXCLUDED), true);
    };
    // A person waits for the reply.
    match client.call(&request, CallPriority::Live, timeout).await {
        Ok(reply) if reply.is_missing => (Observation::fail("the source answers 404"), true),
        Ok(_) => (Observation::pass("readable"), true),
        Err(CallError::Unsupported) => (Observation::skipped(EXCLUDED), true),
        Err(error @ CallError::RateLimited) => (Observation::skipped(error.to_string()), true),
        // The token may not have the permission for this list only.
        Err(error @ CallError::Status(403)) => (Observation::fail(error.to_string()), true),
        Err(error) => (Observation::fail(error.to_string()), false),
    }
}

//! The sources: whether each is connected, and works.

use serde::Serialize;

use crate::admin::source_apis::{SourceApi, list_source_apis};
use crate::console::reply::{Refusal, Reply};
use crate::console::shown::ShownTime;
use crate::console::visit::Visit;
use crate::inbox::source_health::{SourceHealth, list_source_health_for_page};
use crate::sources::webhook_setup;

#[derive(Serialize)]
struct SourcesPage {
    sources: Vec<ShownSource>,
    /// The name of a source in the settings, as an example.
    first: &'static str,
}

/// A source in the list.
#[derive(Serialize)]
struct ShownSource {
    name: &'static str,
    path: String,
    webhooks: (&'static str, &'static str),
    last: Option<ShownTime>,
    pending: String,
    dead: String,
    api: (&'static str, &'static str),
    called: Option<ShownTime>,
}

/// All sources.
pub(super) async fn list(visit: &Visit) -> Result<Reply, Refusal> {
    let all = list_source_health_for_page(visit.pool(), &visit.brand).await?;
    let apis = list_source_apis(visit.pool(), &visit.brand).await?;
    let sources = all.iter().zip(&apis).map(|(health, api)| ShownSource {
        name: webhook_setup(health.source).name,
        path: visit.path(&format!("/sources/{}", health.source)),
        webhooks: webhook_state(visit, health),
        last: health.last_received_at.map(|at| visit.time(at)),
        pending: backlog(&all, health.pending, |health| health.pending),
        dead: backlog(&all, health.dead, |health| health.dead),
        api: api_state(visit, api),
        called: api
            .account
            .as_ref()
            .and_then(|account| account.succeeded_at)
            .map(|at| visit.time(at)),
    });
    // One that is not connected is the best example.
    let example = all.iter().find(|health| health.verification.is_none()).or(all.first());
    let first = example.map_or("", |health| health.source.as_str());
    let page = SourcesPage { sources: sources.collect(), first };
    visit.page("sources.html", ("/sources", "Sources"), &page)
}

/// The backlog of a source: `12`, or `12+` if there are so many in the brand that not all were counted.
pub(super) fn backlog(
    all: &[SourceHealth],
    own: f64,
    number: impl Fn(&SourceHealth) -> f64,
) -> String {
    let is_cut = all.iter().map(number).sum::<f64>() > 1_000.0;
    format!("{:.0}{}", if is_cut { own.min(1_000.0) } else { own }, if is_cut { "+" } else { "" })
}

/// The state of the webhooks of a source in words, and its tone.
pub(super) fn webhook_state(visit: &Visit, health: &SourceHealth) -> (&'static str, &'static str) {
    if health.verification.is_none() {
        ("not connected", "neutral")
    } else if health.is_failing() {
        ("all are rejected", "bad")
    } else if health.stats.unverified_in_a_row > 0 {
        ("the last was rejected", "warn")
    } else if health.is_silent(visit.now()) {
        ("silent for long", "warn")
    } else if !health.is_verified {
        ("not verified: anybody can send", "warn")
    } else if health.last_received_at.is_none() && health.stats.accepted == 0 {
        ("none came yet", "neutral")
    } else {
        ("arriving", "good")
    }
}

/// The state of the API of a source in words, and its tone.
pub(super) fn api_state(visit: &Visit, api: &SourceApi) -> (&'static str, &'static str) {
    let Some(account) = &api.account else { return ("not connected", "neutral") };
    if visit.brand.rules.unreadable_secrets.contains_key(&api.source) {
        ("its secret cannot be read", "bad")
    } else if account.open_until.is_some_and(|until| until > visit.now()) {
        ("paused, because calls fail", "bad")
    } else if account.failures_in_a_row > 0 {
        ("the last call failed", "warn")
    } else if account.succeeded_at.is_none() {
        ("not called yet", "neutral")
    } else {
        ("answering", "good")
    }
}

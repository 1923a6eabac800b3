//! Every metric there is. `deploy/metrics.md` explains them to operators; a test holds both complete.
//!
//! No label ever bears what a caller sent or a customer is known by.

use std::sync::OnceLock;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

/// How a metric behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts by size.
    Histogram,
}

/// A metric.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// How it behaves.
    pub kind: Kind,
    /// What it is told apart by.
    pub labels: &'static [&'static str],
    /// What it says.
    pub help: &'static str,
}

const fn counter(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Metric {
    Metric { name, kind: Kind::Counter, labels, help }
}

const fn gauge(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Metric {
    Metric { name, kind: Kind::Gauge, labels, help }
}

const fn histogram(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Metric {
    Metric { name, kind: Kind::Histogram, labels, help }
}

/// All of them.
pub const CATALOGUE: &[Metric] = &[
    counter("hookpoint_requests_total", &["route", "status"], "Requests answered."),
    histogram("hookpoint_request_seconds", &["route", "status"], "How long answering took, in seconds."),
    counter("hookpoint_problems_total", &["code"], "Requests refused or failed, by the problem's code: limits, keys, networks, mistakes."),
    counter(
        "hookpoint_lookups_total",
        &["cache"],
        "Lookups by what the cache had: hit, miss, stale (an expired answer was given), none (refused before).",
    ),
    counter("hookpoint_misses_total", &["brand", "key"], "Lookups that found nobody, by the key's public id."),
    counter("hookpoint_miss_alarms_total", &["brand", "key"], "Lookups that found nobody above limits.misses_per_minute."),
    counter("hookpoint_ambiguous_total", &["brand"], "Lookups answered with nobody because too many customers were meant."),
    gauge("hookpoint_lookups_waiting", &[], "Lookups that wait for Postgres now; at lookup.max_waiting further ones are refused."),
    histogram("hookpoint_batch_lookups", &[], "Lookups that travelled to Postgres together."),
    histogram("hookpoint_batch_seconds", &[], "How long Postgres took to answer those that travelled together, in seconds."),
    gauge("hookpoint_degraded", &[], "1 while Postgres does not answer lookups, and expired answers are given."),
    gauge(
        "hookpoint_failing",
        &["part"],
        "1 while a part fails: lookups (Postgres does not answer them), changes (they are not heard), storing (webhooks are not stored), applying (what was stored is not applied, for at least one brand).",
    ),
    gauge("hookpoint_deaf", &[], "1 while changes are not heard, and remembered answers count as expired."),
    gauge("hookpoint_hearing_seconds", &[], "How long a change is on its way from Postgres to here, in seconds; tried every 2 seconds."),
    counter("hookpoint_invalidations_total", &["scope"], "What was heard of changes: keys (some addresses and ids) or brand (all of one)."),
    gauge("hookpoint_cache_entries", &[], "Answers remembered."),
    gauge("hookpoint_cache_bytes", &[], "Memory of remembered answers, in bytes; at most lookup.cache_megabytes."),
    gauge("hookpoint_database_connections", &["pool", "state"], "Connections to Postgres, by pool (lookups, receipts, work) and state (used, idle)."),
    gauge("hookpoint_background_tasks", &[], "Work beside requests that has not ended: workers, and calls that nobody need wait for."),
    counter(
        "hookpoint_webhooks_total",
        &["brand", "source", "outcome"],
        "Webhooks by what became of them at the door: received, known, conflicting_duplicate (its id was known, its content was not), repeated (known, and something else came since), too_often (the same within a minute), dropped, refused, too_large, broken, unavailable.",
    ),
    gauge(
        "hookpoint_webhooks_failing",
        &["brand", "source"],
        "1 while everything that comes from a source is refused: our secret is probably wrong.",
    ),
    gauge("hookpoint_webhooks_silence_seconds", &["brand", "source"], "Time since the last webhook of a source."),
    gauge(
        "hookpoint_webhooks_silence_ratio",
        &["brand", "source"],
        "That time against the longest usual pause of the source: above 1 it is unusual.",
    ),
    counter(
        "hookpoint_deliveries_total",
        &["brand", "source", "outcome"],
        "Deliveries by what the worker did: applied, ignored, retried, dead, erased; late are claims whose lease had ended.",
    ),
    counter(
        "hookpoint_unread_values_total",
        &["brand", "source", "field"],
        "Values in webhooks and answers that could not be read and were left out, by the field's name here.",
    ),
    counter("hookpoint_template_failures_total", &["brand", "template"], "Fields and messages left out because their template failed."),
    counter(
        "hookpoint_follow_ups_total",
        &["brand", "source", "outcome"],
        "Questions that webhooks hinted at, by what became of them: answered, retried, unasked (no budget, or left alone), dead.",
    ),
    gauge("hookpoint_inbox_pending", &["brand", "source"], "Deliveries that wait to be applied; counted every 10 seconds."),
    gauge("hookpoint_inbox_oldest_pending_seconds", &["brand", "source"], "How long the oldest of them has waited."),
    gauge(
        "hookpoint_inbox_watched_timestamp_seconds",
        &["brand"],
        "When the inbox was last looked at, in seconds since 1970: the gauges of it are as old as that.",
    ),
    gauge("hookpoint_inbox_dead", &["brand", "source"], "Deliveries that could not be applied, until somebody replays or discards them."),
    counter(
        "hookpoint_live_total",
        &["brand", "outcome"],
        "Lookups that had sources asked: changed (they knew more), same, late (the deadline came first), unavailable (some could not be asked).",
    ),
    gauge("hookpoint_sync_walked", &["brand", "source", "stream"], "How far the pass under way is, or the last one was; read every 10 seconds."),
    gauge(
        "hookpoint_sync_age_seconds",
        &["brand", "source", "stream"],
        "Time since the last complete pass through everything began: nothing is older than that. A pass of what changed makes nothing younger: it does not see who is gone.",
    ),
    gauge(
        "hookpoint_sync_drift_ratio",
        &["brand", "source", "stream"],
        "What the last complete pass through everything found that was not as it should be: a share of 1.",
    ),
    counter(
        "hookpoint_sync_missed_total",
        &["brand", "source", "stream"],
        "What passes found that was not as it should be, and repaired: no webhook had told it by then.",
    ),
    gauge(
        "hookpoint_sync_watched_timestamp_seconds",
        &["brand"],
        "When passes were last looked at, in seconds since 1970: the gauges of them are as old as that.",
    ),
    gauge("hookpoint_sync_failing", &["brand", "source", "stream"], "1 while a pass can't go on, or broke: `hookpoint sync status` says why."),
    counter(
        "hookpoint_calls_total",
        &["brand", "source", "class", "outcome"],
        "Calls of the sources' APIs by what became of them: answered, missing, throttled, status, timed_out, unreachable, untrusted, no_tls, redirected, foreign, too_large, not_json, unreadable, no_token, unaskable; never made are no_budget, left_alone, unavailable, ending.",
    ),
    histogram("hookpoint_call_seconds", &["source"], "How long a source took to answer, in seconds."),
    histogram("hookpoint_call_waits_seconds", &["source", "class"], "How long calls waited for the budget, in seconds."),
    gauge("hookpoint_account_open", &["brand", "source"], "1 while a source's API fails and is left alone."),
    gauge(
        "hookpoint_budget_used_ratio",
        &["brand", "source"],
        "Calls of the last minute, of all replicas, against calls_per_minute; counted every 10 seconds.",
    ),
    gauge("hookpoint_reviews", &["brand"], "Questions of who is who that evidence leaves open; counted every minute."),
    counter("hookpoint_oversized_components_total", &["brand"], "Changes among more records than identity.component_cap."),
    counter("hookpoint_erased_changes_total", &["brand"], "Records and events that came in and were dropped because the person is erased."),
    gauge("hookpoint_sweep_records_left", &["brand"], "Records still to be looked at after settings changed."),
    gauge("hookpoint_settings_info", &["brand", "hash"], "1 for the settings in force, by their hash: replicas should agree."),
    gauge("hookpoint_build_info", &["version"], "1 for the version that runs."),
    counter("hookpoint_log_lines_lost_total", &[], "Log lines lost because standard error was not read fast enough, or could not be written."),
];

/// Upper bounds of durations, in seconds.
const SECONDS: [f64; 12] = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0];

/// Upper bounds of the time that sources take, and that calls of them wait, in seconds.
const CALL_SECONDS: [f64; 12] = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 60.0];

/// Upper bounds of batches.
const LOOKUPS: [f64; 9] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];

/// The metrics of this process.
pub fn metrics() -> &'static PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE.get_or_init(|| {
        let builder = PrometheusBuilder::new().set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS);
        let builder = builder.and_then(|builder| builder.set_buckets_for_metric(Matcher::Suffix("_lookups".to_owned()), &LOOKUPS));
        let builder = builder.and_then(|builder| builder.set_buckets_for_metric(Matcher::Prefix("hookpoint_call_".to_owned()), &CALL_SECONDS));
        let recorder = builder.unwrap_or_else(|_| PrometheusBuilder::new()).build_recorder();
        let handle = recorder.handle();
        // Only fails if there is one already, which then goes on.
        let _ = metrics::set_global_recorder(recorder);
        for Metric { name, kind, help, .. } in CATALOGUE {
            match kind {
                Kind::Counter => metrics::describe_counter!(*name, *help),
                Kind::Gauge => metrics::describe_gauge!(*name, *help),
                Kind::Histogram => metrics::describe_histogram!(*name, *help),
            }
        }
        metrics::gauge!("hookpoint_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
        handle
    })
}

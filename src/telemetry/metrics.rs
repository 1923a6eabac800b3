//! All metrics. `deploy/metrics.md` explains them to operators. A test keeps both complete.
//!
//! Labels never contain data from a request or about a customer.

/// The kind of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It only grows.
    Counter,
    /// It goes up and down.
    Gauge,
    /// It counts values by size.
    Histogram,
}

/// A metric.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// The name.
    pub name: &'static str,
    /// The kind.
    pub kind: Kind,
    /// The names of its labels.
    pub labels: &'static [&'static str],
    /// The description.
    pub help: &'static str,
}

const fn counter(
    name: &'static str,
    labels: &'static [&'static str],
    help: &'static str,
) -> Metric {
    Metric { name, kind: Kind::Counter, labels, help }
}

const fn gauge(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Metric {
    Metric { name, kind: Kind::Gauge, labels, help }
}

const fn histogram(
    name: &'static str,
    labels: &'static [&'static str],
    help: &'static str,
) -> Metric {
    Metric { name, kind: Kind::Histogram, labels, help }
}

/// All metrics.
pub const CATALOGUE: &[Metric] = &[
    counter("hookpoint_requests_total", &["route", "status"], "Requests answered."),
    histogram(
        "hookpoint_request_duration_seconds",
        &["route", "status"],
        "Time to answer a request, in seconds.",
    ),
    counter(
        "hookpoint_problems_total",
        &["code"],
        "Requests rejected or failed, by the problem code: limits, keys, networks, malformed requests.",
    ),
    counter(
        "hookpoint_lookups_total",
        &["cache"],
        "Lookups, by cache result: hit, miss, stale (an expired answer was returned), none (rejected before the cache was read).",
    ),
    counter(
        "hookpoint_lookups_not_found_total",
        &["brand", "key"],
        "Lookups that found nobody, by the public id of the API key.",
    ),
    counter(
        "hookpoint_not_found_alarms_total",
        &["brand", "key"],
        "Lookups that found nobody and were above limits.not_found_per_minute. Lookups that limits.enforce_not_found_limit rejects are not counted.",
    ),
    counter(
        "hookpoint_lookups_ambiguous_total",
        &["brand"],
        "Lookups that returned nobody because they matched too many customers.",
    ),
    counter(
        "hookpoint_lookup_history_written_total",
        &[],
        "Lookups written to the history, in which `hookpoint lookup trace` finds them.",
    ),
    counter(
        "hookpoint_lookup_history_dropped_total",
        &["reason"],
        "Lookups that are not in the history, by reason: queue_full (more lookups than a replica writes, 500 a second, for longer than its queue lasts), write_failed (Postgres did not store them), erased (a person in the answer was erased meanwhile), shutdown (the service ended before they were written).",
    ),
    gauge(
        "hookpoint_lookups_waiting",
        &[],
        "Lookups that wait for Postgres now. Above lookup.max_waiting, further lookups are rejected.",
    ),
    histogram("hookpoint_batch_lookups", &[], "Lookups in one batch that was sent to Postgres."),
    histogram(
        "hookpoint_batch_duration_seconds",
        &[],
        "Time that Postgres takes to answer one batch of lookups, in seconds.",
    ),
    gauge(
        "hookpoint_degraded",
        &[],
        "1 while Postgres does not answer lookups and expired answers are returned.",
    ),
    gauge(
        "hookpoint_failing",
        &["part"],
        "1 while a part fails: lookups (Postgres does not answer them), changes (the change listener is disconnected), storing (webhooks are not stored), applying (stored webhooks of at least one brand are not applied).",
    ),
    gauge(
        "hookpoint_listener_disconnected",
        &[],
        "1 while the change listener is disconnected. Cached answers are treated as expired meanwhile.",
    ),
    gauge(
        "hookpoint_notification_lag_seconds",
        &[],
        "Time of a change notification from this replica through Postgres and back, in seconds. Measured every 2 seconds.",
    ),
    counter(
        "hookpoint_invalidations_total",
        &["scope"],
        "Change notifications received, by scope: keys (some addresses and ids) or brand (all answers of a brand).",
    ),
    gauge("hookpoint_cache_entries", &[], "Answers in the cache."),
    gauge(
        "hookpoint_cache_bytes",
        &[],
        "Memory of cached answers, in bytes. The limit is lookup.cache_megabytes.",
    ),
    gauge(
        "hookpoint_database_connections",
        &["pool", "state"],
        "Connections to Postgres, by pool (lookups, webhooks, general) and state (used, idle).",
    ),
    gauge(
        "hookpoint_background_tasks",
        &[],
        "Background tasks that have not ended: workers, and calls for which no request waits.",
    ),
    counter(
        "hookpoint_webhooks_total",
        &["brand", "source", "outcome"],
        "Webhooks received, by outcome: received (stored), duplicate (same id, or same content as the latest), conflicting_duplicate (same id, but other content), stale_duplicate (same content as an earlier webhook, but other content came in between), rate_limited (the same webhook too often in a minute), dropped (the settings give it the priority drop), unverified (verification failed), too_large, incomplete (the body is cut off or compressed), unavailable (not stored, or the source is not connected).",
    ),
    gauge(
        "hookpoint_webhook_verification_failing",
        &["brand", "source"],
        "1 while every webhook of a source fails verification (at least three in a row). The secret in the settings probably differs from the secret at the source.",
    ),
    gauge(
        "hookpoint_webhooks_silence_seconds",
        &["brand", "source"],
        "Time since the last stored webhook of a source, in seconds.",
    ),
    gauge(
        "hookpoint_webhooks_silence_ratio",
        &["brand", "source"],
        "hookpoint_webhooks_silence_seconds divided by the longest usual pause of the source. A value above 1 is unusual. It appears after 10 deliveries.",
    ),
    counter(
        "hookpoint_deliveries_total",
        &["brand", "source", "outcome"],
        "Deliveries processed by the worker, by outcome: applied, ignored, retried, dead, erased (deleted, because it is about an erased person). lease_expired counts claims whose lease ended before they were finished.",
    ),
    counter(
        "hookpoint_invalid_values_total",
        &["brand", "source", "field"],
        "Values in webhooks and API responses that could not be parsed and were left out, by field name of this service.",
    ),
    counter(
        "hookpoint_template_failures_total",
        &["brand", "template"],
        "Fields and messages left out because their template failed.",
    ),
    counter(
        "hookpoint_follow_ups_total",
        &["brand", "source", "outcome"],
        "Follow-up calls after webhooks, by outcome: answered, retried, deferred (no call was possible: rate limit, open circuit breaker, Postgres or shutdown), dead.",
    ),
    gauge(
        "hookpoint_inbox_pending",
        &["brand", "source"],
        "Deliveries that wait to be applied. Counted every 10 seconds.",
    ),
    gauge(
        "hookpoint_inbox_oldest_pending_seconds",
        &["brand", "source"],
        "Age of the oldest pending delivery, in seconds.",
    ),
    gauge(
        "hookpoint_inbox_last_check_timestamp_seconds",
        &["brand"],
        "Time of the last check of the inbox, in seconds since 1970. The inbox gauges have the values of that time.",
    ),
    gauge(
        "hookpoint_inbox_dead_letters",
        &["brand", "source"],
        "Dead deliveries, which could not be applied. They stay until somebody replays or discards them.",
    ),
    counter(
        "hookpoint_read_through_total",
        &["brand", "outcome"],
        "Lookups that asked sources, by outcome: changed (a source had new data), unchanged, timed_out (the deadline came first), unavailable (some sources could not be asked).",
    ),
    gauge(
        "hookpoint_sync_scanned",
        &["brand", "source", "stream"],
        "Items read by the current sync run, or by the last one. Updated every 10 seconds.",
    ),
    gauge(
        "hookpoint_sync_full_run_age_seconds",
        &["brand", "source", "stream"],
        "Time since the start of the last complete full run, in seconds. That run compared all data with the source. Incremental runs do not reset it, because they do not see deletions.",
    ),
    gauge(
        "hookpoint_sync_drift_ratio",
        &["brand", "source", "stream"],
        "Share of stored items that were wrong when the last complete full run compared them, from 0 to 1.",
    ),
    counter(
        "hookpoint_sync_missed_changes_total",
        &["brand", "source", "stream"],
        "Wrong items that sync runs found and repaired. No webhook had reported these changes.",
    ),
    gauge(
        "hookpoint_sync_last_check_timestamp_seconds",
        &["brand"],
        "Time of the last check of sync runs, in seconds since 1970. The sync gauges have the values of that time.",
    ),
    gauge(
        "hookpoint_sync_failing",
        &["brand", "source", "stream"],
        "1 while a sync run cannot continue, or after it failed. `hookpoint sync status` shows the reason.",
    ),
    counter(
        "hookpoint_calls_total",
        &["brand", "source", "priority", "outcome"],
        "Calls to the APIs of the sources, by outcome: answered, not_found, throttled (429 from the source), http_error (another status), timed_out, unreachable, certificate_untrusted, tls_failed, redirected, blocked_origin (the URL leads to another origin), too_large, not_json, invalid_response, no_token, unsupported (the API has no such call). Calls not made or stopped: rate_limited (calls_per_minute allows none in time), circuit_open, storage_unavailable, shutting_down.",
    ),
    histogram(
        "hookpoint_call_duration_seconds",
        &["source"],
        "Time of a call to a source, in seconds.",
    ),
    histogram(
        "hookpoint_call_wait_seconds",
        &["source", "priority"],
        "Time that a call waited for the rate limit of its account, in seconds.",
    ),
    gauge(
        "hookpoint_circuit_open",
        &["brand", "source"],
        "1 while the circuit breaker of a source's API is open, because its calls fail.",
    ),
    gauge(
        "hookpoint_rate_limit_used_ratio",
        &["brand", "source"],
        "Calls of the last minute, over all replicas, divided by calls_per_minute. Measured every 10 seconds.",
    ),
    gauge(
        "hookpoint_match_reviews",
        &["brand"],
        "Possible matches between customers that the evidence neither proves nor excludes. Counted every minute.",
    ),
    counter(
        "hookpoint_oversized_components_total",
        &["brand"],
        "Changes to a group of connected records that is larger than identity.component_cap. Weak links in it are ignored.",
    ),
    counter(
        "hookpoint_suppressed_changes_total",
        &["brand"],
        "Incoming records and events dropped because the person is erased.",
    ),
    gauge(
        "hookpoint_rederive_records_left",
        &["brand"],
        "Records not yet recomputed after a change of settings.",
    ),
    gauge(
        "hookpoint_settings_info",
        &["brand", "hash"],
        "1 for the hash of the settings in use, 0 for former ones. It should be the same on all replicas.",
    ),
    gauge("hookpoint_build_info", &["version"], "1 for the version in use."),
    counter(
        "hookpoint_trace_spans_total",
        &["outcome"],
        "Spans of traces, by outcome: sent (the collector has them), failed (the collector did not take them), dropped (too many waited, because the collector is slow or down).",
    ),
    counter(
        "hookpoint_trace_attributes_dropped_total",
        &[],
        "Attributes of spans that were not sent, because their name is not in the list of allowed ones. Any is a mistake in the service; please report it.",
    ),
    counter(
        "hookpoint_log_lines_lost_total",
        &[],
        "Log lines lost because standard error was read too slowly or could not be written.",
    ),
];

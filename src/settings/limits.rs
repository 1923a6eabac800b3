//! The limits of the numbers in the settings file.

use std::ops::RangeInclusive;

use super::file::SettingsFile;
use crate::sources::SettingProblem;

/// A setting that is a number.
struct Setting {
    key: &'static str,
    value: fn(&SettingsFile) -> u64,
}

/// The range of a setting.
struct Limit {
    setting: Setting,
    range: RangeInclusive<u64>,
    /// Another setting, which this one may not be below.
    minimum: Option<Setting>,
}

fn number(number: impl TryInto<u64>) -> u64 {
    number.try_into().unwrap_or(u64::MAX)
}

macro_rules! setting {
    ($table:ident$(.$key:ident)+) => {
        Setting {
            key: concat!(stringify!($table) $(, ".", stringify!($key))+),
            value: |file| number(file.$table$(.$key)+),
        }
    };
}

macro_rules! minimum {
    () => {
        None
    };
    ($table:ident.$key:ident) => {
        Some(setting!($table.$key))
    };
}

macro_rules! limits {
    ($($table:ident$(.$key:ident)+: $range:expr $(, not below $of:ident.$other:ident)?;)+) => {
        &[$(Limit {
            setting: setting!($table$(.$key)+),
            range: $range,
            minimum: minimum!($($of.$other)?),
        }),+]
    };
}

const YEAR: u64 = 366 * 24 * 3_600;
const MAX_U32: u64 = 4_294_967_295;

/// Minima keep the service working: a timeout of 0 would fail every request. Maxima catch a wrong unit or a digit too
/// many, and keep memory and the load on Postgres bounded.
const LIMITS: &[Limit] = limits! {
    server.workers: 0..=512;
    server.drain_seconds: 0..=3_600;
    server.shutdown_timeout_seconds: 0..=3_600;
    lookup.deadline_ms: 50..=60_000;
    lookup.max_customers: 1..=1_000;
    lookup.cache_megabytes: 0..=1 << 20;
    lookup.cache_seconds: 0..=YEAR;
    lookup.negative_cache_seconds: 0..=YEAR;
    lookup.stale_if_error_seconds: 0..=YEAR;
    lookup.max_waiting: 1..=1 << 20;
    lookup.database_connections: 1..=100;
    lookup.trace_days: 0..=366;
    limits.lookups_per_second: 1..=MAX_U32;
    limits.wrong_keys_per_minute: 1..=MAX_U32;
    limits.not_found_per_minute: 1..=MAX_U32;
    limits.identical_webhooks_per_minute: 1..=1_000_000;
    inbox.dedup_history_size: 0..=100;
    limits.max_tracked_networks: 1..=1 << 32;
    inbox.max_body_kilobytes: 1..=16 * 1024;
    // Sources wait for one second or more.
    inbox.ack_timeout_ms: 50..=900;
    inbox.body_memory_megabytes: 1..=1 << 20;
    inbox.database_connections: 1..=100;
    inbox.workers: 0..=100;
    inbox.batch_size: 1..=2_000;
    inbox.lease_seconds: 1..=3_600;
    inbox.max_attempts: 1..=1_000;
    inbox.retention_days: 1..=36_500;
    inbox.dedup_retention_days: 0..=36_500, not below inbox.retention_days;
    calls.connect_timeout_ms: 10..=60_000;
    calls.response_timeout_ms: 10..=300_000;
    calls.total_timeout_ms: 0..=600_000, not below calls.response_timeout_ms;
    calls.max_response_kilobytes: 1..=256 * 1024;
    calls.max_concurrent: 1..=1_000;
    calls.breaker_failures: 1..=1_000;
    calls.breaker_open_seconds: 1..=3_600;
    sync.reconcile_hours: 0..=24 * 366;
    sync.incremental_minutes: 0..=24 * 60;
    sync.lease_seconds: 5..=3_600;
    sync.max_deletions_percent: 0..=100;
    sync.follow_up_max_attempts: 1..=1_000;
    server.max_connections: 1..=100_000;
    erasure.max_erased_percent: 0..=100;
    database.max_connections: 2..=10_000;
    database.shared_buffers_megabytes: 16..=1_000_000;
    telemetry.logged_lookups_percent: 0..=100;
    telemetry.traces.sampled_percent: 0..=100;
};

/// The numbers that are out of range.
pub(super) fn check_numbers(file: &SettingsFile) -> impl Iterator<Item = SettingProblem> + '_ {
    LIMITS.iter().filter_map(|limit| limit.mistake(file))
}

impl Limit {
    fn mistake(&self, file: &SettingsFile) -> Option<SettingProblem> {
        let key = self.setting.key;
        let number = (self.setting.value)(file);
        if let Some(minimum) = &self.minimum
            && number < (minimum.value)(file)
        {
            let least = (minimum.value)(file);
            let what = format!("must be at least {least}, which is {}", minimum.key);
            return Some(SettingProblem::new(key, what).depending_on(minimum.key));
        }
        let (least, most) = (self.range.start(), self.range.end());
        if number < *least {
            Some(SettingProblem::new(key, format!("must be at least {least}")))
        } else if number > *most {
            Some(SettingProblem::new(key, format!("must be at most {most}")))
        } else {
            None
        }
    }
}

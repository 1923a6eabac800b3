//! `hookpoint doctor`, without a URL: this service.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::report::Report;
use crate::app::{find_brands, needed_connections};
use crate::brand::{Brand, BrandRules};
use crate::cli::health::service_address;
use crate::cli::session::open_read_only;
use crate::clock::Clock;
use crate::doctor::finding::{Finding, Observation, Verdict};
use crate::doctor::service::{
    Addresses, ServiceCheck, check_database, check_disks, check_keys, check_login_provider,
    check_mistakes, check_open_error, check_reachability, check_replicas, check_settings,
    check_source_apis, check_suppression_file, completed,
};
use crate::settings::{Mistake, Settings, SettingsFile, shared_hash, suppression_file};
use crate::storage::database::{Database, OpenError, Place};

/// The database may take this many times as long as an answer.
const DATABASE_FACTOR: u32 = 6;

/// What is seen if the database does not answer.
const LATE: &str = "no answer in time";

/// Examines this service.
pub(super) async fn examine(
    loaded: Result<Settings, Vec<Mistake>>,
    timeout: Duration,
) -> anyhow::Result<Report> {
    let settings = match loaded {
        Ok(settings) => settings,
        Err(mistakes) => return Ok(Report::of_service(completed(check_mistakes(&mistakes)))),
    };
    let mut findings = check_settings(&settings);
    findings.extend(check_disks(&places(&settings)));
    let reached = reachability(&settings, timeout).await;
    findings.extend(reached.unwrap_or_else(|error| failed(ServiceCheck::Service, &error)));
    let oidc = &settings.file.console.oidc;
    findings.push(check_login_provider(oidc, timeout, Clock::system().now()).await);
    findings.extend(Box::pin(stored(settings, timeout)).await);
    Ok(Report::of_service(completed(findings)))
}

/// The finding of an error.
fn failed(check: ServiceCheck, error: &impl ToString) -> Vec<Finding> {
    vec![check.found(Observation::fail(error.to_string()))]
}

/// The result of work with the database, unless it takes too long. Without a limit, it may take any time.
async fn within<T>(limit: Option<Duration>, work: impl Future<Output = T>) -> Option<T> {
    match limit {
        Some(limit) => tokio::time::timeout(limit, work).await.ok(),
        None => Some(work.await),
    }
}

/// Opens the database, and checks it and what needs it.
async fn stored(settings: Settings, timeout: Duration) -> Vec<Finding> {
    // The embedded Postgres must not be left behind while it starts or stops.
    let is_server = matches!(settings.place, Place::Server(_));
    let limit = is_server.then(|| timeout.saturating_mul(DATABASE_FACTOR));
    let database = match within(limit, open_read_only(&settings)).await {
        Some(Ok(database)) => database,
        Some(Err(error)) => {
            return match error.downcast_ref::<OpenError>() {
                Some(error) => check_open_error(error),
                None => failed(ServiceCheck::Database, &error),
            };
        }
        None => return failed(ServiceCheck::Database, &LATE),
    };
    let found = check_stored(&database, settings.file, settings.brands, timeout).await;
    // A connection that hangs does not close. The process ends anyway.
    let _ = within(limit, database.close()).await;
    found
}

/// The files and directories that grow.
fn places(settings: &Settings) -> Vec<PathBuf> {
    let mut places = vec![suppression_file(&settings.file)];
    if let Place::Embedded(layout) = &settings.place {
        places.push(layout.data_dir.clone());
    }
    places
}

async fn reachability(settings: &Settings, timeout: Duration) -> anyhow::Result<Vec<Finding>> {
    let file = &settings.file;
    let address = service_address(&file.server.listen).await?;
    let addresses = Addresses {
        local_url: &format!("http://{address}"),
        public_url: &file.server.public_url,
        lookup_path: &file.lookup.path,
    };
    let brands: Vec<&BrandRules> = settings.brands.iter().collect();
    Ok(check_reachability(&addresses, &brands, timeout).await?)
}

/// Checks the database, and what needs it.
async fn check_stored(
    database: &Database,
    file: SettingsFile,
    rules: Vec<BrandRules>,
    timeout: Duration,
) -> Vec<Finding> {
    let clock = Clock::system();
    let limit = Some(timeout.saturating_mul(DATABASE_FACTOR));
    let checked = within(limit, check_database(database, needed_connections(&file), &clock)).await;
    let Some(mut findings) = checked else { return failed(ServiceCheck::Database, &LATE) };
    let is_current = |finding: &Finding| {
        finding.id == ServiceCheck::DatabaseSchema.id() && finding.verdict == Verdict::Pass
    };
    if !findings.iter().any(is_current) {
        return findings;
    }
    let found = match within(limit, find_brands(database, rules)).await {
        Some(Ok(found)) => found,
        Some(Err(error)) => return [findings, failed(ServiceCheck::Keys, &error)].concat(),
        None => return [findings, failed(ServiceCheck::Keys, &LATE)].concat(),
    };
    let mut brands: Vec<Arc<Brand>> = found.into_values().collect();
    brands.sort_by(|one, other| one.rules.slug.cmp(&other.rules.slug));
    let each = || brands.iter().map(AsRef::as_ref);
    findings.extend(check_suppression_file(&suppression_file(&file), each()));
    let keys = within(limit, check_keys(&database.pool, each(), clock.now())).await;
    findings.extend(keys.unwrap_or_else(|| failed(ServiceCheck::Keys, &LATE)));
    let replicas = within(limit, check_replicas(&database.pool, &shared_hash(&file))).await;
    findings.extend(replicas.unwrap_or_else(|| failed(ServiceCheck::Replicas, &LATE)));
    findings.extend(check_source_apis(&database.pool, &brands, &file.calls, timeout).await);
    findings
}

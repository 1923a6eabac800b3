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
use crate::doctor::finding::{Finding, Verdict};
use crate::doctor::service::{
    Addresses, ServiceCheck, check_database, check_disks, check_keys, check_mistakes,
    check_open_error, check_reachability, check_settings, check_source_apis,
    check_suppression_file, completed,
};
use crate::settings::{Mistake, Settings, SettingsFile, suppression_file};
use crate::storage::database::{Database, OpenError, Place};

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
    findings.extend(reachability(&settings, timeout).await?);
    findings.extend(match open_read_only(&settings).await {
        Ok(database) => {
            let found = check_stored(&database, settings.file, settings.brands, timeout).await;
            database.close().await;
            found?
        }
        Err(error) => match error.downcast_ref::<OpenError>() {
            Some(error) => check_open_error(error),
            None => return Err(error),
        },
    });
    Ok(Report::of_service(completed(findings)))
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
) -> anyhow::Result<Vec<Finding>> {
    let clock = Clock::system();
    let mut findings = check_database(database, needed_connections(&file), &clock).await;
    let is_current = |finding: &Finding| {
        finding.id == ServiceCheck::DatabaseSchema.id() && finding.verdict == Verdict::Pass
    };
    if !findings.iter().any(is_current) {
        return Ok(findings);
    }
    let found = find_brands(database, rules).await?;
    let mut brands: Vec<Arc<Brand>> = found.into_values().collect();
    brands.sort_by(|one, other| one.rules.slug.cmp(&other.rules.slug));
    let each = || brands.iter().map(AsRef::as_ref);
    findings.extend(check_suppression_file(&suppression_file(&file), each()));
    findings.extend(check_keys(&database.pool, each(), clock.now()).await);
    findings.extend(check_source_apis(&database.pool, &brands, &file.calls, timeout).await);
    Ok(findings)
}

//! Checks the login provider of the console.

use std::time::Duration;

use jiff::Timestamp;

use super::check::ServiceCheck;
use crate::doctor::finding::{Finding, Observation};
use crate::oidc::{OidcProblem, Provider};
use crate::settings::OidcSettings;

/// Asks the login provider about itself, if the settings name one.
pub async fn check_login_provider(
    settings: &OidcSettings,
    timeout: Duration,
    now: Timestamp,
) -> Finding {
    if settings.issuer.is_empty() {
        let off = Observation::skipped("console.oidc.issuer is not set");
        return ServiceCheck::LoginProvider.found(off);
    }
    let provider = Provider::new(settings, None, settings.issuer.clone());
    let checked = tokio::time::timeout(timeout, provider.check(now)).await;
    ServiceCheck::LoginProvider.found(match checked.unwrap_or(Err(OidcProblem::TimedOut)) {
        Ok(()) => Observation::pass("it answers with its addresses and keys"),
        Err(problem) => Observation::fail(problem.to_string()),
    })
}

//! What the console works with.

use std::collections::BTreeMap;
use std::sync::Arc;

use minijinja::Environment;

use super::assets;
use super::templates::environment;
use super::turns::Turns;
use super::urls::{CALLBACK, ConsoleUrls};
use crate::admin::console_accounts::passwords::Passwords;
use crate::brand::Brand;
use crate::clock::Clock;
use crate::erasure::suppression_file::SuppressionFile;
use crate::http::client_ip::Proxies;
use crate::http::rate_limits::{Rates, WrongKeys};
use crate::oidc::Provider;
use crate::settings::{OidcSettings, SettingsFile, oidc_secret};
use crate::storage::pool::Pool;

/// What the console works with.
pub struct Console {
    /// The brands, by slug.
    pub brands: BTreeMap<String, Arc<Brand>>,
    /// The connections to Postgres.
    pub pool: Pool,
    /// The clock.
    pub clock: Clock,
    /// The settings of the service.
    pub file: SettingsFile,
    /// The suppression file, for erasures.
    pub suppressions: SuppressionFile,
    /// Where the console is.
    pub urls: ConsoleUrls,
    pub(super) environment: Environment<'static>,
    pub(super) assets_version: String,
    pub(super) proxies: Proxies,
    pub(super) attempts: WrongKeys,
    pub(super) passwords: Passwords,
    pub(super) turns: Turns,
    /// The login provider, if the settings name one.
    pub(super) provider: Option<Provider>,
}

/// What the console is built from.
pub struct ConsoleParts {
    /// The brands, in any order.
    pub brands: Vec<Arc<Brand>>,
    /// The connections to Postgres.
    pub pool: Pool,
    /// The clock.
    pub clock: Clock,
    /// The settings of the service.
    pub file: SettingsFile,
    /// The suppression file, for erasures.
    pub suppressions: SuppressionFile,
    /// Where the console is.
    pub urls: ConsoleUrls,
}

/// The limits of attempts to log in. Only the one for wrong secrets is used.
const ATTEMPTS: Rates = Rates {
    lookups_per_second: 1,
    wrong_keys_per_minute: 20,
    not_found_per_minute: 1,
    max_tracked_networks: 10_000,
};

impl Console {
    /// The console with all its templates.
    ///
    /// # Errors
    /// If a template cannot be read. Tests read all of them.
    pub fn new(parts: ConsoleParts) -> Result<Self, minijinja::Error> {
        let ConsoleParts { brands, pool, clock, file, suppressions, urls } = parts;
        let by_slug = brands.into_iter().map(|brand| (brand.rules.slug.clone(), brand));
        Ok(Self {
            brands: by_slug.collect(),
            pool,
            clock,
            proxies: Proxies::from(&file.server),
            provider: provider(&file.console.oidc, &urls),
            file,
            suppressions,
            urls,
            environment: environment()?,
            assets_version: assets::version(),
            attempts: WrongKeys::new(ATTEMPTS),
            passwords: Passwords::default(),
            turns: Turns::for_this_machine(),
        })
    }
}

/// The login provider. Without its secret, nobody comes in with it; the log says so.
fn provider(settings: &OidcSettings, urls: &ConsoleUrls) -> Option<Provider> {
    if settings.issuer.is_empty() {
        return None;
    }
    match oidc_secret(settings) {
        Ok(secret) => Some(Provider::new(settings, secret, urls.absolute(CALLBACK))),
        Err(problem) => {
            tracing::error!(
                problem = problem.what,
                "the client secret of the login provider cannot be read, so nobody can log in with it"
            );
            None
        }
    }
}

//! The login provider: what it says about itself, and its keys. Both are read when somebody logs in, and kept for a while.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use openidconnect::core::{
    CoreClient, CoreClientAuthMethod, CoreJsonWebKeySet, CoreProviderMetadata,
};
use openidconnect::{
    AuthType, ClientId, ClientSecret, EndpointMaybeSet, EndpointNotSet, EndpointSet, IssuerUrl,
    RedirectUrl,
};
use parking_lot::Mutex;

use super::http::ProviderHttp;
use super::problem::OidcProblem;
use crate::settings::OidcSettings;
use crate::sources::secret::Secret;

/// After this time, the provider is asked again about itself.
const DISCOVERY_KEPT_FOR: SignedDuration = SignedDuration::from_hours(1);

/// The keys are not read more often, however many tokens name an unknown one.
const KEYS_KEPT_FOR: SignedDuration = SignedDuration::from_mins(1);

/// What the provider says about itself.
#[derive(Clone)]
pub(super) struct Known {
    metadata: CoreProviderMetadata,
    pub(super) keys: CoreJsonWebKeySet,
    discovered_at: Timestamp,
    keys_read_at: Timestamp,
}

/// A client of which the URLs are known that discovery returns.
pub(super) type ProviderClient = CoreClient<
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// The login provider of the settings.
pub struct Provider {
    settings: OidcSettings,
    secret: Option<Secret>,
    redirect_uri: String,
    http: ProviderHttp,
    known: Mutex<Option<Arc<Known>>>,
}

impl Provider {
    /// A provider. It is not asked anything yet. It sends browsers back to the redirect URI.
    #[must_use]
    pub fn new(settings: &OidcSettings, secret: Option<Secret>, redirect_uri: String) -> Self {
        Self {
            http: ProviderHttp::new(&settings.issuer),
            settings: settings.clone(),
            secret,
            redirect_uri,
            known: Mutex::new(None),
        }
    }

    /// Its settings.
    #[must_use]
    pub const fn settings(&self) -> &OidcSettings {
        &self.settings
    }

    pub(super) const fn http(&self) -> &ProviderHttp {
        &self.http
    }

    /// Asks the provider about itself, and for its keys.
    ///
    /// # Errors
    /// If it does not answer, or not as it should.
    pub async fn check(&self, now: Timestamp) -> Result<(), OidcProblem> {
        let known = self.discover(now).await?;
        self.client(&known).map(drop)
    }

    /// What the provider says about itself. If that is old and it does not answer now, the old answer counts.
    pub(super) async fn known(&self, now: Timestamp) -> Result<Arc<Known>, OidcProblem> {
        let kept = self.known.lock().clone();
        let is_new =
            |known: &Arc<Known>| now.duration_since(known.discovered_at) < DISCOVERY_KEPT_FOR;
        if let Some(known) = kept.as_ref().filter(|known| is_new(known)) {
            return Ok(Arc::clone(known));
        }
        match (self.discover(now).await, kept) {
            (Ok(known), _) => {
                let known = Arc::new(known);
                *self.known.lock() = Some(Arc::clone(&known));
                Ok(known)
            }
            (Err(_), Some(old)) => Ok(old),
            (Err(problem), None) => Err(problem),
        }
    }

    async fn discover(&self, now: Timestamp) -> Result<Known, OidcProblem> {
        let issuer =
            IssuerUrl::new(self.settings.issuer.clone()).map_err(|_| OidcProblem::Unusable)?;
        let send = |request| self.http.send(request);
        let metadata = CoreProviderMetadata::discover_async(issuer, &send).await?;
        let endpoints = [Some(metadata.authorization_endpoint().url()), token_url(&metadata)];
        for url in endpoints {
            if !self.http.is_own(url.ok_or(OidcProblem::Unusable)?) {
                return Err(OidcProblem::OtherOrigin);
            }
        }
        let keys = metadata.jwks().clone();
        Ok(Known { metadata, keys, discovered_at: now, keys_read_at: now })
    }

    /// Reads the keys again, but not more than once a minute.
    pub(super) async fn with_keys_read_again(
        &self,
        known: Arc<Known>,
        now: Timestamp,
    ) -> Result<Arc<Known>, OidcProblem> {
        if now.duration_since(known.keys_read_at) < KEYS_KEPT_FOR {
            return Ok(known);
        }
        // First, so that others do not read them at the same time.
        *self.known.lock() = Some(Arc::new(Known { keys_read_at: now, ..Known::clone(&known) }));
        let send = |request| self.http.send(request);
        let keys = CoreJsonWebKeySet::fetch_async(known.metadata.jwks_uri(), &send).await?;
        let renewed = Arc::new(Known { keys, keys_read_at: now, ..Known::clone(&known) });
        *self.known.lock() = Some(Arc::clone(&renewed));
        Ok(renewed)
    }

    /// The client for a log-in.
    pub(super) fn client(&self, known: &Known) -> Result<ProviderClient, OidcProblem> {
        let id = ClientId::new(self.settings.client_id.clone());
        let secret = self
            .secret
            .as_ref()
            .map(|secret| ClientSecret::new(String::from_utf8_lossy(secret.key()).into_owned()));
        let redirect =
            RedirectUrl::new(self.redirect_uri.clone()).map_err(|_| OidcProblem::Unusable)?;
        let client = CoreClient::from_provider_metadata(known.metadata.clone(), id, secret);
        let client = client.set_redirect_uri(redirect);
        let methods = known.metadata.token_endpoint_auth_methods_supported();
        let takes = |method| methods.is_none_or(|methods| methods.contains(&method));
        if !takes(CoreClientAuthMethod::ClientSecretBasic)
            && takes(CoreClientAuthMethod::ClientSecretPost)
        {
            return Ok(client.set_auth_type(AuthType::RequestBody));
        }
        Ok(client)
    }
}

fn token_url(metadata: &CoreProviderMetadata) -> Option<&url::Url> {
    metadata.token_endpoint().map(|endpoint| endpoint.url())
}

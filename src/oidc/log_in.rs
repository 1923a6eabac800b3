//! A log-in: to the provider, and back with a code.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use openidconnect::core::{
    CoreAuthenticationFlow, CoreIdToken, CoreIdTokenVerifier, CoreJwsSigningAlgorithm,
};
use openidconnect::{
    AuthorizationCode, ClaimsVerificationError, ClientId, CsrfToken, IssuerUrl, Nonce,
    PkceCodeChallenge, PkceCodeVerifier, Scope, SignatureVerificationError, TokenResponse,
};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use url::Url;

use super::claims::Identity;
use super::problem::OidcProblem;
use super::provider::{Known, Provider};

/// The algorithms of signatures that are accepted. Never `none`, and never one with a shared secret.
const ALGORITHMS: [CoreJwsSigningAlgorithm; 3] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EdDsa,
];

/// The secrets of a log-in. All of them come from the cookie of the browser, so no other browser can end the log-in, and
/// nothing has to be kept.
pub struct LogInSecrets {
    state: String,
    nonce: String,
    verifier: String,
}

impl LogInSecrets {
    /// The secrets of the log-in of a cookie.
    #[must_use]
    pub fn of_cookie(cookie: &str) -> Self {
        let derived = |purpose: &str| {
            let mut digest = Sha256::new();
            digest.update(purpose.as_bytes());
            digest.update([0]);
            digest.update(cookie.as_bytes());
            URL_SAFE_NO_PAD.encode(digest.finalize())
        };
        Self { state: derived("state"), nonce: derived("nonce"), verifier: derived("verifier") }
    }

    /// Whether an answer of the provider is about this log-in.
    #[must_use]
    pub fn is_state(&self, state: &str) -> bool {
        self.state.as_bytes().ct_eq(state.as_bytes()).into()
    }
}

impl Provider {
    /// The URL at the provider to which the browser goes.
    ///
    /// # Errors
    /// If the provider does not answer, or not as it should.
    pub async fn authorization_url(
        &self,
        secrets: &LogInSecrets,
        now: Timestamp,
    ) -> Result<Url, OidcProblem> {
        let known = self.known(now).await?;
        let client = self.client(&known)?;
        let (state, nonce) = (secrets.state.clone(), secrets.nonce.clone());
        let verifier = PkceCodeVerifier::new(secrets.verifier.clone());
        let scopes = self.settings().scopes.iter().filter(|scope| *scope != "openid");
        let request = client.authorize_url(
            CoreAuthenticationFlow::AuthorizationCode,
            move || CsrfToken::new(state),
            move || Nonce::new(nonce),
        );
        let (url, ..) = request
            .add_scopes(scopes.map(|scope| Scope::new(scope.clone())))
            .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier))
            .url();
        if self.http().is_own(&url) { Ok(url) } else { Err(OidcProblem::OtherOrigin) }
    }

    /// The person for whom the provider sent a code.
    ///
    /// # Errors
    /// If the provider does not answer, does not accept the code, or sends a token that is not valid.
    pub async fn identify(
        &self,
        code: &str,
        secrets: &LogInSecrets,
        now: Timestamp,
    ) -> Result<Identity, OidcProblem> {
        let known = self.known(now).await?;
        let client = self.client(&known)?;
        let request = client
            .exchange_code(AuthorizationCode::new(code.to_owned()))
            .map_err(|_| OidcProblem::Unusable)?
            .set_pkce_verifier(PkceCodeVerifier::new(secrets.verifier.clone()));
        let send = |request| self.http().send(request);
        let tokens = request.request_async(&send).await?;
        let token = tokens.id_token().ok_or(OidcProblem::Unusable)?;
        match self.verify(token, &secrets.nonce, &known, now) {
            Err(ClaimsVerificationError::SignatureVerification(
                SignatureVerificationError::NoMatchingKey,
            )) => {
                // The provider may have a new key since its keys were read.
                let renewed = self.with_keys_read_again(known, now).await?;
                self.verify(token, &secrets.nonce, &renewed, now)
            }
            verified => verified,
        }
        .map_err(OidcProblem::from)
        .and_then(|subject| Identity::of_token(&token.to_string(), &subject, self.settings()))
    }

    /// Verifies the signature and the claims of a token. Returns the id of its person.
    fn verify(
        &self,
        token: &CoreIdToken,
        nonce: &str,
        known: &Known,
        now: Timestamp,
    ) -> Result<String, ClaimsVerificationError> {
        let other =
            |error: &dyn std::fmt::Display| ClaimsVerificationError::Other(error.to_string());
        let own = ClientId::new(self.settings().client_id.clone());
        let issuer =
            IssuerUrl::new(self.settings().issuer.clone()).map_err(|error| other(&error))?;
        let Ok(time) = now.to_string().parse() else { return Err(other(&"the time")) };
        let verifier =
            CoreIdTokenVerifier::new_public_client(own.clone(), issuer, known.keys.clone())
                .set_allowed_algs(ALGORITHMS)
                // Whom the token is for in this case is checked below.
                .set_other_audience_verifier_fn(|_| true)
                .set_time_fn(move || time);
        let claims = token.claims(&verifier, &Nonce::new(nonce.to_owned()))?;
        let is_for_several = claims.audiences().len() > 1;
        let is_for_us = match claims.authorized_party() {
            Some(party) => *party == own,
            None => !is_for_several,
        };
        if !is_for_us {
            return Err(ClaimsVerificationError::InvalidAudience("azp".to_owned()));
        }
        Ok(claims.subject().as_str().to_owned())
    }
}

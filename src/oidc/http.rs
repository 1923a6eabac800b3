//! Sends requests to the login provider, and to nothing else. It has limits of time and size, and follows no redirect.
//! Errors of the library do not leave this file, because they contain the URL.

use std::time::Duration;

use openidconnect::http::Response;
use openidconnect::http::header::CONTENT_TYPE;
use openidconnect::{HttpRequest, HttpResponse};
use reqwest::{Client, ClientBuilder, Request, RequestBuilder};
use url::{Origin, Url};

use super::problem::OidcProblem;
use crate::upstream::tls_error;

/// How long a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// How long an answer may take. A person waits for it.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The most bytes of an answer.
const MAX_ANSWER_BYTES: usize = 1024 * 1024;

/// Sends requests to one origin.
pub(super) struct ProviderHttp {
    http: Option<Client>,
    origin: Origin,
}

impl ProviderHttp {
    /// A client for the origin of the issuer. It makes no connection yet.
    pub(super) fn new(issuer: &str) -> Self {
        // Fails if a provider is already installed, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        // Without root certificates on the machine, only calls without TLS are possible.
        let http = builder().build().or_else(|_| builder().tls_certs_only([]).build());
        let origin = Url::parse(issuer).map_or_else(|_| Origin::new_opaque(), |url| url.origin());
        Self { http: http.ok(), origin }
    }

    /// Whether a URL is the provider's.
    pub(super) fn is_own(&self, url: &Url) -> bool {
        url.origin() == self.origin
    }

    /// Sends a request, and reads the answer.
    pub(super) async fn send(&self, request: HttpRequest) -> Result<HttpResponse, OidcProblem> {
        let http = self.http.as_ref().ok_or(OidcProblem::Tls)?;
        let request = Request::try_from(request).map_err(|_| OidcProblem::Unusable)?;
        if !self.is_own(request.url()) {
            return Err(OidcProblem::OtherOrigin);
        }
        let sent = RequestBuilder::from_parts(http.clone(), request).send().await;
        let mut response = sent.map_err(|error| problem(&error))?;
        let mut bytes = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(|error| problem(&error))? {
            if bytes.len().saturating_add(piece.len()) > MAX_ANSWER_BYTES {
                return Err(OidcProblem::TooLarge);
            }
            bytes.extend_from_slice(&piece);
        }
        let mut answer = Response::builder().status(response.status());
        if let Some(content_type) = response.headers().get(CONTENT_TYPE) {
            answer = answer.header(CONTENT_TYPE, content_type);
        }
        answer.body(bytes).map_err(|_| OidcProblem::Unusable)
    }
}

fn builder() -> ClientBuilder {
    Client::builder()
        .user_agent(concat!("omnidesk-hookpoint/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(TIMEOUT)
        // Log-ins are rare. A connection that was kept may be closed at the moment when it is used again.
        .pool_max_idle_per_host(0)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        // Proxies in environment variables are ignored, because they are not in the settings.
        .no_proxy()
}

/// Keeps only the kind of an error.
fn problem(error: &reqwest::Error) -> OidcProblem {
    if error.is_timeout() {
        OidcProblem::TimedOut
    } else if tls_error::fault(error).is_some() {
        OidcProblem::Tls
    } else {
        OidcProblem::Unreachable
    }
}

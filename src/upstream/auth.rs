//! The credentials of calls: a secret of the settings, or an access token. A token is fetched with the secret, cached,
//! and renewed in time, once for all callers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use reqwest::Url;
use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};
use serde_json::{Value, json};

use super::account_rate_limit::AccountRateLimit;
use super::error::CallError;
use super::http::{Answer, Body, Client};
use super::priority::CallPriority;
use super::queue::MAX_WAIT;
use super::rate_limit_headers::RateLimitHeaders;
use crate::backoff::exponential_backoff;
use crate::clock::Clock;
use crate::concurrency::single_flight::{SingleFlight, Waiter};
use crate::jobs::tasks::BackgroundTasks;
use crate::sources::api::{AccountRules, ClientCredentials, Credential, TokenStyle};
use crate::sources::value::text_at;

/// How long a token is used if the reply does not state its lifetime. A 401 ends it earlier.
const DEFAULT_LIFETIME: Duration = Duration::from_secs(3_600);

/// The longest accepted lifetime of a token, in seconds.
const MAX_LIFETIME_SECONDS: f64 = 366.0 * 86_400.0;

/// A token is renewed at most this long before its end.
const MAX_RENEWAL_LEAD: Duration = Duration::from_secs(60);

/// The first and the longest pause after a failed renewal.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const MAX_PAUSE: Duration = Duration::from_secs(64);

/// The source of credentials.
pub(super) enum Authenticator {
    /// A fixed header. `None` if the secret cannot be a header.
    Fixed(Option<AuthHeader>),
    /// An access token.
    Tokens(Arc<Tokens>),
}

/// A header with a credential, and the number of its token.
#[derive(Clone)]
pub(super) struct AuthHeader {
    pub(super) header: (HeaderName, HeaderValue),
    number: u64,
}

impl Authenticator {
    /// Creates the authenticator. It fetches no token yet. After a failed renewal, the next one waits for at most
    /// `longest_pause`.
    pub(super) fn new(
        rules: &AccountRules,
        client: &Client,
        rate_limit: &Arc<AccountRateLimit>,
        longest_pause: Duration,
        background: &BackgroundTasks,
        clock: &Clock,
    ) -> Self {
        let client_credentials = match &rules.credential {
            Credential::Header(name, secret) => {
                return Self::Fixed(
                    value("", secret.key())
                        .map(|value| fixed(HeaderName::from_static(name), value)),
                );
            }
            Credential::Bearer(secret) => {
                return Self::Fixed(
                    value("Bearer ", secret.key()).map(|value| fixed(AUTHORIZATION, value)),
                );
            }
            Credential::ClientCredentials(client_credentials) => client_credentials,
        };
        let given = &client_credentials.token_url;
        let url = if given.starts_with('/') {
            Url::parse(&format!("{}{given}", rules.base_url))
        } else {
            Url::parse(given)
        };
        Self::Tokens(Arc::new(Tokens {
            url: url.ok(),
            of: client_credentials.clone(),
            client: client.clone(),
            rate_limit: Arc::clone(rate_limit),
            longest_pause,
            background: background.clone(),
            clock: clock.clone(),
            state: Mutex::default(),
            renewals: SingleFlight::new(),
        }))
    }

    /// The header for a call. Waits for a token if there is none.
    ///
    /// # Errors
    /// When no token can be obtained.
    pub(super) async fn auth_header(&self) -> Result<AuthHeader, CallError> {
        match self {
            Self::Fixed(auth_header) => auth_header
                .clone()
                .ok_or_else(|| CallError::NoToken(Arc::new(CallError::Unsupported))),
            Self::Tokens(tokens) => tokens.auth_header().await,
        }
    }

    /// Reports that the source rejected a header. Returns whether another one may be accepted.
    pub(super) fn reject(&self, auth_header: &AuthHeader) -> bool {
        match self {
            Self::Fixed(_) => false,
            Self::Tokens(tokens) => {
                let mut state = tokens.state.lock();
                if state
                    .token
                    .as_ref()
                    .is_some_and(|token| token.auth_header.number == auth_header.number)
                {
                    state.token = None;
                }
                true
            }
        }
    }
}

const fn fixed(name: HeaderName, value: HeaderValue) -> AuthHeader {
    AuthHeader { header: (name, value), number: 0 }
}

/// A header value that libraries never print. `None` if the secret cannot be a header value.
fn value(scheme: &str, secret: &[u8]) -> Option<HeaderValue> {
    let mut value =
        HeaderValue::from_bytes(&[scheme.as_bytes(), secret.trim_ascii()].concat()).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// Fetches and renews the access token of an account.
pub(super) struct Tokens {
    url: Option<Url>,
    of: ClientCredentials,
    client: Client,
    rate_limit: Arc<AccountRateLimit>,
    /// The time for which the circuit breaker stays open: the call that checks the account afterwards must get a token.
    longest_pause: Duration,
    background: BackgroundTasks,
    clock: Clock,
    state: Mutex<State>,
    renewals: Arc<SingleFlight<(), (), Result<(), CallError>>>,
}

#[derive(Default)]
struct State {
    token: Option<Token>,
    /// The number of tokens so far.
    number: u64,
    failures: u32,
    /// The last failure, and until when it is returned without a new attempt.
    failed: Option<(Instant, CallError)>,
}

impl State {
    /// The token, if it is valid, with whether it is fresh; and the last failure, if it is recent.
    fn known_or_failed(&self, now: Instant) -> (Option<(AuthHeader, bool)>, Option<CallError>) {
        let token = self.token.as_ref().filter(|token| now < token.ends_at);
        let failed = self.failed.as_ref().filter(|(until, _)| now < *until);
        (
            token.map(|token| (token.auth_header.clone(), now < token.renew_at)),
            failed.map(|(_, error)| error.clone()),
        )
    }
}

struct Token {
    auth_header: AuthHeader,
    renew_at: Instant,
    ends_at: Instant,
}

impl Tokens {
    async fn auth_header(self: &Arc<Self>) -> Result<AuthHeader, CallError> {
        loop {
            let mut renewal = {
                let state = self.state.lock();
                match state.known_or_failed(Instant::now()) {
                    (Some((auth_header, false)), None) => {
                        // It is renewed before it ends, and no caller waits for that.
                        drop(self.renew(&state));
                        return Ok(auth_header);
                    }
                    (Some((auth_header, _)), _) => return Ok(auth_header),
                    (None, Some(error)) => return Err(error),
                    (None, None) => self.renew(&state),
                }
            };
            renewal.result().await.unwrap_or(Err(CallError::ShuttingDown))?;
        }
    }

    /// Joins the renewal in flight, or starts one. The caller holds the lock, so it cannot miss a renewal that ends.
    fn renew(self: &Arc<Self>, _locked: &State) -> Waiter<(), Result<(), CallError>> {
        let (waiter, renewal) = self.renewals.join((), || ());
        if let Some(renewal) = renewal {
            let tokens = Arc::clone(self);
            self.background.spawn(async move {
                let fetched = tokio::select! {
                    fetched = tokens.fetch() => fetched,
                    () = tokens.background.until_ending() => Err(CallError::ShuttingDown),
                };
                renewal.complete(tokens.keep(fetched), |_| {});
            });
        }
        waiter
    }

    /// Stores the new token, or the failure with the time until the next attempt.
    fn keep(&self, fetched: Result<(HeaderValue, Duration), CallError>) -> Result<(), CallError> {
        let mut state = self.state.lock();
        match fetched {
            Ok((value, lasts)) => {
                state.number = state.number.saturating_add(1);
                let auth_header =
                    AuthHeader { header: (AUTHORIZATION, value), number: state.number };
                let since = Instant::now();
                let early = (lasts / 10).min(MAX_RENEWAL_LEAD);
                state.token = Some(Token {
                    auth_header,
                    renew_at: since + lasts.saturating_sub(early),
                    ends_at: since + lasts,
                });
                (state.failures, state.failed) = (0, None);
                Ok(())
            }
            Err(error) => {
                let error = CallError::NoToken(Arc::new(error));
                let max = MAX_PAUSE.min(self.longest_pause);
                let pause = exponential_backoff(FIRST_PAUSE, max, state.failures);
                state.failures = state.failures.saturating_add(1);
                state.failed = Some((Instant::now() + pause, error.clone()));
                Err(error)
            }
        }
    }

    /// Requests a token. All callers wait for it, so it has the highest priority.
    async fn fetch(&self) -> Result<(HeaderValue, Duration), CallError> {
        let url = self.url.clone().ok_or(CallError::Unsupported)?;
        let permit = loop {
            let until = Arc::new(Mutex::new(Instant::now() + MAX_WAIT));
            let waiting = tokio::time::timeout(
                self.client.whole(),
                self.rate_limit.limiter.permit(CallPriority::Live, false, until),
            );
            let permit = waiting.await.unwrap_or(Err(CallError::RateLimited))?;
            if permit.is_fresh() {
                break permit;
            }
        };
        let answer = self.ask(url).await?;
        let reported = RateLimitHeaders::read(answer.status, &answer.headers, self.clock.now());
        if self.of.token_url.starts_with('/') {
            self.rate_limit.correct(&permit, reported).await;
        }
        drop(permit);
        if !(200..300).contains(&answer.status) {
            return Err(CallError::of_status(answer.status));
        }
        let body = answer.body?;
        let token =
            body.get("access_token").and_then(Value::as_str).filter(|token| !token.is_empty());
        let token = token
            .and_then(|token| value("Bearer ", token.as_bytes()))
            .ok_or(crate::sources::Unreadable::Missing("access_token"))?;
        let lasts = text_at(&body, "/expires_in")
            .and_then(|seconds| seconds.parse::<f64>().ok())
            .filter(|seconds| seconds.is_finite());
        Ok((
            token,
            lasts.map_or(DEFAULT_LIFETIME, |seconds| {
                Duration::try_from_secs_f64(seconds.clamp(1.0, MAX_LIFETIME_SECONDS))
                    .unwrap_or(DEFAULT_LIFETIME)
            }),
        ))
    }

    async fn ask(&self, url: Url) -> Result<Answer, CallError> {
        let secret = String::from_utf8_lossy(self.of.client_secret.key().trim_ascii());
        let fields = [
            ("grant_type", "client_credentials"),
            ("client_id", self.of.client_id.as_str()),
            ("client_secret", &secret),
            ("audience", self.of.audience.as_str()),
        ];
        let fields: Vec<(&str, &str)> =
            fields.into_iter().filter(|(_, value)| !value.is_empty()).collect();
        let as_json = json!(fields.iter().copied().collect::<std::collections::BTreeMap<_, _>>());
        let body = match self.of.style {
            TokenStyle::Json => Body::Json(&as_json),
            TokenStyle::Form => Body::Form(&fields),
        };
        self.client.send(url, body, None).await.map_err(|lost| lost.error)
    }
}

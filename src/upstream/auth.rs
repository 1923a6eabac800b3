//! The credentials of calls: a secret of the settings, or an access token. A token is fetched with the secret, cached,
//! and renewed in time, once for all callers.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use reqwest::Url;
use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::http::{Answer, Body, Client};
use super::queue::A_WHILE;
use super::rate_limit_headers::RateLimitHeaders;
use super::rate_limiter::DistributedRateLimiter;
use super::{CallError, CallPriority, lock};
use crate::clock::Clock;
use crate::jobs::tasks::BackgroundTasks;
use crate::sources::api::{AccountRules, ClientCredentials, Credential, TokenStyle};
use crate::sources::value::text_at;

/// How long a token is used if the reply does not state its lifetime. A 401 ends it earlier.
const UNSAID: Duration = Duration::from_secs(3_600);

/// The longest accepted lifetime of a token, in seconds.
const LONGEST: f64 = 366.0 * 86_400.0;

/// A token is renewed at most this long before its end.
const MOST_EARLY: Duration = Duration::from_secs(60);

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
        budget: &Arc<DistributedRateLimiter>,
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
            budget: Arc::clone(budget),
            longest_pause,
            background: background.clone(),
            clock: clock.clone(),
            state: Mutex::default(),
        }))
    }

    /// The header for a call. Waits for a token if there is none.
    ///
    /// # Errors
    /// When no token can be obtained.
    pub(super) async fn proof(&self) -> Result<AuthHeader, CallError> {
        match self {
            Self::Fixed(proof) => {
                proof.clone().ok_or_else(|| CallError::NoToken(Arc::new(CallError::Unsupported)))
            }
            Self::Tokens(tokens) => tokens.proof().await,
        }
    }

    /// Reports that the source rejected a header. Returns whether another one may be accepted.
    pub(super) fn reject(&self, proof: &AuthHeader) -> bool {
        match self {
            Self::Fixed(_) => false,
            Self::Tokens(tokens) => {
                let mut state = lock(&tokens.state);
                if state.token.as_ref().is_some_and(|token| token.proof.number == proof.number) {
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
    budget: Arc<DistributedRateLimiter>,
    /// The time for which the circuit breaker stays open: the call that checks the account afterwards must get a token.
    longest_pause: Duration,
    background: BackgroundTasks,
    clock: Clock,
    state: Mutex<State>,
}

type Outcome = Option<Result<(), CallError>>;

#[derive(Default)]
struct State {
    token: Option<Token>,
    /// The number of tokens so far.
    number: u64,
    renewal: Option<watch::Receiver<Outcome>>,
    failures: u32,
    /// The last failure, and until when it is returned without a new attempt.
    failed: Option<(Instant, CallError)>,
}

struct Token {
    proof: AuthHeader,
    renew_at: Instant,
    ends_at: Instant,
}

impl Tokens {
    async fn proof(self: &Arc<Self>) -> Result<AuthHeader, CallError> {
        loop {
            let renewal = {
                let mut state = lock(&self.state);
                let now = Instant::now();
                let known = state
                    .token
                    .as_ref()
                    .filter(|token| now < token.ends_at)
                    .map(|token| (token.proof.clone(), now < token.renew_at));
                let failed = state
                    .failed
                    .as_ref()
                    .filter(|(until, _)| now < *until)
                    .map(|(_, error)| error.clone());
                match (known, failed) {
                    (Some((proof, true)), _) | (Some((proof, false)), Some(_)) => return Ok(proof),
                    // It is renewed before it ends, and no caller waits for that.
                    (Some((proof, false)), None) => {
                        drop(self.renew(&mut state));
                        return Ok(proof);
                    }
                    (None, Some(error)) => return Err(error),
                    (None, None) => self.renew(&mut state),
                }
            };
            wait(renewal).await?;
        }
    }

    /// Joins the renewal in flight, or starts one.
    fn renew(self: &Arc<Self>, state: &mut State) -> watch::Receiver<Outcome> {
        if let Some(renewal) =
            state.renewal.as_ref().filter(|renewal| renewal.has_changed().is_ok())
        {
            return renewal.clone();
        }
        let (sender, renewal) = watch::channel(None);
        state.renewal = Some(renewal.clone());
        let tokens = Arc::clone(self);
        self.background.spawn(async move {
            let fetched = tokio::select! {
                fetched = tokens.fetch() => fetched,
                () = tokens.background.until_ending() => Err(CallError::ShuttingDown),
            };
            let outcome = tokens.keep(fetched);
            sender.send_replace(Some(outcome));
        });
        renewal
    }

    /// Stores the new token, or the failure with the time until the next attempt.
    fn keep(&self, fetched: Result<(HeaderValue, Duration), CallError>) -> Result<(), CallError> {
        let mut state = lock(&self.state);
        state.renewal = None;
        match fetched {
            Ok((value, lasts)) => {
                state.number = state.number.saturating_add(1);
                let proof = AuthHeader { header: (AUTHORIZATION, value), number: state.number };
                let since = Instant::now();
                let early = (lasts / 10).min(MOST_EARLY);
                state.token = Some(Token {
                    proof,
                    renew_at: since + lasts.saturating_sub(early),
                    ends_at: since + lasts,
                });
                (state.failures, state.failed) = (0, None);
                Ok(())
            }
            Err(error) => {
                let error = CallError::NoToken(Arc::new(error));
                let pause = Duration::from_secs(1 << state.failures.min(6)).min(self.longest_pause);
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
            let until = Arc::new(Mutex::new(Instant::now() + A_WHILE));
            let waiting = tokio::time::timeout(
                self.client.whole(),
                self.budget.permit(CallPriority::Live, false, until),
            );
            let permit = waiting.await.unwrap_or(Err(CallError::RateLimited))?;
            if permit.is_fresh() {
                break permit;
            }
        };
        let answer = self.ask(url).await?;
        let reported = RateLimitHeaders::read(answer.status, &answer.headers, self.clock.now());
        if self.of.token_url.starts_with('/') {
            self.budget.correct(&permit, reported).await;
        }
        drop(permit);
        if !(200..300).contains(&answer.status) {
            return Err(if (300..400).contains(&answer.status) {
                CallError::Redirected
            } else {
                CallError::Status(answer.status)
            });
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
            lasts.map_or(UNSAID, |seconds| {
                Duration::try_from_secs_f64(seconds.clamp(1.0, LONGEST)).unwrap_or(UNSAID)
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

async fn wait(mut renewal: watch::Receiver<Outcome>) -> Result<(), CallError> {
    match renewal.wait_for(Option::is_some).await {
        Ok(outcome) => outcome.clone().unwrap_or(Ok(())),
        Err(_) => Err(CallError::ShuttingDown),
    }
}

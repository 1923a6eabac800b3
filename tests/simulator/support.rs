//! Simulators with data for the test, and plain HTTP requests to them.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use hookpoint::clock::Clock;
use hookpoint::customer::model::source::Source;
use hookpoint::demo::simulators::{
    CLIENT_ID, SimulatedData, SimulatorOptions, Simulators, omnilab,
};
use hookpoint::demo::webhook_signer::Secrets;
use jiff::Timestamp;
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::{Value, json};

/// The current time in tests.
pub fn now() -> Timestamp {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

/// Running systems, and an HTTP client for them.
pub struct SimulatorFixture {
    pub simulators: Simulators,
    pub data: Arc<SimulatedData>,
    pub secrets: Secrets,
    pub clock: Clock,
    pub client: Client,
}

impl SimulatorFixture {
    /// Empty systems whose clock stands still.
    pub fn open() -> Self {
        Self::open_with(Clock::frozen(now()))
    }

    pub fn open_with(clock: Clock) -> Self {
        let (data, secrets) = (Arc::new(SimulatedData::new(clock.clone())), Secrets::known());
        let simulators = Simulators::start(
            Arc::clone(&data),
            &secrets,
            SimulatorOptions::default(),
            clock.clone(),
        )
        .unwrap();
        Self { simulators, data, secrets, clock, client: client() }
    }

    /// A request to a system, without credentials.
    pub fn bare(&self, source: Source, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.simulators.base_url(source)))
    }

    /// A token of a system that issues tokens.
    pub async fn token(&self, source: Source) -> String {
        let answer = self.ask_for_token(source, &self.secrets.of_api(source)).await;
        assert_eq!(answer.status(), 200);
        json_of(answer).await["access_token"].as_str().unwrap().to_owned()
    }

    pub async fn ask_for_token(&self, source: Source, secret: &str) -> Response {
        let url = self.simulators.token_url(source);
        let request = self.client.post(url);
        let fields = [
            ("grant_type", "client_credentials"),
            ("client_id", CLIENT_ID),
            ("client_secret", secret),
            ("audience", omnilab::AUDIENCE),
        ];
        let request = if source == Source::OmniLab {
            request.body(
                json!(fields.iter().copied().collect::<std::collections::BTreeMap<_, _>>())
                    .to_string(),
            )
        } else {
            let form: Vec<String> =
                fields.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
            request.header("content-type", "application/x-www-form-urlencoded").body(form.join("&"))
        };
        request.send().await.unwrap()
    }

    /// A request with credentials.
    pub async fn request(&self, source: Source, method: Method, path: &str) -> RequestBuilder {
        let request = self.bare(source, method, path);
        match source {
            Source::OmnioTap => request.header("x-api-key", self.secrets.of_api(source)),
            Source::Omneo => request.bearer_auth(self.secrets.of_api(source)),
            Source::OmniLab | Source::Syncaroo => request.bearer_auth(self.token(source).await),
        }
    }

    pub async fn get(&self, source: Source, path: &str) -> Response {
        self.request(source, Method::GET, path).await.send().await.unwrap()
    }

    /// A system's response with status 200.
    pub async fn read(&self, source: Source, path: &str) -> Value {
        let answer = self.get(source, path).await;
        assert_eq!(answer.status(), 200, "{path}");
        assert_eq!(answer.headers()["content-type"], "application/json");
        json_of(answer).await
    }

    pub async fn close(self) {
        self.simulators.stop().await;
    }
}

/// An HTTP client that follows no redirects, with a long timeout for a busy machine.
pub fn client() -> Client {
    static PROVIDER: OnceLock<()> = OnceLock::new();
    PROVIDER.get_or_init(|| {
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
    Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(Duration::from_secs(60))
        .build()
        .unwrap()
}

pub async fn json_of(answer: Response) -> Value {
    serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()
}

pub fn encode(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// The values of a field in a list of objects.
pub fn each<'a>(list: &'a Value, field: &str) -> Vec<&'a str> {
    list.as_array().unwrap().iter().map(|object| object[field].as_str().unwrap()).collect()
}

//! Sends the requests of the examination, and notes what all responses together show.

use std::time::{Duration, Instant};

use parking_lot::Mutex;
use percent_encoding::percent_decode_str;
use reqwest::header::{ALLOW, CONNECTION, CONTENT_TYPE, HeaderMap};
use reqwest::{Method, Version};
use serde_json::Value;
use url::Url;

use super::target::Target;
use crate::doctor::http::{NoResponse, NoTls, http_client, no_response};

/// The most bytes of a response that are read.
const MAX_BODY: usize = 16 * 1024 * 1024;

/// Words in the body of an error that tell how the server is built.
const INTERNALS: [&str; 8] = [
    "Traceback (most recent call last)",
    "Exception",
    "tack trace",
    "panicked at",
    "SQLSTATE",
    ".php on line",
    ".java:",
    "node_modules",
];

/// The client, and what it saw during the whole examination.
pub(super) struct Client {
    http: reqwest::Client,
    pause: Duration,
    keys: [String; 2],
    key_parameter: String,
    log: Mutex<RequestLog>,
}

/// What all responses together show.
#[derive(Debug, Clone, Default)]
pub(super) struct RequestLog {
    pub(super) requests: usize,
    /// How long successful answers took, one request at a time.
    pub(super) durations: Vec<Duration>,
    /// How many responses had an error.
    pub(super) errors: usize,
    /// The key is too short: it may be a part of any text.
    pub(super) has_short_key: bool,
    /// How many responses with an error repeat the key.
    pub(super) errors_with_key: usize,
    /// How many responses with an error repeat an address or id.
    pub(super) errors_with_address: usize,
    /// How many responses with an error tell how the server is built.
    pub(super) errors_with_internals: usize,
}

/// A response.
#[derive(Clone)]
pub(super) struct Response {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    pub(super) version: Version,
}

/// A response, or the reason why there is none.
pub(super) type Reply = Result<Response, NoResponse>;

impl Client {
    pub(super) fn new(target: &Target, timeout: Duration, pause: Duration) -> Result<Self, NoTls> {
        let http = http_client(timeout)?;
        let keys = target.keys();
        let has_short_key = !keys.iter().any(|key| is_searchable(key));
        let log = Mutex::new(RequestLog { has_short_key, ..RequestLog::default() });
        let key_parameter = target.key_parameter().to_owned();
        Ok(Self { http, pause, keys, key_parameter, log })
    }

    /// Sends a GET.
    pub(super) async fn get(&self, url: Url) -> Reply {
        self.send(Method::GET, url).await
    }

    /// Sends a request, after the pause.
    pub(super) async fn send(&self, method: Method, url: Url) -> Reply {
        tokio::time::sleep(self.pause).await;
        let began_at = Instant::now();
        let reply = self.exchange(method, url.clone()).await;
        if reply.as_ref().is_ok_and(|response| response.status == 200) {
            self.log.lock().durations.push(began_at.elapsed());
        }
        reply
    }

    /// Sends a GET at once, for requests at the same time.
    pub(super) async fn get_at_once(&self, url: Url) -> Reply {
        self.exchange(Method::GET, url).await
    }

    /// What all responses together show.
    pub(super) fn log(&self) -> RequestLog {
        self.log.lock().clone()
    }

    async fn exchange(&self, method: Method, url: Url) -> Reply {
        self.log.lock().requests += 1;
        let sent = self.http.request(method, url.clone()).send().await;
        let mut response = sent.map_err(|error| no_response(&error))?;
        let mut body = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(|error| no_response(&error))? {
            if body.len().saturating_add(piece.len()) > MAX_BODY {
                return Err(NoResponse::TooLarge);
            }
            body.extend_from_slice(&piece);
        }
        let response = Response {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            version: response.version(),
            body,
        };
        if response.status >= 400 {
            self.read_error(&response, url.query().unwrap_or_default());
        }
        Ok(response)
    }

    /// Looks at the text of an error.
    fn read_error(&self, response: &Response, query: &str) {
        let body = String::from_utf8_lossy(&response.body);
        let headers =
            response.headers.values().map(|value| String::from_utf8_lossy(value.as_bytes()));
        let texts: Vec<_> = std::iter::once(body).chain(headers).collect();
        let holds =
            |word: &str| is_searchable(word) && texts.iter().any(|text| text.contains(word));
        let holds_value = |names: &[&str]| {
            let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            pairs.filter(|(name, _)| names.contains(name)).any(|(_, value)| {
                holds(value) || holds(&percent_decode_str(value).decode_utf8_lossy())
            })
        };
        // The key that was sent may be a wrong one.
        let holds_key =
            self.keys.iter().any(|key| holds(key)) || holds_value(&[&self.key_parameter]);
        let holds_address = holds_value(&["address", "primaryID"]);
        let holds_internals = INTERNALS.iter().any(|word| holds(word));
        let mut log = self.log.lock();
        log.errors += 1;
        log.errors_with_key += usize::from(holds_key);
        log.errors_with_address += usize::from(holds_address);
        log.errors_with_internals += usize::from(holds_internals);
    }
}

/// Whether a word is long enough to be found: a shorter one may be a part of any text.
const fn is_searchable(word: &str) -> bool {
    word.len() > 4
}

impl Response {
    /// The body as JSON.
    pub(super) fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }

    /// The customers, if the response is an array with status 200.
    pub(super) fn customers(&self) -> Option<Vec<Value>> {
        match self.json() {
            Some(Value::Array(customers)) if self.status == 200 => Some(customers),
            _ => None,
        }
    }

    /// The content type, without spaces and in lower case.
    pub(super) fn content_type(&self) -> String {
        let value = self.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        value.unwrap_or_default().replace(' ', "").to_lowercase()
    }

    /// A header in lower case.
    pub(super) fn header(&self, name: &str) -> String {
        let value = self.headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default().to_lowercase()
    }

    /// Whether the header `Allow` names GET.
    pub(super) fn allows_get(&self) -> bool {
        let value = self.headers.get(ALLOW).and_then(|value| value.to_str().ok());
        value.unwrap_or_default().split(',').any(|method| method.trim() == "GET")
    }

    /// Whether the server closes the connection after this response.
    pub(super) fn closes_connection(&self) -> bool {
        let names_close = self
            .headers
            .get(CONNECTION)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| value.eq_ignore_ascii_case("close"));
        names_close || [Version::HTTP_09, Version::HTTP_10].contains(&self.version)
    }
}

//! The endpoint of one simulated system: checks credentials and limits, and routes requests.

use std::sync::Arc;

use parking_lot::RwLock;

use super::data::SimulatedData;
use super::fault::{Faults, Part};
use super::options::SimulatorOptions;
use super::paths::{base_path, tokens_path};
use super::request::{Answer, SimulatorRequest};
use super::request_log::RequestLog;
use super::token::Tokens;
use super::window::Window;
use super::{omneo, omnilab, omniotap, syncaroo};
use crate::customer::model::source::Source;
use crate::jobs::tasks::BackgroundTasks;

/// The endpoint of one system.
pub(super) struct SimulatorEndpoint {
    pub(super) source: Source,
    pub(super) data: Arc<SimulatedData>,
    pub(super) background: BackgroundTasks,
    pub(super) faults: Faults,
    pub(super) request_log: RequestLog,
    pub(super) tokens: Tokens,
    /// `http://127.0.0.1:<port>`
    pub(super) origin: String,
    /// The API key, token or client secret.
    pub(super) secret: String,
    pub(super) options: Arc<RwLock<SimulatorOptions>>,
    pub(super) window: Window,
}

impl SimulatorEndpoint {
    /// The base URL of the API, as in an account's settings.
    pub(super) fn base_url(&self) -> String {
        format!("{}{}", self.origin, base_path(self.source))
    }

    /// The base of URLs in this system's responses.
    pub(super) fn links(&self) -> String {
        let elsewhere = self
            .options()
            .links_lead_to
            .map(|origin| format!("{origin}{}", base_path(self.source)));
        elsewhere.unwrap_or_else(|| self.base_url())
    }

    /// The path of the token endpoint. Empty if the system has none.
    pub(super) const fn tokens_path(&self) -> &'static str {
        tokens_path(self.source)
    }

    pub(super) fn options(&self) -> SimulatorOptions {
        self.options.read().clone()
    }

    pub(super) fn part_of(&self, request: &SimulatorRequest) -> Part {
        if self.gives_tokens(request) { Part::Tokens } else { Part::Api }
    }

    fn gives_tokens(&self, request: &SimulatorRequest) -> bool {
        !self.tokens_path().is_empty() && request.path == self.tokens_path()
    }

    /// Whether the request contains an API key, a token or a client secret.
    pub(super) fn has_credential(&self, request: &SimulatorRequest) -> bool {
        let is_in_body = String::from_utf8_lossy(&request.body).contains(&self.secret);
        request.header("x-api-key").is_some()
            || request.header("authorization").is_some()
            || is_in_body
    }

    /// The response without faults.
    pub(super) fn answer(&self, request: &SimulatorRequest) -> Answer {
        let (options, now) = (self.options(), self.data.now());
        let has_token = || request.bearer().is_some_and(|token| self.tokens.is_live(token, now));
        match self.source {
            Source::OmnioTap => self.limited(request, &options),
            Source::Omneo if request.bearer() != Some(self.secret.as_str()) => {
                Answer::unauthorized()
            }
            Source::Omneo => omneo::answer(&self.data, &options, request, &self.links()),
            Source::OmniLab | Source::Syncaroo if self.gives_tokens(request) => {
                if request.method != "POST" {
                    return Answer::error(405, "Method not allowed");
                }
                let (form, audience) = if self.source == Source::OmniLab {
                    (request.json(), Some(omnilab::AUDIENCE))
                } else {
                    (request.form(), None)
                };
                self.tokens.give(&form, &self.secret, audience, now, options.token_seconds)
            }
            Source::OmniLab | Source::Syncaroo if !has_token() => Answer::unauthorized(),
            Source::OmniLab => omnilab::answer(&self.data, &options, request),
            Source::Syncaroo => syncaroo::answer(&self.data, &options, request),
        }
    }

    /// Counts the requests of the tenant. A request without a valid key gets 401 and is not counted.
    fn limited(&self, request: &SimulatorRequest, options: &SimulatorOptions) -> Answer {
        if request.header("x-api-key") != Some(self.secret.as_str()) {
            return Answer::unauthorized();
        }
        let counted = self.window.count(self.data.now(), options.calls, options.window_seconds);
        let answer = if counted.is_over {
            Answer::error(429, "Too Many Requests")
        } else {
            omniotap::answer(&self.data, options, request)
        };
        answer
            .with("x-ratelimit-limit", &options.calls)
            .with("x-ratelimit-remaining", &counted.remaining)
            .with("x-ratelimit-reset", &counted.reset)
    }
}

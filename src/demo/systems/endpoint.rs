//! The endpoint of one simulated system: checks credentials and limits, and routes requests.

use std::sync::Arc;

use parking_lot::RwLock;

use super::asked::{Answer, SystemRequest};
use super::data::World;
use super::fault::{Faults, Part};
use super::options::SystemOptions;
use super::paths::{base_path, tokens_path};
use super::request_log::Arrivals;
use super::token::Tokens;
use super::window::Window;
use super::{omneo, omnilab, omniotap, syncaroo};
use crate::customer::model::source::Source;
use crate::jobs::tasks::BackgroundTasks;

/// The endpoint of one system.
pub(super) struct SystemEndpoint {
    pub(super) source: Source,
    pub(super) world: Arc<World>,
    pub(super) background: BackgroundTasks,
    pub(super) faults: Faults,
    pub(super) arrivals: Arrivals,
    pub(super) tokens: Tokens,
    /// `http://127.0.0.1:<port>`
    pub(super) origin: String,
    /// The API key, token or client secret.
    pub(super) secret: String,
    pub(super) terms: Arc<RwLock<SystemOptions>>,
    pub(super) window: Window,
}

impl SystemEndpoint {
    /// The base URL of the API, as in an account's settings.
    pub(super) fn base_url(&self) -> String {
        format!("{}{}", self.origin, base_path(self.source))
    }

    /// The base of URLs in this system's responses.
    pub(super) fn links(&self) -> String {
        let elsewhere =
            self.terms().links_lead_to.map(|origin| format!("{origin}{}", base_path(self.source)));
        elsewhere.unwrap_or_else(|| self.base_url())
    }

    /// The path of the token endpoint. Empty if the system has none.
    pub(super) const fn tokens_path(&self) -> &'static str {
        tokens_path(self.source)
    }

    pub(super) fn terms(&self) -> SystemOptions {
        self.terms.read().clone()
    }

    pub(super) fn part_of(&self, asked: &SystemRequest) -> Part {
        if self.gives_tokens(asked) { Part::Tokens } else { Part::Api }
    }

    fn gives_tokens(&self, asked: &SystemRequest) -> bool {
        !self.tokens_path().is_empty() && asked.path == self.tokens_path()
    }

    /// Whether the request contains an API key, a token or a client secret.
    pub(super) fn has_credential(&self, asked: &SystemRequest) -> bool {
        let is_in_body = String::from_utf8_lossy(&asked.body).contains(&self.secret);
        asked.header("x-api-key").is_some() || asked.header("authorization").is_some() || is_in_body
    }

    /// The response without faults.
    pub(super) fn answer(&self, asked: &SystemRequest) -> Answer {
        let (terms, now) = (self.terms(), self.world.now());
        let has_token = || asked.bearer().is_some_and(|token| self.tokens.is_live(token, now));
        match self.source {
            Source::OmnioTap => self.limited(asked, &terms),
            Source::Omneo if asked.bearer() != Some(self.secret.as_str()) => Answer::unauthorized(),
            Source::Omneo => omneo::answer(&self.world, &terms, asked, &self.links()),
            Source::OmniLab | Source::Syncaroo if self.gives_tokens(asked) => {
                if asked.method != "POST" {
                    return Answer::error(405, "Method not allowed");
                }
                let (form, audience) = if self.source == Source::OmniLab {
                    (asked.json(), Some(omnilab::AUDIENCE))
                } else {
                    (asked.form(), None)
                };
                self.tokens.give(&form, &self.secret, audience, now, terms.token_seconds)
            }
            Source::OmniLab | Source::Syncaroo if !has_token() => Answer::unauthorized(),
            Source::OmniLab => omnilab::answer(&self.world, &terms, asked),
            Source::Syncaroo => syncaroo::answer(&self.world, &terms, asked),
        }
    }

    /// Counts the requests of the tenant. A request without a valid key gets 401 and is not counted.
    fn limited(&self, asked: &SystemRequest, terms: &SystemOptions) -> Answer {
        if asked.header("x-api-key") != Some(self.secret.as_str()) {
            return Answer::unauthorized();
        }
        let counted = self.window.count(self.world.now(), terms.calls, terms.window_seconds);
        let answer = if counted.is_over {
            Answer::error(429, "Too Many Requests")
        } else {
            omniotap::answer(&self.world, terms, asked)
        };
        answer
            .with("x-ratelimit-limit", &terms.calls)
            .with("x-ratelimit-remaining", &counted.remaining)
            .with("x-ratelimit-reset", &counted.reset)
    }
}

//! Short-lived tokens for client credentials (RFC 6749, section 4.4).

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use serde_json::{Value, json};
use uuid::Uuid;

use super::request::Answer;
use crate::sources::value::text_at;

/// The client id that the systems accept.
pub const CLIENT_ID: &str = "demo-client";

/// The issued tokens with their expiry times.
#[derive(Default)]
pub(super) struct Tokens(Mutex<BTreeMap<String, Timestamp>>);

impl Tokens {
    /// Responds to a token request. `audience` is the required audience, if the system checks it.
    pub(super) fn give(
        &self,
        form: &Value,
        secret: &str,
        audience: Option<&str>,
        now: Timestamp,
        seconds: u32,
    ) -> Answer {
        let form_field = |name: &str| text_at(form, &format!("/{name}")).unwrap_or_default();
        let error = |status, code: &str| Answer::new(status, json!({ "error": code }).to_string());
        if form_field("grant_type") != "client_credentials" {
            return error(400, "unsupported_grant_type");
        }
        if audience.is_some_and(|audience| form_field("audience") != audience) {
            return error(400, "invalid_request");
        }
        if form_field("client_id") != CLIENT_ID || form_field("client_secret") != secret {
            return error(401, "invalid_client");
        }
        let token = Uuid::new_v4().simple().to_string();
        let end = now.saturating_add(SignedDuration::from_secs(i64::from(seconds))).unwrap_or(now);
        let mut tokens = self.0.lock();
        tokens.retain(|_, end| *end > now);
        tokens.insert(token.clone(), end);
        Answer::ok(
            json!({ "access_token": token, "token_type": "Bearer", "expires_in": seconds })
                .to_string(),
        )
    }

    pub(super) fn is_live(&self, token: &str, now: Timestamp) -> bool {
        self.0.lock().get(token).is_some_and(|end| *end > now)
    }

    /// Invalidates all tokens.
    pub(super) fn end_all(&self) {
        self.0.lock().clear();
    }
}

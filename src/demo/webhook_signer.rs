//! Signs webhooks as each of the four sources does. The counterpart of webhook verification.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use crate::customer::model::source::Source;
use crate::http::api_keys::NewKey;
use crate::sources::secret::SecretRef;
use crate::sources::signature::{Encoding, Hash, Method};

/// A signed webhook.
#[derive(Clone)]
pub struct Request {
    /// The path after the service's address.
    pub path: String,
    /// All headers, including the signature.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: String,
}

/// The secrets of the demo's sources.
#[derive(Clone)]
pub struct Secrets(BTreeMap<Source, String>);

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[redacted]")
    }
}

impl Secrets {
    /// Fixed, publicly known secrets, for a demo that only this machine can reach.
    #[must_use]
    pub fn known() -> Self {
        Self(Source::ALL.map(|source| (source, format!("demo-secret-{source}"))).into())
    }

    /// Random secrets.
    ///
    /// # Errors
    /// If the system provides no random numbers.
    pub fn random() -> Result<Self, getrandom::Error> {
        let secrets: Result<BTreeMap<_, _>, _> = Source::ALL
            .map(|source| Ok((source, NewKey::generate()?.reveal().to_owned())))
            .into_iter()
            .collect();
        secrets.map(Self)
    }

    fn of(&self, source: Source) -> &str {
        self.0.get(&source).map_or("", String::as_str)
    }

    /// The credential for a source's API: an API key, a token or a client secret.
    #[must_use]
    pub fn of_api(&self, source: Source) -> String {
        format!("api-{}", self.of(source))
    }

    /// The secret for a name in the demo's settings.
    ///
    /// # Errors
    /// If the demo has no secret with this name.
    pub fn fetch(&self, place: &SecretRef) -> Result<Vec<u8>, String> {
        let SecretRef::Env(wanted) = place else {
            return Err("is not one of the demo's secrets".to_owned());
        };
        self.by_name()
            .into_iter()
            .find(|(name, _)| name == wanted)
            .map(|(_, secret)| secret)
            .ok_or_else(|| "is not one of the demo's secrets".to_owned())
    }

    /// All secrets, by their names in the demo's settings.
    #[must_use]
    pub fn by_name(&self) -> Vec<(String, Vec<u8>)> {
        let of_source = |source: Source| {
            let name = source.as_str().to_uppercase();
            let of_webhooks = match source {
                // The format in which OmniLab gives out its secrets.
                Source::OmniLab => {
                    format!("whsec_{}", Encoding::Base64.encode(self.of(source).as_bytes()))
                }
                Source::OmnioTap | Source::Omneo | Source::Syncaroo => self.of(source).to_owned(),
            };
            [
                (format!("{name}_SECRET"), of_webhooks.into_bytes()),
                (format!("{name}_API"), self.of_api(source).into_bytes()),
            ]
        };
        Source::ALL.into_iter().flat_map(of_source).collect()
    }

    /// Signs a body as its source does. `headers` are those of the recording; the signature is new.
    #[must_use]
    pub fn sign(
        &self,
        source: Source,
        headers: &BTreeMap<String, String>,
        body: &Value,
        now: Timestamp,
    ) -> Request {
        let mut headers = headers.clone();
        let mut body = body.clone();
        let digest = |parts: &[&[u8]]| {
            Method::Hmac(Hash::Sha256).digest(self.of(source).as_bytes(), parts).unwrap_or_default()
        };
        if source == Source::Syncaroo
            && let Some(object) = body.as_object_mut()
        {
            object.remove("hash");
            let hash =
                Encoding::Hex.encode(&digest(&[serde_json::json!(object).to_string().as_bytes()]));
            object.insert("hash".to_owned(), Value::from(hash));
        }
        let body = body.to_string();
        match source {
            Source::OmnioTap => {
                headers.insert(
                    "x-omniotap-signature".to_owned(),
                    Encoding::Hex.encode(&digest(&[body.as_bytes()])),
                );
            }
            Source::Omneo => {
                headers.insert(
                    "x-omneo-hmac-sha256".to_owned(),
                    Encoding::Hex.encode(&digest(&[body.as_bytes()])),
                );
            }
            Source::OmniLab => {
                let (id, at) = (
                    headers.get("webhook-id").cloned().unwrap_or_default(),
                    now.as_second().to_string(),
                );
                let signature = Encoding::Base64
                    .encode(&digest(&[format!("{id}.{at}.").as_bytes(), body.as_bytes()]));
                headers.insert("webhook-timestamp".to_owned(), at);
                headers.insert("webhook-signature".to_owned(), format!("v1,{signature}"));
            }
            Source::Syncaroo => {}
        }
        Request { path: format!("/webhooks/demo/{source}"), headers, body }
    }
}

impl Request {
    /// The request as a curl command to a service at `base`.
    #[must_use]
    pub fn as_curl(&self, base: &str) -> String {
        let headers: String =
            self.headers.iter().map(|(name, value)| format!(" -H '{name}: {value}'")).collect();
        format!("curl -i '{base}{}'{headers} -d '{}'", self.path, self.body.replace('\'', "'\\''"))
    }
}

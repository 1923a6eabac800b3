//! What a webhook's HTTP request has: body, headers, and a secret.

use std::collections::BTreeMap;

use actix_web::HttpRequest;
use actix_web::http::header::{self, HeaderMap};
use actix_web::web::Payload;
use futures_util::StreamExt;
use percent_encoding::percent_decode_str;

use super::body_memory::{Body, BodyMemoryBudget};
use super::endpoints::{Outcome, Rejection};
use crate::http::problem::Problem;
use crate::sources::webhook::{SECRET_HEADER, SECRET_PARAMETER, SecretIn};

/// The limits of a body.
pub(super) struct BodyLimits {
    pub(super) memory: BodyMemoryBudget,
    pub(super) max_bytes: usize,
}

impl BodyLimits {
    /// Reads a body, as far as the limits allow.
    pub(super) async fn read(
        &self,
        request: &HttpRequest,
        mut payload: Payload,
    ) -> Result<Body, Rejection> {
        // The signature covers the encoded bytes, and the sources do not document an encoding.
        let mut encodings = request
            .headers()
            .get_all(header::CONTENT_ENCODING)
            .flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
        if !encodings.all(|encoding| {
            encoding.trim_ascii().is_empty()
                || encoding.trim_ascii().eq_ignore_ascii_case(b"identity")
        }) {
            return Err((Outcome::Incomplete, Problem::BodyEncoded));
        }
        let too_large = (Outcome::TooLarge, Problem::BodyTooLarge);
        let announced = request
            .headers()
            .get(header::CONTENT_LENGTH)
            .and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        if announced.is_some_and(|length| {
            usize::try_from(length).map_or(true, |length| length > self.max_bytes)
        }) {
            return Err(too_large);
        }
        let mut body = Body::default();
        while let Some(chunk) = payload.next().await {
            let chunk = chunk.map_err(|_| (Outcome::Incomplete, Problem::BadRequest))?;
            if body.bytes.len().saturating_add(chunk.len()) > self.max_bytes {
                return Err(too_large);
            }
            self.memory
                .add(&mut body, &chunk)
                .map_err(|_| (Outcome::Unavailable, Problem::InboxUnavailable))?;
        }
        Ok(body)
    }
}

/// The headers as text. Values of a repeated header are joined, as HTTP defines. Values that are not text are left out,
/// because no source sends any.
pub(crate) fn headers(map: &HeaderMap) -> BTreeMap<String, String> {
    let mut headers: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in map {
        if let Ok(value) = value.to_str() {
            let joined = headers.entry(name.as_str().to_owned()).or_default();
            match joined.as_str() {
                "" => *joined = value.to_owned(),
                // An identical repeated value counts once.
                known if known == value => {}
                known => *joined = format!("{known}, {value}"),
            }
        }
    }
    headers
}

/// The secret of a webhook: from the last segment of the path, the parameter of the query, or the header.
pub(super) fn secret(request: &HttpRequest, place: SecretIn) -> Option<String> {
    match place {
        SecretIn::Path => path_secret(request.path()),
        SecretIn::Query => query_secret(request.query_string()),
        SecretIn::Header => request.headers().get(SECRET_HEADER)?.to_str().ok().map(str::to_owned),
    }
}

/// The secret in the last segment of a path.
pub(crate) fn path_secret(path: &str) -> Option<String> {
    let segment = path.trim_start_matches('/').split('/').nth(3);
    decoded(segment.filter(|segment| !segment.is_empty())?)
}

/// The secret in the parameter of a query.
pub(crate) fn query_secret(query: &str) -> Option<String> {
    decoded(
        query.split('&').find_map(|pair| pair.strip_prefix(SECRET_PARAMETER)?.strip_prefix('='))?,
    )
}

fn decoded(text: &str) -> Option<String> {
    percent_decode_str(text).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}

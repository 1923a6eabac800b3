//! Every error that a client can see: status, stable code, text (RFC 9457). It never contains input of the caller, nor
//! internal text.
//!
//! Handlers return a [`Problem`]. The outermost middleware writes the body, because only it knows the request id.

use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, HttpResponseBuilder, ResponseError};

/// The only method that the endpoints of webhooks accept.
pub const WEBHOOK_METHOD: &str = "POST";

/// An extension of an error response that has its own body, for people. The middleware then writes none.
#[derive(Debug, Clone, Copy)]
pub struct OwnBody;

macro_rules! catalogue {
    ($($variant:ident, $status:ident, $code:literal, $title:literal, $help:literal;)+) => {
        /// An error that a client can see.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Problem {
            $(#[doc = $title] $variant,)+
            /// Too many requests with one key. The value is the seconds to wait.
            TooManyRequests(u64),
            /// Too many wrong keys from one network. The value is the seconds to wait.
            TooManyWrongKeys(u64),
            /// Too many lookups that found nobody, with one key. The value is the seconds to wait.
            TooManyNotFound(u64),
            /// Too many identical webhooks. The value is the seconds to wait.
            TooManyWebhooks(u64),
        }

        impl Problem {
            /// All problems.
            pub const ALL: &[Self] = &[$(Self::$variant,)+ Self::TooManyRequests(1), Self::TooManyWrongKeys(1), Self::TooManyNotFound(1), Self::TooManyWebhooks(1)];

            /// The HTTP status.
            #[must_use]
            pub const fn status(self) -> StatusCode {
                match self {
                    $(Self::$variant => StatusCode::$status,)+
                    Self::TooManyRequests(_) | Self::TooManyWrongKeys(_) | Self::TooManyNotFound(_) | Self::TooManyWebhooks(_) => StatusCode::TOO_MANY_REQUESTS,
                }
            }

            /// The code, the title and the help text.
            const fn texts(self) -> (&'static str, &'static str, &'static str) {
                match self {
                    $(Self::$variant => ($code, $title, $help),)+
                    Self::TooManyRequests(_) => ("too-many-requests", "Too many requests with this key", "Wait the number of seconds in Retry-After. An operator sets the limit with limits.lookups_per_second."),
                    Self::TooManyWrongKeys(_) => ("too-many-wrong-keys", "Too many requests with wrong keys from this network", "Check the key in the CRM sync url. Requests with a valid key are still answered."),
                    Self::TooManyNotFound(_) => ("too-many-not-found", "Too many lookups with this key found nobody", "Wait the number of seconds in Retry-After. An operator sets the limit with limits.not_found_per_minute."),
                    Self::TooManyWebhooks(_) => ("too-many-webhooks", "The same webhook was sent too often", "Send it again after the number of seconds in Retry-After. An operator sets the limit with limits.identical_webhooks_per_minute."),
                }
            }
        }
    };
}

catalogue! {
    KeyMissing, BAD_REQUEST, "key-missing", "The key is missing, empty or repeated", "Paste the whole CRM sync url again, as the console (page Keys) or `hookpoint key create` showed it. It contains exactly one key.";
    ParameterMissing, BAD_REQUEST, "parameter-missing", "A parameter is missing", "Send channelAddressType and address, or send primaryID.";
    ParameterRepeated, BAD_REQUEST, "parameter-repeated", "A parameter is repeated", "Send channelAddressType, address and primaryID at most once.";
    ParameterEmpty, BAD_REQUEST, "parameter-empty", "A parameter is empty", "Send a value for each parameter.";
    BothForms, BAD_REQUEST, "both-forms", "The request mixes both forms of a lookup", "Send either channelAddressType and address, or primaryID.";
    ChannelUnknown, BAD_REQUEST, "channel-unknown", "The channelAddressType is unknown", "Send phoneNumber or email.";
    PhoneMalformed, BAD_REQUEST, "phone-malformed", "The address is not a phone number", "Send a complete number in E.164 format, with the plus encoded as %2B.";
    EmailMalformed, BAD_REQUEST, "email-malformed", "The address is not an e-mail address", "Send one e-mail address, without a display name.";
    PrimaryIdMalformed, BAD_REQUEST, "primary-id-malformed", "The primaryID is malformed", "Send 1 to 128 characters, without control characters. Send the value itself, not a placeholder such as [Number] or {{address}}.";
    QueryTooLong, BAD_REQUEST, "query-too-long", "The query is too long", "Send at most 4096 bytes after the question mark.";
    BadRequest, BAD_REQUEST, "bad-request", "The request is malformed", "Send a complete and valid HTTP request.";
    KeyUnknown, UNAUTHORIZED, "key-unknown", "The key is not valid", "The key is unknown, expired or revoked. The console (page Keys) or `hookpoint key list` shows which keys are valid. Make a new one there, or with `hookpoint key create`, and paste its URL into Omnidesk (Settings, Brands, CRM sync url).";
    NetworkForbidden, FORBIDDEN, "network-forbidden", "Your network may not use this service", "An operator lists the allowed networks in server.allowed_networks.";
    BrandNetworkForbidden, FORBIDDEN, "brand-network-forbidden", "Your network may not use the keys of this brand", "An admin lists the allowed networks in the brand's setting allowed_networks.";
    NotFound, NOT_FOUND, "not-found", "This path does not exist", "Check the path of the CRM sync url. In the URL of a webhook, check the brand and the source.";
    MethodNotAllowed, METHOD_NOT_ALLOWED, "method-not-allowed", "This path accepts only GET and HEAD", "Send a GET request.";
    PageMethodNotAllowed, METHOD_NOT_ALLOWED, "page-method-not-allowed", "This path accepts only GET, HEAD and POST", "Open the link in a browser.";
    WebhookMethodNotAllowed, METHOD_NOT_ALLOWED, "webhook-method-not-allowed", "This path accepts only POST", "Send the webhook as a POST request.";
    WebhookUnverified, UNAUTHORIZED, "webhook-unverified", "The webhook could not be verified", "Compare the secret at the source with the secret in the settings. The page of the source in the console, `hookpoint inbox status` and the log have the reason, and `hookpoint inbox verify` explains it.";
    BodyEncoded, UNSUPPORTED_MEDIA_TYPE, "body-encoded", "The body is compressed or otherwise encoded", "Send the body without Content-Encoding.";
    BodyTooLarge, PAYLOAD_TOO_LARGE, "body-too-large", "The body is too large", "An operator sets the limit with inbox.max_body_kilobytes.";
    SourceNotConnected, SERVICE_UNAVAILABLE, "source-not-connected", "This source is not connected", "An admin sets the verification of webhooks in the settings of the source.";
    InboxUnavailable, SERVICE_UNAVAILABLE, "inbox-unavailable", "The webhook could not be stored", "Send it again after the number of seconds in Retry-After.";
    ReceiptUnknown, SERVICE_UNAVAILABLE, "receipt-unknown", "Receiving and storing the webhook took too long", "Send it again after the number of seconds in Retry-After. If the first one was stored, the second one changes nothing.";
    LookupFailed, INTERNAL_SERVER_ERROR, "lookup-failed", "The lookup failed", "Postgres failed, or did not answer in time. Operators find the request id in the log.";
    Overloaded, SERVICE_UNAVAILABLE, "overloaded", "Too many lookups are waiting", "Try again after the number of seconds in Retry-After.";
    Starting, SERVICE_UNAVAILABLE, "starting", "The service is still starting", "Try again after the number of seconds in Retry-After.";
    ShuttingDown, SERVICE_UNAVAILABLE, "shutting-down", "The service is shutting down", "Try again. Another replica will answer.";
}

impl Problem {
    /// The stable code, which is also the last part of the `type` URL.
    #[must_use]
    pub const fn code(self) -> &'static str {
        self.texts().0
    }

    /// The title: what is wrong, in one line.
    #[must_use]
    pub const fn title(self) -> &'static str {
        self.texts().1
    }

    /// The help text: what to do.
    #[must_use]
    pub const fn help(self) -> &'static str {
        self.texts().2
    }

    /// The seconds to wait. `None` if waiting does not help.
    #[must_use]
    pub const fn retry_after(self) -> Option<u64> {
        match self {
            Self::TooManyRequests(seconds)
            | Self::TooManyWrongKeys(seconds)
            | Self::TooManyNotFound(seconds)
            | Self::TooManyWebhooks(seconds) => Some(seconds),
            Self::Overloaded | Self::Starting | Self::ShuttingDown => Some(1),
            Self::InboxUnavailable | Self::ReceiptUnknown => Some(5),
            Self::SourceNotConnected => Some(300),
            _ => None,
        }
    }

    /// The problem with a code.
    #[must_use]
    pub fn of_code(code: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|problem| problem.code() == code)
    }

    /// The problem for an error status that did not come from a [`Problem`].
    #[must_use]
    pub fn of_status(status: StatusCode) -> Self {
        match status {
            StatusCode::NOT_FOUND => Self::NotFound,
            StatusCode::METHOD_NOT_ALLOWED => Self::MethodNotAllowed,
            status if status.is_server_error() => Self::LookupFailed,
            _ => Self::BadRequest,
        }
    }

    /// The response body: the members of RFC 9457, the code and the request id.
    #[must_use]
    pub fn body(self, public_url: &str, request_id: &str) -> String {
        let problem_type = format!("{public_url}/problems/{}", self.code());
        let body = Body {
            problem_type,
            title: self.title(),
            status: self.status().as_u16(),
            detail: self.help(),
            code: self.code(),
            request_id,
        };
        serde_json::to_string(&body).unwrap_or_default()
    }

    fn add_headers(self, response: &mut HttpResponseBuilder) {
        let header = match self {
            Self::MethodNotAllowed => (header::ALLOW, "GET, HEAD"),
            Self::PageMethodNotAllowed => (header::ALLOW, "GET, HEAD, POST"),
            Self::WebhookMethodNotAllowed => (header::ALLOW, WEBHOOK_METHOD),
            // RFC 9110, section 15.5.16.
            Self::BodyEncoded => (header::ACCEPT_ENCODING, "identity"),
            Self::KeyUnknown => (header::WWW_AUTHENTICATE, "Key realm=\"hookpoint\""),
            Self::WebhookUnverified => (header::WWW_AUTHENTICATE, "Signature realm=\"hookpoint\""),
            _ => return,
        };
        response.insert_header(header);
    }

    /// Whether the rest of the abandoned request may still arrive on this connection.
    const fn closes_connection(self) -> bool {
        matches!(self, Self::ReceiptUnknown | Self::BodyTooLarge | Self::BodyEncoded)
    }
}

#[derive(serde::Serialize)]
struct Body<'a> {
    #[serde(rename = "type")]
    problem_type: String,
    title: &'static str,
    status: u16,
    detail: &'static str,
    code: &'static str,
    request_id: &'a str,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.title())
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.status()
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status());
        if let Some(seconds) = self.retry_after() {
            response.insert_header((header::RETRY_AFTER, seconds.to_string()));
        }
        if self.closes_connection() {
            response.force_close();
        }
        self.add_headers(&mut response);
        let mut response = response.finish();
        response.extensions_mut().insert(*self);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_fit_in_a_url() {
        let mut codes: Vec<_> = Problem::ALL.iter().map(|problem| problem.code()).collect();
        assert!(codes.iter().all(|code| code.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')));
        let all = codes.len();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), all);
    }
}

//! Every error that a client can see: status, stable code, text (RFC 9457). Never the caller's input, never internal text.
//!
//! Handlers return a [`Problem`]; the outermost middleware writes the body, because only it knows the request id.

use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, ResponseError};

macro_rules! catalogue {
    ($($variant:ident, $status:ident, $code:literal, $title:literal, $help:literal;)+) => {
        /// An error that a client can see.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Problem {
            $(#[doc = $title] $variant,)+
            /// Too many requests: seconds to wait.
            TooManyRequests(u64),
            /// Too many wrong keys from one network: seconds to wait.
            TooManyWrongKeys(u64),
            /// Too many lookups of unknown people with one key: seconds to wait.
            TooManyMisses(u64),
            /// The same webhook too often: seconds to wait.
            TooManyWebhooks(u64),
        }

        impl Problem {
            /// Every problem there is.
            pub const ALL: &[Self] = &[$(Self::$variant,)+ Self::TooManyRequests(1), Self::TooManyWrongKeys(1), Self::TooManyMisses(1), Self::TooManyWebhooks(1)];

            /// The status.
            #[must_use]
            pub const fn status(self) -> StatusCode {
                match self {
                    $(Self::$variant => StatusCode::$status,)+
                    Self::TooManyRequests(_) | Self::TooManyWrongKeys(_) | Self::TooManyMisses(_) | Self::TooManyWebhooks(_) => StatusCode::TOO_MANY_REQUESTS,
                }
            }

            /// Code, title and what to do about it.
            const fn texts(self) -> (&'static str, &'static str, &'static str) {
                match self {
                    $(Self::$variant => ($code, $title, $help),)+
                    Self::TooManyRequests(_) => ("too-many-requests", "Too many requests with this key", "Wait as long as Retry-After says. The limit is limits.lookups_per_second."),
                    Self::TooManyWrongKeys(_) => ("too-many-wrong-keys", "Too many requests with wrong keys from this network", "Check the key in the CRM sync url. Requests with a valid key are not affected."),
                    Self::TooManyMisses(_) => ("too-many-misses", "Too many lookups of unknown people with this key", "Wait as long as Retry-After says. The limit is limits.not_found_per_minute."),
                    Self::TooManyWebhooks(_) => ("too-many-webhooks", "The same webhook comes too often", "Send it again after as long as Retry-After says. The limit is limits.identical_webhooks_per_minute."),
                }
            }
        }
    };
}

catalogue! {
    KeyMissing, BAD_REQUEST, "key-missing", "The key is missing, empty or repeated", "Paste the whole CRM sync url that `hookpoint key create` printed: it holds exactly one key.";
    ParameterMissing, BAD_REQUEST, "parameter-missing", "A parameter is missing", "Send channelAddressType and address, or primaryID.";
    ParameterRepeated, BAD_REQUEST, "parameter-repeated", "A parameter is repeated", "Send channelAddressType, address and primaryID at most once.";
    ParameterEmpty, BAD_REQUEST, "parameter-empty", "A parameter is empty", "Send a value for each parameter.";
    BothForms, BAD_REQUEST, "both-forms", "Both forms of a lookup at once", "Send either channelAddressType and address, or primaryID.";
    ChannelUnknown, BAD_REQUEST, "channel-unknown", "Unknown channelAddressType", "It is phoneNumber or email.";
    PhoneMalformed, BAD_REQUEST, "phone-malformed", "The address is not a phone number", "Send a possible number in E.164 form, with the plus as %2B.";
    EmailMalformed, BAD_REQUEST, "email-malformed", "The address is not an e-mail address", "Send one address, without a display name.";
    PrimaryIdMalformed, BAD_REQUEST, "primary-id-malformed", "The primaryID is malformed", "It has 1 to 128 characters and no control characters.";
    QueryTooLong, BAD_REQUEST, "query-too-long", "The query is too long", "It has at most 4096 bytes.";
    BadRequest, BAD_REQUEST, "bad-request", "The request is malformed", "Send it as HTTP/1.1 describes.";
    KeyUnknown, UNAUTHORIZED, "key-unknown", "The key opens nothing", "It is unknown, expired or revoked. `hookpoint key list` shows which keys are live, `hookpoint key create` makes a new one.";
    NetworkForbidden, FORBIDDEN, "network-forbidden", "Your network may not use this service", "An operator lists the networks in server.allow.";
    BrandNetworkForbidden, FORBIDDEN, "brand-network-forbidden", "Your network may not use this brand's keys", "An admin lists the networks in the brand's allow setting.";
    NotFound, NOT_FOUND, "not-found", "There is nothing here", "Check the path of the CRM sync url, or the brand and source in that of a webhook.";
    MethodNotAllowed, METHOD_NOT_ALLOWED, "method-not-allowed", "Only GET and HEAD", "Lookups are GET requests.";
    WebhookMethodNotAllowed, METHOD_NOT_ALLOWED, "webhook-method-not-allowed", "Only POST", "Webhooks are POST requests.";
    WebhookUnproved, UNAUTHORIZED, "webhook-unproved", "Nothing proves that this webhook is the source's own", "Compare the secret there with the one here. Operators find the reason in the log, and `hookpoint inbox status` says since when.";
    BodyEncoded, UNSUPPORTED_MEDIA_TYPE, "body-encoded", "The body is compressed or otherwise encoded", "Send it as it is, without Content-Encoding.";
    BodyTooLarge, PAYLOAD_TOO_LARGE, "body-too-large", "The body is too large", "An operator sets the limit with inbox.max_body_kilobytes.";
    SourceNotConnected, SERVICE_UNAVAILABLE, "source-not-connected", "This source is not connected", "An admin sets how its webhooks are verified, in the source's webhook settings.";
    InboxUnavailable, SERVICE_UNAVAILABLE, "inbox-unavailable", "The webhook could not be stored", "Send it again as Retry-After says.";
    ReceiptUnknown, SERVICE_UNAVAILABLE, "receipt-unknown", "Storing the webhook took too long", "Send it again as Retry-After says: if it was stored after all, it does not count twice.";
    LookupFailed, INTERNAL_SERVER_ERROR, "lookup-failed", "The lookup failed", "The store could not be asked in time. Operators find the request id in the log.";
    Overloaded, SERVICE_UNAVAILABLE, "overloaded", "Too many lookups are waiting", "Try again as Retry-After says.";
    Starting, SERVICE_UNAVAILABLE, "starting", "The service is still starting", "Try again as Retry-After says.";
    ShuttingDown, SERVICE_UNAVAILABLE, "shutting-down", "The service is shutting down", "Try again: another replica answers.";
}

impl Problem {
    /// The stable code, also the last part of the `type` URL.
    #[must_use]
    pub const fn code(self) -> &'static str {
        self.texts().0
    }

    /// One line on what is wrong.
    #[must_use]
    pub const fn title(self) -> &'static str {
        self.texts().1
    }

    /// What to do about it.
    #[must_use]
    pub const fn help(self) -> &'static str {
        self.texts().2
    }

    /// Seconds to wait, where waiting helps.
    #[must_use]
    pub const fn retry_after(self) -> Option<u64> {
        match self {
            Self::TooManyRequests(seconds) | Self::TooManyWrongKeys(seconds) | Self::TooManyMisses(seconds) | Self::TooManyWebhooks(seconds) => {
                Some(seconds)
            }
            Self::Overloaded | Self::Starting | Self::ShuttingDown => Some(1),
            Self::InboxUnavailable | Self::ReceiptUnknown => Some(5),
            Self::SourceNotConnected => Some(300),
            _ => None,
        }
    }

    /// The problem that a status without one of ours stands for.
    #[must_use]
    pub fn of_status(status: StatusCode) -> Self {
        match status {
            StatusCode::NOT_FOUND => Self::NotFound,
            StatusCode::METHOD_NOT_ALLOWED => Self::MethodNotAllowed,
            status if status.is_server_error() => Self::LookupFailed,
            _ => Self::BadRequest,
        }
    }

    /// The body: RFC 9457 members, the code and the request's id.
    #[must_use]
    pub fn body(self, public_url: &str, request_id: &str) -> String {
        let problem_type = format!("{public_url}/problems/{}", self.code());
        let body = Body { problem_type, title: self.title(), status: self.status().as_u16(), detail: self.help(), code: self.code(), request_id };
        serde_json::to_string(&body).unwrap_or_default()
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
        match self {
            Self::MethodNotAllowed => drop(response.insert_header((header::ALLOW, "GET, HEAD"))),
            Self::WebhookMethodNotAllowed => drop(response.insert_header((header::ALLOW, "POST"))),
            // Whatever else comes on this connection belongs to what was given up.
            Self::ReceiptUnknown | Self::BodyTooLarge => drop(response.force_close()),
            // RFC 9110, section 15.5.16.
            Self::BodyEncoded => drop(response.force_close().insert_header((header::ACCEPT_ENCODING, "identity"))),
            Self::KeyUnknown => drop(response.insert_header((header::WWW_AUTHENTICATE, "Key realm=\"hookpoint\""))),
            Self::WebhookUnproved => drop(response.insert_header((header::WWW_AUTHENTICATE, "Signature realm=\"hookpoint\""))),
            _ => {}
        }
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

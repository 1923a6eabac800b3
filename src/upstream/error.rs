//! Why a call to a source failed.

use std::sync::Arc;

use crate::certificate_problem::CertificateProblem;
use crate::sources::{Fault, Unreadable};
use crate::storage::StorageError;

/// Why a call failed. The text never contains personal data: nothing of the request or the reply.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CallError {
    /// The rate limit allows no call within the caller's time.
    #[error("rate limit: calls_per_minute is used up, and no call becomes free in time")]
    RateLimited,
    /// The circuit breaker is open, because recent calls failed.
    #[error("circuit breaker open: recent calls failed")]
    CircuitOpen,
    /// The source did not answer in time.
    #[error("the source did not answer in time")]
    TimedOut,
    /// No connection could be made, or it broke.
    #[error(
        "the source cannot be reached, or the connection broke; check base_url, DNS and the firewall"
    )]
    Unreachable,
    /// The certificate is not trusted. Nothing was sent.
    #[error("the TLS certificate of the source is not trusted: {0}")]
    UntrustedCertificate(CertificateProblem),
    /// The server has no TLS or only an unsafe version, or it requires a client certificate. Nothing was sent.
    #[error(
        "the TLS connection to the source failed: the source has no TLS or only an old version, or requires a client certificate"
    )]
    TlsFailed,
    /// The source answered with an error status.
    #[error("the source answered with status {0}{hint}", hint = hint(*.0))]
    Status(u16),
    /// The source answered with a redirect.
    #[error("the source answered with a redirect, which is not followed; check base_url")]
    Redirected,
    /// The URL is malformed, or points outside of the allowed origins.
    #[error("the URL is outside of base_url, so it is not called; check base_url")]
    BlockedOrigin,
    /// The answer exceeds the limit of size or memory.
    #[error(
        "the answer is too large; raise calls.max_response_kilobytes, or lower the page_size of the source"
    )]
    TooLarge,
    /// The answer is not JSON, for example the page of a proxy. If it could not be unpacked, there is no detail.
    #[error("the answer is not JSON{detail}", detail = .0.map_or_else(String::new, |fault| format!(": {fault}")))]
    NotJson(Option<Fault>),
    /// The answer is JSON, but not as the source documents it.
    #[error("the answer is not as expected: {0}")]
    Unreadable(#[from] Unreadable),
    /// No access token could be obtained.
    #[error("no access token: {0}")]
    NoToken(Arc<Self>),
    /// The API has no such request.
    #[error("this API does not support that request")]
    Unsupported,
    /// The rate limit is stored in Postgres, which failed.
    #[error("cannot read the rate limit from Postgres: {0}")]
    Storage(Arc<StorageError>),
    /// The service is shutting down.
    #[error("the service is shutting down")]
    ShuttingDown,
}

const fn hint(status: u16) -> &'static str {
    match status {
        401 | 403 => "; check the secret and its permissions",
        _ => "",
    }
}

impl CallError {
    /// The error for a status that is no success.
    pub(super) const fn of_status(status: u16) -> Self {
        match status {
            300..400 => Self::Redirected,
            status => Self::Status(status),
        }
    }

    /// Whether the same call may succeed later.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        match self {
            Self::RateLimited
            | Self::CircuitOpen
            | Self::TimedOut
            | Self::Unreachable
            | Self::NoToken(_)
            | Self::Storage(_)
            | Self::ShuttingDown => true,
            // A wrong key may be corrected.
            Self::Status(status) => matches!(status, 401 | 403 | 408 | 425 | 429) || *status >= 500,
            // An expired certificate may be renewed.
            Self::UntrustedCertificate(_)
            | Self::TlsFailed
            | Self::NotJson(_)
            | Self::Redirected => true,
            Self::BlockedOrigin | Self::TooLarge | Self::Unreadable(_) | Self::Unsupported => false,
        }
    }

    /// The outcome in metrics and in log lines of lookups.
    pub(crate) const fn outcome(&self) -> &'static str {
        match self {
            Self::RateLimited => "rate_limited",
            Self::CircuitOpen => "circuit_open",
            Self::TimedOut => "timed_out",
            Self::Unreachable => "unreachable",
            Self::UntrustedCertificate(_) => "certificate_untrusted",
            Self::TlsFailed => "tls_failed",
            Self::Status(429) => "throttled",
            Self::Status(_) => "http_error",
            Self::Redirected => "redirected",
            Self::BlockedOrigin => "blocked_origin",
            Self::TooLarge => "too_large",
            Self::NotJson(_) => "not_json",
            Self::Unreadable(_) => "invalid_response",
            Self::NoToken(_) => "no_token",
            Self::Unsupported => "unsupported",
            Self::Storage(_) => "storage_unavailable",
            Self::ShuttingDown => "shutting_down",
        }
    }

    /// Whether the error counts for the circuit breaker. Exceeded rate limits do not: the rate limiter handles them.
    pub(super) fn is_fault(&self) -> bool {
        match self {
            Self::TimedOut
            | Self::Unreachable
            | Self::UntrustedCertificate(_)
            | Self::TlsFailed
            | Self::NotJson(_)
            | Self::Redirected => true,
            // A wrong key usually stays wrong for a while.
            Self::Status(status) => *status == 401 || *status >= 500,
            Self::NoToken(why) => {
                why.is_fault() || matches!(**why, Self::Status(_) | Self::Unreadable(_))
            }
            _ => false,
        }
    }

    /// Whether the source answered, also with a rejection.
    pub(super) const fn is_answer(&self) -> bool {
        matches!(self, Self::Status(_) | Self::TooLarge | Self::Unreadable(_))
    }
}

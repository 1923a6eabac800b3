//! Why a call says nothing.

use std::sync::Arc;

use super::CertificateProblem;
use crate::sources::{Fault, Unreadable};
use crate::storage::StorageError;

/// Why there is no reading. The text never holds what was asked, sent or heard.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CallError {
    /// The budget allows no call within the time that the caller has.
    #[error("rate limit: no call is allowed in time")]
    RateLimited,
    /// It failed too often lately.
    #[error("circuit breaker open: recent calls failed")]
    CircuitOpen,
    /// Nothing came in time.
    #[error("no answer in time")]
    TimedOut,
    /// There was nobody, or the connection broke.
    #[error("not reachable")]
    Unreachable,
    /// Whoever is there doesn't prove to be the source. Nothing was sent.
    #[error("its TLS certificate is not trusted: {0}")]
    UntrustedCertificate(CertificateProblem),
    /// There is no TLS, none that is still safe, or it wants to see a certificate. Nothing was sent.
    #[error("TLS connection failed")]
    TlsFailed,
    /// A status that isn't an answer.
    #[error("it answered {0}{hint}", hint = hint(*.0))]
    Status(u16),
    /// It wants us to go elsewhere.
    #[error("it answered with a redirect, which is not followed")]
    Redirected,
    /// A URL that leads away from the account, or nowhere.
    #[error("a URL points to another server than the configured one")]
    BlockedOrigin,
    /// More than anybody needs.
    #[error("the answer is too large")]
    TooLarge,
    /// Something else than JSON, such as the page of a proxy; of what can't be unpacked nobody knows more.
    #[error("the answer is not JSON{detail}", detail = .0.map_or_else(String::new, |fault| format!(": {fault}")))]
    NotJson(Option<Fault>),
    /// JSON that says nothing.
    #[error("the answer is not as expected: {0}")]
    Unreadable(#[from] Unreadable),
    /// There is no token to be had.
    #[error("no access token: {0}")]
    NoToken(Arc<Self>),
    /// This API can't be asked that.
    #[error("this API does not support that request")]
    Unsupported,
    /// The budget is kept in Postgres.
    #[error("the rate limit in Postgres cannot be read: {0}")]
    Storage(Arc<StorageError>),
    /// The service is ending.
    #[error("the service is shutting down")]
    ShuttingDown,
}

const fn hint(status: u16) -> &'static str {
    match status {
        401 | 403 => ": is the secret still right, and may it read this?",
        _ => "",
    }
}

impl CallError {
    /// Whether the same question may be answered later.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        match self {
            Self::RateLimited | Self::CircuitOpen | Self::TimedOut | Self::Unreachable | Self::NoToken(_) | Self::Storage(_) | Self::ShuttingDown => {
                true
            }
            // Also a key that is wrong today.
            Self::Status(status) => matches!(status, 401 | 403 | 408 | 425 | 429) || *status >= 500,
            // Also a certificate that is renewed too late.
            Self::UntrustedCertificate(_) | Self::TlsFailed | Self::NotJson(_) | Self::Redirected => true,
            Self::BlockedOrigin | Self::TooLarge | Self::Unreadable(_) | Self::Unsupported => false,
        }
    }
    /// What becomes of a call, in metrics.
    pub(super) const fn outcome(&self) -> &'static str {
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

    /// Whether the account isn't well: after some of these in a row it is left alone. Too many calls are the budget's matter.
    pub(super) fn is_fault(&self) -> bool {
        match self {
            Self::TimedOut | Self::Unreachable | Self::UntrustedCertificate(_) | Self::TlsFailed | Self::NotJson(_) | Self::Redirected => true,
            // A key that is wrong stays wrong for a while.
            Self::Status(status) => *status == 401 || *status >= 500,
            Self::NoToken(why) => why.is_fault() || matches!(**why, Self::Status(_) | Self::Unreadable(_)),
            _ => false,
        }
    }

    /// Whether the source said something, be it that it doesn't want to.
    pub(super) const fn is_answer(&self) -> bool {
        matches!(self, Self::Status(_) | Self::TooLarge | Self::Unreadable(_))
    }
}

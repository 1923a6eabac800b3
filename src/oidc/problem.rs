//! Why nobody was identified. No text of the provider is in it, and nothing of a person.

use openidconnect::{
    ClaimsVerificationError, DiscoveryError, ErrorResponse, RequestTokenError,
    SignatureVerificationError,
};

/// Why nobody was identified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OidcProblem {
    /// There is no connection.
    #[error("no connection")]
    Unreachable,
    /// The provider did not answer in time.
    #[error("no answer in time")]
    TimedOut,
    /// The secure connection failed.
    #[error("the certificate is not trusted, or there is no TLS")]
    Tls,
    /// An answer is too large.
    #[error("an answer is larger than 1 MB")]
    TooLarge,
    /// The provider names a URL that is not its own.
    #[error("it names a URL that is not below the origin of the issuer")]
    OtherOrigin,
    /// The provider calls itself something else.
    #[error("it says that it is another issuer")]
    OtherIssuer,
    /// An answer cannot be used.
    #[error("it sent an answer that cannot be used")]
    Unusable,
    /// The provider did not exchange the code for a token.
    #[error("it did not accept the code, the client id or the client secret")]
    CodeRejected,
    /// The token is not valid. The value is what is wrong with it.
    #[error("it sent a token that is not valid: {0}")]
    Token(&'static str),
}

impl From<DiscoveryError<Self>> for OidcProblem {
    fn from(error: DiscoveryError<Self>) -> Self {
        match error {
            DiscoveryError::Request(problem) => problem,
            DiscoveryError::Validation(_) => Self::OtherIssuer,
            _ => Self::Unusable,
        }
    }
}

impl<T: ErrorResponse + 'static> From<RequestTokenError<Self, T>> for OidcProblem {
    fn from(error: RequestTokenError<Self, T>) -> Self {
        match error {
            RequestTokenError::Request(problem) => problem,
            RequestTokenError::ServerResponse(_) => Self::CodeRejected,
            _ => Self::Unusable,
        }
    }
}

impl From<ClaimsVerificationError> for OidcProblem {
    fn from(error: ClaimsVerificationError) -> Self {
        Self::Token(match error {
            ClaimsVerificationError::Expired(_) => "it has expired",
            ClaimsVerificationError::InvalidAudience(_) => "it is for another service",
            ClaimsVerificationError::InvalidIssuer(_) => "it is from another issuer",
            ClaimsVerificationError::InvalidNonce(_) => "it is for another log-in",
            ClaimsVerificationError::SignatureVerification(error) => match error {
                SignatureVerificationError::DisallowedAlg(_) => "its algorithm is not accepted",
                SignatureVerificationError::NoMatchingKey => "its key is unknown",
                _ => "its signature is wrong",
            },
            _ => "its form is not supported",
        })
    }
}

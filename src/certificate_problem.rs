//! Why the certificate of a server is not trusted: of a source, or of Postgres.

use rustls::CertificateError;

/// Why a certificate is not trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CertificateProblem {
    /// No trusted authority has issued it.
    #[error("no trusted authority has issued it")]
    UnknownAuthority,
    /// It is an authority's own certificate. `openssl req -x509` makes such a self-signed certificate.
    #[error("it is self-signed, and marked as an authority (CA:TRUE), not as a server")]
    OfAuthority,
    /// It was issued for another host.
    #[error("it was issued for another host")]
    OtherHost,
    /// It has expired.
    #[error("it has expired")]
    Expired,
    /// It is not valid yet.
    #[error("it is not valid yet")]
    NotYetValid,
    /// It is revoked, for another use, or malformed.
    #[error("it is malformed, revoked or for another use")]
    Unsound,
}

impl From<&CertificateError> for CertificateProblem {
    fn from(error: &CertificateError) -> Self {
        match error {
            // An authority that was replaced has the same name and another key.
            CertificateError::UnknownIssuer | CertificateError::BadSignature => {
                Self::UnknownAuthority
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                Self::OtherHost
            }
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => Self::Expired,
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                Self::NotYetValid
            }
            // The library has no variant of its own for this error of its verifier.
            CertificateError::Other(other)
                if format!("{other:?}").contains("CaUsedAsEndEntity") =>
            {
                Self::OfAuthority
            }
            _ => Self::Unsound,
        }
    }
}

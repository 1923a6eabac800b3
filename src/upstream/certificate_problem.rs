//! Why the certificate of a source is not trusted.

use rustls::CertificateError;

/// Why a certificate is not trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CertificateProblem {
    /// No trusted authority has issued it.
    #[error("no trusted authority has issued it")]
    UnknownAuthority,
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
            _ => Self::Unsound,
        }
    }
}

//! Why no secure connection to a source could be made.

use std::error::Error;
use std::io;

use rustls::{AlertDescription, CertificateError};

use super::CallError;

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

/// The TLS error, if the handshake failed. A source that requires a client certificate reports it only after the
/// handshake, and over HTTP/2 that report does not arrive here.
pub(super) fn fault(error: &reqwest::Error) -> Option<CallError> {
    match find(error)? {
        rustls::Error::InvalidCertificate(why) => Some(CallError::UntrustedCertificate(why.into())),
        rustls::Error::AlertReceived(AlertDescription::CertificateRequired) => {
            Some(CallError::TlsFailed)
        }
        _ => error.is_connect().then_some(CallError::TlsFailed),
    }
}

/// Finds the error of the TLS library in the chain. An I/O error hides its direct cause from `source`.
fn find<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e rustls::Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        let within = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = within.map(|error| -> &(dyn Error + 'static) { error }).or_else(|| error.source());
    }
    None
}

//! What was wrong when a source was there, and no secure connection to it could be made.

use std::error::Error;
use std::io;

use rustls::{AlertDescription, CertificateError};

use super::CallError;

/// Why a certificate is not trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CertificateProblem {
    /// Nobody known here vouches for it.
    #[error("no authority known here has issued it")]
    UnknownAuthority,
    /// It is somebody else's.
    #[error("it is for another host")]
    OtherHost,
    /// Its time is over.
    #[error("it has expired")]
    Expired,
    /// Its time is to come.
    #[error("it is not valid yet")]
    NotYetValid,
    /// Withdrawn, for another use, or not what it says.
    #[error("it is not sound")]
    Unsound,
}

impl From<&CertificateError> for CertificateProblem {
    fn from(error: &CertificateError) -> Self {
        match error {
            // An authority that is made anew has the same name, and another key.
            CertificateError::UnknownIssuer | CertificateError::BadSignature => Self::UnknownAuthority,
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => Self::OtherHost,
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => Self::Expired,
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => Self::NotYetValid,
            _ => Self::Unsound,
        }
    }
}

/// What the handshake failed of, if it did. A source that wants to see a certificate of ours says so only afterwards, and over
/// HTTP/2 that doesn't get here.
pub(super) fn fault(error: &reqwest::Error) -> Option<CallError> {
    match find(error)? {
        rustls::Error::InvalidCertificate(why) => Some(CallError::UntrustedCertificate(why.into())),
        rustls::Error::AlertReceived(AlertDescription::CertificateRequired) => Some(CallError::TlsFailed),
        _ => error.is_connect().then_some(CallError::TlsFailed),
    }
}

/// Goes down to TLS's own error. The library's error of reading and writing leaves out what is directly below it.
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

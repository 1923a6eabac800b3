//! Why no secure connection to a source could be made.

use std::error::Error;
use std::io;

use rustls::AlertDescription;

use super::error::CallError;

/// The TLS error, if the handshake failed. A source that requires a client certificate reports it only after the
/// handshake, and over HTTP/2 that report does not arrive here.
pub(crate) fn fault(error: &reqwest::Error) -> Option<CallError> {
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

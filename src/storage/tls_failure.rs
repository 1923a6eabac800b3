//! Why TLS with Postgres failed, in words.

use std::path::PathBuf;

use rustls::AlertDescription;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::certificate_problem::CertificateProblem;

/// How PEM text begins. A parameter of the URL may have such text in place of a path.
const PEM_START: &str = "-----BEGIN";

/// The files for TLS that a database URL names.
#[derive(Debug, Clone, Default)]
pub(super) struct TlsFiles {
    pub root: Option<PathBuf>,
    pub certificate: Option<PathBuf>,
    pub key: Option<PathBuf>,
}

impl TlsFiles {
    /// Remembers the file if the parameter of the URL names one for TLS.
    pub(super) fn note(&mut self, parameter: &str, value: &str) {
        let file = match parameter {
            "sslrootcert" | "ssl-root-cert" | "ssl-ca" => &mut self.root,
            "sslcert" | "ssl-cert" => &mut self.certificate,
            "sslkey" | "ssl-key" => &mut self.key,
            _ => return,
        };
        *file = (!value.trim_start().starts_with(PEM_START)).then(|| PathBuf::from(value));
    }

    /// What is wrong with the first file that cannot be used.
    pub(super) fn problem(&self) -> Option<String> {
        let has_certificates = |text: &[u8]| {
            let mut all = CertificateDer::pem_slice_iter(text).peekable();
            all.peek().is_some() && all.all(|certificate| certificate.is_ok())
        };
        let has_key = |text: &[u8]| PrivateKeyDer::from_pem_slice(text).is_ok();
        let certificate = "has no certificate in PEM format";
        problem_of("sslrootcert", self.root.as_ref(), has_certificates, certificate)
            .or_else(|| {
                problem_of("sslcert", self.certificate.as_ref(), has_certificates, certificate)
            })
            .or_else(|| {
                let key = "has no private key in PEM format without a passphrase";
                problem_of("sslkey", self.key.as_ref(), has_key, key)
            })
    }
}

fn problem_of(
    parameter: &str,
    path: Option<&PathBuf>,
    is_usable: impl Fn(&[u8]) -> bool,
    otherwise: &str,
) -> Option<String> {
    let path = path?;
    let problem = match std::fs::read(path) {
        Ok(text) if is_usable(&text) => return None,
        Ok(_) => otherwise.to_owned(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => "does not exist".to_owned(),
        Err(error) => format!("cannot be read ({})", error.kind()),
    };
    Some(format!("the file of {parameter}, {}, {problem}", path.display()))
}

/// Whether the server has no TLS at all. The library says so in a text only.
pub(super) fn is_without_tls(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Tls(inner) if inner.to_string() == "server does not support TLS")
}

/// The error of the TLS library, if there is one. An I/O error contains it when the handshake failed.
pub(super) fn tls_error(error: &sqlx::Error) -> Option<&rustls::Error> {
    match error {
        sqlx::Error::Tls(inner) => inner.downcast_ref(),
        sqlx::Error::Io(error) => error.get_ref().and_then(|inner| inner.downcast_ref()),
        _ => None,
    }
}

/// Why the TLS library refused the connection.
pub(super) fn in_words(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InvalidCertificate(why) => of_certificate(why.into()),
        rustls::Error::AlertReceived(alert) => of_alert(*alert).to_owned(),
        rustls::Error::InconsistentKeys(_) => {
            "the key of sslkey does not belong to the certificate of sslcert".to_owned()
        }
        rustls::Error::PeerIncompatible(_) => NOTHING_IN_COMMON.to_owned(),
        _ => HANDSHAKE_FAILED.to_owned(),
    }
}

const HANDSHAKE_FAILED: &str =
    "the TLS handshake failed: perhaps something other than Postgres listens there";

const NOTHING_IN_COMMON: &str = "the server and this service have no TLS version and cipher in common; this service needs TLS 1.2 or newer";

fn of_certificate(problem: CertificateProblem) -> String {
    let remedy = match problem {
        CertificateProblem::UnknownAuthority => {
            "; name the authority's certificate in sslrootcert, or the server's own if it is self-signed"
        }
        CertificateProblem::OfAuthority => {
            "; let that authority issue a certificate for the server, and name the authority's in sslrootcert"
        }
        CertificateProblem::OtherHost => "; write a host name of the certificate into the URL",
        CertificateProblem::Expired => "; renew it at the server",
        CertificateProblem::NotYetValid => "; check the clocks of both machines",
        CertificateProblem::Unsound => "",
    };
    format!("the server's certificate is not trusted: {problem}{remedy}")
}

const fn of_alert(alert: AlertDescription) -> &'static str {
    match alert {
        AlertDescription::CertificateRequired => {
            "the server requires a client certificate: set sslcert and sslkey"
        }
        AlertDescription::UnknownCA
        | AlertDescription::BadCertificate
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::CertificateRevoked
        | AlertDescription::CertificateExpired
        | AlertDescription::CertificateUnknown
        | AlertDescription::AccessDenied => {
            "the server does not accept the client certificate of sslcert"
        }
        AlertDescription::ProtocolVersion
        | AlertDescription::InsufficientSecurity
        | AlertDescription::HandshakeFailure => NOTHING_IN_COMMON,
        AlertDescription::UnrecognisedName => "the server has no certificate for this host name",
        _ => HANDSHAKE_FAILED,
    }
}

#[cfg(test)]
mod tests {
    use rustls::CertificateError;

    use super::*;

    #[test]
    fn each_reason_of_the_tls_library_has_words() {
        let certificate = |why| rustls::Error::InvalidCertificate(why);
        let alert = rustls::Error::AlertReceived;
        for (error, words) in [
            (certificate(CertificateError::UnknownIssuer), "no trusted authority has issued it"),
            (certificate(CertificateError::Expired), "it has expired"),
            (certificate(CertificateError::NotValidYet), "it is not valid yet"),
            (certificate(CertificateError::NotValidForName), "issued for another host"),
            (certificate(CertificateError::BadEncoding), "it is malformed"),
            (alert(AlertDescription::CertificateRequired), "requires a client certificate"),
            (alert(AlertDescription::UnknownCA), "does not accept the client certificate"),
            (alert(AlertDescription::ProtocolVersion), "needs TLS 1.2 or newer"),
            (rustls::Error::DecryptError, "the TLS handshake failed"),
        ] {
            let text = in_words(&error);
            assert!(text.contains(words), "{error}: {text}");
        }
    }
}

//! The HTTP client of the doctor, and of commands that send something. It follows no redirect, and uses no proxy. Errors
//! of the library do not leave this file, because they contain the URL.

use std::fmt;
use std::time::Duration;

use crate::upstream::{CallError, tls_error};

/// Why there is no response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NoResponse {
    /// There is no connection.
    Unreachable,
    /// The secure connection failed.
    Tls(String),
    /// The server did not answer in time.
    TimedOut,
    /// The connection ended before the response was complete.
    Broken,
    /// The response is larger than 16 MB.
    TooLarge,
}

impl fmt::Display for NoResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unreachable => "no connection",
            Self::Tls(why) => why,
            Self::TimedOut => "no answer in time",
            Self::Broken => "the connection ended without a complete answer",
            Self::TooLarge => "the answer is larger than 16 MB",
        })
    }
}

/// Keeps only the kind of an error.
pub(crate) fn no_response(error: &reqwest::Error) -> NoResponse {
    if let Some(fault) = tls_error::fault(error) {
        NoResponse::Tls(match fault {
            CallError::UntrustedCertificate(why) => {
                format!("the certificate is not trusted: {why}")
            }
            _ => "the TLS handshake failed: no TLS, or only an old version".to_owned(),
        })
    } else if error.is_timeout() {
        NoResponse::TimedOut
    } else if error.is_connect() {
        NoResponse::Unreachable
    } else {
        NoResponse::Broken
    }
}

/// The TLS library does not start on this machine.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the TLS library does not start on this machine; install the package ca-certificates")]
pub struct NoTls;

/// The client. It sends each request once.
pub(crate) fn http_client(timeout: Duration) -> Result<reqwest::Client, NoTls> {
    // Fails if a provider is already installed, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = || {
        reqwest::Client::builder()
            .user_agent(concat!("omnidesk-hookpoint-cli/", env!("CARGO_PKG_VERSION")))
            .timeout(timeout)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .no_proxy()
    };
    builder().build().or_else(|_| builder().tls_certs_only([]).build()).map_err(|_| NoTls)
}

//! One server that a database URL names: how to connect to it, and why that failed.

use std::fmt;
use std::io::ErrorKind;

use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use sqlx::{AssertSqlSafe, ConnectOptions, Row};

use super::failure::{self, DatabaseFailure};
use super::tls_failure::{TlsFiles, is_without_tls, tls_error};

/// How many prepared statements a connection keeps, unless its URL says otherwise: more than the service has. Those of the
/// write path take long to plan.
pub(super) const KEPT_STATEMENTS: usize = 512;

/// One server.
#[derive(Clone)]
pub(super) struct Server {
    pub options: PgConnectOptions,
    /// The files that the URL names.
    pub files: TlsFiles,
}

/// Without the password.
impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Server").field(&self.address()).finish()
    }
}

impl Server {
    /// Host and port, or the directory of the socket and its port.
    pub(super) fn address(&self) -> String {
        let (host, port) = (self.options.get_host(), self.options.get_port());
        match self.options.get_socket() {
            Some(directory) => format!("{}:{port}", directory.display()),
            None if host.contains(':') => format!("[{host}]:{port}"),
            None => format!("{host}:{port}"),
        }
    }

    fn has_socket(&self) -> bool {
        self.options.get_socket().is_some() || self.options.get_host().starts_with('/')
    }

    /// Whether the connection does not use a network.
    pub(super) fn is_of_this_machine(&self) -> bool {
        let host = self.options.get_host();
        let is_loopback =
            || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
        self.has_socket() || host == "localhost" || is_loopback()
    }

    /// Opens a connection, and runs a setup statement.
    pub(super) async fn connect(&self, setup: &str) -> Result<PgConnection, sqlx::Error> {
        let mut connection = self.options.connect().await?;
        let answers = sqlx::raw_sql(AssertSqlSafe(format!("{setup}; select pg_is_in_recovery()")))
            .fetch_all(&mut connection)
            .await?;
        let is_standby: bool = answers.last().ok_or(sqlx::Error::RowNotFound)?.try_get(0)?;
        if is_standby { Err(DatabaseFailure::Standby.into()) } else { Ok(connection) }
    }

    /// Why no connection to this server was possible.
    pub(super) fn reason(&self, error: &sqlx::Error) -> String {
        if is_without_tls(error) {
            return match self.options.get_ssl_mode() {
                PgSslMode::VerifyFull => {
                    "the server has no TLS, but sslmode=verify-full (the default over a network) requires it".to_owned()
                }
                mode => format!("the server has no TLS, but sslmode={} requires it", name_of(mode)),
            };
        }
        let of_file = || match error {
            sqlx::Error::Tls(_) | sqlx::Error::Configuration(_) => true,
            sqlx::Error::Io(inner) => {
                tls_error(error).is_some()
                    || [ErrorKind::NotFound, ErrorKind::PermissionDenied, ErrorKind::IsADirectory]
                        .contains(&inner.kind())
            }
            _ => false,
        };
        let problem = if of_file() { self.files.problem() } else { None };
        problem
            .or_else(|| self.local_reason(error).map(str::to_owned))
            .unwrap_or_else(|| failure::reason(error))
    }

    /// Reasons that occur only while a connection is being opened.
    fn local_reason(&self, error: &sqlx::Error) -> Option<&'static str> {
        match error {
            sqlx::Error::Io(error) => match error.kind() {
                ErrorKind::NotFound if self.has_socket() => Some(
                    "there is no socket in this directory: Postgres is not running, or uses another directory or port",
                ),
                ErrorKind::PermissionDenied if self.has_socket() => {
                    Some("the user of this service may not use the socket")
                }
                ErrorKind::NotFound | ErrorKind::PermissionDenied => Some(
                    "a file of sslrootcert, sslcert or sslkey does not exist or cannot be read",
                ),
                _ => None,
            },
            sqlx::Error::Protocol(text) if text.contains("authentication m") => Some(
                "the server requires an authentication method that this service does not support; use scram-sha-256 in its pg_hba.conf",
            ),
            sqlx::Error::Protocol(_) => {
                Some("the server closed the connection, or is not Postgres: check the port")
            }
            _ => None,
        }
    }
}

const fn name_of(mode: PgSslMode) -> &'static str {
    match mode {
        PgSslMode::Disable => "disable",
        PgSslMode::Allow => "allow",
        PgSslMode::Prefer => "prefer",
        PgSslMode::Require => "require",
        PgSslMode::VerifyCa => "verify-ca",
        PgSslMode::VerifyFull => "verify-full",
    }
}

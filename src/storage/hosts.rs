//! The servers of a database, and which of them is the primary.
//!
//! The primary among the hosts of a URL is used, and found again after a failover. A standby is never used: it lags
//! behind, and cannot send notifications.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use sqlx::ConnectOptions;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};

use super::connection_trust::ConnectionTrust;
use super::database_url::Url;
use super::failure::{self, DatabaseFailure};
use super::server::Server;
use super::tls_failure::TlsFiles;
use super::url_error::UrlError;

/// How long one host may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// How long to wait for one host before the next one is tried at the same time.
const NEXT_HOST_DELAY: Duration = Duration::from_millis(200);

/// The servers of one database.
#[derive(Debug)]
pub struct Hosts {
    all: Vec<Server>,
    /// For errors: the servers, the database, and where the URL comes from.
    name: String,
    /// The host that was the primary the last time.
    last: AtomicUsize,
    /// Which connections probably work.
    pub(super) trust: ConnectionTrust,
}

impl Hosts {
    /// The embedded server.
    #[must_use]
    pub fn embedded(options: PgConnectOptions) -> Self {
        let server = Server { options, files: TlsFiles::default() };
        Self::all(vec![server], "the embedded Postgres")
    }

    /// The servers that a URL names.
    ///
    /// # Errors
    /// When the URL has a mistake.
    pub fn of_url(url: &Url) -> Result<Self, UrlError> {
        Ok(Self::all(url.servers()?, &url.1.to_string()))
    }

    fn all(all: Vec<Server>, origin: &str) -> Self {
        let addresses: Vec<String> = all.iter().map(Server::address).collect();
        let database = all.first().and_then(|server| server.options.get_database());
        let database = database.map(|name| format!("/{name}")).unwrap_or_default();
        let name = format!("{}{database} ({origin})", addresses.join(","));
        // Statement logging is off: the statements are fixed texts, so a log line about a slow one would not help an
        // operator. PgBouncer refuses extra_float_digits, and Postgres's own default loses no digit.
        let all = all.into_iter().map(|server| Server {
            options: server
                .options
                .disable_statement_logging()
                .application_name("hookpoint")
                .extra_float_digits(None),
            files: server.files,
        });
        let all = all.collect();
        Self { all, name, last: AtomicUsize::new(0), trust: ConnectionTrust::default() }
    }

    /// The servers, the database, and where the URL comes from. It has no user and no password.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Adds the name of the database to an error, unless it has one.
    pub(super) fn name_in(&self, error: sqlx::Error) -> sqlx::Error {
        match error {
            sqlx::Error::AnyDriverError(_) => error,
            plain => failure::with_name(&self.name, failure::reason(&plain), plain),
        }
    }

    /// What an attacker in the network could do, because of the URL's `sslmode`.
    #[must_use]
    pub fn exposure(&self) -> Option<&'static str> {
        let modes = self
            .all
            .iter()
            .filter(|server| !server.is_of_this_machine())
            .map(|server| server.options.get_ssl_mode());
        modes
            .map(|mode| match mode {
                PgSslMode::VerifyFull => (0, None),
                PgSslMode::VerifyCa => (1, Some("another server with a certificate from the same authority can pretend to be the database")),
                PgSslMode::Require => (2, Some("an attacker in the network can pretend to be the server, and read and change everything")),
                PgSslMode::Allow | PgSslMode::Prefer => {
                    (3, Some("an attacker in the network can turn TLS off, get the password, and read and change everything"))
                }
                PgSslMode::Disable => {
                    (4, Some("nothing is encrypted: an attacker in the network gets the password, and can read and change everything"))
                }
            })
            .max_by_key(|(rank, _)| *rank)
            .and_then(|(_, exposure)| exposure)
    }

    /// The options of the host that was used last.
    #[must_use]
    pub fn options(&self) -> PgConnectOptions {
        let last = self.all.get(self.last.load(Ordering::Relaxed)).or_else(|| self.all.first());
        last.map(|server| server.options.clone()).unwrap_or_default()
    }

    /// Opens a connection to the primary, and runs a setup statement. All hosts are tried; the next one starts
    /// when one is slow.
    ///
    /// # Errors
    /// When no host is a primary that accepts connections.
    pub async fn connect(&self, setup: &str) -> Result<PgConnection, sqlx::Error> {
        let first = self.last.load(Ordering::Relaxed);
        let order = (0..self.all.len())
            .map(|n| first.saturating_add(n).checked_rem(self.all.len()).unwrap_or_default());
        let mut asked: FuturesUnordered<_> = order
            .zip(0_u32..)
            .filter_map(|(n, turn)| Some((n, turn, self.all.get(n)?)))
            .map(|(n, turn, server)| async move {
                tokio::time::sleep(NEXT_HOST_DELAY.saturating_mul(turn)).await;
                let connected = tokio::time::timeout(CONNECT_TIMEOUT, server.connect(setup)).await;
                (n, connected.unwrap_or_else(|_| Err(DatabaseFailure::Silent.into())))
            })
            .collect();
        let mut failures = Vec::new();
        while let Some((n, connected)) = asked.next().await {
            match connected {
                Ok(connection) => {
                    self.last.store(n, Ordering::Relaxed);
                    return Ok(connection);
                }
                Err(error) => failures.push((n, error)),
            }
        }
        Err(self.failure(failures))
    }

    /// The error of all hosts.
    fn failure(&self, mut failures: Vec<(usize, sqlx::Error)>) -> sqlx::Error {
        let mut reasons: Vec<(usize, String, String)> = failures
            .iter()
            .filter_map(|(n, error)| {
                let server = self.all.get(*n)?;
                Some((*n, server.address(), server.reason(error)))
            })
            .collect();
        reasons.sort();
        let reason = match reasons.as_slice() {
            [(_, _, only)] => only.clone(),
            several => {
                let each = several.iter().map(|(_, host, reason)| format!("{host}: {reason}"));
                each.collect::<Vec<_>>().join("; ")
            }
        };
        // A standby among the hosts is normal. If there is another error, that one decides what happens next.
        let decisive = failures.iter().position(|(_, error)| !is_of_standby(error));
        let at = decisive.unwrap_or_default();
        let cause =
            if at < failures.len() { failures.swap_remove(at).1 } else { sqlx::Error::PoolClosed };
        failure::with_name(&self.name, reason, cause)
    }
}

fn is_of_standby(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Io(error) if error.kind() == std::io::ErrorKind::ReadOnlyFilesystem)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(url: &str) -> Hosts {
        Hosts::of_url(&Url::from_environment(url.to_owned())).unwrap()
    }

    #[test]
    fn over_a_network_the_server_is_verified_unless_the_url_says_otherwise() {
        let mode = |url: &str| hosts(url).exposure().is_none();
        assert!(mode("postgres://a:b@db.internal/name"));
        assert!(
            mode("postgres://a:b@127.0.0.1/name")
                && mode("postgres://a:b@[::1]/name")
                && mode("postgres://a@localhost/name")
        );
        assert!(mode("postgres://a@%2Fvar%2Frun%2Fpostgresql/name"));
        for weaker in ["verify-ca", "require", "prefer", "allow", "disable"] {
            assert!(
                !mode(&format!("postgres://a:b@db.internal/name?sslmode={weaker}")),
                "{weaker}"
            );
            assert!(mode(&format!("postgres://a:b@localhost/name?sslmode={weaker}")), "{weaker}");
        }
    }

    #[test]
    fn an_error_names_each_host_and_its_reason_but_no_user() {
        let hosts = hosts("postgres://canary:canary@one,two:5433/shop");
        let refused = || sqlx::Error::Io(std::io::ErrorKind::ConnectionRefused.into());
        let error = hosts.failure(vec![(1, DatabaseFailure::Standby.into()), (0, refused())]);
        let text = failure::in_words(&error);
        let start =
            "database one:5432,two:5433/shop (from DATABASE_URL): one:5432: connection refused";
        assert!(text.starts_with(start) && text.contains("; two:5433: this Postgres"), "{text}");
        assert!(!is_of_standby(failure::cause(&error)), "the other error decides");
        assert!(!format!("{text}{error:?}{hosts:?}").contains("canary"));
        let again = failure::in_words(&hosts.name_in(error));
        assert_eq!(again, text, "it is named once");
    }
}

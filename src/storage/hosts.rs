//! The servers of a database URL, and which of them is the primary.
//!
//! As with libpq, a URL may name several hosts (`postgres://one,two:5433/name`). The primary among them is
//! used, and found again after a failover. A standby is never used: it lags behind, and cannot send
//! notifications.

use std::str::FromStr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use sqlx::{AssertSqlSafe, ConnectOptions, Row};

use super::connection_trust::ConnectionTrust;
use super::failure::DatabaseFailure;

/// How long one host may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// How long to wait for one host before the next one is tried at the same time.
const NEXT_HOST_DELAY: Duration = Duration::from_millis(200);

/// The servers of one database.
#[derive(Debug)]
pub struct Hosts {
    all: Vec<PgConnectOptions>,
    /// The host that was the primary the last time.
    last: AtomicUsize,
    /// Which connections probably work.
    pub(super) trust: ConnectionTrust,
}

/// What is wrong with a database URL. The text does not repeat the URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// It cannot be parsed.
    #[error(
        "the database URL is malformed; write it as postgres://user:password@host:5432/database"
    )]
    Malformed,
    /// libpq allows more values, but they make no sense here.
    #[error(
        "target_session_attrs in the database URL must be read-write, primary or any: this service writes to Postgres"
    )]
    Target,
}

impl Hosts {
    /// A single server.
    #[must_use]
    pub fn one(options: PgConnectOptions) -> Self {
        Self::all(vec![options])
    }

    fn all(all: Vec<PgConnectOptions>) -> Self {
        // Statement logging is off: the statements are fixed texts, so a log line about a slow one would not
        // help an operator.
        let all = all
            .into_iter()
            .map(|options| options.disable_statement_logging().application_name("hookpoint"))
            .collect();
        Self { all, last: AtomicUsize::new(0), trust: ConnectionTrust::default() }
    }

    /// The servers that a URL names.
    ///
    /// # Errors
    /// When it cannot be parsed.
    pub fn parse(url: &str) -> Result<Self, UrlError> {
        let (start, rest) = url.split_once("://").ok_or(UrlError::Malformed)?;
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, tail) = rest.split_at_checked(end).ok_or(UrlError::Malformed)?;
        let (user, hosts) =
            authority.rsplit_once('@').map_or(("", authority), |(user, hosts)| (user, hosts));
        let at = if authority.contains('@') { "@" } else { "" };
        let tail = without_target(tail)?;
        let options = hosts.split(',').map(|host| {
            let options = PgConnectOptions::from_str(&format!("{start}://{user}{at}{host}{tail}"))
                .map_err(|_| UrlError::Malformed)?;
            let names_mode = tail.contains("sslmode=") || tail.contains("ssl-mode=");
            // Without verification, an attacker in the network could pretend to be the server and receive the
            // password.
            Ok(if names_mode || is_of_this_machine(&options) {
                options
            } else {
                options.ssl_mode(PgSslMode::VerifyFull)
            })
        });
        Ok(Self::all(options.collect::<Result<_, _>>()?))
    }

    /// What an attacker in the network could do, because of the URL's `sslmode`.
    #[must_use]
    pub fn exposure(&self) -> Option<&'static str> {
        let modes = self
            .all
            .iter()
            .filter(|options| !is_of_this_machine(options))
            .map(PgConnectOptions::get_ssl_mode);
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
        last.cloned().unwrap_or_default()
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
            .map(|(n, turn, options)| async move {
                tokio::time::sleep(NEXT_HOST_DELAY.saturating_mul(turn)).await;
                let connected =
                    tokio::time::timeout(CONNECT_TIMEOUT, connect_to(options, setup)).await;
                (n, connected.unwrap_or_else(|_| Err(DatabaseFailure::Silent.into())))
            })
            .collect();
        let mut failure = None;
        while let Some((n, connected)) = asked.next().await {
            match connected {
                Ok(connection) => {
                    self.last.store(n, Ordering::Relaxed);
                    return Ok(connection);
                }
                // A standby among the hosts is normal. Report another host's error instead, if there is one.
                Err(error) if failure.as_ref().is_none_or(is_of_standby) => failure = Some(error),
                Err(_) => {}
            }
        }
        Err(failure.unwrap_or(sqlx::Error::PoolClosed))
    }
}

fn is_of_standby(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Io(error) if error.kind() == std::io::ErrorKind::ReadOnlyFilesystem)
}

async fn connect_to(options: &PgConnectOptions, setup: &str) -> Result<PgConnection, sqlx::Error> {
    let mut connection = options.connect().await?;
    let answers = sqlx::raw_sql(AssertSqlSafe(format!("{setup}; select pg_is_in_recovery()")))
        .fetch_all(&mut connection)
        .await?;
    let is_standby: bool = answers.last().ok_or(sqlx::Error::RowNotFound)?.try_get(0)?;
    if is_standby { Err(DatabaseFailure::Standby.into()) } else { Ok(connection) }
}

/// Whether the connection does not use a network.
fn is_of_this_machine(options: &PgConnectOptions) -> bool {
    let host = options.get_host();
    let is_loopback = || {
        host.trim_matches(['[', ']'])
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
    };
    options.get_socket().is_some() || host.starts_with('/') || host == "localhost" || is_loopback()
}

/// The rest of a URL without libpq's `target_session_attrs`. The service always looks for the primary.
fn without_target(tail: &str) -> Result<String, UrlError> {
    let Some((path, query)) = tail.split_once('?') else { return Ok(tail.to_owned()) };
    let (targets, kept): (Vec<&str>, Vec<&str>) =
        query.split('&').partition(|pair| pair.starts_with("target_session_attrs="));
    let is_possible = |pair: &&str| {
        pair.split_once('=')
            .is_some_and(|(_, target)| ["read-write", "primary", "any"].contains(&target))
    };
    if !targets.iter().all(is_possible) {
        return Err(UrlError::Target);
    }
    Ok(if kept.is_empty() { path.to_owned() } else { format!("{path}?{}", kept.join("&")) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(url: &str) -> Vec<(String, u16)> {
        let hosts = Hosts::parse(url).unwrap();
        hosts
            .all
            .iter()
            .map(|options| (options.get_host().to_owned(), options.get_port()))
            .collect()
    }

    #[test]
    fn a_url_may_name_several_hosts() {
        let one = "postgres://hookpoint:a%40b@db.internal:5433/name?sslmode=require";
        assert_eq!(hosts(one), [("db.internal".to_owned(), 5433)]);
        let three = "postgres://hookpoint:secret@one,two:5433,[::1]:5434/name?target_session_attrs=read-write&sslmode=require";
        assert_eq!(
            hosts(three),
            [("one".to_owned(), 5432), ("two".to_owned(), 5433), ("[::1]".to_owned(), 5434)]
        );
        assert_eq!(
            Hosts::parse("postgres://one/name?target_session_attrs=standby").err(),
            Some(UrlError::Target)
        );
        assert_eq!(Hosts::parse("one/name").err(), Some(UrlError::Malformed));
    }

    #[test]
    fn over_a_network_the_server_is_verified_unless_the_url_says_otherwise() {
        let mode = |url: &str| Hosts::parse(url).unwrap().exposure().is_none();
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
}

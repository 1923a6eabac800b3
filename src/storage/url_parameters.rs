//! The parameters of a database URL. Only those that have an effect are allowed: one that is ignored, such as a mistyped
//! `sslmode`, could be unsafe.

use std::net::IpAddr;
use std::str::FromStr;

use sqlx::postgres::{PgConnectOptions, PgSslMode};

use super::server::{KEPT_STATEMENTS, Server};
use super::tls_failure::TlsFiles;
use super::url_error::UrlError;

/// The parameters that have an effect, and two that are accepted without one: `application_name`, because the name is
/// always `hookpoint`, and `target_session_attrs`. `options[NAME]` is one too.
#[rustfmt::skip]
const KNOWN: [&str; 19] = [
    "sslmode", "ssl-mode", "sslrootcert", "ssl-root-cert", "ssl-ca", "sslcert", "ssl-cert", "sslkey", "ssl-key",
    "host", "hostaddr", "port", "dbname", "user", "password", "application_name", "options",
    "statement-cache-capacity", "target_session_attrs",
];

/// Parameters of libpq, of other libraries and of poolers that this service does not have.
#[rustfmt::skip]
const UNSUPPORTED: [&str; 37] = [
    "channel_binding", "client_encoding", "connect_timeout", "connection_limit", "currentSchema",
    "fallback_application_name", "gssdelegation", "gssencmode", "gsslib", "keepalives", "keepalives_count",
    "keepalives_idle", "keepalives_interval", "krbsrvname", "load_balance_hosts", "max_protocol_version",
    "min_protocol_version", "passfile", "pgbouncer", "pool_timeout", "replication", "require_auth", "requirepeer",
    "schema", "search_path", "service", "sslcertmode", "sslcompression", "sslcrl", "sslcrldir",
    "ssl_max_protocol_version", "ssl_min_protocol_version", "sslnegotiation", "sslpassword", "sslsni",
    "statement_timeout", "tcp_user_timeout",
];

/// From this similarity on, an unknown name is a mistyped one. This is stricter than `near_name`: an unknown name may be
/// a piece of a password, which must not be repeated.
const RESEMBLES: f64 = 0.85;

/// The checked parameters of a URL.
pub(super) struct Parameters {
    /// As in the URL, without those of libpq that mean nothing here. A default of the service comes first.
    pub kept: String,
    has_mode: bool,
    files: TlsFiles,
}

impl Parameters {
    pub(super) fn check(query: &str) -> Result<Self, UrlError> {
        let pairs: Vec<(usize, &str)> =
            (1..).zip(query.split('&').filter(|pair| !pair.is_empty())).collect();
        // Of two values, the later one counts.
        let kept = format!("statement-cache-capacity={KEPT_STATEMENTS}&");
        let mut parameters = Self { kept, has_mode: false, files: TlsFiles::default() };
        let mut unknown = Vec::new();
        for (number, pair) in pairs {
            let decoded = url::form_urlencoded::parse(pair.as_bytes()).next();
            let Some((name, value)) = decoded else { continue };
            if !is_known(&name) {
                unknown.push((number, pair, name));
                continue;
            }
            check_value(&name, &value)?;
            parameters.note(&name, &value, pair);
        }
        // A password that contains "?" looks like parameters.
        if unknown.iter().any(|(_, pair, _)| pair.contains('@')) {
            return Err(UrlError::Unescaped);
        }
        unknown.first().map_or(Ok(parameters), |(number, _, name)| Err(refusal(*number, name)))
    }

    fn note(&mut self, name: &str, value: &str, pair: &str) {
        self.has_mode |= ["sslmode", "ssl-mode"].contains(&name);
        self.files.note(name, value);
        // The service always looks for the primary.
        if name != "target_session_attrs" {
            self.kept = format!("{}{pair}&", self.kept);
        }
    }

    /// One of the servers.
    pub(super) fn server(&self, options: PgConnectOptions) -> Server {
        // The library passes the host on as it is, and an address has brackets only in a URL.
        let host = options.get_host().trim_matches(['[', ']']).to_owned();
        let options = options.host(&host);
        let server = Server { options, files: self.files.clone() };
        if self.has_mode || server.is_of_this_machine() {
            return server;
        }
        // Without verification, an attacker in the network could pretend to be the server and receive the password.
        let options = server.options.ssl_mode(PgSslMode::VerifyFull);
        Server { options, ..server }
    }
}

fn is_known(name: &str) -> bool {
    KNOWN.contains(&name) || (name.starts_with("options[") && name.ends_with(']'))
}

fn refusal(number: usize, name: &str) -> UrlError {
    if let Some(unsupported) = UNSUPPORTED.into_iter().find(|unsupported| *unsupported == name) {
        return UrlError::Unsupported(unsupported);
    }
    let lower = name.to_ascii_lowercase();
    let similarity = |known: &str| strsim::jaro_winkler(known, &lower);
    let nearest = KNOWN.into_iter().max_by(|a, b| similarity(a).total_cmp(&similarity(b)));
    nearest.filter(|known| similarity(known) >= RESEMBLES).map_or_else(
        || UrlError::Unknown(number),
        |known| UrlError::Mistyped(name.to_owned(), known),
    )
}

fn check_value(name: &str, value: &str) -> Result<(), UrlError> {
    let expect = |is_right: bool, name: &'static str, what: &'static str| {
        if is_right { Ok(()) } else { Err(UrlError::Value(name, what)) }
    };
    match name {
        "sslmode" | "ssl-mode" => expect(
            PgSslMode::from_str(value).is_ok(),
            "sslmode",
            "disable, allow, prefer, require, verify-ca or verify-full",
        ),
        "port" => expect(value.parse::<u16>().is_ok(), "port", "a number up to 65535"),
        "hostaddr" => expect(value.parse::<IpAddr>().is_ok(), "hostaddr", "an IP address"),
        "host" => expect(
            !value.contains(','),
            "host",
            "one host; write several before the database, as in postgres://user:password@one,two/database",
        ),
        "statement-cache-capacity" => {
            expect(value.parse::<usize>().is_ok(), "statement-cache-capacity", "a number")
        }
        "target_session_attrs" => {
            let is_possible = ["read-write", "primary", "any"].contains(&value);
            if is_possible { Ok(()) } else { Err(UrlError::Target) }
        }
        _ => Ok(()),
    }
}

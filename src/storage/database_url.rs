//! The URL of a Postgres server: where it comes from, and which servers it names.
//!
//! As with libpq, a URL may name several hosts (`postgres://one,two:5433/name`).

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use sqlx::postgres::PgConnectOptions;

use super::server::Server;
use super::url_error::UrlError;
use super::url_parameters::Parameters;

/// A connection URL. It may contain a password.
#[derive(Clone)]
pub struct Url(pub String, pub UrlOrigin);

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[redacted] {}", self.1)
    }
}

/// Where a URL comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UrlOrigin {
    /// The environment.
    Environment,
    /// A file that the settings name.
    File(PathBuf),
    /// The settings themselves.
    Settings,
}

impl fmt::Display for UrlOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment => f.write_str("from DATABASE_URL"),
            Self::File(path) => write!(f, "from database.url_file {}", path.display()),
            Self::Settings => f.write_str("from database.url in the settings"),
        }
    }
}

impl Url {
    /// The URL in the environment.
    #[must_use]
    pub const fn from_environment(text: String) -> Self {
        Self(text, UrlOrigin::Environment)
    }

    /// Checks the text. It connects to nothing.
    ///
    /// # Errors
    /// The first mistake.
    pub fn check(&self) -> Result<(), UrlError> {
        self.servers().map(drop)
    }

    /// The servers that the URL names, at least one.
    pub(super) fn servers(&self) -> Result<Vec<Server>, UrlError> {
        let (scheme, rest) = self.0.split_once("://").ok_or(UrlError::Scheme)?;
        check_scheme(scheme)?;
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, tail) = rest.split_at_checked(end).ok_or(UrlError::Host)?;
        let (user, hosts) = match authority.rsplit_once('@') {
            Some((user, hosts)) => (format!("{user}@"), hosts),
            None => (String::new(), authority),
        };
        let (path, query) = tail.split_once('?').unwrap_or((tail, ""));
        if path.contains('@') || tail.contains('#') {
            return Err(UrlError::Unescaped);
        }
        let parameters = Parameters::check(query)?;
        let server = |host: &str| {
            let url = format!("postgres://{user}{host}{path}?{}", parameters.kept);
            url::Url::parse(&url).map_err(|_| UrlError::Host)?;
            // The values were checked, so only the user, the password and the path are left.
            let options = PgConnectOptions::from_str(&url).map_err(|_| UrlError::Unescaped)?;
            Ok(parameters.server(options))
        };
        hosts.split(',').map(server).collect()
    }
}

/// Other kinds of databases. Any other text before `://` may be a part of a secret.
const OTHER_SCHEMES: [&str; 9] =
    ["mysql", "mariadb", "sqlite", "mssql", "sqlserver", "oracle", "mongodb", "redis", "http"];

fn check_scheme(scheme: &str) -> Result<(), UrlError> {
    if ["postgres", "postgresql"].iter().any(|right| scheme.eq_ignore_ascii_case(right)) {
        return Ok(());
    }
    let other = OTHER_SCHEMES.into_iter().find(|other| scheme.eq_ignore_ascii_case(other));
    Err(other.map_or(UrlError::Scheme, UrlError::OtherScheme))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mistake(url: &str) -> String {
        let error = Url::from_environment(url.to_owned()).check().expect_err(url);
        error.to_string()
    }

    #[test]
    fn each_mistake_in_a_url_is_explained() {
        for (url, words) in [
            ("one/name", "must start with postgres://"),
            ("", "must start with postgres://"),
            ("\"postgres://a:b@one/name\"", "must start with postgres://"),
            ("host=one user=a password=secret", "must start with postgres://"),
            ("mysql://a:b@one/name", "starts with mysql:// but must name a Postgres"),
            ("postgres://a:b@one/name?sslmod=require", "sslmod; did you mean sslmode?"),
            ("postgres://a:b@one/name?ssl_mode=require", "ssl_mode; did you mean sslmode?"),
            ("postgres://a:b@one/name?SSLROOTCERT=a", "SSLROOTCERT; did you mean sslrootcert?"),
            ("postgres://a:b@one/name?colour=red", "unknown parameter (number 1 after the ?)"),
            ("postgres://a:b@one/name?sslmode=require&colour=red", "(number 2 after the ?)"),
            ("postgres://a:b@one/name?connect_timeout=5", "connect_timeout, which has no effect"),
            ("postgres://a:b@one/name?sslmode=on", "wrong value of sslmode: it must be disable,"),
            ("postgres://a:b@one/name?port=none", "wrong value of port"),
            ("postgres://a:b@/name?host=one,two", "wrong value of host: it must be one host"),
            ("postgres://one/name?target_session_attrs=standby", "must be read-write, primary"),
            ("postgres://a:b@one:70000/name", "wrong host or port"),
            ("postgres://a:b@one:port/name", "wrong host or port"),
            ("postgres://a:b@one,/name", "wrong host or port"),
        ] {
            let text = mistake(url);
            assert!(text.contains(words), "{url}: {text}");
        }
    }

    #[test]
    fn a_password_with_special_characters_is_explained_and_not_repeated() {
        for url in [
            "postgres://a:can/ary@one/name",
            "postgres://a:c@n/ary@one/name",
            "postgres://a:can#ary@one/name",
            "postgres://a:can?ary@one/name",
            "postgres://a:can?sslmod=ary@one/name",
            "postgres://a:can?x=y&ary@one/name",
            "postgres://a:can%ffary@one/name",
        ] {
            let text = mistake(url);
            assert!(text.contains("percent-encode it (@ as %40, / as %2F"), "{url}: {text}");
            assert!(!text.contains("can") && !text.contains("ary"), "{url}: {text}");
        }
        for url in [
            "canary://a:b@one/name",
            "postgres://a:can/ary",
            "postgres://one/name?password=can&ary",
            "postgres://one/name?password=can&ary=1",
        ] {
            let text = mistake(url);
            assert!(!text.contains("can") && !text.contains("ary"), "{url}: {text}");
        }
    }

    fn servers(url: &str) -> Vec<Server> {
        Url::from_environment(url.to_owned()).servers().unwrap()
    }

    #[test]
    fn a_url_may_name_several_hosts() {
        let addresses = |url| servers(url).iter().map(Server::address).collect::<Vec<_>>();
        let one = "postgres://hookpoint:a%40b@db.internal:5433/name?sslmode=require";
        assert_eq!(addresses(one), ["db.internal:5433"]);
        assert_eq!(addresses("postgresql://a:b@c@one/name"), ["one:5432"]);
        let three = "postgres://hookpoint:secret@one,two:5433,[::1]:5434/name?target_session_attrs=read-write&sslmode=require";
        assert_eq!(addresses(three), ["one:5432", "two:5433", "[::1]:5434"]);
        let socket = "postgres://a@localhost/name?host=/run/postgresql&options[work_mem]=1MB";
        assert_eq!(addresses(socket), ["/run/postgresql:5432"]);
        assert_eq!(servers(socket)[0].options.get_database(), Some("name"));
    }

    #[test]
    fn an_address_of_ip_6_is_passed_on_without_its_brackets() {
        assert_eq!(servers("postgres://a@[::1]:5434/name")[0].options.get_host(), "::1");
    }

    #[test]
    fn files_for_tls_are_remembered_but_not_text_in_their_place() {
        let url = "postgres://a@one/name?sslrootcert=%2Fetc%2Fca.pem&sslkey=-----BEGIN%20KEY";
        let files = &servers(url)[0].files;
        assert_eq!(files.root, Some(PathBuf::from("/etc/ca.pem")));
        assert_eq!((&files.certificate, &files.key), (&None, &None));
    }

    #[test]
    fn what_is_logged_has_no_secret() {
        let url = Url("postgres://a:canary@one/name".to_owned(), UrlOrigin::Settings);
        let text = format!("{url:?} {:?}", url.servers().unwrap());
        assert!(!text.contains("canary"), "{text}");
    }
}

//! Database errors in words that help an operator: what is wrong, with which database, and what to do.
//!
//! No text contains a value, a user name, a password or a URL.

use std::fmt;
use std::io::{self, ErrorKind};

use sqlx::error::DatabaseError;
use sqlx::migrate::MigrateError;
use sqlx::postgres::PgDatabaseError;

use super::sqlstate::meaning;
use super::tls_failure;

/// A failure of a connection, or a server that cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum DatabaseFailure {
    /// No answer in time.
    #[error("Postgres did not answer in time")]
    Silent,
    /// A standby: read-only, and behind the primary.
    #[error("this Postgres is a read-only standby; name the primary in the database URL")]
    Standby,
}

impl From<DatabaseFailure> for sqlx::Error {
    fn from(trouble: DatabaseFailure) -> Self {
        let kind = match trouble {
            DatabaseFailure::Silent => ErrorKind::TimedOut,
            DatabaseFailure::Standby => ErrorKind::ReadOnlyFilesystem,
        };
        Self::Io(io::Error::new(kind, trouble))
    }
}

/// An error with the name of its database. It travels as an error of the library, because the library's traits allow
/// no other type.
#[derive(thiserror::Error)]
#[error("database {database}: {reason}")]
struct Named {
    database: String,
    reason: String,
    cause: sqlx::Error,
}

impl fmt::Debug for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Adds the name of its database to an error, and the reason in words.
pub(super) fn with_name(database: &str, reason: String, cause: sqlx::Error) -> sqlx::Error {
    sqlx::Error::AnyDriverError(Box::new(Named { database: database.to_owned(), reason, cause }))
}

fn named(error: &sqlx::Error) -> Option<&Named> {
    match error {
        sqlx::Error::AnyDriverError(inner) => inner.downcast_ref(),
        _ => None,
    }
}

/// The error itself, without the name of its database.
pub(super) fn cause(error: &sqlx::Error) -> &sqlx::Error {
    named(error).map_or(error, |named| &named.cause)
}

/// The error as a person reads it: the database, if it is known, and the reason.
pub(super) fn in_words(error: &sqlx::Error) -> String {
    named(error).map_or_else(|| format!("database: {}", reason(error)), ToString::to_string)
}

/// The reason of an error. Postgres's own text can quote rows ("Key (value)=(…) already exists"), so it is not used.
pub(super) fn reason(error: &sqlx::Error) -> String {
    if let Some(named) = named(error) {
        return named.reason.clone();
    }
    if let Some(error) = tls_failure::tls_error(error) {
        return tls_failure::in_words(error);
    }
    match error {
        sqlx::Error::Database(error) => of_postgres(error.as_ref()),
        sqlx::Error::Io(error) => of_io(error),
        sqlx::Error::Migrate(error) => of_migration(error),
        sqlx::Error::Protocol(_) => {
            "the connection was closed, or Postgres sent an unexpected answer".to_owned()
        }
        sqlx::Error::PoolTimedOut => "no connection became free in time".to_owned(),
        sqlx::Error::PoolClosed => "the pool is closed".to_owned(),
        sqlx::Error::Tls(_) => {
            "TLS is not possible with this host name, or with the files of sslrootcert, sslcert and sslkey".to_owned()
        }
        sqlx::Error::Configuration(_) => {
            "sslcert and sslkey must be given together, and name files in PEM format".to_owned()
        }
        _ => "unexpected answer".to_owned(),
    }
}

fn of_postgres(error: &dyn DatabaseError) -> String {
    let Some(code) = error.code() else { return "an error without a code".to_owned() };
    let routine = error.try_downcast_ref::<PgDatabaseError>().and_then(PgDatabaseError::routine);
    let on = error.constraint().map(|name| format!(" on {name}")).unwrap_or_default();
    match meaning(&code, routine.unwrap_or_default()) {
        Some(words) => format!("{words} (SQLSTATE {code}{on})"),
        None => format!("SQLSTATE {code}{on}"),
    }
}

fn of_io(error: &io::Error) -> String {
    if let Some(failure) = error.get_ref().and_then(|inner| inner.downcast_ref::<DatabaseFailure>())
    {
        return failure.to_string();
    }
    if error.to_string().starts_with("failed to lookup address") {
        return "the host name cannot be resolved: check its spelling, and DNS".to_owned();
    }
    match error.kind() {
        ErrorKind::ConnectionRefused => {
            "connection refused: nothing listens on this port, or a firewall refuses it".to_owned()
        }
        ErrorKind::TimedOut => DatabaseFailure::Silent.to_string(),
        ErrorKind::HostUnreachable
        | ErrorKind::NetworkUnreachable
        | ErrorKind::NetworkDown
        | ErrorKind::AddrNotAvailable => "there is no network route to the host".to_owned(),
        ErrorKind::ConnectionReset
        | ErrorKind::ConnectionAborted
        | ErrorKind::BrokenPipe
        | ErrorKind::NotConnected
        | ErrorKind::UnexpectedEof => "the server closed the connection".to_owned(),
        kind => format!("connection: {kind}"),
    }
}

/// The library's own text contains that of Postgres.
fn of_migration(error: &MigrateError) -> String {
    match error {
        MigrateError::Execute(error) => format!("the schema cannot be updated: {}", reason(error)),
        MigrateError::ExecuteMigration(error, version) => {
            format!("migration {version} failed: {}", reason(error))
        }
        MigrateError::VersionMismatch(version) => {
            format!(
                "migration {version} ran with another content: this schema is of another program, or of a version from before 0.1.0"
            )
        }
        MigrateError::Dirty(version) => format!("migration {version} ran only in part"),
        _ => "the schema cannot be updated".to_owned(),
    }
}

/// Whether a connection is unusable after an error: it broke, or the server closed it or is read-only.
pub(super) fn breaks(error: &sqlx::Error) -> bool {
    match cause(error) {
        sqlx::Error::Database(error) => error.code().is_some_and(|code| {
            ["57P", "08"].iter().any(|class| code.starts_with(class))
                || code == "25006"
                || code == "25P03"
        }),
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::WorkerCrashed => true,
        _ => false,
    }
}

/// Whether the same may work in a moment.
pub(super) fn is_temporary(error: &sqlx::Error) -> bool {
    if tls_failure::tls_error(cause(error)).is_some() {
        return false;
    }
    match cause(error) {
        // It is starting or stopping, it ended this connection, it has too many, or it is a standby that may be promoted.
        sqlx::Error::Database(error) => error.code().is_some_and(|code| {
            ["57P01", "57P02", "57P03", "53300", "25006"].contains(&code.as_ref())
        }),
        sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed => true,
        sqlx::Error::Migrate(error) => match error.as_ref() {
            MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => {
                is_temporary(error)
            }
            _ => false,
        },
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_fail_in_words() {
        let io = |kind: ErrorKind| sqlx::Error::Io(kind.into());
        let unresolved = "failed to lookup address information: Name or service not known";
        for (error, words) in [
            (io(ErrorKind::ConnectionRefused), "connection refused: nothing listens"),
            (io(ErrorKind::HostUnreachable), "no network route"),
            (io(ErrorKind::UnexpectedEof), "the server closed the connection"),
            (io(ErrorKind::TimedOut), "did not answer in time"),
            (sqlx::Error::Io(io::Error::other(unresolved)), "the host name cannot be resolved"),
            (DatabaseFailure::Standby.into(), "read-only standby"),
            (sqlx::Error::Configuration("key".into()), "sslcert and sslkey must be given together"),
        ] {
            assert!(reason(&error).contains(words), "{error}: {}", reason(&error));
        }
    }

    #[test]
    fn a_name_changes_neither_the_kind_of_an_error_nor_gets_lost() {
        let plain = || sqlx::Error::Io(ErrorKind::ConnectionRefused.into());
        let named = with_name("db:5432/shop (from DATABASE_URL)", "why".to_owned(), plain());
        assert_eq!(in_words(&named), "database db:5432/shop (from DATABASE_URL): why");
        assert!(in_words(&plain()).starts_with("database: connection refused"));
        assert!(matches!(cause(&named), sqlx::Error::Io(_)));
        assert!(breaks(&named) && breaks(&plain()) && !breaks(&sqlx::Error::PoolTimedOut));
    }

    #[test]
    fn a_failed_migration_does_not_repeat_the_text_of_postgres() {
        let error = MigrateError::Execute(sqlx::Error::Protocol("canary".to_owned()));
        let text = in_words(&sqlx::Error::from(error));
        assert!(text.starts_with("database: the schema cannot be updated: "), "{text}");
        assert!(!text.contains("canary"), "{text}");
    }
}

//! Database errors in words that help an operator: failures of connections, and the meaning of SQLSTATE codes.

use std::io;

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
            DatabaseFailure::Silent => io::ErrorKind::TimedOut,
            DatabaseFailure::Standby => io::ErrorKind::ReadOnlyFilesystem,
        };
        Self::Io(io::Error::new(kind, trouble))
    }
}

/// Kind and code of an error. Postgres's own text can quote rows ("Key (value)=(…) already exists"), so it is
/// not used.
pub(super) fn in_words(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(error) => match error.code() {
            Some(code) => format!("{}SQLSTATE {code}{}", meaning(&code), error.constraint().map(|name| format!(" on {name}")).unwrap_or_default()),
            None => "an error without a code".to_owned(),
        },
        sqlx::Error::Io(error) => match error.get_ref().and_then(|inner| inner.downcast_ref::<DatabaseFailure>()) {
            Some(trouble) => trouble.to_string(),
            None => format!("connection: {}", error.kind()),
        },
        sqlx::Error::Protocol(_) => "the connection was closed, or Postgres sent an unexpected answer".to_owned(),
        sqlx::Error::PoolTimedOut => "no connection became free in time".to_owned(),
        sqlx::Error::PoolClosed => "the pool is closed".to_owned(),
        sqlx::Error::Tls(_) => "TLS: the server has no TLS, or its certificate is for another host, or its authority is not trusted \
            (see sslmode and sslrootcert in the database URL)"
            .to_owned(),
        sqlx::Error::Configuration(_) => "the database URL is malformed; write it as postgres://user:password@host:5432/database".to_owned(),
        sqlx::Error::Migrate(error) => format!("migration: {error}"),
        _ => "unexpected answer".to_owned(),
    }
}

/// What an operator can do something about, in plain words.
fn meaning(code: &str) -> &'static str {
    match code {
        "28P01" => "the password is wrong: ",
        "28000" => "this user may not connect: ",
        "3D000" => "this database does not exist: ",
        "42P01" | "42703" => {
            "the database has no schema, or an outdated one (run `hookpoint migrate`): "
        }
        "42501" => "this user may not do that: ",
        "53100" => "the disk is full: ",
        "53200" => "Postgres is out of memory: ",
        "53300" => "Postgres has no free connections: ",
        "25006" => "this Postgres is read-only, perhaps a standby: ",
        "25P03" => "this service was idle in a transaction for too long: ",
        "55P03" => "another session holds a lock on these rows: ",
        "57014" => "the statement took too long or was cancelled: ",
        "57P01" | "57P02" => "Postgres closed the connection: ",
        "57P03" => "Postgres is starting or stopping: ",
        "08P01" | "42P05" | "26000" => {
            "a pooler in transaction mode is in use, but this service needs session mode: "
        }
        _ => "",
    }
}

/// Whether a connection is unusable after an error: it broke, or the server closed it or is read-only.
pub(super) fn breaks(error: &sqlx::Error) -> bool {
    match error {
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

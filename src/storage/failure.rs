//! What is wrong with Postgres where it says nothing itself, and what its codes mean to an operator.

use std::io;

/// What is wrong with a connection, or with where it leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum DatabaseFailure {
    /// Nothing came back in time.
    #[error("Postgres did not answer in time")]
    Silent,
    /// It can only be read, and lags behind.
    #[error("this Postgres is a standby, which can only be read")]
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

/// An error's kind and code. Postgres's own text can quote rows ("Key (value)=(…) already exists"), so it isn't used.
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
        sqlx::Error::Protocol(_) => "the connection was closed, or an answer on it was not understood".to_owned(),
        sqlx::Error::PoolTimedOut => "no connection became free in time".to_owned(),
        sqlx::Error::PoolClosed => "the pool is closed".to_owned(),
        sqlx::Error::Tls(_) => "TLS: the server has none, or its certificate is not for this host, or of an authority that is not trusted \
            (sslmode and sslrootcert in the database URL say what is expected)"
            .to_owned(),
        sqlx::Error::Configuration(_) => "the database URL is not understood".to_owned(),
        sqlx::Error::Migrate(error) => format!("migration: {error}"),
        _ => "an answer that was not expected".to_owned(),
    }
}

/// What an operator can do something about, in words of ours.
fn meaning(code: &str) -> &'static str {
    match code {
        "28P01" => "the password is wrong: ",
        "28000" => "this user may not connect: ",
        "3D000" => "there is no such database: ",
        "42P01" | "42703" => "the database has no schema yet, or one of an earlier version (`hookpoint migrate` brings it up to date): ",
        "42501" => "this user may not do that: ",
        "53100" => "the disk is full: ",
        "53200" => "Postgres is out of memory: ",
        "53300" => "Postgres has no connection to spare: ",
        "25006" => "this Postgres is read-only, perhaps a standby: ",
        "25P03" => "this service hung in the middle of a transaction: ",
        "55P03" => "another session keeps what is to be written: ",
        "57014" => "Postgres took too long: ",
        "57P01" | "57P02" => "Postgres ended the connection: ",
        "57P03" => "Postgres is starting or ending: ",
        "08P01" | "42P05" | "26000" => "a pooler in transaction mode is in between, and this service needs session mode: ",
        _ => "",
    }
}

/// Whether a connection can't be used again after an error: it broke, the server ends it or can't be written to.
pub(super) fn breaks(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(error) => {
            error.code().is_some_and(|code| ["57P", "08"].iter().any(|class| code.starts_with(class)) || code == "25006" || code == "25P03")
        }
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed => true,
        _ => false,
    }
}

//! Everything that is kept, and the only place with SQL. A row becomes a type of the domain here.

pub mod accounts;
pub mod actions;
pub mod answers;
pub mod bodies;
pub mod brands;
pub mod calls;
pub mod changes;
pub mod components;
pub mod customers;
pub mod database;
pub mod deliveries;
pub mod doors;
pub mod embedded;
pub mod erasing;
pub mod erasures;
pub mod events;
pub mod export;
pub mod follow_ups;
pub mod inbox;
pub mod invalidation;
pub mod keys;
pub mod ledger;
pub mod lines;
pub mod looks;
pub mod neighbourhood;
pub mod outcome;
pub mod passes;
pub mod places;
pub mod records;
pub mod sightings;
pub mod streams;
pub mod unread_values;

use crate::customer::kind::UnknownName;

/// What can go wrong with the store. The text never holds a value.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// Postgres refused, failed or is away.
    #[error("database: {}", in_words(.0))]
    Database(sqlx::Error),
    /// A row holds what this program never writes.
    #[error("a row in {0} is not as this program writes it")]
    Corrupt(&'static str),
}

impl From<sqlx::Error> for StorageError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

impl StorageError {
    /// Whether there is no Postgres to talk to.
    #[must_use]
    pub fn is_away(&self) -> bool {
        match self {
            Self::Database(sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed) => true,
            Self::Database(sqlx::Error::Database(error)) => error.code().is_some_and(|code| code.starts_with("57P") || code.starts_with("08")),
            Self::Database(_) | Self::Corrupt(_) => false,
        }
    }

    /// Whether Postgres itself is in the way, and not what was to be written: then the same may work later.
    #[must_use]
    pub fn may_heal(&self) -> bool {
        let Self::Database(error) = self else { return false };
        let code = error.as_database_error().and_then(|error| error.code().map(|code| code.into_owned()));
        // Wrong data and broken constraints: the same statement fails again for ever.
        !code.is_some_and(|code| code.starts_with("22") || code.starts_with("23") || code.starts_with("54"))
    }

    fn corrupt(table: &'static str) -> impl Fn(UnknownName) -> Self {
        move |_| Self::Corrupt(table)
    }
}

/// An error's kind and code. Postgres's own text can quote rows ("Key (value)=(…) already exists"), so it isn't used.
fn in_words(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(error) => match error.code() {
            Some(code) => format!("{}SQLSTATE {code}{}", meaning(&code), error.constraint().map(|name| format!(" on {name}")).unwrap_or_default()),
            None => "an error without a code".to_owned(),
        },
        sqlx::Error::Io(error) => format!("connection: {}", error.kind()),
        sqlx::Error::PoolTimedOut => "no connection became free in time".to_owned(),
        sqlx::Error::PoolClosed => "the pool is closed".to_owned(),
        sqlx::Error::Tls(_) => "TLS".to_owned(),
        sqlx::Error::Configuration(_) => "the database URL is not understood".to_owned(),
        sqlx::Error::Migrate(error) => format!("migration: {error}"),
        _ => "an answer that was not expected".to_owned(),
    }
}

/// The mistakes of setting up, in words of ours.
fn meaning(code: &str) -> &'static str {
    match code {
        "28P01" => "the password is wrong: ",
        "28000" => "this user may not connect: ",
        "3D000" => "there is no such database: ",
        "42501" => "this user may not do that: ",
        "53300" => "Postgres has no connection to spare: ",
        "57P03" => "Postgres is starting or ending: ",
        _ => "",
    }
}

/// Runs the migrations that are missing.
///
/// # Errors
/// When Postgres fails or a migration that ran before has been changed since.
pub async fn migrate(pool: &sqlx::PgPool) -> Result<(), StorageError> {
    sqlx::migrate!("./migrations").run(pool).await.map_err(|error| StorageError::Database(sqlx::Error::from(error)))
}

//! What is wrong with a database URL.

/// What is wrong with a URL. The text continues a sentence that begins with "the URL". It repeats nothing of the URL
/// but names that are listed here, and names that resemble them: the rest may be a part of the password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// Another beginning, or none.
    #[error(
        "must start with postgres:// or postgresql://, as in postgres://user:password@host:5432/database"
    )]
    Scheme,
    /// Another kind of database.
    #[error(
        "starts with {0}:// but must name a Postgres, as in postgres://user:password@host:5432/database"
    )]
    OtherScheme(&'static str),
    /// A character that ends the user and the password.
    #[error(
        "has a special character in the user or the password: percent-encode it (@ as %40, / as %2F, ? as %3F, # as %23, % as %25)"
    )]
    Unescaped,
    /// A host that is none, or a port.
    #[error(
        "has a wrong host or port; write postgres://user:password@host:5432/database, and percent-encode special characters of the password (/ as %2F)"
    )]
    Host,
    /// A parameter that resembles a known one.
    #[error("has the unknown parameter {0}; did you mean {1}?")]
    Mistyped(String, &'static str),
    /// An unknown parameter, by its position.
    #[error(
        "has an unknown parameter (number {0} after the ?); the usual ones are sslmode, sslrootcert, sslcert, sslkey, options and target_session_attrs"
    )]
    Unknown(usize),
    /// A parameter of other programs.
    #[error("has the parameter {0}, which has no effect in this service: remove it")]
    Unsupported(&'static str),
    /// A value that the parameter cannot have.
    #[error("has a wrong value of {0}: it must be {1}")]
    Value(&'static str, &'static str),
    /// libpq allows more values, but they make no sense here.
    #[error(
        "has a wrong value of target_session_attrs: it must be read-write, primary or any, because this service writes to Postgres"
    )]
    Target,
}

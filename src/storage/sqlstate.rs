//! What the codes of Postgres's errors mean, in words that tell an operator what to do.

/// What belongs to a meaning: a code, the routine of Postgres that reported it (empty for any), and the words.
type Meaning = (&'static str, &'static str, &'static str);

/// Postgres's texts can quote data, so they are not used. One code has several reasons at times; then the routine,
/// which is a name in Postgres's source code, tells them apart. The first entry that matches counts.
const MEANINGS: &[Meaning] = &[
    // Nearly all errors of PgBouncer itself have this code.
    (
        "08P01",
        "",
        "the pooler in front of Postgres refuses this, and its log says why; it must be in session mode (PgBouncer: pool_mode = session)",
    ),
    (
        "25006",
        "",
        "this Postgres is read-only: a standby, or default_transaction_read_only is on; use the primary",
    ),
    ("25P03", "", "this service was idle in a transaction for too long"),
    ("26000", "", TRANSACTION_MODE),
    (
        "28000",
        "ClientAuthentication",
        "pg_hba.conf of the server does not let this role connect to this database from this machine with this sslmode and client certificate; add a line for it",
    ),
    (
        "28000",
        "InitializeSessionUserId",
        "the role does not exist, or may not log in: create role … login",
    ),
    ("28000", "", "the server does not let this role log in; see its pg_hba.conf"),
    ("28P01", "", "the password is wrong or missing, or the role does not exist"),
    ("3D000", "", "the database does not exist: create it, or correct its name in the URL"),
    (
        "42501",
        "CheckMyDatabase",
        "the role may not connect to this database: grant connect on database …",
    ),
    (
        "42501",
        "InitTempTableNamespace",
        "the role may not create temporary tables: grant temporary on database …",
    ),
    (
        "42501",
        "",
        "the role lacks a right: it must own the database, or have CREATE on the schema public and own every table in it",
    ),
    ("42703", "", "the database has no schema, or an outdated one (run `hookpoint migrate`)"),
    ("42P01", "", "the database has no schema, or an outdated one (run `hookpoint migrate`)"),
    ("42P05", "", TRANSACTION_MODE),
    ("53100", "", "the disk of Postgres is full"),
    ("53200", "", "Postgres is out of memory"),
    (
        "53300",
        "",
        "Postgres has no free connection for this role: raise its max_connections or the role's limit, or lower database.max_connections",
    ),
    ("55000", "CheckMyDatabase", "the database accepts no connections (allow_connections is off)"),
    ("55P03", "", "another session holds a lock on these rows"),
    ("57014", "", "the statement took too long or was cancelled"),
    ("57P01", "", "Postgres closed the connection: it is stopping, or an administrator ended it"),
    ("57P02", "", "Postgres closed the connection, because another of its processes crashed"),
    ("57P03", "", "Postgres is starting or stopping; try again in a moment"),
    ("57P04", "", "the database was dropped"),
    ("58030", "", "Postgres cannot read or write its files; see its log"),
];

const TRANSACTION_MODE: &str = "a pooler in transaction mode cannot be used, because this service needs sessions: it listens for notifications and prepares statements. Set pool_mode = session in PgBouncer, or connect to Postgres directly";

/// The meaning of a code, if an operator can do something about it.
pub(super) fn meaning(code: &str, routine: &str) -> Option<&'static str> {
    let is_meant = |(its_code, its_routine, _): &&Meaning| {
        *its_code == code && (its_routine.is_empty() || *its_routine == routine)
    };
    MEANINGS.iter().find(is_meant).map(|(_, _, words)| *words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_has_the_words_of_its_reason() {
        for (code, routine, words) in [
            ("28P01", "auth_failed", "password"),
            ("28000", "ClientAuthentication", "pg_hba.conf of the server"),
            ("28000", "InitializeSessionUserId", "the role does not exist"),
            ("28000", "auth_failed", "see its pg_hba.conf"),
            ("3D000", "InitPostgres", "the database does not exist"),
            ("42501", "CheckMyDatabase", "grant connect"),
            ("42501", "InitTempTableNamespace", "grant temporary"),
            ("42501", "aclcheck_error", "CREATE on the schema public"),
            ("53100", "mdextend", "disk of Postgres is full"),
            ("53300", "InitProcess", "max_connections"),
            ("57P03", "ProcessStartupPacket", "starting or stopping"),
            ("25006", "PreventCommandIfReadOnly", "a standby"),
            ("08P01", "", "pooler"),
            ("42P05", "StorePreparedStatement", "a pooler in transaction mode cannot be used"),
            ("26000", "FetchPreparedStatement", "a pooler in transaction mode cannot be used"),
        ] {
            let meant = meaning(code, routine).unwrap_or_default();
            assert!(meant.contains(words), "{code} {routine}: {meant}");
        }
        assert_eq!(meaning("23514", "ExecConstraints"), None);
    }

    #[test]
    fn every_entry_can_be_reached() {
        for (code, routine, words) in MEANINGS {
            assert_eq!(meaning(code, routine), Some(*words), "{code} {routine}");
        }
    }
}

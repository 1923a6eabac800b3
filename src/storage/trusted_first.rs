//! The SQL that says which customers count as holders of an address. All statements that find customers by an address
//! share it, so that a lookup and the live search after it mean the same people.

/// A statement with `trusted_first.sql` in its place.
pub(super) fn with_trusted_first(statement: &str) -> String {
    statement.replace("{trusted_first}", include_str!("trusted_first.sql"))
}

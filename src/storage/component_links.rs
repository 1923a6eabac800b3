//! The SQL that says what connects records whatever their values. Two statements share it.

/// A statement with `component_links.sql` in its place.
pub(super) fn with_component_links(statement: &str) -> String {
    statement.replace("{component_links}", include_str!("component_links.sql"))
}

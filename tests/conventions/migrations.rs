//! Migrations explain themselves.

use crate::source_files::files;

#[test]
fn every_migration_says_why_and_what_becomes_of_rows() {
    for (file, text) in files("migrations", &["sql"]) {
        let head: Vec<&str> = text.lines().take_while(|line| line.starts_with("--")).collect();
        assert!(
            head.first().is_some_and(|line| line.starts_with("-- Why: ")),
            "{file} does not begin with why"
        );
        assert!(
            head.iter().any(|line| line.to_lowercase().contains("existing rows")),
            "{file} does not say what becomes of existing rows"
        );
    }
}

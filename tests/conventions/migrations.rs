//! Migrations explain themselves, and every table can be split by brand.

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

#[test]
fn every_table_can_be_split_by_brand() {
    let mut tables = 0;
    for (file, text) in files("migrations", &["sql"]) {
        let text = text
            .lines()
            .map(|line| line.split("--").next().unwrap())
            .collect::<Vec<_>>()
            .join("\n")
            .to_lowercase();
        for table in text.split("create table ").skip(1) {
            let (name, rest) = table.split_once('(').unwrap();
            let name = name.trim().trim_start_matches("if not exists ");
            let (columns, _) =
                rest.split_once("\n);").unwrap_or_else(|| panic!("{file}: {name} has no end"));
            let key = columns.lines().find_map(|line| {
                line.trim().strip_prefix(&format!("constraint {name}_pkey primary key ("))
            });
            let key = key.unwrap_or_else(|| panic!("{file}: {name} has no constraint {name}_pkey"));
            // Processes of the service are not of a brand, and neither is somebody who is not logged in yet.
            if ["replicas", "console_password_attempts", "console_provider_log_ins"].contains(&name)
            {
                continue;
            }
            assert!(
                key.starts_with("brand_id,") || key.starts_with("brand_id)"),
                "{file}: the primary key of {name} begins with {key}"
            );
            tables += 1;
        }
    }
    assert!(tables >= 10, "{tables}");
}

//! What may stand in which source file.

use std::collections::BTreeSet;

use crate::source_files::{bare, files, root};

#[test]
fn sql_is_only_in_the_storage() {
    for (file, text) in
        files("src", &["rs"]).iter().filter(|(file, _)| !file.starts_with("src/storage/"))
    {
        for word in [
            "sqlx::query",
            "query_as(",
            "query_scalar(",
            "raw_sql(",
            "query!(",
            "query_as!(",
            ".execute(",
            ".fetch_all(",
            ".fetch_one(",
        ] {
            assert!(!bare(text).contains(word), "{file} holds SQL: {word}");
        }
    }
}

#[test]
fn no_file_needs_a_table_of_contents() {
    for (file, text) in files("src", &["rs"]) {
        assert!(
            text.lines().count() <= 400,
            "{file} has {} lines: it is two files",
            text.lines().count()
        );
    }
}

#[test]
fn the_architecture_names_only_files_that_exist() {
    let mut all = files("src", &["rs", "sql"]);
    all.extend(files("tests", &["rs"]));
    let text = std::fs::read_to_string(root().join("src/README.md")).unwrap();
    let named: BTreeSet<&str> = text
        .split('`')
        .skip(1)
        .step_by(2)
        .filter(|name| name.ends_with(".rs") || name.ends_with(".sql"))
        .collect();
    assert!(named.len() > 50, "the names are found: {}", named.len());
    for name in named {
        let parts: Vec<&str> = name.split("<source>").collect();
        let is_there = |file: &str| match parts.as_slice() {
            [before, after] => {
                file.contains(&format!("/{before}"))
                    && file.ends_with(&format!("/{}", after.trim_start_matches('/')))
            }
            _ => file == name || file.ends_with(&format!("/{name}")),
        };
        assert!(all.iter().any(|(file, _)| is_there(file)), "src/README.md names {name}");
    }
}

#[test]
fn vendors_words_stay_where_they_belong() {
    let places = [
        "src/sources/",
        "src/demo/",
        // The kinds of record there are, and what is said of them.
        "src/customer/model/source.rs",
        "src/customer/answer/messages/",
        // The roots of templates.
        "src/customer/answer/template_facts.rs",
        // The names of settings, and their defaults.
        "src/settings/brand_file.rs",
        "src/settings/sources.rs",
        // What the demo says that it shows.
        "src/cli/demo/",
    ];
    let mut used = BTreeSet::new();
    for (file, text) in files("src", &["rs", "toml", "html"]) {
        let code = bare(&text).to_lowercase();
        let Some(word) = ["omneo", "omniotap", "omnilab", "syncaroo"]
            .into_iter()
            .find(|word| code.contains(word))
        else {
            continue;
        };
        let place = places.iter().find(|place| file.starts_with(**place));
        used.insert(
            place.unwrap_or_else(|| panic!("{file} says {word}: vendors' words have their places")),
        );
    }
    assert_eq!(used.len(), places.len(), "a place without vendors' words: {used:?}");
}

#[test]
fn nothing_is_left_behind() {
    let left = [
        concat!("#[", "ignore"),
        concat!("todo", "!("),
        concat!("dbg", "!("),
        concat!("unimplemented", "!("),
        concat!("println", "!("),
        concat!("print", "!("),
    ];
    // The answer to a command; the oracle's corpus, written by hand.
    let spoken = ["src/cli/mod.rs", "tests/customer/phone/mutations.rs"];
    for (file, text) in files("src", &["rs"]).into_iter().chain(files("tests", &["rs"])) {
        for word in left.iter().filter(|word| text.contains(**word)) {
            assert!(
                word.contains("print") && spoken.contains(&file.as_str()),
                "{file} holds {word}"
            );
        }
    }
}

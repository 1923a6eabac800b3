//! `deploy/settings.example.toml` is complete, true, and readable.

use std::collections::BTreeSet;
use std::path::Path;

use hookpoint::customer::answer::filters::Locale;
use hookpoint::settings::file::{BrandSettings, CustomFieldSettings, SettingsFile};
use hookpoint::settings::{Mistake, Settings};
use hookpoint::sources::SourceSettings;
use serde_json::{Value, json};

use crate::source_files::{files, root};

const EXAMPLE: &str = include_str!("../../deploy/settings.example.toml");

/// Settings that have no default worth showing, so that the example shows one that is none.
const SHOWN_BY_EXAMPLE: [&str; 4] = [
    "brands.example.custom_fields",
    "brands.example.precedence",
    "brands.example.timeline.messages",
    "brands.example.sources.omneo.identity_kinds",
];

/// A setting of the example: its line number, key and text (all lines of its value).
struct Shown {
    line: usize,
    key: String,
    text: String,
}

/// The commented settings and tables of the example. Prose has no ` = ` after its first word, and what is indented is prose.
fn shown() -> Vec<Shown> {
    let mut lines = EXAMPLE.lines().enumerate();
    let mut all = Vec::new();
    while let Some((n, line)) = lines.next() {
        let Some(mut text) = line
            .strip_prefix("# ")
            .filter(|text| text.starts_with('[') || is_setting(text))
            .map(str::to_owned)
        else {
            continue;
        };
        let key = text.split(" = ").next().unwrap().trim_matches('"').to_owned();
        while !key.starts_with('[') && toml::from_str::<toml::Table>(&text).is_err() {
            let (_, more) =
                lines.next().unwrap_or_else(|| panic!("line {}: the value has no end", n + 1));
            text = format!(
                "{text}\n{}",
                more.strip_prefix("# ")
                    .unwrap_or_else(|| panic!("line {}: the value has no end", n + 1))
            );
        }
        all.push(Shown { line: n + 1, key, text });
    }
    all
}

fn is_setting(text: &str) -> bool {
    let key = text
        .split_once(" = ")
        .map(|(key, _)| key.strip_prefix('"').and_then(|key| key.strip_suffix('"')).unwrap_or(key));
    key.is_some_and(|key| {
        !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.'))
    })
}

/// The example with every setting taken out of its comment.
fn uncommented() -> String {
    let mut lines: Vec<String> = EXAMPLE.lines().map(str::to_owned).collect();
    for shown in shown() {
        for (n, line) in shown.text.lines().enumerate() {
            line.clone_into(&mut lines[shown.line - 1 + n]);
        }
    }
    lines.join("\n")
}

pub fn in_words(mistakes: &[Mistake]) -> String {
    mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// Every key that a setting can be at, as a path, with its default.
fn leaves(path: &str, value: &Value, all: &mut Vec<(String, Value)>) {
    match value.as_object().filter(|object| !object.is_empty()) {
        Some(object) => {
            for (key, value) in object {
                leaves(
                    &if path.is_empty() { key.clone() } else { format!("{path}.{key}") },
                    value,
                    all,
                );
            }
        }
        None => all.push((path.to_owned(), value.clone())),
    }
}

#[test]
fn the_example_as_it_stands_is_the_defaults() {
    let settings = Settings::parse(EXAMPLE, Path::new("example"))
        .unwrap_or_else(|mistakes| panic!("{}", in_words(&mistakes)));
    assert_eq!(settings.file, SettingsFile::default());
}

#[test]
fn every_setting_is_shown_with_its_default() {
    let text = uncommented();
    Settings::parse(&text, Path::new("example"))
        .unwrap_or_else(|mistakes| panic!("{}", in_words(&mistakes)));
    let written = serde_json::to_value(toml::from_str::<toml::Table>(&text).unwrap()).unwrap();
    let defaults = SettingsFile {
        brands: [("example".to_owned(), BrandSettings::default())].into(),
        ..SettingsFile::default()
    };
    let mut expected = Vec::new();
    leaves("", &serde_json::to_value(defaults).unwrap(), &mut expected);
    assert!(expected.len() > 80, "the defaults are walked through: {}", expected.len());
    for (path, default) in expected {
        let found = path.split('.').try_fold(&written, |value, key| value.get(key));
        let found = found.unwrap_or_else(|| {
            panic!("deploy/settings.example.toml does not show {path}, whose default is {default}")
        });
        if SHOWN_BY_EXAMPLE.contains(&path.as_str()) {
            assert_ne!(found, &default, "{path} is shown by an example");
        } else {
            assert_eq!(found, &default, "the default of {path}");
        }
    }
}

#[test]
fn every_part_of_a_custom_field_is_shown() {
    let field = CustomFieldSettings { name: "a".to_owned(), value: "b".to_owned() };
    let written: Value =
        serde_json::to_value(toml::from_str::<toml::Table>(&uncommented()).unwrap()).unwrap();
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
    assert_eq!(keys(&written["brands"]["example"]["custom_fields"][0]), keys(&json!(field)));
}

#[test]
fn every_shown_setting_has_a_comment_above_it() {
    let lines: Vec<&str> = EXAMPLE.lines().collect();
    let shown = shown();
    let starts: BTreeSet<usize> = shown
        .iter()
        .flat_map(|shown| shown.line..shown.line + shown.text.lines().count())
        .collect();
    let inside_example =
        |key: &str| SHOWN_BY_EXAMPLE.iter().any(|path| path.ends_with(&format!(".{key}")));
    let mut example_table = false;
    for Shown { line, key, .. } in &shown {
        let above = lines[line - 2];
        assert!(
            above.starts_with("# ") && above.len() > 2 && !starts.contains(&(line - 1)),
            "line {line}: no comment above {key}"
        );
        if key.starts_with('[') {
            example_table = SHOWN_BY_EXAMPLE.iter().any(|path| key == &format!("[{path}]"));
            continue;
        }
        let comment: String = lines[..line - 1]
            .iter()
            .rev()
            .take_while(|above| above.starts_with('#'))
            .map(|line| line.trim_start_matches('#'))
            .collect();
        assert!(
            !(example_table || inside_example(key)) || comment.contains("Default: "),
            "line {line}: an example must name the default of {key}"
        );
    }
}

#[test]
fn lines_of_the_example_fit_a_window() {
    for (n, line) in EXAMPLE.lines().enumerate() {
        assert!(
            line.chars().count() <= 120,
            "deploy/settings.example.toml:{} is {} wide",
            n + 1,
            line.chars().count()
        );
    }
}

/// The words of the example's part about templates, from a heading to the next line that starts like it.
fn words_of(text: &str) -> BTreeSet<&str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '.')
        .map(|word| word.trim_end_matches('.'))
        .collect()
}

/// The string literals of a source file that start with a prefix, without it.
fn literals(path: &str, prefix: &str) -> BTreeSet<String> {
    let text = std::fs::read_to_string(root().join(path)).unwrap();
    let text = text.replace("\\\"", "");
    let quoted =
        text.split('"').skip(1).step_by(2).filter_map(|literal| literal.strip_prefix(prefix));
    quoted.filter(|name| !name.is_empty() && !name.contains('{')).map(str::to_owned).collect()
}

#[test]
fn every_name_that_templates_can_use_is_documented() {
    let (_, templates) = EXAMPLE.split_once("Names that templates can use").unwrap();
    let (templates, _) = templates.split_once("# [brands.example]").unwrap();
    let (_, attributes) = templates.split_once("Attributes that each source provides").unwrap();
    for source in ["omneo", "omniotap", "omnilab", "syncaroo"] {
        let section = attributes
            .split("\n#   ")
            .find(|section| section.starts_with(&format!("{source} ")))
            .unwrap();
        // The lines that go on are indented deeper, so `split` has cut them off only for entries of the list.
        let (_, rest) = attributes.split_once(section).unwrap();
        let going_on: String =
            rest.lines().skip(1).take_while(|line| line.starts_with("#    ")).collect();
        let documented = format!("{section} {going_on}");
        let names = SourceSettings::default().parser(source.parse().unwrap()).template_names();
        assert!(
            names.event_values.len() > 3
                && (names.attributes.len() > 3 || ["omnilab", "syncaroo"].contains(&source)),
            "{source}: it has names"
        );
        let in_code = |prefix: &str| -> BTreeSet<String> {
            files(&format!("src/sources/{source}"), &["rs"])
                .iter()
                .flat_map(|(file, _)| literals(file, prefix))
                .collect()
        };
        let table = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(in_code("attribute."), table(names.attributes), "{source}");
        assert_eq!(in_code("data."), table(names.event_values), "{source}");
        for name in names.attributes {
            assert!(
                words_of(&documented).contains(name),
                "the attribute {name} of {source} is not documented"
            );
        }
        for name in names.event_values {
            assert!(
                words_of(templates).contains(name),
                "event.{name} of {source} is not documented"
            );
        }
    }
    for name in Locale::English.messages().keys() {
        assert!(
            words_of(templates).contains(name.as_str()),
            "the message {name} is not documented"
        );
    }
    for filter in literals("src/customer/answer/filters.rs", "").iter().filter(|name| {
        ["date", "datetime", "time", "money", "number", "urlencode"].contains(&name.as_str())
    }) {
        assert!(
            templates.contains(&format!("\n#   {filter} ")),
            "the filter {filter} is not documented"
        );
    }
}

#[test]
fn every_locale_has_the_same_messages() {
    let keys = |locale: Locale| locale.messages().into_keys().collect::<Vec<_>>();
    assert!(keys(Locale::English).len() > 20);
    assert_eq!(keys(Locale::English), keys(Locale::Dutch));
}

#[test]
fn every_environment_variable_is_documented() {
    let names: BTreeSet<String> =
        files("src/settings", &["rs"]).iter().flat_map(|(file, _)| literals(file, "")).collect();
    let names: Vec<_> = names
        .iter()
        .filter(|name| name.len() > 2 && name.chars().all(|c| c.is_ascii_uppercase() || c == '_'))
        .collect();
    assert!(names.iter().any(|name| *name == "DATABASE_URL"), "{names:?}");
    for name in names {
        assert!(
            words_of(EXAMPLE).contains(name.as_str()),
            "the environment variable {name} is not documented"
        );
    }
}

#[test]
fn settings_that_need_a_restart_are_documented() {
    let reload = std::fs::read_to_string(root().join("src/app/reload.rs")).unwrap();
    let operate = std::fs::read_to_string(root().join("deploy/operate.md")).unwrap();
    let kept: Vec<&str> =
        reload.split("kept.keep(\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    let database = json!(SettingsFile::default().database);
    let database = database.as_object().unwrap().keys().map(|key| format!("database.{key}"));
    let of_database = kept.iter().filter(|key| key.starts_with("database."));
    assert_eq!(
        of_database.map(ToString::to_string).collect::<BTreeSet<_>>(),
        database.collect::<BTreeSet<_>>(),
        "all of the table"
    );
    for key in kept {
        let table = if key.starts_with("database.") { "[database]" } else { key };
        assert!(EXAMPLE.contains(table) && operate.contains(&format!("`{table}`")), "{key}");
    }
}

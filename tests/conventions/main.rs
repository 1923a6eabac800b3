//! The rules of the house that the compiler can't check: documentation that is complete, layers, migrations, and messages
//! that help.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::as_conversions,
    clippy::string_slice
)]

mod metrics;
mod vocabulary;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use hookpoint::customer::answer::filters::Locale;
use hookpoint::settings::file::{BrandSettings, CustomFieldSettings, SettingsFile};
use hookpoint::settings::{Mistake, Settings};
use hookpoint::sources::SourceSettings;
use serde_json::{Value, json};

const EXAMPLE: &str = include_str!("../../deploy/settings.example.toml");

// ---------------------------------------------------------------------------------------------- the example settings

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

fn in_words(mistakes: &[Mistake]) -> String {
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
        let names = SourceSettings::default().reader(source.parse().unwrap()).template_names();
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
    let names = literals("src/settings/mod.rs", "");
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

// ---------------------------------------------------------------------------------------------------------- sources

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every file below a directory, as its path from the repository's root, with its text.
fn files(below: &str, extensions: &[&str]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut directories = vec![root().join(below)];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else if path
                .extension()
                .is_some_and(|extension| extensions.iter().any(|known| extension == *known))
            {
                let name = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
                found.push((name, std::fs::read_to_string(path).unwrap()));
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "{below}");
    found
}

/// Rust without comments and without its own tests, which stand last.
fn bare(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod ").next().unwrap();
    text.lines().map(|line| line.split("//").next().unwrap()).collect::<Vec<_>>().join("\n")
}

/// The module of the crate that a file belongs to: `storage` for `src/storage/embedded/mod.rs`.
fn module_of(file: &str) -> &str {
    let inside = file.strip_prefix("src/").unwrap();
    inside.split('/').next().unwrap().trim_end_matches(".rs")
}

/// The modules of the crate that a file names, with what it names of them.
fn imports(file: &str, text: &str) -> BTreeSet<(String, String)> {
    let inside = file.strip_prefix("src/").unwrap().trim_end_matches(".rs");
    let depth = inside.split('/').filter(|part| *part != "mod").count();
    let code = bare(text);
    let mut found = BTreeSet::new();
    for start in ["crate::".to_owned(), "hookpoint::".to_owned(), "super::".repeat(depth)] {
        for (at, _) in code.match_indices(&start) {
            let before = code[..at].chars().next_back();
            if before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | ':' | '$')) {
                continue;
            }
            let rest = &code[at + start.len()..];
            match rest.strip_prefix('{') {
                Some(list) => {
                    found.extend(list_heads(list).into_iter().map(|head| (head, String::new())))
                }
                None => {
                    let mut words = rest
                        .split(|c: char| !c.is_alphanumeric() && c != '_')
                        .filter(|word| !word.is_empty());
                    found.insert((
                        words.next().unwrap_or_default().to_owned(),
                        words.next().unwrap_or_default().to_owned(),
                    ));
                }
            }
        }
    }
    let modules: BTreeSet<String> =
        files("src", &["rs"]).iter().map(|(file, _)| module_of(file).to_owned()).collect();
    found.into_iter().filter(|(module, _)| modules.contains(module)).collect()
}

/// The first word of each item of a braced list: `a::b, c::{d, e}}` has `a` and `c`.
fn list_heads(list: &str) -> Vec<String> {
    let (mut depth, mut heads, mut head) = (1, Vec::new(), String::new());
    for c in list.chars() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 || (depth == 1 && c == ',') {
            heads.push(head.split("::").next().unwrap().trim().to_owned());
            head.clear();
        } else {
            head.push(c);
        }
        if depth == 0 {
            break;
        }
    }
    heads
}

#[test]
fn imports_are_read_in_every_form() {
    let text = "use crate::storage::api_keys;\nuse crate::{lookup::read, cli::{a, b}};\n// crate::app\nfn f() { super::super::brand::x() }\n";
    let found: Vec<String> =
        imports("src/http/api_keys.rs", text).into_iter().map(|(module, _)| module).collect();
    assert_eq!(found, ["brand", "cli", "lookup", "storage"]);
}

#[test]
fn layers_know_only_what_is_below_them() {
    let below: [(&str, &[&str]); 3] =
        [("customer", &[]), ("sources", &["customer"]), ("storage", &["customer"])];
    // Only the settings may read the environment, and the directories of commands are in it.
    let excepted = [("src/storage/embedded/binaries.rs", "settings", "search_path")];
    let mut used = BTreeSet::new();
    for (file, text) in files("src", &["rs"]) {
        let own = module_of(&file);
        for (module, item) in imports(&file, &text) {
            if let Some(exception) = excepted
                .iter()
                .find(|exception| **exception == (file.as_str(), module.as_str(), item.as_str()))
            {
                used.insert(exception);
                continue;
            }
            let known = below
                .iter()
                .find(|(layer, _)| *layer == own)
                .is_none_or(|(_, known)| known.contains(&module.as_str()));
            assert!(module == own || known, "{file} names {module}: `{own}` is below it");
            // A lookup may have sources asked. Nothing else joins the two paths.
            let writes = |module: &str| ["ingest", "inbox", "sync", "erasure"].contains(&module);
            let is_search = (module.as_str(), item.as_str()) == ("ingest", "live_search");
            let apart = (own == "lookup" && writes(&module) && !is_search)
                || (writes(own) && module == "lookup");
            assert!(!apart, "{file} names {module}: the read path and the write path stay apart");
            assert!(module != "cli" || ["cli", "main"].contains(&own), "{file} names the commands");
            assert!(
                module != "app" || ["app", "cli"].contains(&own),
                "{file} names the application, which knows everything"
            );
        }
    }
    assert_eq!(used.len(), excepted.len(), "an exception that nothing needs");
}

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
fn vendors_words_stay_where_they_belong() {
    let places = [
        "src/sources/",
        "src/demo/",
        // The kinds of record there are, and what is said of them.
        "src/customer/model/source.rs",
        "src/customer/answer/messages/",
        // The roots of templates.
        "src/customer/answer/presentation.rs",
        // The names of settings, and their defaults.
        "src/settings/brand_file.rs",
        "src/settings/brands.rs",
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
    let spoken = ["src/cli/mod.rs", "tests/phone.rs"];
    for (file, text) in files("src", &["rs"]).into_iter().chain(files("tests", &["rs"])) {
        for word in left.iter().filter(|word| text.contains(**word)) {
            assert!(
                word.contains("print") && spoken.contains(&file.as_str()),
                "{file} holds {word}"
            );
        }
    }
}

// ------------------------------------------------------------------------------------------------------- migrations

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
            assert!(
                key.starts_with("brand_id,") || key.starts_with("brand_id)"),
                "{file}: the primary key of {name} begins with {key}"
            );
            tables += 1;
        }
    }
    assert!(tables >= 10, "{tables}");
}

// --------------------------------------------------------------------------------------------- mistakes in settings

fn mistakes(text: &str) -> Vec<String> {
    let parsed = Settings::parse(text, Path::new("brand.toml"));
    parsed
        .map_or_else(|mistakes| mistakes, |settings| settings.missing)
        .iter()
        .map(ToString::to_string)
        .collect()
}

const KINDS: &str = "the kinds are omneo.profile, omniotap.customer, omniotap.contact, omnilab.participant, syncaroo.member";
const ROOTS: &str =
    "this template can use customer, attributes, omneo, omniotap, omnilab, syncaroo";

/// A settings text with one mistake, the line and key that the message names, and what it says would be right.
#[rustfmt::skip]
const MISTAKES: [(&str, usize, &str, &str); 87] = [
    // What the file can't be.
    ("[server]\nlissten = \"x\"", 2, "server.lissten", "expected one of `listen`, `metrics_listen`"),
    ("[servr]\nlisten = \"x\"", 1, "servr", "expected one of `server`, `database`, `lookup`, `inbox`, `calls`, `sync`, `limits`, `erasure`, `telemetry`, `brands`"),
    ("listen = \"x\"", 1, "listen", "expected one of `server`"),
    ("[server]\nlisten = 5", 2, "server.listen", "expected a string"),
    ("[server]\nlisten =", 2, "listen", "quoted"),
    ("[server\nlisten = \"x\"", 1, "[server", "expected `]`"),
    ("[server]\nworkers = 1\nworkers = 2", 3, "workers", "duplicate key"),
    ("[server]\n\n[server]", 3, "[server]", "duplicate key"),
    ("[server]\nworkers = -1", 2, "server.workers", "expected"),
    ("[server]\nallowed_networks = \"10.0.0.0/8\"", 2, "server.allowed_networks", "expected a sequence"),
    ("[server]\nallowed_networks = [\"10.0.0.0/40\"]", 2, "server.allowed_networks", "is not a network"),
    ("[server]\ntrusted_proxies = [\"proxy.internal\"]", 2, "server.trusted_proxies", "is not a network"),
    ("[server]\nforwarded_header = \"x-real-ip\"", 2, "server.forwarded_header", "expected `x-forwarded-for` or `forwarded`"),
    ("[server]\npublic_url = \"api.brand.nl\"", 2, "server.public_url", "such as \"https://api.brand.nl\""),
    ("[database]\ndownload_postgres = \"yes\"", 2, "database.download_postgres", "expected a boolean"),
    ("[database]\nmax_connections = 0", 2, "database.max_connections", "at least 2"),
    ("[lookup]\ndatabase_connections = 4000000000", 2, "lookup.database_connections", "at most 100"),
    ("[lookup]\ndeadline_ms = 9000000000000000000", 2, "lookup.deadline_ms", "at most 60000"),
    ("[lookup]\nmultiple_matches = \"some\"", 2, "lookup.multiple_matches", "expected `all` or `none`"),
    ("[lookup]\ndeadline_ms = 0", 2, "lookup.deadline_ms", "at least 50"),
    ("[lookup]\nmax_customers = 0", 2, "lookup.max_customers", "at least 1"),
    ("[lookup]\nmax_waiting = 0", 2, "lookup.max_waiting", "at least 1"),
    ("[lookup]\npath = \"omnidesk\"", 2, "lookup.path", "such as \"/omnidesk/customerlookup\""),
    ("[lookup]\nkey_parameter = \"address\"", 2, "lookup.key_parameter", "such as \"key\""),
    ("[limits]\nlookups_per_second = 0", 2, "limits.lookups_per_second", "at least 1"),
    ("[limits]\nwrong_keys_per_minute = 0", 2, "limits.wrong_keys_per_minute", "at least 1"),
    ("[limits]\nnot_found_per_minute = 0", 2, "limits.not_found_per_minute", "at least 1"),
    ("[limits]\nmax_tracked_networks = 0", 2, "limits.max_tracked_networks", "at least 1"),
    ("[telemetry]\nlevel = \"verbose\"", 2, "telemetry.level", "\"error\", \"warn\", \"info\", \"debug\" or \"trace\""),
    ("[telemetry]\nformat = \"xml\"", 2, "telemetry.format", "expected one of `auto`, `human`, `json`"),
    ("[database]\ndata_dir = \"/srv/data\"\n[erasure]\nsuppression_file = \"/srv/data/ledger.jsonl\"", 4, "erasure.suppression_file", "must not be below /srv/data"),
    // Brands.
    ("[limits]\n[brands.Demo]", 2, "brands.Demo", "lower-case letters, digits, - and _"),
    ("[brands.\"a.b\"]", 1, "brands.a.b", "lower-case letters, digits, - and _"),
    ("[brands.demo]\ntime_zone = \"Amsterdam\"", 2, "brands.demo.time_zone", "such as \"Europe/Amsterdam\""),
    ("[brands.demo]\nlocale = \"de\"", 2, "brands.demo.locale", "\"en\" or \"nl\""),
    ("[brands.demo]\ndefault_region = \"Holland\"", 2, "brands.demo.default_region", "two capital letters such as \"NL\""),
    ("[brands.demo]\ndefault_region = \"nl\"", 2, "brands.demo.default_region", "two capital letters such as \"NL\""),
    ("[brands.demo]\n[brands.demo.precedence]\nlast_name = [\"crm\"]", 3, "brands.demo.precedence.last_name.0", KINDS),
    ("[brands.demo.sources.hubspot]\nx = 1", 1, "brands.demo.sources.hubspot", "expected one of `omniotap`, `omneo`, `omnilab`, `syncaroo`"),
    // Templates.
    ("[brands.demo]\ncustom_fields = [\n { name = \"a\", value = \"{{ person.id }}\" },\n]", 3, "brands.demo.custom_fields.0.value", ROOTS),
    ("[brands.demo]\ncustom_fields = [\n { name = \"a\", value = \"{{ omneo.tier }\" },\n]", 3, "brands.demo.custom_fields.0.value", "expected end of variable block"),
    ("[brands.demo]\ncustom_fields = [\n { name = \"a\", value = \"{{ omneo.tier | shout }}\" },\n]", 3, "brands.demo.custom_fields.0.value", "there is no filter `shout`"),
    ("[brands.demo]\ncustom_fields = [\n { name = \"a\", value = \"{{ 1 is wonderful }}\" },\n]", 3, "brands.demo.custom_fields.0.value", "there is no test `wonderful`"),
    ("[brands.demo]\ncustom_fields = [\n { name = \"a\", value = \"1\" },\n { name = \"a\", value = \"2\" },\n]", 4, "brands.demo.custom_fields.1.name", "is used twice"),
    ("[[brands.demo.custom_fields]]\nname = \"\"\nvalue = \"1\"", 2, "brands.demo.custom_fields.0.name", "must not be empty"),
    ("[brands.demo]\ncustom_fields = [\n { name = \"a\" },\n]", 3, "brands.demo.custom_fields.0", "missing field `value`"),
    ("[brands.demo.timeline.messages]\n\"omneo.order\" = \"{{ event.total | monney }}\"", 2, "brands.demo.timeline.messages.omneo.order", "there is no filter `monney`"),
    ("[brands.demo.timeline.messages]\n\"omneo.order\" = \"{% if event.total %}\"", 2, "brands.demo.timeline.messages.omneo.order", "expected end of block"),
    ("[brands.demo.timeline.messages]\nomneo.order = \"An order\"", 2, "brands.demo.timeline.messages.omneo", "expected a string"),
    ("[brands.demo.timeline]\nlimit = 0", 2, "brands.demo.timeline.limit", "between 1 and 1000"),
    ("[brands.demo.sources.omneo]\nevent_url = \"https://x/{{ events.id }}\"", 2, "brands.demo.sources.omneo.event_url", ROOTS),
    // Identity and sources.
    ("[brands.demo.identity]\nprecedence = [\n \"omneo.profile\",\n \"crm\",\n]", 4, "brands.demo.identity.precedence.1", KINDS),
    ("[brands.demo.identity]\none_record_per_person = [\"crm\"]", 2, "brands.demo.identity.one_record_per_person.0", KINDS),
    ("[brands.demo.identity]\nshared_value_threshold = 0", 2, "brands.demo.identity.shared_value_threshold", "at least 1"),
    ("[brands.demo.identity]\ncomponent_cap = 0", 2, "brands.demo.identity.component_cap", "at least 1"),
    ("[brands.demo.identity]\nblocked_values = [\n \"a@example.org\",\n \"hello\",\n]", 4, "brands.demo.identity.blocked_values.1", "e-mail address nor a phone number"),
    ("[brands.demo.sources.omnilab]\nexternal_id_kind = \"crm\"", 2, "brands.demo.sources.omnilab.external_id_kind", "must be \"\" or one of omneo.profile"),
    ("[brands.demo.sources.omnilab]\nexternal_id_kind = [\n \"omneo.profile\",\n \"crm\",\n]", 4, "brands.demo.sources.omnilab.external_id_kind.1", KINDS),
    ("[brands.demo.sources.omnilab]\nexternal_id_kind = [\"\"]", 2, "brands.demo.sources.omnilab.external_id_kind.0", KINDS),
    ("[brands.demo.sources.omnilab]\nexternal_id_kind = [\n \"omneo.profile\",\n \"omneo.profile\",\n]", 4, "brands.demo.sources.omnilab.external_id_kind.1", "is listed twice"),
    ("[brands.demo.sources.omnilab]\nexternal_id_kind = 5", 2, "brands.demo.sources.omnilab.external_id_kind", "such as \"omneo.profile\", or a list"),
    ("[brands.demo.sources.omneo.identity_kinds]\ncrm = \"crm\"", 2, "brands.demo.sources.omneo.identity_kinds.crm", KINDS),
    ("[brands.demo.sources.omnilab.pointers]\nemail = \"data.email\"", 2, "brands.demo.sources.omnilab.pointers.email", "starts with /, as in \"/data/email\""),
    ("[brands.demo.sources.syncaroo]\nwebhook_priorities = [\n { attribute = \"\", resource = \"*\", priority = \"drop\" },\n]", 3, "brands.demo.sources.syncaroo.webhook_priorities.0.attribute", "\"*\" matches any value"),
    ("[brands.demo.sources.syncaroo]\nwebhook_priorities = [\n { attribute = \"*\", resource = \"*\", priority = \"now\" },\n]", 3, "brands.demo.sources.syncaroo.webhook_priorities.0", "expected one of `high`, `normal`, `low`, `drop`"),
    ("[brands.demo.sources.syncaroo]\nwebhook_priorities = [\n { attribute = \"*\", priority = \"drop\" },\n]", 3, "brands.demo.sources.syncaroo.webhook_priorities.0", "missing field `resource`"),
    // Doors.
    ("[brands.demo.sources.omneo.webhook]\nverification = \"hash\"", 2, "brands.demo.sources.omneo.webhook.verification", "expected one of ``, `signature`, `secret`, `none`"),
    ("[brands.demo.sources.omneo.webhook]\nverification = \"signature\"", 2, "brands.demo.sources.omneo.webhook.verification", "\"signature\" needs secrets, such as secrets = [{ env = \"NAME\" }]"),
    ("[brands.demo.sources.omniotap.webhook]\nverification = \"secret\"", 2, "brands.demo.sources.omniotap.webhook.verification", "\"secret\" needs secrets"),
    ("[brands.demo.sources.syncaroo.webhook]\nverification = \"hash\"", 2, "brands.demo.sources.syncaroo.webhook.verification", "\"hash\" needs secrets"),
    ("[brands.demo.sources.omnilab.webhook]\nsecrets = [{ env = \"CARGO_PKG_DESCRIPTION\" }]", 2, "brands.demo.sources.omnilab.webhook.secrets", "choose another verification"),
    ("[brands.demo.sources.omneo.webhook]\nverification = \"none\"\nsecrets = [{ env = \"CARGO_PKG_DESCRIPTION\" }]", 3, "brands.demo.sources.omneo.webhook.secrets", "choose another verification"),
    ("[brands.demo.sources.omnilab.webhook]\nverification = \"none\"\nauthorization = [{ env = \"CARGO_PKG_DESCRIPTION\" }]", 3, "brands.demo.sources.omnilab.webhook.authorization", "choose another verification"),
    ("[brands.demo.sources.omneo.webhook]\nverification = \"signature\"\nsecrets = [\n { env = \"CARGO_PKG_DESCRIPTION\" },\n { env = \"HOOKPOINT_NOT_SET\" },\n]", 5, "brands.demo.sources.omneo.webhook.secrets.1", "not set"),
    ("[brands.demo.sources.omneo.webhook]\nverification = \"signature\"\nsecrets = [{ file = \"/nonexistent/secret\" }]", 3, "brands.demo.sources.omneo.webhook.secrets.0", "No such file"),
    ("[brands.demo.sources.omneo.webhook]\nverification = \"signature\"\nsecrets = [{ file = \"/dev/null\" }]", 3, "brands.demo.sources.omneo.webhook.secrets.0", "at least 16 bytes"),
    ("[brands.demo.sources.omneo.api]\nbase_url = \"https://x.example\"\ntoken = [{ file = \"/dev/null\" }]", 3, "brands.demo.sources.omneo.api.token.0", "is empty"),
    ("[brands.demo.sources.omneo.webhook]\nverification = \"signature\"\nsecrets = [{ file = \"/dev/zero\" }]", 3, "brands.demo.sources.omneo.webhook.secrets.0", "more than 4096 bytes"),
    ("[brands.demo.sources.omneo.webhook]\nverification = \"secret\"\nsecrets = [{ env = \"CARGO_PKG_DESCRIPTION\" }]", 3, "brands.demo.sources.omneo.webhook.secrets.0", "may contain only letters, digits"),
    ("[brands.demo.sources.omneo.webhook]\nverification = \"signature\"\nsecrets = [\"topsecret\"]", 3, "brands.demo.sources.omneo.webhook.secrets", "such as [{ env = \"NAME\" }"),
    ("[brands.demo.sources.omnilab.webhook]\nverification = \"signature\"\nsecrets = [{ env = \"CARGO_PKG_DESCRIPTION\" }]", 3, "brands.demo.sources.omnilab.webhook.secrets.0", "key_encoding = \"raw\""),
    ("[brands.demo.sources.omnilab.webhook]\ntolerance_seconds = 0", 2, "brands.demo.sources.omnilab.webhook.tolerance_seconds", "between 1 and 86400"),
    ("[brands.demo.sources.omnilab.webhook]\nauthorization_header = \"x auth\"", 2, "brands.demo.sources.omnilab.webhook.authorization_header", "such as \"x-signature\""),
    ("[brands.demo.sources.omniotap.webhook]\nsignature_header = \"\"", 2, "brands.demo.sources.omniotap.webhook.signature_header", "such as \"x-signature\""),
    ("[brands.demo.sources.omniotap.webhook]\nalgorithm = \"sha256\"", 2, "brands.demo.sources.omniotap.webhook.algorithm", "expected one of `hmac-sha256`, `hmac-sha512`, `hmac-sha1`, `hmac-md5`"),
    ("[brands.demo.sources.syncaroo.webhook]\nserialization = \"ruby\"", 2, "brands.demo.sources.syncaroo.webhook.serialization", "expected one of `compact`, `php`, `python`, `sorted`"),
    ("[brands.demo.sources.syncaroo.webhook]\nsecret_in = \"body\"", 2, "brands.demo.sources.syncaroo.webhook.secret_in", "expected one of `path`, `query`, `header`"),
];

#[test]
fn a_mistake_is_told_with_file_line_key_and_what_would_be_right() {
    for (text, line, key, right) in MISTAKES {
        let told = mistakes(text);
        assert_eq!(told.len(), 1, "{text}\n{told:?}");
        let start = format!("brand.toml:{line}: {key}");
        assert!(told[0].starts_with(&start), "{text}\nbegins with {start}: {}", told[0]);
        assert!(told[0].contains(right), "{text}\nsays {right}: {}", told[0]);
    }
}

#[test]
fn a_credential_of_an_api_may_be_as_short_as_its_vendor_makes_it() {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("short-credential");
    std::fs::write(&file, "x\n").unwrap();
    let oauth = "client_id = \"x\"\naudience = \"x\"\ntoken_url = \"/token\"\n";
    for (source, key, more) in [
        ("omneo", "token", ""),
        ("omniotap", "key", ""),
        ("omnilab", "client_secret", oauth),
        ("syncaroo", "client_secret", oauth),
    ] {
        for place in ["env = \"CARGO_PKG_VERSION\"".to_owned(), format!("file = {file:?}")] {
            let api = format!(
                "[brands.demo.sources.{source}.api]\nbase_url = \"https://x.example\"\n{more}{key} = [{{ {place} }}]\n"
            );
            assert_eq!(mistakes(&api), Vec::<String>::new(), "{api}");
        }
    }
}

#[test]
fn mistakes_of_all_brands_are_told_at_once() {
    let told = mistakes(
        "[limits]\nmax_tracked_networks = 0\n[brands.one]\nlocale = \"de\"\ntime_zone = \"X\"\n[brands.two]\nlocale = \"fr\"",
    );
    let places: Vec<String> =
        told.iter().map(|told| told.split(": ").take(2).collect::<Vec<_>>().join(" ")).collect();
    let expected = [
        "brand.toml:2 limits.max_tracked_networks",
        "brand.toml:5 brands.one.time_zone",
        "brand.toml:4 brands.one.locale",
        "brand.toml:7 brands.two.locale",
    ];
    assert_eq!(places, expected);
}

#[test]
fn a_mistake_never_repeats_the_database_url() {
    for text in [
        "[database]\nurl = 5\nurl_file = \"secret\"",
        "[database]\nurl = \"postgres://u:secret@h/d\"\nmax_connections = 0",
        "[database]\nurl = \"postgres://u:secret@h/d",
    ] {
        assert!(!mistakes(text).join("\n").contains("secret"), "{text}");
    }
}

#[test]
fn a_mistake_never_repeats_a_secret_that_stands_in_the_file() {
    let table = "[brands.demo.sources.omnilab.webhook]\nverification = \"signature\"\n";
    for list in [
        "\"topsecret\"",
        "[\"topsecret\"]",
        "[5, \"topsecret\"]",
        "[{ value = \"topsecret\" }]",
        "[{ env = \"A\", file = \"topsecret\" }]",
        "[{ env = [\"topsecret\"] }]",
        "[{ env = \"topsecret\" }]",
        "[{ file = \"topsecret\" }]",
        "[{ topsecret = \"x\" }]",
    ] {
        for text in [
            format!("{table}secrets = {list}"),
            format!(
                "{table}secrets = [{{ env = \"CARGO_PKG_DESCRIPTION\" }}]\nauthorization = {list}"
            ),
        ] {
            assert!(
                !mistakes(&text).join("\n").contains("topsecret"),
                "{text}: {:?}",
                mistakes(&text)
            );
        }
    }
}

#[test]
fn a_file_that_is_not_there_is_told() {
    let told = Settings::load(Some(Path::new("/nonexistent/brand.toml"))).map(|_| ()).unwrap_err();
    assert!(
        in_words(&told).starts_with("/nonexistent/brand.toml: No such file"),
        "{}",
        in_words(&told)
    );
}

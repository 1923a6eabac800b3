//! `hookpoint settings check`: the file that it read, all mistakes in the order of lines, warnings, JSON.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::command::{RunEnd, Scratch, command, run};

/// The mistakes of people who try the program, in one file. The line of each is what follows `#`.
const MISTAKES: &str = r#"[server]
listen_address = "0.0.0.0:8080"
public_url = "api.brand.nl"
workers = "4"
allowed_networks = [
  "10.0.0.0/33",
  "nginx",
]
[lookup]
deadline_ms = "800"
[database]
download_postgres = "yes"
[sever]
listen = "x"
[telemetry]
level = "verbos"
[brands."Brand NL"]
time_zone = "Amsterdam"
locale = "de"
default_region = "Holland"
custom_fields = [
  { name = "a", value = "{{ omneo.tier " },
  { name = "b", value = "{{ omneo.tier | dat }}" },
  { name = "b", value = "{{ omnio.tier }}" },
  { name = "c", value = "{{ omneo.teir }}" },
]
[brands."Brand NL".timeline]
hide = ["omnilab.page_visit"]
[brands."Brand NL".timeline.messages]
"omneo.transactions" = "A purchase"
[brands."Brand NL".sources.omneo.webhook]
verification = "hmac"
secrets = ["the-secret-itself-in-the-file"]
[brands."Brand NL".sources.omneo.api]
base_url = "https://api.<tenant>.getomneo.com/api/v3"
token = [{ env = "HOOKPOINT_TEST_NOT_SET" }]
[brands."Brand NL".sources.omnilab.webhook]
verification = "hmac"
[brands."Brand NL".sources.omnilab.api]
base_url = "https://x.example"
client_id = "x"
token_url = "token"
client_secret = [{ file = "/nonexistent/secret" }]
[brands."Brand NL".sources.omniotap.webhook]
verification = "signature"
secrets = [{ env = "HOOKPOINT_TEST_SHORT" }]
[brands."Brand NL".sources.omniotap.api]
calls_per_minute = 600
"#;

/// The line of each mistake, and what its message says.
const EXPECTED: [(usize, &str); 29] = [
    (2, "Did you mean `listen`?"),
    (3, "such as \"https://api.brand.nl\""),
    (4, "must be a whole number, 0 or more, without quotes"),
    (6, "server.allowed_networks.0: \"10.0.0.0/33\" is not a network"),
    (7, "server.allowed_networks.1: \"nginx\" is not a network"),
    (10, "such as 800"),
    (12, "must be true or false"),
    (13, "Did you mean `[server]`?"),
    (16, "must be \"error\""),
    (17, "lower-case letters"),
    (18, "Did you mean `Europe/Amsterdam`?"),
    (19, "\"en\" or \"nl\""),
    (20, "such as \"NL\""),
    (22, "`}}` is missing"),
    (23, "there is no filter `dat`. Did you mean `date`?"),
    (24, "is used twice"),
    (24, "there is no `omnio` here. Did you mean `omniotap`?"),
    (32, "must be one of: \"signature\", \"secret\", \"none\" or \"\" for off"),
    (33, "must be the place of a secret, such as { env = \"NAME\" }"),
    (35, "replace <tenant> with your own value"),
    (36, "HOOKPOINT_TEST_NOT_SET, which is not set"),
    (38, "must be one of: \"signature\", \"none\" or \"\" for off"),
    (39, "audience: is needed to call the API"),
    (42, "such as \"https://auth.example.com/token\""),
    (43, "No such file"),
    (46, "the secret in HOOKPOINT_TEST_SHORT needs at least 16 bytes"),
    (25, "omneo has no attribute `teir`. Did you mean `tier`?"),
    (28, "Did you mean `omnilab.touchpoint.page_visit`?"),
    (30, "Did you mean `omneo.transaction`?"),
];

fn check(settings: &Path, arguments: &[&str]) -> RunEnd {
    let arguments = [&["settings", "check"], arguments].concat();
    run(command(settings, &arguments).env("HOOKPOINT_TEST_SHORT", "short"))
}

#[test]
fn every_mistake_is_found_at_once_in_the_order_of_lines() {
    let scratch = Scratch::new();
    let file = scratch.file("brand.toml", MISTAKES, 0o644);
    let checked = check(&file, &[]);
    assert_eq!((checked.code, checked.out.as_str()), (Some(2), ""));
    let lines: Vec<&str> = checked.error.lines().collect();
    assert_eq!(lines[0], format!("Settings: {}", file.display()));
    for (line, part) in EXPECTED {
        let place = format!("{}:{line}: ", file.display());
        let found = lines.iter().any(|text| text.contains(&place) && text.contains(part));
        assert!(found, "line {line} says {part}:\n{}", checked.error);
    }
    let warning = lines.iter().find(|line| line.contains("calls_per_minute")).unwrap();
    assert!(warning.starts_with("Warning: ") && warning.contains(":48: "), "{warning}");
    assert_eq!(lines.len(), 1 + EXPECTED.len() + 1, "{}", checked.error);
    assert!(!checked.error.contains("the-secret-itself"), "{}", checked.error);
    for jargon in ["expected", "sequence", "variant", "invalid type", "``"] {
        assert!(!checked.error.contains(jargon), "{jargon}: {}", checked.error);
    }
    let number = |line: &&str| line.rsplit_once(".toml:")?.1.split(':').next()?.parse().ok();
    let numbers: Vec<usize> =
        lines.iter().filter(|line| !line.starts_with("Warning")).filter_map(number).collect();
    assert!(numbers.is_sorted() && numbers.len() > 20, "{numbers:?}");
}

#[test]
fn json_has_the_same_mistakes_and_warnings() {
    let scratch = Scratch::new();
    let file = scratch.file("brand.toml", MISTAKES, 0o644);
    let checked = check(&file, &["--json"]);
    assert_eq!((checked.code, checked.error.as_str()), (Some(2), ""));
    let json: Value = serde_json::from_str(&checked.out).unwrap();
    assert_eq!(json["file"], file.display().to_string());
    assert_eq!(json["mistakes"].as_array().unwrap().len(), 26);
    assert_eq!(json["warnings"].as_array().unwrap().len(), 4);
    assert_eq!(json["brands"], serde_json::json!(["Brand NL"]));
    let first = &json["mistakes"][0];
    assert_eq!((&first["line"], &first["key"]), (&2.into(), &"server.listen_address".into()));
    assert!(first["message"].as_str().unwrap().contains("Did you mean `listen`?"));
    let valid = scratch.file("valid.toml", "[brands.shop]\n", 0o644);
    let checked = check(&valid, &["--json"]);
    let json: Value = serde_json::from_str(&checked.well()).unwrap();
    assert_eq!(json["mistakes"], serde_json::json!([]));
    assert_eq!(json["brands"], serde_json::json!(["shop"]));
}

#[test]
fn without_secrets_a_file_is_valid_where_no_secret_is() {
    let scratch = Scratch::new();
    let text = "[database]\nurl_file = \"/nonexistent/url\"\n[brands.shop.sources.omneo.api]\nbase_url = \"https://x.example\"\ntoken = [{ env = \"HOOKPOINT_TEST_NOT_SET\" }]\n";
    let file = scratch.file("brand.toml", text, 0o644);
    let shown = check(&file, &["--without-secrets"]).well();
    let name = file.display();
    assert_eq!(
        shown,
        format!(
            "Settings: {name}\nNot checked: {name}:2: database.url_file: the URL in a file\nNot checked: {name}:5: brands.shop.sources.omneo.api.token.0: the environment variable HOOKPOINT_TEST_NOT_SET\nThe settings are valid. Brands: shop.\n"
        )
    );
    let with = check(&file, &[]);
    assert_eq!(with.code, Some(2));
    assert!(with.error.contains(":2: database.url_file") && with.error.contains(":5: "));
}

/// The command in a directory, without a name of a settings file.
fn check_in(directory: &Path, named: Option<&str>) -> RunEnd {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hookpoint"));
    command.args(["settings", "check"]).current_dir(directory).env_remove("DATABASE_URL");
    command.env_remove("HOOKPOINT_SETTINGS").envs(named.map(|name| ("HOOKPOINT_SETTINGS", name)));
    run(&mut command)
}

#[test]
fn the_file_that_was_read_is_named_and_no_file_is_a_mistake() {
    let scratch = Scratch::new();
    let directory = scratch.dir("work");
    if !Path::new("/etc/hookpoint/hookpoint.toml").exists() {
        let without = check_in(&directory, None);
        assert_eq!((without.code, without.out.as_str()), (Some(2), ""));
        for part in
            ["there is no settings file", "./hookpoint.toml", "/etc/hookpoint", "--settings"]
        {
            assert!(without.error.contains(part), "{part}: {}", without.error);
        }
    }
    std::fs::write(directory.join("hookpoint.toml"), "[brands.shop]\n").unwrap();
    let found = check_in(&directory, None).well();
    assert!(
        found.starts_with("Settings: /") && found.contains("/work/hookpoint.toml\n"),
        "{found}"
    );
    std::fs::write(directory.join("other.toml"), "").unwrap();
    let named = check_in(&directory, Some("other.toml")).well();
    assert!(named.contains("/work/other.toml\n") && named.contains("there is no brand"), "{named}");
    let wrong = check_in(&directory, Some("wrong.toml"));
    assert_eq!(wrong.code, Some(2));
    assert!(wrong.error.contains("wrong.toml: No such file"), "{}", wrong.error);
    std::fs::write(directory.join("bytes.toml"), b"[server]\n# caf\xe9\n").unwrap();
    let bytes = check_in(&directory, Some("bytes.toml"));
    assert!(bytes.error.contains("bytes.toml:2: contains bytes that are not UTF-8"));
}

#[test]
fn the_url_of_the_database_is_parsed() {
    let scratch = Scratch::new();
    let url = scratch.file("url", "postgres://u:hunter2@one:x/d", 0o600);
    let text = format!("[brands.shop]\n[database]\nurl_file = {url:?}\n");
    let checked = check(&scratch.file("brand.toml", &text, 0o644), &[]);
    assert_eq!(checked.code, Some(2));
    assert!(checked.error.contains(":3: database.url_file: "), "{}", checked.error);
    assert!(!checked.error.contains("hunter2"), "{}", checked.error);
}

#[test]
fn a_long_file_that_is_no_settings_file_has_a_few_mistakes() {
    let scratch = Scratch::new();
    let prose =
        "It is a truth, universally [acknowledged, that a file\nmay be of another program.\n";
    let settings = "name = 1\n";
    let unknown: String = (0..20_000).map(|n| format!("name_{n} = {{ a = 1 }}\n")).collect();
    for text in [prose.repeat(15_000), settings.repeat(100_000), unknown] {
        let file = scratch.file("long.toml", &text, 0o644);
        let checked = run(&mut command(&file, &["settings", "check", "--json"]));
        assert_eq!(checked.code, Some(2), "{}", checked.error);
        let json: serde_json::Value = serde_json::from_str(&checked.out).unwrap();
        let mistakes = json["mistakes"].as_array().unwrap().len();
        assert!((1..=200).contains(&mistakes), "{mistakes}");
    }
}

//! `hookpoint init`: the files that it writes, what it prints and what it refuses.

mod questions;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;

use hookpoint::customer::model::source::Source;
use hookpoint::sources::setup::SecretOrigin;
use hookpoint::sources::webhook_setup;

use crate::command::{RunEnd, Running, Scratch, command, mode, names, run};

/// A secret that is right for every verification: base64, letters and digits only.
const SECRET: &str = "c2VjcmV0LW9mLXRoZS1zb3VyY2UtMDEyMzQ1Njc4OTAx";

/// `init` for a brand `shop` in a directory of its own, without the embedded database's usual directory.
fn init(scratch: &Scratch, arguments: &[&str]) -> Command {
    let mut command = command(&settings_of(scratch), &["init", "--brand", "shop"]);
    command.args(["--public-url", "https://api.brand.nl"]).args(arguments);
    if !arguments.contains(&"--database-url-file") {
        command.arg("--data-dir").arg(scratch.0.join("data"));
    }
    command
}

fn settings_of(scratch: &Scratch) -> PathBuf {
    scratch.0.join("etc/hookpoint.toml")
}

fn check(scratch: &Scratch) -> RunEnd {
    run(&mut command(&settings_of(scratch), &["settings", "check"]))
}

const VALID: &str = "The settings are valid. Brands: shop.\n";

fn read(path: impl AsRef<Path>) -> String {
    std::fs::read_to_string(path).unwrap()
}

/// Every set of sources with their default verifications, and every verification of each source.
fn combinations() -> Vec<Vec<String>> {
    let sets = (0..1 << Source::ALL.len()).map(|set: usize| {
        let named = Source::ALL.iter().enumerate().filter(|(n, _)| set & (1 << n) != 0);
        named.map(|(_, source)| source.to_string()).collect()
    });
    let single = Source::ALL.into_iter().flat_map(|source| {
        let names = webhook_setup(source).names().into_iter();
        names.map(move |name| vec![format!("{source}={name}")])
    });
    sets.chain(single).collect()
}

#[test]
fn every_combination_of_sources_makes_settings_that_pass_the_check() {
    for sources in combinations() {
        let scratch = Scratch::new();
        let mut init = init(&scratch, &["--no-key"]);
        sources.iter().for_each(|source| {
            init.args(["--source", source]);
        });
        let out = run(&mut init).well();
        assert!(check(&scratch).well().ends_with(VALID), "{sources:?}");
        for source in &sources {
            let name = source.split('=').next().unwrap();
            let url = format!("https://api.brand.nl/webhooks/shop/{name}");
            assert!(out.contains(&url), "{out}");
        }
    }
}

#[test]
fn a_secret_of_the_source_is_copied_or_filled_in_later() {
    for source in Source::ALL {
        let of_source = |choice: &&_| {
            let choice: &hookpoint::sources::setup::VerificationChoice = choice;
            choice.secret == SecretOrigin::Source
        };
        for verification in webhook_setup(source).verifications.iter().filter(of_source) {
            let argument = format!("{source}={}", verification.name);
            let scratch = Scratch::new();
            let file = scratch.file("given", &format!("{SECRET}\n"), 0o600);
            let given = format!("{source}={}", file.display());
            let known = ["--no-key", "--source", &argument, "--secret-file", &given];
            run(&mut init(&scratch, &known)).well();
            let secret = scratch.0.join(format!("etc/secrets/shop-{source}-webhook"));
            assert_eq!(read(&secret), format!("{SECRET}\n"));
            assert!(check(&scratch).well().ends_with(VALID));
            let with_secret = read(settings_of(&scratch));

            std::fs::remove_dir_all(scratch.0.join("etc")).unwrap();
            let out = run(&mut init(&scratch, &["--no-key", "--source", &argument])).well();
            assert!(out.contains("not connected until you have its secret"), "{out}");
            assert_eq!((read(&secret).as_str(), mode(&secret)), ("", 0o600));
            assert!(check(&scratch).well().ends_with(VALID));
            // A person does what the file says.
            std::fs::write(&secret, SECRET).unwrap();
            let text = read(settings_of(&scratch));
            let (before, table) = text.split_once("\n# [brands").unwrap();
            let table = format!("# [brands{table}").replace("# ", "");
            assert!(with_secret.ends_with(&table), "{table}");
            std::fs::write(settings_of(&scratch), format!("{before}\n{table}")).unwrap();
            assert!(check(&scratch).well().ends_with(VALID));
        }
    }
}

#[test]
fn secrets_are_random_private_and_in_no_other_place() {
    let scratch = Scratch::new();
    let arguments = ["--no-key", "--source", "omniotap", "--source", "syncaroo"];
    let out = run(&mut init(&scratch, &arguments)).well();
    let dir = scratch.0.join("etc");
    assert_eq!(names(&dir), ["hookpoint.toml", "secrets"]);
    let files = ["shop-omniotap-webhook", "shop-syncaroo-webhook"];
    assert_eq!(names(&dir.join("secrets")), files);
    assert_eq!((mode(&dir.join("secrets")), mode(&settings_of(&scratch)) & 0o600), (0o700, 0o600));
    let text = read(settings_of(&scratch));
    let secrets = files.map(|file| {
        let path = dir.join("secrets").join(file);
        assert_eq!(mode(&path), 0o600);
        assert!(out.contains(path.to_str().unwrap()) && text.contains(path.to_str().unwrap()));
        read(path).trim_end().to_owned()
    });
    assert_ne!(secrets[0], secrets[1]);
    for secret in &secrets {
        assert_eq!(secret.len(), 43, "256 bits");
        assert!(!out.contains(secret) && !text.contains(secret));
    }
}

#[test]
fn nothing_is_overwritten() {
    let scratch = Scratch::new();
    let again = ["--no-key", "--source", "omniotap"];
    run(&mut init(&scratch, &again)).well();
    let secret = scratch.0.join("etc/secrets/shop-omniotap-webhook");
    let before = (read(settings_of(&scratch)), read(&secret));
    let refused = |existing: &Path| {
        let refused = run(&mut init(&scratch, &again));
        assert_eq!((refused.code, refused.out.as_str()), (Some(1), ""));
        assert_eq!(
            refused.error,
            format!(
                "hookpoint: these files exist, and init does not overwrite them: {}. Nothing was written\n",
                existing.display()
            )
        );
    };
    refused(&settings_of(&scratch));
    assert_eq!((read(settings_of(&scratch)), read(&secret)), before);
    std::fs::remove_file(settings_of(&scratch)).unwrap();
    refused(&secret);
    assert!(!settings_of(&scratch).exists());
    // A link to a file that does not exist.
    std::os::unix::fs::symlink("nowhere", settings_of(&scratch)).unwrap();
    refused(&settings_of(&scratch));
    assert_eq!(read(&secret), before.1);
}

#[test]
fn secrets_are_not_put_into_a_directory_that_others_can_read() {
    use std::os::unix::fs::PermissionsExt;
    let scratch = Scratch::new();
    let secrets = scratch.dir("etc/secrets");
    std::fs::set_permissions(&secrets, std::fs::Permissions::from_mode(0o755)).unwrap();
    let refused = run(&mut init(&scratch, &["--no-key", "--source", "omniotap"]));
    assert_eq!(refused.code, Some(1));
    assert!(refused.error.contains("chmod 700"), "{}", refused.error);
    assert_eq!((names(&secrets).len(), settings_of(&scratch).exists()), (0, false));
}

#[test]
fn a_failure_names_the_files_that_were_written() {
    let scratch = Scratch::new();
    // No file can have such a name, so the settings cannot be written.
    let settings = scratch.0.join("etc").join("x".repeat(300));
    let mut command = command(&settings, &["init", "--brand", "shop", "--no-key"]);
    command.args(["--public-url", "https://api.brand.nl", "--source", "omniotap"]);
    command.arg("--data-dir").arg(scratch.0.join("data"));
    let failed = run(&mut command);
    assert_eq!((failed.code, failed.out.as_str()), (Some(1), ""));
    let secret = scratch.0.join("etc/secrets/shop-omniotap-webhook");
    assert!(failed.error.contains("File name too long"), "{}", failed.error);
    let end = format!("which you can remove: {}\n", secret.display());
    assert!(failed.error.ends_with(&end), "{}", failed.error);
    assert_eq!(names(&scratch.0.join("etc")), ["secrets"]);
}

#[test]
fn without_a_terminal_missing_arguments_are_named() {
    let scratch = Scratch::new();
    let refused = run(&mut command(&settings_of(&scratch), &["init"]));
    assert_eq!((refused.code, refused.out.as_str()), (Some(2), ""));
    assert!(refused.error.ends_with("missing: --brand, --public-url\n"), "{}", refused.error);
    let refused = run(&mut command(&settings_of(&scratch), &["init", "--brand", "shop"]));
    assert_eq!(refused.code, Some(2));
    assert!(refused.error.ends_with("missing: --public-url\n"), "{}", refused.error);
    assert!(!scratch.0.join("etc").exists());
}

#[test]
fn wrong_arguments_are_refused_before_anything_is_written() {
    let scratch = Scratch::new();
    let short = scratch.file("short", "hunter2", 0o600);
    let short_of = |source: &str| format!("{source}={}", short.display());
    let url = scratch.file("url", "mysql://hookpoint:hunter2@db/hookpoint", 0o600);
    let long = scratch.file("long", &"a".repeat(64 * 1024 + 1), 0o600);
    let long = format!("omneo={}", long.display());
    let cases: [(&[&str], &str); 11] = [
        (&["--time-zone", "Mars"], "--time-zone: brands.shop.time_zone: is not a time zone"),
        (&["--locale", "de"], "--locale: brands.shop.locale: must be \"en\" or \"nl\""),
        (&["--region", "Holland"], "--region: brands.shop.default_region: is not a region"),
        (&["--source", "hubspot"], "hubspot is not a source; the sources are"),
        (
            &["--source", "omnilab=secret"],
            "secret is not a verification of omnilab; write signature or none",
        ),
        (&["--source", "omneo", "--source", "omneo=none"], "omneo is named twice"),
        (&["--secret-file", "omneo=x"], "--secret-file is for omneo, but omneo is not among"),
        (&["--source", "omneo=none", "--secret-file", &long], "omneo=none has no secret"),
        (&["--source", "omneo", "--secret-file", &long], "long is longer than 64 KB"),
        (&["--source", "omneo", "--secret-file", &short_of("omneo")], "needs at least 16 bytes"),
        (
            &["--database-url-file", url.to_str().unwrap()],
            "--database-url-file: database.url: the URL starts with mysql://",
        ),
    ];
    for (arguments, what) in cases {
        let refused = run(&mut init(&scratch, arguments));
        assert_eq!((refused.code, refused.out.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(refused.error.contains(what), "{arguments:?}: {}", refused.error);
        assert!(!refused.error.contains("hunter2"), "{}", refused.error);
    }
    let mut overridden = init(&scratch, &["--embedded"]);
    let refused = run(overridden.env("DATABASE_URL", "postgres://hookpoint@127.0.0.1:1/x"));
    assert_eq!(refused.code, Some(2));
    assert!(refused.error.contains("DATABASE_URL is set"), "{}", refused.error);
    assert!(!scratch.0.join("etc").exists());
}

#[test]
fn if_the_database_cannot_be_reached_the_rest_is_there_and_the_command_for_the_key_is_named() {
    let scratch = Scratch::new();
    let url = "postgres://hookpoint:hunter2@127.0.0.1:1/hookpoint";
    let file = scratch.file("url", &format!("{url}\n"), 0o600);
    let arguments = ["--database-url-file", file.to_str().unwrap(), "--source", "omniotap"];
    let failed = run(&mut init(&scratch, &arguments));
    assert_eq!(failed.code, Some(1), "{failed:?}");
    let key =
        format!("hookpoint --settings {} key create --brand shop", settings_of(&scratch).display());
    assert!(failed.out.contains(&key) && failed.error.contains(&key), "{failed:?}");
    assert!(failed.error.contains("no key was created"), "{failed:?}");
    let copy = scratch.0.join("etc/secrets/database-url");
    assert_eq!((read(&copy), mode(&copy)), (format!("{url}\n"), 0o600));
    let text = read(settings_of(&scratch));
    assert!(text.contains(&format!("url_file = \"{}\"", copy.display())), "{text}");
    assert!(check(&scratch).well().ends_with(VALID));
    for shown in [&failed.out, &failed.error, &text] {
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}

#[test]
fn json_has_the_same_result() {
    let scratch = Scratch::new();
    let arguments = ["--no-key", "--json", "--source", "omniotap", "--source", "omnilab"];
    let out = run(&mut init(&scratch, &arguments)).well();
    let json = crate::json_output::json_of("init", &out);
    let settings = settings_of(&scratch).display().to_string();
    assert_eq!(json["settings"], settings);
    assert_eq!(json["files"].as_array().unwrap().len(), 3);
    assert_eq!(json["crm_sync_url"], serde_json::Value::Null);
    assert_eq!(json["next_command"], format!("hookpoint --settings {settings} serve"));
    assert_eq!(json["check_command"], format!("hookpoint --settings {settings} doctor"));
    let [tap, lab] = json["sources"].as_array().unwrap().as_slice() else { panic!("{json}") };
    assert_eq!(tap["webhook_url"], "https://api.brand.nl/webhooks/shop/omniotap");
    assert_eq!(
        (&tap["is_secret_in_url"], &tap["is_secret_missing"]),
        (&true.into(), &false.into())
    );
    assert_eq!(
        (&lab["is_secret_in_url"], &lab["is_secret_missing"]),
        (&false.into(), &true.into())
    );
}

/// Sends a request, and returns the response.
fn ask(service: &Running, head: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(&service.address).unwrap();
    let length = body.len();
    let head =
        format!("{head} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}");
    write!(stream, "{head}\r\n\r\n{body}").unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    response
}

#[test]
fn after_init_the_service_answers_at_the_printed_urls() {
    let scratch = Scratch::new();
    let done = run(&mut init(&scratch, &["--source", "omniotap"]));
    assert_eq!(done.code, Some(0), "{done:?}");
    let lookup = "https://api.brand.nl/omnidesk/customerlookup?key=";
    let key = done.out.split_once(lookup).unwrap().1.split_whitespace().next().unwrap();
    assert!(key.starts_with("hkp_") && !read(settings_of(&scratch)).contains(key));
    for next in ["serve", "doctor"] {
        let command =
            format!("\n  hookpoint --settings {} {next}\n", settings_of(&scratch).display());
        assert!(done.out.contains(&command), "{}", done.out);
    }

    // A free port and the suppression file of this test; the rest is as it was written.
    let own = "[server]\nlisten = \"127.0.0.1:0\"\nmetrics_listen = \"\"\ndrain_seconds = 0\n";
    let more = format!(
        "\n[console]\nlisten = \"\"\n[erasure]\nsuppression_file = {:?}\n[telemetry]\nformat = \"json\"\n[lookup]\ndeadline_ms = 20000\n",
        scratch.0.join("suppressions.jsonl")
    );
    let text = read(settings_of(&scratch)).replacen("[server]\n", own, 1) + &more;
    std::fs::write(settings_of(&scratch), text).unwrap();
    let service = Running::serve(&mut command(&settings_of(&scratch), &["serve"]));
    let query = "channelAddressType=email&address=nobody%40example.org";
    let answer = ask(&service, &format!("GET /omnidesk/customerlookup?key={key}&{query}"), "");
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("\r\n\r\n[]"), "{answer}");

    // The printed command prints the URL of the webhooks.
    let printed = done.out.lines().find(|line| line.trim().starts_with("printf ")).unwrap();
    let url = Command::new("sh").args(["-c", printed]).output().unwrap().stdout;
    let url = String::from_utf8(url).unwrap();
    let path = url.trim_end().strip_prefix("https://api.brand.nl").unwrap();
    assert!(ask(&service, &format!("POST {path}"), "{}").starts_with("HTTP/1.1 202"));
    assert!(ask(&service, &format!("POST {path}x"), "{}").starts_with("HTTP/1.1 401"));
    service.stop();
}

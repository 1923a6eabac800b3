//! The commands for somebody whose webhook is rejected: verify one, send a sample, watch the inbox.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use hookpoint::clock::Clock;
use hookpoint::sources::signature::{Encoding, Hash, Method};
use hookpoint::storage::delivery_queue::new_id;

use crate::command::{RunEnd, Running, Scratch, TIMEOUT, command, run};
use crate::json_output::json_of;
use crate::shop::Shop;

const SECRET: &str = "a-secret-of-the-shop";
const BODY: &str = r#"{"id":"p-1","first_name":"Lotte"}"#;

/// Omneo signs, and OmnioTap has a secret in the URL.
const WEBHOOKS: &str = "[brands.shop.sources.omneo.webhook]\nverification = \"signature\"\nsecrets = [{ env = \"OMNEO_KEY\" }]
[brands.shop.sources.omniotap.webhook]\nverification = \"secret\"\nsecrets = [{ env = \"TAP_KEY\" }]\n";

fn with_secrets(command: &mut Command) -> &mut Command {
    command.env("OMNEO_KEY", SECRET).env("TAP_KEY", "another-secret-of-the-shop")
}

/// A settings file without a database, and a body.
struct Desk {
    scratch: Scratch,
    settings: PathBuf,
    body: PathBuf,
}

impl Desk {
    fn new() -> Self {
        let scratch = Scratch::new();
        let settings = scratch.settings(&scratch.0.join("data"), WEBHOOKS);
        let body = scratch.file("body.json", BODY, 0o600);
        Self { scratch, settings, body }
    }

    fn command(&self, more: &[&str]) -> Command {
        let body = self.body.to_str().unwrap();
        let arguments = ["inbox", "verify", "--body", body];
        command(&self.settings, &[&arguments[..], more].concat())
    }

    fn verify(&self, more: &[&str]) -> RunEnd {
        let end = run(with_secrets(&mut self.command(more)));
        for hidden in [SECRET, "another-secret", "Lotte", &signature(Encoding::Hex)] {
            assert!(!format!("{end:?}").contains(hidden), "{hidden}: {end:?}");
        }
        end
    }
}

fn signature(encoding: Encoding) -> String {
    let digest = Method::Hmac(Hash::Sha256).digest(SECRET.as_bytes(), &[BODY.as_bytes()]);
    encoding.encode(&digest.unwrap())
}

fn header(encoding: Encoding) -> String {
    format!("X-Omneo-Hmac-SHA256: {}", signature(encoding))
}

#[test]
fn verify_says_what_is_wrong_with_a_webhook() {
    let desk = Desk::new();
    let omneo = ["--source", "omneo", "--header"];
    let right = desk.verify(&[&omneo[..], &[&header(Encoding::Hex)]].concat()).well();
    assert!(right.starts_with("Verified: the service accepts this webhook (omneo of shop,"));
    let wrong = desk.verify(&[&omneo[..], &[&header(Encoding::Base64)]].concat());
    assert_eq!(wrong.code, Some(3));
    assert_eq!(wrong.error, "hookpoint: the webhook is not verified\n");
    assert_eq!(
        wrong.out,
        "Not verified (omneo of shop, verification = \"signature\"):

  - hex expected, this is base64

Apart from this, the webhook is valid.
The settings are in [brands.shop.sources.omneo.webhook].
"
    );
    let json = desk.verify(&[&omneo[..], &["accept: */*", "--json"]].concat());
    let json: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!((&json["verified"], &json["complete"]), (&false.into(), &false.into()));
    assert_eq!(json["reasons"][0]["code"], "header-missing");
    assert_eq!(json["reasons"][0]["header"], "x-omneo-hmac-sha256");
    assert_eq!(json["reasons"][0]["text"], "the header x-omneo-hmac-sha256 is missing");
    let none = desk.verify(&["--source", "syncaroo"]);
    assert_eq!(none.code, Some(3));
    assert!(none.out.starts_with("Not verified (syncaroo of shop, not connected):"), "{none:?}");
    assert!(none.out.contains("the settings have no verification for this source"), "{none:?}");
    assert!(!desk.scratch.0.join("data").exists(), "no database is needed");
}

#[test]
fn verify_takes_the_secret_from_the_url() {
    let desk = Desk::new();
    let tap = ["--source", "omniotap"];
    let url = |end: &str| format!("https://api.brand.nl/webhooks/shop/omniotap{end}");
    let given = |end: &str| {
        run(with_secrets(&mut desk.command(&[&tap[..], &["--url", &url(end)]].concat())))
    };
    assert!(given("/another-secret-of-the-shop").well().starts_with("Verified"));
    let elsewhere = given("?token=another-secret-of-the-shop");
    assert!(elsewhere.out.contains("secret in the query of the URL"), "{elsewhere:?}");
    let of_other = given(&format!("/{SECRET}"));
    assert!(
        of_other.out.contains("the sender used the secret of omneo of the brand shop"),
        "{of_other:?}"
    );
    let value = ["--secret-in-url", "another-secret-of-the-shop"];
    let verified = run(with_secrets(&mut desk.command(&[&tap[..], &value].concat())));
    assert!(verified.well().starts_with("Verified"));
    let file = desk.scratch.file("secret", "another-secret-of-the-shop\n", 0o600);
    let in_file = desk.verify(&["--source", "omniotap", "--secret-file", file.to_str().unwrap()]);
    assert!(in_file.well().starts_with("Verified"));
}

#[test]
fn mistakes_in_arguments_repeat_no_secret() {
    let desk = Desk::new();
    for (argument, value) in
        [("--header", "canary"), ("--header", "a b: canary"), ("--url", "canary")]
    {
        let end = desk.verify(&["--source", "omniotap", argument, value]);
        assert_eq!(end.code, Some(2), "{end:?}");
        assert!(end.error.contains(argument) && !end.error.contains("canary"), "{end:?}");
    }
    for url in ["canary", "http://api.brand.nl/canary", "https://canary@api.brand.nl"] {
        let arguments = ["sources", "trigger", "omneo", "product.created", "--url", url];
        let end = run(with_secrets(&mut command(&desk.settings, &arguments)));
        assert_eq!((end.code, end.out.as_str()), (Some(2), ""), "{end:?}");
        assert!(end.error.contains("--url") && !end.error.contains("canary"), "{end:?}");
    }
}

#[test]
fn verify_names_the_variable_that_this_shell_does_not_have() {
    let desk = Desk::new();
    let end = run(desk.command(&["--source", "omneo"]).env("TAP_KEY", SECRET));
    assert_eq!((end.code, end.out.as_str()), (Some(2), ""));
    assert!(
        end.error.contains("this command needs the secret of the source")
            && end.error.contains("the environment variable OMNEO_KEY, which is not set"),
        "{}",
        end.error
    );
    let end = run(desk.command(&["--source", "omniotap"]).env("TAP_KEY", SECRET));
    assert!(end.out.contains("no secret in the path of the URL"), "the other one: {end:?}");
}

/// What is there at some time.
fn until<T>(mut find: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + TIMEOUT;
    loop {
        if let Some(found) = find() {
            return found;
        }
        assert!(Instant::now() < deadline, "it never came");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn trigger(shop: &Shop, service: &Running, arguments: &[&str]) -> RunEnd {
    let url = format!("http://{}", service.address);
    let all = [&["sources", "trigger", "--url", &url], arguments].concat();
    let end = run(with_secrets(&mut shop.command(&all)));
    assert!(!format!("{end:?}").contains("secret-of-the-shop"), "{end:?}");
    end
}

#[test]
fn a_sample_goes_the_whole_way_and_can_be_removed() {
    let shop = Shop::with(WEBHOOKS);
    let service = Running::serve(with_secrets(&mut shop.command(&["serve"])));
    let refused = trigger(&shop, &service, &["omneo", "profile.created"]);
    assert_eq!(refused.code, Some(2), "without a terminal nobody can confirm: {refused:?}");
    assert!(refused.error.contains("--yes") && refused.out.contains("invented person"));
    let harmless = trigger(&shop, &service, &["omneo", "product.created"]).well();
    assert!(harmless.starts_with("Status: 202\nRequest id: "), "{harmless}");
    let words = harmless.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("so no customer changes"), "{harmless}");
    for (source, event) in [("omneo", "profile.created"), ("omniotap", "contact.created")] {
        let sent = trigger(&shop, &service, &[source, event, "--yes"]).well();
        assert!(sent.starts_with("Status: 202\n"), "{sent}");
        assert!(sent.contains("hookpoint customer erase --brand shop --email hookpoint-sample-1@"));
    }
    let lookup = ["lookup", "--email", "hookpoint-sample-1@example.org", "--json"];
    let count = |state: &str| {
        shop.texts(&format!("select state from deliveries where state = '{state}'")).len()
    };
    until(|| {
        assert_eq!(count("dead"), 0);
        (count("done") == 3).then_some(())
    });
    let found: serde_json::Value = serde_json::from_str(&shop.run(&lookup).well()).unwrap();
    assert!(found.to_string().contains("Hookpoint"), "{found}");
    let json = trigger(&shop, &service, &["omneo", "product.created", "--json"]).well();
    let json = json_of("sources trigger", &json);
    assert_eq!((&json["status"], &json["effect"]), (&202.into(), &"nothing".into()));
    shop.run(&["customer", "erase", "--email", "hookpoint-sample-1@example.org", "--yes"]).well();
    assert!(!shop.run(&lookup).well().contains("Hookpoint"));
    // The service has another secret than this shell.
    let mut other = shop.command(&["sources", "trigger", "--url"]);
    other.arg(format!("http://{}", service.address)).args(["omneo", "product.created"]);
    let end = run(other.env("OMNEO_KEY", "not-the-secret-of-it").env("TAP_KEY", SECRET));
    assert_eq!(end.code, Some(1));
    assert!(
        end.out.starts_with("Status: 401\n") && end.error.contains("rejected the webhook"),
        "{end:?}"
    );
    // The service saves the reason every two seconds.
    let told = "omneo: the last webhook was rejected (";
    let status = until(|| {
        Some(shop.run(&["inbox", "status"]).well()).filter(|status| status.contains(told))
    });
    let reason = "UTC): the signature is wrong. `hookpoint inbox verify` explains it";
    let words = status.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains(reason), "{status}");
    service.stop();
}

#[test]
fn the_samples_of_a_source_are_listed_without_a_service_and_a_secret() {
    let desk = Desk::new();
    for (source, event) in [
        ("omneo", "profile.created"),
        ("omniotap", "contact.created"),
        ("omnilab", "feedback.submitted.v1"),
        ("syncaroo", "booking"),
    ] {
        let arguments = ["sources", "trigger", source, "--list"];
        let listed = run(&mut command(&desk.settings, &arguments)).well();
        assert!(listed.lines().any(|line| line.trim().starts_with(event)), "{listed}");
    }
    let unknown = run(with_secrets(&mut command(
        &desk.settings,
        &["sources", "trigger", "omneo", "profile.exploded"],
    )));
    assert_eq!(unknown.code, Some(2));
    assert!(unknown.error.contains("`hookpoint sources trigger omneo --list`"), "{unknown:?}");
    let port = "127.0.0.1:1";
    let settings = std::fs::read_to_string(&desk.settings).unwrap();
    let file = desk.scratch.file("away.toml", &settings.replace("127.0.0.1:0", port), 0o600);
    let away = run(with_secrets(&mut command(
        Path::new(&file),
        &["sources", "trigger", "omneo", "product.created"],
    )));
    assert_eq!(away.code, Some(75));
    assert!(away.error.contains("the service does not answer"), "{away:?}");
}

/// A tail that waits for deliveries, and its lines.
fn tail(shop: &Shop, arguments: &[&str]) -> (Child, impl Iterator<Item = String>) {
    let mut command = shop.command(&[&["inbox", "tail"], arguments].concat());
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    (child, lines)
}

#[test]
fn a_tail_prints_each_delivery_when_it_arrives_and_when_its_state_changes() {
    let shop = Shop::open();
    let insert = |source: &str| {
        let id = new_id(Clock::system().now());
        shop.sql(&format!(
            "insert into deliveries (brand_id, delivery_id, source, event, headers, body, received_at, priority, state, due_at)
            select brand_id, '{id}', '{source}', 'contact.created', '{{}}', 'not json anna@example.org', now(), 1, 'pending', now() from brands"
        ));
        id
    };
    insert("omniotap");
    let (mut child, mut lines) = tail(&shop, &["--source", "omniotap"]);
    assert_eq!(lines.next().unwrap(), "Waiting for deliveries. Ctrl-C ends this.");
    insert("omneo");
    let id = insert("omniotap");
    let line = lines.next().unwrap();
    assert!(
        line.ends_with(&format!("{id}  omniotap  pending")),
        "neither the old one nor that of another source: {line}"
    );
    assert_eq!(lines.next().unwrap(), "    shop: contact.created, not tried yet");
    shop.sql(&format!(
        "update deliveries set state = 'dead', attempts = 2, finished_at = now(), note = 'the body is not JSON' where delivery_id = '{id}'"
    ));
    let line = lines.next().unwrap();
    assert!(line.ends_with(&format!("{id}  omniotap  dead")), "{line}");
    let below = lines.next().unwrap();
    assert_eq!(below, "    shop: contact.created, tried 2 times: the body is not JSON");
    let signal = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(signal.success() && child.wait().unwrap().success());
    assert_eq!(lines.next(), None);
}

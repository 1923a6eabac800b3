//! `--json`: every command that prints a result has it, and its fields are documented.

use std::collections::BTreeSet;
use std::path::Path;

use clap::CommandFactory;
use hookpoint::cli::Cli;
use serde_json::Value;

use crate::command::{Running, Scratch, command, run};
use crate::shop::{Shop, anna_and_bert};

/// The commands without `--json`, each with its reason.
const WITHOUT_JSON: [(&str, &str); 4] = [
    ("completion", "its result is a script"),
    ("demo", "it runs until Ctrl-C"),
    ("man", "its result is a page"),
    ("serve", "it runs until a signal; its log is JSON where there is no terminal"),
];

/// All commands that do something, with their arguments.
fn commands(parent: &str, of: &clap::Command) -> Vec<(String, clap::Command)> {
    let mut all = Vec::new();
    for command in of.get_subcommands() {
        let name = format!("{parent} {}", command.get_name()).trim().to_owned();
        all.extend(commands(&name, command));
        if !command.has_subcommands() || !command.is_subcommand_required_set() {
            all.push((name, command.clone()));
        }
    }
    all
}

/// The fields of a command's JSON, as operate.md lists them. `None` if it does not name the command.
fn documented(command: &str) -> Option<BTreeSet<String>> {
    let text = std::fs::read_to_string("deploy/operate.md").unwrap();
    let (_, rows) = text.split_once("\n| command | JSON |\n|---|---|\n").unwrap();
    let mut rows = rows.lines().take_while(|line| line.starts_with('|'));
    let words = |cell: &str| -> BTreeSet<String> {
        cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    };
    let row = rows.find(|row| words(row.split('|').nth(1).unwrap()).contains(command))?;
    Some(words(row.split('|').nth(2).unwrap()))
}

#[test]
fn every_command_that_prints_a_result_prints_json_and_is_documented() {
    let all = commands("", &Cli::command());
    assert!(all.len() > 25, "{}", all.len());
    for (name, command) in &all {
        let has_json = command.get_arguments().any(|argument| argument.get_long() == Some("json"));
        let is_excepted = WITHOUT_JSON.iter().any(|(without, _)| without == name);
        assert_eq!(has_json, !is_excepted, "{name}");
        assert_eq!(documented(name).is_some(), has_json, "{name}: the table in operate.md");
    }
    for (name, _) in WITHOUT_JSON {
        assert!(all.iter().any(|(command, _)| command == name), "{name} is no command");
    }
}

/// The JSON of a command, of which every field is documented.
pub fn json_of(command: &str, out: &str) -> Value {
    let value: Value =
        serde_json::from_str(out).unwrap_or_else(|error| panic!("{command}: {error}: {out}"));
    let documented = documented(command).unwrap();
    let objects = value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
    for field in objects.iter().flat_map(|object| object.as_object().unwrap().keys()) {
        assert!(documented.contains(field), "{command}: {field} is not in operate.md");
    }
    value
}

#[test]
fn acts_print_what_they_did() {
    let shop = Shop::open();
    shop.apply(anna_and_bert());
    let json = |name: &str, rest: &[&str]| {
        let arguments: Vec<&str> =
            name.split(' ').chain(rest.iter().copied()).chain(["--json"]).collect();
        let ended = shop.run(&arguments);
        assert_eq!(ended.code, Some(0), "{arguments:?}: {ended:?}");
        json_of(name, &ended.out)
    };
    let newest = hookpoint::storage::schema_version();
    assert_eq!(json("migrate", &[]), serde_json::json!({ "schema": newest }));
    let created = json("key create", &["--brand", "shop"]);
    let id = created["key_id"].as_str().unwrap();
    let revoked = json("key revoke", &[id]);
    assert_eq!(revoked, serde_json::json!({ "key_id": id, "outcome": "revoked" }));
    assert_eq!(json("key revoke", &[id])["outcome"], "already_revoked");

    let delivery = insert_dead_delivery(&shop);
    let shown = json("inbox show", &[&delivery]);
    assert_eq!((&shown["id"], &shown["is_revealed"]), (&delivery.as_str().into(), &false.into()));
    assert_eq!(shown["body"]["email"], "‹text, 16›");
    assert_eq!(shown["headers"]["x-name"], "‹text›");
    let revealed = json("inbox show", &[&delivery, "--reveal"]);
    assert_eq!(revealed["body"]["email"], "anna@example.org");
    assert_eq!(
        (&revealed["headers"]["x-name"], &revealed["is_revealed"]),
        (&"Anna".into(), &true.into())
    );
    let replayed = json("inbox replay", &[&delivery]);
    assert_eq!(replayed, serde_json::json!({ "outcome": "replayed", "deliveries": 1 }));
    let discarded = json("inbox discard", &["--all", "--yes"]);
    assert_eq!(discarded, serde_json::json!({ "outcome": "discarded", "deliveries": 1 }));

    assert_eq!(
        json("rebuild", &[])[0],
        serde_json::json!({ "brand": "shop", "read": 2, "changed": 0 })
    );
    assert_eq!(json("sync cancel", &[]), serde_json::json!({ "outcome": "cancelled", "runs": 0 }));
    let erased = json("customer erase", &["--email", "anna@example.org", "--yes"]);
    assert_eq!((&erased["outcome"], &erased["brand"]), (&"erased".into(), &"shop".into()));
    assert_eq!((&erased["records"], &erased["events"]), (&1.into(), &1.into()));
    assert!(!erased.to_string().contains("anna"), "{erased}");
    let erasures = json("customer erasures", &[]);
    assert_eq!(erasures[0]["erasure_id"], erased["erasure_id"]);
    assert_eq!((&erasures[0]["records"], &erasures[0]["revoked_at"]), (&1.into(), &Value::Null));
    let revoked = json("customer revoke-erasure", &["--email", "anna@example.org"]);
    assert_eq!((&revoked["outcome"], &revoked["erasures"]), (&"revoked".into(), &1.into()));
}

fn insert_dead_delivery(shop: &Shop) -> String {
    let insert = r#"insert into deliveries (brand_id, delivery_id, source, event, headers, body, received_at, priority, state, due_at, finished_at, note)
        select brand_id, gen_random_uuid(), 'omniotap', 'contact.created', '{"x-name": "Anna"}', convert_to('{"email": "anna@example.org"}', 'utf8'), now(), 1, 'dead', now(), now(), 'x'
        from brands returning delivery_id::text"#;
    shop.texts(insert).remove(0)
}

#[test]
fn lists_and_checks_print_the_documented_fields() {
    let shop = Shop::open();
    shop.apply(anna_and_bert());
    shop.run(&["key", "create", "--brand", "shop"]).well();
    insert_dead_delivery(&shop);
    for name in [
        "brand list",
        "key list",
        "inbox list",
        "inbox status",
        "sync status",
        "audit list",
        "booking actions",
        "customer erasures",
        "version",
        "settings check",
        "sync run",
    ] {
        let arguments: Vec<&str> = name.split(' ').chain(["--json"]).collect();
        let ended = shop.run(&arguments);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        json_of(name, &ended.out);
    }
    let explained = shop.run(&["lookup", "--email", "anna@example.org", "--why", "--json"]);
    let explained = json_of("lookup", &explained.out);
    assert_eq!(explained[0]["answer"]["customerID"], "crm-1");
    assert_eq!(explained[0]["events"][0]["event"], "omnilab.booking:bk_anna");
    let people = shop.run(&["accuracy", "--people", "50", "--json"]);
    assert_eq!(json_of("accuracy", &people.out)["people"], 50);
    let samples = shop.run(&["sources", "trigger", "omneo", "--list", "--json"]);
    let samples = json_of("sources trigger", &samples.out);
    let effect = |event: &str| {
        samples.as_array().unwrap().iter().find(|sample| sample["event"] == event).unwrap()["effect"].clone()
    };
    assert_eq!(effect("profile.created"), "person");
    assert_eq!(effect("product.created"), "nothing");
}

#[test]
fn a_check_prints_json_also_if_it_finds_a_problem() {
    let scratch = Scratch::new();
    let settings = scratch.settings(&scratch.0.join("data"), "");
    let body = scratch.file("body", "{}", 0o600);
    let run = |arguments: &[&str]| run(&mut command(&settings, arguments));
    let health = run(&["health", "--address", "127.0.0.1:1", "--json"]);
    let address = "127.0.0.1:1";
    let expected = serde_json::json!({ "address": address, "is_ready": false, "answer": null });
    assert_eq!((health.code, json_of("health", &health.out)), (Some(3), expected));
    let verified =
        ["inbox", "verify", "--source", "omneo", "--json", "--body", body.to_str().unwrap()];
    assert_eq!(json_of("inbox verify", &run(&verified).out)["verified"], false);
    let doctor = run(&["doctor", "http://127.0.0.1:1/?key=x", "--timeout", "1", "--json"]);
    assert_ne!(json_of("doctor", &doctor.out)["failed"], 0);
}

#[test]
fn json_asks_no_question_and_shows_nobody_if_several_match() {
    let shop = Shop::open();
    shop.apply(anna_and_bert());
    for arguments in [
        &["customer", "erase", "--email", "anna@example.org", "--json"][..],
        &["booking", "cancel", "--booking", "bk_anna", "--reason", "ill", "--json"],
    ] {
        let refused = shop.run(arguments);
        assert_eq!((refused.code, refused.out.as_str()), (Some(2), ""), "{refused:?}");
        assert_eq!(refused.error, "hookpoint: --json asks no question; add --yes\n");
    }
    let twins = [("name.first", "Cor"), ("phone.main", "+31612312333")];
    let others = [("name.first", "Ria"), ("phone.main", "+31612312333")];
    let kind = hookpoint::customer::model::source::SourceKind::OmnioTapContact;
    shop.apply(vec![
        crate::shop::record(kind, "crm-3", &twins),
        crate::shop::record(kind, "crm-4", &others),
    ]);
    for arguments in
        [&["customer", "export", "--json"][..], &["customer", "erase", "--yes", "--json"]]
    {
        let several = shop.run(&[arguments, &["--phone", "+31612312333"]].concat());
        assert_eq!((several.code, several.out.as_str()), (Some(1), ""), "{several:?}");
        assert!(several.error.contains("several customers match"), "{several:?}");
    }
}

#[test]
fn health_of_a_running_service_is_ready() {
    let scratch = Scratch::new();
    let settings = scratch.settings(&scratch.dir("data"), "");
    let service = Running::serve(&mut command(&settings, &["serve"]));
    let arguments = ["health", "--address", &service.address, "--timeout", "60", "--json"];
    let ended = run(&mut command(Path::new(&settings), &arguments));
    let health = json_of("health", &ended.out);
    assert_eq!((&health["is_ready"], &health["answer"]["status"]), (&true.into(), &"ready".into()));
    service.stop();
}

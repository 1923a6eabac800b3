//! `identity preview`, `answers preview` and `rebuild --state`: what new settings would change, and whether they did.

use std::path::{Path, PathBuf};

use hookpoint::customer::model::record::Change;
use hookpoint::customer::model::source::SourceKind;

use crate::command::{RunEnd, command, run};
use crate::json_output::json_of;
use crate::shop::{Shop, anna_and_bert, record};

/// A record of Anna that only her phone number links.
fn anna_by_phone(id: &str) -> Change {
    let fields = [("name.first", "Anna"), ("name.last", "Verburg"), ("phone.main", "+31612312311")];
    record(SourceKind::OmnioTapContact, id, &fields)
}

fn shop() -> Shop {
    let shop = Shop::open();
    shop.apply(anna_and_bert());
    shop.apply(vec![anna_by_phone("crm-3")]);
    shop
}

/// A copy of the settings file, with more in it.
fn new_settings(shop: &Shop, more: &str) -> PathBuf {
    let text = std::fs::read_to_string(&shop.settings).unwrap();
    shop.scratch.file("new.toml", &format!("{text}{more}"), 0o644)
}

const NO_PHONES: &str = "identity.link_by_phone = false\n";

/// Runs a command with other settings, on the database of the shop.
fn run_with(shop: &Shop, settings: &Path, arguments: &[&str]) -> RunEnd {
    run(command(settings, arguments).env("DATABASE_URL", shop.url()))
}

/// The JSON of a command. Its progress is on standard error.
fn json(name: &str, ended: &RunEnd) -> serde_json::Value {
    assert_eq!(ended.code, Some(0), "{ended:?}");
    json_of(name, &ended.out)
}

fn preview_json(shop: &Shop, settings: &Path) -> serde_json::Value {
    let ended = run_with(shop, settings, &["identity", "preview", "--json"]);
    json("identity preview", &ended)[0].clone()
}

#[test]
fn a_preview_of_rules_names_who_would_part_and_a_rebuild_does_just_that() {
    let shop = shop();
    let new = new_settings(&shop, NO_PHONES);
    let before = shop.dump();
    let out = run_with(&shop, &new, &["identity", "preview"]).well();
    assert!(out.contains("shop: 2 customers now, 3 with the new rules\n"), "{out}");
    assert!(out.contains("  parting: 1 customer, into 2\n"), "{out}");
    assert!(out.contains("  joining: 0 customers, into 0\n"), "{out}");
    assert!(out.contains("\nCustomers that part, 1 of 1. Now:\nAnna Verburg  (crm-1)\n"), "{out}");
    assert!(out.contains("\nWith the new rules:\nAnna Verburg  (crm-1)\n"), "{out}");
    assert!(out.contains("omniotap.contact:crm-3") && !out.contains("Bert"), "{out}");
    assert!(out.lines().all(|line| line.chars().count() <= 80), "{out}");
    assert_eq!(shop.dump(), before, "a preview writes nothing");

    let shown = preview_json(&shop, &new);
    assert_eq!((&shown["parted"], &shown["parted_into"]), (&1.into(), &2.into()));
    assert_eq!(shown["partings"][0]["before"][0]["first_name"], "Anna");
    assert_eq!(shown["partings"][0]["after"].as_array().unwrap().len(), 2);
    assert_eq!(shown["joins"], serde_json::json!([]));
    let state = shown["state"].as_str().unwrap();
    assert!(out.split_whitespace().any(|word| word == state), "{state}: {out}");
    let none = run_with(&shop, &new, &["identity", "preview", "--sample", "0", "--json"]);
    assert_eq!(json("identity preview", &none)[0]["partings"], serde_json::json!([]));

    let applied = run_with(&shop, &new, &["rebuild", "--state", state]).well();
    assert!(applied.ends_with("All customers are as the preview showed them.\n"), "{applied}");
    let found = run_with(&shop, &new, &["lookup", "--phone", "+31612312311", "--json"]).well();
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&found).unwrap().as_array().unwrap().len(),
        2
    );

    // Back to the old settings, they join.
    let back = preview_json(&shop, &shop.settings);
    assert_eq!((&back["joined"], &back["joined_into"]), (&2.into(), &1.into()));
    let state = back["state"].as_str().unwrap();
    let applied = shop.run(&["rebuild", "--state", state, "--json"]);
    assert_eq!(json("rebuild", &applied)[0]["unexpected"], 0);
}

#[test]
fn a_change_after_a_preview_is_reported_and_nothing_is_done() {
    let shop = shop();
    let new = new_settings(&shop, NO_PHONES);
    let state = preview_json(&shop, &new)["state"].as_str().unwrap().to_owned();
    shop.apply(vec![anna_by_phone("crm-4")]);
    let before = shop.dump();
    let refused = run_with(&shop, &new, &["rebuild", "--state", &state]);
    assert_eq!(refused.code, Some(3), "{refused:?}");
    assert!(refused.error.contains("nothing was changed"), "{refused:?}");
    assert!(
        refused.error.contains("the counts are the same, but not the customers"),
        "{refused:?}"
    );
    assert_eq!(shop.dump(), before);
    // With more customers that part, the counts say so.
    let bert = [("name.first", "Bert"), ("name.last", "Kuipers"), ("phone.main", "+31612312322")];
    shop.apply(vec![record(SourceKind::OmnioTapContact, "crm-5", &bert)]);
    let refused = run_with(&shop, &new, &["rebuild", "--state", &state]);
    assert_eq!(refused.code, Some(3), "{refused:?}");
    let counts = "the preview showed 0 joining and 1 parting customers, now it would be 0 and 2";
    assert!(refused.error.contains(counts), "{refused:?}");
    let mistaken = run_with(&shop, &new, &["rebuild", "--state", "abc"]);
    assert_eq!(mistaken.code, Some(2), "{mistaken:?}");
    assert!(mistaken.error.contains("this is not a state"), "{mistaken:?}");
}

#[test]
fn a_brand_that_is_not_in_the_database_has_no_customers() {
    let shop = shop();
    let text = std::fs::read_to_string(&shop.settings).unwrap();
    let text = text.replace("[brands.shop]", "[brands.other]");
    let other = shop.scratch.file("other.toml", &text, 0o644);
    let before = shop.dump();
    let out = run_with(&shop, &other, &["identity", "preview"]).well();
    assert!(out.starts_with("other: 0 customers now, 0 with the new rules\n"), "{out}");
    let out = run_with(&shop, &other, &["answers", "preview"]).well();
    assert_eq!(out, "0 answers of 0 would change.\n");
    assert_eq!(shop.dump(), before);
    let ended = run_with(&shop, &other, &["identity", "preview", "--brand", "shop"]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
}

#[test]
fn a_preview_of_answers_shows_the_lines_that_differ() {
    let shop = shop();
    let fields = "custom_fields = [{ name = \"first\", value = \"{{ customer.first_name }}!\" }, { name = \"broken\", value = \"{{ 7 // (omneo.points | default(0)) }}\" }]\n";
    let new = new_settings(&shop, fields);
    let before = shop.dump();
    let out = run_with(&shop, &new, &["answers", "preview"]).well();
    let anna = "Anna Verburg  (crm-1)\n  + first: Anna!\n\n";
    let bert = "Bert Kuipers  (crm-2)\n  + first: Bert!\n\n";
    assert!(out.contains(anna) && out.contains(bert), "{out}");
    assert!(out.contains("2 answers of 2 would change.\n"), "{out}");
    let words = out.split_whitespace().collect::<Vec<_>>().join(" ");
    let failure = "The template custom_fields.1.value fails for 2 customers; its field or message is left out.";
    assert!(words.ends_with(failure), "{out}");
    let one = run_with(&shop, &new, &["answers", "preview", "--sample", "1"]).well();
    assert!(one.contains("1 answer of 1 would change.\n"), "{one}");
    assert_eq!(one, run_with(&shop, &new, &["answers", "preview", "--sample", "1"]).well());

    let arguments = ["answers", "preview", "--email", "anna@example.org", "--json"];
    let json = json("answers preview", &run_with(&shop, &new, &arguments));
    assert_eq!(json.as_array().unwrap().len(), 1);
    assert_eq!(json[0]["before"]["customFields"], serde_json::json!([]));
    assert_eq!(json[0]["after"]["customFields"], serde_json::json!([{ "first": "Anna!" }]));
    assert_eq!(
        (&json[0]["is_different"], &json[0]["failed_templates"]),
        (&true.into(), &["custom_fields.1.value"][..].into())
    );
    assert_eq!(shop.dump(), before, "a preview writes nothing");

    run_with(&shop, &new, &["rebuild"]).well();
    let found = run_with(&shop, &new, &["lookup", "--email", "anna@example.org", "--json"]).well();
    let found: serde_json::Value = serde_json::from_str(&found).unwrap();
    assert_eq!(json[0]["after"], found[0], "as previewed");
    let out = run_with(&shop, &new, &["answers", "preview", "--id", "crm-2"]).well();
    assert!(out.starts_with("0 answers of 1 would change.\n"), "{out}");
    let nobody = run_with(&shop, &new, &["answers", "preview", "--email", "nobody@example.org"]);
    assert_eq!(nobody.code, Some(4), "{nobody:?}");
}

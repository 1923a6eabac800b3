//! Who is who, decided by commands: what is asked, shown, stored and undone.

use hookpoint::customer::model::source::SourceKind;
use serde_json::Value;

use crate::command::RunEnd;
use crate::json_output::json_of;
use crate::shop::{Shop, anna_and_bert, record};

const ANNA: &str = "omniotap.contact:crm-1";
const BERT: &str = "omniotap.contact:crm-2";

fn shop() -> Shop {
    let shop = Shop::open();
    shop.apply(anna_and_bert());
    shop
}

fn by_phone(shop: &Shop, phone: &str) -> Vec<Value> {
    let out = shop.run(&["lookup", "--phone", phone, "--json"]).well();
    serde_json::from_str(&out).unwrap()
}

/// What `hookpoint` decides and prints, as JSON.
fn act(shop: &Shop, command: &str, rest: &[&str]) -> Value {
    let arguments: Vec<&str> = command
        .split(' ')
        .chain(rest.iter().copied())
        .chain(["--yes", "--by", "Femke", "--reason", "ticket 4711", "--format", "json"])
        .collect();
    let ended = shop.run(&arguments);
    assert_eq!(ended.code, Some(0), "{arguments:?}: {ended:?}");
    json_of(command, &ended.out)
}

fn refused(ended: &RunEnd, code: i32, why: &str) {
    assert_eq!(ended.code, Some(code), "{ended:?}");
    assert!(ended.error.contains(why) && ended.out.is_empty(), "{ended:?}");
}

#[test]
fn records_are_joined_shown_and_separated_again() {
    let shop = shop();
    let joined = act(&shop, "customer join", &[ANNA, BERT]);
    assert_eq!(joined["outcome"], "decided");
    let customers = joined["customers"].as_array().unwrap();
    assert_eq!(customers.len(), 1);
    assert_eq!(
        (&customers[0]["customer_id"], &customers[0]["events"]),
        (&"crm-1".into(), &2.into())
    );
    assert_eq!(customers[0]["records"][1]["record"], BERT);
    assert_eq!(by_phone(&shop, "+31612312322")[0]["customerID"], "crm-1");
    let id = joined["decision_id"].as_str().unwrap();

    let shown = shop.run(&["customer", "show", "--email", "bert@example.org"]).well();
    for part in ["Anna Verburg", ANNA, BERT, id, "same person", "by Femke: ticket 4711"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let why = shop.run(&["lookup", "--email", "bert@example.org", "--why"]).well();
    let events = ["Events of each record", "omnilab.booking:bk_bert  (2026-11-24 12:30:00)"];
    for part in [id, "same person", "by Femke: ticket 4711", events[0], events[1]] {
        assert!(why.contains(part), "{part}: {why}");
    }
    let undone = act(&shop, "decision undo", &[id]);
    assert_eq!((&undone["outcome"], &undone["decision_id"]), (&"undone".into(), &id.into()));
    assert_eq!(undone["customers"].as_array().unwrap().len(), 2);
    assert_eq!(by_phone(&shop, "+31612312322")[0]["customerID"], "crm-2");

    let history = shop.run(&["customer", "history", "--id", "crm-2", "--json"]).well();
    let history = json_of("customer history", &history);
    assert_eq!(history["decisions"][0]["decision_id"], id);
    assert!(!history["decisions"][0]["undone_at"].is_null());
    assert_eq!(history["decisions"][0]["undone_by"], "Femke");
    assert_eq!(history["decisions"][0]["undone_reason"], "ticket 4711");
    assert_eq!(history["actions"][0]["action"], "undo decision");
    assert_eq!(history["actions"][1]["by"], "Femke");
    assert_eq!(history["actions"][1]["via"], "command");
    let list = |more: &[&str]| {
        let out = shop.run(&[&["decision", "list", "--json"], more].concat()).well();
        json_of("decision list", &out).as_array().unwrap().len()
    };
    assert_eq!((list(&[]), list(&["--all"])), (0, 1));
    let audit = shop.run(&["audit", "list"]).well();
    assert!(audit.contains("decide same person") && audit.contains("undo decision"), "{audit}");
    assert!(audit.contains("by Femke: ticket 4711"), "{audit}");
    assert!(!audit.contains("anna") && !audit.contains("crm-1"), "{audit}");
}

#[test]
fn a_wrong_merge_is_separated_and_stays_separated() {
    let shop = Shop::open();
    let person = |email: &'static str| {
        [
            ("name.first", "Jan"),
            ("name.last", "Smit"),
            ("email.main", email),
            ("phone.main", "+31644556677"),
        ]
    };
    let all = || {
        vec![
            record(SourceKind::OmnioTapContact, "father", &person("jan@example.org")),
            record(SourceKind::OmneoProfile, "son", &person("jan@example.org")),
        ]
    };
    shop.apply(all());
    assert_eq!(by_phone(&shop, "+31644556677").len(), 1);
    let separated = act(&shop, "customer separate", &["omneo.profile:son"]);
    assert_eq!(separated["customers"].as_array().unwrap().len(), 2);
    assert_eq!(by_phone(&shop, "+31644556677").len(), 2);
    shop.run(&["rebuild"]).well();
    assert_eq!(by_phone(&shop, "+31644556677").len(), 2);
    let open = json_of("review list", &shop.run(&["review", "list", "--json"]).well());
    assert_eq!(open, serde_json::json!([]), "what is decided is no question");
    let why = shop.run(&["lookup", "--id", "father", "--why", "--json"]).well();
    let apart = &json_of("lookup", &why)[0]["not_linked"];
    assert_eq!(apart[0]["reason"], "a person decided that they differ", "{apart}");
    assert_eq!(apart[0]["customers"], serde_json::json!(["omneo.profile:son"]));
}

#[test]
fn a_command_without_yes_shows_and_asks_and_decides_nothing() {
    let shop = shop();
    let preview = shop.run(&["customer", "join", ANNA, BERT, "--preview"]).well();
    for part in ["Now:", "After it:", "Anna Verburg", "Bert Kuipers", "--state "] {
        assert!(preview.contains(part), "{part}: {preview}");
    }
    // Without a terminal there is nobody to ask.
    let asked = shop.run(&["customer", "join", ANNA, BERT]);
    assert_eq!(asked.code, Some(2), "{asked:?}");
    assert!(asked.error.contains("add --yes to join these records"), "{asked:?}");
    refused(&shop.run(&["customer", "join", ANNA, BERT, "--json"]), 2, "--json asks no question");
    assert_eq!(shop.texts("select count(*)::text from decisions"), ["0"]);
    let shown = json_of(
        "customer join",
        &shop.run(&["customer", "join", ANNA, BERT, "--preview", "--json"]).well(),
    );
    assert_eq!(shown["outcome"], "preview");
    assert_eq!(shown["customers_before"].as_array().unwrap().len(), 2);
    let state = shown["state"].as_str().unwrap();
    let wrong = shop.run(&["customer", "join", ANNA, BERT, "--yes", "--state", "0123456789abcdef"]);
    refused(&wrong, 1, "something changed since this was shown");
    shop.run(&["customer", "join", ANNA, BERT, "--yes", "--state", state]).well();
    assert_eq!(shop.texts("select count(*)::text from decisions"), ["1"]);
}

#[test]
fn mistakes_have_their_exit_codes_and_say_what_to_do() {
    let shop = shop();
    let unknown = shop.run(&["customer", "join", ANNA, "omneo.profile:nobody", "--yes"]);
    refused(&unknown, 4, "omneo.profile:nobody");
    refused(
        &shop.run(&["customer", "join", ANNA, "--yes"]),
        2,
        "name records of at least two customers",
    );
    refused(&shop.run(&["customer", "join", ANNA, "nonsense", "--yes"]), 2, "no key of a record");
    refused(&shop.run(&["customer", "separate", ANNA, "--yes"]), 2, "none would stay");
    let nil = "00000000-0000-0000-0000-000000000000";
    refused(&shop.run(&["decision", "undo", nil, "--yes"]), 4, "no decision with this id");
    refused(&shop.run(&["review", "show", "abc"]), 4, "no open question");
    refused(&shop.run(&["customer", "show", "--email", "nobody@example.org"]), 4, "no customer");
    refused(&shop.run(&["value", "unshare", "--phone", "+31612312311", "--yes"]), 4, "is shared");
    let joined = act(&shop, "customer join", &[ANNA, BERT]);
    let id = joined["decision_id"].as_str().unwrap();
    refused(&shop.run(&["customer", "separate", BERT, "--yes"]), 1, id);
}

#[test]
fn a_shared_value_links_nobody_until_it_is_unshared() {
    let shop = Shop::open();
    let person = |email: &'static str| {
        [
            ("name.first", "Jan"),
            ("name.last", "Smit"),
            ("email.main", email),
            ("phone.main", "+31644556677"),
        ]
    };
    shop.apply(vec![
        record(SourceKind::OmnioTapContact, "1", &person("jan@example.org")),
        record(SourceKind::OmneoProfile, "2", &person("j.smit@example.org")),
    ]);
    assert_eq!(by_phone(&shop, "+31644556677").len(), 1);
    let shared = act(&shop, "value share", &["--phone", "06 44556677"]);
    assert_eq!(shared["customers"].as_array().unwrap().len(), 2);
    assert_eq!(by_phone(&shop, "+31644556677").len(), 2);
    let unshared = act(&shop, "value unshare", &["--phone", "+31644556677"]);
    assert_eq!(unshared["decision_id"], shared["decision_id"]);
    assert_eq!(by_phone(&shop, "+31644556677").len(), 1);
}

#[test]
fn an_open_question_is_listed_put_away_and_answered_for_good() {
    let shop = Shop::open();
    let family = |first: &'static str| {
        [("name.first", first), ("name.last", "Smit"), ("phone.main", "+31644556677")]
    };
    let all = || {
        vec![
            record(SourceKind::OmnioTapContact, "1", &family("Ruben")),
            record(SourceKind::OmnioTapContact, "2", &family("Sanne")),
        ]
    };
    shop.apply(all());
    let list = |more: &[&str]| {
        let out = shop.run(&[&["review", "list", "--json"], more].concat()).well();
        json_of("review list", &out).as_array().unwrap().clone()
    };
    let open = list(&[]);
    assert_eq!(open.len(), 1);
    assert_eq!(open[0]["value"], "+31644556677");
    let id = open[0]["id"].as_str().unwrap();
    assert!(shop.run(&["review", "list"]).well().contains("2 customers"));
    let shown = shop.run(&["review", "show", id]).well();
    for part in ["Ruben Smit", "Sanne Smit", "kept apart, because:", "omniotap.contact:2", "decide"]
    {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let shown = json_of("review show", &shop.run(&["review", "show", id, "--json"]).well());
    assert_eq!(shown["customers"].as_array().unwrap().len(), 2);
    let later = shop.run(&["review", "later", id, "--days", "3", "--json"]).well();
    assert!(!json_of("review later", &later)["postponed_until"].is_null());
    assert_eq!((list(&[]).len(), list(&["--all"]).len()), (0, 1));

    assert!(shop.run(&["review", "decide", id, "later"]).well().contains("Put away until"));
    let decided = act(&shop, "review decide", &[id, "different"]);
    assert_eq!(decided["customers"].as_array().unwrap().len(), 2);
    assert_eq!(list(&["--all"]).len(), 0);
    // It does not come back, whatever is replayed.
    shop.apply(all());
    shop.run(&["rebuild"]).well();
    assert_eq!(list(&["--all"]).len(), 0);
    act(&shop, "decision undo", &[decided["decision_id"].as_str().unwrap()]);
    assert_eq!(list(&[]).len(), 1, "undone, it is a question again");
    let decided = act(&shop, "review decide", &[id, "same"]);
    assert_eq!(decided["customers"].as_array().unwrap().len(), 1);
    assert_eq!(list(&["--all"]).len(), 0);
}

#[test]
fn what_an_erased_person_was_decided_about_goes_with_the_person() {
    let shop = shop();
    act(&shop, "customer join", &[ANNA, BERT]);
    act(&shop, "value share", &["--phone", "+31612312311"]);
    shop.run(&["customer", "erase", "--email", "anna@example.org", "--yes"]).well();
    let dump = shop.dump();
    for person in ["crm-1", "crm-2", "anna@", "bert@", "+31612312311"] {
        assert!(!dump.contains(person), "{person}");
    }
}

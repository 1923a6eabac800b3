//! `lookup --why` says why nobody is found.

use crate::json_output::json_of;
use crate::shop::{Shop, anna_and_bert};

#[test]
fn a_lookup_that_finds_nobody_says_how_it_was_read_and_what_the_sources_know() {
    let shop = Shop::open();
    shop.apply(anna_and_bert());
    let why = |arguments: &[&str]| shop.run(&[&["lookup", "--why"], arguments].concat()).well();
    let unknown = why(&["--email", "Nobody@Example.ORG"]);
    assert!(unknown.contains("Nobody matches."), "{unknown}");
    assert!(unknown.contains("in the stored data: email nobody@example.org"), "{unknown}");
    assert!(unknown.contains("No source can be asked about it"), "{unknown}");
    assert!(!unknown.contains("erased"), "{unknown}");
    assert!(why(&["--email", "anna@example.org"]).contains("Verburg"));
    shop.run(&["customer", "erase", "--email", "anna@example.org", "--yes"]).well();
    for arguments in [["--email", "anna@example.org"], ["--id", "omniotap.contact:crm-1"]] {
        let erased = why(&arguments);
        assert!(erased.contains("A person with it was erased"), "{arguments:?}: {erased}");
    }
    assert!(!why(&["--email", "nobody@example.org"]).contains("erased"));
}

#[test]
fn scripts_get_the_reasons_too() {
    let shop = Shop::open();
    shop.apply(anna_and_bert());
    let why = |email: &str| {
        let ended = shop.run(&["lookup", "--why", "--json", "--email", email]).well();
        let found = json_of("lookup", &ended);
        assert_eq!(found.as_array().unwrap().len(), 1, "{found}");
        found[0].clone()
    };
    assert!(why("anna@example.org").get("nobody").is_none());
    let unknown = why("Nobody@Example.ORG");
    assert!(unknown["answer"].is_null() && unknown["customer_id"].is_null(), "{unknown}");
    let expected = serde_json::json!({
        "type": "email", "value": "nobody@example.org", "is_erased": false, "only_in": [], "sources": [],
    });
    assert_eq!(unknown["nobody"], expected);
    shop.run(&["customer", "erase", "--email", "anna@example.org", "--yes"]).well();
    assert_eq!(why("anna@example.org")["nobody"]["is_erased"], true);
}

#[test]
fn a_record_key_is_not_what_omnidesk_sends_and_an_id_has_characters() {
    let shop = Shop::open();
    shop.apply(anna_and_bert());
    let found = shop.run(&["lookup", "--id", "omniotap.contact:crm-1"]).well();
    assert!(found.contains("Over HTTP, the key of a record finds nobody."), "{found}");
    assert!(found.contains("Verburg"), "{found}");
    for id in ["", " "] {
        let ended = shop.run(&["lookup", "--id", id]);
        assert_eq!(
            (ended.code, ended.error.contains("--id is empty")),
            (Some(2), true),
            "{ended:?}"
        );
    }
}

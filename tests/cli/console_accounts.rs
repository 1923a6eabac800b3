//! Accounts for the console, from the command line.

use serde_json::Value;

use crate::json_output::json_of;
use crate::shop::Shop;

/// A shop whose console is on.
fn shop_with_console() -> Shop {
    let shop = Shop::open();
    let text = std::fs::read_to_string(&shop.settings).unwrap();
    let text = text.replace("[console]\nlisten = \"\"", "[console]\nlisten = \"127.0.0.1:8090\"");
    std::fs::write(&shop.settings, text).unwrap();
    shop
}

fn accounts(shop: &Shop) -> Vec<Value> {
    let listed = json_of("console accounts", &shop.run(&["console", "accounts", "--json"]).well());
    listed.as_array().unwrap().clone()
}

#[test]
fn an_account_is_invited_listed_changed_and_removed_and_each_act_is_in_the_audit_log() {
    let shop = shop_with_console();
    let none = shop.run(&["console", "accounts"]).well();
    assert!(none.contains("console invite"), "{none}");
    let invite = ["console", "invite", "--name", "Femke", "--role", "supervisor"];
    let invited = shop.run(&[&invite[..], &["--by", "Ada", "--reason", "starts today"]].concat());
    let url = invited.well();
    assert!(url.contains("\n  http://127.0.0.1:8090/invitation#shop."), "{url}");
    let code = url.split("#shop.").nth(1).unwrap().trim().to_owned();
    assert!(!shop.dump().contains(&code), "only its hash is stored");
    assert_eq!(accounts(&shop)[0]["state"], "invited");
    assert_eq!(accounts(&shop)[0]["role"], "supervisor");

    let twice = shop.run(&invite);
    assert_eq!(twice.code, Some(2), "{}", twice.error);
    assert!(twice.error.contains("--again"), "{}", twice.error);
    let again = ["console", "invite", "--name", "femke", "--again", "--json"];
    assert_eq!(shop.run(&again).code, Some(2), "it asks no question");
    let again = shop.run(&[&again[..], &["--yes"]].concat()).well();
    let again = json_of("console invite", &again);
    assert!(again["url"].as_str().unwrap().contains("#shop.") && again["days"] == 3);

    let set = ["console", "set-role", "Femke", "--role", "viewer", "--json"];
    assert_eq!(json_of("console set-role", &shop.run(&set).well())["outcome"], "changed");
    assert_eq!(json_of("console set-role", &shop.run(&set).well())["outcome"], "unchanged");
    let listed = shop.run(&["console", "accounts"]).well();
    assert!(listed.starts_with("viewer ") && listed.contains("Femke"), "{listed}");

    assert_eq!(shop.run(&["console", "remove", "Femke"]).code, Some(2), "it cannot ask");
    let removed = shop.run(&["console", "remove", "Femke", "--yes", "--json"]).well();
    assert_eq!(json_of("console remove", &removed)["outcome"], "removed");
    assert!(accounts(&shop).is_empty());
    for gone in [
        vec!["console", "remove", "Femke", "--yes"],
        vec!["console", "set-role", "Femke", "--role", "viewer"],
        vec!["console", "invite", "--name", "Femke", "--again", "--yes"],
    ] {
        assert_eq!(shop.run(&gone).code, Some(4), "{gone:?}");
    }

    let audit = shop.run(&["audit", "list", "--json"]).well();
    for done in [
        "invite to console",
        "invite to console again",
        "set console role",
        "remove console account",
        "Ada",
        "starts today",
    ] {
        assert!(audit.contains(&format!("\"{done}\"")), "{done}: {audit}");
    }
    assert!(!audit.contains(&code));
}

#[test]
fn an_invitation_needs_a_console_a_role_and_a_name() {
    let shop = Shop::open();
    let off = shop.run(&["console", "invite", "--name", "Femke", "--role", "viewer"]);
    assert_eq!(off.code, Some(2));
    assert!(off.error.contains("the console is off"), "{}", off.error);
    let shop = shop_with_console();
    for wrong in [
        vec!["console", "invite", "--name", "Femke"],
        vec!["console", "invite", "--role", "viewer"],
        vec!["console", "invite", "--name", "Femke", "--role", "owner"],
        vec!["console", "invite", "--name", "", "--role", "viewer"],
        vec!["console", "invite", "--name", "Femke", "--role", "viewer", "--again"],
    ] {
        assert_eq!(shop.run(&wrong).code, Some(2), "{wrong:?}");
    }
}

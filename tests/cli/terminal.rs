//! What sources said reaches the terminal as text: it commands nothing, and turns nothing round.

use serde_json::{Value, json};

use crate::shop::{Shop, anna_and_bert};

/// Clears a screen, sets a title, colours, erases to the left, and turns the direction of text.
const HOSTILE: &str = "An\u{1b}[2J\u{7}\u{8}\u{0}na\u{9b}31m\u{9d}0;title\u{9c}\u{85}\u{7f}\u{202e}gpj.exe\u{202a}\u{202b}\u{202c}\u{202d}\u{2066}a\u{2067}b\u{2068}c\u{2069}\r";

fn is_hostile(c: char) -> bool {
    (c.is_control() && c != '\n') || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn assert_is_text(out: &str, what: &str) {
    let found: Vec<String> =
        out.chars().filter(|c| is_hostile(*c)).map(|c| c.escape_unicode().to_string()).collect();
    assert_eq!(found, Vec::<String>::new(), "{what}: {out:?}");
}

/// Postgres's text without NUL, which it can't hold outside of JSON.
fn without_nul() -> String {
    HOSTILE.replace('\0', "")
}

fn quoted(text: &str) -> String {
    format!("$text${text}$text$")
}

/// Anna, of whom a source, a help shop and whoever sends webhooks say the worst, past everything that cleans what comes in.
fn shop() -> (Shop, String) {
    let shop = Shop::with(
        "[brands.shop.sources.omnilab.api]\nbase_url = \"http://127.0.0.1:9\"\nclient_id = \"desk\"\naudience = \"bookings\"
client_secret = [{ file = SECRET }]\ncancel_bookings = true\n",
    );
    shop.apply(anna_and_bert());
    let said = |value: &str| json!({"at": "2026-01-01T00:00:00Z", "value": value});
    let state = |fields: Value| {
        json!({"fields": fields, "first_at": "2026-01-01T00:00:00Z", "asserted_at": "2026-01-01T00:00:00Z"}).to_string()
    };
    let hostile = without_nul();
    let person = json!({
        "name.first": said(&hostile), "name.last": said("Verburg"), "email.main": said("anna@example.org"), "phone.main": said("+31612312311"),
        "attribute.segment": said(&hostile),
    });
    let event = json!({
        "record": said("omniotap.contact:crm-1"), "occurred_at": said("2026-11-24T12:30:00Z"), "data.activity": said(&hostile),
        "data.status": said(&hostile),
    });
    shop.sql(&format!(
        "update records set state = {}::json where record_key = 'omniotap.contact:crm-1'",
        quoted(&state(person))
    ));
    shop.sql(&format!(
        "update events set state = {}::json where event_key like '%bk_anna%'",
        quoted(&state(event))
    ));
    let body = json!({"id": "crm-1", "email": "anna@example.org", "firstName": HOSTILE, "note\u{9b}2J\u{202e}": [HOSTILE]}).to_string();
    let headers = json!({"x-said": hostile}).to_string();
    let insert = format!(
        "insert into deliveries (brand_id, delivery_id, source, event, headers, body, received_at, priority, state, due_at, finished_at, note)
        select brand_id, gen_random_uuid(), 'omniotap', {event}, {headers}, convert_to({body}, 'utf8'), now(), 1, 'dead', now(), now(), {note}
        from brands returning delivery_id::text",
        event = quoted("contact.created"),
        note = quoted(&hostile),
        headers = quoted(&headers),
        body = quoted(&body)
    );
    let delivery = shop.texts(&insert).remove(0);
    shop.sql(&format!(
        "insert into decisions (brand_id, decision_id, left_key, right_key, same_person, decided_by, reason, decided_at)
        select brand_id, gen_random_uuid(), 'omniotap.contact:crm-1', 'omniotap.contact:crm-2', false, {0}, {0}, now() from brands;
        insert into audit_log (brand_id, action_id, source, action, done_by, reason, begun_at, target)
        select brand_id, gen_random_uuid(), 'omnilab', 'cancel booking', {0}, {0}, now(), {0} from brands",
        quoted(&hostile)
    ));
    (shop, delivery)
}

#[test]
fn an_export_commands_no_terminal_and_says_what_was_said() {
    let (shop, delivery) = shop();
    let out = shop.run(&["customer", "export", "--email", "anna@example.org"]).well();
    assert_is_text(&out, "export");
    let export: Value = serde_json::from_str(&out).unwrap();
    let hostile = Value::from(without_nul());
    assert_eq!(export["records"][0]["state"]["fields"]["name.first"]["value"], hostile);
    assert_eq!(export["events"][0]["state"]["fields"]["data.activity"]["value"], hostile);
    assert_eq!(export["decisions"][0]["reason"], hostile);
    let exported = export["deliveries"]
        .as_array()
        .unwrap()
        .iter()
        .find(|exported| exported["id"] == delivery.as_str())
        .unwrap();
    assert_eq!(exported["body"]["firstName"], HOSTILE);
    assert_eq!(exported["body"]["note\u{9b}2J\u{202e}"], json!([HOSTILE]));
    assert_eq!(exported["headers"]["x-said"], hostile);
}

#[test]
fn no_command_lets_what_was_said_command_the_terminal() {
    let (shop, delivery) = shop();
    shop.run(&["rebuild"]).well();
    let shown: [&[&str]; 14] = [
        &["lookup", "--email", "anna@example.org"],
        &["lookup", "--email", "anna@example.org", "--why"],
        &["inbox", "status"],
        &["inbox", "list"],
        &["inbox", "show", &delivery],
        &["inbox", "show", &delivery, "--reveal"],
        &["sync", "status"],
        &["key", "list"],
        &["audit", "list"],
        &["booking", "actions"],
        &["brand", "list"],
        &["customer", "show", "--email", "anna@example.org"],
        &["customer", "history", "--email", "anna@example.org"],
        &["decision", "list"],
    ];
    for arguments in shown {
        assert_is_text(&shop.run(arguments).well(), &arguments.join(" "));
    }
    // It asks before it erases, and shows whom; and a booking before it is cancelled.
    for arguments in [
        &["customer", "erase", "--email", "anna@example.org"][..],
        &["booking", "cancel", "--booking", "bk_anna", "--reason", "x"],
        &["value", "share", "--phone", "+31612312311"],
    ] {
        let asked = shop.run(arguments);
        assert_eq!(asked.code, Some(2), "{arguments:?}");
        assert_is_text(&asked.out, &arguments.join(" "));
        assert_is_text(&asked.error, &arguments.join(" "));
    }
}

#[test]
fn an_answer_as_json_commands_no_terminal_and_says_what_was_said() {
    let (shop, _) = shop();
    shop.run(&["rebuild"]).well();
    let arguments = ["lookup", "--email", "anna@example.org", "--json"];
    let answer = shop
        .texts("select body::text from answers where body::text like '%anna@example.org%'")
        .remove(0);
    let out = shop.run(&arguments).well();
    assert_eq!(
        serde_json::from_str::<Value>(&out).unwrap()[0],
        serde_json::from_str::<Value>(&answer).unwrap()
    );
    assert_is_text(&out, "lookup --json");
}

#[test]
fn a_revealed_body_is_still_what_was_sent() {
    let (shop, delivery) = shop();
    let out = shop.run(&["inbox", "show", &delivery, "--reveal"]).well();
    let body: Value = serde_json::from_str(out.split_once("\n\n").unwrap().1).unwrap();
    assert_eq!(body["firstName"], HOSTILE);
}

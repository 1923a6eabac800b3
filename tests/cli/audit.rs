//! Who did what with people's data, deliveries and keys is written down, by ids alone.

use jiff::Timestamp;

use crate::shop::{Shop, anna_and_bert};

/// A row of the audit, as it is kept.
#[derive(Debug, PartialEq)]
struct Done {
    action: String,
    by: String,
    reason: String,
    target: String,
    outcome: String,
}

/// What was written down since the last look.
struct SourceHealth<'a> {
    shop: &'a Shop,
    seen: Vec<String>,
}

impl SourceHealth<'_> {
    /// The one row that a command wrote.
    fn one(&mut self, arguments: &[&str]) -> Done {
        let before = now();
        self.shop.run(arguments).well();
        let rows = self.shop.texts("select json_build_array(action_id, action, done_by, reason, target, outcome, begun_at)::text from audit_log");
        let news: Vec<String> = rows
            .into_iter()
            .filter(|row| !self.seen.iter().any(|seen| id_of(seen) == id_of(row)))
            .collect();
        assert_eq!(news.len(), 1, "{arguments:?}: {news:?}");
        self.seen.extend(news.clone());
        let row: Vec<String> = serde_json::from_str(&news[0]).unwrap();
        let at: Timestamp = row[6].parse().unwrap();
        // Postgres keeps microseconds.
        assert!(at.as_microsecond() >= before.as_microsecond() && at <= now(), "{at}");
        let [action, by, reason, target, outcome] = [1, 2, 3, 4, 5].map(|n| row[n].clone());
        Done { action, by, reason, target, outcome }
    }
}

fn id_of(row: &str) -> String {
    serde_json::from_str::<Vec<String>>(row).unwrap().remove(0)
}

fn now() -> Timestamp {
    hookpoint::clock::Clock::system().now()
}

fn done(action: &str, (by, reason): (&str, &str), target: &str, outcome: &str) -> Done {
    let [action, by, reason, target, outcome] =
        [action, by, reason, target, outcome].map(str::to_owned);
    Done { action, by, reason, target, outcome }
}

const WHO: [&str; 4] = ["--by", "Femke", "--reason", "request 4711"];
const SAID: (&str, &str) = ("Femke", "request 4711");

fn insert_delivery(shop: &Shop) -> String {
    let insert = "insert into deliveries (brand_id, delivery_id, source, event, headers, body, received_at, priority, state, due_at, finished_at)
        select brand_id, gen_random_uuid(), 'omniotap', 'contact.created', '{}', 'not json anna@example.org', now(), 1, 'dead', now(), now() from brands
        returning delivery_id::text";
    shop.texts(insert).remove(0)
}

#[test]
fn each_act_is_written_down_once_with_who_when_what_and_why_and_names_nobody() {
    let shop = Shop::open();
    shop.apply(anna_and_bert());
    let delivery = insert_delivery(&shop);
    let mut watch = SourceHealth { shop: &shop, seen: Vec::new() };
    let with = |arguments: &[&'static str]| [arguments, &WHO].concat();

    let made = shop.run(&with(&["key", "create", "--brand", "shop", "--label", "for Anna"])).well();
    let key = made.split_once("?key=").unwrap().1.split_whitespace().next().unwrap().to_owned();
    let id = made.split_once("Key id: ").unwrap().1.trim().to_owned();
    let rows = shop.texts("select json_build_array(action_id, action, done_by, reason, target, outcome, begun_at)::text from audit_log");
    assert_eq!(rows.len(), 1);
    let row: Vec<String> = serde_json::from_str(&rows[0]).unwrap();
    assert_eq!(row[1..6], ["create key", "Femke", "request 4711", &id, "created"]);
    watch.seen.extend(rows);

    let reveal = [&["inbox", "show", &delivery, "--reveal"][..], &WHO].concat();
    assert_eq!(watch.one(&reveal), done("reveal delivery", SAID, &delivery, "shown"));
    let replay = [&["inbox", "replay", &delivery][..], &WHO].concat();
    assert_eq!(watch.one(&replay), done("replay deliveries", SAID, &delivery, "deliveries: 1"));
    let discard = [&["inbox", "discard", &delivery][..], &WHO].concat();
    assert_eq!(watch.one(&discard), done("discard deliveries", SAID, &delivery, "deliveries: 1"));
    assert_eq!(
        watch.one(&with(&["customer", "export", "--email", "anna@example.org"])),
        done("export customer", SAID, "", "exported")
    );
    // Why isn't kept of an erasure: it would be about whoever is erased.
    let erased =
        watch.one(&["customer", "erase", "--phone", "06 12312311", "--yes", "--by", "Femke"]);
    let erasure = shop.texts("select erasure_id::text from erasures").remove(0);
    assert_eq!(
        erased,
        done("erase customer", ("Femke", ""), "1 record", &format!("erased: {erasure}"))
    );
    assert_eq!(
        watch.one(&with(&["customer", "revoke-erasure", "--email", "anna@example.org"])),
        done("revoke erasure", SAID, "", "erasures: 1")
    );
    let revoke = [&["key", "revoke", &id][..], &WHO].concat();
    assert_eq!(watch.one(&revoke), done("revoke key", SAID, &id, "revoked"));

    let listed = shop.run(&["audit", "list"]).well();
    // What, in a line or two, and below it who and why.
    let mut entries: Vec<Vec<&str>> = Vec::new();
    for line in listed.lines() {
        if line.starts_with(' ') {
            entries.last_mut().unwrap().push(line);
        } else {
            entries.push(vec![line]);
        }
    }
    assert_eq!(entries.len(), watch.seen.len(), "{listed}");
    let newest_first = [
        "revoke key",
        "revoke erasure",
        "erase customer",
        "export customer",
        "discard deliveries",
        "replay deliveries",
        "reveal delivery",
        "create key",
    ];
    for (entry, action) in entries.iter().zip(newest_first) {
        assert!(entry[0].contains(&format!("  shop  {action}")), "{entry:?}");
        // Why she was exported went with her.
        let why = match action {
            "erase customer" => "no reason given",
            "export customer" => "reason removed by the erasure",
            _ => "request 4711",
        };
        assert_eq!(entry.last().unwrap(), &format!("    by Femke: {why}"));
    }
    let kept = shop.texts("select each::text from audit_log as each").join("\n");
    for secret in
        ["anna", "Anna", "Verburg", "example.org", "12312311", "crm-1", key.as_str(), "hkp_"]
    {
        assert!(!kept.contains(secret) && !listed.contains(secret), "{secret}: {kept}");
    }
}

#[test]
fn who_does_not_say_who_they_are_is_whoever_is_logged_in() {
    let shop = Shop::open();
    shop.apply(anna_and_bert());
    shop.run(&["customer", "export", "--email", "anna@example.org"]).well();
    crate::command::run(
        shop.command(&["customer", "export", "--email", "bert@example.org"])
            .env("SUDO_USER", "femke"),
    )
    .well();
    crate::command::run(
        shop.command(&["key", "create", "--brand", "shop"])
            .env_remove("USER")
            .env_remove("LOGNAME"),
    )
    .well();
    let who = shop.texts("select done_by from audit_log order by begun_at");
    assert_eq!(who, ["lotte", "femke", "unknown"]);
    let listed = shop.run(&["audit", "list", "--limit", "1"]).well();
    assert!(
        listed.contains("create key")
            && listed.contains("by unknown: no reason given")
            && !listed.contains("lotte"),
        "{listed}"
    );
    assert_eq!(
        shop.run(&["customer", "export", "--email", "anna@example.org", "--by", ""]).code,
        Some(2),
        "an empty name is none"
    );
}

#[test]
fn what_cannot_be_written_down_is_not_done() {
    let shop = Shop::open();
    shop.apply(anna_and_bert());
    let delivery = insert_delivery(&shop);
    let made = shop.run(&["key", "create", "--brand", "shop"]).well();
    let id = made.split_once("Key id: ").unwrap().1.trim().to_owned();
    shop.sql(
        "create function refused() returns trigger language plpgsql as $$ begin raise exception 'no'; end $$;
        create trigger refused before insert on audit_log for each statement execute function refused()",
    );
    let before = shop.dump();
    let acts: [&[&str]; 8] = [
        &["customer", "export", "--email", "anna@example.org"],
        &["customer", "erase", "--email", "anna@example.org", "--yes"],
        &["customer", "revoke-erasure", "--email", "anna@example.org"],
        &["inbox", "show", &delivery, "--reveal"],
        &["inbox", "replay", &delivery],
        &["inbox", "discard", &delivery],
        &["key", "create", "--brand", "shop"],
        &["key", "revoke", &id],
    ];
    for arguments in acts {
        let refused = shop.run(arguments);
        assert_eq!((refused.code, refused.out.as_str()), (Some(1), ""), "{arguments:?}");
        assert_eq!(shop.dump(), before, "{arguments:?}");
    }
    assert!(!shop.suppression_file().exists(), "nobody is erased");
}

#[test]
fn the_end_of_a_key_whose_brand_left_the_settings_is_written_down_too() {
    let shop = Shop::open();
    let made = shop.run(&["key", "create", "--brand", "shop"]).well();
    let id = made.split_once("Key id: ").unwrap().1.trim().to_owned();
    let text = std::fs::read_to_string(&shop.settings).unwrap();
    std::fs::write(&shop.settings, text.replace("[brands.shop]", "[brands.other]")).unwrap();
    shop.run(&["key", "revoke", &id]).well();
    assert_eq!(shop.texts("select target from audit_log where action = 'revoke key'"), [id]);
}

//! Commands that only look: they write nothing, and leave the schema as it is.

use crate::shop::{Shop, anna_and_bert};

/// Commands that only look. `DELIVERY` stands for one that is there.
const READ_ONLY_COMMANDS: [&[&str]; 21] = [
    &["brand", "list"],
    &["key", "list"],
    &["key", "list", "--brand", "shop"],
    &["lookup", "--email", "anna@example.org"],
    &["lookup", "--phone", "+31612312311", "--json"],
    &["lookup", "--id", "omniotap.contact:crm-1", "--why"],
    &["lookup", "trace", "--ticket", "1234"],
    &["lookup", "trace", "--customer", "omniotap.contact:crm-1", "--json"],
    &["inbox", "rejected"],
    &["inbox", "rejected", "--source", "omneo", "--json"],
    &["inbox", "status"],
    &["inbox", "list"],
    &["inbox", "show", "DELIVERY"],
    &["sync", "status"],
    &["audit", "list"],
    &["customer", "show", "--email", "anna@example.org"],
    &["customer", "history", "--email", "anna@example.org"],
    &["decision", "list"],
    &["review", "list"],
    &["console", "sessions"],
    &["console", "accounts"],
];

fn tables(shop: &Shop) -> Vec<String> {
    shop.texts(
        "select table_schema || '.' || table_name from information_schema.tables where table_schema not in ('pg_catalog', 'information_schema')",
    )
}

/// A delivery whose body nobody could read.
fn insert_delivery(shop: &Shop) -> String {
    let insert = "insert into deliveries (brand_id, delivery_id, source, event, headers, body, received_at, priority, state, due_at, finished_at)
        select brand_id, gen_random_uuid(), 'omniotap', 'contact.created', '{}', 'not json', now(), 1, 'dead', now(), now() from brands
        returning delivery_id::text";
    shop.texts(insert).remove(0)
}

/// From now on nobody writes: whatever a statement would change, Postgres refuses it, and every statement that makes something.
fn refuse_writing(shop: &Shop) {
    shop.sql(
        "create function refused() returns trigger language plpgsql as $$ begin raise exception 'somebody writes into %', tg_table_name; end $$;
        do $$ declare name text; begin
            for name in select table_name from information_schema.tables where table_schema = 'public' loop
                execute format('create trigger refused before insert or update or delete or truncate on %I for each statement execute function refused()', name);
            end loop;
        end $$;
        create function nothing_is_made() returns event_trigger language plpgsql as $$ begin raise exception 'somebody makes something: %', tg_tag; end $$;
        create event trigger nothing_is_made on ddl_command_start execute function nothing_is_made()",
    );
}

fn with_delivery<'a>(arguments: &[&'a str], delivery: &'a str) -> Vec<&'a str> {
    arguments.iter().map(|word| if *word == "DELIVERY" { delivery } else { word }).collect()
}

#[test]
fn who_only_looks_writes_nothing() {
    let shop = Shop::open();
    shop.apply(anna_and_bert());
    shop.run(&["key", "create", "--brand", "shop"]).well();
    let delivery = insert_delivery(&shop);
    refuse_writing(&shop);
    let before = shop.dump();
    for arguments in READ_ONLY_COMMANDS {
        let out = shop.run(&with_delivery(arguments, &delivery)).well();
        assert!(!out.is_empty(), "{arguments:?}");
    }
    assert_eq!(shop.dump(), before);
    assert!(shop.run(&["migrate"]).well().contains("up to date"), "where nothing is to be done");
    assert_eq!(shop.dump(), before);
    // The trap works: who writes is caught.
    for arguments in
        [&["key", "create", "--brand", "shop"][..], &["inbox", "show", &delivery, "--reveal"]]
    {
        let caught = shop.run(arguments);
        assert_eq!(caught.code, Some(1), "{arguments:?}: {}", caught.out);
        assert!(!caught.error.is_empty() && !caught.out.contains("not json"), "{arguments:?}");
    }
    assert_eq!(shop.dump(), before);
}

#[test]
fn a_read_only_command_on_an_empty_database_says_what_to_do_and_it_stays_empty() {
    let shop = Shop::empty();
    for arguments in READ_ONLY_COMMANDS {
        let output = shop.run(&with_delivery(arguments, "7c0f7bd4-24ac-4b34-a1a0-1a6a6a0bb0a1"));
        assert_eq!((output.code, output.out.as_str()), (Some(1), ""), "{arguments:?}");
        assert!(
            output.error.contains("the database has no schema")
                && output.error.contains("`hookpoint migrate`"),
            "{arguments:?}: {}",
            output.error
        );
        assert_eq!(tables(&shop), Vec::<String>::new(), "{arguments:?}");
    }
    shop.run(&["migrate"]).well();
    assert!(tables(&shop).contains(&"public.audit_log".to_owned()));
}

#[test]
fn a_brand_of_the_settings_that_nothing_is_known_of_yet_is_not_denied() {
    let shop = Shop::empty();
    shop.run(&["migrate"]).well();
    assert!(shop.run(&["brand", "list"]).well().contains("shop"), "it is in the settings");
    for arguments in READ_ONLY_COMMANDS.iter().filter(|arguments| !arguments.contains(&"DELIVERY"))
    {
        let output = shop.run(arguments);
        assert!(
            !output.error.contains("no such brand in the settings"),
            "{arguments:?}: {}",
            output.error
        );
        assert!(
            !output.error.contains("there is no brand shop in the settings"),
            "{arguments:?}: {}",
            output.error
        );
    }
}

#[test]
fn who_looks_at_what_was_cancelled_writes_nothing() {
    let shop = Shop::open();
    refuse_writing(&shop);
    assert!(
        shop.run(&["booking", "actions"])
            .well()
            .contains("No bookings were cancelled through hookpoint.")
    );
}

/// Lists and status as JSON: the command, and members that every element has.
const JSON: [(&[&str], &[&str]); 8] = [
    (&["brand", "list"], &["brand", "customers", "valid_keys"]),
    (&["key", "list"], &["id", "brand", "label", "state", "last_used_at"]),
    (&["inbox", "list"], &["id", "brand", "source", "state", "note"]),
    (&["inbox", "rejected"], &[]),
    (&["inbox", "status"], &["brand", "source", "rejected", "dead", "remarks"]),
    (&["sync", "status"], &["brand", "source", "is_connected", "streams"]),
    (&["audit", "list"], &["brand", "begun_at", "action", "by", "outcome"]),
    (&["booking", "actions"], &[]),
];

#[test]
fn scripts_get_lists_and_status_as_json() {
    let shop = Shop::open();
    shop.apply(anna_and_bert());
    let created = shop.run(&["key", "create", "--brand", "shop", "--json"]).well();
    let created: serde_json::Value = serde_json::from_str(&created).unwrap();
    assert!(created["crm_sync_url"].as_str().unwrap().contains("?key=hkp_"), "{created}");
    let delivery = insert_delivery(&shop);
    let list = |arguments: &[&str]| -> Vec<serde_json::Value> {
        let out = shop.run(&[arguments, &["--json"]].concat()).well();
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {out}"))
    };
    for (arguments, members) in JSON {
        let listed = list(arguments);
        assert_eq!(listed.is_empty(), members.is_empty(), "{arguments:?}: {listed:?}");
        for element in &listed {
            for member in members {
                assert!(element.get(*member).is_some(), "{arguments:?} {member}: {element}");
            }
        }
    }
    assert_eq!(list(&["brand", "list"])[0]["customers"], 2);
    assert_eq!(list(&["key", "list"])[0]["id"], created["key_id"]);
    assert_eq!(list(&["inbox", "list"])[0]["id"], delivery.as_str());
    let of_crm = |source: &serde_json::Value| source["source"] == "omniotap";
    let status = list(&["inbox", "status"]);
    assert_eq!(status.iter().find(|source| of_crm(source)).unwrap()["dead"], 1.0);
    assert_eq!(list(&["audit", "list"])[0]["action"], "create key");
}

#[test]
fn a_source_whose_secret_is_not_in_this_shell_is_shown_with_what_is_stored() {
    let shop = Shop::with(
        "[brands.shop.sources.omneo.api]\nbase_url = \"http://127.0.0.1:9\"\ntoken = [{ env = \"TOKEN_THAT_IS_NOT_SET\" }]\n",
    );
    // It stores the brand.
    shop.run(&["key", "create", "--brand", "shop"]).well();
    // In one line, so that line breaks make no difference.
    let status = || {
        let out = shop.run(&["sync", "status"]).well();
        out.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let shown = status();
    assert!(shown.contains("omneo 0 calls in the last minute"), "{shown}");
    for part in ["cannot read its secret", "sources.omneo.api.token", "TOKEN_THAT_IS_NOT_SET"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    assert!(shown.contains("omniotap not connected: sources.omniotap.api is not set"), "{shown}");
}

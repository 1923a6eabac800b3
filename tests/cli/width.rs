//! Results and help fit a terminal of 80 columns, and lines break between words.

use std::path::Path;

use clap::CommandFactory;
use hookpoint::cli::Cli;

use crate::command::{command, run};
use crate::shop::{Shop, anna_and_bert};

const WIDTH: usize = 80;

fn assert_fits(out: &str, what: &str) {
    assert!(!out.is_empty(), "{what} prints nothing");
    for line in out.lines() {
        assert!(line.chars().count() <= WIDTH, "{what}: {line}");
    }
}

/// The words of a text, so that line breaks make no difference.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The names of all commands, also those that only have subcommands.
fn names(parent: &[String], of: &clap::Command) -> Vec<Vec<String>> {
    let mut all = vec![parent.to_vec()];
    for command in of.get_subcommands() {
        let name = [parent, &[command.get_name().to_owned()]].concat();
        all.extend(names(&name, command));
    }
    all
}

#[test]
fn the_help_of_every_command_fits_and_breaks_between_words() {
    let all = names(&[], &Cli::command());
    assert!(all.len() > 35, "{}", all.len());
    let mut unwrapped = Cli::command().term_width(0);
    unwrapped.build();
    for name in all {
        let what = name.join(" ");
        let arguments: Vec<&str> = name.iter().map(String::as_str).chain(["--help"]).collect();
        let help = run(&mut command(Path::new("/nonexistent/hookpoint.toml"), &arguments)).well();
        assert_fits(&help, &what);
        let wide =
            name.iter().try_fold(&mut unwrapped, |command, name| command.find_subcommand_mut(name));
        assert_eq!(words(&help), words(&wide.unwrap().render_long_help().to_string()), "{what}");
    }
}

const SETTINGS: &str = "[brands.shop.sources.omniotap.api]\nbase_url = \"http://127.0.0.1:9\"\nkey = [{ file = SECRET }]
[brands.shop.sources.omniotap.webhook]\nverification = \"none\"\n";

const ANNA: &str = "omniotap.contact:crm-1";
const BERT: &str = "omniotap.contact:crm-2";
const REASON: &str =
    "the caller said on the phone that both of these addresses are hers since the wedding";

const NOTE: &str = "the source answered with status 500, and its answer was no JSON; this was the last of all attempts (tried 20 times)";

/// A shop in which every list has an entry with a long text.
fn shop() -> (Shop, String) {
    let shop = Shop::with(SETTINGS);
    shop.apply(anna_and_bert());
    let reason = "the old key was in a screenshot that was sent to a mailing list by mistake";
    shop.run(&[
        "key",
        "create",
        "--brand",
        "shop",
        "--label",
        "Omnidesk ".repeat(11).trim_end(),
        "--reason",
        reason,
    ])
    .well();
    let id = shop
        .texts(&format!(
            "insert into deliveries (brand_id, delivery_id, source, event, headers, body, received_at, priority, state, due_at, finished_at, note)
            select brand_id, gen_random_uuid(), 'omniotap', 'contact.created', '{{}}', 'not json', now(), 1, 'dead', now(), now(), '{NOTE}'
            from brands returning delivery_id::text"
        ))
        .remove(0);
    shop.run(&["inbox", "show", &id, "--reveal", "--by", "Femke", "--reason", reason]).well();
    shop.sql(
        "insert into audit_log (brand_id, action_id, source, action, done_by, reason, begun_at, target, outcome)
        select brand_id, gen_random_uuid(), 'omnilab', 'cancel booking', 'Femke', 'the customer is ill', now(), '',
        'it is unknown whether the booking is cancelled (the source did not answer in time); check it at the source' from brands",
    );
    (shop, id)
}

#[test]
fn every_list_fits_and_breaks_between_words() {
    let (shop, id) = shop();
    for arguments in [
        &["brand", "list"][..],
        &["key", "list"],
        &["inbox", "status"],
        &["inbox", "list"],
        &["inbox", "show", &id],
        &["sync", "status"],
        &["audit", "list"],
        &["booking", "actions"],
        &["lookup", "--email", "anna@example.org", "--why"],
        &["customer", "show", "--email", "anna@example.org"],
        &["customer", "join", ANNA, BERT, "--preview"],
        &["customer", "join", ANNA, BERT, "--yes", "--reason", REASON],
        &["customer", "history", "--id", "crm-1"],
        &["decision", "list"],
        &["review", "list"],
        &["rebuild"],
        &["inbox", "replay", &id],
        &["inbox", "discard", &id],
        &["sync", "cancel"],
        &["migrate"],
        &["version"],
        &["accuracy", "--people", "50"],
        &["sources", "trigger", "omneo", "--list"],
        &["sources", "trigger", "syncaroo", "--list"],
        &["customer", "erase", "--email", "anna@example.org", "--yes"],
        &["customer", "revoke-erasure", "--email", "anna@example.org"],
    ] {
        let out = shop.run(arguments).well();
        assert_fits(&out, &arguments.join(" "));
    }
}

#[test]
fn a_long_text_is_whole_and_counts_agree_with_their_nouns() {
    let (shop, id) = shop();
    let listed = words(&shop.run(&["inbox", "list"]).well());
    assert!(listed.contains(&format!("{id} ")), "{listed}");
    assert!(listed.contains(&format!("contact.created, not tried: {NOTE}")), "{listed}");
    let status = words(&shop.run(&["inbox", "status"]).well());
    assert!(status.contains("omniotap: 1 delivery could not be applied."), "{status}");
    let sync = words(&shop.run(&["sync", "status"]).well());
    assert!(sync.contains("reconcile 0, backfill 0); no successful call yet"), "{sync}");
    let replayed = words(&shop.run(&["inbox", "replay", &id]).well());
    assert!(replayed.starts_with("1 delivery to apply again. "), "{replayed}");
    assert_eq!(shop.run(&["inbox", "discard", &id]).well(), "1 delivery discarded.\n");
    assert_eq!(
        shop.run(&["inbox", "discard", "--all", "--yes"]).well(),
        "0 deliveries discarded.\n"
    );
    let rebuilt = shop.run(&["rebuild"]).well();
    let result = "shop: 2 records processed, 0 customers new or changed.\n";
    assert!(rebuilt.ends_with(result), "{rebuilt}");
}

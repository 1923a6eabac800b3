//! The exit codes: one table, which every command follows.

use std::path::Path;

use crate::command::{Scratch, command, run};
use crate::shop::{Shop, anna_and_bert};

const UNKNOWN: &str = "7c0f7bd4-24ac-4b34-a1a0-1a6a6a0bb0a1";

fn without_settings(arguments: &[&str]) -> String {
    run(&mut command(Path::new("/nonexistent/hookpoint.toml"), arguments)).well()
}

/// Code and meaning, as `--help` has them.
fn table() -> Vec<(String, String)> {
    let help = without_settings(&["--help"]);
    let (_, table) = help.split_once("\nExit codes:\n").expect("the help has the codes");
    let row = |line: &str| {
        let (code, meaning) = line.trim().split_once("  ").expect(line);
        (code.to_owned(), meaning.to_owned())
    };
    table.lines().map(row).collect()
}

#[test]
fn the_help_the_manual_pages_and_the_documents_have_the_same_codes() {
    let table = table();
    let codes: Vec<&str> = table.iter().map(|(code, _)| code.as_str()).collect();
    assert_eq!(codes, ["0", "1", "2", "3", "4", "75"]);
    let scratch = Scratch::new();
    without_settings(&["man", "--directory", scratch.0.to_str().unwrap()]);
    let of_revoke = std::fs::read_to_string(scratch.0.join("hookpoint-key-revoke.1")).unwrap();
    for page in [without_settings(&["man"]), of_revoke] {
        let (_, codes) = page.split_once(".SH \"EXIT STATUS\"").expect("a section");
        for (code, meaning) in &table {
            assert!(codes.contains(&format!("{code}\\fR\n{meaning}\n")), "{code}: {codes}");
        }
    }
    let operate = std::fs::read_to_string("deploy/operate.md").unwrap();
    let (_, rows) = operate.split_once("\n| code | meaning |\n|---|---|\n").unwrap();
    let rows = rows.lines().take_while(|line| line.starts_with('|'));
    let documented: Vec<&str> =
        rows.filter_map(|row| row.split('|').nth(1)).map(str::trim).collect();
    assert_eq!(documented, codes);
}

#[test]
fn what_does_not_exist_has_a_code_of_its_own() {
    let shop = Shop::open();
    shop.apply(anna_and_bert());
    for arguments in [
        &["key", "revoke", UNKNOWN][..],
        &["inbox", "show", UNKNOWN],
        &["inbox", "show", UNKNOWN, "--reveal"],
        &["inbox", "replay", UNKNOWN],
        &["inbox", "discard", UNKNOWN],
        &["customer", "export", "--email", "nobody@example.org"],
        &["customer", "erase", "--email", "nobody@example.org", "--yes"],
        &["customer", "revoke-erasure", "--email", "nobody@example.org"],
    ] {
        let ended = shop.run(arguments);
        assert_eq!((ended.code, ended.out.as_str()), (Some(4), ""), "{arguments:?}: {ended:?}");
        assert_eq!(ended.error.lines().count(), 1, "{arguments:?}: {ended:?}");
    }
    // A question that has an answer, although it is empty.
    for arguments in [
        &["lookup", "--email", "nobody@example.org"][..],
        &["lookup", "trace", "--ticket", "1234"],
        &["inbox", "replay", "--state", "dead"],
        &["inbox", "list", "--state", "dead"],
        &["sync", "cancel"],
    ] {
        shop.run(arguments).well();
    }
}

#[test]
fn a_mistake_in_the_arguments_has_the_code_of_one_wherever_it_is_found() {
    let shop = Shop::open();
    for arguments in [
        &["nonsense"][..],
        &["key", "create", "--brand", "other"],
        &["key", "create", "--brand", "shop", "--label", ""],
        &["key", "list", "--brand", "other"],
        &["inbox", "status", "--brand", "other"],
        &["inbox", "list", "--brand", "other"],
        &["inbox", "replay"],
        &["inbox", "discard"],
        &["sync", "status", "--brand", "other"],
        &["sync", "run", "--stream", "other"],
        &["sync", "run", "--source", "omneo"],
        &["sync", "cancel", "--stream", "other"],
        &["lookup", "--email", "nobody"],
        &["lookup", "--phone", "nobody"],
        &["lookup", "--brand", "other", "--id", "1"],
        &["lookup"],
        &["lookup", "--id", "1", "trace", "--ticket", "1234"],
        &["lookup", "trace"],
        &["lookup", "trace", "--request", "nonsense"],
        &["lookup", "trace", "--email", "nobody"],
        &["lookup", "trace", "--brand", "other", "--ticket", "1234"],
        &["customer", "export", "--email", "nobody"],
        &["customer", "export", "--brand", "other", "--id", "1"],
        &["booking", "cancel", "--booking", "bk_1", "--reason", "ill"],
        &["booking", "actions", "--brand", "other"],
        &["audit", "list", "--brand", "other"],
        &["rebuild", "--brand", "other"],
        &["sources", "trigger", "omneo", "profile.exploded"],
        &["sources", "trigger", "omneo", "profile.created"],
        &["doctor", "https://127.0.0.1:1/?key=x", "--only", "other"],
    ] {
        let ended = shop.run(arguments);
        assert_eq!((ended.code, ended.out.as_str()), (Some(2), ""), "{arguments:?}: {ended:?}");
    }
}

#[test]
fn a_check_that_finds_a_problem_has_a_code_of_its_own() {
    let scratch = Scratch::new();
    let settings = scratch.settings(&scratch.0.join("data"), "");
    let body = scratch.file("body", "{}", 0o600);
    let verify = ["inbox", "verify", "--source", "omneo", "--body", body.to_str().unwrap()];
    for arguments in [
        &["doctor", "http://127.0.0.1:1/?key=x", "--timeout", "1"][..],
        &["health", "--address", "127.0.0.1:1"],
        &verify,
    ] {
        let ended = run(&mut command(&settings, arguments));
        assert_eq!(ended.code, Some(3), "{arguments:?}: {ended:?}");
    }
}

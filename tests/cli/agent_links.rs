//! Links to the agent page on the command line: they are shown as a text, all of them can be revoked, and what agents report is
//! decided.

use hookpoint::admin::report_customer::{Reported, report_customer};
use jiff::Timestamp;

use crate::json_output::json_of;
use crate::shop::{Shop, anna_and_bert};

const SETTINGS: &str = "[brands.shop.agent_page]\nmode = \"link\"\n
[[brands.shop.custom_fields]]\nname = \"Everything\"\nvalue = \"{{ agent_page }}\"\n";

#[test]
fn a_command_shows_a_text_in_the_place_of_the_link_and_revokes_all_links() {
    let shop = Shop::with(SETTINGS);
    shop.apply(anna_and_bert());
    for arguments in [
        &["lookup", "--email", "anna@example.org"][..],
        &["lookup", "--email", "anna@example.org", "--json"],
        &["lookup", "--email", "anna@example.org", "--why"],
        &["customer", "export", "--email", "anna@example.org"],
    ] {
        let shown = shop.run(arguments).well();
        assert!(shown.contains("(agent page)") && !shown.contains("/agent#"), "{shown}");
    }
    let revoke = ["console", "revoke-agent-links", "--by", "Femke", "--reason", "a lost laptop"];
    let generation = || shop.texts("select agent_link_generation::text from brands");
    for (more, told) in [(&["--json"][..], "add --yes"), (&[][..], "add --yes to revoke")] {
        let refused = shop.run(&[&revoke[..], more].concat());
        assert!(refused.code != Some(0) && refused.error.contains(told), "{}", refused.error);
    }
    assert_eq!(generation(), ["0"]);
    let done = shop.run(&[&revoke[..], &["--yes", "--json"]].concat()).well();
    let done = json_of("console revoke-agent-links", &done);
    assert_eq!((&done["brand"], &done["outcome"]), (&"shop".into(), &"revoked".into()));
    let told = shop.run(&[&revoke[..], &["--yes"]].concat()).well();
    assert!(told.starts_with("Revoked."), "{told}");
    assert_eq!(generation(), ["2"]);
    let entries = shop.texts(
        "select done_by || ', ' || reason || ', ' || target || ', ' || outcome from audit_log
        where action = 'revoke agent links' order by begun_at",
    );
    let entry = |n| format!("Femke, a lost laptop, generation {n}, revoked");
    assert_eq!(entries, [entry(1), entry(2)]);
}

#[test]
fn what_agents_report_is_listed_shown_put_away_and_decided() {
    let shop = Shop::with(SETTINGS);
    shop.apply(anna_and_bert());
    let keys = shop.texts("select customer_key from customers order by 1");
    let now = Timestamp::now();
    shop.with_brand(async |database, brand, _| {
        let record = keys[0].parse().unwrap();
        for expected in [Reported::Raised, Reported::Counted] {
            let reported = report_customer(&database.pool, brand, &record, Some(4711), now).await;
            assert_eq!(reported.unwrap(), Some(expected));
        }
    });
    let list = shop.run(&["review", "list"]).well();
    for text in ["an agent reported that it is not one person", "reported 2 times", "ticket 4711"] {
        assert!(list.contains(text), "{text}: {list}");
    }
    let rows = shop.run(&["review", "list", "--json"]).well();
    let rows = json_of("review list", &rows);
    let id = rows[0]["id"].as_str().unwrap().to_owned();
    assert_eq!((&rows[0]["level"], &rows[0]["lookups"]), (&"agent".into(), &2.into()));
    let shown = shop.run(&["review", "show", &id]).well();
    assert!(shown.contains("it is one person") && shown.contains("customer separate"), "{shown}");
    shop.run(&["review", "later", &id, "--by", "Femke"]).well();
    assert!(shop.run(&["review", "list"]).well().contains("There are no open questions"));
    let refused = shop.run(&["review", "decide", &id, "different", "--yes", "--by", "Femke"]);
    assert!(refused.error.contains("customer separate"), "{}", refused.error);
    let done = shop.run(&["review", "decide", &id, "same", "--yes", "--json", "--by", "Femke"]);
    let done = json_of("review decide", &done.well());
    assert_eq!(done["outcome"], "settled");
    let again = shop.run(&["review", "decide", &id, "same", "--yes", "--by", "Femke"]);
    assert!(again.error.contains("no open question"), "{}", again.error);
    let entries =
        shop.texts("select action || ', ' || done_by from audit_log order by begun_at, action");
    for entry in ["report customer, agent page", "postpone review, Femke", "settle report, Femke"] {
        assert!(entries.iter().any(|found| found == entry), "{entry}: {entries:?}");
    }
}

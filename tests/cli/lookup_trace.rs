//! `lookup trace`: what did the agent see?

use hookpoint::storage::invalidation::LookupHash;
use hookpoint::storage::lookup_history::{NewLookup, Ticket, insert_lookups};
use hookpoint::storage::suppressions::SuppressionHasher;
use uuid::Uuid;

use crate::json_output::json_of;
use crate::shop::{Shop, anna_and_bert};

const ANNA: &str = "omniotap.contact:crm-1";

/// The key of a customer that is no longer stored.
const GONE: &str = "omniotap.contact:crm-9";

/// Stores two lookups of ticket 1234: one that found Anna and another customer, and one that was rejected.
fn insert(shop: &Shop) -> [Uuid; 2] {
    let ids = [Uuid::new_v4(), Uuid::new_v4()];
    shop.with_brand(async |database, brand, _| {
        let hasher = SuppressionHasher::new(&brand.suppression_key);
        let customer = |key: &'static str| (key, hasher.record(&key.parse().unwrap()));
        let found = NewLookup {
            asked_at: "2026-11-29T08:15:02Z".parse().unwrap(),
            request_id: ids[0],
            ticket: Some(Ticket::new(&brand.secret, "1234")),
            question: Some(LookupHash::new(&brand.secret, "telephone", "+31612312311")),
            question_kind: Some("telephone"),
            status: 200,
            problem: None,
            cache: "miss",
            customers: vec![customer(ANNA), customer(GONE)],
            too_many: false,
            sources: "omneo=found omnilab=timed_out".to_owned(),
            duration_us: 214_300,
        };
        let rejected = NewLookup {
            asked_at: "2026-11-29T08:15:03Z".parse().unwrap(),
            request_id: ids[1],
            ticket: found.ticket,
            question: None,
            question_kind: Some("email"),
            status: 400,
            problem: Some("email-malformed"),
            cache: "none",
            customers: Vec::new(),
            too_many: false,
            sources: String::new(),
            duration_us: 90,
        };
        let written = insert_lookups(&database.pool, brand.id(), &[found, rejected]).await;
        assert_eq!(written.unwrap(), 2);
        let before = "update answers set changed_at = '2026-11-29 08:00:00Z'";
        sqlx::query(before).execute(&database.pool).await.unwrap();
    });
    ids
}

#[test]
fn it_shows_what_omnidesk_got() {
    let shop = Shop::open();
    shop.apply(anna_and_bert());
    let [found, rejected] = insert(&shop);
    let request = found.to_string();
    let shown = format!(
        "\
2026-11-29 08:15:02 UTC  2 customers  (by telephone, cache: miss, 214.3 ms)
  request   {found}
  ticket    1234
  customer  {ANNA} (the answer is still the same)
  customer  {GONE} (no longer stored)
  sources   omneo: found, omnilab: timed_out
"
    );
    let all = format!(
        "\
2026-11-29 08:15:03 UTC  status 400, email-malformed  (by email, cache: none,
    0.1 ms)
  request   {rejected}
  ticket    1234
{shown}"
    );
    let trace = |arguments: &[&str]| shop.run(&[&["lookup", "trace"], arguments].concat()).well();
    assert_eq!(trace(&["--ticket", "1234"]), all);
    assert_eq!(trace(&["--ticket", "1234", "--limit", "1"]).lines().count(), 4);
    for arguments in [
        ["--request", request.as_str()],
        ["--phone", "06 12312311"],
        ["--customer", ANNA],
        ["--customer", "crm-1"],
        ["--customer", GONE],
    ] {
        assert_eq!(trace(&arguments), shown, "{arguments:?}");
    }
    for arguments in [
        ["--ticket", "4321"],
        ["--email", "anna@example.org"],
        ["--id", "crm-1"],
        ["--customer", "crm-2"],
    ] {
        let none = trace(&arguments).replace('\n', " ");
        let kept = "No lookup was found. Lookups are kept for 14 days (`lookup.trace_days`)";
        assert!(none.starts_with(kept), "{arguments:?}: {none}");
    }
    // The command without `trace` is still there.
    assert!(shop.run(&["lookup", "--email", "anna@example.org"]).well().contains("Verburg"));
}

#[test]
fn it_prints_json_and_what_each_customer_is_now() {
    let shop = Shop::open();
    shop.apply(anna_and_bert());
    let [found, _] = insert(&shop);
    let json = |arguments: &[&str]| {
        let arguments = [&["lookup", "trace", "--json"], arguments].concat();
        json_of("lookup trace", &shop.run(&arguments).well())
    };
    assert_eq!(json(&["--ticket", "1234"]).as_array().unwrap().len(), 2);
    let expected = serde_json::json!([{
        "brand": "shop",
        "asked_at": "2026-11-29T08:15:02Z",
        "request_id": found,
        "ticket": "1234",
        "by": "telephone",
        "status": 200,
        "problem": null,
        "cache": "miss",
        "customers": [
            { "key": ANNA, "now": ANNA, "is_same": true, "changed_at": null },
            { "key": GONE, "now": null, "is_same": null, "changed_at": null },
        ],
        "too_many": false,
        "sources": [
            { "source": "omneo", "outcome": "found" },
            { "source": "omnilab", "outcome": "timed_out" },
        ],
        "duration_us": 214_300,
    }]);
    assert_eq!(json(&["--customer", ANNA]), expected);
    let changed_at = "2026-11-29T08:20:00Z";
    shop.sql("update answers set changed_at = '2026-11-29 08:20:00Z'");
    let changed = &json(&["--customer", ANNA])[0]["customers"][0];
    assert_eq!((&changed["is_same"], &changed["changed_at"]), (&false.into(), &changed_at.into()));
    let shown = shop.run(&["lookup", "trace", "--customer", ANNA]).well();
    let shown = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    let changed = "(the answer changed since, last at 2026-11-29 08:20:00 UTC)";
    assert!(shown.contains(&format!("{ANNA} {changed}")), "{shown}");
    assert_eq!(json(&["--ticket", "4321"]), serde_json::json!([]));
    shop.run(&["customer", "erase", "--email", "anna@example.org", "--yes"]).well();
    assert_eq!(json(&["--request", &found.to_string()]), serde_json::json!([]));
    assert_eq!(json(&["--ticket", "1234"]).as_array().unwrap().len(), 1);
}

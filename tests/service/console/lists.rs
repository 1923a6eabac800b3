//! Lookups, decisions and the audit log: searched, filtered, and paged without a gap.

use std::collections::BTreeSet;

use hookpoint::admin::find_customers::find_customers;
use hookpoint::admin::role::Role;
use hookpoint::customer::model::email::Email;
use hookpoint::erasure::erase::erase;
use hookpoint::erasure::suppression_file::SuppressionFile;
use hookpoint::lookup::query::Question;
use hookpoint::lookup::query_customers::ReadRules;
use hookpoint::settings::file::MultipleMatches;

use super::customers::person;
use super::{Page, Person, empty_app_with_console};
use crate::support::{KEY, TestApp, demo_changes, encode, suppression_file_of, until};

const THOMAS: &str = "channelAddressType=email&address=thomas%40example.org";

/// Waits until so many lookups are written, without the one that warmed up the service.
async fn until_written(app: &TestApp, lookups: i64) {
    until("the lookups are written", async || {
        let query = "select count(*) from lookup_history where question_kind <> 'id'";
        let (count,): (i64,) = sqlx::query_as(query).fetch_one(app.pool()).await.unwrap();
        count == lookups
    })
    .await;
}

#[tokio::test]
async fn lookups_are_listed_and_found_by_what_people_know() {
    let app = empty_app_with_console().await;
    app.apply(demo_changes(&app.brand)).await;
    app.wait_until_current().await;
    let answer = app.ask(&format!("key={KEY}&{THOMAS}&ticketID={}", encode("T-1"))).await;
    let request = answer.header("x-request-id").unwrap().to_owned();
    let customer: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    let customer = customer[0]["customerID"].as_str().unwrap().to_owned();
    app.ask(&format!("key={KEY}&channelAddressType=phoneNumber&address=12")).await;
    until_written(&app, 2).await;
    let femke = Person::log_in(&app, Role::Supervisor, "Femke").await;
    let list = femke.get("/lookups").await.shown();
    for text in ["e-mail address", "1 customer", "phone-malformed", "phone number", "Why", "miss"] {
        assert!(list.has(text), "{text}: {}", list.text());
    }
    assert!(!list.links("/demo/customers/").is_empty(), "{}", list.text());
    for text in ["Thomas Bakker", "The address is not a phone number.", "Cache: miss"] {
        assert!(list.has(text), "{text}: {}", list.text());
    }
    for (by, text) in [
        ("ticket", "T-1"),
        ("request", &request),
        ("customer", &customer),
        ("address", "Thomas@Example.org"),
    ] {
        let found = femke.post("/lookups", &[("by", by), ("text", text)]).await.shown();
        assert!(found.has(&request) && !found.has("phone-malformed"), "{by}: {}", found.text());
    }
    for (by, text) in [("ticket", "T-2"), ("address", "nobody@example.org"), ("id", "nobody")] {
        let none = femke.post("/lookups", &[("by", by), ("text", text)]).await.shown();
        assert!(none.has("No lookup was found."), "{by}: {}", none.text());
    }
    for (by, text) in [("request", "1"), ("address", "hello"), ("ticket", " "), ("magic", "x")] {
        assert_eq!(femke.post("/lookups", &[("by", by), ("text", text)]).await.status, 422, "{by}");
    }
    let viewer = Person::log_in(&app, Role::Viewer, "Vera").await;
    let masked = viewer.get("/lookups").await.shown();
    assert!(masked.has("••••••") && !masked.has(&customer), "{}", masked.text());
    assert!(!masked.has("Bakker"), "{}", masked.text());
    // Who searched is in the audit log, and about whom as a hash.
    let log = femke.get("/audit?action=search+lookups").await.shown();
    assert!(
        log.has("by ticket") && log.has("title=\"A hash of the customer\">#"),
        "{}",
        log.text()
    );
    assert!(!log.has("thomas") && !log.has("<td>log in"), "{}", log.text());
    app.stop().await;
}

#[tokio::test]
async fn a_search_for_the_lookups_of_an_erased_person_says_so() {
    let app = empty_app_with_console().await;
    app.apply(demo_changes(&app.brand)).await;
    let thomas = "thomas@example.org";
    let rules = ReadRules { max_customers: 10, multiple_matches: MultipleMatches::All };
    let question = Question::Address(Email::parse(thomas).unwrap().into());
    let found = find_customers(app.pool(), &app.brand, &question, rules).await.unwrap();
    let file = SuppressionFile::new(suppression_file_of(&app.database));
    let records = &found[0].records;
    erase(app.pool(), &app.brand, &file, records, app.clock.now(), &mut |_| ()).await.unwrap();
    // A source still knows him.
    let insert = "insert into lookup_history (brand_id, asked_at, request_id, question_kind, status, cache, customer_keys, sources, duration_us)
        values ($1, now(), gen_random_uuid(), 'email', 200, 'miss', '{}', 'omniotap=found', 1000)";
    sqlx::query(insert).bind(app.brand.id()).execute(app.pool()).await.unwrap();
    let femke = Person::log_in(&app, Role::Supervisor, "Femke").await;
    let viewer = Person::log_in(&app, Role::Viewer, "Vera").await;
    let list = femke.get("/lookups").await.shown();
    assert!(list.has("the person was erased here, or"), "{}", list.text());
    for (by, text) in [("address", thomas), ("id", "nobody")] {
        let found = femke.post("/lookups", &[("by", by), ("text", text)]).await.shown();
        let is_erased = found.has("A person with this address or id was erased.");
        assert_eq!(is_erased, text == thomas, "{}", found.text());
    }
    let fields = [("by", "address"), ("text", thomas)];
    let masked = viewer.post("/lookups", &fields).await.shown();
    assert!(!masked.has("was erased."), "who sees masks does not learn it: {}", masked.text());
    app.stop().await;
}

#[tokio::test]
async fn the_audit_log_is_filtered_by_action_person_and_time() {
    let app = empty_app_with_console().await;
    for (at, by, action) in [
        ("2026-11-18T22:59:59Z", "Femke", "old"),
        ("2026-11-18T23:00:00Z", "Femke", "first of the 19th"),
        ("2026-11-19T22:59:59Z", "Pieter", "last of the 19th"),
        ("2026-11-19T23:00:00Z", "Pieter", "first of the 20th"),
    ] {
        let insert =
            "insert into audit_log (brand_id, action_id, action, done_by, reason, begun_at)
            values ($1, gen_random_uuid(), $2, $3, '', $4::text::timestamptz)";
        let insert = sqlx::query(insert).bind(app.brand.id()).bind(action).bind(by).bind(at);
        insert.execute(app.pool()).await.unwrap();
    }
    let admin = Person::log_in(&app, Role::Admin, "Anna").await;
    let actions = |page: &Page| -> Vec<String> {
        let text = page.shown_rows();
        ["old", "first of the 19th", "last of the 19th", "first of the 20th", "log in"]
            .into_iter()
            .filter(|action| text.contains(&format!("<td>{action}</td>")))
            .map(ToOwned::to_owned)
            .collect()
    };
    // Days are those of the brand, which is in Amsterdam.
    let day = admin.get("/audit?from=2026-11-19&until=2026-11-19").await.shown();
    assert_eq!(actions(&day), ["first of the 19th", "last of the 19th"]);
    let until = admin.get("/audit?until=2026-11-18").await.shown();
    assert_eq!(actions(&until), ["old"]);
    let action = admin.get("/audit?action=first+of+the+20th").await.shown();
    assert_eq!(actions(&action), ["first of the 20th"]);
    // A person is chosen by a value that does not name them.
    let all = admin.get("/audit").await.shown().text();
    let before = all.split(">Pieter</option>").next().unwrap();
    let value = before.rsplit("<option value=\"").next().unwrap().trim_end_matches('"');
    let person = admin.get(&format!("/audit?person={value}&until=2026-11-19")).await.shown();
    assert_eq!(actions(&person), ["last of the 19th"]);
    assert_eq!(admin.get("/audit?from=yesterday").await.status, 422);
    let none = admin.get("/audit?from=2030-01-01").await.shown();
    assert!(none.has("No entry matches."));
    app.stop().await;
}

impl Page {
    /// The rows of the table.
    fn shown_rows(&self) -> String {
        let text = self.text();
        text.split("<tbody>").nth(1).unwrap_or_default().to_owned()
    }
}

/// What a list shows, page by page.
async fn all_pages(
    browser: &Person<'_>,
    path: &str,
    pick: impl Fn(&Page) -> Vec<String>,
) -> Vec<String> {
    let (mut path, mut all) = (path.to_owned(), Vec::new());
    loop {
        let page = browser.get(&path).await.shown();
        let some = pick(&page);
        assert!(some.len() <= 100, "{path}");
        all.extend(some);
        let text = page.text();
        let Some((before, _)) = text.rsplit_once("\">Older ") else { return all };
        path = before.rsplit_once("href=\"").unwrap().1.to_owned();
    }
}

#[tokio::test]
async fn pages_lose_nothing_of_one_moment_and_show_nothing_twice() {
    let app = empty_app_with_console().await;
    for insert in [
        "insert into audit_log (brand_id, action_id, action, target, done_by, reason, begun_at)
            select $1, gen_random_uuid(), 'test', 'target-' || n, 'Femke', '', '2026-11-20T10:00:00Z'
            from generate_series(1, 250) as n",
        "insert into decisions (brand_id, decision_id, left_key, right_key, same_person, decided_by, reason, decided_at)
            select $1, ('00000000-0000-0000-0000-' || lpad((n % 130)::text, 12, '0'))::uuid, 'omneo.profile:' || n, 'omneo.profile:x' || n,
                true, 'Femke', '', '2026-11-20T10:00:00Z' from generate_series(1, 260) as n",
        "insert into shared_value_decisions (brand_id, decision_id, kind, value, decided_by, reason, decided_at)
            select $1, gen_random_uuid(), 'email', n || '@example.org', 'Femke', '', '2026-11-20T10:00:00Z'
            from generate_series(1, 120) as n",
        "insert into lookup_history (brand_id, asked_at, request_id, status, cache, customer_keys, sources, duration_us)
            select $1, '2026-11-20T10:00:00Z', gen_random_uuid(), 200, 'miss', '{}', '', 1000 from generate_series(1, 250)",
    ] {
        sqlx::query(insert).bind(app.brand.id()).execute(app.pool()).await.unwrap();
    }
    let femke = Person::log_in(&app, Role::Supervisor, "Femke").await;
    let between = |page: &Page, before: &str| -> Vec<String> {
        let rows = page.shown_rows();
        let parts = rows.split(before).skip(1);
        parts.map(|rest| rest.split(['<', '"']).next().unwrap().to_owned()).collect()
    };
    for (path, before, count) in [
        ("/audit?action=test", ">target-", 250),
        ("/decisions", "<td><a href=\"/demo/decisions/", 250),
        ("/lookups", "<code>", 250),
    ] {
        let all = all_pages(&femke, path, |page| between(page, before)).await;
        let different: BTreeSet<&String> = all.iter().collect();
        // The lookup that warmed up the service is among them, if it is written already.
        let extra = all.len() - count;
        assert!(extra == 0 || (path == "/lookups" && extra <= 2), "{path}: {}", all.len());
        assert_eq!(different.len(), all.len(), "{path} shows something twice");
    }
    app.stop().await;
}

#[tokio::test]
async fn a_customer_has_one_mark_in_the_audit_log_and_on_pages() {
    let app = empty_app_with_console().await;
    app.apply(demo_changes(&app.brand)).await;
    app.wait_until_current().await;
    app.ask(&format!("key={KEY}&{THOMAS}")).await;
    until_written(&app, 1).await;
    let femke = Person::log_in(&app, Role::Supervisor, "Femke").await;
    let path = femke.path_of("thomas@example.org").await;
    femke.get(&path).await.shown();
    femke.get(&format!("{path}/timeline")).await.shown();
    let asked = [("by", "address"), ("text", "thomas@example.org")];
    femke.post("/lookups", &asked).await.shown();
    let marks = |page: &Page| -> Vec<String> {
        let text = page.shown_rows();
        let marks = text.split("title=\"A hash of the customer\">#").skip(1);
        marks.map(|rest| rest.split('<').next().unwrap().to_owned()).collect()
    };
    let mut all = BTreeSet::new();
    for action in ["search+customers", "view+customer", "view+timeline", "search+lookups"] {
        let found = marks(&femke.get(&format!("/audit?action={action}")).await.shown());
        assert_eq!(found.len(), 1, "{action}: {found:?}");
        all.extend(found);
    }
    assert_eq!(all.len(), 1, "{all:?}");
    // Who sees marks in the place of names sees the same one on every page.
    let viewer = Person::log_in(&app, Role::Viewer, "Vera").await;
    let mark = format!("Customer #{}", all.first().unwrap());
    for page in [path.as_str(), "/lookups"] {
        let page = viewer.get(page).await.shown();
        assert!(page.has(&mark), "{mark}: {}", page.text());
    }
    // An entry about several customers has all of them.
    let people = [("omneo.profile:q1", "Ruben"), ("omneo.profile:q2", "Iris")]
        .map(|(key, name)| person(key, (name, "Quist"), &format!("{name}@example.org"), ""));
    app.apply(people.to_vec()).await;
    app.wait_until_current().await;
    let found = femke.post("/customers", &[("text", "Quist")]).await.shown();
    assert!(found.has("Ruben Quist") && found.has("Iris Quist"), "{}", found.text());
    let found = marks(&femke.get("/audit?action=search+customers").await.shown());
    assert_eq!((found.len(), BTreeSet::from_iter(&found).len()), (3, 3), "{found:?}");
    assert!(found.iter().any(|mark| all.contains(mark)));
    app.stop().await;
}

#[tokio::test]
async fn days_in_the_wrong_order_are_said_and_times_are_those_of_the_brand() {
    let app = empty_app_with_console().await;
    let insert = "insert into audit_log (brand_id, action_id, action, done_by, reason, begun_at, outcome)
        values ($1, gen_random_uuid(), 'postpone review', 'Femke', '', '2026-11-20T10:00:00Z', 'until 2026-12-06 22:18:45 UTC')";
    sqlx::query(insert).bind(app.brand.id()).execute(app.pool()).await.unwrap();
    let admin = Person::log_in(&app, Role::Admin, "Anna").await;
    let none = admin.get("/audit?from=2026-11-20&until=2026-11-19").await.shown();
    assert!(none.has("The day in From is after the day in Until."), "{}", none.text());
    let day = admin.get("/audit?from=2026-11-20&until=2026-11-20").await.shown();
    assert!(day.has("until 2026-12-06 23:18:45 CET"), "{}", day.text());
    // Whose session ended is said.
    let vera = Person::log_in(&app, Role::Viewer, "Vera").await;
    assert_eq!(vera.submit("/logout", &[]).await.status, 303);
    let log = admin.get("/audit?action=end+console+session").await.shown();
    assert!(log.has("ended: the session of Vera"), "{}", log.text());
    app.stop().await;
}

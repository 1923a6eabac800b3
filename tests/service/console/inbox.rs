//! The inbox: what failed by its reason, filters, and acts on what a person saw.

use hookpoint::admin::role::Role;
use hookpoint::storage::audit_log::{AuditFilter, list_audit};
use serde_json::json;

use super::{Page, Person};
use crate::inbox::{contact, states, work_off};
use crate::support::{Options, TestApp, TestSettings, post};

/// An application that receives webhooks, and has a console. The test applies them.
pub async fn receiver_with_console() -> TestApp {
    let settings = TestSettings::demo()
        .without_inbox_workers()
        .with(|file| "127.0.0.1:0".clone_into(&mut file.console.listen));
    TestApp::start_with(Options { settings, skips_verification: true, ..Options::default() }).await
}

pub async fn send(app: &TestApp, source: &str, body: &str) {
    let path = format!("/webhooks/demo/{source}");
    let headers = [("x-omneo-event", "profile.updated")];
    let response = post(app.application.address, &path, &headers, body.as_bytes()).await;
    assert_eq!(response.status, 202, "{}", response.head);
}

/// Webhooks that fail: each has its mistake at another byte.
async fn fail(app: &TestApp, source: &str, bodies: &[&str]) {
    for body in bodies {
        send(app, source, body).await;
    }
    work_off(app).await;
}

/// The values of all fields with this name.
fn fields(page: &Page, name: &str) -> Vec<String> {
    let (text, start) = (page.text(), format!("name=\"{name}\" value=\""));
    let values = text.split(&start).skip(1).map(|rest| rest.split('"').next().unwrap());
    values.map(str::to_owned).collect()
}

/// The value of the first field with this name.
fn field(page: &Page, name: &str) -> String {
    fields(page, name).remove(0)
}

pub async fn audited(app: &TestApp) -> Vec<(String, String, String)> {
    let rows = list_audit(app.pool(), app.brand.id(), AuditFilter::ALL, 100).await.unwrap();
    let rows = rows.into_iter().filter(|row| row.action.contains("deliver"));
    rows.map(|row| (row.action, row.reason, row.outcome)).collect()
}

fn count_in_state(states: &[(String, String)], state: &str) -> usize {
    states.iter().filter(|(own, _)| own == state).count()
}

#[tokio::test]
async fn failures_are_grouped_by_reason_and_two_clicks_replay_once() {
    let app = receiver_with_console().await;
    fail(&app, "omniotap", &["{\"id\": no", "{\"id\":  no", "{\"id\":   no"]).await;
    send(&app, "omniotap", &contact("e1", "c-1", "Anna", 1).to_string()).await;
    work_off(&app).await;
    let femke = Person::log_in(&app, Role::Supervisor, "Femke").await;
    let page = femke.get("/inbox").await.shown();
    let groups = page.links("/demo/inbox?source=omniotap&state=dead&reason=");
    assert_eq!(groups.len(), 1, "numbers do not make a reason: {}", page.text());
    assert!(page.has("<td class=\"number\">3</td>"), "{}", page.text());
    let group = femke.get(&groups[0]).await.shown();
    assert!(!group.has("applied</span>"), "{}", group.text());
    let all = fields(&group, "delivery");
    assert_eq!(all.len(), 3);
    let query = groups[0].strip_prefix("/demo/inbox").unwrap();
    let path = format!("/inbox/replay{query}");
    let mut fields: Vec<(&str, &str)> = all.iter().map(|seen| ("delivery", &**seen)).collect();
    fields.push(("reason", "ticket 12"));
    let done = femke.post(&path, &fields).await;
    assert_eq!(done.status, 303, "{}", done.text());
    assert!(done.location.starts_with(&groups[0]), "the filters stay: {}", done.location);
    assert!(done.location.ends_with("done=replayed"), "{}", done.location);
    assert_eq!(count_in_state(&states(&app).await, "pending"), 3);
    let again = femke.post(&path, &fields).await;
    assert_eq!(again.status, 409);
    assert!(again.has("have changed since you saw them"), "{}", again.text());
    work_off(&app).await;
    assert_eq!(femke.post(&path, &fields).await.status, 409, "nor after they were applied");
    assert_eq!(count_in_state(&states(&app).await, "dead"), 3);
    let audited = audited(&app).await;
    let entry = |outcome: &str| {
        ("replay deliveries".to_owned(), "ticket 12".to_owned(), outcome.to_owned())
    };
    assert_eq!(audited.iter().filter(|row| **row == entry("deliveries: 3")).count(), 1);
    assert_eq!(audited.iter().filter(|row| **row == entry("deliveries: 0")).count(), 2);
    app.stop().await;
}

#[tokio::test]
async fn an_act_is_about_what_was_selected_and_a_discard_needs_a_reason() {
    let app = receiver_with_console().await;
    fail(&app, "omniotap", &["{\"id\": no", "{\"id\":  no"]).await;
    let femke = Person::log_in(&app, Role::Supervisor, "Femke").await;
    let seen = fields(&femke.get("/inbox?state=dead").await.shown(), "delivery");
    fail(&app, "omniotap", &["{\"id\":   no"]).await;
    let discard = async |reason: &str| {
        let mut fields: Vec<(&str, &str)> = seen.iter().map(|seen| ("delivery", &**seen)).collect();
        fields.push(("reason", reason));
        femke.post("/inbox/discard?state=dead", &fields).await
    };
    let again = discard("").await;
    assert_eq!(again.status, 422, "a reason is needed");
    assert!(again.has("Write a reason") && again.has("<h1>Inbox</h1>"), "{}", again.text());
    assert_eq!(again.text().matches("\" checked aria-label=").count(), 2, "{}", again.text());
    let done = discard("tests").await;
    assert_eq!(
        (done.status, done.location.as_str()),
        (303, "/demo/inbox?state=dead&done=discarded")
    );
    let states = states(&app).await;
    assert_eq!([count_in_state(&states, "discarded"), count_in_state(&states, "dead")], [2, 1]);
    let nothing = femke.post("/inbox/replay", &[("reason", "ticket 9")]).await;
    assert_eq!(nothing.status, 422, "nothing is selected");
    assert!(nothing.has("Nothing is selected.") && nothing.has("value=\"ticket 9\""));
    assert_eq!(femke.post("/inbox/replay", &[("delivery", "AAAA")]).await.status, 422);
    app.stop().await;
}

#[tokio::test]
async fn filters_combine_and_odd_ones_are_shown_as_text() {
    let app = receiver_with_console().await;
    fail(&app, "omniotap", &["{\"id\": no"]).await;
    send(&app, "omniotap", &contact("e1", "c-1", "Anna", 1).to_string()).await;
    send(&app, "omneo", &json!({"id": "p-1", "email": "p-1@example.org"}).to_string()).await;
    let viewer = Person::log_in(&app, Role::Viewer, "Vera").await;
    let rows = async |query: &str| {
        let page = viewer.get(&format!("/inbox{query}")).await.shown();
        page.links("/demo/inbox/").len()
    };
    assert_eq!(rows("").await, 3);
    assert_eq!(rows("?source=omniotap").await, 2);
    assert_eq!(rows("?source=omniotap&state=pending&age=day").await, 1);
    assert_eq!(rows("?source=omneo&event=profile.updated").await, 1);
    assert_eq!(rows("?state=done").await, 0);
    assert_eq!(rows("?source=nobody&state=odd&age=x&before=x").await, 3, "odd filters are none");
    let naughty = "%22%3E%3Cscript%3Ealert(1)%3C/script%3E";
    let page = viewer.get(&format!("/inbox?event={naughty}&reason={naughty}")).await.shown();
    assert!(!page.html.contains("<script>alert") && page.has("No webhook matches."));
    assert!(!page.has("Count all") && !page.has("Replay"), "a viewer may not act");
    assert_eq!(viewer.post("/inbox/replay", &[("delivery", "")]).await.status, 403);
    assert_eq!(viewer.post("/inbox/discard", &[("delivery", "")]).await.status, 403);
    app.stop().await;
}

#[tokio::test]
async fn a_webhook_that_failed_says_whom_it_is_about_and_what_the_reason_means() {
    let app = receiver_with_console().await;
    let profile = json!({"id": "p-1", "email": "p-1@example.org", "first_name": "Anna"});
    send(&app, "omneo", &profile.to_string()).await;
    let deleted = [
        json!({"id": "o-1", "profile_id": "p-1", "order_number": "7"}),
        json!({"id": "o-2", "profile": {"id": "p-2", "email": "P-1@example.org"}, "order_number": "8"}),
        json!({"id": "o-3", "profile": {"id": "p-3"}, "order_number": "9"}),
        json!({"id": "o-4", "order_number": "10"}),
    ];
    for body in &deleted {
        let headers = [("x-omneo-event", "order.deleted")];
        let body = body.to_string();
        let path = "/webhooks/demo/omneo";
        post(app.application.address, path, &headers, body.as_bytes()).await;
    }
    work_off(&app).await;
    let femke = Person::log_in(&app, Role::Supervisor, "Femke").await;
    let paths = femke.get("/inbox?state=dead").await.shown().links("/demo/inbox/");
    let mut pages = Vec::new();
    for path in &paths {
        pages.push(femke.get(path).await.shown());
    }
    // They came at the same moment, so their order is open.
    let are = |texts: &[&str]| {
        let is_all = |page: &&Page| texts.iter().all(|text| page.has(text));
        pages.iter().filter(is_all).count()
    };
    let (found, unknown) = ("profile p-1</a>", " <small class=\"muted\">(no customer has it now)");
    assert_eq!((pages.len(), are(&[found])), (4, 2), "by its id, and by its address");
    assert_eq!(are(&[found, "found by an address", &format!("profile p-2{unknown}")]), 1);
    assert_eq!(are(&[&format!("profile p-3{unknown}")]), 1);
    assert_eq!(are(&["Nobody that this service knows"]), 1);
    let linked = pages.iter().filter(|page| !page.links("/demo/customers/").is_empty());
    assert_eq!(linked.count(), 2);
    for page in &pages {
        assert!(page.has("agents still see what it would delete"), "{}", page.text());
        assert!(page.has("[brands.demo.sources.omneo]") && page.has("is not safe against"));
        assert!(!page.has("p-1@example.org"), "the values stay hidden");
    }
    app.stop().await;
}

#[tokio::test]
async fn a_deletion_that_was_applied_leads_to_no_page_that_does_not_exist() {
    let app = receiver_with_console().await;
    let mut contact = contact("e1", "c-1", "Anna", 1);
    contact["action"] = "deleted".into();
    send(&app, "omniotap", &contact.to_string()).await;
    work_off(&app).await;
    let femke = Person::log_in(&app, Role::Supervisor, "Femke").await;
    let path = femke.get("/inbox?state=done").await.shown().links("/demo/inbox/").remove(0);
    let page = femke.get(&path).await.shown();
    assert!(page.has("contact c-1 <small class=\"muted\">(no customer has it now)"));
    assert!(page.links("/demo/customers/").is_empty(), "{}", page.text());
    app.stop().await;
}

#[tokio::test]
async fn many_webhooks_are_paged_by_key() {
    let app = receiver_with_console().await;
    sqlx::query(
        "insert into deliveries (brand_id, delivery_id, source, event, headers, body, received_at, priority, state, due_at, finished_at)
        select $1, gen_random_uuid(), 'omneo', 'profile.updated', '{}', '{}', now(), 1, case when n % 2 = 0 then 'done' else 'dead' end, now(), now()
        from generate_series(1, 460) as n",
    )
    .bind(app.brand.id())
    .execute(app.pool())
    .await
    .unwrap();
    let viewer = Person::log_in(&app, Role::Viewer, "Vera").await;
    for (filter, expected) in
        [("", 230), ("state=all", 460), ("state=dead", 230), ("source=omneo&state=done", 230)]
    {
        let (mut path, mut seen) = (format!("/inbox?{filter}"), std::collections::BTreeSet::new());
        loop {
            let page = viewer.get(&path).await.shown();
            let rows = page.links("/demo/inbox/");
            assert!(rows.len() <= 100 && rows.iter().all(|row| seen.insert(row.clone())));
            let next = page.links("/demo/inbox?");
            match next.into_iter().find(|link| link.contains("before=")) {
                Some(next) => path = next,
                None => break,
            }
        }
        assert_eq!(seen.len(), expected, "{filter}");
    }
    app.stop().await;
}

#[tokio::test]
async fn the_content_of_a_webhook_is_hidden_until_somebody_asks_for_it_by_name() {
    let app = receiver_with_console().await;
    send(&app, "omniotap", &contact("e1", "c-1", "<b>Anna", 1).to_string()).await;
    work_off(&app).await;
    let viewer = Person::log_in(&app, Role::Viewer, "Vera").await;
    let femke = Person::log_in(&app, Role::Supervisor, "Femke").await;
    assert!(viewer.get("/inbox").await.shown().has("Nothing failed, and nothing waits."));
    let path = viewer.get("/inbox?state=all").await.shown().links("/demo/inbox/").remove(0);
    for browser in [&viewer, &femke] {
        let page = browser.get(&path).await.shown();
        assert!(page.has("\"firstName\": \"‹text, 7›\""), "{}", page.text());
        assert!(!page.has("Anna") && !page.has("c-1@example.org"), "{}", page.text());
        assert_eq!(page.links("/demo/customers/").len(), 1, "{}", page.text());
    }
    let page = viewer.get(&path).await.shown();
    assert!(!page.has("Show the values") && !page.has("Apply again") && !page.has("contact c-1"));
    let reveal = format!("{path}/reveal");
    assert_eq!(viewer.post(&reveal, &[]).await.status, 403);
    assert_eq!(audited(&app).await, []);
    let page = femke.post(&reveal, &[("reason", "ticket 7")]).await.shown();
    assert!(page.has("c-1@example.org") && page.html.contains("&lt;b&gt;Anna"), "{}", page.text());
    let entry = ["reveal delivery", "ticket 7", "shown"].map(str::to_owned);
    assert_eq!(audited(&app).await, [entry.into()]);
    let page = femke.get(&path).await.shown();
    assert!(page.has("Apply again") && !page.has("Discard"), "only what is valid: {}", page.text());
    let (seen, from) = (field(&page, "delivery"), field(&page, "from"));
    let fields = [("delivery", seen.as_str()), ("from", from.as_str())];
    let done = femke.post("/inbox/replay", &fields).await;
    assert_eq!(done.location, format!("{path}?done=replayed-this"));
    let page = femke.get(&path).await.shown();
    assert!(page.has("waiting, replayed") && page.has("Discard") && page.has("Try now"));
    assert_eq!(femke.get("/inbox/0190a0a0-0000-7000-8000-000000000000").await.status, 404);
    assert_eq!(femke.get("/inbox/odd").await.status, 404);
    app.stop().await;
}

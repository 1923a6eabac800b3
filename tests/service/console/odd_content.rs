//! Names that look like HTML or like templates, very long names, and customers with very many events: every page shows them
//! as text, and stays of a bounded size.

use std::collections::BTreeSet;

use hookpoint::customer::model::event::EventKey;
use hookpoint::customer::model::record::Change;

use super::customers::{person, update};
use super::*;

const NAUGHTY: &str = "<b>odd</b>{{ 7*7 }}odd{% raw %}'\"&amp;";

/// What a page would contain if it took a value for HTML or for a template.
const TAKEN_LITERALLY: [&str; 3] = ["<b>odd", "49odd", "&amp;amp;amp;"];

/// A customer with a name of more than 10,000 characters and with 10,000 events.
pub async fn apply_busy_customer(app: &TestApp) {
    let (record, long) = ("omneo.profile:busy", NAUGHTY.repeat(300));
    assert!(long.chars().count() > 10_000);
    app.apply(vec![person(record, ("Noor", &long), "busy@example.org", "")]).await;
    let event = |n: usize| {
        let at = format!("2026-10-{:02}T{:02}:00:00Z", 1 + n % 28, n % 24);
        let fields = [("record", record), ("occurred_at", at.as_str()), ("data.total", NAUGHTY)];
        let key = EventKey::new("omneo".parse().unwrap(), "transaction", &format!("id-{n:05}"));
        Change::Event { key: key.unwrap(), update: update(&fields) }
    };
    for first in (0..10_000).step_by(2_500) {
        app.apply((first..first + 2_500).map(event).collect()).await;
    }
    app.wait_until_current().await;
}

pub fn assert_bounded_and_as_text(page: &str) {
    assert!(page.len() < 300_000, "{} bytes: {page:.2000}", page.len());
    for literal in TAKEN_LITERALLY {
        assert!(!page.contains(literal), "{literal}: {page:.5000}");
    }
}

#[tokio::test]
async fn a_customer_with_ten_thousand_events_and_a_very_long_name_has_pages_of_a_bounded_size() {
    let app = TestApp::start_with(settings_with_console()).await;
    apply_busy_customer(&app).await;
    let admin = Person::enter(&app, Role::Admin).await;
    let path = admin.path_of("busy@example.org").await;
    let mut pages = vec![admin.search("busy@example.org").await];
    for below in ["", "/timeline", "/erase"] {
        pages.push(admin.page(&format!("{path}{below}")).await);
    }
    let join = [("act", "join"), ("with", "nobody@example.org")];
    pages.push(admin.submit(&format!("{path}/preview"), &join).await.body);
    for page in pages {
        assert_bounded_and_as_text(&page);
    }
    app.stop().await;
}

/// The pages that a page leads to.
fn links(page: &str) -> Vec<String> {
    let plain = page.replace("&#x2f;", "/").replace("&amp;", "&");
    let paths = plain.split("href=\"/demo").skip(1).map(|rest| rest.split('"').next().unwrap());
    paths.map(str::to_owned).collect()
}

#[tokio::test]
async fn names_that_look_like_html_or_templates_are_text_on_every_page() {
    let app = TestApp::start_with(settings_with_console()).await;
    let phone = "+31699887766";
    let key = EventKey::new("omneo".parse().unwrap(), "transaction", NAUGHTY).unwrap();
    let event = [
        ("record", "omneo.profile:<b>odd"),
        ("occurred_at", "2026-11-01T10:00:00Z"),
        ("data.total", NAUGHTY),
    ];
    app.apply(vec![
        person("omneo.profile:<b>odd", (NAUGHTY, "Smit"), "odd@example.org", phone),
        person("omniotap.contact:<b>odd", ("Anna", NAUGHTY), "odd2@example.org", phone),
        person("omniotap.contact:third", ("Bea", NAUGHTY), "odd3@example.org", ""),
        Change::Event { key, update: update(&event) },
    ])
    .await;
    app.wait_until_current().await;
    sqlx::query(
        "insert into deliveries (brand_id, delivery_id, source, event, headers, body, received_at, priority, state, due_at, finished_at, note)
        values ($1, gen_random_uuid(), 'omniotap', 'contact.updated', $2::json, $3, now(), 1, 'dead', now(), now(), $4)",
    )
    .bind(app.brand.id())
    .bind(serde_json::json!({ "x-name": NAUGHTY }).to_string())
    .bind(serde_json::json!({ NAUGHTY: NAUGHTY }).to_string().into_bytes())
    .bind(NAUGHTY)
    .execute(app.pool())
    .await
    .unwrap();
    app.ask(&format!(
        "key={KEY}&channelAddressType=email&address=odd%40example.org&ticketID={}",
        encode(NAUGHTY)
    ))
    .await;
    let admin = Person::enter(&app, Role::Admin).await;
    let id = "019aa000-0000-7000-8000-000000000001";
    let reason = [("form", id), ("label", NAUGHTY), ("days", ""), ("reason", NAUGHTY)];
    let mut pages = vec![admin.submit("/keys", &reason).await.body];
    let invited = [("person", NAUGHTY), ("role", "viewer"), ("reason", NAUGHTY)];
    pages.push(admin.submit("/people", &invited).await.body);
    let path = admin.path_of("odd@example.org").await;
    let join = [("act", "join"), ("with", "odd3@example.org"), ("reason", NAUGHTY)];
    pages.push(admin.submit(&format!("{path}/preview"), &join).await.body);
    let tried = [
        ("place", "field"),
        ("name", NAUGHTY),
        ("template", "{{ customer.first_name }}"),
        ("customer", "odd@example.org"),
    ];
    pages.push(admin.submit("/settings", &tried).await.body);
    pages.push(admin.submit("/lookups", &[("by", "ticket"), ("text", NAUGHTY)]).await.body);
    pages.push(admin.search("odd3@example.org").await);
    pages.push(admin.page("/").await);

    // And every page that these lead to.
    let (mut seen, mut shown) = (BTreeSet::new(), 0);
    while let Some(page) = pages.pop() {
        for literal in TAKEN_LITERALLY {
            assert!(!page.contains(literal), "{literal}: {page}");
        }
        shown += usize::from(page.contains("&lt;b&gt;odd"));
        for link in links(&page) {
            if seen.len() < 60 && seen.insert(link.clone()) {
                let response = admin.open(&link).await;
                assert!(response.status < 500, "{link}: {}", response.body);
                pages.push(response.body);
            }
        }
    }
    assert!(seen.len() > 15 && shown > 8, "{shown} of {seen:?}");
    app.stop().await;
}

//! What needs a person now, and the first steps of a brand.

use hookpoint::admin::role::Role;

use super::Person;
use super::inbox::{receiver_with_console, send};
use crate::inbox::{contact, work_off};

#[tokio::test]
async fn a_new_brand_sees_its_first_steps_and_then_what_needs_a_person() {
    let app = receiver_with_console().await;
    let viewer = Person::log_in(&app, Role::Viewer, "Vera").await;
    let admin = Person::log_in(&app, Role::Admin, "Ada").await;
    let page = viewer.get("/").await.shown();
    assert!(page.has("An admin connects it.") && page.has("Nothing needs you now."));
    // What is missing, but not how to do it: that is not a viewer's work.
    assert!(page.has("Not done yet: ") && page.has("the first webhook came"), "{}", page.text());
    assert!(!page.has("Copy the webhook URL"), "{}", page.text());
    assert!(page.links("/demo/keys").is_empty(), "a viewer sees no keys");
    let page = admin.get("/").await.shown();
    assert!(page.has("Connect this brand"), "{}", page.text());
    assert_eq!(page.html.matches("the first webhook came").count(), 4, "{}", page.text());
    send(&app, "omniotap", "{\"id\": no").await;
    send(&app, "omniotap", &contact("e1", "c-1", "Anna", 1).to_string()).await;
    work_off(&app).await;
    let page = viewer.get("/").await.shown();
    assert!(page.has("1 webhook could not be applied"), "{}", page.text());
    assert!(page.has("For a supervisor: Look at the reasons."), "{}", page.text());
    assert_eq!(page.links("/demo/inbox?state=dead").len(), 1);
    assert!(
        page.has("(as far as they are still stored): 1 could not be applied"),
        "{}",
        page.text()
    );
    let page = admin.get("/").await.shown();
    assert!(page.has("<td class=\"long\">Look at the reasons."), "{}", page.text());
    let done: Vec<&str> =
        page.html.split("<li").filter(|step| step.starts_with(" class")).collect();
    for step in ["The settings are read", "A key for Omnidesk", "A source is connected"] {
        assert!(done.iter().any(|done| done.contains(step)), "{step}: {done:?}");
    }
    let webhooks = done.iter().filter(|step| step.contains("the first webhook came"));
    assert_eq!(webhooks.count(), 1, "{done:?}");
    app.stop().await;
}

#[tokio::test]
async fn keys_that_end_soon_need_an_admin() {
    let app = receiver_with_console().await;
    let soon = app.clock.now() + jiff::SignedDuration::from_hours(24);
    sqlx::query("update api_keys set expires_at = $1")
        .bind(jiff_sqlx::Timestamp::from(soon))
        .execute(app.pool())
        .await
        .unwrap();
    for (role, links) in [(Role::Viewer, 0), (Role::Admin, 1)] {
        let browser = Person::log_in(&app, role, "Ada").await;
        let page = browser.get("/").await.shown();
        assert!(page.has("all valid keys expire within 14 days"), "{}", page.text());
        let text = page.text();
        let (_, needs) = text.split_once("What needs a person now").unwrap();
        assert_eq!(needs.matches("href=\"/demo/keys\"").count(), links, "{role}: {text}");
    }
    app.stop().await;
}

#[tokio::test]
async fn a_revoked_key_that_is_still_used_needs_an_admin_for_a_day() {
    let app = receiver_with_console().await;
    let admin = Person::log_in(&app, Role::Admin, "Ada").await;
    let warning = "A call with the key 000001, which is revoked or expired, was rejected";
    for (hours, is_shown) in [(23, true), (25, false)] {
        sqlx::query(
            "insert into api_keys (brand_id, key_id, label, hash, created_at, revoked_at, last_rejected_at)
            values ($1, '00000000-0000-7000-8000-000000000001', 'old', repeat('a', 32)::bytea, $2, $2, $2)
            on conflict (brand_id, key_id) do update set last_rejected_at = excluded.last_rejected_at",
        )
        .bind(app.brand.id())
        .bind(jiff_sqlx::Timestamp::from(app.clock.now() - jiff::SignedDuration::from_hours(hours)))
        .execute(app.pool())
        .await
        .unwrap();
        let page = admin.get("/").await.shown();
        assert_eq!(page.has(warning), is_shown, "{hours}: {}", page.text());
    }
    app.stop().await;
}

#[tokio::test]
async fn the_pages_read_a_bounded_number_of_rows_of_the_inbox_by_index() {
    let app = receiver_with_console().await;
    sqlx::query(
        "insert into deliveries (brand_id, delivery_id, source, event, headers, body, received_at, priority, state, due_at, finished_at, note)
        select $1, gen_random_uuid(), 'omneo', 'profile.updated', '{}', '{}', now(), 1, 'dead', now(), now(), 'error ' || n
        from generate_series(1, 3000) as n",
    )
    .bind(app.brand.id())
    .execute(app.pool())
    .await
    .unwrap();
    sqlx::raw_sql("analyze deliveries").execute(app.pool()).await.unwrap();
    let viewer = Person::log_in(&app, Role::Viewer, "Vera").await;
    let page = viewer.get("/").await.shown();
    assert!(page.has("more than 1,000 webhooks could not be applied"), "{}", page.text());
    let page = viewer.get("/sources").await.shown();
    assert!(page.has("<td class=\"number\">1000+</td>"), "{}", page.text());
    let page = viewer.get("/inbox").await.shown();
    assert!(page.has("More than 1,000 webhooks failed."), "{}", page.text());
    app.stop().await;
}

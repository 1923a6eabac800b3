//! Acts, from what a person sees to what happens.

use super::*;
use crate::inbox::contact;

/// A webhook that could not be applied, although nothing is wrong with it any more.
async fn insert_dead(app: &TestApp) {
    sqlx::query(
        "insert into deliveries (brand_id, delivery_id, source, event, headers, body, received_at, priority, state, due_at, finished_at, note)
        values ($1, gen_random_uuid(), 'omniotap', 'contact.updated', '{}', $2, now(), 1, 'dead', now(), now(), 'database: SQLSTATE 23514')",
    )
    .bind(app.brand.id())
    .bind(contact("e1", "c-1", "Anna", 1).to_string().into_bytes())
    .execute(app.pool())
    .await
    .unwrap();
}

impl Browser {
    /// Opens the only webhook that failed.
    async fn open_dead(&self, app: &TestApp) {
        self.open(app, "/demo/inbox?state=dead").await;
        self.until("#groups", "SQLSTATE").await;
        self.click("#deliveries a.mono").await;
        self.until(".lead", "failed").await;
    }

    async fn accept(&self) {
        self.0.accept_alert().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_is_replayed_and_its_customer_is_found() {
    let Some(driver) = Driver::start() else { return };
    let app = app_with_console().await;
    insert_dead(&app).await;
    let browser = driver.browser(true).await;
    browser.follow_link(&app, Role::Supervisor).await;
    browser.open_dead(&app).await;
    browser.type_into("form[action$='/inbox/replay'] input[name=reason]", "ticket 12").await;
    browser.click("form[action$='/inbox/replay'] button.primary").await;
    browser.until(".notice", "Replayed").await;
    until("she is found", async || app.by_email("c-1@example.org").await.len() == 1).await;
    browser.0.refresh().await.unwrap();
    browser.until(".lead", "applied").await;
    browser.until("main", "replayed by a person").await;
    browser.0.close().await.unwrap();
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_that_failed_are_counted_and_replayed_as_a_job() {
    let Some(driver) = Driver::start() else { return };
    let app = app_with_console().await;
    insert_dead(&app).await;
    let browser = driver.browser(true).await;
    browser.follow_link(&app, Role::Supervisor).await;
    browser.open(&app, "/demo/inbox?state=dead").await;
    browser.click("button[formaction*='/inbox/count']").await;
    browser.until("#job", "1 webhook").await;
    browser.click("button[value=replay]").await;
    browser.accept().await;
    browser.until("#job", "1 of 1").await;
    until("she is found", async || app.by_email("c-1@example.org").await.len() == 1).await;
    browser.click("main a").await;
    browser.until("#deliveries", "No webhook matches").await;
    browser.0.close().await.unwrap();
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_revoked_gets_no_answers() {
    let Some(driver) = Driver::start() else { return };
    let app = app_with_console().await;
    let browser = driver.browser(true).await;
    browser.follow_link(&app, Role::Admin).await;
    browser.open(&app, "/demo/keys").await;
    browser.click("form[action$='/revoke'] button").await;
    browser.accept().await;
    browser.until(".notice", "revoked").await;
    browser.until("td .state", "revoked").await;
    app.until(&format!("key={KEY}&primaryID=x"), |answer| answer.status == 401).await;
    browser.0.close().await.unwrap();
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_is_erased_after_the_id_is_typed() {
    let Some(driver) = Driver::start() else { return };
    let app = app_with_console().await;
    let found = app.by_email("thomas@example.org").await;
    let id = found[0]["customerID"].as_str().unwrap();
    let browser = driver.browser(true).await;
    browser.follow_link(&app, Role::Admin).await;
    browser.open(&app, "/demo/customers").await;
    browser.type_into("input[name=text]", "thomas@example.org").await;
    browser.click("form[role=search] button").await;
    browser.until("td a", "Thomas Bakker").await;
    browser.click("td a").await;
    browser.until("h1", "Thomas Bakker").await;
    // The results have an address of their own.
    browser.back().await;
    browser.until("td a", "Thomas Bakker").await;
    browser.0.refresh().await.unwrap();
    browser.until("td a", "Thomas Bakker").await;
    browser.click("td a").await;
    browser.until("h1", "Thomas Bakker").await;
    browser.click("a[href$='/erase']").await;
    browser.until("h1", "Erase this customer?").await;
    browser.type_into("input[name=confirmation]", "Thomas").await;
    browser.click("form.bad button.danger").await;
    assert!(browser.0.get_alert_text().await.is_err(), "the word is checked before the question");
    browser.until("h1", "Erase this customer?").await;
    assert_eq!(app.by_email("thomas@example.org").await.len(), 1);
    let field = browser.0.find(Locator::Css("input[name=confirmation]")).await.unwrap();
    field.clear().await.unwrap();
    field.send_keys(id).await.unwrap();
    browser.click("form.bad button.danger").await;
    browser.accept().await;
    browser.until("h1", "Receipt of an erasure").await;
    browser.0.refresh().await.unwrap();
    browser.until("h1", "Receipt of an erasure").await;
    until("he is gone", async || app.by_email("thomas@example.org").await.is_empty()).await;
    browser.0.close().await.unwrap();
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn values_that_are_revealed_are_in_the_audit_log() {
    let Some(driver) = Driver::start() else { return };
    let app = app_with_console().await;
    insert_dead(&app).await;
    let browser = driver.browser(true).await;
    browser.follow_link(&app, Role::Supervisor).await;
    browser.open_dead(&app).await;
    browser.until("pre", "‹text").await;
    browser.type_into("form[action$='/reveal'] input[name=reason]", "ticket 13").await;
    browser.click("form[action$='/reveal'] button").await;
    browser.until("pre", "c-1@example.org").await;
    browser.open(&app, "/demo/audit?action=reveal+delivery").await;
    browser.until("main", "ticket 13").await;
    browser.until("main table", "Femke").await;
    browser.0.close().await.unwrap();
    app.stop().await;
}

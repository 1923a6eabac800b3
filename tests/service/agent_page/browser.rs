//! The agent page in a real browser, if chromium and its driver are installed: see `console/browser.rs`.

use serde_json::json;

use super::*;
use crate::console::browser::{Browser, Driver, axe};
use crate::console::odd_content::apply_busy_customer;

async fn stored_keys(browser: &Browser) -> Value {
    let script = "return Object.keys(sessionStorage).concat(Object.keys(localStorage)).concat(document.cookie ? [document.cookie] : [])";
    browser.evaluate(script).await
}

/// What is wrong with the open page, in both themes and on a narrow screen.
async fn faults(browser: &Browser, axe: Option<&String>) -> Vec<String> {
    let mut faults = browser.messages().await;
    for (theme, width) in [("light", 1280), ("dark", 1280), ("light", 360), ("dark", 360)] {
        browser.set_theme(theme).await;
        browser.0.set_window_size(width, 900).await.unwrap();
        let script =
            "return document.documentElement.scrollWidth - document.documentElement.clientWidth";
        let too_wide = browser.evaluate(script).await;
        if too_wide != json!(0) {
            faults.push(format!("{theme} {width}: {too_wide} pixels too wide"));
        }
        if let Some(axe) = axe {
            faults.extend(browser.violations(axe).await);
        }
    }
    faults
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_full_of_events_is_accessible_in_both_languages_and_holds_its_layout() {
    let Some(driver) = Driver::start() else { return };
    let (browser, axe) = (driver.browser(true).await, axe());
    for (locale, words) in [("en", "Events"), ("nl", "Gebeurtenissen")] {
        let settings = settings().with(|file| {
            locale.clone_into(&mut file.brands.values_mut().next().unwrap().locale);
        });
        let app = app_with(settings, Vec::new()).await;
        apply_busy_customer(&app).await;
        browser.0.goto(&link_of(&app, "busy@example.org").await).await.unwrap();
        browser.until("#events", words).await;
        let faults = faults(&browser, axe.as_ref()).await;
        assert!(faults.is_empty(), "{locale}: {}", faults.join("\n"));
        app.stop().await;
    }
    browser.0.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_opens_the_page_and_leaves_nothing_behind() {
    let Some(driver) = Driver::start() else { return };
    let app = app_with(settings(), couple()).await;
    let (browser, axe) = (driver.browser(true).await, axe());
    let link = link_of(&app, EMAIL).await;
    browser.0.goto(&link).await.unwrap();
    browser.until("h1", "Ruben Smit").await;
    let url = browser.0.current_url().await.unwrap();
    assert!(url.path().starts_with("/agent/view/"), "{url}");
    assert_eq!((url.fragment(), url.query()), (None, None));
    assert_eq!(browser.evaluate("return document.referrer.includes('#')").await, json!(false));
    assert_eq!(stored_keys(&browser).await, json!([]), "nothing is in storage");
    let faults = faults(&browser, axe.as_ref()).await;
    assert!(faults.is_empty(), "{}", faults.join("\n"));

    browser.type_into("input[name=ticket]", "4711").await;
    browser.click("form[method=post] button").await;
    browser.until(".notice", "A supervisor will look at this customer").await;
    // The page that took the token is in the history, without it.
    browser.0.goto(&format!("http://{}/agent", app.application.address)).await.unwrap();
    browser.until("#nothing", "opens from a ticket").await;
    assert_eq!(stored_keys(&browser).await, json!([]));
    for _ in 0..5 {
        browser.0.back().await.unwrap();
        let url = browser.0.current_url().await.unwrap();
        assert!(!url.as_str().contains(token_of(&link)), "{url}");
    }
    browser.0.close().await.unwrap();
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_link_says_what_to_do_and_without_javascript_a_sentence_does() {
    let Some(driver) = Driver::start() else { return };
    let app = app_with(settings(), couple()).await;
    let browser = driver.browser(true).await;
    let forged = format!("http://{}/agent#x.y", app.application.address);
    browser.0.goto(&forged).await.unwrap();
    browser.until("main", "Open the ticket again").await;
    if let Some(axe) = &axe() {
        assert_eq!(browser.violations(axe).await, Vec::<String>::new());
    }
    browser.0.close().await.unwrap();
    let without = driver.browser(false).await;
    without.0.goto(&link_of(&app, EMAIL).await).await.unwrap();
    without.until("main", "This page needs JavaScript").await;
    without.0.close().await.unwrap();
    app.stop().await;
}

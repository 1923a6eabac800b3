//! Long, foreign and many values: the layout holds.

use super::*;
use crate::console::customers::{person, update};
use hookpoint::customer::model::event::EventKey;
use hookpoint::customer::model::record::Change;

#[tokio::test(flavor = "multi_thread")]
async fn long_names_and_right_to_left_text_stay_in_the_window() {
    let Some(driver) = Driver::start() else { return };
    let app = app_with_console().await;
    let (long, record) = ("x".repeat(10_000), format!("omneo.profile:{}", "r".repeat(100)));
    let phone = "+31699887766";
    let key = EventKey::new("omneo".parse().unwrap(), "transaction", &"e".repeat(100)).unwrap();
    let event = [
        ("record", record.as_str()),
        ("occurred_at", "2026-11-01T10:00:00Z"),
        ("data.total", &long),
    ];
    app.apply(vec![
        person(&record, (&long, "שלום עולם مرحبا"), "long@example.org", phone),
        person("omniotap.contact:other", ("Anna", &long), "other@example.org", phone),
        Change::Record {
            key: record.parse().unwrap(),
            update: update(&[("attribute.loyalty_tier", &long)]),
        },
        Change::Event { key, update: update(&event) },
    ])
    .await;
    app.wait_until_current().await;
    let admin = Person::enter(&app, Role::Admin).await;
    let path = format!("/demo{}", admin.path_of("long@example.org").await);
    let browser = driver.browser(true).await;
    browser.follow_link(&app, Role::Admin).await;
    let mut faults = Vec::new();
    let mut paths = vec![path.clone(), format!("{path}/timeline"), format!("{path}/erase")];
    paths.extend(["/demo/reviews", "/demo/lookups", "/demo/audit", "/demo/"].map(str::to_owned));
    for path in paths {
        for width in [1280, 360] {
            browser.0.set_window_size(width, 900).await.unwrap();
            browser.open(&app, &path).await;
            let fault = browser.too_wide().await;
            faults.extend(fault.map(|fault| format!("{path} {width}: {fault}")));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    browser.0.close().await.unwrap();
    app.stop().await;
}

//! Stored answers have no link, only its place, and no value of a source can stand for it.

use hookpoint::admin::answers_preview::preview_answer;
use hookpoint::admin::audit::{Attribution, Via};
use hookpoint::admin::customers::export_customer;
use hookpoint::admin::shown_customer::show_customer;
use hookpoint::customer::answer::agent_page::{PLACEHOLDER, SHOWN};
use hookpoint::customer::model::event::EventKey;
use hookpoint::customer::model::source::Source;
use hookpoint::lookup::query::Question;
use hookpoint::lookup::query_customers::{ReadRules, find};
use serde_json::json;

use super::*;

/// All stored answers.
async fn stored(app: &TestApp) -> Vec<String> {
    let rows: Vec<(String,)> = sqlx::query_as("select body from answers order by customer_key")
        .fetch_all(app.pool())
        .await
        .unwrap();
    rows.into_iter().map(|(body,)| body).collect()
}

/// An event of Ruben without a URL, and one with it.
fn events() -> Vec<Change> {
    let event = |id: &str, fields: &[(&str, &str)]| {
        let own = [("record", RUBEN), ("occurred_at", "2026-11-20T10:00:00Z")];
        let fields: Vec<(&str, &str)> = own.iter().chain(fields).copied().collect();
        let key = EventKey::new(Source::Omneo, "interaction", id).unwrap();
        Change::Event { key, update: update(&fields) }
    };
    let url = ("url", "https://source.example/1");
    vec![
        event("without", &[("data.name", "Called")]),
        event("with", &[("data.name", "Wrote"), url]),
    ]
}

#[tokio::test]
async fn a_stored_answer_has_a_place_and_only_the_response_has_the_link() {
    let changes = couple().into_iter().chain(events()).collect();
    let app = app_with(settings(), changes).await;
    let before = stored(&app).await;
    assert_eq!(before.len(), 2);
    for body in &before {
        assert!(body.contains(PLACEHOLDER) && !body.contains("/agent"), "{body}");
    }
    let found = app.by_email(EMAIL).await;
    let link = link_in(&found[0]);
    let urls: Vec<&str> = found[0]["timeline"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["url"].as_str().unwrap())
        .collect();
    assert!(urls.contains(&link.as_str()), "the event without a URL: {urls:?}");
    assert!(urls.contains(&"https://source.example/1"), "{urls:?}");
    let again = app.by_email(EMAIL).await;
    assert_eq!(again, found, "from the cache");
    assert_eq!(stored(&app).await, before);
    for (table, column) in [("lookup_history", "lookup_history"), ("audit_log", "audit_log")] {
        let query = format!("select coalesce(string_agg({column}::text, ' '), '') from {table}");
        let (text,): (String,) =
            sqlx::query_as(sqlx::AssertSqlSafe(query)).fetch_one(app.pool()).await.unwrap();
        assert!(!text.contains(token_of(&link)), "{table}");
    }
    app.stop().await;
}

#[tokio::test]
async fn without_an_agent_page_answers_are_as_ever_and_a_change_of_the_setting_reaches_them() {
    let changes: Vec<Change> = couple().into_iter().chain(events()).collect();
    let without = app_with(plain(), changes.clone()).await;
    let off = app_with(in_mode(AgentPageMode::Off), changes).await;
    let plain_hash = without.brand.rules.hash();
    let (answers, with_off) = (stored(&without).await, stored(&off).await);
    assert_eq!(answers, with_off, "an empty field is left out");
    // The same stored answers, read with an agent page: they are rendered again.
    let on = beside(&without, settings()).await;
    assert_ne!(on.brand.rules.hash(), plain_hash, "it is noticed");
    let link = link_of(&on, EMAIL).await;
    Visitor::enter(&on, &link).await.page("").await;
    hookpoint::ingest::rebuild::rebuild(on.pool(), &on.brand, &mut |_| ()).await.unwrap();
    assert!(stored(&on).await.iter().all(|body| body.contains(PLACEHOLDER)));
    let back = beside(&without, plain()).await;
    let found = back.by_email(EMAIL).await;
    assert!(!found[0].to_string().contains(PLACEHOLDER), "{}", found[0]);
    hookpoint::ingest::rebuild::rebuild(back.pool(), &back.brand, &mut |_| ()).await.unwrap();
    assert_eq!(stored(&back).await, answers);
    for app in [back, on, off, without] {
        app.stop().await;
    }
}

#[tokio::test]
async fn no_value_of_a_source_can_stand_for_the_link() {
    let mut with_tier = settings();
    with_tier = with_tier.with(|file| {
        let brand = file.brands.values_mut().next().unwrap();
        for (name, value) in [
            ("forged", "{{ omneo.tier }}"),
            ("both", "{{ omneo.tier }} {{ agent_page }}"),
            ("names", "{% for name in omneo %}{{ name }} {% endfor %}"),
        ] {
            let mut field = brand.custom_fields[0].clone();
            name.clone_into(&mut field.name);
            value.clone_into(&mut field.value);
            brand.custom_fields.push(field);
        }
    });
    let sign = PLACEHOLDER.to_string();
    let hostile = [
        sign.clone(),
        format!("a{sign}b"),
        "\\u0091".to_owned(),
        "\u{91}\u{91}{{ agent_page }}".to_owned(),
        "&#145;".to_owned(),
        "\u{202e}\u{feff}\u{91}".to_owned(),
        "\"},{\"url\":\"\u{91}".to_owned(),
    ];
    for (n, value) in hostile.iter().enumerate() {
        let app = TestApp::start_with(with_tier.clone()).await;
        let named = format!("attribute.custom_{sign}{n}");
        let record = update(&[
            ("name.first", value),
            ("name.last", "Smit"),
            ("email.main", EMAIL),
            ("attribute.tier", value),
            (&named, "x"),
        ]);
        let key = EventKey::new(Source::Omneo, "interaction", "1").unwrap();
        let event = update(&[
            ("record", RUBEN),
            ("occurred_at", "2026-11-20T10:00:00Z"),
            ("data.name", value),
            ("url", &format!("https://source.example/{value}")),
        ]);
        app.apply(vec![
            Change::Record { key: RUBEN.parse().unwrap(), update: record },
            Change::Event { key, update: event },
        ])
        .await;
        app.wait_until_current().await;
        let [body] = stored(&app).await.try_into().unwrap();
        // The two fields that print the link, and no more.
        assert_eq!(body.matches(PLACEHOLDER).count(), 2, "{value:?}: {body}");
        let found = app.by_email(EMAIL).await;
        let text = found[0].to_string();
        assert_eq!(text.matches("/agent#").count(), 2, "{value:?}: {text}");
        assert!(!text.contains(PLACEHOLDER), "{value:?}: {text}");
        app.stop().await;
    }
}

#[tokio::test]
async fn everything_else_that_shows_an_answer_has_a_text_in_its_place() {
    let changes = couple().into_iter().chain(events()).collect();
    let app = app_with(settings(), changes).await;
    let record = RUBEN.parse().unwrap();
    let check = |what: &str, text: &str| {
        assert!(text.contains(SHOWN), "{what}: {text}");
        assert!(!text.contains(PLACEHOLDER) && !text.contains("/agent"), "{what}: {text}");
    };
    let shown = show_customer(app.pool(), &app.brand, &record, None).await.unwrap().unwrap();
    check("the page of the console", &shown.answer.to_json());
    let by = Attribution { by: "Femke", reason: "", via: Via::Command };
    let records = [record].into();
    let export = export_customer(app.pool(), &app.brand, &records, by, &app.clock).await.unwrap();
    check("the export", &export.to_string());
    let mut connection = app.pool().acquire().await.unwrap();
    let preview = preview_answer(&mut connection, &app.brand, RUBEN).await.unwrap().unwrap();
    check("a preview, before", &preview.before);
    check("a preview, after", &preview.after);
    // A command has brands without links.
    let place = hookpoint::app::open_brands(app.pool(), app.loaded(&settings()).brands);
    let brands = place.await.unwrap();
    let brand = brands.values().next().unwrap();
    let rules = ReadRules::from(&app.loaded(&settings()).file.lookup);
    let question = Question::Id("ruben".to_owned());
    let found = find(app.pool(), brand, &question, rules).await.unwrap();
    check("a command", &found.body);
    assert_eq!(
        serde_json::from_str::<Value>(&found.body).unwrap()[0]["customerID"],
        json!("ruben")
    );
    app.stop().await;
}

#[tokio::test]
async fn with_login_the_link_is_the_page_of_the_console() {
    let settings = in_mode(AgentPageMode::Login).with(|file| {
        "127.0.0.1:0".clone_into(&mut file.console.listen);
        "https://support.brand.example/hookpoint".clone_into(&mut file.console.public_url);
    });
    let app = app_with(settings, couple()).await;
    let link = link_of(&app, EMAIL).await;
    let start = "https://support.brand.example/hookpoint/demo/customers/";
    let id = link.strip_prefix(start).unwrap_or_else(|| panic!("{link}"));
    assert!(!id.contains("ruben") && !link.contains('#'), "{link}");
    assert_eq!(app.send("GET", "/agent", &[]).await.status, 404, "there is no agent page");
    let urls = app.application.console.as_ref().unwrap();
    assert_eq!(urls.base(), "/hookpoint");
    app.stop().await;
}

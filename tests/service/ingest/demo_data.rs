//! The demo's data: every difficulty in it is resolved correctly.

use hookpoint::demo::recorded_deliveries;
use hookpoint::demo::recorded_deliveries::Recorded;
use hookpoint::settings::file::BrandSettings;
use serde_json::Value;

use crate::support::{TestApp, TestSettings, demo_changes};

fn ids(customers: &[Value]) -> Vec<&str> {
    let mut ids: Vec<&str> =
        customers.iter().map(|customer| customer["customerID"].as_str().unwrap()).collect();
    ids.sort_unstable();
    ids
}

fn names(customers: &[Value]) -> Vec<String> {
    let mut names: Vec<String> = customers
        .iter()
        .map(|c| {
            format!(
                "{} {}",
                c["customerFirstname"].as_str().unwrap(),
                c["customerLastname"].as_str().unwrap()
            )
        })
        .collect();
    names.sort();
    names
}

fn messages(customer: &Value) -> Vec<&str> {
    customer["timeline"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["message"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn one_person_in_four_systems_is_one_customer_by_every_key() {
    let app = TestApp::demo().await;
    let by_email = app.by_email("thomas@example.org").await;
    assert_eq!(names(&by_email), ["Thomas Bakker"]);
    assert!(by_email[0]["customFields"].as_array().unwrap().len() >= 3);
    let id = ids(&by_email)[0].to_owned();
    assert_eq!(app.by_phone("+31612312311").await, by_email);
    // The customer's id, every system's own id, a loyalty card and an order number.
    for id in [
        &id,
        "a04a5ac2-0d32-4634-8ade-eba7e064d7a0",
        "be183cab-b138-4577-9221-701267fd18b9",
        "CONTACT-1001",
        "42342345345",
        "NL-2026-00042",
    ] {
        assert_eq!(app.by_id(id).await, by_email, "{id}");
    }
    app.stop().await;
}

#[tokio::test]
async fn a_value_changed_in_a_recorded_delivery_changes_the_answer() {
    let app = TestApp::start().await;
    let mut deliveries = recorded_deliveries::recorded().unwrap();
    let mut changed = 0;
    for (_, recorded) in &mut deliveries {
        let text = recorded.body.to_string();
        if text.contains("\"order_number\":\"NL-2026-00042\"") && text.contains("149.95") {
            recorded.body = serde_json::from_str(&text.replace("149.95", "77.5")).unwrap();
            changed += 1;
        }
    }
    assert!(changed > 0);
    app.apply(recorded_deliveries::changes(&deliveries, &app.brand.rules.sources).unwrap()).await;
    let thomas = &app.by_email("thomas@example.org").await[0];
    assert!(
        messages(thomas)
            .contains(&"Purchase NL-2026-00042 of EUR 77.50 at Amsterdam Negen Straatjes"),
        "{:?}",
        messages(thomas)
    );
    assert!(!messages(thomas).iter().any(|message| message.contains("149.95")));
    app.stop().await;
}

#[tokio::test]
async fn people_who_share_something_stay_apart_and_are_all_found() {
    let app = TestApp::demo().await;
    // A couple with one phone.
    assert_eq!(names(&app.by_phone("+31644556677").await), ["Iris Smit", "Ruben Smit"]);
    assert_eq!(names(&app.by_email("ruben.smit@example.com").await), ["Ruben Smit"]);
    assert_eq!(names(&app.by_email("iris.smit@example.net").await), ["Iris Smit"]);
    // A family with one mailbox.
    assert_eq!(
        names(&app.by_email("familie.devries@example.net").await),
        ["Emma de Vries", "Pieter de Vries"]
    );
    assert_eq!(names(&app.by_phone("+31651525354").await), ["Pieter de Vries"]);
    // A company's switchboard and its info@.
    assert_eq!(app.by_phone("+31201234500").await.len(), 8);
    assert_eq!(
        names(&app.by_email("info@grachtenpand.example.com").await),
        ["Frank Hoekstra", "Gijs Kok", "Tessa Blom"]
    );
    // A number that was reassigned to somebody else.
    assert_eq!(names(&app.by_phone("+31633445566").await), ["Anouk Willems", "Kees Molenaar"]);
    app.stop().await;
}

#[tokio::test]
async fn merges_deletions_and_late_news_end_as_the_sources_have_it() {
    let app = TestApp::demo().await;
    // Merged by the source: the loser's id and purchases belong to the winner.
    let winner = app.by_email("charlotte@example.com").await;
    assert_eq!(ids(&winner), ["6d37b08e-e773-48a9-80e9-9ebd405ae196"]);
    assert_eq!(app.by_id("ada6f79b-e3b8-4a18-b30a-119e5696ef56").await, winner);
    assert!(
        messages(&winner[0]).iter().filter(|message| message.starts_with("Purchase")).count() >= 2
    );
    // Deleted.
    assert!(app.by_email("bram.kuipers@example.com").await.is_empty());
    assert!(app.by_phone("+31619181716").await.is_empty());
    // Deleted and created again, with another address.
    assert_eq!(app.by_email("sofie@mail.example.org").await.len(), 1);
    assert!(app.by_email("sofie.hendriks@example.org").await.is_empty());
    // An older update that arrived later.
    assert_eq!(names(&app.by_email("daan.meijer@example.org").await), ["Daan Meijer"]);
    assert!(app.by_email("d.meijer@example.com").await.is_empty());
    assert_eq!(names(&app.by_email("eva.scholten@example.net").await), ["Eva Scholten-Vos"]);
    app.stop().await;
}

#[tokio::test]
async fn names_of_every_script_come_out_whole() {
    let app = TestApp::demo().await;
    for (email, name) in [
        ("layla.haddad@example.com", "ليلى حداد"),
        ("lukasz.zolc@example.net", "Łukasz Żółć"),
        ("g.papadopoulos@example.org", "Γιώργος Παπαδόπουλος"),
        ("isil.yildirim@example.com", "Işıl Yıldırım"),
        ("siobhan.obrien@example.com", "Siobhán O’Brien"),
        ("bobby@example.net", "<b>\"Bobby\"</b> Back\\slash'); --"),
        ("juergen@bücher.example", "Jürgen Groß"),
    ] {
        assert_eq!(names(&app.by_email(email).await), [name], "{email}");
    }
    assert!(names(&app.by_email("zoe@example.org").await)[0].contains("🌻"));
    // A record with a phone number only, without a name.
    let nameless = app.by_phone("+31629293030").await;
    assert_eq!((nameless.len(), names(&nameless)[0].as_str()), (1, " "));
    app.stop().await;
}

#[tokio::test]
async fn somebody_with_very_many_events_gets_the_newest_fifty() {
    let app = TestApp::demo().await;
    let noor = app.by_email("noor@example.org").await;
    assert_eq!(names(&noor), ["Noor el Amrani"]);
    assert_eq!(noor[0]["timeline"].as_array().unwrap().len(), 50);
    app.stop().await;
}

#[tokio::test]
async fn all_recorded_webhooks_make_these_many_customers() {
    let app = TestApp::demo().await;
    let counts =
        hookpoint::storage::brands::count_brand(app.pool(), app.brand.id(), app.clock.now())
            .await
            .unwrap();
    assert_eq!(counts.customers, 44, "45 people, one of them deleted");
    app.stop().await;
}

#[tokio::test]
async fn naughty_strings_keep_the_documented_shape() {
    let app = TestApp::start().await;
    let naughty = [
        "\u{0}",
        "\u{202e}evil",
        "\"],[",
        "\\u0000",
        "</script>",
        "🏳️‍🌈",
        "ﷺ",
        "\u{feff}",
        "''; drop table customers; --",
        "{{ 7*7 }}",
        "\u{7f}\u{85}",
    ];
    let mut deliveries = Vec::new();
    for (n, text) in naughty.iter().enumerate() {
        let body = serde_json::json!({
            "event_id": "e", "tenant_id": "d290f1ee-6c54-4b01-90e6-d701748f0851", "entity_type": "contact", "action": "created",
            "occurred_at": "2026-01-01T00:00:00Z",
            "data": {"id": format!("n{n}"), "firstName": format!("A{text}"), "lastName": text, "email": format!("naughty{n}@example.org"), "phone": text},
        });
        let recorded =
            serde_json::json!({"headers": {}, "received_at": "2026-01-01T00:00:00Z", "body": body});
        deliveries.push((
            hookpoint::customer::model::source::Source::OmnioTap,
            Recorded::parse(&recorded.to_string()).unwrap(),
        ));
    }
    app.apply(recorded_deliveries::changes(&deliveries, &app.brand.rules.sources).unwrap()).await;
    for n in 0..naughty.len() {
        let customers = app.by_email(&format!("naughty{n}@example.org")).await;
        assert_eq!(customers.len(), 1, "{n}");
        let first = customers[0]["customerFirstname"].as_str().unwrap();
        assert!(
            first.starts_with('A') && !first.chars().any(|c| c.is_control() || c == '\u{202e}'),
            "{first:?}"
        );
    }
    app.stop().await;
}

#[tokio::test]
async fn the_same_people_in_two_brands_never_meet() {
    let second = BrandSettings { time_zone: "UTC".to_owned(), ..BrandSettings::default() };
    let app = TestApp::start_with(TestSettings::demo().and_brand("other", second)).await;
    let other =
        app.application.brands().values().find(|brand| brand.rules.slug == "other").unwrap();
    app.key(other, "other-key", None).await;
    app.apply(demo_changes(&app.brand)).await;
    let query = "channelAddressType=email&address=thomas%40example.org";
    // Found by one brand, unknown to the other.
    let response =
        app.until(&format!("key=other-key&{query}"), |response| response.status == 200).await;
    assert_eq!(response.body, "[]");
    for id in ["679964aa-c748-484d-89d9-5c968ab3f6c0", "NL-2026-00042", "CONTACT-1001"] {
        assert_eq!(app.ask(&format!("key=other-key&primaryID={id}")).await.body, "[]");
    }
    let mine = app.ask(&format!("key={}&{query}", crate::support::KEY)).await;
    // The other brand gets a namesake with the same addresses and ids. Each brand still sees only its own.
    let mut deliveries = recorded_deliveries::recorded().unwrap();
    for (_, recorded) in &mut deliveries {
        recorded.body =
            serde_json::from_str(&recorded.body.to_string().replace("Bakker", "Elders")).unwrap();
    }
    let changes = recorded_deliveries::changes(&deliveries, &other.rules.sources).unwrap();
    hookpoint::ingest::apply::apply(app.pool(), other, changes).await.unwrap();
    let theirs =
        app.until(&format!("key=other-key&{query}"), |response| response.body != "[]").await;
    assert!(theirs.body.contains("Elders") && !theirs.body.contains("\"Bakker\""));
    assert_eq!(app.ask(&format!("key={}&{query}", crate::support::KEY)).await.body, mine.body);
    app.stop().await;
}

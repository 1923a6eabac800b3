//! What the page shows, in which language, and that every value is text.

use hookpoint::customer::model::event::EventKey;
use hookpoint::customer::model::source::Source;

use super::*;
use crate::console::odd_content::{apply_busy_customer, assert_bounded_and_as_text};

fn event(what: &str, id: &str, day: u32, data: &[(&str, &str)]) -> Change {
    let at = format!("2026-{:02}-{:02}T10:00:00Z", day / 28 + 1, day % 28 + 1);
    let own = [("record", RUBEN), ("occurred_at", at.as_str())];
    let fields: Vec<(&str, &str)> = own.iter().chain(data).copied().collect();
    let key = EventKey::new(Source::Omneo, what, id).unwrap();
    Change::Event { key, update: update(&fields) }
}

#[tokio::test]
async fn every_value_has_its_source_and_time_and_the_page_speaks_the_language_of_the_brand() {
    for (locale, words) in [
        ("en", ["E-mail address", "2 records belong", "e-mail address", "2026-11-20 11:00"]),
        ("nl", ["Gebeurtenissen", "2 records horen", "e-mailadres", "2026-11-20 11:00"]),
    ] {
        let settings = settings().with(|file| {
            let brand = file.brands.values_mut().next().unwrap();
            locale.clone_into(&mut brand.locale);
            "Europe/Amsterdam".clone_into(&mut brand.time_zone);
        });
        let mut tier = update(&[("attribute.tier", "gold")]);
        tier.at = "2026-11-20T12:30:00Z".parse().unwrap();
        tier.received_at = tier.at;
        let app = app_with(
            settings,
            vec![
                person(RUBEN, ("Ruben", "Smit"), EMAIL, ""),
                person("omniotap.contact:r2", ("Ruben", "Smit"), EMAIL, LINE),
                Change::Record { key: RUBEN.parse().unwrap(), update: tier },
                event("interaction", "1", 300, &[("data.name", "Called")]),
            ],
        )
        .await;
        let visitor = Visitor::enter(&app, &link_of(&app, EMAIL).await).await;
        let page = visitor.page("").await;
        assert!(page.contains(&format!("<html lang=\"{locale}\">")), "{page}");
        for word in words {
            assert!(page.contains(word), "{locale}: {word}: {page}");
        }
        for shown in ["gold", "tier", "omneo", "omniotap", LINE, "Called", "2026-11-20 13:30"] {
            assert!(page.contains(shown), "{locale}: {shown}: {page}");
        }
        assert!(!page.contains("(agent page)"), "a link to itself helps nobody");
        app.stop().await;
    }
}

#[tokio::test]
async fn all_events_are_there_page_by_page_and_filters_and_hidden_types_count() {
    let settings = settings().with(|file| {
        let brand = file.brands.values_mut().next().unwrap();
        brand.timeline.limit = 5;
        brand.timeline.hide.push("omneo.point".to_owned());
    });
    let mut changes = vec![person(RUBEN, ("Ruben", "Smit"), EMAIL, "")];
    for n in 0..230_u32 {
        let name = format!("event-{n}.");
        changes.push(event("interaction", &format!("e-{n}"), n, &[("data.name", &name)]));
    }
    changes.push(event("rating", "r", 10, &[("data.value", "5")]));
    changes.push(event("point", "p", 11, &[("data.value", "77777")]));
    let app = app_with(settings, changes).await;
    let visitor = Visitor::enter(&app, &link_of(&app, EMAIL).await).await;
    let mut seen = String::new();
    let (mut query, mut pages) = (String::new(), 0);
    loop {
        let page = visitor.page(&query).await;
        pages += 1;
        let next = page.split("rel=\"next\"").next().filter(|_| page.contains("rel=\"next\""));
        let next = next.and_then(|before| before.rsplit("href=\"").next());
        let next = next.map(|link| link.split(['"', '#']).next().unwrap().to_owned());
        seen.push_str(&page);
        let Some(next) = next else { break };
        assert!(!next.contains("interaction") && !next.contains("Ruben"), "{next}");
        query = next.strip_prefix(visitor.path.as_str()).unwrap().to_owned();
    }
    assert_eq!(pages, 3);
    for n in 0..230 {
        assert_eq!(seen.matches(&format!("event-{n}.")).count(), 1, "{n}");
    }
    assert!(!seen.contains("77777") && !seen.contains("omneo.point"), "hidden from agents");
    let ratings = visitor.page("?source=omneo&kind=omneo.rating").await;
    assert!(ratings.contains("omneo.rating</td>") && !ratings.contains("event-1."), "{ratings}");
    let none = visitor.page("?source=omniotap&kind=").await;
    assert!(none.contains("No events."), "{none}");
    let hidden = visitor.page("?kind=omneo.point").await;
    assert!(!hidden.contains("77777"), "{hidden}");
    for wrong in ["?after=x", "?after=AAAA"] {
        assert_eq!(visitor.open(wrong).await.status, 410, "{wrong}");
    }
    app.stop().await;
}

#[tokio::test]
async fn a_customer_with_ten_thousand_events_and_a_very_long_name_has_a_page_of_a_bounded_size() {
    let app = app_with(settings(), Vec::new()).await;
    apply_busy_customer(&app).await;
    let visitor = Visitor::enter(&app, &link_of(&app, "busy@example.org").await).await;
    let page = visitor.open("").await.body;
    assert!(page.contains("rel=\"next\""), "{page:.5000}");
    assert_bounded_and_as_text(&page);
    app.stop().await;
}

#[tokio::test]
async fn naughty_values_are_shown_as_text() {
    let long = "ü".repeat(900);
    for naughty in [
        "<script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>",
        "{{ 7 * 7 }} {% raw %}",
        "javascript:alert(1)",
        "\u{202e}مرحبا‏",
        long.as_str(),
    ] {
        let app = app_with(
            settings(),
            vec![
                person(RUBEN, (naughty, "Smit"), EMAIL, ""),
                Change::Record {
                    key: RUBEN.parse().unwrap(),
                    update: update(&[("attribute.tier", naughty)]),
                },
                event("interaction", "1", 3, &[("data.name", naughty), ("url", naughty)]),
            ],
        )
        .await;
        let visitor = Visitor::enter(&app, &link_of(&app, EMAIL).await).await;
        let raw = visitor.open("").await.body;
        for active in ["<script>", "<img", "href=\"javascript"] {
            assert!(!raw.contains(active), "{naughty}: {active}");
        }
        let shown = html_escape::decode_html_entities(&raw).into_owned();
        let visible: String = naughty.chars().filter(|c| *c != '\u{202e}').collect();
        assert!(shown.contains(visible.trim()), "{naughty}: {shown}");
        app.stop().await;
    }
}

#[tokio::test]
async fn a_refusal_speaks_the_language_of_the_browser() {
    let app = app_with(settings(), couple()).await;
    for (accepted, text) in [
        ("nl-NL,nl;q=0.9,en;q=0.8", "Open het ticket opnieuw"),
        ("NL", "Open het ticket opnieuw"),
        ("de,nl", "Open the ticket again"),
        ("", "Open the ticket again"),
        ("é", "Open the ticket again"),
    ] {
        let headers = [OWN[0], OWN[1], ("Accept-Language", accepted)];
        let response = post(app.application.address, "/agent", &headers, b"token=x").await;
        assert_eq!(response.status, 410);
        assert!(response.body.contains(text), "{accepted}: {}", response.body);
    }
    app.stop().await;
}

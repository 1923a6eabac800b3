//! What is asked in forms has an address that nobody can read, and every refusal has a way back.

use super::customers::person;
use super::*;

const LINE: &str = "+31644556677";

/// Three people with one phone.
async fn three() -> TestApp {
    let app = empty_app_with_console().await;
    app.apply(vec![
        person("omneo.profile:ruben", ("Ruben", "Smit"), "ruben@example.org", LINE),
        person("omniotap.contact:sanne", ("Sanne", "Jansen"), "sanne@example.org", LINE),
        person("omniotap.contact:tom", ("Tom", "de Vries"), "tom@example.org", LINE),
    ])
    .await;
    app.wait_until_current().await;
    app
}

#[tokio::test]
async fn a_search_has_an_address_that_names_nobody_and_works_again() {
    let app = three().await;
    let femke = Person::enter(&app, Role::Supervisor).await;
    let path = femke.path_of("ruben@example.org").await;
    let searches: [(&str, &[(&str, &str)], &str); 3] = [
        ("/customers", &[("text", "ruben@example.org")], "Ruben Smit"),
        ("/lookups", &[("by", "address"), ("text", "ruben@example.org")], "No lookup was found"),
        (&format!("{path}/preview"), &[("act", "join"), ("with", "sanne@example.org")], "Jansen"),
    ];
    let viewer = Person::enter(&app, Role::Viewer).await;
    let admin = Person::enter(&app, Role::Admin).await;
    for (form, fields, shown) in searches {
        let address = femke.address_of(form, fields).await;
        assert!(address.starts_with(&format!("/demo{form}?asked=")), "{address}");
        for readable in ["ruben", "example", "%40", "address", "join"] {
            assert!(!address[form.len() + 12..].contains(readable), "{address}");
        }
        for _ in 0..2 {
            assert!(femke.get(&address).await.shown().has(shown), "{address}");
        }
        // Another page, a changed address, and another person.
        let (_, sealed) = address.split_once("asked=").unwrap();
        for (page, sealed) in [("/customers", "x"), ("/lookups", "x"), ("/audit", sealed)] {
            let page = femke.get(&format!("{page}?asked={sealed}")).await.shown();
            assert!(!page.has("value=\"ruben@example.org\""), "{}", page.text());
        }
        let other = if form == "/customers" { "/lookups" } else { "/customers" };
        let page = femke.get(&format!("{other}?asked={sealed}")).await.shown();
        assert!(!page.has("value=\"ruben@example.org\""), "made for another page");
        if form.ends_with("/preview") {
            assert_eq!(viewer.open(&address).await.status, 403);
        } else {
            // Not even who sees everything: it is the address of one session.
            for other in [&viewer, &admin] {
                let page = other.get(&address).await.shown();
                assert!(!page.has("Smit") && !page.has("ruben@example.org"), "{}", page.text());
            }
        }
    }
    let log = femke.get("/audit?action=search+customers").await.shown();
    assert!(log.has("<td>search customers</td>"), "{}", log.text());
    let long = "x".repeat(10_000);
    let page = femke.post("/customers", &[("text", &long)]).await;
    assert_eq!(page.status, 422);
    assert!(page.has("too long to search for") && page.has("role=\"search\""));
    app.stop().await;
}

#[tokio::test]
async fn of_several_matches_a_person_chooses_whom_to_join() {
    let app = three().await;
    let femke = Person::enter(&app, Role::Supervisor).await;
    let path = femke.path_of("ruben@example.org").await;
    let preview = format!("{path}/preview");
    let several = femke.post(&preview, &[("act", "join"), ("with", LINE)]).await.shown();
    assert!(several.has("Several customers match"), "{}", several.text());
    assert!(several.has("Sanne Jansen") && several.has("Tom de Vries"), "{}", several.text());
    let chosen: Vec<String> = several
        .hidden()
        .into_iter()
        .filter(|(name, _)| name == "with")
        .map(|(_, key)| key)
        .collect();
    assert_eq!(chosen, ["omniotap.contact:sanne", "omniotap.contact:tom"]);
    let one = femke.post(&preview, &[("act", "join"), ("with", &chosen[1])]).await.shown();
    assert!(one.has("Are these customers the same person?"), "{}", one.text());
    for (with, message) in [
        ("ruben@example.org", "This is the same customer"),
        ("nobody@example.org", "No customer matches."),
    ] {
        let again = femke.post(&preview, &[("act", "join"), ("with", with)]).await;
        assert_eq!(again.status, 422, "{with}");
        assert!(again.has(message) && again.has("<h1>Ruben Smit</h1>"), "{}", again.text());
        assert!(again.has(&format!("name=\"with\" value=\"{with}\"")), "{}", again.text());
    }
    let nothing = femke.post(&preview, &[("act", "separate")]).await;
    assert!(nothing.has("Select the records") && nothing.has("<h1>Ruben Smit</h1>"));
    app.stop().await;
}

#[tokio::test]
async fn every_refusal_has_a_way_back() {
    let app = three().await;
    let femke = Person::enter(&app, Role::Supervisor).await;
    let main = ["/demo/", "/demo/customers", "/demo/reviews", "/demo/decisions", "/demo/inbox"];
    let id = "00000000-0000-4000-8000-000000000000";
    for (path, back) in [
        (format!("/decisions/{id}"), "/demo/decisions\">Back to all decisions"),
        (format!("/inbox/jobs/{id}"), "/demo/inbox\">Back to the inbox"),
        ("/customers/x".to_owned(), "/demo/customers\">Back to the search for customers"),
        ("/nothing/at/all".to_owned(), "Or go to"),
        ("/keys".to_owned(), "Or go to"),
    ] {
        let page = femke.get(&path).await;
        assert!([403, 404].contains(&page.status), "{path}: {}", page.status);
        let (_, content) = page.html.split_once("<main").unwrap();
        let content = Page { status: 0, location: String::new(), html: content.to_owned() };
        assert!(content.has(back), "{path}: {}", content.text());
        for link in main {
            assert!(content.has(&format!("href=\"{link}\"")), "{path}: {}", content.text());
        }
    }
    let path = femke.path_of("ruben@example.org").await;
    let stale = [("act", "join"), ("with", "omniotap.contact:tom"), ("state", "x")];
    let changed = femke.post(&format!("{path}/decide"), &stale).await;
    assert_eq!(changed.status, 409);
    assert!(changed.has(&format!("href=\"/demo{path}\">Back to the customer")));
    // Strangers get the way in, and nothing else.
    let stranger = Page::from(open(&app, "/demo/nothing/at/all", "").await);
    assert!(stranger.status == 404 && !stranger.has("demo"), "{}", stranger.text());
    app.stop().await;
}

#[tokio::test]
async fn a_person_is_found_by_the_given_name_or_any_half_of_the_family_name() {
    let app = three().await;
    let (double, address) = (("Noor", "Jong-Bakker"), "noor@example.org");
    let (long, other) = (("Lars", "van den Berg"), "lars@example.org");
    app.apply(vec![
        person("omniotap.contact:noor", double, address, "+31644556678"),
        person("omniotap.contact:lars", long, other, "+31644556679"),
        person(
            "omniotap.contact:eva",
            ("Eva", "de Vries-Robbé"),
            "eva@example.org",
            "+31644556680",
        ),
    ])
    .await;
    let femke = Person::enter(&app, Role::Supervisor).await;
    for (shown, texts) in [
        ("Tom de Vries", &["Vries", "devries", "de Vries", "vri", "Tom", "to", "Tom Vries"][..]),
        (
            "Noor Jong-Bakker",
            &["Jong", "Bakker", "Jong-Bakker", "noor bakker", "noor jong", "Jong Noor"],
        ),
        ("Lars van den Berg", &["Berg", "vandenberg", "van den berg", "den Berg", "lars berg"]),
        (
            "Eva de Vries-Robbé",
            &[
                "Vries",
                "de vries robbe",
                "Robbé",
                "eva robbe",
                "Eva Vries",
                "eva de vries",
                "vries eva",
            ],
        ),
    ] {
        for text in texts {
            assert!(femke.search(text).await.contains(shown), "{text}");
        }
    }
    for nobody in ["Tim", "Bakkers", "Noor Berg"] {
        assert!(femke.search(nobody).await.contains("Nobody matches"), "{nobody}");
    }
    app.stop().await;
}

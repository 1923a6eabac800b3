//! OmnioTap, as its page describes it: a key, lists, and sixty requests a minute.

use hookpoint::customer::model::source::Source::OmnioTap;
use hookpoint::demo::simulators::{Envelope, ObjectKind};
use jiff::SignedDuration;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{SimulatorFixture, each, encode, json_of, now};

fn contact(n: usize) -> Value {
    json!({
        "id": format!("contact-{n:06}"), "firstName": format!("First{n}"), "lastName": "Bakker", "email": format!("c{n}@example.org"),
        "phone": format!("06-{n:08}"), "createdAt": "2026-01-01T00:00:00.000Z", "updatedAt": "2026-01-01T00:00:00.000Z"
    })
}

fn with_contacts(count: usize) -> SimulatorFixture {
    let fixture = SimulatorFixture::open();
    (0..count).for_each(|n| fixture.data.put(ObjectKind::Contact, contact(n)));
    fixture
}

#[tokio::test]
async fn who_has_no_key_is_refused_and_not_counted() {
    let fixture = with_contacts(1);
    for key in [None, Some("wrong"), Some("")] {
        let request = fixture.bare(OmnioTap, Method::GET, "/contacts");
        let request = if let Some(key) = key { request.header("x-api-key", key) } else { request };
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 401);
        assert!(!answer.text().await.unwrap().contains("example.org"));
    }
    let answer = fixture.get(OmnioTap, "/contacts").await;
    assert_eq!(answer.headers()["x-ratelimit-remaining"], "59");
    fixture.close().await;
}

#[tokio::test]
async fn lists_have_pages_and_the_last_one_may_be_empty() {
    let fixture = with_contacts(120);
    for (query, first, count) in [
        ("", Some("contact-000000"), 50),
        ("?page=2", Some("contact-000050"), 50),
        ("?page=3&limit=50", Some("contact-000100"), 20),
        ("?page=4&limit=50", None, 0),
        ("?page=2&limit=60", Some("contact-000060"), 60),
        ("?page=3&limit=60", None, 0),
        ("?page=x&limit=y", Some("contact-000000"), 50),
    ] {
        let page = fixture.read(OmnioTap, &format!("/contacts{query}")).await;
        let ids = each(&page["data"], "id");
        assert_eq!((ids.first().copied(), ids.len()), (first, count), "{query}");
        assert_eq!(page["pagination"]["total"], 120);
    }
    assert_eq!(
        fixture.read(OmnioTap, "/contacts?limit=50").await["pagination"],
        json!({"page": 1, "limit": 50, "total": 120, "totalPages": 3})
    );
    assert_eq!(fixture.read(OmnioTap, "/leads").await["data"], json!([]));
    fixture.simulators.change_options(|options| options.max_page = 7);
    assert_eq!(
        fixture.read(OmnioTap, "/contacts?limit=50").await["data"].as_array().unwrap().len(),
        7,
        "the system limits the page size"
    );
    fixture.close().await;
}

#[tokio::test]
async fn a_hundred_thousand_contacts_are_paged_as_quickly_as_a_few() {
    let fixture = with_contacts(100_000);
    fixture.simulators.change_options(|options| options.calls = u32::MAX);
    let mut ids = 0;
    for page in (1..=1_000).step_by(50) {
        ids += fixture.read(OmnioTap, &format!("/contacts?page={page}&limit=100")).await["data"]
            .as_array()
            .unwrap()
            .len();
    }
    assert_eq!(ids, 2_000);
    fixture.close().await;
}

#[tokio::test]
async fn search_finds_parts_in_any_case() {
    let fixture = with_contacts(30);
    fixture
        .data
        .put(ObjectKind::Contact, json!({"id": "x", "firstName": "Renée", "lastName": "O'Neil", "company": "Gracht BV", "email": "R@Example.net"}));
    for (search, found) in [
        ("renée", 1),
        ("r@example.NET", 1),
        ("gracht", 1),
        ("FIRST29", 1),
        ("bakker", 30),
        ("06-00000007", 1),
        ("nobody", 0),
        ("c1@example.org", 1),
    ] {
        let page = fixture.read(OmnioTap, &format!("/contacts?search={}", encode(search))).await;
        assert_eq!(page["pagination"]["total"], found, "{search}");
    }
    fixture.close().await;
}

#[tokio::test]
async fn lists_are_filtered_by_what_the_page_names() {
    let fixture = SimulatorFixture::open();
    for (n, (status, priority, source)) in
        [("new", "high", "website"), ("new", "low", "email"), ("lost", "high", "website")]
            .into_iter()
            .enumerate()
    {
        let lead = json!({"id": format!("lead-{n}"), "title": "A lead", "status": status, "priority": priority, "leadSource": source});
        fixture.data.put(ObjectKind::Lead, lead);
        fixture.data.put(
            ObjectKind::Opportunity,
            json!({"id": format!("opportunity-{n}"), "stage": status}),
        );
    }
    let ids =
        async |query: &str| each(&fixture.read(OmnioTap, query).await["data"], "id").join(" ");
    assert_eq!(ids("/leads?status=new&priority=high").await, "lead-0");
    assert_eq!(ids("/leads?source=website").await, "lead-0 lead-2");
    assert_eq!(ids("/opportunities?stage=lost").await, "opportunity-2");
    assert_eq!(
        ids("/leads?color=red").await,
        "lead-0 lead-1 lead-2",
        "undocumented parameters are ignored"
    );
    assert_eq!(
        fixture.get(OmnioTap, "/contacts/contact-000001").await.status(),
        404,
        "nothing is found by its id"
    );
    assert_eq!(fixture.get(OmnioTap, "/invoices").await.status(), 404);
    fixture.close().await;
}

#[tokio::test]
async fn lists_come_in_every_envelope_that_is_wanted() {
    let fixture = with_contacts(2);
    fixture.simulators.change_options(|options| options.envelope = Envelope::Bare);
    assert_eq!(each(&fixture.read(OmnioTap, "/contacts").await, "id").len(), 2);
    fixture.simulators.change_options(|options| options.envelope = Envelope::Named);
    let named = fixture.read(OmnioTap, "/contacts").await;
    assert_eq!((each(&named["contacts"], "id").len(), &named["total"]), (2, &json!(2)));
    fixture.simulators.change_options(|options| options.envelope = Envelope::Items);
    assert_eq!(each(&fixture.read(OmnioTap, "/contacts").await["items"], "id").len(), 2);
    fixture.close().await;
}

#[tokio::test]
async fn sixty_requests_are_answered_in_a_window_and_the_next_window_is_new() {
    let fixture = with_contacts(1);
    for left in (0..60).rev() {
        let answer = fixture.get(OmnioTap, "/contacts").await;
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["x-ratelimit-limit"], "60");
        assert_eq!(answer.headers()["x-ratelimit-remaining"], left.to_string());
        assert_eq!(answer.headers()["x-ratelimit-reset"], (now().as_second() + 60).to_string());
    }
    let answer = fixture.get(OmnioTap, "/tickets").await;
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["x-ratelimit-remaining"]),
        (429, &"0".parse().unwrap())
    );
    fixture.clock.set(now() + SignedDuration::from_secs(59));
    assert_eq!(fixture.get(OmnioTap, "/contacts").await.status(), 429);
    fixture.clock.set(now() + SignedDuration::from_secs(60));
    assert_eq!(fixture.get(OmnioTap, "/contacts").await.status(), 200);
    let requests = fixture.simulators.logged_requests(OmnioTap);
    assert_eq!(requests.len(), 63);
    assert!(
        requests
            .iter()
            .all(|request| request.has_credential && request.path.starts_with("/api/v1/"))
    );
    assert_eq!(requests.iter().filter(|request| request.status == 429).count(), 2);
    fixture.close().await;
}

#[tokio::test]
async fn what_is_created_is_listed() {
    let fixture = SimulatorFixture::open();
    let request = fixture.request(OmnioTap, Method::POST, "/contacts").await;
    let answer = request
        .body(json!({"firstName": "Jane", "email": "jane@example.com"}).to_string())
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 201);
    let made = json_of(answer).await["data"].clone();
    assert_eq!(fixture.read(OmnioTap, "/contacts").await["data"], json!([made]));
    assert_eq!(made["createdAt"], "2026-11-21T12:00:00.000Z");
    fixture.close().await;
}

//! Omneo, as its reference describes it: profiles and their objects, lists with links, merges.

use hookpoint::customer::model::source::Source::Omneo;
use hookpoint::demo::simulators::ObjectKind;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{SimulatorFixture, each, encode, json_of};

fn profile(id: &str, email: &str, phone: &str) -> Value {
    json!({
        "id": id, "first_name": "Thomas", "last_name": "Bakker", "email": email, "mobile_phone": phone.replace("+31", "0"), "mobile_phone_e164": phone,
        "tier": {"handle": "gold", "name": "Gold"}, "tier_handle": "gold", "point_balance": 842, "reward_balance": 5,
        "aggregations": {"spend_all": 10.5, "shop_count": 2}, "attributes": {"comms": {"email_optout": false}},
        "custom_attributes": [{"namespace": "profile", "handle": "favorite_color", "type": "string", "value": "orange"}],
        "created_at": "2026-01-01 00:00:00", "updated_at": "2026-02-01 00:00:00"
    })
}

fn transaction(id: u32, profile: &str) -> Value {
    json!({"id": id, "profile_id": profile, "total": 12.5, "updated_at": format!("2026-03-{:02} 10:00:00", id % 28 + 1)})
}

fn fixture() -> SimulatorFixture {
    let fixture = SimulatorFixture::open();
    fixture.data.put(ObjectKind::Profile, profile("p1", "thomas@example.org", "+31612312311"));
    fixture.data.put(ObjectKind::Profile, profile("p2", "anna@example.org", "+31611111111"));
    fixture.data.put(ObjectKind::Identity, json!({"id": 1, "profile_id": "p1", "handle": "loyalty_card", "identifier": "4711", "merged_from": null}));
    (1..=40).for_each(|id| {
        fixture
            .data
            .put(ObjectKind::Transaction, transaction(id, if id % 4 == 0 { "p2" } else { "p1" }));
    });
    fixture
}

#[tokio::test]
async fn who_has_no_token_is_refused() {
    let fixture = fixture();
    for token in [None, Some("wrong")] {
        let request = fixture.bare(Omneo, Method::GET, "/profiles/p1");
        let answer = if let Some(token) = token { request.bearer_auth(token) } else { request }
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 401);
        assert!(!answer.text().await.unwrap().contains("thomas"));
    }
    assert_eq!(
        fixture
            .simulators
            .logged_requests(Omneo)
            .iter()
            .map(|request| request.has_credential)
            .collect::<Vec<_>>(),
        [false, true]
    );
    fixture.close().await;
}

#[tokio::test]
async fn a_profile_and_each_of_its_parts_is_found_by_its_id() {
    let fixture = fixture();
    let whole = fixture.read(Omneo, "/profiles/p1").await;
    assert_eq!(
        (&whole["data"]["email"], &whole["data"]["identities"][0]["identifier"]),
        (&json!("thomas@example.org"), &json!("4711"))
    );
    for (part, pointer, value) in [
        ("identities", "/data/0/handle", json!("loyalty_card")),
        ("attributes/custom", "/data/0/value", json!("orange")),
        ("attributes/comms", "/data/email_optout", json!(false)),
        ("tiers", "/data/0/handle", json!("gold")),
        ("balances", "/data/point_balance", json!(842)),
        ("aggregations", "/data/shop_count", json!(2)),
        ("transactions", "/meta/total", json!(30)),
        ("rewards", "/data", json!([])),
        ("benefits", "/data", json!([])),
        ("interactions", "/data", json!([])),
    ] {
        assert_eq!(
            fixture.read(Omneo, &format!("/profiles/p1/{part}")).await.pointer(pointer),
            Some(&value),
            "{part}"
        );
    }
    for gone in [
        "/profiles/nobody",
        "/profiles/nobody/identities",
        "/profiles/p1/nothing",
        "/nothing",
        "/profiles/p1/attributes",
    ] {
        assert_eq!(fixture.get(Omneo, gone).await.status(), 404, "{gone}");
    }
    fixture.close().await;
}

#[tokio::test]
async fn links_lead_from_the_first_page_to_the_last() {
    let fixture = fixture();
    let mut next = Some(format!(
        "{}/transactions?page[size]=15&filter[updated_at][gte]=2026-03-01%2000:00:00",
        fixture.simulators.base_url(Omneo)
    ));
    let (mut ids, mut pages) = (Vec::new(), 0);
    while let Some(url) = next {
        let answer = json_of(
            fixture
                .client
                .get(url)
                .bearer_auth(fixture.secrets.of_api(Omneo))
                .send()
                .await
                .unwrap(),
        )
        .await;
        ids.extend(
            answer["data"].as_array().unwrap().iter().map(|one| one["id"].as_u64().unwrap()),
        );
        pages += 1;
        assert_eq!(answer["meta"]["current_page"], pages);
        assert_eq!(
            (&answer["meta"]["total"], &answer["meta"]["last_page"]),
            (&json!(40), &json!(3))
        );
        assert_eq!(answer["links"]["prev"].is_null(), pages == 1);
        next = answer["links"]["next"].as_str().map(str::to_owned);
    }
    assert_eq!((ids, pages), ((1..=40).collect(), 3));
    let beyond = fixture.read(Omneo, "/transactions?page[size]=15&page[number]=9").await;
    assert_eq!(
        (&beyond["data"], &beyond["meta"]["from"], &beyond["links"]["next"]),
        (&json!([]), &Value::Null, &Value::Null)
    );
    assert_eq!(
        fixture.read(Omneo, "/transactions").await["data"].as_array().unwrap().len(),
        15,
        "the default"
    );
    fixture.close().await;
}

#[tokio::test]
async fn profiles_are_found_by_address_identity_and_time() {
    let fixture = fixture();
    let found = async |query: &str| each(&fixture.read(Omneo, query).await["data"], "id").join(" ");
    assert_eq!(found("/profiles?filter[email]=THOMAS%40example.org").await, "p1");
    assert_eq!(
        found(&format!("/profiles?filter[mobile_phone]={}", encode("+31611111111"))).await,
        "p2"
    );
    assert_eq!(
        found("/profiles?filter[mobile_phone]=+31611111111").await,
        "",
        "a plus that nobody encoded is a space"
    );
    assert_eq!(found("/profiles?filter[email]=nobody%40example.org").await, "");
    assert_eq!(found("/identities/search-profile/4711").await, "p1");
    assert_eq!(found("/identities/search-profile/4712").await, "");
    fixture.data.put(
        ObjectKind::Profile,
        json!({"id": "p3", "email": "new@example.org", "updated_at": "2026-06-01 00:00:00"}),
    );
    assert_eq!(found("/profiles?filter[updated_at][gte]=2026-06-01%2000:00:00").await, "p3");
    assert_eq!(found("/profiles?filter[updated_at][lt]=2026-06-01T00:00:00Z").await, "p1 p2");
    assert_eq!(fixture.get(Omneo, "/profiles?filter[shoe_size]=46").await.status(), 400);
    fixture.close().await;
}

#[tokio::test]
async fn a_merge_deletes_the_loser_and_moves_what_it_has() {
    let fixture = fixture();
    let merge = async |source: &str, destination: &str| {
        let body =
            json!({"source_profile_id": source, "destination_profile_id": destination}).to_string();
        fixture
            .request(Omneo, Method::POST, "/profiles/merge")
            .await
            .body(body)
            .send()
            .await
            .unwrap()
    };
    assert_eq!(merge("nobody", "p2").await.status(), 404);
    assert_eq!(merge("p2", "p2").await.status(), 404);
    let answer = merge("p1", "p2").await;
    assert_eq!(answer.status(), 200);
    assert_eq!(json_of(answer).await["data"]["id"], "p2");
    assert_eq!(fixture.get(Omneo, "/profiles/p1").await.status(), 404);
    let identity = fixture.read(Omneo, "/profiles/p2/identities").await["data"][0].clone();
    assert_eq!((&identity["merged_from"], &identity["profile_id"]), (&json!("p1"), &json!("p2")));
    assert_eq!(fixture.read(Omneo, "/profiles/p2/transactions").await["meta"]["total"], 40);
    assert_eq!(fixture.read(Omneo, "/identities/search-profile/4711").await["data"][0]["id"], "p2");
    assert_eq!(merge("p1", "p2").await.status(), 404, "only once");
    fixture.close().await;
}

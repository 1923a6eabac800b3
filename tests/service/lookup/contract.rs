//! The contract's table, row by row, over HTTP.

use serde_json::Value;

use crate::support::{KEY, TestApp};

const EMAIL: &str = "channelAddressType=email&address=thomas%40example.org";
const PHONE: &str = "channelAddressType=phoneNumber&address=%2B31612312311";

#[tokio::test]
async fn every_documented_form_finds_the_customer() {
    let app = TestApp::demo().await;
    let expected = app.by_email("thomas@example.org").await;
    assert_eq!(expected.len(), 1);
    let id = expected[0]["customerID"].as_str().unwrap().to_owned();
    for query in [
        format!("key={KEY}&{EMAIL}&ticketID=1234"),
        format!("key={KEY}&{PHONE}&ticketID=1234"),
        format!("{PHONE}&key={KEY}"),
        format!("key={KEY}&primaryID={id}"),
        format!("key={KEY}&primaryID=NL-2026-00042"),
        // Intended leniency: a missing plus, other spellings of the mailbox, undocumented parameters.
        format!("key={KEY}&channelAddressType=phoneNumber&address=+31612312311"),
        format!("key={KEY}&channelAddressType=phoneNumber&address=%2031612312311"),
        format!("key={KEY}&channelAddressType=email&address=Thomas%40EXAMPLE.org"),
        format!("key={KEY}&channelAddressType=email&address=thomas@example.org"),
        format!("&&key={KEY}&&{EMAIL}&foo=1&foo=2&bar&%zz=1&ticketID=1&ticketID=%ff&ticketID"),
        format!("%6Bey={KEY}&channelAddressType=e%6Dail&address=%74homas%40example.org"),
    ] {
        let response = app.ask(&query).await;
        assert_eq!(response.status, 200, "{query} {}", response.body);
        assert_eq!(response.header("content-type"), Some("application/json; charset=utf-8"));
        assert_eq!(response.header("cache-control"), Some("no-store"));
        assert_eq!(
            serde_json::from_str::<Vec<Value>>(&response.body).unwrap(),
            expected,
            "{query}"
        );
        let again = app.ask(&query).await;
        assert_eq!(again.body, response.body, "the cached answer has the same bytes");
    }
    app.stop().await;
}

#[tokio::test]
async fn nobody_is_an_empty_array() {
    let app = TestApp::demo().await;
    for query in [
        "channelAddressType=email&address=nobody%40example.org",
        "channelAddressType=email&address=a%25b%2Bc%40b%C3%BCcher.example",
        "channelAddressType=phoneNumber&address=%2B31600000001",
        "channelAddressType=phoneNumber&address=%2B3197012345678",
        "primaryID=5",
        "primaryID=%F0%9F%8C%BB",
        "primaryID=%5BNumber",
        "primaryID=%27%20or%201%3D1%20--",
    ] {
        let response = app.ask(&format!("key={KEY}&{query}")).await;
        assert_eq!((response.status, response.body.as_str()), (200, "[]"), "{query}");
        assert_eq!(response.header("content-type"), Some("application/json; charset=utf-8"));
    }
    app.stop().await;
}

#[tokio::test]
async fn every_row_of_the_table_has_its_status_and_code() {
    let app = TestApp::demo().await;
    let long = "a".repeat(4_100);
    let long_id = format!("primaryID={}", "1".repeat(129));
    let long_email = format!("channelAddressType=email&address={}%40example.org", "a".repeat(65));
    for (query, status, code) in [
        ("", 400, "key-missing"),
        (EMAIL, 400, "key-missing"),
        ("key=", 400, "key-missing"),
        ("key", 400, "key-missing"),
        ("key=xyzzy&key=xyzzy", 400, "key-missing"),
        ("key=xyzzy&key=", 400, "key-missing"),
        ("Key=xyzzy", 400, "key-missing"),
        ("key=wrong-canary", 401, "key-unknown"),
        ("key=wrong&address=nonsense", 401, "key-unknown"),
        ("key=%FF%00", 401, "key-unknown"),
        ("key=xyzzy%zz", 401, "key-unknown"),
        ("key=xyzzy%20", 401, "key-unknown"),
        ("key=xyzzy", 400, "parameter-missing"),
        ("key=xyzzy&ticketID=1", 400, "parameter-missing"),
        ("key=xyzzy&channelAddressType=email", 400, "parameter-missing"),
        ("key=xyzzy&address=a%40example.org", 400, "parameter-missing"),
        ("key=xyzzy&channelAddressType=email&address=", 400, "parameter-empty"),
        ("key=xyzzy&channelAddressType=&address=a%40example.org", 400, "parameter-empty"),
        ("key=xyzzy&primaryID=", 400, "parameter-empty"),
        ("key=xyzzy&primaryID", 400, "parameter-empty"),
        (
            "key=xyzzy&channelAddressType=email&address=a%40example.org&address=b%40example.org",
            400,
            "parameter-repeated",
        ),
        (
            "key=xyzzy&channelAddressType=email&channelAddressType=email&address=a%40example.org",
            400,
            "parameter-repeated",
        ),
        ("key=xyzzy&primaryID=1&primaryID=1", 400, "parameter-repeated"),
        (
            "key=xyzzy&channelAddressType=email&address=a%40example.org&primaryID=1",
            400,
            "both-forms",
        ),
        ("key=xyzzy&address=a%40example.org&primaryID=1", 400, "both-forms"),
        ("key=xyzzy&channelAddressType=email&primaryID=", 400, "both-forms"),
        ("key=xyzzy&channelAddressType=telephone&address=%2B31612312311", 400, "channel-unknown"),
        ("key=xyzzy&channelAddressType=Email&address=a%40example.org", 400, "channel-unknown"),
        ("key=xyzzy&channelAddressType=%FF&address=a%40example.org", 400, "channel-unknown"),
        ("key=xyzzy&channelAddressType=phoneNumber&address=0612312311", 400, "phone-malformed"),
        ("key=xyzzy&channelAddressType=phoneNumber&address=31612312311", 400, "phone-malformed"),
        (
            "key=xyzzy&channelAddressType=phoneNumber&address=%2B31%206%2012312311",
            400,
            "phone-malformed",
        ),
        (
            "key=xyzzy&channelAddressType=phoneNumber&address=%2B%2B31612312311",
            400,
            "phone-malformed",
        ),
        ("key=xyzzy&channelAddressType=phoneNumber&address=++31612312311", 400, "phone-malformed"),
        ("key=xyzzy&channelAddressType=phoneNumber&address=%2B0612312311", 400, "phone-malformed"),
        ("key=xyzzy&channelAddressType=phoneNumber&address=%2B31612", 400, "phone-malformed"),
        (
            "key=xyzzy&channelAddressType=phoneNumber&address=%2B999123456789",
            400,
            "phone-malformed",
        ),
        (
            "key=xyzzy&channelAddressType=phoneNumber&address=%2B3161231231112345678",
            400,
            "phone-malformed",
        ),
        (
            "key=xyzzy&channelAddressType=phoneNumber&address=%EF%BC%8B31612312311",
            400,
            "phone-malformed",
        ),
        (
            "key=xyzzy&channelAddressType=phoneNumber&address=%2B31612312311%0A",
            400,
            "phone-malformed",
        ),
        ("key=xyzzy&channelAddressType=phoneNumber&address=%5BNumber%5D", 400, "phone-malformed"),
        (
            "key=xyzzy&channelAddressType=phoneNumber&address=thomas%40example.org",
            400,
            "phone-malformed",
        ),
        ("key=xyzzy&channelAddressType=phoneNumber&address=%2", 400, "phone-malformed"),
        ("key=xyzzy&channelAddressType=email&address=%7B%7Baddress%7D%7D", 400, "email-malformed"),
        ("key=xyzzy&channelAddressType=email&address=%2B31612312311", 400, "email-malformed"),
        ("key=xyzzy&channelAddressType=email&address=thomas", 400, "email-malformed"),
        ("key=xyzzy&channelAddressType=email&address=thomas%40localhost", 400, "email-malformed"),
        (
            "key=xyzzy&channelAddressType=email&address=thomas%40%5B127.0.0.1%5D",
            400,
            "email-malformed",
        ),
        ("key=xyzzy&channelAddressType=email&address=a..b%40example.org", 400, "email-malformed"),
        (
            "key=xyzzy&channelAddressType=email&address=%20thomas%40example.org",
            400,
            "email-malformed",
        ),
        ("key=xyzzy&channelAddressType=email&address=a%00b%40example.org", 400, "email-malformed"),
        ("key=xyzzy&channelAddressType=email&address=a%zz%40example.org", 400, "email-malformed"),
        ("key=xyzzy&channelAddressType=email&address=%FF%40example.org", 400, "email-malformed"),
        (
            "key=xyzzy&channelAddressType=email&address=T%20%3Ca%40example.org%3E",
            400,
            "email-malformed",
        ),
        (&format!("key=xyzzy&{long_email}"), 400, "email-malformed"),
        ("key=xyzzy&primaryID=a%00b", 400, "primary-id-malformed"),
        ("key=xyzzy&primaryID=a%0Ab", 400, "primary-id-malformed"),
        ("key=xyzzy&primaryID=%7B%7BprimaryID%7D%7D", 400, "primary-id-malformed"),
        ("key=xyzzy&primaryID=%5Bklantnummer%5D", 400, "primary-id-malformed"),
        ("key=xyzzy&primaryID=%FF", 400, "primary-id-malformed"),
        (&format!("key=xyzzy&{long_id}"), 400, "primary-id-malformed"),
        (&format!("key=xyzzy&primaryID=1&x={long}"), 400, "query-too-long"),
    ] {
        let response = app.ask(query).await;
        assert_eq!(
            (response.status, response.code().as_str()),
            (status, code),
            "{query}: {}",
            response.body
        );
        assert_is_problem(&response, query);
    }
    app.stop().await;
}

fn assert_is_problem(response: &crate::support::Response, query: &str) {
    assert_eq!(response.header("content-type"), Some("application/problem+json"));
    assert_eq!(response.header("cache-control"), Some("no-store"));
    let body: Value = serde_json::from_str(&response.body).unwrap();
    assert_eq!(body["status"], response.status);
    assert_eq!(body["type"], format!("/problems/{}", response.code()));
    assert_eq!(body["request_id"].as_str(), response.header("x-request-id"));
    assert!(response.header("x-request-id").is_some_and(|id| id.len() == 36));
    // The response contains nothing of the request.
    for value in query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(_, value)| value)
        .filter(|value| value.len() > 4)
    {
        let decoded = percent_encoding::percent_decode_str(value).decode_utf8_lossy().into_owned();
        let known_word = ["email", "phoneNumber"].contains(&value);
        assert!(
            known_word || (!response.body.contains(value) && !response.body.contains(&decoded)),
            "{query}: {}",
            response.body
        );
    }
}

#[tokio::test]
async fn only_get_and_head_are_methods() {
    let app = TestApp::demo().await;
    let target = format!("/omnidesk/customerlookup?key={KEY}&{EMAIL}");
    let get = app.send("GET", &target, &[]).await;
    let head = app.send("HEAD", &target, &[]).await;
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    for name in ["content-type", "content-length", "cache-control"] {
        assert_eq!(head.header(name), get.header(name), "{name}");
    }
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "BREW"] {
        let health =
            ["/health", "/health/live", "/health/ready", "/health/caller", "/problems", "/"];
        for path in [&[target.as_str(), "/problems/key-missing"][..], &health].concat() {
            let response = app.send(method, path, &[]).await;
            assert_eq!(
                (response.status, response.header("allow")),
                (405, Some("GET, HEAD")),
                "{method} {path}"
            );
            assert_is_problem(&response, "");
        }
    }
    app.stop().await;
}

#[tokio::test]
async fn unknown_paths_are_not_found_and_every_problem_has_a_page() {
    let app = TestApp::start().await;
    for path in [
        "/omnidesk",
        "/omnidesk/customerlookup/",
        "/omnidesk/customerlookup/canary",
        "/metrics",
        "/problems/canary",
        "/problems/",
        "/%00%ff",
    ] {
        let response = app.send("GET", path, &[]).await;
        assert_eq!(response.status, 404, "{path}");
        assert_is_problem(&response, "");
        assert!(!response.body.contains("canary"));
    }
    for problem in hookpoint::http::problem::Problem::ALL {
        let page = app.send("GET", &format!("/problems/{}", problem.code()), &[]).await;
        assert_eq!(
            (page.status, page.header("content-type")),
            (200, Some("text/html; charset=utf-8"))
        );
        assert!(page.body.contains(problem.title()));
    }
    let all = app.send("GET", "/problems", &[]).await.body;
    for problem in hookpoint::http::problem::Problem::ALL {
        assert!(all.contains(&format!("<a href=\"problems/{}\">", problem.code())));
    }
    let home = app.send("GET", "/", &[]).await.body;
    assert!(home.contains("<a href=\"docs\">"));
    for hidden in [env!("CARGO_PKG_VERSION"), app.brand.rules.slug.as_str()] {
        assert!(!home.contains(hidden), "{hidden}");
    }
    for path in ["/health/live", "/health/ready", "/health/caller", "/health"] {
        assert_eq!(app.send("GET", path, &[]).await.status, 200);
    }
    app.stop().await;
}

#[tokio::test]
async fn the_response_has_exactly_the_documented_shape() {
    let app = TestApp::demo().await;
    let text = app.ask(&format!("key={KEY}&{EMAIL}")).await.body;
    let customers: Vec<Value> = serde_json::from_str(&text).unwrap();
    // serde_json sorts keys, so the order is checked in the text.
    let order = [
        "\"addresses\":",
        "\"customerFirstname\":",
        "\"customerID\":",
        "\"customerLastname\":",
        "\"customFields\":",
        "\"timeline\":",
    ];
    let places: Vec<usize> = order.iter().map(|key| text.find(key).unwrap()).collect();
    assert!(places.is_sorted());
    assert!(text.contains(r#"{"address":"thomas@example.org","type":"email"}"#));
    assert!(text.contains(
        r#"{"customerType":"unlimited"},{"customerSince":"2019-12-24"},{"favoriteColor":"orange"}"#
    ));
    let customer = customers[0].as_object().unwrap();
    assert_eq!(customer.len(), 6);
    let timeline = customer["timeline"].as_array().unwrap();
    let mut sources: Vec<&str> =
        timeline.iter().map(|item| item["source"].as_str().unwrap()).collect();
    sources.sort_unstable();
    sources.dedup();
    assert_eq!(sources, ["omneo", "omnilab", "omniotap", "syncaroo"]);
    let times: Vec<&str> =
        timeline.iter().map(|item| item["lastUpdate"].as_str().unwrap()).collect();
    assert!(times.is_sorted_by(|a, b| a >= b), "newest first");
    for item in timeline {
        assert_eq!(item.as_object().unwrap().len(), 6);
        assert!(item.as_object().unwrap().values().all(Value::is_string));
        assert!(
            jiff::civil::DateTime::strptime(
                "%Y-%m-%d %H:%M:%S",
                item["lastUpdate"].as_str().unwrap()
            )
            .is_ok()
        );
    }
    assert!(text.contains(
        "\"externalID\":\"7000035\",\"lastUpdate\":\"2026-01-17 14:12:27\",\"type\":\"event\",\"message\":\"Purchase NL-2026-00042 of EUR 149.95"
    ));
    app.stop().await;
}

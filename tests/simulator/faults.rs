//! Each fault of a simulated system has its intended effect.

use std::time::Duration;

use hookpoint::customer::model::source::Source::{OmniLab, OmnioTap};
use hookpoint::demo::simulators::{Fault, ObjectKind, Part};
use serde_json::json;

use crate::support::SimulatorFixture;

/// Long enough to show that no data arrives.
const A_WHILE: Duration = Duration::from_millis(300);

fn fixture() -> SimulatorFixture {
    let fixture = SimulatorFixture::open();
    (0..5).for_each(|n| {
        fixture.data.put(ObjectKind::Contact, json!({"id": n, "email": "thomas@example.org"}));
    });
    fixture
}

#[tokio::test]
async fn each_fault_is_as_it_is_named_and_ends_when_it_is_taken_away() {
    let fixture = fixture();
    let set = |fault: Fault| fixture.simulators.set_fault(OmnioTap, Part::Api, Some(fault));
    let get =
        async || fixture.request(OmnioTap, reqwest::Method::GET, "/contacts").await.send().await;

    set(Fault::Slow(Duration::from_millis(50)));
    assert_eq!(get().await.unwrap().status(), 200);

    set(Fault::Silent);
    assert!(tokio::time::timeout(A_WHILE, get()).await.is_err(), "no headers come");

    for (fault, has_end) in
        [(Fault::Unfinished, false), (Fault::Endless, false), (Fault::Cut, true)]
    {
        set(fault.clone());
        let answer = get().await.unwrap();
        assert_eq!(answer.status(), 200);
        let patience = if has_end { Duration::from_secs(60) } else { A_WHILE };
        let read = tokio::time::timeout(patience, answer.bytes()).await;
        assert_eq!(matches!(read, Ok(Err(_))), has_end, "{fault:?}");
        assert!(!matches!(read, Ok(Ok(_))), "{fault:?}");
    }
    set(Fault::Endless);
    let mut body = get().await.unwrap();
    let mut length = 0;
    while length < 20_000_000 {
        length += body.chunk().await.unwrap().unwrap().len();
    }
    drop(body);

    set(Fault::TooMany(Some(7)));
    let answer = get().await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), answer.headers()["retry-after"].to_str().unwrap()),
        (429, "7")
    );
    set(Fault::TooMany(None));
    let answer = get().await.unwrap();
    assert_eq!(
        (
            answer.status().as_u16(),
            answer.headers().get("retry-after"),
            answer.headers().get("x-ratelimit-reset")
        ),
        (429, None, None)
    );

    set(Fault::Status(500));
    assert_eq!(get().await.unwrap().status(), 500);
    set(Fault::Redirect("http://127.0.0.1:1/elsewhere".to_owned()));
    let answer = get().await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), answer.headers()["location"].to_str().unwrap()),
        (302, "http://127.0.0.1:1/elsewhere")
    );
    set(Fault::Html);
    assert!(
        get().await.unwrap().headers()["content-type"].to_str().unwrap().starts_with("text/html")
    );
    for fault in [Fault::Garbage, Fault::Truncated] {
        set(fault.clone());
        let body = get().await.unwrap().bytes().await.unwrap();
        assert!(
            !body.is_empty() && serde_json::from_slice::<serde_json::Value>(&body).is_err(),
            "{fault:?}"
        );
    }
    set(Fault::Closed);
    assert!(get().await.unwrap_err().status().is_none());
    set(Fault::ExpiredTokens);
    assert_eq!(get().await.unwrap().status(), 401);

    fixture.simulators.set_fault(OmnioTap, Part::Api, None);
    assert_eq!(get().await.unwrap().status(), 200);
    assert!(fixture.simulators.logged_requests(OmnioTap).len() > 10);
    fixture.close().await;
}

#[tokio::test]
async fn faults_meet_one_request_or_one_part() {
    let fixture = fixture();
    fixture.simulators.add_fault(OmnioTap, Part::Api, Fault::Status(503));
    fixture.simulators.add_fault(OmnioTap, Part::Api, Fault::Status(502));
    for status in [503, 502, 200] {
        assert_eq!(fixture.get(OmnioTap, "/contacts").await.status(), status);
    }
    fixture.simulators.set_fault(OmniLab, Part::Tokens, Some(Fault::Status(500)));
    assert_eq!(fixture.ask_for_token(OmniLab, "any").await.status(), 500);
    assert_eq!(
        fixture.bare(OmniLab, reqwest::Method::GET, "/v1/x").send().await.unwrap().status(),
        401,
        "the other part works normally"
    );
    fixture.simulators.clear_faults();
    fixture.token(OmniLab).await;
    fixture.close().await;
}

#[tokio::test]
async fn systems_end_with_everything_they_hold() {
    let fixture = fixture();
    fixture.simulators.set_fault(OmnioTap, Part::Api, Some(Fault::Silent));
    fixture.simulators.set_fault(OmniLab, Part::Tokens, Some(Fault::Endless));
    let request = fixture.request(OmnioTap, reqwest::Method::GET, "/contacts").await;
    let endless = fixture.ask_for_token(OmniLab, "any").await;
    let (client, url) = (fixture.client.clone(), fixture.simulators.base_url(OmnioTap));
    let held = request.send();
    let end = async {
        while fixture.simulators.logged_requests(OmnioTap).is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        tokio::time::timeout(Duration::from_secs(30), fixture.simulators.stop())
            .await
            .expect("they end");
    };
    let (held, ()) = tokio::join!(held, end);
    assert!(held.map_or(true, |answer| answer.status() == 503));
    drop(endless);
    assert!(client.get(url).send().await.is_err(), "the port is closed");
}

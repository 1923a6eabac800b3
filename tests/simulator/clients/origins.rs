//! URLs and redirects that lead to another origin.

use super::*;

// ---------------------------------------------------------------------------------------------------- foreign origins

/// Asserts that these systems received no request, and so no credential.
pub(super) fn assert_no_visitor(fixture: &SimulatorFixture) {
    for source in Source::ALL {
        assert_eq!(fixture.simulators.logged_requests(source), [], "{source}");
    }
}

/// The origin of a system's URLs.
fn origin(fixture: &SimulatorFixture, source: Source) -> String {
    let base_url = fixture.simulators.base_url(source);
    base_url.split('/').take(3).collect::<Vec<_>>().join("/")
}

#[tokio::test]
async fn links_that_lead_elsewhere_are_not_followed() {
    let (elsewhere, caller) = (SimulatorFixture::open(), Caller::open(fixture()).await);
    for n in 1..=1_200 {
        caller.fixture.data.put(
            ObjectKind::Transaction,
            json!({"id": n, "profile_id": "p1", "updated_at": "2026-01-01 00:00:00"}),
        );
    }
    let away = origin(&elsewhere, Omneo);
    caller.fixture.simulators.change_options(|options| options.links_lead_to = Some(away));
    let (there, pages) = caller.scan(Omneo, caller.first(Omneo, "transactions")).await;
    assert_eq!((there.len(), pages), (1_200, 3), "pages are numbered as well");
    assert_no_visitor(&elsewhere);
    caller.close().await;
    elsewhere.close().await;
}

#[tokio::test]
async fn a_url_of_a_webhook_that_leads_elsewhere_is_not_called() {
    let (elsewhere, caller) = (SimulatorFixture::open(), Caller::open(fixture()).await);
    elsewhere.data.put(ObjectKind::Booking, booking());
    let path = "/api/v1/555/locations/loc/resources/res/bookings/1";
    let (here, there) = (origin(&caller.fixture, Syncaroo), origin(&elsewhere, Syncaroo));
    let port = there.rsplit(':').next().unwrap();
    for url in [
        format!("{there}{path}"),
        format!("http://localhost:{port}{path}"),
        format!("{here}@127.0.0.1:{port}{path}"),
        format!("http://user:word@127.0.0.1:{port}{path}"),
        format!("//127.0.0.1:{port}{path}"),
        format!("file:///etc/passwd#{path}"),
        format!("{there}\\@{}{path}", here.trim_start_matches("http://")),
        "https://app.syncaroo.com/api/v1/555/locations/a".to_owned(),
    ] {
        for ask in hint(&caller, &url) {
            let called = caller.call(Syncaroo, &ask).await;
            assert!(matches!(called, Err(CallError::BlockedOrigin)), "{url}: {:?}", called.err());
        }
    }
    assert_no_visitor(&elsewhere);
    assert_eq!(
        caller.fixture.simulators.logged_requests(Syncaroo),
        [],
        "not even a token is fetched"
    );
    caller.close().await;
    elsewhere.close().await;
}

#[tokio::test]
async fn redirects_take_neither_a_question_nor_a_secret_elsewhere() {
    let (elsewhere, caller) = (Arc::new(SimulatorFixture::open()), Caller::open(fixture()).await);
    for source in Source::ALL {
        caller.fixture.simulators.add_fault(
            source,
            Part::Api,
            Fault::Redirect(format!("{}/any", elsewhere.simulators.base_url(source))),
        );
        assert!(
            matches!(
                caller.call(source, &question(&caller, source)).await,
                Err(CallError::Redirected)
            ),
            "{source}"
        );
        if !elsewhere.simulators.token_url(source).is_empty() {
            caller.fixture.simulators.end_tokens(source);
            caller.fixture.simulators.set_fault(
                source,
                Part::Tokens,
                Some(Fault::Redirect(elsewhere.simulators.token_url(source))),
            );
            assert!(
                matches!(
                    caller.call(source, &question(&caller, source)).await,
                    Err(CallError::NoToken(_) | CallError::Status(401))
                ),
                "{source}"
            );
        }
    }
    assert_no_visitor(&elsewhere);
    caller.close().await;
    Arc::into_inner(elsewhere).unwrap().close().await;
}

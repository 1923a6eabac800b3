//! Tokens.

use super::*;

// ------------------------------------------------------------------------------------------------------------- tokens

#[tokio::test]
async fn a_token_is_fetched_once_for_all_and_renewed_after_a_401() {
    for source in [OmniLab, Syncaroo] {
        let caller = Caller::open(fixture()).await;
        let tokens = || {
            caller
                .fixture
                .simulators
                .logged_requests(source)
                .iter()
                .filter(|request| request.path.contains("token"))
                .count()
        };
        let asks: Vec<ApiRequest> = match source {
            OmniLab => (0..20)
                .map(|n| OmniLabRequest::bookings_of(&format!("CONTACT-{n}")).into())
                .collect(),
            _ => (0..20)
                .flat_map(|n| {
                    hint(
                        &caller,
                        &format!(
                            "{}/555/locations/loc/resources/res/bookings/{n}",
                            caller.fixture.simulators.base_url(source)
                        ),
                    )
                })
                .collect(),
        };
        let all = async || {
            join_all(asks.iter().map(|ask| caller.call(source, ask)))
                .await
                .into_iter()
                .all(|called| called.is_ok())
        };
        assert!(all().await);
        assert_eq!(tokens(), 1, "{source}");
        caller.fixture.simulators.end_tokens(source);
        assert!(all().await, "the refused request is sent again");
        assert_eq!(tokens(), 2, "{source}: once for all");
        caller.fixture.simulators.add_fault(source, Part::Api, Fault::ExpiredTokens);
        assert!(caller.call(source, &asks[0]).await.is_ok());
        caller.fixture.simulators.set_fault(source, Part::Api, Some(Fault::ExpiredTokens));
        assert!(
            matches!(caller.call(source, &asks[0]).await, Err(CallError::Status(401))),
            "a new token doesn't help: no third one is tried"
        );
        caller.close().await;
    }
}

#[tokio::test]
async fn a_source_that_issues_no_token_is_reported_and_not_waited_for() {
    for source in [OmniLab, Syncaroo] {
        for fault in [
            Fault::Silent,
            Fault::Unfinished,
            Fault::Endless,
            Fault::Garbage,
            Fault::Truncated,
            Fault::Html,
            Fault::Closed,
            Fault::Status(401),
        ] {
            let caller = Caller::open(fixture()).await;
            caller.fixture.simulators.set_fault(source, Part::Tokens, Some(fault.clone()));
            let called = caller.call(source, &question(&caller, source)).await;
            assert!(matches!(called, Err(CallError::NoToken(_))), "{source}: {fault:?}");
            let requests = caller.fixture.simulators.logged_requests(source);
            assert!(
                requests.iter().all(|request| request.path.contains("token")),
                "{source}: no request is sent without a token"
            );
            caller.close().await;
        }
    }
}

//! Each client while its system fails.

use super::*;

// ------------------------------------------------------------------------------------------------------------- faults

/// Whether an error is the expected effect of a fault.
fn is_expected(fault: &Fault, source: Source, error: Option<&CallError>) -> bool {
    match (fault, error) {
        (Fault::Slow(_), None) | (Fault::Silent | Fault::Unfinished, Some(CallError::TimedOut)) => {
            true
        }
        (Fault::Endless, Some(CallError::TooLarge | CallError::TimedOut)) => true,
        (Fault::Status(status), Some(CallError::Status(met))) => status == met,
        (Fault::Garbage | Fault::Truncated | Fault::Html, Some(CallError::NotJson(_))) => true,
        (Fault::Closed, Some(CallError::Unreachable)) => true,
        // A body that ends during decompression looks like one that cannot be decompressed.
        (Fault::Cut, Some(CallError::Unreachable | CallError::NotJson(_))) => true,
        (Fault::Redirect(_), Some(CallError::Redirected)) => true,
        (Fault::ExpiredTokens, Some(CallError::Status(401))) => matches!(source, OmnioTap | Omneo),
        (Fault::ExpiredTokens, None) => matches!(source, OmniLab | Syncaroo),
        _ => false,
    }
}

#[tokio::test]
async fn each_fault_is_met_and_the_next_call_is_as_always() {
    let elsewhere = SimulatorFixture::open();
    let faults = [
        Fault::Slow(Duration::from_millis(50)),
        Fault::Silent,
        Fault::Unfinished,
        Fault::Endless,
        Fault::Status(500),
        Fault::Status(503),
        Fault::Status(403),
        Fault::Garbage,
        Fault::Truncated,
        Fault::Cut,
        Fault::Closed,
        Fault::Html,
        Fault::Redirect(format!("{}/contacts", elsewhere.simulators.base_url(OmnioTap))),
    ];
    let caller = Caller::open(fixture()).await;
    for source in Source::ALL {
        let ask = question(&caller, source);
        let usual = caller.call(source, &ask).await.unwrap();
        for fault in &faults {
            caller.fixture.simulators.set_fault(source, Part::Api, Some(fault.clone()));
            let called = caller.call(source, &ask).await;
            assert!(
                is_expected(fault, source, called.as_ref().err()),
                "{source}: {fault:?} resulted in {:?}",
                called.err()
            );
            caller.fixture.simulators.clear_faults();
            let after = caller
                .call(source, &ask)
                .await
                .unwrap_or_else(|error| panic!("{source} after {fault:?}: {error}"));
            assert!(
                after.there == usual.there && after.changes.len() == usual.changes.len(),
                "{source} after {fault:?}"
            );
        }
        caller.fixture.simulators.add_fault(source, Part::Api, Fault::ExpiredTokens);
        let called = caller.call(source, &ask).await;
        assert!(
            is_expected(&Fault::ExpiredTokens, source, called.as_ref().err()),
            "{source}: {:?}",
            called.err()
        );
    }
    assert_no_visitor(&elsewhere);
    caller.close().await;
    elsewhere.close().await;
}

#[tokio::test]
async fn a_429_is_an_error_and_not_asked_again_at_once() {
    for source in Source::ALL {
        for after in [Some(1), None] {
            let caller = Caller::open(fixture()).await;
            let ask = question(&caller, source);
            caller.fixture.simulators.add_fault(source, Part::Api, Fault::TooMany(after));
            let called = caller.call(source, &ask).await;
            assert!(
                matches!(called, Err(CallError::Status(429))),
                "{source} {after:?}: {:?}",
                called.err()
            );
            let requests = caller.fixture.simulators.logged_requests(source);
            assert_eq!(
                requests.iter().filter(|request| !request.path.contains("token")).count(),
                1,
                "{source} {after:?}"
            );
            if after.is_some() {
                assert!(
                    caller.call(source, &ask).await.is_ok(),
                    "{source}: calls continue after the limit"
                );
            }
            caller.close().await;
        }
    }
}

//! Runs that were killed, cancelled or broken.

use super::*;

#[tokio::test]
async fn one_walks_at_a_time_and_the_next_goes_on_where_the_last_was_lost() {
    let scan = Traversal::start(90).await;
    let stream = scan.stream(Source::OmnioTap, "contacts");
    let (first, second) = (scan.runner(Source::OmnioTap), scan.runner(Source::OmnioTap));
    scan.simulators.set_fault(
        Source::OmnioTap,
        Part::Api,
        Some(Fault::Slow(std::time::Duration::from_millis(200))),
    );
    let reached = tokio::sync::Notify::new();
    let listener = |sign: hookpoint::sync::ProgressEvent<'_>| {
        if sign.progress.scanned >= 40 {
            reached.notify_one();
        }
    };
    tokio::select! {
        ended = first.scan(stream, SyncMode::Full, &listener) => panic!("{ended:?}"),
        () = reached.notified() => {}
    }
    // The run was dropped, as by a kill: its lease is still valid.
    assert_eq!(
        second.scan(stream, SyncMode::Full, &|_| {}).await.unwrap(),
        RunEnd::LeaseHeldElsewhere
    );
    assert!(scan.row_of("contacts").await.is_first_under_way());
    scan.simulators.clear_faults();
    scan.app.clock.set(scan.app.clock.now() + jiff::SignedDuration::from_secs(61));
    scan.simulators.clear_request_log();
    let RunEnd::Complete { progress, drift: None, .. } =
        second.scan(stream, SyncMode::Full, &|_| {}).await.unwrap()
    else {
        panic!()
    };
    assert!(
        progress.scanned == 90 && scan.simulators.logged_requests(Source::OmnioTap).len() <= 4,
        "{progress:?}"
    );
    assert!(scan.is_known("p0@example.org").await && scan.is_known("p89@example.org").await);
    scan.stop().await;
}

#[tokio::test]
async fn a_pass_ends_when_somebody_cancels_it_and_says_why_it_broke() {
    let scan = Traversal::start(90).await;
    let stream = scan.stream(Source::OmnioTap, "contacts");
    let (pool, brand_id) = (scan.app.pool().clone(), scan.app.brand.id());
    scan.simulators.set_fault(
        Source::OmnioTap,
        Part::Api,
        Some(Fault::Slow(std::time::Duration::from_millis(100))),
    );
    let begun = tokio::sync::Notify::new();
    let runner = scan.runner(Source::OmnioTap);
    let cancel = async {
        begun.notified().await;
        cancel_streams(&pool, brand_id, None, Some("contacts"), scan.app.clock.now()).await.unwrap()
    };
    let listener = |_: ProgressEvent<'_>| begun.notify_one();
    let (ended, cancelled) = tokio::join!(runner.scan(stream, SyncMode::Full, &listener), cancel);
    assert_eq!((ended.unwrap(), cancelled), (RunEnd::Cancelled, 1));
    assert!(!scan.row_of("contacts").await.is_first_under_way());
    scan.simulators.clear_faults();
    assert!(matches!(scan.scan(Source::OmnioTap, "contacts").await, RunEnd::Complete { .. }));
    // 404 for the whole list: the address in the settings is wrong.
    scan.simulators.set_fault(Source::OmnioTap, Part::Api, Some(Fault::Status(404)));
    let RunEnd::Broken(reason) = scan.scan(Source::OmnioTap, "contacts").await else { panic!() };
    let rows = list_streams(&pool, brand_id).await.unwrap();
    assert!(
        rows.iter().any(|row| row.note == reason
            && row.is_failing()
            && row.last_full_started_at.is_some()),
        "{reason}"
    );
    assert!(scan.is_known("p0@example.org").await, "nobody is deleted because of that");
    scan.stop().await;
}

#[tokio::test]
async fn a_pass_that_was_cancelled_after_its_runner_was_killed_is_not_gone_on_with() {
    let scan = Traversal::start(90).await;
    let stream = scan.stream(Source::OmnioTap, "contacts");
    scan.simulators.set_fault(
        Source::OmnioTap,
        Part::Api,
        Some(Fault::Slow(std::time::Duration::from_millis(200))),
    );
    let reached = tokio::sync::Notify::new();
    let listener = |sign: hookpoint::sync::ProgressEvent<'_>| {
        if sign.progress.scanned >= 40 {
            reached.notify_one();
        }
    };
    let killed = scan.runner(Source::OmnioTap);
    tokio::select! {
        ended = killed.scan(stream, SyncMode::Full, &listener) => panic!("{ended:?}"),
        () = reached.notified() => {}
    }
    assert_eq!(
        cancel_streams(scan.app.pool(), scan.app.brand.id(), None, None, scan.app.clock.now())
            .await
            .unwrap(),
        1
    );
    scan.simulators.clear_faults();
    scan.app.clock.set(scan.app.clock.now() + jiff::SignedDuration::from_secs(61));
    scan.simulators.clear_request_log();
    let RunEnd::Complete { progress, .. } =
        scan.runner(Source::OmnioTap).scan(stream, SyncMode::Full, &|_| {}).await.unwrap()
    else {
        panic!()
    };
    assert_eq!(progress.scanned, 90, "a new run, from the beginning");
    scan.stop().await;
}

//! Runs that were killed, cancelled or broken.

use super::*;

#[tokio::test]
async fn one_replica_scans_at_a_time_and_the_next_continues_where_the_last_was_lost() {
    let fixture = SyncFixture::start(90).await;
    let stream = fixture.stream(Source::OmnioTap, "contacts");
    let (first, second) = (fixture.runner(Source::OmnioTap), fixture.runner(Source::OmnioTap));
    fixture.simulators.set_fault(
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
    assert!(fixture.row_of("contacts").await.is_first_under_way());
    fixture.simulators.clear_faults();
    fixture.app.clock.set(fixture.app.clock.now() + jiff::SignedDuration::from_secs(61));
    fixture.simulators.clear_request_log();
    let RunEnd::Complete { progress, drift: None, .. } =
        second.scan(stream, SyncMode::Full, &|_| {}).await.unwrap()
    else {
        panic!()
    };
    assert!(
        progress.scanned == 90 && fixture.simulators.logged_requests(Source::OmnioTap).len() <= 4,
        "{progress:?}"
    );
    assert!(fixture.is_known("p0@example.org").await && fixture.is_known("p89@example.org").await);
    fixture.stop().await;
}

#[tokio::test]
async fn a_run_ends_when_an_operator_cancels_it_and_says_why_it_broke() {
    let fixture = SyncFixture::start(90).await;
    let stream = fixture.stream(Source::OmnioTap, "contacts");
    let (pool, brand_id) = (fixture.app.pool().clone(), fixture.app.brand.id());
    fixture.simulators.set_fault(
        Source::OmnioTap,
        Part::Api,
        Some(Fault::Slow(std::time::Duration::from_millis(100))),
    );
    let begun = tokio::sync::Notify::new();
    let runner = fixture.runner(Source::OmnioTap);
    let cancel = async {
        begun.notified().await;
        cancel_streams(&pool, brand_id, None, Some("contacts"), fixture.app.clock.now())
            .await
            .unwrap()
    };
    let listener = |_: ProgressEvent<'_>| begun.notify_one();
    let (ended, cancelled) = tokio::join!(runner.scan(stream, SyncMode::Full, &listener), cancel);
    assert_eq!((ended.unwrap(), cancelled), (RunEnd::Cancelled, 1));
    assert!(!fixture.row_of("contacts").await.is_first_under_way());
    fixture.simulators.clear_faults();
    assert!(matches!(fixture.scan(Source::OmnioTap, "contacts").await, RunEnd::Complete { .. }));
    // 404 for the whole list: the address in the settings is wrong.
    fixture.simulators.set_fault(Source::OmnioTap, Part::Api, Some(Fault::Status(404)));
    let RunEnd::Broken(reason) = fixture.scan(Source::OmnioTap, "contacts").await else { panic!() };
    let rows = list_streams(&pool, brand_id).await.unwrap();
    assert!(
        rows.iter().any(|row| row.note == reason
            && row.is_failing()
            && row.last_full_started_at.is_some()),
        "{reason}"
    );
    assert!(fixture.is_known("p0@example.org").await, "nobody is deleted because of that");
    fixture.stop().await;
}

#[tokio::test]
async fn a_run_that_was_cancelled_after_its_runner_was_killed_is_not_continued() {
    let fixture = SyncFixture::start(90).await;
    let stream = fixture.stream(Source::OmnioTap, "contacts");
    fixture.simulators.set_fault(
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
    let killed = fixture.runner(Source::OmnioTap);
    tokio::select! {
        ended = killed.scan(stream, SyncMode::Full, &listener) => panic!("{ended:?}"),
        () = reached.notified() => {}
    }
    assert_eq!(
        cancel_streams(
            fixture.app.pool(),
            fixture.app.brand.id(),
            None,
            None,
            fixture.app.clock.now()
        )
        .await
        .unwrap(),
        1
    );
    fixture.simulators.clear_faults();
    fixture.app.clock.set(fixture.app.clock.now() + jiff::SignedDuration::from_secs(61));
    fixture.simulators.clear_request_log();
    let RunEnd::Complete { progress, .. } =
        fixture.runner(Source::OmnioTap).scan(stream, SyncMode::Full, &|_| {}).await.unwrap()
    else {
        panic!()
    };
    assert_eq!(progress.scanned, 90, "a new run, from the beginning");
    fixture.stop().await;
}

//! Incremental sync runs, between the full runs.

use std::time::Duration;

use hookpoint::clock::Clock;
use hookpoint::customer::model::source::Source;
use hookpoint::demo::simulators::{Fault, ObjectKind, Part, omneo};
use hookpoint::settings::file::SyncSettings;
use hookpoint::storage::sync_runs::cancel_streams;
use hookpoint::storage::sync_streams::{StreamRow, list_streams};
use hookpoint::sync::schedule::{ScheduleKind, run_due_streams};
use hookpoint::sync::{ProgressEvent, RunEnd, SyncMode};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use tokio::sync::Notify;

use crate::support::until;
use crate::sync::{SyncFixture, profile};

const MINUTE: SignedDuration = SignedDuration::from_mins(1);

fn id(n: usize) -> String {
    profile(n)["id"].as_str().unwrap().to_owned()
}

impl SyncFixture {
    /// With profiles, all of which are stored.
    async fn with_profiles(count: usize) -> Self {
        let fixture = Self::start(0).await;
        (0..count).for_each(|n| fixture.data.put(ObjectKind::Profile, profile(n)));
        assert!(matches!(
            fixture.scan(Source::Omneo, "profiles").await,
            RunEnd::Complete { drift: None, .. }
        ));
        fixture.simulators.clear_request_log();
        fixture
    }

    /// Changes a profile without a webhook.
    fn change(&self, n: usize) {
        let mut changed = profile(n);
        changed["email"] = json!(format!("new{n}@example.org"));
        changed["updated_at"] = json!(omneo::written(Clock::system().now()));
        self.data.put(ObjectKind::Profile, changed);
    }

    fn advance_clock(&self, time: SignedDuration) {
        self.app.clock.set(self.app.clock.now() + time);
    }

    /// Runs everything that is due, as the service does. Returns the requested paths.
    async fn run_due_streams(&self, source: Source, kind: ScheduleKind) -> Vec<String> {
        let settings = SyncSettings { backfill: false, ..SyncSettings::default() };
        self.simulators.clear_request_log();
        run_due_streams(&self.runner(source), &settings, kind).await.unwrap();
        self.simulators.logged_requests(source).into_iter().map(|request| request.path).collect()
    }

    async fn row(&self) -> StreamRow {
        self.row_of("profiles").await
    }

    /// An incremental run that was killed after two pages.
    async fn kill_in_the_middle(&self) -> Timestamp {
        self.advance_clock(MINUTE * 16);
        let since = self.row().await.incremental_watermark.unwrap() - MINUTE;
        self.simulators.set_fault(
            Source::Omneo,
            Part::Api,
            Some(Fault::Slow(Duration::from_millis(200))),
        );
        self.simulators.clear_request_log();
        let reached = Notify::new();
        let listener = |ProgressEvent { progress, .. }: ProgressEvent<'_>| {
            if progress.scanned >= 40 {
                reached.notify_one();
            }
        };
        let (killed, stream) = (self.runner(Source::Omneo), self.stream(Source::Omneo, "profiles"));
        tokio::select! {
            ended = killed.scan(stream, SyncMode::Incremental { since }, &listener) => panic!("{ended:?}"),
            () = async {
                reached.notified().await;
                // The call for the third page continues after its caller was dropped. It must not be counted for the
                // next run.
                until("the third page is asked for", async || {
                    self.simulators.logged_requests(Source::Omneo).len() >= 3
                })
                .await;
            } => {}
        }
        self.simulators.clear_faults();
        since
    }
}

#[tokio::test]
async fn what_a_lost_webhook_said_is_repaired_by_asking_what_changed() {
    let fixture = SyncFixture::with_profiles(9).await;
    let all = fixture.row().await;
    fixture.change(3);
    fixture.data.remove(ObjectKind::Profile, &id(7));
    fixture.advance_clock(MINUTE * 14);
    assert!(
        fixture.run_due_streams(Source::Omneo, ScheduleKind::Incremental).await.is_empty(),
        "not yet"
    );
    fixture.advance_clock(MINUTE * 2);
    assert!(
        fixture.run_due_streams(Source::Omneo, ScheduleKind::Full).await.is_empty(),
        "everything is due later"
    );
    assert_eq!(
        fixture.run_due_streams(Source::Omneo, ScheduleKind::Incremental).await,
        ["/api/v3/profiles"]
    );
    assert!(
        fixture.is_known("new3@example.org").await && !fixture.is_known("b3@example.org").await
    );
    assert!(
        fixture.is_known("b7@example.org").await,
        "profiles outside the incremental run are not deleted"
    );
    let row = fixture.row().await;
    assert_eq!(
        (row.scanned, row.changed, row.deleted, row.since),
        (1, 1, 0, Some(all.started_at - MINUTE * 15))
    );
    assert!(row.is_complete() && !row.is_failing() && row.is_reconcile);
    assert_eq!((row.last_full_started_at, row.drift), (all.last_full_started_at, None));
    assert_eq!(row.incremental_watermark, Some(row.started_at));
    let missed =
        "hookpoint_sync_missed_changes_total{brand=\"demo\",source=\"omneo\",stream=\"profiles\"}";
    assert!(hookpoint::telemetry::metrics().render().contains(missed));
    assert!(
        fixture.run_due_streams(Source::Omneo, ScheduleKind::Incremental).await.is_empty(),
        "it was just done"
    );
    fixture.stop().await;
}

#[tokio::test]
async fn full_runs_are_as_frequent_as_before_and_their_drift_is_kept() {
    let fixture = SyncFixture::with_profiles(30).await;
    fixture.change(3);
    fixture.data.remove(ObjectKind::Profile, &id(7));
    for _ in 0..3 {
        fixture.advance_clock(SignedDuration::from_hours(8));
        assert_eq!(
            fixture.run_due_streams(Source::Omneo, ScheduleKind::Incremental).await.len(),
            1
        );
    }
    fixture.advance_clock(MINUTE);
    assert!(fixture.run_due_streams(Source::Omneo, ScheduleKind::Incremental).await.is_empty());
    fixture.change(4);
    assert!(
        fixture.run_due_streams(Source::Omneo, ScheduleKind::Full).await.len() >= 3,
        "two pages, and a check for deletions"
    );
    assert!(
        !fixture.is_known("b7@example.org").await && fixture.is_known("new4@example.org").await
    );
    let all = fixture.row().await;
    assert_eq!((all.since, all.last_full_started_at, all.deleted), (None, Some(all.started_at), 1));
    assert!((all.drift.unwrap() - 2.0 / 30.0).abs() < 0.001, "{:?}", all.drift);
    fixture.advance_clock(MINUTE * 16);
    assert_eq!(fixture.run_due_streams(Source::Omneo, ScheduleKind::Incremental).await.len(), 1);
    let row = fixture.row().await;
    assert_eq!((row.drift, row.last_full_started_at), (all.drift, all.last_full_started_at));
    fixture.stop().await;
}

#[tokio::test]
async fn the_result_of_the_last_full_run_survives_an_incremental_run() {
    let fixture = SyncFixture::with_profiles(30).await;
    (0..15).for_each(|n| drop(fixture.data.remove(ObjectKind::Profile, &id(n))));
    fixture.scan(Source::Omneo, "profiles").await;
    fixture.advance_clock(MINUTE * 16);
    assert_eq!(fixture.run_due_streams(Source::Omneo, ScheduleKind::Incremental).await.len(), 1);
    let row = fixture.row().await;
    assert!(
        row.since.is_some() && row.last_full_result.contains("15 of 30") && row.note.is_empty(),
        "{} {}",
        row.last_full_result,
        row.note
    );
    fixture.stop().await;
}

#[tokio::test]
async fn sources_that_cannot_list_changes_are_not_asked_in_between() {
    let fixture = SyncFixture::start(30).await;
    fixture.scan(Source::OmnioTap, "contacts").await;
    fixture.scan(Source::Omneo, "transactions").await;
    fixture.advance_clock(SignedDuration::from_hours(23));
    for source in [Source::OmnioTap, Source::Omneo] {
        for line in [ScheduleKind::Incremental, ScheduleKind::Full] {
            assert!(fixture.run_due_streams(source, line).await.is_empty(), "{source} {line:?}");
        }
    }
    let rows = list_streams(fixture.app.pool(), fixture.app.brand.id()).await.unwrap();
    assert!(
        rows.len() == 2 && rows.iter().all(|row| row.since.is_none() && !row.is_reconcile),
        "a run does not end without a call"
    );
    fixture.advance_clock(SignedDuration::from_hours(2));
    assert!(fixture.run_due_streams(Source::OmnioTap, ScheduleKind::Incremental).await.is_empty());
    assert_eq!(fixture.run_due_streams(Source::OmnioTap, ScheduleKind::Full).await.len(), 2);
    fixture.stop().await;
}

#[tokio::test]
async fn a_killed_incremental_run_continues_where_it_stopped() {
    let fixture = SyncFixture::with_profiles(90).await;
    (0..90).for_each(|n| fixture.change(n));
    let since = fixture.kill_in_the_middle().await;
    let met: i64 = sqlx::query_scalar("select count(*) from sync_seen_keys")
        .fetch_one(fixture.app.pool())
        .await
        .unwrap();
    assert_eq!(met, 0, "an incremental run does not look for deletions, so it stores no seen keys");
    assert!(
        fixture.run_due_streams(Source::Omneo, ScheduleKind::Incremental).await.is_empty(),
        "its lease is still valid"
    );
    fixture.advance_clock(SignedDuration::from_secs(61));
    assert!(fixture.run_due_streams(Source::Omneo, ScheduleKind::Full).await.is_empty());
    assert!(fixture.run_due_streams(Source::Omneo, ScheduleKind::Incremental).await.len() <= 4);
    let row = fixture.row().await;
    assert!(
        row.is_complete()
            && row.since == Some(since)
            && row.scanned == 90
            && row.last_full_started_at < Some(row.started_at)
    );
    assert!(
        fixture.is_known("new0@example.org").await && fixture.is_known("new89@example.org").await
    );
    fixture.stop().await;
}

#[tokio::test]
async fn a_requested_full_run_starts_after_an_unfinished_incremental_run() {
    let fixture = SyncFixture::with_profiles(90).await;
    (0..90).for_each(|n| fixture.change(n));
    fixture.data.remove(ObjectKind::Profile, &id(7));
    fixture.kill_in_the_middle().await;
    fixture.advance_clock(SignedDuration::from_secs(61));
    fixture.simulators.clear_request_log();
    let ended = fixture
        .runner(Source::Omneo)
        .scan(fixture.stream(Source::Omneo, "profiles"), SyncMode::Full, &|_| {})
        .await
        .unwrap();
    let RunEnd::Complete { mode: SyncMode::Full, progress, deleted: 1, .. } = ended else {
        panic!("{ended:?}")
    };
    assert_eq!(
        (progress.scanned, progress.changed),
        (89, 0),
        "the remaining pages repaired the rest"
    );
    // The remaining four pages, five pages of the full run, and a check for deletions.
    assert!(fixture.simulators.logged_requests(Source::Omneo).len() >= 9);
    assert!(
        !fixture.is_known("b7@example.org").await && fixture.is_known("new89@example.org").await
    );
    fixture.stop().await;
}

#[tokio::test]
async fn an_incremental_run_can_be_cancelled_and_says_why_it_broke() {
    let fixture = SyncFixture::with_profiles(90).await;
    let all = fixture.row().await;
    (0..90).for_each(|n| fixture.change(n));
    fixture.kill_in_the_middle().await;
    fixture.advance_clock(SignedDuration::from_secs(61));
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
    assert!(
        fixture.run_due_streams(Source::Omneo, ScheduleKind::Incremental).await.is_empty()
            && !fixture.row().await.is_failing()
    );
    fixture.advance_clock(MINUTE * 16);
    fixture.simulators.set_fault(Source::Omneo, Part::Api, Some(Fault::Status(404)));
    assert_eq!(fixture.run_due_streams(Source::Omneo, ScheduleKind::Incremental).await.len(), 1);
    fixture.simulators.clear_faults();
    let row = fixture.row().await;
    assert!(row.is_failing() && !row.is_complete() && row.since.is_some() && !row.note.is_empty());
    assert_eq!(
        (row.incremental_watermark, row.last_full_started_at),
        (all.incremental_watermark, all.last_full_started_at),
        "the next run starts at the same time again"
    );
    fixture.advance_clock(MINUTE * 16);
    assert_eq!(fixture.run_due_streams(Source::Omneo, ScheduleKind::Incremental).await.len(), 5);
    assert!(fixture.is_known("new89@example.org").await && !fixture.row().await.is_failing());
    fixture.stop().await;
}

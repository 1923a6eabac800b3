//! Walking through what changed at a source, between the passes through everything.

use std::time::Duration;

use hookpoint::clock::Clock;
use hookpoint::customer::model::source::Source;
use hookpoint::demo::systems::{Fault, Part, Thing, omneo};
use hookpoint::settings::file::SyncSettings;
use hookpoint::storage::sync_runs::cancel_streams;
use hookpoint::storage::sync_streams::{StreamRow, list_streams};
use hookpoint::sync::schedule::{Line, walk_due};
use hookpoint::sync::{ProgressEvent, RunEnd, SyncMode};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use tokio::sync::Notify;

use crate::sync::{Traversal, profile};

const MINUTE: SignedDuration = SignedDuration::from_mins(1);

fn id(n: usize) -> String {
    profile(n)["id"].as_str().unwrap().to_owned()
}

impl Traversal {
    /// With profiles, all of which are known.
    async fn with_profiles(count: usize) -> Self {
        let traversal = Self::start(0).await;
        (0..count).for_each(|n| traversal.world.put(Thing::Profile, profile(n)));
        assert!(matches!(traversal.traversal(Source::Omneo, "profiles").await, RunEnd::Complete { drift: None, .. }));
        traversal.systems.forget_arrivals();
        traversal
    }

    /// Changes a profile, and no webhook says so.
    fn change(&self, n: usize) {
        let mut changed = profile(n);
        changed["email"] = json!(format!("new{n}@example.org"));
        changed["updated_at"] = json!(omneo::written(Clock::system().now()));
        self.world.put(Thing::Profile, changed);
    }

    fn pass_time(&self, time: SignedDuration) {
        self.app.clock.set(self.app.clock.now() + time);
    }

    /// Walks through what is due, as the service does. Gives back what was asked for.
    async fn walk_due(&self, source: Source, line: Line) -> Vec<String> {
        let settings = SyncSettings { backfill: false, ..SyncSettings::default() };
        self.systems.forget_arrivals();
        walk_due(&self.walker(source), &settings, line).await.unwrap();
        self.systems.arrivals(source).into_iter().map(|arrival| arrival.path).collect()
    }

    async fn row(&self) -> StreamRow {
        self.row_of("profiles").await
    }

    /// A pass of what changed that was killed after two pages.
    async fn kill_in_the_middle(&self) -> Timestamp {
        self.pass_time(MINUTE * 16);
        let since = self.row().await.incremental_watermark.unwrap() - MINUTE;
        self.systems.set_fault(Source::Omneo, Part::Api, Some(Fault::Slow(Duration::from_millis(200))));
        self.systems.forget_arrivals();
        let reached = Notify::new();
        let listener = |ProgressEvent { progress, .. }: ProgressEvent<'_>| {
            if progress.scanned >= 40 {
                reached.notify_one();
            }
        };
        let (killed, stream) = (self.walker(Source::Omneo), self.stream(Source::Omneo, "profiles"));
        tokio::select! {
            ended = killed.traversal(stream, SyncMode::Incremental { since }, &listener) => panic!("{ended:?}"),
            () = reached.notified() => {}
        }
        // The call for the third page outlives who asked for it, and must not be taken for one of those who go on.
        for _ in 0..100 {
            if self.systems.arrivals(Source::Omneo).len() >= 3 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.systems.clear_faults();
        since
    }
}

#[tokio::test]
async fn what_a_lost_webhook_said_is_repaired_by_asking_what_changed() {
    let traversal = Traversal::with_profiles(9).await;
    let all = traversal.row().await;
    traversal.change(3);
    traversal.world.remove(Thing::Profile, &id(7));
    traversal.pass_time(MINUTE * 14);
    assert!(traversal.walk_due(Source::Omneo, Line::Changes).await.is_empty(), "not yet");
    traversal.pass_time(MINUTE * 2);
    assert!(traversal.walk_due(Source::Omneo, Line::Whole).await.is_empty(), "everything is due later");
    assert_eq!(traversal.walk_due(Source::Omneo, Line::Changes).await, ["/api/v3/profiles"]);
    assert!(traversal.is_known("new3@example.org").await && !traversal.is_known("b3@example.org").await);
    assert!(traversal.is_known("b7@example.org").await, "who isn't in that is not gone");
    let row = traversal.row().await;
    assert_eq!((row.scanned, row.news, row.gone, row.since), (1, 1, 0, Some(all.started_at - MINUTE * 15)));
    assert!(row.is_complete() && !row.is_failing() && row.is_reconcile);
    assert_eq!((row.last_full_started_at, row.drift), (all.last_full_started_at, None));
    assert_eq!(row.incremental_watermark, Some(row.started_at));
    let missed = "hookpoint_sync_missed_changes_total{brand=\"demo\",source=\"omneo\",stream=\"profiles\"}";
    assert!(hookpoint::telemetry::metrics().render().contains(missed));
    assert!(traversal.walk_due(Source::Omneo, Line::Changes).await.is_empty(), "it was just done");
    traversal.stop().await;
}

#[tokio::test]
async fn everything_is_walked_as_often_as_before_and_its_drift_is_kept() {
    let traversal = Traversal::with_profiles(30).await;
    traversal.change(3);
    traversal.world.remove(Thing::Profile, &id(7));
    for _ in 0..3 {
        traversal.pass_time(SignedDuration::from_hours(8));
        assert_eq!(traversal.walk_due(Source::Omneo, Line::Changes).await.len(), 1);
    }
    traversal.pass_time(MINUTE);
    assert!(traversal.walk_due(Source::Omneo, Line::Changes).await.is_empty());
    traversal.change(4);
    assert!(traversal.walk_due(Source::Omneo, Line::Whole).await.len() >= 3, "two pages, and a look at who is gone");
    assert!(!traversal.is_known("b7@example.org").await && traversal.is_known("new4@example.org").await);
    let all = traversal.row().await;
    assert_eq!((all.since, all.last_full_started_at, all.gone), (None, Some(all.started_at), 1));
    assert!((all.drift.unwrap() - 2.0 / 30.0).abs() < 0.001, "{:?}", all.drift);
    traversal.pass_time(MINUTE * 16);
    assert_eq!(traversal.walk_due(Source::Omneo, Line::Changes).await.len(), 1);
    let row = traversal.row().await;
    assert_eq!((row.drift, row.last_full_started_at), (all.drift, all.last_full_started_at));
    traversal.stop().await;
}

#[tokio::test]
async fn what_should_be_known_of_everything_outlives_a_pass_of_what_changed() {
    let traversal = Traversal::with_profiles(30).await;
    (0..15).for_each(|n| drop(traversal.world.remove(Thing::Profile, &id(n))));
    traversal.traversal(Source::Omneo, "profiles").await;
    traversal.pass_time(MINUTE * 16);
    assert_eq!(traversal.walk_due(Source::Omneo, Line::Changes).await.len(), 1);
    let row = traversal.row().await;
    assert!(row.since.is_some() && row.finding.contains("15 of 30") && row.note.is_empty(), "{} {}", row.finding, row.note);
    traversal.stop().await;
}

#[tokio::test]
async fn sources_that_cannot_tell_what_changed_are_not_asked_in_between() {
    let traversal = Traversal::start(30).await;
    traversal.traversal(Source::OmnioTap, "contacts").await;
    traversal.traversal(Source::Omneo, "transactions").await;
    traversal.pass_time(SignedDuration::from_hours(23));
    for source in [Source::OmnioTap, Source::Omneo] {
        for line in [Line::Changes, Line::Whole] {
            assert!(traversal.walk_due(source, line).await.is_empty(), "{source} {line:?}");
        }
    }
    let rows = list_streams(traversal.app.pool(), traversal.app.brand.id()).await.unwrap();
    assert!(rows.len() == 2 && rows.iter().all(|row| row.since.is_none() && !row.is_reconcile), "nor does a pass come to its end without asking");
    traversal.pass_time(SignedDuration::from_hours(2));
    assert!(traversal.walk_due(Source::OmnioTap, Line::Changes).await.is_empty());
    assert_eq!(traversal.walk_due(Source::OmnioTap, Line::Whole).await.len(), 2);
    traversal.stop().await;
}

#[tokio::test]
async fn a_killed_pass_of_what_changed_goes_on_where_it_stood() {
    let traversal = Traversal::with_profiles(90).await;
    (0..90).for_each(|n| traversal.change(n));
    let since = traversal.kill_in_the_middle().await;
    let met: i64 = sqlx::query_scalar("select count(*) from sync_seen_keys").fetch_one(traversal.app.pool()).await.unwrap();
    assert_eq!(met, 0, "nobody is looked for as gone, so nobody need be remembered");
    assert!(traversal.walk_due(Source::Omneo, Line::Changes).await.is_empty(), "its lease holds still");
    traversal.pass_time(SignedDuration::from_secs(61));
    assert!(traversal.walk_due(Source::Omneo, Line::Whole).await.is_empty());
    assert!(traversal.walk_due(Source::Omneo, Line::Changes).await.len() <= 4);
    let row = traversal.row().await;
    assert!(row.is_complete() && row.since == Some(since) && row.scanned == 90 && row.last_full_started_at < Some(row.started_at));
    assert!(traversal.is_known("new0@example.org").await && traversal.is_known("new89@example.org").await);
    traversal.stop().await;
}

#[tokio::test]
async fn who_asks_for_everything_gets_it_after_a_pass_of_what_changed_that_was_left() {
    let traversal = Traversal::with_profiles(90).await;
    (0..90).for_each(|n| traversal.change(n));
    traversal.world.remove(Thing::Profile, &id(7));
    traversal.kill_in_the_middle().await;
    traversal.pass_time(SignedDuration::from_secs(61));
    traversal.systems.forget_arrivals();
    let ended = traversal.walker(Source::Omneo).traversal(traversal.stream(Source::Omneo, "profiles"), SyncMode::Full, &|_| {}).await.unwrap();
    let RunEnd::Complete { pass: SyncMode::Full, progress, gone: 1, .. } = ended else { panic!("{ended:?}") };
    assert_eq!((progress.scanned, progress.news), (89, 0), "the rest was repaired by what was left");
    // The four pages that were left, five of everything, and a look at who is gone.
    assert!(traversal.systems.arrivals(Source::Omneo).len() >= 9);
    assert!(!traversal.is_known("b7@example.org").await && traversal.is_known("new89@example.org").await);
    traversal.stop().await;
}

#[tokio::test]
async fn a_pass_of_what_changed_can_be_cancelled_and_says_why_it_broke() {
    let traversal = Traversal::with_profiles(90).await;
    let all = traversal.row().await;
    (0..90).for_each(|n| traversal.change(n));
    traversal.kill_in_the_middle().await;
    traversal.pass_time(SignedDuration::from_secs(61));
    assert_eq!(cancel_streams(traversal.app.pool(), traversal.app.brand.id(), None, None, traversal.app.clock.now()).await.unwrap(), 1);
    assert!(traversal.walk_due(Source::Omneo, Line::Changes).await.is_empty() && !traversal.row().await.is_failing());
    traversal.pass_time(MINUTE * 16);
    traversal.systems.set_fault(Source::Omneo, Part::Api, Some(Fault::Status(404)));
    assert_eq!(traversal.walk_due(Source::Omneo, Line::Changes).await.len(), 1);
    traversal.systems.clear_faults();
    let row = traversal.row().await;
    assert!(row.is_failing() && !row.is_complete() && row.since.is_some() && !row.note.is_empty());
    assert_eq!(
        (row.incremental_watermark, row.last_full_started_at),
        (all.incremental_watermark, all.last_full_started_at),
        "the next one asks from there again"
    );
    traversal.pass_time(MINUTE * 16);
    assert_eq!(traversal.walk_due(Source::Omneo, Line::Changes).await.len(), 5);
    assert!(traversal.is_known("new89@example.org").await && !traversal.row().await.is_failing());
    traversal.stop().await;
}

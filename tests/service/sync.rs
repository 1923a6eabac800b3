//! Sync runs: reading all data of a source.

use std::sync::Arc;

use hookpoint::clock::Clock;
use hookpoint::customer::model::record::{Change, RecordKey, SourceMerge};
use hookpoint::customer::model::source::{Source, SourceKind};
use hookpoint::demo::systems::{
    Envelope, Fault, ObjectKind, PARTICIPANT, Part, SystemOptions, Systems, World,
};
use hookpoint::demo::webhook_signer::Secrets;
use hookpoint::erasure::erase::erase;
use hookpoint::erasure::suppression_file::SuppressionFile;
use hookpoint::jobs::tasks::BackgroundTasks;
use hookpoint::settings::file::{CallSettings, SyncSettings};
use hookpoint::sources::api::{LiveWhen, Stream};
use hookpoint::sources::omnilab::{ExternalIdKinds, is_cancelled};
use hookpoint::sources::{Delivery, ParsedWebhook};
use hookpoint::storage::events::list_events_after;
use hookpoint::storage::sync_runs::cancel_streams;
use hookpoint::storage::sync_streams::{StreamRow, list_streams};
use hookpoint::sync::schedule::{ScheduleKind, run_due_streams};
use hookpoint::sync::{ProgressEvent, RunEnd, SyncMode, SyncRunner};
use hookpoint::upstream::UpstreamClients;
use serde_json::{Value, json};

use crate::support::{TestApp, TestSettings, suppression_file_of};

/// Two systems with some people, an application without webhooks, and the runner of the sync.
pub struct Traversal {
    pub systems: Systems,
    pub world: Arc<World>,
    pub app: TestApp,
    accounts: UpstreamClients,
}

fn contact(n: usize) -> Value {
    json!({
        "id": format!("c{n}"), "firstName": format!("Ann{n}"), "lastName": "Smit", "email": format!("p{n}@example.org"),
        "phone": format!("+316{:08}", 20_000_000 + n), "createdAt": "2026-01-01T09:00:00.000Z", "updatedAt": "2026-01-01T09:00:00.000Z"
    })
}

pub fn profile(n: usize) -> Value {
    json!({
        "id": format!("00000000-0000-4000-8000-{n:012}"), "first_name": "Bo", "last_name": "Smit", "email": format!("b{n}@example.org"),
        "profile_type": "active", "created_at": "2026-01-01 09:00:00", "updated_at": "2026-01-01 09:00:00"
    })
}

impl Traversal {
    pub async fn start(contacts: usize) -> Self {
        let world = Arc::new(World::new(Clock::system()));
        for n in 0..contacts {
            world.put(ObjectKind::Contact, contact(n));
        }
        let terms = SystemOptions { calls: 1_000_000, ..SystemOptions::default() };
        let secrets = Secrets::known();
        let systems = Systems::start(Arc::clone(&world), &secrets, terms, Clock::system()).unwrap();
        let settings = TestSettings::demo()
            .without_sync()
            .api(&systems, Source::OmnioTap, LiveWhen::Off)
            .api(&systems, Source::Omneo, LiveWhen::Off)
            .api(&systems, Source::OmniLab, LiveWhen::Unknown)
            .sources(|sources| {
                let kind = SourceKind::OmnioTapContact.as_str().to_owned();
                sources.omnilab.external_id_kind = ExternalIdKinds::One(kind);
                (sources.omniotap.api.page_size, sources.omneo.api.page_size) = (20, 20);
            });
        let app = TestApp::start_with(settings).await;
        let brands = [Arc::clone(&app.brand)];
        let accounts = UpstreamClients::new(
            app.pool(),
            &brands,
            &CallSettings::default(),
            &BackgroundTasks::new(),
            &app.clock,
        );
        Self { systems, world, app, accounts }
    }

    pub fn runner(&self, source: Source) -> SyncRunner {
        let account = Arc::clone(self.accounts.get(self.app.brand.id(), source).unwrap());
        SyncRunner::new(
            self.app.pool().clone(),
            account,
            &SyncSettings::default(),
            self.app.clock.clone(),
        )
    }

    pub fn stream(&self, source: Source, name: &str) -> Stream {
        *self
            .app
            .brand
            .rules
            .sources
            .api(source)
            .streams()
            .iter()
            .find(|stream| stream.name == name)
            .unwrap()
    }

    pub async fn scan(&self, source: Source, name: &str) -> RunEnd {
        // Records from before the start of a run can be deleted at its end.
        self.app.clock.set(Clock::system().now());
        self.runner(source).scan(self.stream(source, name), SyncMode::Full, &|_| {}).await.unwrap()
    }

    async fn contacts(&self) -> (u64, u64, u64, Option<f32>, String) {
        match self.scan(Source::OmnioTap, "contacts").await {
            RunEnd::Complete { progress, deleted, drift, note, .. } => {
                (progress.scanned, progress.changed, deleted, drift, note)
            }
            other => panic!("{other:?}"),
        }
    }

    pub async fn row_of(&self, stream: &str) -> StreamRow {
        let rows = list_streams(self.app.pool(), self.app.brand.id()).await.unwrap();
        rows.into_iter().find(|row| row.stream == stream).unwrap()
    }

    pub async fn is_known(&self, email: &str) -> bool {
        self.app.wait_until_current().await;
        !self.app.by_email(email).await.is_empty()
    }

    pub async fn stop(self) {
        self.app.stop().await;
        self.systems.stop().await;
    }
}

#[tokio::test]
async fn every_page_is_walked_through_and_a_second_pass_finds_nothing_to_mend() {
    let scan = Traversal::start(47).await;
    assert_eq!(scan.contacts().await, (47, 47, 0, None, String::new()));
    assert!(scan.is_known("p46@example.org").await);
    for envelope in [Envelope::Bare, Envelope::Named, Envelope::Items, Envelope::Pagination] {
        scan.systems.change_options(|terms| terms.envelope = envelope);
        assert_eq!(scan.contacts().await, (47, 0, 0, Some(0.0), String::new()), "{envelope:?}");
    }
    scan.stop().await;
}

#[tokio::test]
async fn what_webhooks_missed_is_found_repaired_and_told() {
    let scan = Traversal::start(40).await;
    scan.contacts().await;
    let mut changed = contact(3);
    changed["email"] = json!("new@example.org");
    changed["updatedAt"] = json!("2026-02-01T09:00:00.000Z");
    scan.world.put(ObjectKind::Contact, changed);
    scan.world.put(ObjectKind::Contact, contact(40));
    scan.world.remove(ObjectKind::Contact, "c7");
    let (scanned, changed, deleted, drift, _) = scan.contacts().await;
    assert_eq!((scanned, changed, deleted), (40, 2, 1));
    assert!((drift.unwrap() - 3.0 / 41.0).abs() < 0.001, "{drift:?}");
    assert!(scan.is_known("new@example.org").await && scan.is_known("p40@example.org").await);
    assert!(!scan.is_known("p3@example.org").await && !scan.is_known("p7@example.org").await);
    scan.stop().await;
}

#[tokio::test]
async fn who_is_missing_from_a_list_but_still_there_stays() {
    let scan = Traversal::start(30).await;
    scan.contacts().await;
    // One item of the list is missed, as if the list had moved while it was read.
    let forget = "create function forget() returns trigger language plpgsql as
        $$ begin if new.key = (select key from noticed order by key limit 1) then return null; end if; return new; end $$";
    for statement in [
        "create table noticed (key bytea)",
        "create function notice() returns trigger language plpgsql as $$ begin insert into noticed values (new.key); return new; end $$",
        "create trigger notices before insert on sync_seen_keys for each row execute function notice()",
    ] {
        sqlx::query(statement).execute(scan.app.pool()).await.unwrap();
    }
    scan.contacts().await;
    sqlx::query("drop trigger notices on sync_seen_keys").execute(scan.app.pool()).await.unwrap();
    sqlx::query(forget).execute(scan.app.pool()).await.unwrap();
    sqlx::query("create trigger forgets before insert on sync_seen_keys for each row execute function forget()")
        .execute(scan.app.pool())
        .await
        .unwrap();
    let (_, _, deleted, ..) = scan.contacts().await;
    assert_eq!(deleted, 0);
    let live: i64 = sqlx::query_scalar("select count(*) from records where live")
        .fetch_one(scan.app.pool())
        .await
        .unwrap();
    assert_eq!(live, 30);
    scan.stop().await;
}

#[tokio::test]
async fn when_too_many_are_gone_a_fault_is_believed() {
    let scan = Traversal::start(60).await;
    scan.contacts().await;
    (0..30).for_each(|n| drop(scan.world.remove(ObjectKind::Contact, &format!("c{n}"))));
    let (_, _, deleted, _, note) = scan.contacts().await;
    assert_eq!(deleted, 0);
    assert!(note.contains("30 of 60"), "{note}");
    assert!(scan.is_known("p0@example.org").await);
    scan.stop().await;
}

#[tokio::test]
async fn whom_the_source_merged_away_is_not_gone() {
    let scan = Traversal::start(0).await;
    scan.world.put(ObjectKind::Profile, profile(1));
    scan.world.put(ObjectKind::Profile, profile(2));
    scan.scan(Source::Omneo, "profiles").await;
    let key = |n: usize| {
        RecordKey::new(SourceKind::OmneoProfile, &format!("00000000-0000-4000-8000-{n:012}"))
            .unwrap()
    };
    let at = "2026-02-01T09:00:00Z".parse().unwrap();
    scan.app.apply(vec![Change::Merge(SourceMerge { loser: key(2), winner: key(1), at })]).await;
    scan.world.remove(ObjectKind::Profile, &key(2).id);
    assert!(scan.is_known("b2@example.org").await);
    assert!(matches!(
        scan.scan(Source::Omneo, "profiles").await,
        RunEnd::Complete { deleted: 0, .. }
    ));
    assert!(scan.is_known("b2@example.org").await, "the loser's address still finds the winner");
    scan.stop().await;
}

#[tokio::test]
async fn one_walks_at_a_time_and_the_next_goes_on_where_the_last_was_lost() {
    let scan = Traversal::start(90).await;
    let stream = scan.stream(Source::OmnioTap, "contacts");
    let (first, second) = (scan.runner(Source::OmnioTap), scan.runner(Source::OmnioTap));
    scan.systems.set_fault(
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
    scan.systems.clear_faults();
    scan.app.clock.set(scan.app.clock.now() + jiff::SignedDuration::from_secs(61));
    scan.systems.clear_request_log();
    let RunEnd::Complete { progress, drift: None, .. } =
        second.scan(stream, SyncMode::Full, &|_| {}).await.unwrap()
    else {
        panic!()
    };
    assert!(
        progress.scanned == 90 && scan.systems.arrivals(Source::OmnioTap).len() <= 4,
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
    scan.systems.set_fault(
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
    scan.systems.clear_faults();
    assert!(matches!(scan.scan(Source::OmnioTap, "contacts").await, RunEnd::Complete { .. }));
    // 404 for the whole list: the address in the settings is wrong.
    scan.systems.set_fault(Source::OmnioTap, Part::Api, Some(Fault::Status(404)));
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
async fn who_was_gone_and_is_there_again_is_known_again_and_the_list_is_walked_once() {
    let scan = Traversal::start(40).await;
    scan.contacts().await;
    scan.world.remove(ObjectKind::Contact, "c7");
    assert_eq!(scan.contacts().await.2, 1);
    assert!(!scan.is_known("p7@example.org").await);
    // With its unchanged timestamp.
    scan.world.put(ObjectKind::Contact, contact(7));
    let (scanned, changed, _, drift, _) = scan.contacts().await;
    assert_eq!((scanned, changed), (40, 1));
    assert!(drift.unwrap() > 0.0);
    assert!(scan.is_known("p7@example.org").await);
    assert_eq!(scan.contacts().await, (40, 0, 0, Some(0.0), String::new()));
    scan.stop().await;
}

#[tokio::test]
async fn a_list_with_somebody_erased_in_it_is_walked_once_and_brings_nobody_back() {
    let scan = Traversal::start(40).await;
    scan.contacts().await;
    let record = RecordKey::new(SourceKind::OmnioTapContact, "c7").unwrap();
    let ledger = SuppressionFile::new(suppression_file_of(&scan.app.database));
    erase(
        scan.app.pool(),
        &scan.app.brand,
        &ledger,
        &[record].into(),
        scan.app.clock.now(),
        &mut |_| (),
    )
    .await
    .unwrap();
    assert_eq!(scan.contacts().await, (40, 0, 0, Some(0.0), String::new()));
    assert!(!scan.is_known("p7@example.org").await);
    scan.stop().await;
}

#[tokio::test]
async fn a_pass_that_was_cancelled_after_its_runner_was_killed_is_not_gone_on_with() {
    let scan = Traversal::start(90).await;
    let stream = scan.stream(Source::OmnioTap, "contacts");
    scan.systems.set_fault(
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
    scan.systems.clear_faults();
    scan.app.clock.set(scan.app.clock.now() + jiff::SignedDuration::from_secs(61));
    scan.systems.clear_request_log();
    let RunEnd::Complete { progress, .. } =
        scan.runner(Source::OmnioTap).scan(stream, SyncMode::Full, &|_| {}).await.unwrap()
    else {
        panic!()
    };
    assert_eq!(progress.scanned, 90, "a new run, from the beginning");
    scan.stop().await;
}

/// Runs everything that is due at a source, as the service does. Returns the number of calls.
async fn walk_due_at(scan: &Traversal, source: Source) -> usize {
    scan.systems.clear_request_log();
    run_due_streams(&scan.runner(source), &SyncSettings::default(), ScheduleKind::Full)
        .await
        .unwrap();
    scan.systems.arrivals(source).len()
}

#[tokio::test]
async fn who_is_asked_about_one_by_one_waits_for_the_list_unless_it_is_broken_and_is_asked_about_once_it_is_there()
 {
    let scan = Traversal::start(3).await;
    assert_eq!(walk_due_at(&scan, Source::OmniLab).await, 0, "the list comes first");
    // 404 for the whole list: the address in the settings is wrong.
    scan.systems.set_fault(Source::OmnioTap, Part::Api, Some(Fault::Status(404)));
    walk_due_at(&scan, Source::OmnioTap).await;
    assert!(!scan.row_of("contacts").await.is_complete());
    walk_due_at(&scan, Source::OmniLab).await;
    let row = scan.row_of("bookings").await;
    assert!(row.is_complete() && row.scanned == 0, "nobody is stored yet");
    scan.systems.clear_faults();
    scan.app.clock.set(scan.app.clock.now() + jiff::SignedDuration::from_mins(16));
    walk_due_at(&scan, Source::OmnioTap).await;
    assert!(
        walk_due_at(&scan, Source::OmniLab).await >= 3,
        "the source is asked about them at once"
    );
    let row = scan.row_of("bookings").await;
    assert!(row.is_complete() && row.scanned == 3, "{}", row.scanned);
    assert_eq!(walk_due_at(&scan, Source::OmniLab).await, 0, "and once");
    scan.stop().await;
}

/// A webhook and an object of OmniLab for the same new booking.
fn appointment(booking: &str, external_id: &str) -> (Delivery, Value) {
    let body = json!({"type": "booking.created.v1", "timestamp": "2026-04-02T08:20:05.507Z", "data": {
        "external_id": external_id, "email": format!("{external_id}@example.org"), "booking": booking, "booking_status": "CONFIRMED",
    }});
    let object = json!({"booking": booking, "booking_status": "CONFIRMED", "booked_at": "2026-04-02T08:20:05.507Z", PARTICIPANT: {"external_id": external_id}});
    let received_at = "2026-04-02T08:20:06Z".parse().unwrap();
    (Delivery { headers: [].into(), body: body.to_string().into_bytes(), received_at }, object)
}

#[tokio::test]
async fn a_booking_under_an_id_of_omnilabs_own_is_mended_too_and_nobody_is_asked_about_twice() {
    let scan = Traversal::start(2).await;
    scan.contacts().await;
    for (booking, external_id) in [("bk_1", "OWN-1"), ("bk_2", "c0")] {
        let (webhook, mut object) = appointment(booking, external_id);
        let reading =
            scan.app.brand.rules.sources.reader(Source::OmniLab).parse_webhook(&webhook).unwrap();
        let ParsedWebhook::Changes(changes) = reading else { panic!("{reading:?}") };
        scan.app.apply(changes).await;
        // The webhook about the cancellation is lost.
        object["booking_status"] = json!("CANCELLED");
        object["cancelled_at"] = json!("2026-04-03T09:00:00.000Z");
        scan.world.put(ObjectKind::Appointment, object);
    }
    scan.systems.clear_request_log();
    let ended = scan.scan(Source::OmniLab, "bookings").await;
    let RunEnd::Complete { progress, .. } = ended else { panic!("{ended:?}") };
    let mut db = scan.app.pool().acquire().await.unwrap();
    let bookings =
        list_events_after(&mut db, scan.app.brand.id(), (Source::OmniLab, "booking"), "", 10)
            .await
            .unwrap();
    drop(db);
    let cancelled: Vec<&str> = bookings
        .iter()
        .filter(|booking| is_cancelled(booking))
        .map(|booking| booking.key.id.as_str())
        .collect();
    assert_eq!(cancelled, ["bk_1", "bk_2"]);
    assert_eq!(
        (progress.scanned, progress.total),
        (3, Some(3)),
        "two contacts, one of them also a participant, and another participant"
    );
    scan.stop().await;
}

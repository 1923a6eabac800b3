//! Walking through what a source has.

use std::sync::Arc;

use hookpoint::app::tasks::Background;
use hookpoint::clock::Clock;
use hookpoint::customer::model::record::{Change, RecordKey, SourceMerge};
use hookpoint::customer::model::source::{Source, SourceKind};
use hookpoint::demo::systems::{CLIENT_ID, Envelope, Fault, PARTICIPANT, Part, Systems, Terms, Thing, World, omnilab};
use hookpoint::demo::webhook_signer::Secrets;
use hookpoint::erasure::erase::erase;
use hookpoint::erasure::suppression_file::LedgerFile;
use hookpoint::settings::file::{CallSettings, SyncSettings};
use hookpoint::sources::api::Stream;
use hookpoint::sources::omnilab::is_cancelled;
use hookpoint::sources::{Delivery, Reading};
use hookpoint::storage::events::list_events_after;
use hookpoint::storage::sync_runs::cancel_streams;
use hookpoint::storage::sync_streams::{StreamRow, list_streams};
use hookpoint::sync::schedule::{Line, walk_due};
use hookpoint::sync::{Ended, Pass, Sign, Walker};
use hookpoint::upstream::Accounts;
use serde_json::{Value, json};

use crate::support::{Options, TestApp, ledger_of};

/// Two systems with some people, an application that isn't told of anybody, and who walks.
pub struct Walk {
    pub systems: Systems,
    pub world: Arc<World>,
    pub app: TestApp,
    accounts: Accounts,
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

impl Walk {
    pub async fn start(contacts: usize) -> Self {
        let world = Arc::new(World::new(Clock::system()));
        for n in 0..contacts {
            world.put(Thing::Contact, contact(n));
        }
        let terms = Terms { calls: 1_000_000, ..Terms::default() };
        let secrets = Secrets::known();
        let systems = Systems::start(Arc::clone(&world), &secrets, terms, Clock::system()).unwrap();
        let api = |source: Source, key: &str| {
            let webhook = format!("[brands.demo.sources.{source}.webhook]");
            let api = format!(
                "[brands.demo.sources.{source}.api]\nbase_url = \"{}\"\n{key} = [{{ env = \"{}\" }}]\ncalls_per_minute = 60000\npage_size = 20\n
[brands.demo.sources.{source}.api.live]\nwhen = \"off\"\n\n{webhook}",
                systems.base_url(source),
                secrets.of_api(source)
            );
            (webhook, api)
        };
        let [tap, omneo] = [api(Source::OmnioTap, "key"), api(Source::Omneo, "token")];
        let webhook = "[brands.demo.sources.omnilab.webhook]";
        let lab = format!(
            "[brands.demo.sources.omnilab]\nexternal_id_kind = \"omniotap.contact\"\n\n[brands.demo.sources.omnilab.api]\nbase_url = \"{}\"
client_id = \"{CLIENT_ID}\"\nclient_secret = [{{ env = \"{}\" }}]\naudience = \"{}\"\ncalls_per_minute = 60000\n\n{webhook}",
            systems.base_url(Source::OmniLab),
            secrets.of_api(Source::OmniLab),
            omnilab::AUDIENCE
        );
        let nobody_else = "[sync]\nbackfill = false\nreconcile_hours = 0\nchanges_minutes = 0\n\n[lookup]".to_owned();
        let leak = |text: String| &*Box::leak(text.into_boxed_str());
        let replace = vec![(leak(tap.0), tap.1), (leak(omneo.0), omneo.1), (webhook, lab), ("[lookup]", nobody_else)];
        let app = TestApp::start_with(Options { replace, ..Options::default() }).await;
        let brands = [Arc::clone(&app.brand)];
        let accounts = Accounts::new(app.pool(), &brands, &CallSettings::default(), &Background::new(), &app.clock);
        Self { systems, world, app, accounts }
    }

    pub fn walker(&self, source: Source) -> Walker {
        let account = Arc::clone(self.accounts.get(self.app.brand.id(), source).unwrap());
        Walker::new(self.app.pool().clone(), account, &SyncSettings::default(), self.app.clock.clone())
    }

    pub fn stream(&self, source: Source, name: &str) -> Stream {
        *self.app.brand.rules.sources.api(source).streams().iter().find(|stream| stream.name == name).unwrap()
    }

    pub async fn walk(&self, source: Source, name: &str) -> Ended {
        // Whatever was said before a pass began can be gone at its end.
        self.app.clock.set(Clock::system().now());
        self.walker(source).walk(self.stream(source, name), Pass::Whole, &|_| {}).await.unwrap()
    }

    async fn contacts(&self) -> (u64, u64, u64, Option<f32>, String) {
        match self.walk(Source::OmnioTap, "contacts").await {
            Ended::Complete { progress, gone, drift, remark, .. } => (progress.walked, progress.news, gone, drift, remark),
            other => panic!("{other:?}"),
        }
    }

    pub async fn row_of(&self, stream: &str) -> StreamRow {
        let rows = list_streams(self.app.pool(), self.app.brand.id()).await.unwrap();
        rows.into_iter().find(|row| row.stream == stream).unwrap()
    }

    pub async fn is_known(&self, email: &str) -> bool {
        self.app.heard().await;
        !self.app.by_email(email).await.is_empty()
    }

    pub async fn stop(self) {
        self.app.stop().await;
        self.systems.stop().await;
    }
}

#[tokio::test]
async fn every_page_is_walked_through_and_a_second_pass_finds_nothing_to_mend() {
    let walk = Walk::start(47).await;
    assert_eq!(walk.contacts().await, (47, 47, 0, None, String::new()));
    assert!(walk.is_known("p46@example.org").await);
    for envelope in [Envelope::Bare, Envelope::Named, Envelope::Items, Envelope::Pagination] {
        walk.systems.change_terms(|terms| terms.envelope = envelope);
        assert_eq!(walk.contacts().await, (47, 0, 0, Some(0.0), String::new()), "{envelope:?}");
    }
    walk.stop().await;
}

#[tokio::test]
async fn what_webhooks_missed_is_found_repaired_and_told() {
    let walk = Walk::start(40).await;
    walk.contacts().await;
    let mut changed = contact(3);
    changed["email"] = json!("new@example.org");
    changed["updatedAt"] = json!("2026-02-01T09:00:00.000Z");
    walk.world.put(Thing::Contact, changed);
    walk.world.put(Thing::Contact, contact(40));
    walk.world.remove(Thing::Contact, "c7");
    let (walked, news, gone, drift, _) = walk.contacts().await;
    assert_eq!((walked, news, gone), (40, 2, 1));
    assert!((drift.unwrap() - 3.0 / 41.0).abs() < 0.001, "{drift:?}");
    assert!(walk.is_known("new@example.org").await && walk.is_known("p40@example.org").await);
    assert!(!walk.is_known("p3@example.org").await && !walk.is_known("p7@example.org").await);
    walk.stop().await;
}

#[tokio::test]
async fn who_is_missing_from_a_list_but_still_there_stays() {
    let walk = Walk::start(30).await;
    walk.contacts().await;
    // One of the list is not noticed: as if the list had moved while it was read.
    let forget = "create function forget() returns trigger language plpgsql as
        $$ begin if new.key = (select key from noticed order by key limit 1) then return null; end if; return new; end $$";
    for statement in [
        "create table noticed (key bytea)",
        "create function notice() returns trigger language plpgsql as $$ begin insert into noticed values (new.key); return new; end $$",
        "create trigger notices before insert on sightings for each row execute function notice()",
    ] {
        sqlx::query(statement).execute(walk.app.pool()).await.unwrap();
    }
    walk.contacts().await;
    sqlx::query("drop trigger notices on sightings").execute(walk.app.pool()).await.unwrap();
    sqlx::query(forget).execute(walk.app.pool()).await.unwrap();
    sqlx::query("create trigger forgets before insert on sightings for each row execute function forget()").execute(walk.app.pool()).await.unwrap();
    let (_, _, gone, ..) = walk.contacts().await;
    assert_eq!(gone, 0);
    let live: i64 = sqlx::query_scalar("select count(*) from records where live").fetch_one(walk.app.pool()).await.unwrap();
    assert_eq!(live, 30);
    walk.stop().await;
}

#[tokio::test]
async fn when_too_many_are_gone_a_fault_is_believed() {
    let walk = Walk::start(60).await;
    walk.contacts().await;
    (0..30).for_each(|n| drop(walk.world.remove(Thing::Contact, &format!("c{n}"))));
    let (_, _, gone, _, remark) = walk.contacts().await;
    assert_eq!(gone, 0);
    assert!(remark.contains("30 of 60"), "{remark}");
    assert!(walk.is_known("p0@example.org").await);
    walk.stop().await;
}

#[tokio::test]
async fn whom_the_source_merged_away_is_not_gone() {
    let walk = Walk::start(0).await;
    walk.world.put(Thing::Profile, profile(1));
    walk.world.put(Thing::Profile, profile(2));
    walk.walk(Source::Omneo, "profiles").await;
    let key = |n: usize| RecordKey::new(SourceKind::OmneoProfile, &format!("00000000-0000-4000-8000-{n:012}")).unwrap();
    let at = "2026-02-01T09:00:00Z".parse().unwrap();
    walk.app.apply(vec![Change::Merge(SourceMerge { loser: key(2), winner: key(1), at })]).await;
    walk.world.remove(Thing::Profile, &key(2).id);
    assert!(walk.is_known("b2@example.org").await);
    assert!(matches!(walk.walk(Source::Omneo, "profiles").await, Ended::Complete { gone: 0, .. }));
    assert!(walk.is_known("b2@example.org").await, "the loser's address still finds the winner");
    walk.stop().await;
}

#[tokio::test]
async fn one_walks_at_a_time_and_the_next_goes_on_where_the_last_was_lost() {
    let walk = Walk::start(90).await;
    let stream = walk.stream(Source::OmnioTap, "contacts");
    let (first, second) = (walk.walker(Source::OmnioTap), walk.walker(Source::OmnioTap));
    walk.systems.set_fault(Source::OmnioTap, Part::Api, Some(Fault::Slow(std::time::Duration::from_millis(200))));
    let reached = tokio::sync::Notify::new();
    let listener = |sign: hookpoint::sync::Sign<'_>| {
        if sign.progress.walked >= 40 {
            reached.notify_one();
        }
    };
    tokio::select! {
        ended = first.walk(stream, Pass::Whole, &listener) => panic!("{ended:?}"),
        () = reached.notified() => {}
    }
    // It was dropped, as by a kill: its lease holds still.
    assert_eq!(second.walk(stream, Pass::Whole, &|_| {}).await.unwrap(), Ended::Elsewhere);
    assert!(walk.row_of("contacts").await.is_first_under_way());
    walk.systems.clear_faults();
    walk.app.clock.set(walk.app.clock.now() + jiff::SignedDuration::from_secs(61));
    walk.systems.forget_arrivals();
    let Ended::Complete { progress, drift: None, .. } = second.walk(stream, Pass::Whole, &|_| {}).await.unwrap() else { panic!() };
    assert!(progress.walked == 90 && walk.systems.arrivals(Source::OmnioTap).len() <= 4, "{progress:?}");
    assert!(walk.is_known("p0@example.org").await && walk.is_known("p89@example.org").await);
    walk.stop().await;
}

#[tokio::test]
async fn a_pass_ends_when_somebody_cancels_it_and_says_why_it_broke() {
    let walk = Walk::start(90).await;
    let stream = walk.stream(Source::OmnioTap, "contacts");
    let (pool, brand_id) = (walk.app.pool().clone(), walk.app.brand.id());
    walk.systems.set_fault(Source::OmnioTap, Part::Api, Some(Fault::Slow(std::time::Duration::from_millis(100))));
    let begun = tokio::sync::Notify::new();
    let walker = walk.walker(Source::OmnioTap);
    let cancel = async {
        begun.notified().await;
        cancel_streams(&pool, brand_id, None, Some("contacts"), walk.app.clock.now()).await.unwrap()
    };
    let listener = |_: Sign<'_>| begun.notify_one();
    let (ended, cancelled) = tokio::join!(walker.walk(stream, Pass::Whole, &listener), cancel);
    assert_eq!((ended.unwrap(), cancelled), (Ended::Cancelled, 1));
    assert!(!walk.row_of("contacts").await.is_first_under_way());
    walk.systems.clear_faults();
    assert!(matches!(walk.walk(Source::OmnioTap, "contacts").await, Ended::Complete { .. }));
    // 404 for the whole list: somebody mistyped the address.
    walk.systems.set_fault(Source::OmnioTap, Part::Api, Some(Fault::Status(404)));
    let Ended::Broken(reason) = walk.walk(Source::OmnioTap, "contacts").await else { panic!() };
    let rows = list_streams(&pool, brand_id).await.unwrap();
    assert!(rows.iter().any(|row| row.remark == reason && row.is_failing() && row.complete_at.is_some()), "{reason}");
    assert!(walk.is_known("p0@example.org").await, "nobody is gone because of that");
    walk.stop().await;
}

#[tokio::test]
async fn who_was_gone_and_is_there_again_is_known_again_and_the_list_is_walked_once() {
    let walk = Walk::start(40).await;
    walk.contacts().await;
    walk.world.remove(Thing::Contact, "c7");
    assert_eq!(walk.contacts().await.2, 1);
    assert!(!walk.is_known("p7@example.org").await);
    // With the time stamp that it always had.
    walk.world.put(Thing::Contact, contact(7));
    let (walked, news, _, drift, _) = walk.contacts().await;
    assert_eq!((walked, news), (40, 1));
    assert!(drift.unwrap() > 0.0);
    assert!(walk.is_known("p7@example.org").await);
    assert_eq!(walk.contacts().await, (40, 0, 0, Some(0.0), String::new()));
    walk.stop().await;
}

#[tokio::test]
async fn a_list_with_somebody_erased_in_it_is_walked_once_and_brings_nobody_back() {
    let walk = Walk::start(40).await;
    walk.contacts().await;
    let record = RecordKey::new(SourceKind::OmnioTapContact, "c7").unwrap();
    let ledger = LedgerFile::new(ledger_of(&walk.app.database));
    erase(walk.app.pool(), &walk.app.brand, &ledger, (&[record].into(), walk.app.clock.now()), &mut |_| ()).await.unwrap();
    assert_eq!(walk.contacts().await, (40, 0, 0, Some(0.0), String::new()));
    assert!(!walk.is_known("p7@example.org").await);
    walk.stop().await;
}

#[tokio::test]
async fn a_pass_that_was_cancelled_after_its_runner_was_killed_is_not_gone_on_with() {
    let walk = Walk::start(90).await;
    let stream = walk.stream(Source::OmnioTap, "contacts");
    walk.systems.set_fault(Source::OmnioTap, Part::Api, Some(Fault::Slow(std::time::Duration::from_millis(200))));
    let reached = tokio::sync::Notify::new();
    let listener = |sign: hookpoint::sync::Sign<'_>| {
        if sign.progress.walked >= 40 {
            reached.notify_one();
        }
    };
    let killed = walk.walker(Source::OmnioTap);
    tokio::select! {
        ended = killed.walk(stream, Pass::Whole, &listener) => panic!("{ended:?}"),
        () = reached.notified() => {}
    }
    assert_eq!(cancel_streams(walk.app.pool(), walk.app.brand.id(), None, None, walk.app.clock.now()).await.unwrap(), 1);
    walk.systems.clear_faults();
    walk.app.clock.set(walk.app.clock.now() + jiff::SignedDuration::from_secs(61));
    walk.systems.forget_arrivals();
    let Ended::Complete { progress, .. } = walk.walker(Source::OmnioTap).walk(stream, Pass::Whole, &|_| {}).await.unwrap() else { panic!() };
    assert_eq!(progress.walked, 90, "a new pass, from the beginning");
    walk.stop().await;
}

/// Walks through what is due at a source, as the service does. Gives back how many calls that took.
async fn walk_due_at(walk: &Walk, source: Source) -> usize {
    walk.systems.forget_arrivals();
    walk_due(&walk.walker(source), &SyncSettings::default(), Line::Whole).await.unwrap();
    walk.systems.arrivals(source).len()
}

#[tokio::test]
async fn who_is_asked_about_one_by_one_waits_for_the_list_unless_it_is_broken_and_is_asked_about_once_it_is_there() {
    let walk = Walk::start(3).await;
    assert_eq!(walk_due_at(&walk, Source::OmniLab).await, 0, "the list comes first");
    // 404 for the whole list: somebody mistyped the address.
    walk.systems.set_fault(Source::OmnioTap, Part::Api, Some(Fault::Status(404)));
    walk_due_at(&walk, Source::OmnioTap).await;
    assert!(!walk.row_of("contacts").await.is_complete());
    walk_due_at(&walk, Source::OmniLab).await;
    let row = walk.row_of("bookings").await;
    assert!(row.is_complete() && row.walked == 0, "nobody is known yet");
    walk.systems.clear_faults();
    walk.app.clock.set(walk.app.clock.now() + jiff::SignedDuration::from_mins(16));
    walk_due_at(&walk, Source::OmnioTap).await;
    assert!(walk_due_at(&walk, Source::OmniLab).await >= 3, "they are asked about at once");
    let row = walk.row_of("bookings").await;
    assert!(row.is_complete() && row.walked == 3, "{}", row.walked);
    assert_eq!(walk_due_at(&walk, Source::OmniLab).await, 0, "and once");
    walk.stop().await;
}

/// A webhook and an object of OmniLab's for a booking of somebody's, as it was made.
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
    let walk = Walk::start(2).await;
    walk.contacts().await;
    for (booking, external_id) in [("bk_1", "OWN-1"), ("bk_2", "c0")] {
        let (webhook, mut object) = appointment(booking, external_id);
        let reading = walk.app.brand.rules.sources.reader(Source::OmniLab).read_webhook(&webhook).unwrap();
        let Reading::Changes(changes) = reading else { panic!("{reading:?}") };
        walk.app.apply(changes).await;
        // The webhook that says so is lost.
        object["booking_status"] = json!("CANCELLED");
        object["cancelled_at"] = json!("2026-04-03T09:00:00.000Z");
        walk.world.put(Thing::Appointment, object);
    }
    walk.systems.forget_arrivals();
    let ended = walk.walk(Source::OmniLab, "bookings").await;
    let Ended::Complete { progress, .. } = ended else { panic!("{ended:?}") };
    let mut db = walk.app.pool().acquire().await.unwrap();
    let bookings = list_events_after(&mut db, walk.app.brand.id(), (Source::OmniLab, "booking"), "", 10).await.unwrap();
    drop(db);
    let cancelled: Vec<&str> = bookings.iter().filter(|booking| is_cancelled(booking)).map(|booking| booking.key.id.as_str()).collect();
    assert_eq!(cancelled, ["bk_1", "bk_2"]);
    assert_eq!((progress.walked, progress.total), (3, Some(3)), "two contacts, one of them also a participant, and another participant");
    walk.stop().await;
}

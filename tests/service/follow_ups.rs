//! Follow-up calls: data that a webhook only refers to is fetched once, however long it takes, and shown.

use std::sync::Arc;
use std::time::Duration;

use hookpoint::clock::Clock;
use hookpoint::customer::model::record::RecordKey;
use hookpoint::customer::model::source::{Source, SourceKind};
use hookpoint::demo::systems::{Fault, ObjectKind, Part, SystemOptions, Systems, World};
use hookpoint::demo::webhook_signer::Secrets;
use hookpoint::erasure::erase::erase;
use hookpoint::erasure::suppression_file::SuppressionFile;
use hookpoint::ingest::apply_reply::apply_reply;
use hookpoint::jobs::tasks::BackgroundTasks;
use hookpoint::settings::file::{CallSettings, SyncSettings};
use hookpoint::sources::api::{ApiRequest, LiveWhen};
use hookpoint::sources::syncaroo::SyncarooRequest;
use hookpoint::storage::delivery_claims::Claim;
use hookpoint::storage::follow_ups::{
    FollowUpCounts, Outcome, claim_follow_ups, count_follow_ups, finish_follow_up,
};
use hookpoint::sync::follow_up::FollowUps;
use hookpoint::upstream::{CallPriority, UpstreamClient, UpstreamClients};
use jiff::ToSpan;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::inbox::{states, work_off};
use crate::support::{Options, TestApp, TestSettings, post, suppression_file_of};

const LOCATION: &str = "61116b1ad9fa63170734b694";
const ROOM: &str = "6140afff1da7a718a6076cea";
const BOOKING: &str = "61c18cf515e22a061cf589b1*1640124000000*1640125800000";
const PROFILE: &str = "0d0ca70c-a072-4134-be05-1a0b4c8f03fc";
const LOSER: &str = "1431f19d-fcb7-4d15-97cd-e427fb8d7906";

/// The called systems, and an application whose workers only run when a test says so.
struct Office {
    systems: Systems,
    world: Arc<World>,
    app: TestApp,
    account: Arc<UpstreamClient>,
    background: BackgroundTasks,
}

impl Office {
    async fn open(source: Source) -> Self {
        Self::open_with(source, CallSettings { breaker_failures: 1_000, ..CallSettings::default() })
            .await
    }

    async fn open_with(source: Source, calls: CallSettings) -> Self {
        let world = Arc::new(World::new(Clock::system()));
        let terms = SystemOptions { names_places: false, ..SystemOptions::default() };
        let systems =
            Systems::start(Arc::clone(&world), &Secrets::known(), terms, Clock::system()).unwrap();
        let settings = TestSettings::demo()
            .without_inbox_workers()
            .without_backfill()
            .without_follow_ups()
            .api(&systems, source, LiveWhen::Off);
        let app = TestApp::start_with(Options {
            skips_verification: true,
            settings,
            ..Options::default()
        })
        .await;
        let background = BackgroundTasks::new();
        let accounts = UpstreamClients::new(
            app.pool(),
            &[Arc::clone(&app.brand)],
            &calls,
            &background,
            &app.clock,
        );
        let account = Arc::clone(accounts.get(app.brand.id(), source).unwrap());
        Self { systems, world, app, account, background }
    }

    fn follow_ups(&self) -> FollowUps {
        let settings = SyncSettings { follow_up_max_attempts: 3, ..SyncSettings::default() };
        FollowUps::new(
            self.app.pool().clone(),
            Arc::clone(&self.account),
            &settings,
            self.app.clock.clone(),
        )
    }

    /// Makes all due follow-up calls.
    async fn follow(&self) {
        while self.follow_ups().step().await.unwrap() > 0 {}
    }

    async fn counts(&self) -> (i64, i64) {
        let counts = count_follow_ups(self.app.pool(), self.app.brand.id()).await.unwrap();
        counts.first().map_or((0, 0), |counts| (counts.waiting, counts.dead))
    }

    async fn receive(&self, source: &str, headers: &[(&str, &str)], body: &Value) {
        let response = post(
            self.app.application.address,
            &format!("/webhooks/demo/{source}"),
            headers,
            body.to_string().as_bytes(),
        )
        .await;
        assert_eq!(response.status, 202, "{}", response.body);
        work_off(&self.app).await;
    }

    /// A webhook about an object of Syncaroo's connection.
    async fn hint(&self, attribute: &str, id: &str, below: &str) {
        let url = format!("{}/555/{below}", self.systems.base_url(Source::Syncaroo));
        let about = json!({"syncarooId": id, "resourceType": "meeting-room", "resourceId": "78430", "attributeType": attribute, "apiUrl": url});
        self.receive("syncaroo", &[], &json!({"connectionId": 555, "webhookType": "data", "locationId": "11980", "metaData": about})).await;
    }

    async fn hint_at_booking(&self) {
        self.hint(
            "bookings",
            &format!("'{BOOKING}"),
            &format!("locations/{LOCATION}/resources/{ROOM}/bookings/{BOOKING}"),
        )
        .await;
    }

    fn book(&self, status: &str, updated_at: &str) {
        self.world.put(ObjectKind::Location, json!({"id": LOCATION, "name": "Amsterdam"}));
        self.name_room("Meeting room Amstel");
        let booking = json!({
            "id": BOOKING, "status": status, "start": "2021-12-21T22:00:00.000Z", "end": "2021-12-21T22:30:00.000Z", "updatedAt": updated_at,
            "resource": {"id": ROOM, "name": "Meeting room Amstel"}, "location": {"id": LOCATION, "name": "Amsterdam"},
            "member": {"id": "mbr_1", "firstName": "Lotte", "lastName": "de Graaf", "email": "lotte@example.org"},
        });
        self.world.put(ObjectKind::Booking, booking);
    }

    fn name_room(&self, name: &str) {
        self.world.put(
            ObjectKind::Resource,
            json!({"id": ROOM, "name": name, "type": "meeting-room", "location": {"id": LOCATION}}),
        );
    }

    /// The first message that an agent sees about the person who booked.
    async fn shown(&self) -> String {
        self.app.wait_until_current().await;
        let found = self.app.by_email("lotte@example.org").await;
        found
            .first()
            .map(|customer| customer["timeline"][0]["message"].as_str().unwrap().to_owned())
            .unwrap_or_default()
    }

    fn calls(&self, source: Source) -> usize {
        self.systems.arrivals(source).len()
    }

    async fn later(&self, seconds: i64) {
        self.app.clock.set(self.app.clock.now() + seconds.seconds());
    }

    async fn close(self) {
        self.background.end().await;
        self.app.stop().await;
        self.systems.stop().await;
    }
}

const SHOWN: &str = "Booked Meeting room Amstel, Amsterdam, 2021-12-21 23:00 to 23:30 (confirmed)";

#[tokio::test]
async fn a_booking_that_a_webhook_hints_at_is_asked_for_and_says_where() {
    let office = Office::open(Source::Syncaroo).await;
    office.book("confirmed", "2021-12-20T09:00:00.000Z");
    office.hint_at_booking().await;
    assert_eq!((office.shown().await.as_str(), office.counts().await), ("", (1, 0)));
    office.follow().await;
    assert_eq!((office.shown().await.as_str(), office.counts().await), (SHOWN, (0, 0)));
    // The names of the places are stored from now on.
    let calls = office.calls(Source::Syncaroo);
    office.book("cancelled", "2021-12-20T10:00:00.000Z");
    office.hint_at_booking().await;
    office.follow().await;
    assert_eq!(office.shown().await, SHOWN.replace("confirmed", "cancelled"));
    assert_eq!(office.calls(Source::Syncaroo), calls + 1);
    office.close().await;
}

#[tokio::test]
async fn a_running_service_asks_by_itself() {
    let world = Arc::new(World::new(Clock::system()));
    let systems = Systems::start(
        Arc::clone(&world),
        &Secrets::known(),
        SystemOptions::default(),
        Clock::system(),
    )
    .unwrap();
    let settings =
        TestSettings::demo().without_backfill().api(&systems, Source::Syncaroo, LiveWhen::Unknown);
    let app =
        TestApp::start_with(Options { skips_verification: true, settings, ..Options::default() })
            .await;
    let background = BackgroundTasks::new();
    let account = UpstreamClients::new(
        app.pool(),
        &[Arc::clone(&app.brand)],
        &CallSettings::default(),
        &background,
        &app.clock,
    );
    let account = Arc::clone(account.get(app.brand.id(), Source::Syncaroo).unwrap());
    let office = Office { systems, world, app, account, background };
    office.book("confirmed", "2021-12-20T09:00:00.000Z");
    office.hint_at_booking().await;
    let query = "key=xyzzy&channelAddressType=email&address=lotte%40example.org";
    office
        .app
        .until(query, |response| response.body.contains("Meeting room Amstel, Amsterdam"))
        .await;
    office.close().await;
}

#[tokio::test]
async fn what_is_hinted_at_often_is_asked_once() {
    let office = Office::open(Source::Syncaroo).await;
    office.book("confirmed", "2021-12-20T09:00:00.000Z");
    for _ in 0..5 {
        office.hint_at_booking().await;
    }
    assert_eq!((states(&office.app).await.len(), office.counts().await), (5, (1, 0)));
    // A call in progress may not include the object of this webhook.
    let claim = Claim {
        token: Uuid::new_v4(),
        frozen_at: Some(office.app.clock.now()),
        lease: Duration::from_secs(60),
        limit: 8,
    };
    assert_eq!(
        claim_follow_ups(office.app.pool(), office.app.brand.id(), Source::Syncaroo, &claim)
            .await
            .unwrap()
            .len(),
        1
    );
    office.hint_at_booking().await;
    assert_eq!(office.counts().await, (2, 0));
    office.follow().await;
    assert_eq!(
        (office.counts().await, office.shown().await.as_str()),
        ((1, 0), SHOWN),
        "another worker has claimed it"
    );
    // The worker that claimed it is gone.
    office.later(61).await;
    office.follow().await;
    assert_eq!(office.counts().await, (0, 0));
    office.close().await;
}

#[tokio::test]
async fn a_stored_request_that_cannot_be_read_any_more_is_dead_at_once() {
    let office = Office::open(Source::Syncaroo).await;
    office.hint_at_booking().await;
    sqlx::query("update follow_ups set request = '{\"syncaroo\": {\"rooms\": {}}}'")
        .execute(office.app.pool())
        .await
        .unwrap();
    office.follow().await;
    assert_eq!(office.counts().await, (0, 1));
    assert!(office.systems.arrivals(Source::Syncaroo).is_empty(), "nothing was asked");
    office.close().await;
}

#[tokio::test]
async fn what_fails_is_asked_again_later_and_given_up_in_the_end() {
    let office = Office::open(Source::Syncaroo).await;
    office.book("confirmed", "2021-12-20T09:00:00.000Z");
    office.systems.set_fault(Source::Syncaroo, Part::Api, Some(Fault::Status(500)));
    office.hint_at_booking().await;
    for (seconds, counts) in [(0, (1, 0)), (0, (1, 0)), (2, (1, 0)), (4, (0, 1)), (10_000, (0, 1))]
    {
        office.later(seconds).await;
        office.follow().await;
        assert_eq!(office.counts().await, counts, "{seconds}");
    }
    let FollowUpCounts { note, .. } =
        count_follow_ups(office.app.pool(), office.app.brand.id()).await.unwrap().remove(0);
    assert_eq!(note, "the source answered with status 500 (tried 3 times)");
    assert_eq!(
        office
            .systems
            .arrivals(Source::Syncaroo)
            .iter()
            .filter(|arrival| arrival.path.contains("bookings"))
            .count(),
        3
    );
    // The next follow-up succeeds, so nothing needs attention any more.
    office.systems.clear_faults();
    office.hint_at_booking().await;
    office.follow().await;
    assert_eq!((office.counts().await, office.shown().await.as_str()), ((0, 0), SHOWN));
    office.close().await;
}

#[tokio::test]
async fn what_fails_while_it_is_hinted_at_again_waits_once() {
    let office = Office::open(Source::Syncaroo).await;
    office.hint_at_booking().await;
    let (pool, brand_id, now) = (office.app.pool(), office.app.brand.id(), office.app.clock.now());
    let claim = Claim {
        token: Uuid::new_v4(),
        frozen_at: Some(now),
        lease: Duration::from_secs(60),
        limit: 8,
    };
    let claimed =
        claim_follow_ups(pool, brand_id, Source::Syncaroo, &claim).await.unwrap().remove(0);
    office.hint_at_booking().await;
    assert_eq!(office.counts().await, (2, 0));
    let again = Outcome::Retry(now + 1.hours(), "the source answered with status 500".to_owned());
    finish_follow_up(pool, brand_id, claimed.follow_up_id, claim.token, &again).await.unwrap();
    assert_eq!(office.counts().await, (1, 0));
    assert_eq!(
        claim_follow_ups(pool, brand_id, Source::Syncaroo, &claim).await.unwrap().len(),
        1,
        "the new one, at once"
    );
    office.close().await;
}

#[tokio::test]
async fn an_account_that_is_left_alone_uses_up_no_attempt() {
    let office = Office::open_with(
        Source::Syncaroo,
        CallSettings { breaker_failures: 1, breaker_open_seconds: 600, ..CallSettings::default() },
    )
    .await;
    office.book("confirmed", "2021-12-20T09:00:00.000Z");
    office.systems.set_fault(Source::Syncaroo, Part::Api, Some(Fault::Status(500)));
    office.hint_at_booking().await;
    for _ in 0..20 {
        office.follow().await;
        office.later(10).await;
    }
    assert_eq!(office.counts().await, (1, 0));
    assert_eq!(
        office
            .systems
            .arrivals(Source::Syncaroo)
            .iter()
            .filter(|arrival| arrival.path.contains("bookings"))
            .count(),
        1
    );
    let (attempts,): (i32,) = sqlx::query_as("select attempts from follow_ups")
        .fetch_one(office.app.pool())
        .await
        .unwrap();
    assert_eq!(attempts, 1);
    office.close().await;
}

#[tokio::test]
async fn a_booking_that_is_gone_is_shown_no_more() {
    let office = Office::open(Source::Syncaroo).await;
    office.book("confirmed", "2021-12-20T09:00:00.000Z");
    office.hint_at_booking().await;
    office.follow().await;
    assert_eq!(office.shown().await, SHOWN);
    office.world.remove(ObjectKind::Booking, BOOKING);
    office.hint_at_booking().await;
    // The source's data is newer than the webhook.
    office.later(1).await;
    office.follow().await;
    office.app.wait_until_current().await;
    assert_eq!(office.app.by_email("lotte@example.org").await[0]["timeline"], json!([]));
    office.close().await;
}

#[tokio::test]
async fn a_url_that_leads_elsewhere_is_not_followed() {
    let office = Office::open(Source::Syncaroo).await;
    let elsewhere = office.systems.base_url(Source::Omneo);
    let about = json!({"syncarooId": BOOKING, "attributeType": "bookings", "apiUrl": format!("{elsewhere}/profiles")});
    office.receive("syncaroo", &[], &json!({"connectionId": 555, "metaData": about})).await;
    office.follow().await;
    assert_eq!((office.counts().await, office.calls(Source::Omneo)), ((0, 1), 0));
    office.close().await;
}

#[tokio::test]
async fn when_a_room_gets_another_name_bookings_say_so() {
    let office = Office::open(Source::Syncaroo).await;
    office.book("confirmed", "2021-12-20T09:00:00.000Z");
    office.hint_at_booking().await;
    office.follow().await;
    for name in ["Meeting room IJ", "Boardroom", "Meeting room Amstel"] {
        office.name_room(name);
        office.hint("resources", ROOM, &format!("locations/{LOCATION}/resources/{ROOM}")).await;
        office.follow().await;
        assert_eq!(office.shown().await, SHOWN.replace("Meeting room Amstel", name));
    }
    // A later response about the booking still wins, and contains the name at that time.
    office.name_room("Library");
    let resources = office
        .account
        .call(
            &ApiRequest::from(SyncarooRequest::Resources {
                location: LOCATION.to_owned(),
                page_url: None,
            }),
            CallPriority::Backfill,
            Duration::from_secs(5),
        )
        .await
        .unwrap();
    apply_reply(
        office.app.pool(),
        &office.account,
        CallPriority::Backfill,
        Duration::from_secs(5),
        &resources,
    )
    .await
    .unwrap();
    assert_eq!(office.shown().await, SHOWN.replace("Meeting room Amstel", "Library"));
    office.close().await;
}

#[tokio::test]
async fn a_room_that_is_gone_is_an_answer() {
    let office = Office::open(Source::Syncaroo).await;
    office.hint("resources", ROOM, &format!("locations/{LOCATION}/resources/{ROOM}")).await;
    assert_eq!(office.counts().await, (1, 0));
    office.follow().await;
    assert_eq!(office.counts().await, (0, 0), "nothing is wrong with the settings' pointers");
    office.close().await;
}

#[tokio::test]
async fn a_name_that_cannot_be_had_now_comes_later() {
    let office = Office::open(Source::Syncaroo).await;
    office.book("confirmed", "2021-12-20T09:00:00.000Z");
    office.world.remove(ObjectKind::Resource, ROOM);
    office.hint_at_booking().await;
    office.follow().await;
    assert_eq!(office.shown().await, SHOWN.replace("Meeting room Amstel", "meeting room"));
    office.name_room("Meeting room Amstel");
    office.hint("resources", ROOM, &format!("locations/{LOCATION}/resources/{ROOM}")).await;
    office.follow().await;
    assert_eq!(office.shown().await, SHOWN);
    office.close().await;
}

fn profile(id: &str, email: &str) -> Value {
    json!({"id": id, "first_name": "Lotte", "last_name": "de Graaf", "email": email, "created_at": "2024-06-01 10:15:02", "updated_at": "2026-07-15 11:00:05"})
}

/// A merge whose webhook names only the winner.
async fn merge(office: &Office) {
    let merged = ("x-omneo-event", "profile.merged");
    office.world.put(ObjectKind::Profile, profile(PROFILE, "lotte@example.org"));
    let identity = json!({
        "id": 5177, "profile_id": PROFILE, "handle": "ecommerce", "identifier": "EC-20931", "is_active": true, "merged_from": LOSER,
        "created_at": "2025-01-09 18:22:10", "updated_at": "2026-07-15 11:00:05",
    });
    office.world.put(ObjectKind::Identity, identity);
    office
        .receive(
            "omneo",
            &[("x-omneo-event", "profile.created")],
            &profile(LOSER, "old@example.org"),
        )
        .await;
    office
        .receive("omneo", &[merged], &json!({"id": PROFILE, "updated_at": "2026-07-15 11:00:05"}))
        .await;
}

#[tokio::test]
async fn a_merge_is_read_again_with_whom_it_was_of() {
    let office = Office::open(Source::Omneo).await;
    merge(&office).await;
    assert_eq!(office.counts().await, (2, 0));
    office.follow().await;
    office.app.wait_until_current().await;
    assert_eq!(office.counts().await, (0, 0));
    let by_loser = office.app.by_id(LOSER).await;
    assert_eq!(by_loser[0]["customerID"], json!(PROFILE));
    office.close().await;
}

#[tokio::test]
async fn what_is_to_be_asked_about_somebody_goes_with_an_erasure() {
    let office = Office::open(Source::Omneo).await;
    merge(&office).await;
    office
        .receive(
            "omneo",
            &[("x-omneo-event", "profile.merged")],
            &json!({"id": "another", "updated_at": "2026-07-15 11:00:05"}),
        )
        .await;
    assert_eq!(office.counts().await, (4, 0));
    let ledger = SuppressionFile::new(suppression_file_of(&office.app.database));
    let key = RecordKey::new(SourceKind::OmneoProfile, PROFILE).unwrap();
    erase(
        office.app.pool(),
        &office.app.brand,
        &ledger,
        &[key].into(),
        office.app.clock.now(),
        &mut |_| (),
    )
    .await
    .unwrap();
    assert_eq!(office.counts().await, (2, 0));
    office.follow().await;
    office.app.wait_until_current().await;
    assert!(office.app.by_email("lotte@example.org").await.is_empty());
    office.close().await;
}

#[tokio::test]
async fn a_source_that_is_not_called_leaves_nothing_to_ask() {
    let office = Office::open(Source::Omneo).await;
    office.hint_at_booking().await;
    assert_eq!(office.counts().await, (0, 0));
    office.close().await;
}

/// An unsigned deletion and an old body that is sent again both lead to a call.
#[tokio::test]
async fn a_deletion_that_only_a_header_tells_and_an_old_body_are_asked_about() {
    let office = Office::open(Source::Omneo).await;
    let profile = |points: i32| json!({"id": PROFILE, "first_name": "Lotte", "last_name": "de Graaf", "email": "lotte@example.org", "point_balance": points});
    let now_there = |points: i32| office.world.put(ObjectKind::Profile, profile(points));
    let say = async |event: &str, body: &Value| {
        office.later(60).await;
        office.receive("omneo", &[("x-omneo-event", event)], body).await;
        office.later(60).await;
    };
    let points = async || {
        office.app.wait_until_current().await;
        office
            .app
            .by_email("lotte@example.org")
            .await
            .first()
            .map(|customer| customer["customFields"].to_string())
            .unwrap_or_default()
    };
    now_there(10);
    say("profile.updated", &profile(10)).await;
    say("profile.updated", &profile(20)).await;
    assert!(points().await.contains("20"));
    // The value changed back: the source is called, and confirms it.
    let stored = states(&office.app).await.len();
    say("profile.updated", &profile(10)).await;
    assert_eq!(states(&office.app).await.len(), stored);
    office.follow().await;
    assert!(points().await.contains("10"), "{}", points().await);
    // And back once more.
    now_there(20);
    say("profile.updated", &profile(20)).await;
    office.follow().await;
    assert!(points().await.contains("20"), "{}", points().await);
    now_there(10);
    say("profile.updated", &profile(10)).await;
    office.follow().await;
    // A deletion without a signature: the profile still exists.
    say("profile.deleted", &profile(10)).await;
    office.follow().await;
    assert!(points().await.contains("10"));
    // Now it is deleted.
    office.world.remove(ObjectKind::Profile, PROFILE);
    say(
        "profile.deleted",
        &json!({"id": PROFILE, "first_name": "Lotte", "email": "lotte@example.org"}),
    )
    .await;
    office.follow().await;
    assert_eq!(points().await, "");
    office.close().await;
}

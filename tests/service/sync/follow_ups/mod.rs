//! Follow-up calls: data that a webhook only refers to is fetched once, however long it takes, and shown.

mod bookings;
mod profiles;
mod retries;

use std::sync::Arc;
use std::time::Duration;

use hookpoint::clock::Clock;
use hookpoint::customer::model::record::RecordKey;
use hookpoint::customer::model::source::{Source, SourceKind};
use hookpoint::demo::simulators::{
    Fault, ObjectKind, Part, SimulatedData, SimulatorOptions, Simulators,
};
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

use self::bookings::SHOWN;
use crate::inbox::{states, work_off};
use crate::support::{Options, TestApp, TestSettings, post, suppression_file_of};

const LOCATION: &str = "61116b1ad9fa63170734b694";

const ROOM: &str = "6140afff1da7a718a6076cea";

const BOOKING: &str = "61c18cf515e22a061cf589b1*1640124000000*1640125800000";

/// The called systems, and an application whose workers only run when a test says so.
struct FollowUpFixture {
    simulators: Simulators,
    data: Arc<SimulatedData>,
    app: TestApp,
    account: Arc<UpstreamClient>,
    background: BackgroundTasks,
}

impl FollowUpFixture {
    async fn open(source: Source) -> Self {
        Self::open_with(source, CallSettings { breaker_failures: 1_000, ..CallSettings::default() })
            .await
    }

    async fn open_with(source: Source, calls: CallSettings) -> Self {
        let data = Arc::new(SimulatedData::new(Clock::system()));
        let options = SimulatorOptions { names_places: false, ..SimulatorOptions::default() };
        let simulators =
            Simulators::start(Arc::clone(&data), &Secrets::known(), options, Clock::system())
                .unwrap();
        let settings = TestSettings::demo()
            .without_inbox_workers()
            .without_backfill()
            .without_follow_ups()
            .api(&simulators, source, LiveWhen::Off);
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
        Self { simulators, data, app, account, background }
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
        let url = format!("{}/555/{below}", self.simulators.base_url(Source::Syncaroo));
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
        self.data.put(ObjectKind::Location, json!({"id": LOCATION, "name": "Amsterdam"}));
        self.name_room("Meeting room Amstel");
        let booking = json!({
            "id": BOOKING, "status": status, "start": "2021-12-21T22:00:00.000Z", "end": "2021-12-21T22:30:00.000Z", "updatedAt": updated_at,
            "resource": {"id": ROOM, "name": "Meeting room Amstel"}, "location": {"id": LOCATION, "name": "Amsterdam"},
            "member": {"id": "mbr_1", "firstName": "Lotte", "lastName": "de Graaf", "email": "lotte@example.org"},
        });
        self.data.put(ObjectKind::Booking, booking);
    }

    fn name_room(&self, name: &str) {
        self.data.put(
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
        self.simulators.logged_requests(source).len()
    }

    async fn later(&self, seconds: i64) {
        self.app.clock.set(self.app.clock.now() + seconds.seconds());
    }

    async fn close(self) {
        self.background.end().await;
        self.app.stop().await;
        self.simulators.stop().await;
    }
}

#[tokio::test]
async fn a_running_service_asks_by_itself() {
    let data = Arc::new(SimulatedData::new(Clock::system()));
    let simulators = Simulators::start(
        Arc::clone(&data),
        &Secrets::known(),
        SimulatorOptions::default(),
        Clock::system(),
    )
    .unwrap();
    let settings = TestSettings::demo().without_backfill().api(
        &simulators,
        Source::Syncaroo,
        LiveWhen::Unknown,
    );
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
    let fixture = FollowUpFixture { simulators, data, app, account, background };
    fixture.book("confirmed", "2021-12-20T09:00:00.000Z");
    fixture.hint_at_booking().await;
    let query = "key=xyzzy&channelAddressType=email&address=lotte%40example.org";
    fixture
        .app
        .until(query, |response| response.body.contains("Meeting room Amstel, Amsterdam"))
        .await;
    fixture.close().await;
}

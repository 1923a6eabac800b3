//! Sync runs: reading all data of a source.

mod follow_ups;
mod full;
mod incremental;
mod interrupted;
mod per_record;

use std::sync::Arc;

use hookpoint::clock::Clock;
use hookpoint::customer::model::record::{Change, RecordKey, SourceMerge};
use hookpoint::customer::model::source::{Source, SourceKind};
use hookpoint::demo::simulators::{
    Envelope, Fault, ObjectKind, PARTICIPANT, Part, SimulatedData, SimulatorOptions, Simulators,
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
pub struct SyncFixture {
    pub simulators: Simulators,
    pub data: Arc<SimulatedData>,
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

impl SyncFixture {
    pub async fn start(contacts: usize) -> Self {
        let data = Arc::new(SimulatedData::new(Clock::system()));
        for n in 0..contacts {
            data.put(ObjectKind::Contact, contact(n));
        }
        let options = SimulatorOptions { calls: 1_000_000, ..SimulatorOptions::default() };
        let secrets = Secrets::known();
        let simulators =
            Simulators::start(Arc::clone(&data), &secrets, options, Clock::system()).unwrap();
        let settings = TestSettings::demo()
            .without_sync()
            .api(&simulators, Source::OmnioTap, LiveWhen::Off)
            .api(&simulators, Source::Omneo, LiveWhen::Off)
            .api(&simulators, Source::OmniLab, LiveWhen::Unknown)
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
        Self { simulators, data, app, accounts }
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
        self.simulators.stop().await;
    }
}

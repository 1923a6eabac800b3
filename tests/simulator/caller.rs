//! A brand with accounts at the test's systems, on a database of its own.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use hookpoint::app::open_brands;
use hookpoint::brand::Brand;
use hookpoint::customer::model::source::Source;
use hookpoint::demo;
use hookpoint::jobs::tasks::BackgroundTasks;
use hookpoint::settings::file::CallSettings;
use hookpoint::sources::api::{ApiConnector, ApiRequest, ParsedReply};
use hookpoint::storage::database::{Database, PoolSize};
use hookpoint::upstream::{CallError, CallPriority, UpstreamClient, UpstreamClients};

use crate::service_support::database;
use crate::support::SimulatorFixture;

/// Longer than any call may take here. A call that takes this long counts as endless.
pub const WITHOUT_END: Duration = Duration::from_secs(60);

/// Simulated systems, and a replica that calls them.
pub struct Caller {
    pub fixture: SimulatorFixture,
    pub brand: Arc<Brand>,
    accounts: UpstreamClients,
    background: BackgroundTasks,
    database: Database,
}

impl Caller {
    pub async fn open(fixture: SimulatorFixture) -> Self {
        let text = demo::connected(&fixture.simulators);
        let settings = demo::settings(&text, &fixture.secrets)
            .unwrap_or_else(|mistakes| panic!("{mistakes:?}"));
        assert!(settings.missing.is_empty());
        let size =
            PoolSize { connections: 6, acquire_timeout: Duration::from_secs(10), statement: None };
        let database = Database::open(&database().await.0, size, false).await.unwrap();
        let brand = open_brands(&database.pool, settings.brands)
            .await
            .unwrap()
            .into_values()
            .next()
            .unwrap();
        let background = BackgroundTasks::new();
        // Faults must reach the client, so limits and the circuit breaker are generous.
        let calls = CallSettings {
            response_timeout_ms: 500,
            total_timeout_ms: 1_000,
            max_response_kilobytes: 1_024,
            breaker_failures: 10_000,
            ..CallSettings::default()
        };
        let accounts = UpstreamClients::new(
            &database.pool,
            &[Arc::clone(&brand)],
            &calls,
            &background,
            &fixture.clock,
        );
        Self { fixture, brand, accounts, background, database }
    }

    pub fn api(&self, source: Source) -> &dyn ApiConnector {
        self.brand.rules.sources.api(source)
    }

    fn account(&self, source: Source) -> &Arc<UpstreamClient> {
        self.accounts.get(self.brand.id(), source).unwrap()
    }

    pub async fn call(
        &self,
        source: Source,
        ask: &ApiRequest,
    ) -> Result<Arc<ParsedReply>, CallError> {
        let call = self.account(source).call(ask, CallPriority::Live, Duration::from_secs(20));
        tokio::time::timeout(WITHOUT_END, call).await.expect("a call ends")
    }

    /// Reads all pages of a list. Returns the items and the number of pages.
    pub async fn scan(&self, source: Source, first: ApiRequest) -> (Vec<String>, usize) {
        let (mut there, mut pages, mut ask, mut asked) =
            (Vec::new(), 0, Some(first), BTreeSet::new());
        while let Some(next) = ask {
            assert!(asked.insert(next.clone()), "each page is requested once");
            let parsed =
                self.call(source, &next).await.unwrap_or_else(|error| panic!("{source}: {error}"));
            there.extend(parsed.there.iter().cloned());
            pages += 1;
            ask = parsed.next.clone();
        }
        (there, pages)
    }

    /// The first request of a stream that is a list.
    pub fn first(&self, source: Source, stream: &str) -> ApiRequest {
        self.api(source).first(stream, None).unwrap()
    }

    /// Stops, and asserts that nothing is left.
    pub async fn close(self) {
        for source in Source::ALL {
            for _ in 0..1_000 {
                if self.account(source).calls_in_flight() == 0 {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            assert_eq!(self.account(source).calls_in_flight(), 0, "{source}");
        }
        tokio::time::timeout(WITHOUT_END, self.background.end()).await.expect("all tasks end");
        self.database.close().await;
        self.fixture.close().await;
    }
}

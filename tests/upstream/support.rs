//! One Postgres for the test process, a database for each test, and accounts whose API sends exactly the requests of
//! the tests.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hookpoint::app::open_brands;
use hookpoint::brand::Brand;
use hookpoint::clock::Clock;
use hookpoint::customer::model::field_versions::FieldVersions;
use hookpoint::customer::model::record::Record;
use hookpoint::customer::model::source::{Source, SourceKind};
use hookpoint::jobs::tasks::BackgroundTasks;
use hookpoint::settings::Settings;
use hookpoint::settings::file::CallSettings;
use hookpoint::sources::api::{
    AccountRules, ApiConnector, ApiRequest, Credential, LiveSettings, LookupTarget, ParsedReply,
    Reply, Request, Stream, Target,
};
use hookpoint::sources::omnilab::OmniLabRequest;
use hookpoint::sources::secret::Secret;
use hookpoint::sources::syncaroo::{PlaceKind, SyncarooRequest};
use hookpoint::sources::{Delivery, Unreadable};
use hookpoint::storage::database::{Database, PoolSize};
use hookpoint::storage::pool::Pool;
use hookpoint::upstream::{CallError, CallPriority, UpstreamClient, UpstreamClientFactory, Window};
use jiff::Timestamp;
use reqwest::Certificate;
use serde_json::json;

pub use crate::cluster::database;
use crate::cluster::place;

/// The API key of every test's account.
pub const TOKEN: &str = "the-token-of-the-tests";

/// The current time in tests.
pub fn now() -> Timestamp {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

pub async fn open(database: &str) -> Database {
    let size =
        PoolSize { connections: 6, acquire_timeout: Duration::from_secs(60), statement: None };
    Database::open(&place(database), size, false).await.unwrap()
}

/// An API whose requests are paths, URLs and posted bodies, and whose parsed replies are the bodies.
struct Plain;

impl ApiConnector for Plain {
    fn streams(&self) -> &'static [Stream] {
        &[]
    }

    fn records_of(&self, _: &str) -> BTreeSet<SourceKind> {
        BTreeSet::new()
    }

    fn first(&self, _: &str, _: Option<Timestamp>) -> Option<ApiRequest> {
        None
    }

    fn each(&self, _: &str, _: &str, _: &FieldVersions) -> Option<ApiRequest> {
        None
    }

    fn find(&self, _: &LookupTarget, _: &[Record]) -> Vec<ApiRequest> {
        Vec::new()
    }

    fn confirm(&self, _: &Record) -> Option<ApiRequest> {
        None
    }

    fn after_webhook(&self, _: &Delivery) -> Vec<ApiRequest> {
        Vec::new()
    }

    fn request(&self, ask: &ApiRequest) -> Option<Request> {
        let below = |about: &str| Target::Below(format!("/{about}"));
        match ask {
            ApiRequest::OmniLab(OmniLabRequest::Bookings { external_id, .. }) => {
                Some(Request::get(below(external_id)))
            }
            ApiRequest::Syncaroo(SyncarooRequest::Place { url, .. }) => {
                Some(Request::get(Target::Given(url.clone())))
            }
            ApiRequest::OmniLab(OmniLabRequest::CancelBooking { booking }) => Some(Request {
                body: Some(json!({ "about": booking })),
                target: below(booking),
                is_repeatable: false,
            }),
            _ => None,
        }
    }

    fn read(&self, _: &ApiRequest, reply: &Reply) -> Result<ParsedReply, Unreadable> {
        let body = if reply.is_missing { "missing".to_owned() } else { reply.body.to_string() };
        if body.contains("unreadable") {
            Err(Unreadable::Missing("sense"))
        } else {
            Ok(ParsedReply { there: vec![body], ..ParsedReply::default() })
        }
    }
}

/// The request that [`Plain`] sends: "get" and "post" to a path, "given" to a URL. It knows no others.
pub fn request(what: &str, about: &str) -> ApiRequest {
    match what {
        "get" => OmniLabRequest::bookings_of(about).into(),
        "post" => OmniLabRequest::cancelling(about).into(),
        "given" => {
            SyncarooRequest::Place { kind: PlaceKind::Location, url: about.to_owned() }.into()
        }
        _ => SyncarooRequest::Locations { page_url: None }.into(),
    }
}

/// A replica with an account.
pub struct Replica {
    pub database: Database,
    pub brand: Arc<Brand>,
    pub background: BackgroundTasks,
    pub account: Arc<UpstreamClient>,
}

/// The differences between an account and the usual one.
#[derive(Clone)]
pub struct Options {
    pub calls: u32,
    pub window: Window,
    pub credential: Credential,
    pub origins: Vec<String>,
    pub settings: CallSettings,
    /// A trusted authority in addition to those of the machine.
    pub authority: Option<Certificate>,
}

impl Default for Options {
    fn default() -> Self {
        // A busy machine must not turn an answer into a time-out.
        let settings = CallSettings {
            connect_timeout_ms: 20_000,
            response_timeout_ms: 20_000,
            total_timeout_ms: 20_000,
            max_response_kilobytes: 64,
            ..CallSettings::default()
        };
        let credential = Credential::Bearer(Secret::new(TOKEN.into()));
        Self {
            calls: 60_000,
            window: Window::MINUTE,
            credential,
            origins: Vec::new(),
            settings,
            authority: None,
        }
    }
}

impl Replica {
    pub async fn start(base_url: &str, options: Options) -> Self {
        Self::start_on(&database().await, base_url, options).await
    }

    pub async fn start_on(name: &str, base_url: &str, options: Options) -> Self {
        let database = open(name).await;
        let settings = Settings::parse("[brands.demo]", Path::new("test.toml"))
            .unwrap_or_else(|mistakes| panic!("{mistakes:?}"));
        let brand = open_brands(&database.pool, settings.brands)
            .await
            .unwrap()
            .into_values()
            .next()
            .unwrap();
        let background = BackgroundTasks::new();
        let factory = UpstreamClientFactory::new(
            &database.pool,
            &options.settings,
            options.window,
            &background,
            &Clock::frozen(now()),
        );
        let factory = options.authority.into_iter().fold(factory, UpstreamClientFactory::trusting);
        let rules = AccountRules {
            base_url: base_url.to_owned(),
            origins: options.origins,
            credential: options.credential,
            calls_per_minute: options.calls,
            live: LiveSettings::default(),
        };
        let account = factory.open(&brand, Source::OmnioTap, &rules, Some(Arc::new(Plain)));
        Self { database, brand, background, account }
    }

    pub fn pool(&self) -> &Pool {
        &self.database.pool
    }

    /// Makes a call, and returns the body.
    pub async fn ask(&self, what: &str, about: &str) -> Result<String, CallError> {
        self.ask_as(CallPriority::Live, what, about).await
    }

    pub async fn ask_as(
        &self,
        priority: CallPriority,
        what: &str,
        about: &str,
    ) -> Result<String, CallError> {
        let result =
            self.account.call(&request(what, about), priority, Duration::from_secs(20)).await?;
        Ok(result.there.concat())
    }

    /// Stops, and asserts that nothing is left.
    pub async fn stop(self) {
        until("nothing is under way", || self.account.calls_in_flight() == 0).await;
        tokio::time::timeout(Duration::from_secs(60), self.background.end())
            .await
            .expect("all tasks end");
        self.database.close().await;
    }
}

/// Waits until a condition is true: it becomes true soon, but not at once.
pub async fn until(what: &str, is_so: impl Fn() -> bool) {
    for _ in 0..6_000 {
        if is_so() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("not in time: {what}");
}

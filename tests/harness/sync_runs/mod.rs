//! Checks that all data of a source is stored in the end: a backfill while replicas are killed repeatedly and webhooks
//! arrive, lost webhooks, and a rate limit that two replicas share.

pub mod backfill;
pub mod rate_limit;
pub mod speed;

use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hookpoint::clock::Clock;
use hookpoint::customer::model::field_versions::FieldVersions;
use hookpoint::customer::model::record::{Change, RecordKey};
use hookpoint::customer::model::source::{Source, SourceKind};
use hookpoint::demo::simulators::{ObjectKind, SimulatedData, SimulatorOptions, Simulators};
use hookpoint::demo::webhook_signer::Secrets;
use hookpoint::sources::SourceSettings;
use hookpoint::sources::api::{ApiConnector, Reply};
use hookpoint::storage::pool::Pool;
use hookpoint::storage::records::list_records_after;
use hookpoint::storage::sync_streams::{StreamRow, list_streams};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::client::{Answer, Load, RequestGenerator};
use super::lookups::{LookupTarget, Lookups};
use super::replica::{Replica, ReplicaSettings};
use super::report::Report;
use super::rng::Rng;
use super::settings::TestSettings;
use super::{Harness, Shop};

/// The size of the scenario.
#[derive(Clone, Copy)]
pub struct Collection {
    pub contacts: usize,
    /// Replicas killed during the scan.
    pub kills: usize,
    /// Changes during the scan.
    pub changes: usize,
    /// Changes after the scan. One in twenty of their webhooks is lost.
    pub later_changes: usize,
    pub seed: u64,
}

impl Collection {
    /// Small, for a quick check.
    pub const SHORT: Self =
        Self { contacts: 1_500, kills: 2, changes: 150, later_changes: 200, seed: 7 };

    /// The size for which the results are promised.
    pub const FULL: Self =
        Self { contacts: 100_000, kills: 5, changes: 5_000, later_changes: 5_000, seed: 7 };
}

/// The timeout of every wait.
const TIMEOUT: Duration = Duration::from_secs(600);

const BRAND: &str = "demo";

/// Settings of a brand whose CRM has an API.
fn brand(simulators: &Simulators, calls_per_minute: u32, live: &str) -> String {
    format!(
        "[brands.{BRAND}]
custom_fields = [{{ name = \"company\", value = \"{{{{ omniotap.company }}}}\" }}]
[brands.{BRAND}.sources.omniotap.webhook]
verification = \"signature\"
secrets = [{{ env = \"OMNIOTAP_SECRET\" }}]
[brands.{BRAND}.sources.omniotap.api]
base_url = \"{}\"
key = [{{ env = \"OMNIOTAP_API\" }}]
calls_per_minute = {calls_per_minute}
page_size = 100
[brands.{BRAND}.sources.omniotap.api.live]
when = \"{live}\"
",
        simulators.base_url(Source::OmnioTap)
    )
}

pub fn environment(secrets: &Secrets) -> Vec<(String, String)> {
    vec![
        ("OMNIOTAP_SECRET".to_owned(), "demo-secret-omniotap".to_owned()),
        ("OMNIOTAP_API".to_owned(), secrets.of_api(Source::OmnioTap)),
    ]
}

/// A replica with this brand.
fn replica_settings(brand: &str, secrets: &Secrets) -> ReplicaSettings {
    ReplicaSettings {
        environment: environment(secrets),
        ..ReplicaSettings::of(TestSettings::parse(brand))
    }
}

/// A contact of the CRM.
pub fn contact(n: usize, version: usize, at: Timestamp) -> Value {
    json!({
        "id": format!("c{n}"), "firstName": format!("Ann{n}"), "lastName": "Smit", "email": format!("p{n}@example.org"),
        "phone": format!("+316{:08}", 10_000_000 + n), "company": format!("Company {version}"),
        "createdAt": "2024-03-01T09:00:00.000Z", "updatedAt": at.to_string()
    })
}

/// A data with this many contacts, created long ago.
pub fn data(contacts: usize) -> Arc<SimulatedData> {
    let data = Arc::new(SimulatedData::new(Clock::system()));
    let at: Timestamp = "2025-01-01T09:00:00Z".parse().unwrap();
    for n in 0..contacts {
        data.put(ObjectKind::Contact, contact(n, 0, at));
    }
    data
}

/// A rate limit that is never reached.
pub fn generous() -> SimulatorOptions {
    SimulatorOptions { calls: 1_000_000, window_seconds: 60, ..SimulatorOptions::default() }
}

async fn stream_of(pool: &Pool, brand_id: i32) -> Option<StreamRow> {
    list_streams(pool, brand_id).await.unwrap().into_iter().find(|row| row.stream == "contacts")
}

/// Waits until a run that began after `since` has read all contacts.
async fn wait_until_complete(pool: &Pool, brand_id: i32) -> bool {
    let deadline = Instant::now() + TIMEOUT;
    while Instant::now() < deadline {
        if stream_of(pool, brand_id)
            .await
            .is_some_and(|row| row.last_full_started_at.is_some() && row.finished_at.is_some())
        {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    false
}

/// The differences between the contacts of the source and the stored ones.
pub async fn differences(data: &SimulatedData, shop: &Shop) -> Vec<String> {
    let sources = SourceSettings::default();
    let api: &dyn ApiConnector = sources.api(Source::OmnioTap);
    let ask = api.first("contacts", None).unwrap();
    let received_at = Clock::system().now();
    let parsed = api
        .read(
            &ask,
            &Reply {
                body: json!({"data": data.all(ObjectKind::Contact)}),
                is_missing: false,
                received_at,
            },
        )
        .unwrap();
    let mut expected: BTreeMap<RecordKey, FieldVersions> = BTreeMap::new();
    for change in parsed.changes {
        if let Change::Record { key, update } = change {
            expected.insert(key, FieldVersions::from(update));
        }
    }
    let mut db = shop.database.pool.acquire().await.unwrap();
    let kind = SourceKind::OmnioTapContact;
    let known = list_records_after(&mut db, shop.brand.id(), kind, "", i64::MAX).await.unwrap();
    let mut differences = Vec::new();
    let mut known: BTreeMap<RecordKey, FieldVersions> =
        known.into_iter().map(|record| (record.key, record.versions)).collect();
    for (key, expected) in expected {
        match known.remove(&key) {
            Some(known) if known.has_same_values_as(&expected) => {}
            Some(_) => differences.push(format!("{} is another one here", key.id)),
            None => differences.push(format!("{} is not here", key.id)),
        }
    }
    differences.extend(known.into_keys().map(|key| format!("{} is here only", key.id)));
    differences
}

fn expect_same(report: &mut Report, what: &str, differences: &[String]) {
    if !differences.is_empty() {
        let shown: Vec<&str> = differences.iter().take(5).map(String::as_str).collect();
        report.broken.push(format!(
            "{what}: {} contacts differ: {}",
            differences.len(),
            shown.join(", ")
        ));
    }
}

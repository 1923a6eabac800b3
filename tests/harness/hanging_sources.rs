//! Checks the effect of sources and token endpoints that hang: lookups are answered with stored data, nothing leaks,
//! and afterwards the sources are called again.

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hookpoint::clock::Clock;
use hookpoint::customer::model::source::{Source, SourceKind};
use hookpoint::demo::simulators::{
    Fault, ObjectKind, PARTICIPANT, Part, SimulatedData, SimulatorOptions, Simulators,
};
use hookpoint::demo::webhook_signer::Secrets;
use hookpoint::sources::api::{LiveSettings, LiveWhen};
use hookpoint::sources::omnilab::ExternalIdKinds;
use hookpoint::storage::sync_streams::list_streams;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::client::{Answer, Load, RequestGenerator};
use super::connection::Connection;
use super::figures::Figures;
use super::replica::{Replica, ReplicaSettings};
use super::report::{Report, Scale};
use super::settings::TestSettings;
use super::sync_runs::{contact, generous};
use super::{Harness, KEY, Shop};

/// The number of people in each of two systems.
const PEOPLE: u64 = 200;

/// How long the circuit breaker of a source that hangs stays open.
const REST: Duration = Duration::from_secs(2);

/// The kind of person that a lookup asks for.
#[derive(Clone, Copy)]
enum LookupTarget {
    /// People who do not exist, by e-mail address, by phone number and by id.
    Nobody,
    /// People from webhooks of the loyalty system. No other source is asked about them.
    Members,
    /// People from webhooks of the CRM. Their bookings count as stale after a second, so lookups ask for them
    /// repeatedly.
    Contacts,
}

impl RequestGenerator for LookupTarget {
    fn ask(&mut self, n: u64, request: &mut Vec<u8>) {
        let number = n % PEOPLE;
        let what = match self {
            Self::Nobody => match n % 3 {
                0 => by_email(&format!("nobody{n}@example.org")),
                1 => format!("channelAddressType=phoneNumber&address=%2B3162{:07}", n % 10_000_000),
                _ => format!("primaryID=nobody-{n}"),
            },
            Self::Members => by_email(&format!("m{number}@example.org")),
            Self::Contacts => by_email(&format!("p{number}@example.org")),
        };
        let _ = write!(
            request,
            "GET /omnidesk/customerlookup?key={KEY}&{what} HTTP/1.1\r\nHost: localhost\r\n\r\n"
        );
    }

    fn is_right(&mut self, n: u64, answer: &Answer<'_>) -> bool {
        let number = n % PEOPLE;
        let body = std::str::from_utf8(answer.body).unwrap_or_default();
        answer.status == 200
            && match self {
                Self::Nobody => body == "[]",
                Self::Members => body.contains(&format!("\"m{number}@example.org\"")),
                Self::Contacts => body.contains(&format!("\"p{number}@example.org\"")),
            }
    }
}

fn by_email(address: &str) -> String {
    format!("channelAddressType=email&address={}", address.replace('@', "%40"))
}

fn member(n: u64) -> Value {
    let at = "2025-01-01 09:00:00";
    json!({
        "id": format!("{n:08x}-5eed-4000-8000-{n:012x}"), "first_name": "Bo", "last_name": "Vos", "email": format!("m{n}@example.org"),
        "profile_type": "active", "joined_at": at, "custom_attributes": [], "created_at": at, "updated_at": at
    })
}

/// A booking of a contact.
fn appointment(n: u64, cancelled_at: Option<Timestamp>) -> Value {
    let status = if cancelled_at.is_some() { "CANCELLED" } else { "CONFIRMED" };
    json!({
        "booking": format!("bk_{n}"), "activity": "Styling session", "slot_starting_at": "2026-11-24T12:30:00Z", "slot_duration_in_minutes": 30,
        "booking_status": status, "booked_at": "2026-04-02T08:20:05.507Z", "cancelled_at": cancelled_at.map(|at| at.to_string()), "timezone": "Europe/Amsterdam", PARTICIPANT: { "external_id": format!("c{n}") }
    })
}

/// A booking whose webhook contains only the URL.
fn booking() -> Value {
    json!({
        "id": "61c18cf515e22a061cf589b1*1640124000000*1640125800000", "status": "confirmed", "start": "2026-12-21T22:00:00.000Z",
        "end": "2026-12-21T22:30:00.000Z", "updatedAt": "2026-08-20T09:00:00.000Z", "resource": { "id": "r1", "name": "Amstel" },
        "location": { "id": "l1", "name": "Amsterdam" }, "member": { "id": "mbr_1", "name": "Mia Mol", "email": "mia@example.org" }
    })
}

fn simulated_data() -> Arc<SimulatedData> {
    let data = Arc::new(SimulatedData::new(Clock::system()));
    let long_ago = "2025-01-01T09:00:00Z".parse().unwrap();
    for n in 0..PEOPLE {
        data.put(ObjectKind::Contact, contact(n as usize, 0, long_ago));
        data.put(ObjectKind::Profile, member(n));
        data.put(ObjectKind::Appointment, appointment(n, None));
    }
    data
}

/// A brand with all four sources.
fn settings(simulators: &Simulators, call: Duration) -> TestSettings {
    let kind = SourceKind::OmnioTapContact.as_str().to_owned();
    TestSettings::connected(simulators)
        .with(|file| {
            file.calls.response_timeout_ms = u64::try_from(call.as_millis()).unwrap();
            file.calls.breaker_open_seconds = REST.as_secs();
            // No cache, because it would hide delays of known people.
            (file.lookup.max_waiting, file.lookup.cache_seconds) = (4_000, 0);
        })
        .sources(|sources| {
            sources.omniotap.api.calls_per_minute = 60_000;
            sources.omnilab.external_id_kind = ExternalIdKinds::One(kind);
            sources.omnilab.api.live =
                LiveSettings { when: LiveWhen::Stale, max_age_seconds: 1, negative_ttl_seconds: 1 };
        })
}

/// Waits until the backfill has read everything.
async fn wait_until_backfilled(shop: &Shop) -> bool {
    let api = |source| shop.brand.rules.sources.api(source);
    let all: BTreeSet<_> = Source::ALL
        .into_iter()
        .flat_map(|source| {
            api(source).streams().iter().map(move |stream| (source.as_str(), stream.name))
        })
        .collect();
    let deadline = Instant::now() + Duration::from_secs(120);
    while Instant::now() < deadline {
        let rows = list_streams(&shop.database.pool, shop.brand.id()).await.unwrap();
        let is_running = |(source, stream): &(&str, &str)| {
            rows.iter().any(|row| {
                row.source == *source && row.stream == *stream && row.last_full_started_at.is_some()
            })
        };
        if all.iter().all(is_running) {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    false
}

/// Open resources of a replica.
struct OpenResources {
    /// Without the connections to Postgres: a load opens more of them, and they are kept.
    files: f64,
    tasks: f64,
}

impl OpenResources {
    async fn by(replica: &Replica) -> Self {
        let mut connection = Connection::new(replica.metrics);
        let page =
            connection.ask(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
        let page = String::from_utf8_lossy(page.body).into_owned();
        let sum = |name: &str| -> f64 {
            let lines = page.lines().filter(|line| {
                line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' ']))
            });
            lines.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum()
        };
        let files = std::fs::read_dir(format!("/proc/{}/fd", replica.process.id()))
            .map_or(0, Iterator::count) as f64;
        Self {
            files: files - sum("hookpoint_database_connections"),
            tasks: sum("hookpoint_background_tasks"),
        }
    }
}

/// The loads of one period, all at once: unknown people, members, contacts.
async fn ask_all(
    address: std::net::SocketAddr,
    lasts: Duration,
    per_second: u32,
    first: u64,
) -> [Figures; 3] {
    let start = |target, per_second, connections| {
        Load::at_rate(address, per_second, lasts).over(connections).from(first).start(target)
    };
    let unknown = start(LookupTarget::Nobody, per_second, 1_000);
    let (members, contacts) = (
        start(LookupTarget::Members, per_second / 5, 50),
        start(LookupTarget::Contacts, per_second / 5, 200),
    );
    [unknown.wait().await.0, members.wait().await.0, contacts.wait().await.0]
}

/// Repeats a lookup until the answer contains a text. Returns the number of lookups and the time. `None` after the
/// timeout.
async fn wait_for(
    replica: &Replica,
    what: &str,
    text: &str,
    timeout: Duration,
) -> Option<(u32, Duration)> {
    let (mut connection, mut asked, begin) = (Connection::new(replica.address), 0, Instant::now());
    let request = format!(
        "GET /omnidesk/customerlookup?key={KEY}&{what} HTTP/1.1\r\nHost: localhost\r\n\r\n"
    );
    while begin.elapsed() < timeout {
        asked += 1;
        let answer = connection.ask(request.as_bytes()).await.unwrap();
        if answer.status == 200 && String::from_utf8_lossy(answer.body).contains(text) {
            return Some((asked, begin.elapsed()));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    None
}

/// Sends lookups at fixed rates before and while all sources hang, and checks the results afterwards.
pub async fn run(harness: &Harness, scale: Scale) -> Report {
    let mut report = Report::default();
    let (per_second, deadline) = (scale.lookups_per_second, scale.deadline);
    // A hanging call takes longer than a lookup may.
    let call = deadline * 2;
    let (secrets, data) = (Secrets::known(), simulated_data());
    // Tokens expire while the sources hang, so that new ones are needed then.
    let options = SimulatorOptions { token_seconds: 5, ..generous() };
    let mut simulators =
        Simulators::start(Arc::clone(&data), &secrets, options, Clock::system()).unwrap();
    let settings = settings(&simulators, call);
    let shop = harness.shop_of("hanging", &settings.text()).await;
    let environment = secrets
        .by_name()
        .into_iter()
        .map(|(name, secret)| (name, String::from_utf8(secret).unwrap()))
        .collect();
    let replica_settings =
        ReplicaSettings { environment, ..ReplicaSettings::of(settings).lookup_deadline(deadline) };
    let replica = Replica::start(harness, "hanging", &replica_settings, &shop.url).await;
    simulators.send_webhooks_to(format!("http://{}", replica.address)).unwrap();
    if !wait_until_backfilled(&shop).await {
        report.broken.push("the backfill is not complete".to_owned());
    }
    let held_before = OpenResources::by(&replica).await;
    let before = ask_all(replica.address, Duration::from_secs(3), per_second, 0).await;
    for source in Source::ALL {
        simulators.set_fault(source, Part::Api, Some(Fault::Silent));
        simulators.set_fault(source, Part::Tokens, Some(Fault::Silent));
    }
    data.change(ObjectKind::Booking, &booking());
    let hanging = ask_all(replica.address, scale.duration, per_second, 1_000_000).await;
    let who = ["unknown people", "known people", "known people with stale bookings"];
    for ((who, before), hanging) in who.into_iter().zip(before).zip(&hanging) {
        report.expect_right(&format!("{who}, the sources answer"), &before);
        report.expect_right(&format!("{who}, the sources hang"), hanging);
        let slowest = Duration::from_secs_f64(hanging.latencies.percentile_ms(99.0) / 1_000.0);
        report.expect_within(
            &format!("p99 of {who}"),
            slowest,
            deadline + Duration::from_millis(50),
        );
    }

    // Each source has new data about a person.
    data.put(ObjectKind::Contact, contact(PEOPLE as usize, 0, data.now()));
    data.put(ObjectKind::Profile, member(PEOPLE));
    data.put(ObjectKind::Appointment, appointment(0, Some(data.now())));
    simulators.clear_faults();
    // The call that tests the source may still hang. Afterwards the circuit breaker opens once more.
    tokio::time::sleep(call + REST + Duration::from_millis(200)).await;
    for (source, what, text) in [
        (Source::OmnioTap, by_email(&format!("p{PEOPLE}@example.org")), "Smit"),
        (Source::Omneo, by_email(&format!("m{PEOPLE}@example.org")), "Vos"),
        (Source::OmniLab, by_email("p0@example.org"), "(cancelled)"),
    ] {
        match wait_for(&replica, &what, text, Duration::from_secs(30)).await {
            None => report.broken.push(format!("new data of {source} is not found afterwards")),
            Some((asked, took)) => {
                report.figure(
                    &format!("lookups until new data of {source} is found"),
                    format!("{asked}, {:.2} s", took.as_secs_f64()),
                );
                if asked > 1 {
                    report.late.push(format!(
                        "new data of {source} was not in the next lookup, but in one after {:.1} s",
                        took.as_secs_f64()
                    ));
                }
            }
        }
    }
    match wait_for(&replica, &by_email("mia@example.org"), "Amstel", Duration::from_secs(120)).await
    {
        None => report.broken.push("the follow-up call of a webhook was never made".to_owned()),
        Some((_, took)) => report.figure(
            "until the follow-up data of a webhook is stored",
            format!("{:.1} s", took.as_secs_f64()),
        ),
    }

    let wait_end = Instant::now() + Duration::from_secs(30);
    let held_after = loop {
        let held = OpenResources::by(&replica).await;
        let is_as_before = held.files <= held_before.files && held.tasks <= held_before.tasks;
        if is_as_before || Instant::now() > wait_end {
            break held;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    for (what, before, after) in [
        ("open files", held_before.files, held_after.files),
        ("tasks", held_before.tasks, held_after.tasks),
    ] {
        report.figure(&format!("{what} before and after"), format!("{before}, {after}"));
        if after > before + 4.0 {
            report.broken.push(format!("{before} {what} before, and {after} afterwards"));
        }
    }
    drop(replica);
    simulators.stop().await;
    shop.database.close().await;
    report
}

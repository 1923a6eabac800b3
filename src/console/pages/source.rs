//! One source: how its webhooks and its API are connected, and whether they work. No page calls the source.

use serde::Serialize;

use super::shown_delivery::ShownDelivery;
use super::shown_stream::ShownStream;
use super::sources::{api_state, backlog, webhook_state};
use crate::admin::source_apis::{SourceApi, list_source_apis};
use crate::admin::sync_requests::{WantedStreams, cancel_sync, request_sync};
use crate::admin::test_connection::{PAUSE, TestedConnection, test_connection};
use crate::console::reply::{Refusal, Reply};
use crate::console::shown::ShownTime;
use crate::console::visit::Visit;
use crate::counted::duration;
use crate::customer::model::source::Source;
use crate::doctor::finding::{Finding, Verdict};
use crate::doctor::service::is_tested;
use crate::inbox::source_health::{SourceHealth, list_source_health_for_page};
use crate::sources::api::Stream;
use crate::sources::secret::SecretRef;
use crate::sources::setup::SecretOrigin;
use crate::sources::webhook::{SECRET_PARAMETER, SecretIn};
use crate::sources::webhook_setup;
use crate::storage::account_status::AccountRow;
use crate::storage::inbox_pages::{PageFilter, list_page};
use crate::storage::invalid_values::list_invalid_values;
use crate::storage::rejected_webhooks::{RejectedRow, list_rejected};

/// How many of the last webhooks, and of the last rejected, are shown.
const LAST: usize = 10;

#[derive(Serialize)]
struct SourcePage {
    name: &'static str,
    slug: &'static str,
    path: String,
    webhooks: Webhooks,
    deliveries: Vec<ShownDelivery>,
    rejected: Vec<RejectedWebhook>,
    /// Fields that could not be read, each with how often.
    unread: Vec<(String, i64)>,
    api: Option<Api>,
    streams: Vec<ShownStream>,
    /// A run can be started only if there is an API.
    has_api: bool,
    /// The lists that a test of the connection reads, and what else the API has.
    lists: Vec<&'static str>,
    single: Vec<&'static str>,
    /// What a test of the connection found, if a person just made one.
    tested: Vec<TestedList>,
}

/// A list of the API that was read to test the connection.
#[derive(Serialize)]
struct TestedList {
    name: String,
    state: (&'static str, &'static str),
    seen: String,
    remedy: &'static str,
}

#[derive(Serialize)]
struct Webhooks {
    state: (&'static str, &'static str),
    url: String,
    url_goes_to: &'static str,
    /// The names and texts of the parts in which the source wants the URL.
    url_parts: Vec<(&'static str, String)>,
    /// Whether only this machine can reach the URL.
    is_local: bool,
    verification: &'static str,
    secret: &'static str,
    /// Where the settings have the secrets.
    secret_places: Vec<String>,
    /// Whether they could be read, and the tone.
    secret_state: (String, &'static str),
    last: Option<ShownTime>,
    /// The time since the last one.
    silence: Option<String>,
    usual: Option<String>,
    accepted: i64,
    unverified: i64,
    duplicates: i64,
    conflicts: i64,
    pending: String,
    dead: String,
}

/// A webhook that was rejected.
#[derive(Serialize)]
struct RejectedWebhook {
    at: ShownTime,
    reason: String,
    caller: String,
}

#[derive(Serialize)]
struct Api {
    state: (&'static str, &'static str),
    used: u32,
    /// Calls of the last minute, by what they were for.
    parts: [(&'static str, u32); 4],
    limit: Option<u32>,
    succeeded: Option<ShownTime>,
    failed: Option<ShownTime>,
    failure: String,
    failures: u32,
    /// No calls before this time, and why.
    pause: Option<(ShownTime, &'static str)>,
    secret_place: Option<String>,
    unreadable_secret: Option<String>,
    follow_ups: Option<(i64, i64, String)>,
}

fn source(visit: &Visit) -> Result<Source, Refusal> {
    visit.id.parse().map_err(|_| Refusal::NotFound)
}

/// A source.
pub(super) async fn show(visit: &Visit) -> Result<Reply, Refusal> {
    page(visit, Vec::new()).await
}

/// Tests the connection to the API of a source, and shows what came of it.
pub(super) async fn test(visit: &Visit) -> Result<Reply, Refusal> {
    let what = (source(visit)?, &visit.console.file.calls);
    let by = (visit.attribution(), visit.now());
    let mistake = match test_connection(visit.pool(), &visit.brand, what, by).await? {
        TestedConnection::Findings(findings) => {
            return page(visit, findings.into_iter().map(tested).collect()).await;
        }
        TestedConnection::TooSoon => {
            format!("It was tested a moment ago. Try again in {} seconds.", PAUSE.as_secs())
        }
        TestedConnection::NotConnected => {
            "The settings have no API of this source, so there is nothing to test.".to_owned()
        }
    };
    Err(Refusal::Mistake(mistake))
}

fn tested(finding: Finding) -> TestedList {
    TestedList {
        name: finding.subject.unwrap_or_default(),
        state: match finding.verdict {
            Verdict::Pass => ("works", "good"),
            Verdict::Warn => ("works, with a remark", "warn"),
            Verdict::Fail => ("fails", "bad"),
            Verdict::Skipped => ("not tried", "neutral"),
        },
        seen: finding.seen.into_owned(),
        remedy: finding.remedy.unwrap_or_default(),
    }
}

async fn page(visit: &Visit, tested: Vec<TestedList>) -> Result<Reply, Refusal> {
    let source = source(visit)?;
    let (pool, brand) = (visit.pool(), &visit.brand);
    let all = list_source_health_for_page(pool, brand).await?;
    let health = all.iter().find(|health| health.source == source);
    let api = list_source_apis(pool, brand).await?.into_iter().find(|api| api.source == source);
    let (health, api) = health.zip(api).ok_or(Refusal::NotFound)?;
    let filter = PageFilter { source: Some(source), ..PageFilter::default() };
    let last = list_page(pool, brand.id(), &filter, None, LAST).await?;
    let limit = u32::try_from(LAST).unwrap_or(u32::MAX);
    let rejected = list_rejected(pool, brand.id(), Some(source), limit).await?;
    let unread = list_invalid_values(pool, brand.id(), source).await?;
    let name = webhook_setup(source).name;
    let streams = brand.rules.sources.api(source).streams().iter();
    let (lists, single): (Vec<&Stream>, Vec<&Stream>) =
        streams.partition(|stream| is_tested(stream));
    let page = SourcePage {
        lists: lists.into_iter().map(|stream| stream.name).collect(),
        single: single.into_iter().map(|stream| stream.name).collect(),
        name,
        slug: source.as_str(),
        path: visit.path(&format!("/sources/{source}")),
        webhooks: webhooks(visit, health, &all),
        deliveries: last.rows.iter().map(|row| ShownDelivery::new(visit, row)).collect(),
        rejected: rejected.into_iter().map(|row| shown_rejected(visit, row)).collect(),
        unread: unread.into_iter().map(|row| (row.field, row.count)).collect(),
        streams: api.streams(brand).map(|stream| ShownStream::new(visit, &api, stream)).collect(),
        has_api: brand.rules.accounts.contains_key(&source),
        tested,
        api: api.account.as_ref().map(|account| shown_api(visit, &api, account)),
    };
    visit.page("source.html", ("/sources", name), &page)
}

fn webhooks(visit: &Visit, health: &SourceHealth, all: &[SourceHealth]) -> Webhooks {
    let (setup, stats) = (webhook_setup(health.source), &health.stats);
    let verifier = visit.brand.rules.webhook_verifiers.get(&health.source);
    let place = verifier.and_then(|verifier| verifier.verification.secret_in());
    let kind = health.verification.and_then(|name| setup.find(name));
    let url = webhook_url(visit, health.source, place);
    let base = visit.console.file.base_url();
    let [places, _] = visit.brand.rules.sources.secret_places(health.source);
    let read = verifier.map_or(0, |verifier| verifier.verification.secrets().len());
    Webhooks {
        url_parts: setup.url_parts.map_or_else(Vec::new, |[before, path]| {
            let end = url.strip_prefix(&base).unwrap_or_default().to_owned();
            vec![(before, base.clone()), (path, end)]
        }),
        is_local: visit.console.file.is_for_this_machine_only(),
        secret_places: places.iter().map(SecretRef::in_words).collect(),
        secret_state: secret_state(read, places.len()),
        url,
        state: webhook_state(visit, health),
        url_goes_to: setup.url_goes_to,
        verification: kind.map_or("", |kind| kind.in_words),
        secret: match (place, kind.map(|kind| kind.secret)) {
            (Some(SecretIn::Header), _) => "It is in the header x-webhook-secret.",
            (Some(_), _) => "At the source, put it in the place of SECRET in the URL.",
            (None, Some(SecretOrigin::Source)) => "The settings need the same secret.",
            _ => "",
        },
        last: health.last_received_at.map(|at| visit.time(at)),
        silence: health.silence(visit.now()).map(duration),
        usual: health.usual_silence.map(duration),
        accepted: stats.accepted,
        unverified: stats.unverified,
        duplicates: stats.duplicates,
        conflicts: stats.conflicting_duplicates,
        pending: backlog(all, health.pending, |health| health.pending),
        dead: backlog(all, health.dead, |health| health.dead),
    }
}

/// Whether the secrets of webhooks could be read, and the tone.
fn secret_state(read: usize, all: usize) -> (String, &'static str) {
    match read {
        read if read >= all => ("the secret was read".to_owned(), "good"),
        0 => ("the secret cannot be read: webhooks are rejected".to_owned(), "bad"),
        read => (format!("{read} of {all} secrets were read"), "warn"),
    }
}

/// The URL for the webhooks of a source. In the place of the secret, it has a word.
fn webhook_url(visit: &Visit, source: Source, place: Option<SecretIn>) -> String {
    let base = visit.console.file.base_url();
    let end = match place {
        Some(SecretIn::Path) => "/SECRET".to_owned(),
        Some(SecretIn::Query) => format!("?{SECRET_PARAMETER}=SECRET"),
        Some(SecretIn::Header) | None => String::new(),
    };
    format!("{base}/webhooks/{}/{source}{end}", visit.brand.rules.slug)
}

fn shown_rejected(visit: &Visit, row: RejectedRow) -> RejectedWebhook {
    RejectedWebhook { at: visit.time(row.rejected_at), reason: row.reason, caller: row.caller }
}

fn shown_api(visit: &Visit, api: &SourceApi, account: &AccountRow) -> Api {
    let rules = &visit.brand.rules;
    let [live, follow_ups, reconcile, backfill] = account.granted;
    let later = |until: Option<jiff::Timestamp>| until.filter(|until| *until > visit.now());
    let pause = later(account.open_until)
        .map(|at| (at, "calls fail, so the circuit breaker is open"))
        .or_else(|| later(account.blocked_until).map(|at| (at, "the source asked to wait")))
        .or_else(|| {
            later(account.spent_until)
                .map(|at| (at, "the source reports that its limit is used up"))
        });
    Api {
        state: api_state(visit, api),
        used: account.granted.iter().sum(),
        parts: [
            ("lookups, and tests of the connection", live),
            ("follow-ups of webhooks", follow_ups),
            ("reconcile", reconcile),
            ("backfill", backfill),
        ],
        limit: rules.accounts.get(&api.source).map(|rules| rules.calls_per_minute),
        succeeded: account.succeeded_at.map(|at| visit.time(at)),
        failed: account.failed_at.map(|at| visit.time(at)),
        failure: account.failure.clone(),
        failures: account.failures_in_a_row,
        pause: pause.map(|(at, why)| (visit.time(at), why)),
        secret_place: {
            let [_, places] = rules.sources.secret_places(api.source);
            places.first().map(SecretRef::in_words)
        },
        unreadable_secret: rules.unreadable_secrets.get(&api.source).cloned(),
        follow_ups: api.follow_ups.as_ref().map(|c| (c.waiting, c.dead, c.note.clone())),
    }
}

/// Asks for a run of a stream, or of all.
pub(super) async fn start(visit: &Visit) -> Result<Reply, Refusal> {
    let wanted = wanted(visit)?;
    if !visit.brand.rules.accounts.contains_key(&wanted.source) {
        let text = "The settings have no API of this source, so there is nothing to read.";
        return Err(Refusal::Mistake(text.to_owned()));
    }
    let (attribution, now) = (visit.attribution(), visit.now());
    let count = request_sync(visit.pool(), &visit.brand, wanted, attribution, now).await?;
    Ok(back(visit, wanted.source, if count > 0 { "sync-requested" } else { "nothing" }))
}

/// Stops the run of a stream, or of all.
pub(super) async fn stop(visit: &Visit) -> Result<Reply, Refusal> {
    let wanted = wanted(visit)?;
    let (attribution, now) = (visit.attribution(), visit.now());
    let count = cancel_sync(visit.pool(), &visit.brand, wanted, attribution, now).await?;
    Ok(back(visit, wanted.source, if count > 0 { "sync-stopped" } else { "nothing" }))
}

fn wanted(visit: &Visit) -> Result<WantedStreams<'_>, Refusal> {
    let (source, stream) = (source(visit)?, visit.form.value("stream"));
    let stream = Some(stream).filter(|stream| !stream.is_empty());
    let mut streams = visit.brand.rules.sources.api(source).streams().iter();
    if stream.is_some_and(|name| !streams.any(|stream| stream.name == name)) {
        return Err(Refusal::NotFound);
    }
    Ok(WantedStreams { source, stream })
}

fn back(visit: &Visit, source: Source, done: &str) -> Reply {
    visit.redirect(&visit.path(&format!("/sources/{source}")), done)
}

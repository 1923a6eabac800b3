//! Final checks: no data is lost or doubled, no people are mixed up, and no log names a person.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use hookpoint::demo::simulators::ObjectKind;
use hookpoint::demo::webhook_signer::Secrets;

use super::fault_phase::FaultTargets;
use super::lookup_load::{self, LookupLoad, SOURCE_ONLY};
use super::{Chaos, Flow, HEALED, demo, reconcile, wait_until, webhook_forger};
use crate::harness::cluster::scratch;
use crate::harness::inbox::apply_in_order;
use crate::harness::report::Report;
use crate::harness::sync_runs::differences;
use crate::harness::webhook_checks::{ask_for_answers, check_deliveries_except, waiting};
use crate::harness::webhooks::Webhook;
use crate::harness::{Shop, comparison, inbox};

/// Checks that the final data is exactly the data of the acknowledged webhooks.
pub async fn check_all(
    mut targets: FaultTargets<'_>,
    url: &str,
    secrets: &Secrets,
    (flow, people, order, versions): (Flow, &[Webhook], &[usize], &[Webhook]),
    (lookup_load, calm): (&LookupLoad, &[(Instant, Instant)]),
    report: &mut Report,
) {
    let begin = Instant::now();
    let shop = Shop::with(url.to_owned(), inbox::BRAND).await;
    while (!flow.is_acknowledged(0) || waiting(&shop.database.pool).await > 0)
        && begin.elapsed() < HEALED
    {
        wait_until(&mut targets, Instant::now() + Duration::from_millis(100), report).await;
    }
    let Flow { people: sender, versions: of_versions, people_released, versions_released } = flow;
    let (released, released_versions) =
        (people_released.into_inner(), versions_released.into_inner());
    let failures = (sender.failures(), of_versions.failures());
    report.figure(
        "webhooks without a 2xx, by status (0: no answer), all sent again",
        format!("{failures:?}"),
    );
    let odd: Vec<u16> = failures
        .0
        .keys()
        .chain(failures.1.keys())
        .copied()
        .filter(|status| ![0, 401, 408, 429, 500, 503].contains(status))
        .collect();
    if !odd.is_empty() {
        report.broken.push(format!("webhooks were rejected with unexpected statuses: {odd:?}"));
    }
    let acknowledged: BTreeSet<usize> = sender.end(Duration::ZERO).await.into_iter().collect();
    let acknowledged_versions = of_versions.end(Duration::ZERO).await;
    let sent: BTreeSet<usize> = order[..released.min(order.len())].iter().copied().collect();
    report.figure(
        "webhooks",
        format!(
            "{} of {} acknowledged, and {} of {released_versions}",
            acknowledged.len(),
            sent.len(),
            acknowledged_versions.len()
        ),
    );
    if acknowledged.len() < sent.len() || acknowledged_versions.len() < released_versions {
        report.broken.push("not all webhooks were acknowledged in the end".to_owned());
    }
    let left = waiting(&shop.database.pool).await;
    let all: Vec<Webhook> = people.iter().chain(versions).cloned().collect();
    let done: Vec<usize> = acknowledged
        .iter()
        .copied()
        .chain(acknowledged_versions.iter().map(|n| people.len() + n))
        .collect();
    check_deliveries_except(
        &shop.database.pool,
        &all,
        &done,
        left,
        webhook_forger::REFUSED,
        report,
    )
    .await;

    // The final data of the source is stored, and people who are only in the source are found.
    targets.simulators.webhooks_settled().await;
    if !reconcile(&targets.harness.directory("reconcile"), url, targets.simulators, secrets).await {
        let log =
            std::fs::read_to_string(targets.harness.directory("reconcile").join("reconcile.log"))
                .unwrap_or_default();
        report.broken.push(format!("`hookpoint sync run` failed at the end:  {log}"));
    }
    let of_source = Shop::with(url.to_owned(), &demo(targets.simulators)).await;
    let differing = differences(targets.simulators.data(), &of_source).await;
    report.figure("contacts of the source", targets.simulators.data().count(ObjectKind::Contact));
    if let Some(first) = differing.first() {
        report
            .broken
            .push(format!("{} contacts differ from the source's: {first}", differing.len()));
    }
    of_source.database.close().await;
    for (n, member) in targets.members.iter().enumerate() {
        for person in (0..lookup_load.source_only.load(Ordering::SeqCst)).step_by(7) {
            if !lookup_load::finds_source_only(&member.record, SOURCE_ONLY + person).await {
                report.broken.push(format!(
                    "replica {n} does not find a person who is only in the source: {person}"
                ));
            }
        }
    }
    lookup_load.end();
    let records = targets.members.each_ref().map(|member| Arc::clone(&member.record));
    lookup_load.report(&records, calm, report);

    let calm = targets.harness.shop_of("chaos_calm", inbox::BRAND).await;
    let applied: Vec<Webhook> = acknowledged.iter().map(|n| people[*n].clone()).collect();
    apply_in_order(&calm, &applied).await;
    let addresses = records.each_ref().map(|record| record.address);
    // An answer that other settings rendered is rendered again when it is looked up.
    let (differences, same) = comparison::differences_but(&shop, &calm, &["answers"]).await;
    report.figure("rows that are as in a calm run", same);
    report.broken.extend(differences);
    ask_for_answers(targets.harness, &shop, &calm, &addresses, report).await;
    calm.database.close().await;
    shop.database.close().await;
}

/// Keeps the logs of a run that found a failure.
pub fn keep_logs(directory: &Path, chaos: Chaos, report: &mut Report) {
    for name in LOGS {
        let kept = scratch().join(format!(
            "chaos-{}-{}",
            chaos.seed,
            name.split_once('/').unwrap().1.replace('/', "-")
        ));
        let _ = std::fs::copy(directory.join(name), &kept);
        report.figure("kept", kept.display());
    }
}

const LOGS: [&str; 3] =
    ["files/chaos-0/hookpoint.log", "files/chaos-1/hookpoint.log", "disk/data/postgres.log"];

/// Checks that neither the service's logs nor those of Postgres name a person.
pub fn check_logs_for_personal_data(directory: &Path, report: &mut Report) {
    let logs = LOGS.map(|name| directory.join(name));
    let mut bytes = 0;
    for log in logs {
        let text = std::fs::read(&log).unwrap_or_default();
        bytes += text.len();
        let text = String::from_utf8_lossy(&text);
        // In the middle of a line, so that it is not a number.
        let leaked = text.lines().find(|line| {
            [
                "@example",
                "%40example",
                "+316",
                "%2B316",
                "Bakker",
                "Dijkstra",
                "harness-o",
                "key=support",
            ]
            .iter()
            .any(|some| line.contains(some))
        });
        report
            .broken
            .extend(leaked.map(|line| format!("{} contains personal data: {line}", log.display())));
    }
    report.figure("logs without personal data", format!("{} MB", bytes / 1_000_000));
}

//! Checks the webhooks after replicas were killed: all are stored and done, the faults had an effect, and the answers
//! are right.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hookpoint::customer::model::source::Source;
use hookpoint::storage::pool::Pool;

use super::changes::wait_until_current;
use super::connection::Connection;
use super::figures::Quartiles;
use super::inbox::{KillScenario, Seen, TIMEOUT, replica_settings};
use super::replica::Replica;
use super::report::Report;
use super::webhooks::Webhook;
use super::{Harness, Shop, comparison};

/// Counts deliveries whose lease ended before they were finished, and which another worker claimed.
pub async fn count_takeovers(pool: &Pool) {
    let statements = "
        create table takeovers (delivery_id uuid not null);
        create function take_note() returns trigger language plpgsql as
            $$ begin insert into takeovers values (old.delivery_id); return new; end $$;
        create trigger taken_over after update on deliveries for each row
            when (old.state = 'pending' and old.claim_token is not null and old.due_at <= clock_timestamp()
                and new.state = 'pending' and new.claim_token is distinct from old.claim_token)
            execute function take_note()";
    sqlx::raw_sql(statements).execute(pool).await.unwrap();
}

/// A number from the database. Repeats the query until it succeeds.
async fn count(pool: &Pool, query: &'static str) -> i64 {
    let deadline = Instant::now() + TIMEOUT;
    loop {
        match sqlx::query_as::<_, (i64,)>(query).fetch_one(pool).await {
            Ok((count,)) => return count,
            Err(error) => assert!(Instant::now() < deadline, "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

pub async fn waiting(pool: &Pool) -> i64 {
    count(pool, "select count(*) from deliveries where state = 'pending'").await
}

/// Waits until all deliveries are applied. Returns the number of pending ones, which is above 0 after the timeout.
pub async fn wait_until_applied(pool: &Pool) -> i64 {
    let deadline = Instant::now() + TIMEOUT;
    loop {
        let left = waiting(pool).await;
        if left == 0 || Instant::now() > deadline {
            return left;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Checks that every acknowledged webhook is stored and done, and that no webhook with an id is stored twice.
pub async fn check_deliveries(
    pool: &Pool,
    webhooks: &[Webhook],
    acknowledged: &[usize],
    left: i64,
    report: &mut Report,
) {
    check_deliveries_except(pool, webhooks, acknowledged, left, "", report).await;
}

/// Like [`check_deliveries`], but dead deliveries with this note are expected.
pub async fn check_deliveries_except(
    pool: &Pool,
    webhooks: &[Webhook],
    acknowledged: &[usize],
    left: i64,
    dead: &str,
    report: &mut Report,
) {
    let rows: Vec<(String, Vec<u8>, String, String)> =
        sqlx::query_as("select source, body, state, note from deliveries")
            .fetch_all(pool)
            .await
            .unwrap();
    let (mut states, mut unfinished): (BTreeMap<&str, usize>, BTreeMap<(&str, &str), usize>) =
        Default::default();
    let mut known: BTreeMap<(&str, &[u8]), (usize, usize)> = BTreeMap::new();
    for (source, body, state, note) in &rows {
        *states.entry(state).or_default() += 1;
        let (all, done) = known.entry((source, body)).or_default();
        *all += 1;
        if state == "done" {
            *done += 1;
        } else if state != "dead" || note != dead {
            *unfinished.entry((state, note)).or_default() += 1;
        }
    }
    report.figure("deliveries", format!("{states:?}"));
    if left > 0 || !unfinished.is_empty() {
        report.broken.push(format!("not all deliveries are done: {unfinished:?}"));
    }
    let of = |n: usize| {
        known
            .get(&(webhooks[n].source.as_str(), webhooks[n].body.as_slice()))
            .copied()
            .unwrap_or_default()
    };
    let lost = acknowledged.iter().filter(|n| of(**n).0 == 0).count();
    let undone = acknowledged.iter().filter(|n| matches!(of(**n), (1.., 0))).count();
    if lost + undone > 0 {
        report.broken.push(format!(
            "of {} acknowledged webhooks {lost} are not there, and {undone} not done",
            acknowledged.len()
        ));
    }
    let has_id = |n: &usize| matches!(webhooks[*n].source, Source::OmnioTap | Source::OmniLab);
    let twice = acknowledged.iter().filter(|n| has_id(n) && of(**n).0 > 1).count();
    if twice > 0 {
        report.broken.push(format!("{twice} webhooks with an id were stored twice"));
    }
}

/// Checks that the faults happened, and had an effect.
pub async fn check_faults(
    pool: &Pool,
    scenario: KillScenario,
    seen: &Seen,
    failures: &BTreeMap<u16, usize>,
    report: &mut Report,
) {
    let takeovers = usize::try_from(count(pool, "select count(*) from takeovers").await).unwrap();
    let attempts = count(pool, "select count(*) from deliveries where attempts > 1").await;
    let retries = failures.values().sum::<usize>();
    let waiting: Vec<f64> = seen.waiting.iter().map(|waiting| *waiting as f64).collect();
    let waiting = Quartiles::of(&waiting).describe(0);
    report.figure(
        "kills",
        format!(
            "{}, {} of them with webhooks waiting; their number, median and quartiles: {waiting}",
            seen.kills, seen.kills_that_matter
        ),
    );
    report.figure("restarts of Postgres, every other one a crash", seen.restarts);
    report.figure("deliveries that another worker took over when a lease had ended", takeovers);
    report.figure("deliveries tried more than once", attempts);
    report.figure(
        "requests without a 2xx, by status (0: no answer), all sent again",
        format!("{retries}: {failures:?}"),
    );
    for (what, happened, least) in [
        ("kills", seen.kills, scenario.kills),
        ("kills with webhooks waiting", seen.kills_that_matter, scenario.kills_that_matter),
        ("restarts", seen.restarts, scenario.restarts),
        ("takeovers", takeovers, scenario.takeovers),
        ("retries", retries, scenario.retries),
    ] {
        if happened < least {
            report.broken.push(format!("the faults had too little effect to prove anything: {happened} {what}, at least {least} needed"));
        }
    }
    let odd: BTreeSet<_> = failures.keys().filter(|status| ![0, 503].contains(*status)).collect();
    if !odd.is_empty() {
        report.broken.push(format!("webhooks were rejected with unexpected statuses: {odd:?}"));
    }
}

/// Checks that the answers for every address and id equal those of the calm run, in the database and from both
/// replicas.
pub async fn check_answers(
    harness: &Harness,
    shop: &Shop,
    calm: &Shop,
    replicas: &[SocketAddr],
    report: &mut Report,
) {
    let (differences, same) = comparison::differences(shop, calm).await;
    report.figure("rows that are as in a calm run", same);
    report.broken.extend(differences);
    ask_for_answers(harness, shop, calm, replicas, report).await;
}

/// Checks the same for the answers that the replicas return.
pub async fn ask_for_answers(
    harness: &Harness,
    shop: &Shop,
    calm: &Shop,
    replicas: &[SocketAddr],
    report: &mut Report,
) {
    let mut questions = comparison::questions(shop).await;
    questions.extend(comparison::questions(calm).await);
    questions.sort();
    questions.dedup();
    let questions = Arc::new(questions);
    let replica = Replica::start(harness, "inbox-calm", &replica_settings(), &calm.url).await;
    let expected = comparison::answers(replica.address, &questions).await.unwrap();
    let nobody = expected.iter().filter(|answer| answer.as_slice() == b"[]").count();
    report.figure(
        "addresses and ids looked up on both replicas",
        format!("{}, {nobody} of them found nobody", questions.len()),
    );
    for (n, address) in replicas.iter().enumerate() {
        if !wait_until_current(shop, &mut Connection::new(*address), TIMEOUT).await {
            report.broken.push(format!("replica {n} never received the notification of a new key"));
        }
        match comparison::answers(*address, &questions).await {
            Err(figures) => report.broken.push(format!("lookups on replica {n}: {figures}")),
            Ok(answers) => {
                let others: Vec<usize> =
                    (0..questions.len()).filter(|n| answers[*n] != expected[*n]).collect();
                if let Some(first) = others.first() {
                    let [shown, expected] = [&answers[*first], &expected[*first]]
                        .map(|body| String::from_utf8_lossy(body));
                    report.broken.push(format!("replica {n}: {} answers differ from a calm run: {shown} against {expected}", others.len()));
                }
            }
        }
    }
}

//! The rate limit of an account: the number of calls that reach a source, counted there.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use hookpoint::upstream::{CallError, CallPriority, Window};

use crate::support::{Options, Replica, database, request};
use crate::vendor::{Arrival, Vendor, json};

/// A short rate limit window. A busy machine exceeds it by a larger share than a real minute, so the margin is larger.
const WINDOW: Window =
    Window { length: Duration::from_secs(4), margin: Duration::from_millis(500) };

const LIMIT: usize = 60;

/// The most requests that arrived in any window.
fn most_in_a_window(arrivals: &[Arrival]) -> usize {
    let within = |start: Instant| {
        arrivals
            .iter()
            .filter(move |arrival| arrival.at >= start && arrival.at - start < WINDOW.length)
            .count()
    };
    arrivals.iter().map(|arrival| within(arrival.at)).max().unwrap_or_default()
}

fn options() -> Options {
    Options { calls: LIMIT as u32, window: WINDOW, ..Options::default() }
}

/// Makes calls one after the other until it is stopped.
async fn scan(replica: Arc<Replica>, priority: CallPriority, is_over: Arc<AtomicBool>) {
    let mut page = 0;
    while !is_over.load(Ordering::SeqCst) {
        page += 1;
        let ask = request("get", &format!("{}-{page}", priority.as_str()));
        match replica.account.call(&ask, priority, Duration::from_secs(20)).await {
            Ok(_) | Err(CallError::RateLimited) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

/// Makes this many lookups' calls in a second, each about another person, each with a short deadline.
async fn ring(
    replica: Arc<Replica>,
    per_second: u32,
    is_over: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
) {
    let mut callers = tokio::task::JoinSet::new();
    let mut every = tokio::time::interval(Duration::from_secs(1) / per_second);
    for n in 0.. {
        every.tick().await;
        if is_over.load(Ordering::SeqCst) {
            break;
        }
        let (replica, answered) = (Arc::clone(&replica), Arc::clone(&answered));
        callers.spawn(async move {
            let ask = request("get", &format!("live-{n}-{per_second}"));
            match replica.account.call(&ask, CallPriority::Live, Duration::from_millis(300)).await {
                Ok(_) => drop(answered.fetch_add(1, Ordering::SeqCst)),
                Err(CallError::RateLimited) => {}
                Err(error) => panic!("{error}"),
            }
        });
    }
    while let Some(caller) = callers.join_next().await {
        caller.unwrap();
    }
}

fn of_class<'a>(
    arrivals: &'a [Arrival],
    priority: &str,
    since: Instant,
) -> impl Iterator<Item = &'a Arrival> {
    let start = format!("/{priority}-");
    arrivals.iter().filter(move |arrival| arrival.at >= since && arrival.target.starts_with(&start))
}

#[tokio::test(flavor = "multi_thread")]
async fn two_replicas_together_never_exceed_the_limit_and_most_calls_are_lookups() {
    let vendor = Vendor::start(|_| json(200, "{}")).await;
    let name = database().await;
    let [one, two] = [
        Replica::start_on(&name, &vendor.url(), options()).await,
        Replica::start_on(&name, &vendor.url(), options()).await,
    ]
    .map(Arc::new);
    let (is_over, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let mut all = tokio::task::JoinSet::new();
    for (replica, priority) in [
        (&one, CallPriority::Backfill),
        (&two, CallPriority::Backfill),
        (&two, CallPriority::Reconcile),
    ] {
        all.spawn(scan(Arc::clone(replica), priority, Arc::clone(&is_over)));
    }
    // First the backfill alone, then thousands of lookups at the same time.
    tokio::time::sleep(WINDOW.length * 2).await;
    let rang_at = Instant::now();
    for (replica, per_second) in [(&one, 150), (&two, 170)] {
        all.spawn(ring(
            Arc::clone(replica),
            per_second,
            Arc::clone(&is_over),
            Arc::clone(&answered),
        ));
    }
    tokio::time::sleep(WINDOW.length * 4).await;
    is_over.store(true, Ordering::SeqCst);
    while let Some(done) = all.join_next().await {
        done.unwrap();
    }
    let arrivals = vendor.arrivals();
    assert!(most_in_a_window(&arrivals) <= LIMIT, "{} in a window", most_in_a_window(&arrivals));
    // The first window after their start still contains calls of the backfill.
    let since = rang_at + WINDOW.length + WINDOW.margin;
    let windows =
        3.0 * WINDOW.length.as_secs_f64() / (WINDOW.length + WINDOW.margin).as_secs_f64() - 0.35;
    let live = of_class(&arrivals, "live", since).count() as f64;
    let others = (of_class(&arrivals, "backfill", since).count()
        + of_class(&arrivals, "reconcile", since).count()) as f64;
    assert!(
        live >= 40.0 * windows && others >= 5.0 * windows,
        "{live} and {others} in {windows} windows"
    );
    assert!(answered.load(Ordering::SeqCst) as f64 >= live);
    for replica in [one, two] {
        Arc::into_inner(replica).unwrap().stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backfill_alone_uses_what_there_is() {
    let vendor = Vendor::start(|_| json(200, "{}")).await;
    let replica = Arc::new(Replica::start(&vendor.url(), options()).await);
    let is_over = Arc::new(AtomicBool::new(false));
    let walking =
        tokio::spawn(scan(Arc::clone(&replica), CallPriority::Backfill, Arc::clone(&is_over)));
    tokio::time::sleep(WINDOW.length * 4).await;
    is_over.store(true, Ordering::SeqCst);
    walking.await.unwrap();
    let arrivals = vendor.arrivals();
    assert!(most_in_a_window(&arrivals) <= LIMIT);
    // The margin is a larger share of this window than of a minute.
    let windows = (arrivals.last().unwrap().at - arrivals[0].at).as_secs_f64()
        / (WINDOW.length + WINDOW.margin).as_secs_f64();
    assert!(
        arrivals.len() as f64 >= 0.95 * LIMIT as f64 * windows,
        "{} in {windows} windows",
        arrivals.len()
    );
    Arc::into_inner(replica).unwrap().stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_does_not_begin_a_new_minute() {
    let vendor = Vendor::start(|_| json(200, "{}")).await;
    let name = database().await;
    let options = Options { calls: 10, ..Options::default() };
    let timeout = Duration::from_millis(200);
    for _ in 0..3 {
        let replica = Replica::start_on(&name, &vendor.url(), options.clone()).await;
        for n in 0..8 {
            let asked = replica
                .account
                .call(&request("get", &n.to_string()), CallPriority::Live, timeout)
                .await;
            assert!(matches!(asked, Ok(_) | Err(CallError::RateLimited)));
        }
        replica.stop().await;
    }
    assert_eq!(vendor.arrivals().len(), 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_calls_a_second_are_granted_to_one_who_asks_page_after_page() {
    let vendor = Vendor::start(|_| json(200, "{}")).await;
    let replica =
        Replica::start(&vendor.url(), Options { calls: 60_000, ..Options::default() }).await;
    let began = Instant::now();
    for n in 0..400 {
        replica.ask_as(CallPriority::Backfill, "get", &n.to_string()).await.unwrap();
    }
    let rows: i64 = sqlx::query_scalar("select count(*) from call_grants")
        .fetch_one(replica.pool())
        .await
        .unwrap();
    // Not one row for each call: one row covers a tenth of a second.
    assert!(rows <= 2 + began.elapsed().as_millis() as i64 / 100, "{rows} rows");
    assert_eq!(vendor.arrivals().len(), 400);
    replica.stop().await;
}

//! The rate limit of an account, which all replicas share: the number of calls that reach a source, counted there.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use hookpoint::upstream::{CallError, CallPriority, Window};

use crate::simulated_source::{SimulatedSource, json};
use crate::support::{Options, Replica, database, request};

const LIMIT: usize = 60;

/// A margin that no test exceeds. So a window passes only when a test says so ([`end_window`]), however slow the
/// machine is.
const ENDLESS: Duration = Duration::from_secs(3_600);

/// How long somebody waits for a call that is to be had. Nobody waits for one that is not.
const TIMEOUT: Duration = Duration::from_secs(120);

fn options(window: Window) -> Options {
    Options { calls: LIMIT as u32, window, ..Options::default() }
}

/// Makes the window pass: all calls so far were made in an earlier one. Returns how many lookups and other calls were
/// granted in it.
async fn end_window(replica: &Replica) -> [i64; 2] {
    let mut transaction = replica.pool().begin().await.unwrap();
    sqlx::query("select from upstream_accounts for update")
        .execute(&mut *transaction)
        .await
        .unwrap();
    let rows: Vec<(i16, i32)> =
        sqlx::query_as("delete from call_grants returning priority, number")
            .fetch_all(&mut *transaction)
            .await
            .unwrap();
    transaction.commit().await.unwrap();
    let sum = |is_live: bool| {
        rows.iter()
            .filter(|(priority, _)| (*priority == 0) == is_live)
            .map(|(_, number)| i64::from(*number))
            .sum()
    };
    [sum(true), sum(false)]
}

/// From now on calls of both kinds count as waiting, without having to ask again in time.
async fn let_both_wait(replica: &Replica) {
    let update = "update upstream_accounts set (live_wanted_at, other_wanted_at)
        = (clock_timestamp() + interval '1 hour', clock_timestamp() + interval '1 hour')";
    sqlx::query(update).execute(replica.pool()).await.unwrap();
}

/// How many lookups and other calls are granted in this window.
async fn granted(replica: &Replica) -> [i64; 2] {
    let query = "select coalesce(sum(number) filter (where priority = 0), 0), coalesce(sum(number) filter (where priority > 0), 0) from call_grants";
    let (live, others) = sqlx::query_as(query).fetch_one(replica.pool()).await.unwrap();
    [live, others]
}

/// Makes calls one after the other until it is stopped.
async fn scan(replica: Arc<Replica>, priority: CallPriority, is_over: Arc<AtomicBool>) {
    let mut page = 0;
    while !is_over.load(Ordering::SeqCst) {
        page += 1;
        let ask = request("get", &format!("{}-{page}", priority.as_str()));
        match replica.account.call(&ask, priority, Duration::from_secs(5)).await {
            Ok(_) | Err(CallError::RateLimited) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

/// Makes this many lookups' calls in a second, each about another person.
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
            match replica.account.call(&ask, CallPriority::Live, TIMEOUT).await {
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

#[tokio::test(flavor = "multi_thread")]
async fn two_replicas_together_never_exceed_the_limit_and_most_calls_are_lookups() {
    let source = SimulatedSource::start(|_| json(200, "{}")).await;
    let name = database().await;
    let window = Window { margin: ENDLESS, ..Window::MINUTE };
    let [one, two] = [
        Replica::start_on(&name, &source.url(), options(window)).await,
        Replica::start_on(&name, &source.url(), options(window)).await,
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
    // First the backfill alone, then hundreds of lookups at the same time.
    while granted(&one).await == [0, 0] {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let_both_wait(&one).await;
    let mut windows = vec![end_window(&one).await];
    for (replica, per_second) in [(&one, 150), (&two, 170)] {
        all.spawn(ring(
            Arc::clone(replica),
            per_second,
            Arc::clone(&is_over),
            Arc::clone(&answered),
        ));
    }
    for _ in 0..3 {
        let is_divided = async {
            loop {
                let [live, others] = granted(&one).await;
                if live >= 45 && others >= 5 {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(TIMEOUT, is_divided).await.expect("most calls are lookups");
        windows.push(end_window(&one).await);
    }
    is_over.store(true, Ordering::SeqCst);
    while let Some(done) = all.join_next().await {
        done.unwrap();
    }
    windows.push(granted(&one).await);
    assert!(windows.iter().all(|[live, others]| live + others <= LIMIT as i64), "{windows:?}");
    let requests = source.requests();
    let arrived = |is_live: bool| {
        requests.iter().filter(|request| request.target.starts_with("/live-") == is_live).count()
    };
    let [live, others]: [i64; 2] =
        std::array::from_fn(|n| windows.iter().map(|window| window[n]).sum());
    assert_eq!(arrived(true) as i64, live, "each grant is one call: {windows:?}");
    assert_eq!(arrived(false) as i64, others, "each grant is one call: {windows:?}");
    assert_eq!(answered.load(Ordering::SeqCst) as i64, live);
    for replica in [one, two] {
        Arc::into_inner(replica).unwrap().stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backfill_alone_uses_all_but_what_is_left_for_a_lookup() {
    let source = SimulatedSource::start(|_| json(200, "{}")).await;
    // The length sets the pace of a backfill: one call in 50 ms.
    let window = Window { length: Duration::from_secs(3), margin: ENDLESS };
    let replica = Replica::start(&source.url(), options(window)).await;
    for round in 1..=2 {
        for n in 1..LIMIT {
            replica.ask_as(CallPriority::Backfill, "get", &format!("{round}-{n}")).await.unwrap();
        }
        let ask = request("get", "too-many");
        let more = replica.account.call(&ask, CallPriority::Backfill, Duration::from_secs(1)).await;
        assert!(matches!(more, Err(CallError::RateLimited)));
        replica.ask("get", "lookup").await.unwrap();
        assert!(matches!(replica.ask("get", "another").await, Err(CallError::RateLimited)));
        assert_eq!(source.requests().len(), LIMIT * round);
        assert_eq!(end_window(&replica).await, [1, LIMIT as i64 - 1]);
    }
    replica.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_are_granted_again_when_their_window_is_over() {
    let source = SimulatedSource::start(|_| json(200, "{}")).await;
    let window = Window { length: Duration::from_secs(1), margin: Duration::from_secs(4) };
    let replica = Replica::start(&source.url(), Options { calls: 10, ..options(window) }).await;
    for n in 0..25 {
        let ask = request("get", &n.to_string());
        replica.account.call(&ask, CallPriority::Backfill, TIMEOUT).await.unwrap();
    }
    let most: i64 = sqlx::query_scalar(
        "select max(number) from (
            select sum(number) over (
                order by granted_at range between interval '4999 milliseconds' preceding and current row
            ) as number
            from call_grants
        ) as windows",
    )
    .fetch_one(replica.pool())
    .await
    .unwrap();
    assert!(most <= 10, "{most} within a window");
    assert_eq!(source.requests().len(), 25);
    replica.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_does_not_begin_a_new_minute() {
    let source = SimulatedSource::start(|_| json(200, "{}")).await;
    let name = database().await;
    let window = Window { margin: ENDLESS, ..Window::MINUTE };
    for _ in 0..3 {
        let options = Options { calls: 10, ..options(window) };
        let replica = Replica::start_on(&name, &source.url(), options).await;
        for n in 0..8 {
            let asked = replica
                .account
                .call(&request("get", &n.to_string()), CallPriority::Live, TIMEOUT)
                .await;
            assert!(matches!(asked, Ok(_) | Err(CallError::RateLimited)));
        }
        replica.stop().await;
    }
    assert_eq!(source.requests().len(), 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_calls_a_second_are_granted_to_one_who_asks_page_after_page() {
    let source = SimulatedSource::start(|_| json(200, "{}")).await;
    let replica =
        Replica::start(&source.url(), Options { calls: 60_000, ..Options::default() }).await;
    for n in 0..400 {
        replica.ask_as(CallPriority::Backfill, "get", &n.to_string()).await.unwrap();
    }
    // Not one row for each call: one row covers a tenth of a second.
    let (rows, uneven): (i64, i64) = sqlx::query_as(
        "select count(*), count(*) filter (where date_bin('100 ms', granted_at, 'epoch') <> granted_at) from call_grants",
    )
    .fetch_one(replica.pool())
    .await
    .unwrap();
    assert!(rows > 0 && uneven == 0, "{uneven} of {rows} rows");
    assert_eq!(source.requests().len(), 400);
    replica.stop().await;
}

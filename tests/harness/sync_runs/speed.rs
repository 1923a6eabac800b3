//! The speed and the cost of a backfill.

use super::*;

/// Measures an unobstructed backfill: its speed, its cost, and how much of a small rate limit it uses.
pub async fn run(harness: &Harness, contacts: usize, minutes: u64) -> Report {
    const LIMIT: u32 = 60;
    let mut report = Report::default();
    let secrets = Secrets::known();
    let data = data(contacts);
    let simulators =
        Simulators::start(Arc::clone(&data), &secrets, generous(), Clock::system()).unwrap();
    let tables = brand(&simulators, 60_000, "off");
    let shop = harness.shop_of("runs", &tables).await;
    let begin = Instant::now();
    let replica =
        Replica::start(harness, "runs", &replica_settings(&tables, &secrets), &shop.url).await;
    wait_until_complete(&shop.database.pool, shop.brand.id()).await;
    let (took, cpu) = (begin.elapsed(), replica.process.processor_time());
    report.figure("contacts a second", format!("{:.0}", contacts as f64 / took.as_secs_f64()));
    let each = cpu.as_secs_f64() * 1_000.0 / contacts as f64;
    report.figure("processor time of ours for each", format!("{each:.3} ms, promised: 1 ms"));
    if each > 1.0 {
        report.late.push(format!("{each:.3} ms of processor time for each contact"));
    }
    expect_same(&mut report, "after the backfill", &differences(&data, &shop).await);
    drop(replica);
    shop.database.close().await;

    simulators.clear_request_log();
    let tables = brand(&simulators, LIMIT, "off");
    let shop = harness.shop_of("runs_slowly", &tables).await;
    let replica =
        Replica::start(harness, "runs-slowly", &replica_settings(&tables, &secrets), &shop.url)
            .await;
    let begin = Clock::system().now().as_microsecond();
    tokio::time::sleep(Duration::from_secs(minutes * 60)).await;
    let requests = simulators.logged_requests(Source::OmnioTap);
    let came = requests
        .iter()
        .filter(|request| {
            (begin..begin + minutes as i64 * 60_000_000).contains(&request.at.as_microsecond())
        })
        .count();
    let share = came as f64 / (f64::from(LIMIT) * minutes as f64);
    report.figure(
        "rate limit used while work remained",
        format!("{:.1} % ({came} calls in {minutes} minutes), promised: 95 %", share * 100.0),
    );
    if share < 0.95 {
        report.late.push(format!("{:.1} % of the rate limit were used", share * 100.0));
    }
    drop(replica);
    simulators.stop().await;
    shop.database.close().await;
    report
}

//! A rate limit that two replicas share.

use super::*;

/// Lookups that must all be answered, with any result.
struct Answered(Lookups);

impl RequestGenerator for Answered {
    fn ask(&mut self, n: u64, request: &mut Vec<u8>) {
        self.0.ask(n, request);
    }

    fn is_right(&mut self, _: u64, answer: &Answer<'_>) -> bool {
        answer.status == 200 && answer.body == b"[]"
    }
}

/// The granted calls with their time and priority.
async fn granted(pool: &Pool) -> Vec<(f64, i16)> {
    sqlx::query_as(
        "select extract(epoch from granted_at)::float8, priority from call_grants cross join generate_series(1, number) order by granted_at",
    )
    .fetch_all(pool)
    .await
    .unwrap()
}

/// Two replicas with more cold lookups than the rate limit allows, and a backfill: the limit is never exceeded, and
/// both get a share.
pub async fn run(harness: &Harness, duration: Duration, per_second: u32) -> Report {
    const LIMIT: usize = 60;
    let mut report = Report::default();
    let secrets = Secrets::known();
    let data = data(20_000);
    // The vendor's own limit is very high, so only the service's limit counts here.
    let simulators =
        Simulators::start(Arc::clone(&data), &secrets, generous(), Clock::system()).unwrap();
    let tables = brand(&simulators, LIMIT as u32, "unknown");
    let shop = harness.shop_of("rate_limit", &tables).await;
    let replica_settings = replica_settings(&tables, &secrets);
    let mut replicas = Vec::new();
    for n in 0..2 {
        replicas.push(
            Replica::start(harness, &format!("rate-limit-{n}"), &replica_settings, &shop.url).await,
        );
    }
    let loads: Vec<_> = (0..2_u64)
        .map(|n| {
            let load = Load::at_rate(replicas[n as usize].address, per_second / 2, duration)
                .over(200)
                .from(n * 10_000_000);
            load.start(Answered(Lookups::new(LookupTarget::Nobody)))
        })
        .collect();
    for (n, load) in loads.into_iter().enumerate() {
        let (figures, _) = load.wait().await;
        report.expect_right(&format!("cold lookups of replica {n}"), &figures);
    }
    let requests = simulators.logged_requests(Source::OmnioTap);
    let times: Vec<f64> =
        requests.iter().map(|request| request.at.as_microsecond() as f64 / 1e6).collect();
    let most = times
        .iter()
        .map(|begin| times.iter().filter(|at| (*begin..begin + 60.0).contains(*at)).count())
        .max()
        .unwrap_or_default();
    let refused = requests.iter().filter(|request| request.status == 429).count();
    report.figure(
        "calls that came, most of them in any 60 s, of them refused",
        format!("{}, {most}, {refused}", times.len()),
    );
    if most > LIMIT || refused > 0 {
        report.broken.push(format!("{most} calls came within 60 s, {refused} were refused"));
    }
    let granted = granted(&shop.database.pool).await;
    // Count whole minutes after the first call.
    let first = granted.first().map_or(0.0, |(at, _)| *at);
    let mut minutes = Vec::new();
    for minute in 1..(duration.as_secs() / 60) {
        let begin = first + minute as f64 * 60.0;
        let within = |priority: &dyn Fn(i16) -> bool| {
            granted
                .iter()
                .filter(|(at, of)| (begin..begin + 60.0).contains(at) && priority(*of))
                .count()
        };
        minutes.push((within(&|priority| priority == 0), within(&|priority| priority > 0)));
    }
    report.figure("in each further minute, calls of lookups and others", format!("{minutes:?}"));
    for (live, others) in minutes {
        if live < 40 || others == 0 {
            report
                .broken
                .push(format!("of a minute's calls {live} were lookups, and {others} others"));
        }
    }
    drop(replicas);
    simulators.stop().await;
    shop.database.close().await;
    report
}

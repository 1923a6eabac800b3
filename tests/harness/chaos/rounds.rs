//! Rounds of faults, each until everything works again.

use super::*;

/// Compares everything with the source repeatedly, as the nightly reconcile does.
pub(super) async fn reconcile_repeatedly(
    directory: &Path,
    url: &str,
    simulators: &Simulators,
    secrets: &Secrets,
) {
    loop {
        tokio::time::sleep(Duration::from_secs(40)).await;
        reconcile(directory, url, simulators, secrets).await;
    }
}

/// Returns whether the comparison was complete.
pub(super) async fn reconcile(
    directory: &Path,
    url: &str,
    simulators: &Simulators,
    secrets: &Secrets,
) -> bool {
    let settings = directory.join("reconcile.toml");
    std::fs::write(&settings, demo(simulators)).unwrap();
    let log = std::fs::File::create(directory.join("reconcile.log")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_hookpoint"));
    command.arg("--settings").arg(settings).args(["sync", "run", "--source", "omniotap"]);
    command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
    command.env("DATABASE_URL", url).envs(environment(secrets));
    let (mut process, begin) = (Process::start(&mut command), Instant::now());
    while begin.elapsed() < HEALED {
        if let Some(status) = process.ended() {
            return status.success();
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    false
}

/// Runs all faults.
pub(super) async fn go_through(
    targets: &mut FaultTargets<'_>,
    chaos: Chaos,
    flow: &Flow,
    url: &str,
    calm: &mut Vec<(Instant, Instant)>,
    report: &mut Report,
) {
    let rounds = draw(chaos.seed, chaos.rounds, chaos.round, targets.disk.is_some());
    let faults = rounds.iter().flatten().filter(|event| event.begins).count();
    report.figure("faults", format!("{faults} in {} rounds", chaos.rounds));
    let mut longest = Duration::ZERO;
    for (n, events) in rounds.into_iter().enumerate() {
        let begin = Instant::now();
        (chaos.print_progress)(format!("  round {n}"));
        for event in events {
            wait_until(targets, begin + event.at, report).await;
            let what = if event.begins { "begins" } else { "ends" };
            (chaos.print_progress)(format!(
                "    {:5.1} s: {} {what}",
                event.at.as_secs_f64(),
                event.fault
            ));
            if event.begins {
                targets.begin(event.fault, report).await;
            } else {
                targets.end(event.fault, report).await;
            }
        }
        wait_until(targets, begin + chaos.round.fault_phase, report).await;
        let last = Instant::now();
        let mut complaint = Some(String::new());
        while complaint.is_some() && last.elapsed() < HEALED {
            wait_until(targets, Instant::now() + Duration::from_millis(200), report).await;
            complaint = complaints(targets, flow, url).await;
        }
        let took = last.elapsed();
        longest = longest.max(took);
        match complaint {
            Some(complaint) => report.late.push(format!(
                "round {n}: not recovered {HEALED:?} after its last fault: {complaint}"
            )),
            None => (chaos.print_progress)(format!(
                "    recovered {:.1} s after the last fault",
                took.as_secs_f64()
            )),
        }
        let from = Instant::now();
        wait_until(targets, begin + chaos.round.lasts, report).await;
        calm.push((from, Instant::now()));
    }
    report.figure(
        "longest recovery after the last fault of a round",
        format!("{:.1} s", longest.as_secs_f64()),
    );
}

/// Waits, and restarts replicas that ended.
pub(super) async fn wait_until(
    targets: &mut FaultTargets<'_>,
    until: Instant,
    report: &mut Report,
) {
    loop {
        targets.watch(report);
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        tokio::time::sleep(left.min(Duration::from_millis(100))).await;
    }
}

/// The first sign that the service has not recovered, if there is one.
async fn complaints(targets: &FaultTargets<'_>, flow: &Flow, url: &str) -> Option<String> {
    for member in &targets.members {
        if let Some(complaint) = member.complaint().await {
            return Some(complaint);
        }
        if !lookup_load::answers_about_nobody(&member.record, 0).await {
            return Some("lookups do not reach Postgres".to_owned());
        }
    }
    // Some webhooks are always in flight.
    if !flow.is_acknowledged(60) {
        return Some("webhooks are not acknowledged".to_owned());
    }
    let waiting = async {
        use sqlx::Connection;
        let mut connection = sqlx::postgres::PgConnection::connect(url).await.ok()?;
        crate::harness::recovery::waiting(&mut connection).await
    };
    match waiting.await {
        Some(0..100) => None,
        waiting => Some(format!("{waiting:?} webhooks wait to be applied")),
    }
}

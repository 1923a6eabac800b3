//! A backfill while replicas are killed and webhooks are lost.

use super::*;

/// Changes, creates and removes contacts, with a webhook for each.
pub struct BackgroundChanges {
    pub rng: Rng,
    pub created: usize,
    pub contacts: usize,
    pub version: usize,
}

impl BackgroundChanges {
    pub fn step(&mut self, data: &SimulatedData) {
        self.version += 1;
        let (n, version, now) = (self.rng.roll(self.contacts), self.version, data.now());
        match self.rng.roll(10) {
            0 => data.delete(ObjectKind::Contact, &format!("c{n}")),
            1 | 2 => {
                data.change(
                    ObjectKind::Contact,
                    &contact(self.contacts + self.created, version, now),
                );
                self.created += 1;
            }
            _ if data.get(ObjectKind::Contact, &format!("c{n}")).is_some() => {
                data.change(ObjectKind::Contact, &contact(n, version, now));
            }
            _ => {}
        }
    }
}

async fn wait_until_applied(simulators: &Simulators, pool: &Pool) {
    simulators.webhooks_settled().await;
    crate::harness::webhook_checks::wait_until_applied(pool).await;
}

/// A backfill with killed replicas while webhooks arrive. Then some webhooks are lost, and a reconcile finds and
/// repairs the differences.
pub async fn run(harness: &Harness, collection: Collection) -> Report {
    let mut report = Report::default();
    let secrets = Secrets::known();
    let data = data(collection.contacts);
    let mut simulators =
        Simulators::start(Arc::clone(&data), &secrets, generous(), Clock::system()).unwrap();
    let tables = brand(&simulators, 60_000, "off");
    let shop = harness.shop_of("collecting", &tables).await;
    let replica_settings = replica_settings(&tables, &secrets)
        .with(|file| (file.sync.lease_seconds, file.inbox.lease_seconds) = (5, 5));
    let begin = Instant::now();
    let mut replicas = Vec::new();
    for n in 0..2 {
        let replica =
            Replica::start(harness, &format!("collecting-{n}"), &replica_settings, &shop.url).await;
        replicas.push((replica_settings.clone().at(replica.address), replica));
    }
    simulators.send_webhooks_to(format!("http://{}", replicas[0].1.address)).unwrap();
    let mut background_changes = BackgroundChanges {
        rng: Rng(collection.seed),
        created: 0,
        contacts: collection.contacts,
        version: 0,
    };
    let mut in_the_middle = 0;
    for kill in 0..=collection.kills {
        let share = collection.contacts * kill / (collection.kills + 1);
        let deadline = Instant::now() + TIMEOUT;
        // The scan must have progressed enough for a kill to matter. Do not wait for a run that is over.
        let scanned = async || {
            stream_of(&shop.database.pool, shop.brand.id())
                .await
                .map_or((0, false), |row| (row.scanned as usize, row.finished_at.is_some()))
        };
        while let (so_far, false) = scanned().await
            && so_far < share
            && Instant::now() < deadline
        {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        (0..collection.changes / (collection.kills + 1))
            .for_each(|_| background_changes.step(&data));
        if kill < collection.kills {
            let (so_far, is_over) = scanned().await;
            in_the_middle += usize::from(!is_over && so_far < collection.contacts);
            for (n, (replica_settings, replica)) in replicas.iter_mut().enumerate() {
                replica.process.kill();
                *replica = Replica::start(
                    harness,
                    &format!("collecting-{n}"),
                    replica_settings,
                    &shop.url,
                )
                .await;
            }
        }
    }
    if !wait_until_complete(&shop.database.pool, shop.brand.id()).await {
        report.broken.push("the backfill did not end".to_owned());
    }
    let took = begin.elapsed();
    wait_until_applied(&simulators, &shop.database.pool).await;
    report.figure(
        "contacts, changes meanwhile",
        format!(
            "{}, {}",
            collection.contacts,
            collection.changes / (collection.kills + 1) * (collection.kills + 1)
        ),
    );
    report.figure(
        "kills of both replicas, of them in the middle",
        format!("{}, {in_the_middle}", collection.kills),
    );
    report.figure("until the backfill was complete", format!("{:.1} s", took.as_secs_f64()));
    report.figure("calls", simulators.logged_requests(Source::OmnioTap).len());
    if in_the_middle == 0 {
        report.broken.push("no kill fell into the backfill".to_owned());
    }
    let differing = differences(&data, &shop).await;
    report.figure("contacts that differ after the backfill", differing.len());
    expect_same(&mut report, "after the backfill", &differing);

    simulators.lose_webhooks(Source::OmnioTap, 50);
    (0..collection.later_changes).for_each(|_| background_changes.step(&data));
    wait_until_applied(&simulators, &shop.database.pool).await;
    let lost = differences(&data, &shop).await.len();
    report.figure("contacts that differ after one webhook in twenty was lost", lost);
    let output_text = sync_run(harness, &replica_settings, &shop).await;
    report.figure(
        "`hookpoint sync run`",
        output_text.lines().rfind(|line| line.contains("contacts")).unwrap_or(&output_text),
    );
    let row = stream_of(&shop.database.pool, shop.brand.id()).await.unwrap();
    let found = (row.changed + row.deleted) as usize;
    let share = f64::from(row.drift.unwrap_or_default());
    report.figure(
        "of them found by the reconcile, drift",
        format!("{found}, {:.3} %", share * 100.0),
    );
    if found != lost || lost == 0 || share <= 0.0 {
        report.broken.push(format!("{lost} differed, and the reconcile found {found}"));
    }
    expect_same(&mut report, "after the reconcile", &differences(&data, &shop).await);
    drop(replicas);
    simulators.stop().await;
    shop.database.close().await;
    report
}

/// Compares everything with `hookpoint sync run`.
async fn sync_run(harness: &Harness, replica_settings: &ReplicaSettings, shop: &Shop) -> String {
    let directory = harness.directory("sync-run");
    let settings = directory.join("hookpoint.toml");
    std::fs::write(&settings, replica_settings.text_in(&directory)).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_hookpoint"));
    command
        .arg("--settings")
        .arg(&settings)
        .args(["sync", "run", "--source", "omniotap"])
        .stdin(Stdio::null());
    command
        .env("DATABASE_URL", &shop.url)
        .envs(replica_settings.environment.iter().map(|(name, value)| (name, value)));
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

//! When batches begin.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::*;
use hookpoint::clock::Clock;
use hookpoint::inbox::wake_handles::WakeHandles;
use hookpoint::inbox::worker::InboxWorker;
use hookpoint::jobs::tasks::BackgroundTasks;
use hookpoint::jobs::worker;
use hookpoint::telemetry::alarm::{Alarms, Part};
use tokio::sync::Semaphore;

#[tokio::test]
async fn deliveries_in_quick_succession_share_a_batch() {
    const SPACING_MS: u128 = 20;
    let app = receiver().await;
    let (settings, background) = (InboxSettings::default(), BackgroundTasks::new());
    let wake_handles = WakeHandles::new([app.brand.id()]);
    let mut inbox_worker = InboxWorker::new(
        DeliveryProcessor::new(app.pool().clone(), app.brand.clone(), &settings, Clock::system()),
        wake_handles.clone(),
        Arc::new(Semaphore::new(1)),
        Alarms::default().of(Part::Applying, None),
        background.clone(),
    );
    let began_at = Instant::now();
    let ending = background.clone();
    background.spawn(async move { worker::run(&mut inbox_worker, &ending).await });
    for n in 0..40 {
        let (event, key) = (format!("e{n}"), format!("c-{n}"));
        accepted(&app, "omniotap", &[], &contact(&event, &key, "Anna", 1)).await;
        wake_handles.wake(app.brand.id());
    }
    while deliveries(&app).await.iter().any(|row| row.state == "pending") {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let most = began_at.elapsed().as_millis() / SPACING_MS + 1;
    background.end().await;
    assert!(deliveries(&app).await.iter().all(|row| row.state == "done"));
    // All deliveries of a batch are finished at the time of its claim.
    let (batches,): (i64,) = sqlx::query_as("select count(distinct finished_at) from deliveries")
        .fetch_one(app.pool())
        .await
        .unwrap();
    assert!(u128::try_from(batches).unwrap() <= most, "{batches} batches, at most {most}");
    app.stop().await;
}

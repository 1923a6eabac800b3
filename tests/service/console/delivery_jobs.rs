//! Replay and discard of all webhooks that were counted, as a job.

use hookpoint::admin::audit::{Attribution, Via};
use hookpoint::admin::delivery_jobs::{cancel, work_off_part};
use hookpoint::admin::role::Role;
use hookpoint::storage::delivery_jobs::{DeliveryJob, JobState, list_jobs};

use super::Person;
use super::inbox::{audited, receiver_with_console};
use crate::support::{TestApp, until};

/// Webhooks that failed, with ids in order.
async fn insert_dead(app: &TestApp, from: i32, to: i32) {
    sqlx::query(
        "insert into deliveries (brand_id, delivery_id, source, event, headers, body, received_at, priority, state, due_at, finished_at, note)
        select $1, ('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 'omneo', 'profile.updated', '{}', '{}', now(), 1, 'dead', now(), now(), 'there is no id'
        from generate_series($2, $3) as n",
    )
    .bind(app.brand.id())
    .bind(from)
    .bind(to)
    .execute(app.pool())
    .await
    .unwrap();
}

/// From now on, no delivery after the 500th can be replayed, as if the service had stopped there.
async fn stop_after_500(app: &TestApp) {
    sqlx::raw_sql(
        "create function refuse() returns trigger language plpgsql as $$ begin raise exception 'stopped'; end $$;
        create trigger refuse before update on deliveries for each row
        when (new.note = 'replayed' and new.delivery_id > '00000000-0000-7000-8000-0000000001f4') execute function refuse()",
    )
    .execute(app.pool())
    .await
    .unwrap();
}

async fn go_on(app: &TestApp) {
    sqlx::raw_sql("drop function refuse cascade").execute(app.pool()).await.unwrap();
}

async fn count(app: &TestApp, state: &str) -> i64 {
    let query = sqlx::query_as("select count(*) from deliveries where state = $1");
    let (count,): (i64,) = query.bind(state).fetch_one(app.pool()).await.unwrap();
    count
}

async fn last_job(app: &TestApp) -> DeliveryJob {
    list_jobs(app.pool(), app.brand.id(), 10).await.unwrap().remove(0)
}

/// Counts what matches, and opens the job.
async fn counted(browser: &Person<'_>, query: &str) -> String {
    let counted = browser.post(&format!("/inbox/count{query}"), &[]).await;
    assert_eq!(counted.status, 303, "{}", counted.text());
    assert!(counted.location.ends_with(query), "the filters stay: {}", counted.location);
    counted.location.split('?').next().unwrap().to_owned()
}

#[tokio::test]
async fn exactly_what_was_counted_is_replayed_once_and_others_see_the_progress() {
    let app = receiver_with_console().await;
    insert_dead(&app, 1, 1_300).await;
    let femke = Person::log_in(&app, Role::Supervisor, "Femke").await;
    let viewer = Person::log_in(&app, Role::Viewer, "Vera").await;
    let job = counted(&femke, "?state=dead").await;
    // Those that come later, and one that somebody else discards meanwhile.
    insert_dead(&app, 2_001, 2_010).await;
    let discard = "update deliveries set state = 'discarded' where delivery_id = '00000000-0000-7000-8000-000000000007'";
    sqlx::query(discard).execute(app.pool()).await.unwrap();

    let page = femke.get(&job).await.shown();
    assert!(page.has("1300 webhooks") && page.has("Discard 1300"), "{}", page.text());
    assert!(page.has("What was selected: failed"), "{}", page.text());
    let shown = viewer.get(&job).await.shown();
    assert!(!shown.has("name=\"act\""), "a viewer may not decide: {}", shown.text());
    assert_eq!(viewer.post(&format!("{job}/begin"), &[("act", "replay")]).await.status, 403);
    assert_eq!(femke.post(&format!("{job}/begin"), &[("act", "discard")]).await.status, 422);
    assert_eq!(femke.post(&format!("{job}/begin"), &[]).await.status, 422);

    stop_after_500(&app).await;
    let fields = [("act", "replay"), ("reason", "ticket 7")];
    let begun = femke.post(&format!("{job}/begin?state=dead"), &fields).await;
    assert_eq!((begun.status, begun.location), (303, format!("{job}?state=dead&done=job-begun")));
    let again = femke.post(&format!("{job}/begin"), &fields).await;
    assert_eq!(again.status, 409, "two clicks begin once: {}", again.text());
    let running = viewer.get(&job).await.shown();
    assert!(running.has("499 of 1300") && running.has("every 2s"), "{}", running.text());
    assert!(viewer.get("/inbox").await.shown().has("Many at once"));
    assert_eq!(audited(&app).await[0].2, "", "it is not known yet");

    // The service that worked on it is gone. Another one goes on.
    go_on(&app).await;
    let now = app.clock.now();
    until("the job is done", async || {
        work_off_part(app.pool(), &app.brand, None, now).await.unwrap();
        last_job(&app).await.state == JobState::Done
    })
    .await;
    let done = last_job(&app).await;
    assert_eq!((done.counted, done.changed, done.skipped), (1_300, 1_299, 1));
    assert_eq!((count(&app, "pending").await, count(&app, "dead").await), (1_299, 10));
    assert!(viewer.get(&job).await.shown().has("1299 of 1300"));
    let entry = ["replay deliveries", "ticket 7", "deliveries: 1299"].map(str::to_owned);
    assert_eq!(audited(&app).await, [entry.into()]);
    let (items,): (i64,) = sqlx::query_as("select count(*) from delivery_job_items")
        .fetch_one(app.pool())
        .await
        .unwrap();
    assert_eq!(items, 0);
    app.stop().await;
}

#[tokio::test]
async fn a_job_that_runs_can_be_cancelled_and_nothing_of_it_happens_later() {
    let app = receiver_with_console().await;
    insert_dead(&app, 1, 1_100).await;
    stop_after_500(&app).await;
    let femke = Person::log_in(&app, Role::Supervisor, "Femke").await;
    let job = counted(&femke, "?source=omneo").await;
    femke.post(&format!("{job}/begin"), &[("act", "replay")]).await;
    let cancelled = femke.post(&format!("{job}/cancel"), &[("reason", "wrong ones")]).await;
    assert_eq!(cancelled.location, format!("{job}?done=job-cancelled"));
    let by = (Attribution { by: "test", reason: "", via: Via::Command }, app.clock.now());
    let id = last_job(&app).await.job_id;
    assert!(!cancel(app.pool(), &app.brand, id, by).await.unwrap(), "once");
    go_on(&app).await;
    assert!(!work_off_part(app.pool(), &app.brand, None, app.clock.now()).await.unwrap());
    assert_eq!((count(&app, "pending").await, count(&app, "dead").await), (500, 600));
    let page = femke.get(&job).await.shown();
    assert!(page.has("cancelled") && page.has("500 of 1100"), "{}", page.text());
    let outcomes: Vec<String> = audited(&app).await.into_iter().map(|row| row.2).collect();
    assert_eq!(outcomes, ["deliveries: 500, then cancelled"]);
    app.stop().await;
}

#[tokio::test]
async fn a_small_job_is_done_at_once_and_discards_only_what_can_be() {
    let app = receiver_with_console().await;
    insert_dead(&app, 1, 3).await;
    sqlx::query("update deliveries set state = 'done' where delivery_id = (select min(delivery_id::text)::uuid from deliveries)")
        .execute(app.pool())
        .await
        .unwrap();
    let femke = Person::log_in(&app, Role::Supervisor, "Femke").await;
    let job = counted(&femke, "?state=all").await;
    let page = femke.get(&job).await.shown();
    assert!(page.has("Replay 3") && page.has("Discard 2"), "{}", page.text());
    femke.post(&format!("{job}/begin"), &[("act", "discard"), ("reason", "tests")]).await;
    let page = femke.get(&job).await.shown();
    assert!(page.has("done</span>") && page.has("2 of 3"), "{}", page.text());
    assert_eq!((count(&app, "discarded").await, count(&app, "done").await), (2, 1));
    let nothing = counted(&femke, "?event=nothing").await;
    let page = femke.get(&nothing).await.shown();
    assert!(page.has("No webhook matches.") && !page.has("name=\"act\""), "{}", page.text());
    app.stop().await;
}

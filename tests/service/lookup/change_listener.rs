//! Two replicas on one database: each receives change notifications, and notices when it may have missed some.

use hookpoint::storage::database::{Place, Url};

use crate::round_trips::{CountingProxy, contact};
use crate::support::{
    KEY, Options, Response, TestApp, encode, scratch, server, socket_directory, until,
};

async fn second(app: &TestApp) -> TestApp {
    TestApp::start_with(Options {
        place: Some((app.place.clone(), app.database.clone())),
        ..Options::default()
    })
    .await
}

fn query(n: usize) -> String {
    format!("key={KEY}&channelAddressType=email&address={}", encode(&format!("p{n}@example.org")))
}

fn named(name: &'static str) -> impl Fn(&Response) -> bool {
    move |response| {
        response.status == 200
            && response.body.contains(&format!("\"customerFirstname\":\"{name}\""))
    }
}

async fn name(app: &TestApp, people: usize, minute: i64, name: &str) {
    let contact = |n: usize| {
        contact(
            &format!("c{n}"),
            minute,
            &[("name.first", name), ("email.main", &format!("p{n}@example.org"))],
        )
    };
    app.apply((0..people).map(contact).collect()).await;
}

#[tokio::test]
async fn a_change_on_one_is_seen_on_the_other_and_so_is_one_of_very_many() {
    let one = TestApp::start().await;
    let other = second(&one).await;
    // Two addresses and two ids each: 400 people have more than a notification can name, so the whole brand expires.
    for (people, minute, is_called) in
        [(3, 0, "Anna"), (3, 1, "Bo"), (400, 2, "Cleo"), (400, 3, "Dirk")]
    {
        name(&one, people, minute, is_called).await;
        for app in [&one, &other] {
            app.wait_until_current().await;
            for n in [0, 2, people - 1] {
                let response = app.ask(&query(n)).await;
                assert!(named(is_called)(&response), "{n}: {}", response.body);
            }
        }
    }
    other.stop().await;
    name(&one, 1, 4, "Eva").await;
    one.until(&query(0), named("Eva")).await;
    one.stop().await;
}

#[tokio::test]
async fn a_replica_whose_listener_is_cut_learns_what_it_missed() {
    let one = TestApp::start().await;
    let other = second(&one).await;
    name(&one, 2, 0, "Anna").await;
    other.until(&query(0), named("Anna")).await;
    let server = server().await;
    for (minute, is_called) in [(1, "Bo"), (2, "Cleo"), (3, "Dirk")] {
        let cut = "select count(pg_terminate_backend(pid)) from pg_stat_activity where datname = $1 and query ilike 'listen%'";
        // Both listen again, and have missed nothing so far.
        one.wait_until_current().await;
        other.wait_until_current().await;
        let (cut,): (i64,) =
            sqlx::query_as(cut).bind(&one.database).fetch_one(&server).await.unwrap();
        assert_eq!(cut, 2, "both listened");
        name(&one, 2, minute, is_called).await;
        one.until(&query(0), named(is_called)).await;
        other.until(&query(1), named(is_called)).await;
    }
    other.stop().await;
    one.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_without_notifications_stops_trusting_its_cache() {
    let one = TestApp::start().await;
    let directory = scratch().join(format!("hookpoint-test-{}", std::process::id())).join("mute");
    let proxy = CountingProxy::open(&directory, &socket_directory());
    let through = Place::Server(Url::from_environment(format!(
        "postgres://hookpoint@localhost/{}?host={}",
        one.database,
        directory.display()
    )));
    let listener_disconnected = TestApp::start_with(Options {
        place: Some((through, one.database.clone())),
        ..Options::default()
    })
    .await;
    name(&one, 1, 0, "Anna").await;
    listener_disconnected.until(&query(0), named("Anna")).await;
    listener_disconnected.wait_until_current().await;
    proxy.mute(true);
    name(&one, 1, 1, "Bo").await;
    one.until(&query(0), named("Bo")).await;
    // After ten seconds of silence it asks Postgres again.
    listener_disconnected.until(&query(0), named("Bo")).await;
    until("no notification arrived, so it is degraded", async || {
        let ready = listener_disconnected.send("GET", "/health/ready", &[]).await;
        assert_eq!(ready.status, 200, "{}", ready.body);
        ready.body.contains("\"degraded\":true")
    })
    .await;
    proxy.mute(false);
    listener_disconnected.stop().await;
    one.stop().await;
}

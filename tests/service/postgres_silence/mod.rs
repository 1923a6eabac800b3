//! Silence of Postgres, of the network, or of another client: no connection is refused or closed, and no data arrives.

mod faulty_proxy;
mod traffic;

use std::sync::Arc;
use std::time::Duration;

use hookpoint::brand::Brand;
use hookpoint::customer::model::record::Change;
use hookpoint::ingest::apply::apply;
use hookpoint::settings::file::BrandSettings;
use hookpoint::storage::database::{Place, Url};
use serde_json::Value;
use sqlx::postgres::PgPoolOptions;
use sqlx::{Connection, PgConnection, PgPool};

use crate::inbox::contact;
use crate::round_trips;
use crate::support::{
    Options, Response, TestApp, TestSettings, database, post, send, until, until_locks_are_awaited,
};
use faulty_proxy::{DisconnectPoint, FaultyProxy};
use traffic::{Traffic, by_email, cold, is_one};

/// The number of people whom each traffic can look up: at most ten a second are.
const COLD: usize = 1_500;

/// An application that reaches its database through a proxy.
struct SilenceFixture {
    app: TestApp,
    brand: Arc<Brand>,
    proxy: FaultyProxy,
    /// A connection without the proxy and without the service's settings.
    direct: PgPool,
}

/// The database of an application, for connections outside the service.
fn url_of(place: &Place) -> &str {
    let Place::Server(Url(url, _)) = place else {
        panic!("the tests' server is not an embedded one")
    };
    url
}

/// The application's brands, and the settings that it is served with.
fn served(slugs: &[&str]) -> TestSettings {
    let settings = TestSettings::demo().usual_ack_timeout().with(|file| {
        "localhost:0".clone_into(&mut file.server.metrics_listen);
        file.lookup.deadline_ms = 2_000;
    });
    slugs.iter().fold(settings, |settings, slug| settings.and_brand(slug, BrandSettings::default()))
}

fn brand_of(app: &TestApp, slug: &str) -> Arc<Brand> {
    Arc::clone(app.application.brands().values().find(|brand| brand.rules.slug == slug).unwrap())
}

impl SilenceFixture {
    /// Starts with people to look up, under some names. Metrics belong to the whole process, so no other test may use
    /// the brand.
    async fn start(slug: &str, names: &[&'static str]) -> Self {
        let (place, name) = database().await;
        let direct = PgPoolOptions::new().max_connections(2).connect(url_of(&place)).await.unwrap();
        count_endings(&direct).await;
        let proxy = FaultyProxy::start().await;
        let options = Options {
            settings: served(&[slug]),
            place: Some((proxy.to(&name), name)),
            skips_verification: true,
            runs_as_served: true,
        };
        let app = TestApp::start_with(options).await;
        let brand = brand_of(&app, slug);
        app.key(&brand, slug, None).await;
        for name in names {
            let person = |n: usize| {
                round_trips::contact(
                    &format!("cold-{name}-{n}"),
                    1,
                    &[("name.first", "Anna"), ("email.main", &cold(name, n))],
                )
            };
            let people: Vec<Change> = (0..COLD).map(person).collect();
            // Small batches: Postgres ends a transaction that computes for too long, on a busy machine.
            for some in people.chunks(50) {
                apply(app.pool(), &brand, some.to_vec()).await.unwrap();
            }
        }
        app.wait_until_current().await;
        app.until(&format!("key={slug}&primaryID=warm-up"), |response| response.status == 200)
            .await;
        // As after a busy day: all connections for lookups are open.
        let queries: Vec<String> =
            (0..40).map(|n| format!("key={slug}&primaryID=nobody-{n}")).collect();
        let asked = futures_util::future::join_all(queries.iter().map(|query| app.ask(query)));
        assert!(asked.await.iter().all(|response| response.status == 200));
        Self { app, brand, proxy, direct }
    }

    fn key(&self) -> &str {
        &self.brand.rules.slug
    }

    fn traffic(&self, name: &'static str) -> Traffic {
        Traffic::start(self.app.application.address, self.key(), self.key(), name)
    }

    async fn ready(&self) -> Response {
        self.app.send("GET", "/health/ready", &[]).await
    }

    async fn is_degraded(&self) -> bool {
        let ready = self.ready().await;
        let health: Value = serde_json::from_str(&ready.body).unwrap();
        assert_eq!(ready.status, 200, "{}", ready.body);
        health["degraded"].as_bool().unwrap()
    }

    /// A gauge of the brand, in whole seconds.
    async fn gauge(&self, name: &str) -> Option<i64> {
        let page =
            send(self.app.application.metrics_address.unwrap(), "GET", "/metrics", &[]).await.body;
        let start = format!("{name}{{brand=\"{}\"}} ", self.key());
        page.lines()
            .find_map(|line| line.strip_prefix(&start))
            .map(|value| value.trim().parse::<f64>().unwrap() as i64)
    }

    /// Every webhook was stored once, and done once at most. Lookups check that it was done.
    async fn expect_nothing_doubled(&self, broken: &mut Vec<String>) {
        let query = "select count(*), count(distinct body), (select count(*) from endings), (select count(distinct delivery_id) from endings)
            from deliveries";
        let (stored, bodies, endings, ended): (i64, i64, i64, i64) =
            sqlx::query_as(query).fetch_one(&self.direct).await.unwrap();
        if stored != bodies || endings != ended {
            broken.push(format!("{stored} deliveries of {bodies} webhooks are stored, and {ended} of them were done {endings} times"));
        }
    }

    async fn stop(self) {
        self.direct.close().await;
        self.app.stop().await;
    }
}

/// Records when a delivery is done.
async fn count_endings(pool: &PgPool) {
    let statements = "
        create table endings (delivery_id uuid not null);
        create function take_down() returns trigger language plpgsql as
            $$ begin insert into endings values (old.delivery_id); return new; end $$;
        create trigger ended after update on deliveries for each row when (new.state = 'done') execute function take_down()";
    sqlx::raw_sql(statements).execute(pool).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_silent_fail_over_everything_goes_on_and_after_another_one_as_well() {
    let fixture = SilenceFixture::start("failing-over", &["first", "second"]).await;
    for name in ["first", "second"] {
        let traffic = fixture.traffic(name);
        traffic.until_under_way().await;
        fixture.proxy.blackhole();
        let mut broken = traffic.goes_on().await;
        fixture.expect_nothing_doubled(&mut broken).await;
        assert!(broken.is_empty(), "after the {name} one:\n{}", broken.join("\n"));
    }
    fixture.stop().await;
}

/// Postgres falls silent while the service waits for it.
async fn fail_over_at(point: DisconnectPoint, slug: &str, name: &'static str) {
    let fixture = SilenceFixture::start(slug, &[name]).await;
    let traffic = fixture.traffic(name);
    traffic.until_under_way().await;
    assert!(fixture.proxy.blackhole_at(point).await, "nothing is {point:?} any more");
    let mut broken = traffic.goes_on().await;
    fixture.expect_nothing_doubled(&mut broken).await;
    assert!(broken.is_empty(), "when something was {point:?}:\n{}", broken.join("\n"));
    fixture.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fail_over_while_something_is_applied_keeps_nobody_from_the_brand_for_long() {
    fail_over_at(DisconnectPoint::Locked, "locked", "locked").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fail_over_before_it_is_known_that_something_was_applied_doubles_nothing() {
    fail_over_at(DisconnectPoint::Written, "written", "written").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fail_over_before_it_is_known_that_something_was_claimed_delays_it_for_a_moment_only() {
    fail_over_at(DisconnectPoint::Claimed, "claimed", "claimed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_postgres_is_silent_cached_answers_are_returned_and_afterwards_everything_continues()
{
    let fixture = SilenceFixture::start("silent", &["remembered", "silent"]).await;
    let address = fixture.app.application.address;
    let cached: Vec<String> =
        (0..5).map(|n| by_email(fixture.key(), &cold("remembered", n))).collect();
    for target in &cached {
        assert!(is_one(&send(address, "GET", target, &[]).await, "Anna"));
    }
    let traffic = fixture.traffic("silent");
    traffic.until_under_way().await;
    fixture.proxy.fall_silent();
    // Lookups are answered from before the silence is noticed until long after.
    let mut after_it_was_noticed = 0;
    for target in cached.iter().cycle() {
        let answer = send(address, "GET", target, &[]).await;
        assert!(is_one(&answer, "Anna"), "{}", answer.status);
        if fixture.is_degraded().await {
            after_it_was_noticed += 1;
        } else {
            assert_eq!(after_it_was_noticed, 0, "nothing happened that could repair it");
        }
        if after_it_was_noticed == 50 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    fixture.proxy.heal();
    let mut broken = traffic.goes_on().await;
    fixture.expect_nothing_doubled(&mut broken).await;
    until("health is not degraded any more", async || !fixture.is_degraded().await).await;
    assert!(broken.is_empty(), "after the silence:\n{}", broken.join("\n"));
    fixture.stop().await;
}

/// The state of each part in the health check.
async fn parts(fixture: &SilenceFixture) -> Vec<(&'static str, String)> {
    let ready = fixture.ready().await;
    assert_eq!(ready.status, 200, "{}", ready.body);
    let health: Value = serde_json::from_str(&ready.body).unwrap();
    let parts = ["lookups", "changes", "storing", "applying"]
        .map(|part| (part, health[part].as_str().unwrap_or("not told").to_owned()));
    let is_known = |health: &str| ["ok", "failing"].contains(&health);
    assert!(
        parts.iter().all(|(_, health)| is_known(health)),
        "/health/ready does not list the parts: {}",
        ready.body
    );
    parts.into()
}

#[tokio::test(flavor = "multi_thread")]
async fn health_and_metrics_report_a_silence_and_its_end() {
    const WATCHED: &str = "hookpoint_inbox_last_check_timestamp_seconds";
    let is_whole =
        |parts: &[(&'static str, String)]| parts.iter().all(|(_, health)| health == "ok");
    let fixture = SilenceFixture::start("watched", &["watched"]).await;
    let mut traffic = fixture.traffic("watched");
    traffic.until_under_way().await;
    let begun = jiff::Timestamp::now().as_second();
    until("everything works at first", async || is_whole(&parts(&fixture).await)).await;
    until("the inbox is checked", async || fixture.gauge(WATCHED).await >= Some(begun)).await;
    let (watched, now) = (fixture.gauge(WATCHED).await, jiff::Timestamp::now().as_second());
    assert!(watched <= Some(now + 1), "{watched:?} is not before {now}");

    fixture.proxy.fall_silent();
    until("nothing is stored any more", async || {
        parts(&fixture).await.contains(&("storing", "failing".to_owned()))
    })
    .await;
    let watched = fixture.gauge(WATCHED).await;
    // Longer than the interval of the checks.
    for _ in 0..24 {
        assert_eq!(fixture.gauge(WATCHED).await, watched, "the inbox cannot be checked");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }

    fixture.proxy.heal();
    until("everything works again", async || is_whole(&parts(&fixture).await)).await;
    assert!(!fixture.is_degraded().await);
    until("the inbox is checked again", async || fixture.gauge(WATCHED).await > watched).await;
    traffic.end().await;
    fixture.stop().await;
}

/// A client that holds the brand's write lock and hangs. No time-out ends it.
async fn hang(place: &Place, brand: &Brand) -> PgConnection {
    let mut writer = PgConnection::connect(url_of(place)).await.unwrap();
    sqlx::raw_sql("begin").execute(&mut writer).await.unwrap();
    // The first number is that of the service's own writers.
    sqlx::query("select pg_advisory_xact_lock(1752131440, $1)")
        .bind(brand.id())
        .execute(&mut writer)
        .await
        .unwrap();
    writer
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_that_hang_hold_up_nobody_but_their_own_brands() {
    let options = Options {
        settings: served(&["a", "b", "c"]),
        skips_verification: true,
        ..Options::default()
    };
    let app = TestApp::start_with(Options { runs_as_served: true, ..options }).await;
    let address = app.application.address;
    for slug in ["a", "b", "c"] {
        app.key(&brand_of(&app, slug), slug, None).await;
        app.until(&format!("key={slug}&primaryID=warm-up"), |response| response.status == 200)
            .await;
    }
    let accepted = async |slug: &str, n: usize| {
        let body = contact(&format!("e-{n}"), &format!("c-{n}"), "Anna", 1).to_string();
        let response =
            post(address, &format!("/webhooks/{slug}/omniotap"), &[], body.as_bytes()).await;
        assert_eq!(response.status, 202, "webhook {n} of {slug}: {}", response.body);
    };
    let is_applied = async |slug: &str, n: usize| {
        is_one(
            &send(address, "GET", &by_email(slug, &format!("c-{n}@example.org")), &[]).await,
            "Anna",
        )
    };
    let until_applied = async |slug: &str, n: usize| {
        until(&format!("webhook {n} of {slug} is applied"), async || is_applied(slug, n).await)
            .await;
    };
    for slug in ["a", "b", "c"] {
        accepted(slug, 0).await;
        until_applied(slug, 0).await;
    }
    let writers = [
        hang(&app.place, &brand_of(&app, "a")).await,
        hang(&app.place, &brand_of(&app, "b")).await,
    ];
    for slug in ["a", "b"] {
        accepted(slug, 1).await;
    }
    // As many brands are locked as the service processes at the same time.
    until_locks_are_awaited(2, &app.database).await;
    let last = 10;
    for n in 2..=last {
        for slug in ["a", "b", "c"] {
            accepted(slug, n).await;
        }
        until_applied("c", n).await;
        // Over some of the time after which a worker gives up.
        tokio::time::sleep(Duration::from_millis(800)).await;
    }
    for slug in ["a", "b"] {
        assert!(
            !is_applied(slug, 1).await,
            "another writer uses {slug}: no worker was delayed, so the test proves nothing"
        );
    }
    for writer in writers {
        writer.close().await.unwrap();
    }
    for slug in ["a", "b", "c"] {
        for n in 1..=last {
            if (slug, n) != ("c", 1) {
                until_applied(slug, n).await;
            }
        }
    }
    let query = "select count(*), count(*) filter (where state = 'done') from deliveries";
    let (stored, done): (i64, i64) = sqlx::query_as(query).fetch_one(app.pool()).await.unwrap();
    assert_eq!((stored, done), (32, 32), "each is stored once, and done");
    app.stop().await;
}

//! New settings while the service runs: what is used at once, what waits for a restart, and that nobody notices.

mod keep_alive;

use hookpoint::admin::past_lookups::LookupSearch;
use hookpoint::customer::model::source::Source;
use hookpoint::ingest::rebuild::rederive;
use hookpoint::settings::Settings;
use hookpoint::settings::file::BrandSettings;
use hookpoint::storage::brands::save_rederive;
use hookpoint::storage::replicas::list_replicas;
use serde_json::Value;

use self::keep_alive::KeepAlive;
use crate::lookup::history::{find, of_ticket};
use crate::support::{KEY, TestApp, TestSettings, send, until};
use crate::webhooks::webhook_requests::unsigned_webhook;

const THOMAS: &str = "channelAddressType=email&address=thomas%40example.org";

impl TestApp {
    /// Takes over other settings. Returns those that need a restart.
    async fn reload(&mut self, settings: &TestSettings) -> Result<Vec<&'static str>, String> {
        let Settings { file, brands, .. } = self.loaded(settings);
        let reload = self.application.reload(file, brands);
        let reloaded = reload.await.map_err(|error| error.to_string())?;
        let needs_restart = reloaded.needs_restart.clone();
        self.application.take_over(reloaded);
        Ok(needs_restart)
    }
}

/// The text of a custom field of the only customer found.
fn custom_field(customers: &[Value], name: &str) -> String {
    let [customer] = customers else { panic!("one customer: {customers:?}") };
    let fields = customer["customFields"].as_array().unwrap();
    fields.iter().find_map(|field| field[name].as_str()).unwrap().to_owned()
}

#[tokio::test]
async fn new_templates_are_used_and_no_lookup_and_no_webhook_is_lost() {
    let mut app = TestApp::demo().await;
    let target = format!("/omnidesk/customerlookup?key={KEY}&{THOMAS}");
    let clients = [(); 3].map(|()| KeepAlive::start(app.application.address, target.clone()));
    for n in 0..4_u32 {
        let settings = TestSettings::demo().custom_field("customerType", &format!("round {n}"));
        assert_eq!(app.reload(&settings).await, Ok(Vec::new()));
        assert_eq!(
            custom_field(&app.customers(THOMAS).await, "customerType"),
            format!("round {n}")
        );
        let webhook = unsigned_webhook(Source::Omneo, n).signed().to(&app).await;
        assert_eq!(webhook.status, 202, "{}", webhook.body);
        for client in &clients {
            client.until_answered(3).await;
        }
    }
    for client in clients {
        assert_eq!(client.stop().await, [] as [String; 0], "every request is answered with 200");
    }
    for n in 0..4 {
        app.until(&format!("key={KEY}&primaryID=p-{n}"), |response| response.body.len() > 2).await;
    }
    app.stop().await;
}

#[tokio::test]
async fn networks_and_limits_are_those_of_the_new_settings() {
    let mut app = TestApp::demo().await;
    let elsewhere = TestSettings::demo().with(|file| {
        file.server.allowed_networks = vec!["192.0.2.0/24".parse().unwrap()];
    });
    app.reload(&elsewhere).await.unwrap();
    assert_eq!(app.ask(&format!("key={KEY}&{THOMAS}")).await.code(), "network-forbidden");
    let slow = TestSettings::demo().with(|file| file.limits.lookups_per_second = 1);
    app.reload(&slow).await.unwrap();
    until("the limit holds", async || app.ask(&format!("key={KEY}&{THOMAS}")).await.status == 429)
        .await;
    app.stop().await;
}

#[tokio::test]
async fn brands_and_secrets_come_and_go() {
    let metrics =
        TestSettings::demo().with(|file| "localhost:0".clone_into(&mut file.server.metrics_listen));
    let mut app = TestApp::start_with(metrics.clone()).await;
    let with_another = metrics.clone().and_brand("reloaded", BrandSettings::default());
    app.reload(&with_another).await.unwrap();
    let brand = app.application.brands().values().find(|it| it.rules.slug == "reloaded").unwrap();
    app.key(brand, "key-of-the-new-brand", None).await;
    app.until("key=key-of-the-new-brand&primaryID=1", |response| response.status == 200).await;
    let webhook = unsigned_webhook(Source::Omneo, 1);
    let secrets = crate::webhooks::secrets(Source::Omneo, &["another-secret-of-omneo"]);
    let verification = format!("verification = \"signature\"\n{secrets}");
    let rotated = metrics.clone().webhook(Source::Omneo, &verification);
    app.reload(&rotated).await.unwrap();
    assert_eq!(webhook.clone().signed().to(&app).await.status, 401);
    let signed = webhook.signed_with("another-secret-of-omneo", crate::support::now());
    assert_eq!(signed.to(&app).await.status, 202);
    assert_eq!(app.ask("key=key-of-the-new-brand&primaryID=1").await.status, 401);
    let metrics = send(app.application.metrics_address.unwrap(), "GET", "/metrics", &[]).await;
    let checked = "hookpoint_inbox_last_check_timestamp_seconds{brand=\"reloaded\"}";
    assert!(metrics.body.contains(&format!("{checked} NaN")), "no alert compares it");
    app.stop().await;
}

#[tokio::test]
async fn customers_follow_changed_rules() {
    let mut app = TestApp::demo().await;
    let reversed = TestSettings::demo().identity(|identity| {
        identity.precedence = vec!["omniotap.customer".to_owned()];
    });
    app.reload(&reversed).await.unwrap();
    // Without a lookup: an id that was given out would stay.
    let query = "select customer_id from customers join customer_records using (brand_id, customer_key) where record_key = $1";
    let profile = "679964aa-c748-484d-89d9-5c968ab3f6c0";
    until("the id is of the first kind of record", async || {
        let (id,): (String,) = sqlx::query_as(query)
            .bind(format!("omneo.profile:{profile}"))
            .fetch_one(app.pool())
            .await
            .unwrap();
        id != profile
    })
    .await;
    let found = app.customers(THOMAS).await;
    assert_ne!(found[0]["customerID"], profile);
    app.stop().await;
}

#[tokio::test]
async fn settings_of_sockets_database_and_logs_need_a_restart_and_are_named() {
    let mut app = TestApp::demo().await;
    let changed = TestSettings::demo().custom_field("customerType", "new").with(|file| {
        "127.0.0.1:1".clone_into(&mut file.server.listen);
        file.database.shared_buffers_megabytes = 128;
        file.database.max_connections = 3;
        "debug".clone_into(&mut file.telemetry.level);
    });
    let needs_restart = app.reload(&changed).await.unwrap();
    let expected = [
        "server.listen",
        "database.shared_buffers_megabytes",
        "database.max_connections",
        "telemetry.level",
    ];
    assert_eq!(needs_restart, expected);
    assert_eq!(custom_field(&app.customers(THOMAS).await, "customerType"), "new", "all others");
    app.stop().await;
}

#[tokio::test]
async fn settings_that_cannot_be_used_change_nothing() {
    let mut app = TestApp::demo().await;
    let broken = TestSettings::demo().custom_field("customerType", "broken");
    let Settings { mut file, brands, .. } = app.loaded(&broken);
    // A directory cannot be read as a file.
    file.erasure.suppression_file = std::env::temp_dir().display().to_string();
    let error = app.application.reload(file, brands).await.err().expect("it cannot start");
    assert!(error.to_string().contains("suppression file"), "{error}");
    let before = app.customers(THOMAS).await;
    assert_ne!(custom_field(&before, "customerType"), "broken");
    assert_eq!(app.reload(&TestSettings::demo()).await, Ok(Vec::new()));
    assert_eq!(app.customers(THOMAS).await, before);
    app.stop().await;
}

#[tokio::test]
async fn former_generations_leave_no_connection_to_postgres() {
    let mut app = TestApp::demo().await;
    let limit = app.application.database.pool.most() + 4 + 4 + 1;
    for n in 0..6_u32 {
        let settings = TestSettings::demo().custom_field("customerType", &n.to_string());
        app.reload(&settings).await.unwrap();
        app.customers(THOMAS).await;
    }
    let used = "select count(*) from pg_stat_activity where datname = $1 and backend_type = 'client backend'";
    until("their connections are closed", async || {
        let (used,): (i64,) =
            sqlx::query_as(used).bind(&app.database).fetch_one(app.pool()).await.unwrap();
        usize::try_from(used).unwrap() <= limit
    })
    .await;
    app.stop().await;
}

#[tokio::test]
async fn a_replica_reports_its_settings_and_leaves_at_its_end() {
    let mut app = TestApp::start().await;
    let reported = async |app: &TestApp| {
        let rows = list_replicas(app.pool()).await.unwrap();
        rows.into_iter().map(|row| row.replica.settings_hash).collect::<Vec<String>>()
    };
    until("it reports itself", async || reported(&app).await.len() == 1).await;
    let before = reported(&app).await;
    app.reload(&TestSettings::demo().custom_field("customerType", "new")).await.unwrap();
    until("it reports the new settings", async || reported(&app).await != before).await;
    let other = TestApp::start_with(crate::support::Options {
        place: Some((app.place.clone(), app.database.clone())),
        ..Default::default()
    })
    .await;
    until("both are there", async || reported(&app).await.len() == 2).await;
    app.stop().await;
    until("one has left", async || reported(&other).await.len() == 1).await;
    other.stop().await;
}

#[tokio::test]
async fn a_derivation_that_was_begun_by_other_rules_is_undone() {
    let app = TestApp::demo().await;
    let derive = async || rederive(app.pool(), &app.brand).await.unwrap();
    until("the customers are derived", async || !derive().await).await;
    let other_rules = [7; 16];
    save_rederive(app.pool(), app.brand.id(), other_rules, "omneo.profile:1").await.unwrap();
    assert!(derive().await, "some customers may follow the other rules");
    assert!(!derive().await);
    app.stop().await;
}

#[tokio::test]
async fn the_lookup_history_is_turned_off_and_on() {
    let ticket = |id: &str| LookupSearch::Ticket(id.to_owned());
    let ask = async |app: &TestApp, id: &str| {
        assert_eq!(app.ask(&format!("key={KEY}&{THOMAS}&ticketID={id}")).await.status, 200);
    };
    let settings = TestSettings::demo();
    let off = settings.clone().with(|file| file.lookup.trace_days = 0);
    let mut app = TestApp::start_with(settings.clone()).await;
    ask(&app, "before").await;
    of_ticket(&app, "before").await;
    assert!(app.reload(&off).await.unwrap().is_empty());
    until("old lookups are deleted", async || find(&app, ticket("before")).await.is_empty()).await;
    ask(&app, "meanwhile").await;
    assert!(app.reload(&settings).await.unwrap().is_empty());
    ask(&app, "after").await;
    of_ticket(&app, "after").await;
    assert!(find(&app, ticket("meanwhile")).await.is_empty());
    app.stop().await;
}

//! API keys, allowed networks and rate limits.

use hookpoint::storage::api_keys::{list_keys, revoke_key};
use jiff::ToSpan;
use serde_json::{Value, json};

use crate::support::{KEY, TestApp, TestSettings, now};

const QUERY: &str = "channelAddressType=email&address=thomas%40example.org";

#[tokio::test]
async fn keys_live_expire_and_are_revoked_while_the_service_runs() {
    let app = TestApp::demo().await;
    let brand = app.brand.clone();
    let second = app.key(&brand, "second-key", None).await;
    app.key(&brand, "short-key", Some(now() + 1.hour())).await;
    for key in ["second-key", "short-key", KEY] {
        app.until(&format!("key={key}&{QUERY}"), |response| response.status == 200).await;
    }
    app.clock.set(now() + 1.hour());
    assert_eq!(app.ask(&format!("key=short-key&{QUERY}")).await.status, 401);
    assert!(revoke_key(app.pool(), brand.id(), second, now()).await.unwrap());
    assert!(!revoke_key(app.pool(), brand.id(), second, now()).await.unwrap());
    app.until(&format!("key=second-key&{QUERY}"), |response| response.status == 401).await;
    assert_eq!(app.ask(&format!("key={KEY}&{QUERY}")).await.status, 200);
    // The last use of each key is saved at the latest during shutdown.
    let place = app.place.clone();
    app.stop().await;
    let store = hookpoint::storage::database::Database::open(
        &place,
        hookpoint::storage::database::PoolSize {
            connections: 1,
            acquire_timeout: std::time::Duration::from_secs(5),
            statement: None,
        },
        false,
    );
    let rows = list_keys(&store.await.unwrap().pool).await.unwrap();
    assert!(rows.iter().any(|row| row.last_used_at == Some(now() + 1.hour())), "{rows:?}");
    let revoked = rows.iter().find(|row| row.key_id == second).unwrap();
    assert!(revoked.last_used_at.is_some(), "a revoked key keeps its last use: {rows:?}");
    // Who still calls with a key that is revoked or expired is seen; nobody else.
    let refused = Some(now() + 1.hour());
    let expired = rows.iter().find(|row| row.expires_at.is_some()).unwrap();
    assert_eq!((revoked.last_rejected_at, expired.last_rejected_at), (refused, refused));
    assert_eq!(rows.iter().filter(|row| row.last_rejected_at.is_some()).count(), 2, "{rows:?}");
}

#[tokio::test]
async fn networks_outside_the_lists_are_kept_out_before_and_after_the_key() {
    let network = |text: &str| text.parse().unwrap();
    let closed = TestSettings::demo()
        .with(|file| file.server.allowed_networks = vec![network("192.0.2.0/24")]);
    let app = TestApp::start_without_warm_up(closed).await;
    let response = app.ask(&format!("key=wrong&{QUERY}")).await;
    assert_eq!(
        (response.status, response.code().as_str()),
        (403, "network-forbidden"),
        "before the key is checked"
    );
    assert_eq!(
        app.send("GET", "/health/ready", &[]).await.status,
        200,
        "the list applies to the lookup endpoint only"
    );
    app.stop().await;

    let proxied = TestSettings::demo()
        .with(|file| {
            file.server.allowed_networks = vec![network("192.0.2.0/24"), network("2001:db8::/32")];
            file.server.trusted_proxies = vec![network("127.0.0.0/8")];
        })
        .brand(|brand| {
            brand.allowed_networks = vec![network("192.0.2.7/32"), network("2001:db8::7/128")];
        });
    let app = TestApp::start_without_warm_up(proxied).await;
    let target = format!("/omnidesk/customerlookup?key={KEY}&{QUERY}");
    // The key was created after the start, so its notification arrives a moment later.
    app.wait_until_current().await;
    for (forwarded, status, code) in [
        ("192.0.2.7", 200, ""),
        ("2001:db8::7", 200, ""),
        ("::ffff:192.0.2.7", 200, ""),
        ("203.0.113.1, 192.0.2.7", 200, ""),
        ("192.0.2.8", 403, "brand-network-forbidden"),
        ("203.0.113.1", 403, "network-forbidden"),
        ("192.0.2.7, 203.0.113.1", 403, "network-forbidden"),
        ("192.0.2.7, nonsense", 403, "network-forbidden"),
    ] {
        let response = app.send("GET", &target, &[("X-Forwarded-For", forwarded)]).await;
        assert_eq!((response.status, response.code().as_str()), (status, code), "{forwarded}");
    }
    assert_eq!(
        app.send("GET", &target, &[]).await.status,
        403,
        "the proxy itself is not an allowed network"
    );
    assert_eq!(
        app.send("GET", &target, &[("Forwarded", "for=192.0.2.7")]).await.status,
        403,
        "only the configured header counts"
    );
    app.stop().await;
}

#[tokio::test]
async fn a_caller_can_see_how_the_service_sees_it() {
    let direct = TestApp::start().await;
    let behind = TestSettings::demo()
        .with(|file| file.server.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()]);
    let behind = TestApp::start_with(behind).await;
    for (app, header, expected) in [
        (&direct, "198.51.100.7", json!({ "address": "127.0.0.1", "named_by_proxy": false })),
        (&behind, "198.51.100.7", json!({ "address": "198.51.100.7", "named_by_proxy": true })),
        (&behind, "canary", json!({ "address": null, "named_by_proxy": true })),
    ] {
        let answer = app.send("GET", "/health/caller", &[("x-forwarded-for", header)]).await;
        assert_eq!(serde_json::from_str::<Value>(&answer.body).unwrap(), expected, "{header}");
    }
    direct.stop().await;
    behind.stop().await;
}

#[tokio::test]
async fn wrong_keys_throttle_wrong_keys_and_nothing_else() {
    let few = TestSettings::demo().with(|file| file.limits.wrong_keys_per_minute = 5);
    let app = TestApp::start_with(few).await;
    let statuses =
        [app.ask("key=a&primaryID=1").await.status, app.ask("key=b&primaryID=1").await.status];
    assert_eq!(statuses, [401, 401]);
    let mut last = app.ask("key=c&primaryID=1").await;
    for _ in 0..10 {
        last = app.ask("key=d&primaryID=1").await;
    }
    assert_eq!((last.status, last.code().as_str()), (429, "too-many-wrong-keys"));
    assert!(
        last.header("retry-after")
            .and_then(|seconds| seconds.parse::<u64>().ok())
            .is_some_and(|seconds| (1..=60).contains(&seconds))
    );
    assert_eq!(
        app.ask(&format!("key={KEY}&primaryID=1")).await.status,
        200,
        "a valid key from the same network is accepted"
    );
    app.stop().await;
}

#[tokio::test]
async fn a_key_has_its_own_limit() {
    let slow = TestSettings::demo().with(|file| file.limits.lookups_per_second = 1);
    let app = TestApp::start_with(slow).await;
    app.key(&app.brand, "quick", None).await;
    app.until("key=quick&primaryID=1", |response| response.status != 401).await;
    let mut statuses = Vec::new();
    for _ in 0..6 {
        statuses.push(app.ask(&format!("key={KEY}&primaryID=1")).await);
    }
    let refused = statuses.iter().find(|response| response.status == 429).unwrap();
    assert_eq!(refused.code(), "too-many-requests");
    assert_eq!(refused.header("retry-after"), Some("1"));
    app.stop().await;
}

#[tokio::test]
async fn misses_are_refused_only_where_a_setting_says_so() {
    for (refuse, expected) in [(false, 200), (true, 429)] {
        let limited = TestSettings::demo().with(|file| {
            file.limits.not_found_per_minute = 3;
            file.limits.enforce_not_found_limit = refuse;
        });
        let app = TestApp::start_with(limited).await;
        app.apply(crate::support::demo_changes(&app.brand)).await;
        let mut last = app.ask(&format!("key={KEY}&primaryID=0")).await;
        for n in 1..6 {
            last = app.ask(&format!("key={KEY}&primaryID={n}")).await;
        }
        assert_eq!(last.status, expected, "{refuse}");
        assert_eq!(
            app.ask(&format!("key={KEY}&{QUERY}")).await.status,
            200,
            "a known person is still found"
        );
        app.stop().await;
    }
}

//! What a log-in with an honest provider does.

use hookpoint::settings::file::BrandSettings;
use jiff::SignedDuration;
use serde_json::json;

use super::provider::{ACCESS_TOKEN, NAME, SUBJECT, SigningKey};
use super::*;

fn advance(app: &TestApp, seconds: i64) {
    app.clock.set(app.clock.now() + SignedDuration::from_secs(seconds));
}

#[tokio::test]
async fn a_person_has_the_role_of_their_groups_until_they_log_out() {
    let provider = LoginProvider::start().await;
    let app = TestApp::start_with(settings_with(&provider.issuer)).await;
    let login = open(&app, "/login", "").await.body;
    assert!(login.contains("Log in with your company account"), "{login}");
    assert!(login.contains("/oidc/start\""), "{login}");
    let mut femke = Browser::new(&app);
    let entered = femke.log_in(&provider).await;
    assert_eq!((entered.status, entered.header("location")), (303, Some("/demo/?done=logged-in")));
    assert!(femke.has_session());
    assert!(!femke.cookies.iter().any(|(name, _)| name == "hookpoint_log_in"), "it is used up");
    let page = femke.open("/demo/").await;
    assert!(page.status == 200 && page.body.contains(NAME), "{}", page.body);
    assert_eq!(femke.open("/demo/keys").await.status, 403, "no admin");
    assert_eq!(femke.open("/demo/reviews").await.status, 200);
    assert!(femke.open("/demo/account").await.body.contains("login provider"));

    let admin = Person::enter(&app, Role::Admin).await;
    let people = admin.page("/people").await;
    assert!(people.contains(NAME) && people.contains("<td>provider</td>"), "{people}");
    let audit = admin.page("/audit").await;
    assert!(audit.contains("the login provider, person "), "{audit}");
    let cookie = &femke.cookies[0];
    let cookie = format!("{}={}", cookie.0, cookie.1);
    let out = submit(&app, "/demo/logout", &cookie, &[]).await;
    assert_eq!(out.header("location"), Some("/login?done=logged-out-here"));
    let login = open(&app, "/login?done=logged-out-here", "").await;
    assert!(login.body.contains("Your login provider still knows you"), "{}", login.body);
    assert_eq!(femke.open("/demo/").await.status, 401);
    app.stop().await;

    let text = logs().text();
    for secret in [SUBJECT, NAME, ACCESS_TOKEN, "canary-code", &cookie, "eyJ", "canary-text"] {
        assert!(!text.contains(secret), "the log has {secret}");
    }
}

#[tokio::test]
async fn keys_of_all_accepted_algorithms_work() {
    for key in [SigningKey::es256(), SigningKey::eddsa(), SigningKey::rs256()] {
        let provider = LoginProvider::start().await;
        provider.rotate("key", key);
        let app = TestApp::start_with(settings_with(&provider.issuer)).await;
        let entered = Browser::new(&app).log_in(&provider).await;
        assert_eq!(entered.status, 303, "{}", entered.body);
        app.stop().await;
    }
}

#[tokio::test]
async fn one_log_in_opens_every_brand_in_which_the_person_has_a_role() {
    let provider = LoginProvider::start().await;
    provider.set_groups(json!(["staff", "desk", "owners"]));
    let settings = settings_with(&provider.issuer).and_brand("shop", BrandSettings::default());
    let settings = settings.and_brand("other", BrandSettings::default()).with(|file| {
        file.console.oidc.roles.push(OidcRoleSettings {
            group: "owners".to_owned(),
            brand: "shop".to_owned(),
            role: Role::Admin,
        });
    });
    let app = TestApp::start_with(settings).await;
    let mut femke = Browser::new(&app);
    assert_eq!(femke.log_in(&provider).await.status, 303);
    for (path, status) in [
        ("/demo/", 200),
        ("/demo/keys", 403),
        ("/demo/reviews", 200),
        ("/shop/keys", 200),
        ("/other/", 401),
    ] {
        assert_eq!(femke.open(path).await.status, status, "{path}");
    }
    let before = femke.cookies.clone();
    assert_eq!(femke.log_in(&provider).await.status, 303, "again");
    for (name, value) in before {
        let cookie = format!("{name}={value}");
        let path = format!("/{}/", name.trim_start_matches("hookpoint-"));
        assert_eq!(open(&app, &path, &cookie).await.status, 401, "the session before has ended");
    }
    // Somebody else with this browser, who has a role in one brand only.
    let shared = femke.cookies.clone();
    provider.set_groups(json!(["desk"]));
    assert_eq!(femke.log_in(&provider).await.status, 303);
    assert_eq!((femke.open("/demo/").await.status, femke.open("/shop/").await.status), (200, 401));
    for (name, value) in shared {
        let path = format!("/{}/", name.trim_start_matches("hookpoint-"));
        assert_eq!(open(&app, &path, &format!("{name}={value}")).await.status, 401, "{path}");
    }
    app.stop().await;
}

#[tokio::test]
async fn log_out_leaves_no_brand_open() {
    let provider = LoginProvider::start().await;
    provider.set_groups(json!(["desk", "owners"]));
    let settings = settings_with(&provider.issuer).and_brand("shop", BrandSettings::default());
    let settings = settings.with(|file| {
        file.console.oidc.roles.push(OidcRoleSettings {
            group: "owners".to_owned(),
            brand: "shop".to_owned(),
            role: Role::Admin,
        });
    });
    let app = TestApp::start_with(settings).await;
    let mut femke = Browser::new(&app);
    assert_eq!(femke.log_in(&provider).await.status, 303);
    let cookies: Vec<String> =
        femke.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let cookies = cookies.join("; ");
    assert_eq!(open(&app, "/shop/", &cookies).await.status, 200);
    let out = submit(&app, "/demo/logout", &cookies, &[]).await;
    let removed = out.head.to_lowercase().matches("max-age=0").count();
    assert_eq!((out.status, removed), (303, 2), "{}", out.head);
    for path in ["/demo/", "/shop/"] {
        assert_eq!(open(&app, path, &cookies).await.status, 401, "{path}");
    }
    app.stop().await;
}

#[tokio::test]
async fn no_other_site_can_begin_a_log_in() {
    let provider = LoginProvider::start().await;
    let app = TestApp::start_with(settings_with(&provider.issuer)).await;
    for header in [
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Site", "same-site"),
        ("Sec-Fetch-Dest", "image"),
    ] {
        let answer = request(&app, "GET", "/oidc/start", &[header], "").await;
        assert_eq!((answer.status, answer.header("location")), (303, Some("/login")), "{header:?}");
        assert!(answer.header("set-cookie").is_none(), "{header:?}");
    }
    app.stop().await;
}

#[tokio::test]
async fn without_a_role_a_person_is_told_so_and_does_not_come_in() {
    let provider = LoginProvider::start().await;
    let app = TestApp::start_with(settings_with(&provider.issuer)).await;
    for groups in [json!([]), json!(["Desk", "guests"]), json!(null), json!({ "desk": true })] {
        provider.set_groups(groups.clone());
        let mut femke = Browser::new(&app);
        let answer = femke.log_in(&provider).await;
        assert_eq!(answer.status, 403, "{groups}: {}", answer.body);
        assert!(answer.body.contains("none of your groups has a role"), "{}", answer.body);
        assert!(!femke.has_session(), "{groups}");
    }
    let text = logs().text();
    assert!(text.contains("somebody without a role logged in"));
    assert!(!text.contains(NAME) && !text.contains(SUBJECT));
    app.stop().await;
}

#[tokio::test]
async fn a_new_key_of_the_provider_is_read_once_a_minute_at_most() {
    let provider = LoginProvider::start().await;
    let app = TestApp::start_with(settings_with(&provider.issuer)).await;
    assert_eq!(Browser::new(&app).log_in(&provider).await.status, 303);
    provider.rotate("key-2", SigningKey::es256());
    assert_eq!(Browser::new(&app).log_in(&provider).await.status, 422, "too soon");
    assert_eq!(provider.asked("/jwks"), 1);
    advance(&app, 60);
    assert_eq!(Browser::new(&app).log_in(&provider).await.status, 303);
    assert_eq!(provider.asked("/jwks"), 2);
    provider.lies(|token| "key-3".clone_into(&mut token.kid));
    for _ in 0..3 {
        assert_eq!(Browser::new(&app).log_in(&provider).await.status, 422);
    }
    assert_eq!(provider.asked("/jwks"), 2, "not for every token with an unknown key");
    assert_eq!(provider.asked("/.well-known/openid-configuration"), 1);
    app.stop().await;
}

#[tokio::test]
async fn a_provider_that_is_down_stops_nothing_and_may_come_back() {
    let provider = LoginProvider::start().await;
    let address = provider.issuer.strip_prefix("http://").unwrap().to_owned();
    let issuer = provider.issuer.clone();
    drop(provider);
    let app = TestApp::start_with(settings_with(&issuer)).await;
    let answer = Browser::new(&app).open("/oidc/start").await;
    assert_eq!(answer.status, 422);
    assert!(answer.body.contains("The login provider does not answer"), "{}", answer.body);
    assert_eq!(Person::enter(&app, Role::Viewer).await.open("/").await.status, 200);
    let provider = LoginProvider::start_at(&address).await;
    assert_eq!(Browser::new(&app).log_in(&provider).await.status, 303);
    app.stop().await;
}

#[tokio::test]
async fn without_a_login_provider_its_paths_do_not_exist() {
    let app = TestApp::start_with(settings_with_console()).await;
    assert!(!open(&app, "/login", "").await.body.contains("/oidc/"));
    for path in ["/oidc/start", "/oidc/callback", "/oidc/callback?code=x&state=y"] {
        assert_eq!(open(&app, path, "").await.status, 404, "{path}");
    }
    app.stop().await;
}

#[tokio::test]
async fn the_doctor_asks_the_login_provider() {
    use hookpoint::doctor::finding::Verdict::{Fail, Pass, Skipped};
    use hookpoint::doctor::service::check_login_provider;

    let provider = LoginProvider::start().await;
    let check = async |issuer: &str| {
        let settings = OidcSettings { issuer: issuer.to_owned(), ..OidcSettings::default() };
        check_login_provider(&settings, ENDLESS, now()).await
    };
    assert_eq!(check("").await.verdict, Skipped);
    assert_eq!(check(&provider.issuer).await.verdict, Pass);
    let other = check(&format!("{}/", provider.issuer)).await;
    assert_eq!(other.verdict, Fail, "{}", other.seen);
    provider.answers_with("/.well-known/openid-configuration", 200, "", "canary-text");
    let broken = check(&provider.issuer).await;
    assert!(broken.verdict == Fail && !broken.seen.contains("canary"), "{}", broken.seen);
    assert_eq!(check("http://127.0.0.1:1").await.verdict, Fail);
}

#[tokio::test]
async fn a_person_comes_back_from_the_provider_to_the_page_that_they_asked_for() {
    let provider = LoginProvider::start().await;
    let app = TestApp::start_with(settings_with(&provider.issuer)).await;
    let mut femke = Browser::new(&app);
    let asked = "/demo/audit?from=2026-11-19";
    let to = |page: &str| format!("?to={}", encode(page));
    let login = femke.open(&format!("/login{}", to(asked))).await.body;
    assert!(login.contains("/oidc/start?to=%2Fdemo%2Faudit%3Ffrom"), "{login}");
    for (wanted, location) in [
        (asked, "/demo/audit?from=2026-11-19&done=logged-in"),
        ("//evil.example/", "/demo/?done=logged-in"),
        ("/shop/", "/demo/?done=logged-in"),
        ("", "/demo/?done=logged-in"),
    ] {
        let begun = femke.open(&format!("/oidc/start{}", to(wanted))).await;
        let sent_to = begun.header("location").unwrap();
        assert!(!sent_to.contains("audit") && !sent_to.contains("evil"), "{sent_to}");
        let returned = provider.log_in(sent_to);
        let entered = femke.open(&returned.path()).await;
        assert_eq!(entered.header("location"), Some(location), "{wanted}");
        let is_kept = femke.cookies.iter().any(|(name, _)| name.contains("log_in"));
        assert!(!is_kept, "{:?}", femke.cookies);
    }
    app.stop().await;
}

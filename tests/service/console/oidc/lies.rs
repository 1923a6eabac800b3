//! Providers that lie, and browsers that bring back what is not theirs: nobody comes in.

use serde_json::{Value, json};

use super::provider::{Lie, SigningKey, Token, discovery};
use super::*;

type MakeKey = Box<dyn Fn() -> SigningKey + Send>;

/// A claim that is another one.
fn claim(name: &'static str, value: Value) -> impl Fn(&mut Token) + Send + 'static {
    move |token| token.claims[name] = value.clone()
}

fn without(name: &'static str) -> impl Fn(&mut Token) + Send + 'static {
    move |token| {
        token.claims.as_object_mut().unwrap().remove(name);
    }
}

/// Nobody comes in, and the page says nothing of the provider.
async fn is_refused(app: &TestApp, provider: &LoginProvider, what: &str) {
    let mut femke = Browser::new(app);
    let answer = femke.log_in(provider).await;
    assert_eq!((answer.status, femke.has_session()), (422, false), "{what}: {}", answer.body);
    assert!(!answer.body.contains("canary"), "{what}: {}", answer.body);
    assert!(answer.body.contains("login provider"), "{what}: {}", answer.body);
}

#[tokio::test]
async fn a_token_that_is_not_for_this_log_in_lets_nobody_in() {
    let provider = LoginProvider::start().await;
    let app = TestApp::start_with(settings_with(&provider.issuer)).await;
    let expired = now().as_second();
    let lies: [(&str, Lie); 12] = [
        ("another nonce", Box::new(claim("nonce", json!("x")))),
        ("no nonce", Box::new(without("nonce"))),
        ("another issuer", Box::new(claim("iss", json!("http://127.0.0.1:1")))),
        ("no issuer", Box::new(without("iss"))),
        ("another audience", Box::new(claim("aud", json!("other")))),
        ("other audiences", Box::new(claim("aud", json!(["other", "another"])))),
        ("several audiences", Box::new(claim("aud", json!([CLIENT_ID, "other"])))),
        ("another party", Box::new(claim("azp", json!("other")))),
        ("no audience", Box::new(without("aud"))),
        ("expired", Box::new(claim("exp", json!(expired)))),
        ("no end", Box::new(without("exp"))),
        ("no subject", Box::new(without("sub"))),
    ];
    for (what, lie) in lies {
        provider.lies(lie);
        is_refused(&app, &provider, what).await;
    }
    provider.lies(|token| {
        token.claims["aud"] = json!([CLIENT_ID, "other"]);
        token.claims["azp"] = json!(CLIENT_ID);
    });
    assert_eq!(Browser::new(&app).log_in(&provider).await.status, 303, "it says for whom");
    app.stop().await;
}

#[tokio::test]
async fn a_signature_that_is_not_the_providers_lets_nobody_in() {
    let provider = LoginProvider::start().await;
    provider.rotate("key-1", SigningKey::rs256());
    let app = TestApp::start_with(settings_with(&provider.issuer)).await;
    let public = provider.published_key();
    let modulus = public["n"].as_str().unwrap().to_owned();
    let secret = std::env::var("CARGO_PKG_NAME").unwrap();
    let lies: [(&str, MakeKey); 6] = [
        ("no signature", Box::new(|| SigningKey::None)),
        ("the public key as a secret", {
            let public = public.to_string();
            Box::new(move || SigningKey::Hs256(public.clone().into_bytes()))
        }),
        ("the modulus as a secret", {
            Box::new(move || SigningKey::Hs256(modulus.clone().into_bytes()))
        }),
        ("the client secret", Box::new(move || SigningKey::Hs256(secret.clone().into_bytes()))),
        ("another key of another kind", Box::new(SigningKey::es256)),
        ("another key", Box::new(SigningKey::eddsa)),
    ];
    for (what, key) in lies {
        provider.lies(move |token| token.signed_by = Some(key()));
        is_refused(&app, &provider, what).await;
    }
    provider.is_honest();
    assert_eq!(Browser::new(&app).log_in(&provider).await.status, 303);
    app.stop().await;

    let provider = LoginProvider::start().await;
    let app = TestApp::start_with(settings_with(&provider.issuer)).await;
    provider.lies(|token| token.signed_by = Some(SigningKey::es256()));
    is_refused(&app, &provider, "another key with the same name").await;
    provider.lies(|token| {
        "key-9".clone_into(&mut token.kid);
        token.signed_by = Some(SigningKey::es256());
    });
    is_refused(&app, &provider, "a key that is not published").await;
    app.stop().await;
}

#[tokio::test]
async fn a_code_and_a_state_work_once_and_in_the_browser_that_began() {
    let provider = LoginProvider::start().await;
    let app = TestApp::start_with(settings_with(&provider.issuer)).await;
    let (mut femke, mut thief) = (Browser::new(&app), Browser::new(&app));
    let returned = femke.visit(&provider).await;
    assert_eq!(thief.open(&returned.path()).await.status, 422, "without a cookie");
    let other = thief.visit(&provider).await;
    assert_eq!(thief.open(&returned.path()).await.status, 422, "with another cookie");
    let mixed = Returned { code: returned.code.clone(), state: other.state.clone() };
    assert_eq!(thief.open(&mixed.path()).await.status, 422, "a code of another log-in");
    assert!(!thief.has_session());

    let mut again = Browser::new(&app);
    again.cookies.clone_from(&femke.cookies);
    assert_eq!(femke.open(&returned.path()).await.status, 303);
    assert_eq!(again.open(&returned.path()).await.status, 422, "a second time");
    assert!(!again.has_session());
    let fresh = again.visit(&provider).await;
    let replayed = Returned { code: returned.code, state: fresh.state };
    assert_eq!(again.open(&replayed.path()).await.status, 422, "a code that was used");

    let mut late = Browser::new(&app);
    let returned = late.visit(&provider).await;
    app.clock.set(app.clock.now() + jiff::SignedDuration::from_mins(11));
    assert_eq!(late.open(&returned.path()).await.status, 422, "too late");
    assert!(!again.has_session() && !late.has_session());
    app.stop().await;
}

#[tokio::test]
async fn an_error_of_the_provider_is_told_in_our_words() {
    let provider = LoginProvider::start().await;
    let app = TestApp::start_with(settings_with(&provider.issuer)).await;
    for error in ["access_denied", "server_error", "canary%3Cb%3E", ""] {
        let mut femke = Browser::new(&app);
        let state = femke.visit(&provider).await.state;
        let path = format!(
            "/oidc/callback?error={error}&error_description=canary&error_uri=http%3A%2F%2Fcanary&state={state}"
        );
        let answer = femke.open(&path).await;
        assert_eq!((answer.status, femke.has_session()), (422, false), "{error}");
        assert!(!answer.body.contains("canary"), "{}", answer.body);
        assert_eq!(femke.open(&path).await.status, 422, "it ends the log-in");
    }
    app.stop().await;
}

#[tokio::test]
async fn answers_that_are_huge_lead_elsewhere_or_make_no_sense_let_nobody_in() {
    let provider = LoginProvider::start().await;
    let (issuer, elsewhere) = (provider.issuer.clone(), LoginProvider::start().await);
    let app = TestApp::start_with(settings_with(&issuer)).await;
    let huge = format!("{{\"x\": \"{}\"}}", "canary".repeat(400_000));
    let location = format!("Location: {}/token\r\n", elsewhere.issuer);
    for (what, status, headers, body) in [
        ("huge", 200, "", huge.as_str()),
        ("a redirect", 307, location.as_str(), ""),
        ("no JSON", 200, "", "canary"),
        ("no token", 200, "", r#"{"access_token":"canary","token_type":"Bearer"}"#),
        ("an error", 500, "", r#"{"error":"canary"}"#),
        (
            "half a token",
            200,
            "",
            r#"{"access_token":"x","token_type":"Bearer","id_token":"canary"}"#,
        ),
    ] {
        provider.answers_with("/token", status, headers, body);
        is_refused(&app, &provider, what).await;
        provider.is_honest();
    }
    assert_eq!(elsewhere.asked("/token"), 0, "no redirect is followed");
    app.stop().await;

    let path = "/.well-known/openid-configuration";
    let mut foreign = discovery(&issuer);
    foreign["token_endpoint"] = json!(format!("{}/token", elsewhere.issuer));
    let mut other_keys = discovery(&issuer);
    other_keys["jwks_uri"] = json!(format!("{}/jwks", elsewhere.issuer));
    let mut other_page = discovery(&issuer);
    other_page["authorization_endpoint"] = json!(format!("{}/authorize", elsewhere.issuer));
    let other_issuer = discovery(&elsewhere.issuer);
    let location = format!("Location: {}{path}\r\n", elsewhere.issuer);
    for (what, status, headers, body) in [
        ("huge", 200, "", huge),
        ("a redirect", 302, location.as_str(), String::new()),
        ("another token endpoint", 200, "", foreign.to_string()),
        ("other keys", 200, "", other_keys.to_string()),
        ("another log-in page", 200, "", other_page.to_string()),
        ("another issuer", 200, "", other_issuer.to_string()),
    ] {
        let app = TestApp::start_with(settings_with(&issuer)).await;
        provider.answers_with(path, status, headers, &body);
        let answer = Browser::new(&app).open("/oidc/start").await;
        assert_eq!(answer.status, 422, "{what}: {}", answer.body);
        assert!(!answer.body.contains("canary"), "{what}");
        provider.is_honest();
        let entered = Browser::new(&app).log_in(&provider).await;
        assert_eq!(entered.status, 303, "{what}: nothing wrong is kept");
        app.stop().await;
    }
    for path in [path, "/jwks", "/token", "/authorize"] {
        assert_eq!(elsewhere.asked(path), 0, "{path}: nothing else is asked");
    }
}

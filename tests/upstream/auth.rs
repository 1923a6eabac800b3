//! Tokens: fetched once for all calls, cached, renewed, and refused.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hookpoint::settings::file::CallSettings;
use hookpoint::sources::api::{ClientCredentials, Credential, TokenStyle};
use hookpoint::sources::secret::Secret;
use hookpoint::upstream::CallError;

use crate::simulated_source::{ReceivedRequest, SimulatedSource, SourceAction, json};
use crate::support::{Options, Replica, until};

const SECRET: &str = "the-client's-secret&more";

fn options(token_url: &str, style: TokenStyle) -> Options {
    let client_secret = Secret::new(SECRET.into());
    let (token_url, client_id, audience) =
        (token_url.to_owned(), "client-1".to_owned(), "https://omnilab.test".to_owned());
    let credential = Credential::ClientCredentials(ClientCredentials {
        token_url,
        client_id,
        client_secret,
        audience,
        style,
    });
    Options { credential, ..Options::default() }
}

/// Issues numbered tokens, and answers requests with the newest one.
fn with_tokens(
    lasts: u64,
    answered: impl Fn(&str) -> bool + Send + Sync + 'static,
) -> impl Fn(&ReceivedRequest) -> SourceAction + Send + Sync {
    let given = AtomicUsize::new(0);
    move |request| {
        if request.target == "/oauth:token" {
            let number = given.fetch_add(1, Ordering::SeqCst) + 1;
            let body = format!(
                "{{\"access_token\":\"token-{number}\",\"token_type\":\"Bearer\",\"expires_in\":{lasts}}}"
            );
            return SourceAction::After(Duration::from_millis(50), Box::new(json(200, &body)));
        }
        json(
            if answered(request.header("authorization").unwrap_or_default()) { 200 } else { 401 },
            "1",
        )
    }
}

fn tokens(source: &SimulatedSource) -> Vec<ReceivedRequest> {
    source.requests().into_iter().filter(|request| request.target == "/oauth:token").collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_fetched_once_for_all_and_used_until_it_ends() {
    let source = SimulatedSource::start(with_tokens(3_600, |authorization| {
        authorization == "Bearer token-1"
    }))
    .await;
    let replica = Replica::start(&source.url(), options("/oauth:token", TokenStyle::Json)).await;
    let asks: Vec<String> = (0..20).map(|n| n.to_string()).collect();
    for _ in 0..2 {
        let all =
            futures_util::future::join_all(asks.iter().map(|about| replica.ask("get", about)))
                .await;
        assert!(all.iter().all(Result::is_ok), "{all:?}");
    }
    let tokens = tokens(&source);
    assert_eq!(tokens.len(), 1);
    let body: serde_json::Value = serde_json::from_str(&tokens[0].body).unwrap();
    let expected = serde_json::json!({
        "grant_type": "client_credentials", "client_id": "client-1", "client_secret": SECRET, "audience": "https://omnilab.test",
    });
    assert_eq!((body, tokens[0].header("authorization")), (expected, None));
    let granted: i64 = sqlx::query_scalar("select sum(number)::bigint from call_grants")
        .fetch_one(replica.pool())
        .await
        .unwrap();
    assert_eq!(granted, 41, "the token's call counts at the source too");
    replica.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_may_be_given_elsewhere_and_asked_for_as_a_form() {
    let issuer = SimulatedSource::start(with_tokens(3_600, |_| false)).await;
    let source = SimulatedSource::start(|_| json(200, "1")).await;
    let replica = Replica::start(
        &source.url(),
        options(&format!("{}/oauth:token", issuer.url()), TokenStyle::Form),
    )
    .await;
    replica.ask("get", "a").await.unwrap();
    let expected = "grant_type=client_credentials&client_id=client-1&client_secret=the-client%27s-secret%26more&audience=https%3A%2F%2Fomnilab.test";
    assert_eq!(tokens(&issuer)[0].body, expected);
    assert_eq!(
        tokens(&issuer)[0].header("content-type"),
        Some("application/x-www-form-urlencoded")
    );
    assert_eq!(source.requests()[0].header("authorization"), Some("Bearer token-1"));
    replica.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_refused_is_renewed_once_for_all() {
    let source = SimulatedSource::start(with_tokens(3_600, |authorization| {
        authorization == "Bearer token-1"
    }))
    .await;
    let replica = Replica::start(&source.url(), options("/oauth:token", TokenStyle::Json)).await;
    replica.ask("get", "a").await.unwrap();
    // Earlier tokens are no longer valid.
    source.behave(with_second_token());
    let asks: Vec<String> = (0..6).map(|n| n.to_string()).collect();
    let all =
        futures_util::future::join_all(asks.iter().map(|about| replica.ask("get", about))).await;
    assert!(all.iter().all(Result::is_ok), "{all:?}");
    assert_eq!(tokens(&source).len(), 2);
    replica.stop().await;
}

fn with_second_token() -> impl Fn(&ReceivedRequest) -> SourceAction + Send + Sync {
    |request| match request.target.as_str() {
        "/oauth:token" => SourceAction::After(
            Duration::from_millis(50),
            Box::new(json(200, "{\"access_token\":\"token-2\"}")),
        ),
        _ => json(
            if request.header("authorization") == Some("Bearer token-2") { 200 } else { 401 },
            "1",
        ),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_has_ended_is_not_used() {
    let source = SimulatedSource::start(with_tokens(1, |_| true)).await;
    let replica =
        Arc::new(Replica::start(&source.url(), options("/oauth:token", TokenStyle::Json)).await);
    replica.ask("get", "a").await.unwrap();
    let used = tokens(&source).len();
    // It is valid for a second.
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    replica.ask("get", "b").await.unwrap();
    let seen: Vec<_> = source
        .requests()
        .iter()
        .filter_map(|request| request.header("authorization").map(str::to_owned))
        .collect();
    // On a slow machine the first one may have ended before it was used.
    assert!(seen.len() == 2 && seen[0] == format!("Bearer token-{used}"), "{seen:?}");
    assert_eq!(seen[1], format!("Bearer token-{}", tokens(&source).len()));
    assert!(tokens(&source).len() > used);
    Arc::into_inner(replica).unwrap().stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_there_is_no_token_nobody_asks_again_and_again() {
    for body in [
        "{}",
        "{\"access_token\":\"\"}",
        "{\"access_token\":7}",
        "{\"access_token\":\"a\\nb\"}",
        "[]",
    ] {
        let source = SimulatedSource::start(move |_| json(200, body)).await;
        let replica =
            Replica::start(&source.url(), options("/oauth:token", TokenStyle::Json)).await;
        let asks: Vec<String> = (0..20).map(|n| n.to_string()).collect();
        for _ in 0..3 {
            let all =
                futures_util::future::join_all(asks.iter().map(|about| replica.ask("get", about)))
                    .await;
            assert!(
                all.iter().all(|result| matches!(
                    result,
                    Err(CallError::NoToken(_) | CallError::CircuitOpen)
                )),
                "{body}: {all:?}"
            );
        }
        assert_eq!((tokens(&source).len(), source.requests().len()), (1, 1), "{body}");
        replica.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_finds_out_whether_an_account_is_back_asks_for_a_token_however_often_there_was_none() {
    let source = SimulatedSource::start(|_| json(500, "{}")).await;
    let settings =
        CallSettings { breaker_failures: 1, breaker_open_seconds: 1, ..CallSettings::default() };
    let replica = Replica::start(
        &source.url(),
        Options { settings, ..options("/oauth:token", TokenStyle::Json) },
    )
    .await;
    let mut without = 0;
    while without < 4 {
        match replica.ask("get", "a").await {
            Err(CallError::NoToken(_)) => without += 1,
            Err(CallError::CircuitOpen) => tokio::time::sleep(Duration::from_millis(20)).await,
            result => panic!("{result:?}"),
        }
        assert_eq!(tokens(&source).len(), without, "a revoked token is noticed by a request only");
    }
    replica.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_refused_leaves_the_account_alone() {
    let source = SimulatedSource::start(|_| json(401, "{}")).await;
    let replica = Replica::start(&source.url(), Options::default()).await;
    for n in 0..10 {
        assert!(matches!(
            replica.ask("get", &n.to_string()).await,
            Err(CallError::Status(401) | CallError::CircuitOpen)
        ));
    }
    assert_eq!(source.requests().len(), 5);
    until("it is left alone", || !replica.account.is_callable()).await;
    replica.stop().await;
}

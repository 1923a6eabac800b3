//! Sources with TLS: which certificates are trusted, and how errors are reported.

use std::time::Duration;

use hookpoint::settings::file::CallSettings;
use hookpoint::sources::api::{ClientCredentials, Credential, TokenStyle};
use hookpoint::sources::secret::Secret;
use hookpoint::storage::account_status::get_account;
use hookpoint::upstream::{CallError, CertificateProblem};
use reqwest::Certificate;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::authority::{Authority, Claim, SOUND};
use crate::simulated_source::{SimulatedSource, json};
use crate::streams::{StreamAction, Streams};
use crate::support::{Options, Replica, TOKEN};

/// The names of the two protocols in the handshake.
const PROTOCOLS: [&str; 2] = ["http/1.1", "h2"];

pub fn trusting(authority: &Authority) -> Options {
    Options {
        authority: Some(Certificate::from_der(authority.der()).unwrap()),
        ..Options::default()
    }
}

fn token_at(token_url: &str) -> Credential {
    let (token_url, client_id) = (token_url.to_owned(), "client-1".to_owned());
    let client_secret = Secret::new("the-client's-secret".into());
    Credential::ClientCredentials(ClientCredentials {
        token_url,
        client_id,
        client_secret,
        audience: String::new(),
        style: TokenStyle::Form,
    })
}

/// The reported failure of the account, once there is one.
async fn failure(replica: &Replica) -> String {
    for _ in 0..6_000 {
        let row =
            get_account(replica.pool(), replica.brand.id(), replica.account.source).await.unwrap();
        if row.open_until.is_some() {
            return row.failure;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the circuit breaker is closed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_is_asked_in_secret_over_one_connection() {
    let authority = Authority::new();
    let source =
        SimulatedSource::secure(&authority.greeting(SOUND, "http/1.1"), Duration::ZERO, |_| {
            json(200, "1")
        })
        .await;
    let replica = Replica::start(&source.url(), trusting(&authority)).await;
    for n in 0..5 {
        assert_eq!(replica.ask("get", &n.to_string()).await.unwrap(), "1");
    }
    let requests = source.requests();
    assert_eq!((requests.len(), source.connections()), (5, 1));
    assert_eq!(requests[4].header("authorization"), Some(format!("Bearer {TOKEN}").as_str()));
    replica.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_fetched_in_secret_too() {
    let authority = Authority::new();
    let tokens =
        |path: &str| if path == "/oauth:token" { "{\"access_token\":\"token-1\"}" } else { "1" };
    let one = SimulatedSource::secure(
        &authority.greeting(SOUND, "http/1.1"),
        Duration::ZERO,
        move |request| json(200, tokens(&request.target)),
    )
    .await;
    let two = Streams::start(authority.greeting(SOUND, "h2"), 100, move |request| {
        StreamAction::Answer(200, tokens(&request.path))
    })
    .await;
    // Also from a host of its own, with another protocol.
    for (url, token_url) in [
        (one.url(), "/oauth:token".to_owned()),
        (two.url(), "/oauth:token".to_owned()),
        (two.url(), format!("{}/oauth:token", one.url())),
    ] {
        let replica = Replica::start(
            &url,
            Options { credential: token_at(&token_url), ..trusting(&authority) },
        )
        .await;
        assert_eq!(replica.ask("get", "a").await.unwrap(), "1");
        replica.stop().await;
    }
    assert_eq!(
        (one.requests()[1].header("authorization"), one.requests().len()),
        (Some("Bearer token-1"), 3)
    );
    let authorizations: Vec<String> =
        two.requests().into_iter().map(|request| request.authorization).collect();
    assert_eq!(authorizations, ["", "Bearer token-1", "Bearer token-1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_does_not_prove_to_be_the_source_never_sees_the_token() {
    let (known, foreign) = (Authority::new(), Authority::new());
    let settings = CallSettings { breaker_failures: 3, ..Options::default().settings };
    for (by, claim, expected, words) in [
        (
            &foreign,
            SOUND,
            CertificateProblem::UnknownAuthority,
            "the TLS certificate of the source is not trusted: no trusted authority has issued it",
        ),
        (
            &known,
            Claim { host: "elsewhere.example", ..SOUND },
            CertificateProblem::OtherHost,
            "the TLS certificate of the source is not trusted: it was issued for another host",
        ),
        (
            &known,
            Claim { to: 2001, ..SOUND },
            CertificateProblem::Expired,
            "the TLS certificate of the source is not trusted: it has expired",
        ),
        (
            &known,
            Claim { from: 2999, ..SOUND },
            CertificateProblem::NotYetValid,
            "the TLS certificate of the source is not trusted: it is not valid yet",
        ),
    ] {
        for protocol in PROTOCOLS {
            let source =
                SimulatedSource::secure(&by.greeting(claim, protocol), Duration::ZERO, |_| {
                    json(200, "1")
                })
                .await;
            let replica = Replica::start(
                &source.url(),
                Options { settings: settings.clone(), ..trusting(&known) },
            )
            .await;
            for n in 0..3 {
                let result = replica.ask("get", &n.to_string()).await;
                assert!(
                    matches!(result, Err(CallError::UntrustedCertificate(why)) if why == expected),
                    "{words}: {result:?}"
                );
                assert!(result.unwrap_err().is_retryable(), "a certificate can be renewed");
            }
            assert!(
                matches!(replica.ask("get", "3").await, Err(CallError::CircuitOpen)),
                "the circuit breaker is open"
            );
            assert_eq!(failure(&replica).await, words);
            assert!(source.requests().is_empty());
            replica.stop().await;

            let replica = Replica::start(
                &source.url(),
                Options { credential: token_at("/oauth:token"), ..trusting(&known) },
            )
            .await;
            let result = replica.ask("get", "a").await;
            assert!(
                matches!(&result, Err(CallError::NoToken(why)) if matches!(**why, CallError::UntrustedCertificate(why) if why == expected)),
                "{result:?}"
            );
            assert!(source.requests().is_empty());
            replica.stop().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_authority_besides_the_machine_s_nobody_of_ours_is_trusted() {
    let source = SimulatedSource::secure(
        &Authority::new().greeting(SOUND, "http/1.1"),
        Duration::ZERO,
        |_| json(200, "1"),
    )
    .await;
    let replica = Replica::start(&source.url(), Options::default()).await;
    assert!(matches!(
        replica.ask("get", "a").await,
        Err(CallError::UntrustedCertificate(CertificateProblem::UnknownAuthority))
    ));
    replica.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_without_tls_or_with_an_old_one_gets_nothing() {
    let authority = Authority::new();
    // The last one is a TLS alert: none of these versions is supported.
    for words in [
        &b"HTTP/1.1 400 Bad Request\r\n\r\n"[..],
        b"SSH-2.0-OpenSSH\r\n",
        b"\x15\x03\x01\x00\x02\x02\x46",
    ] {
        let replica = Replica::start(&blurt(words).await, trusting(&authority)).await;
        let result = replica.ask("get", "a").await;
        assert!(matches!(result, Err(CallError::TlsFailed)), "{result:?}");
        replica.stop().await;
    }
    for protocol in PROTOCOLS {
        let source =
            SimulatedSource::secure(&authority.curious(SOUND, protocol), Duration::ZERO, |_| {
                json(200, "1")
            })
            .await;
        let replica = Replica::start(&source.url(), trusting(&authority)).await;
        let result = replica.ask("get", "a").await;
        // The alert comes after the handshake. Whether it is read depends on timing.
        assert!(
            matches!(result, Err(CallError::TlsFailed | CallError::Unreachable)),
            "{protocol}: {result:?}"
        );
        assert!(source.requests().is_empty());
        replica.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handshake_that_hangs_ends_when_connecting_has_to() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("https://{}", listener.local_addr().unwrap());
    let settings = CallSettings {
        connect_timeout_ms: 200,
        response_timeout_ms: 120_000,
        total_timeout_ms: 120_000,
        ..CallSettings::default()
    };
    let replica = Replica::start(&base_url, Options { settings, ..Options::default() }).await;
    let result = tokio::time::timeout(Duration::from_secs(60), replica.ask("get", "a"))
        .await
        .expect("it ends");
    assert!(matches!(result, Err(CallError::TimedOut)));
    replica.stop().await;
}

/// Reads the greeting, sends these words, and closes.
async fn blurt(words: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _ = stream.read(&mut [0; 4096]).await;
        let _ = stream.write_all(words).await;
    });
    url
}

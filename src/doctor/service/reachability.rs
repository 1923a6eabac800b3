//! Checks of how the running service is reached: on this machine, and at its public URL.

use std::time::Duration;

use reqwest::header::ALLOW;
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::Value;

use super::check::ServiceCheck;
use crate::brand::BrandRules;
use crate::doctor::finding::{Finding, Observation};
use crate::doctor::http::{NoTls, http_client, no_response};

/// The most bytes of an answer that are read.
const MAX_BODY: usize = 64 * 1024;

/// An address for documentation (RFC 5737), which no caller has.
const INVENTED_CALLER: &str = "192.0.2.1";

/// An answer: its status, its methods, its body.
struct Answer {
    status: StatusCode,
    allow: String,
    body: Value,
}

/// Where the service is reached.
pub struct Addresses<'a> {
    /// The base URL on this machine.
    pub local_url: &'a str,
    /// The public base URL. Empty if it is not known.
    pub public_url: &'a str,
    /// The path of lookups.
    pub lookup_path: &'a str,
}

/// Asks the service for its health, a lookup without a key, and the options of each webhook endpoint.
///
/// # Errors
/// When the TLS library does not start.
pub async fn check_reachability(
    addresses: &Addresses<'_>,
    brands: &[&BrandRules],
    timeout: Duration,
) -> Result<Vec<Finding>, NoTls> {
    let client = http_client(timeout)?;
    let url = format!("{}/health/ready", addresses.local_url);
    let local = health(ask(&client, Method::GET, &url).await);
    let mut findings = vec![ServiceCheck::Service.found(local)];
    let base = addresses.public_url.trim_end_matches('/');
    if base.is_empty() {
        let unknown = || Observation::skipped("server.public_url is not set");
        findings.extend(
            [
                ServiceCheck::PublicHealth,
                ServiceCheck::ProxyHeaders,
                ServiceCheck::PublicLookup,
                ServiceCheck::PublicWebhooks,
            ]
            .map(|check| check.found(unknown())),
        );
        return Ok(findings);
    }
    let ready = ask(&client, Method::GET, &format!("{base}/health/ready")).await;
    findings.push(ServiceCheck::PublicHealth.found(health(ready)));
    let invented = ask_as(&client, INVENTED_CALLER, &format!("{base}/health/caller")).await;
    findings.push(ServiceCheck::ProxyHeaders.found(proxy_headers(invented, base)));
    let lookup = ask(&client, Method::GET, &format!("{base}{}", addresses.lookup_path)).await;
    findings.push(ServiceCheck::PublicLookup.found(lookup_without_key(lookup)));
    findings.extend(webhooks(&client, base, brands).await);
    Ok(findings)
}

async fn webhooks(client: &Client, base: &str, brands: &[&BrandRules]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for brand in brands {
        for source in brand.webhook_verifiers.keys() {
            // A secret in the path is not sent: the answer does not depend on it.
            let url = format!("{base}/webhooks/{}/{source}", brand.slug);
            let found = webhook_options(ask(client, Method::OPTIONS, &url).await);
            let subject = format!("{}/{source}", brand.slug);
            findings.push(ServiceCheck::PublicWebhooks.found_of(subject, found));
        }
    }
    if findings.is_empty() {
        let none = Observation::skipped("no source sends webhooks");
        findings.push(ServiceCheck::PublicWebhooks.found(none));
    }
    findings
}

async fn ask(client: &Client, method: Method, url: &str) -> Result<Answer, String> {
    answer(client.request(method, url)).await
}

/// Asks with headers that claim another address, as a caller does who wants to pass an allow-list.
async fn ask_as(client: &Client, invented: &str, url: &str) -> Result<Answer, String> {
    let request = client.get(url).header("x-forwarded-for", invented);
    answer(request.header("forwarded", format!("for={invented}"))).await
}

async fn answer(request: RequestBuilder) -> Result<Answer, String> {
    let sent = request.send().await;
    let mut response = sent.map_err(|error| no_response(&error).to_string())?;
    let mut body = Vec::new();
    while let Some(piece) =
        response.chunk().await.map_err(|error| no_response(&error).to_string())?
    {
        if body.len().saturating_add(piece.len()) > MAX_BODY {
            break;
        }
        body.extend_from_slice(&piece);
    }
    let allow = response.headers().get(ALLOW).and_then(|value| value.to_str().ok());
    Ok(Answer {
        status: response.status(),
        allow: allow.unwrap_or_default().to_owned(),
        body: serde_json::from_slice(&body).unwrap_or_default(),
    })
}

/// The parts that the health endpoint names.
const PARTS: [&str; 4] = ["lookups", "changes", "storing", "applying"];

fn health(answer: Result<Answer, String>) -> Observation {
    let answer = match answer {
        Ok(answer) => answer,
        Err(why) => return Observation::fail(why),
    };
    let failing = |part: &&str| answer.body.get(*part) == Some(&"failing".into());
    let failing: Vec<&str> = PARTS.into_iter().filter(failing).collect();
    if answer.status != StatusCode::OK {
        Observation::fail(format!("status {}", answer.status.as_u16()))
    } else if answer.body.get("status") != Some(&"ready".into()) {
        Observation::fail("another program answers")
    } else if failing.is_empty() {
        Observation::pass("ready")
    } else {
        Observation::warn(format!("ready, but these parts fail: {}", failing.join(", ")))
    }
}

/// Judges how the service sees a caller who claims another address.
fn proxy_headers(answer: Result<Answer, String>, base: &str) -> Observation {
    let answer = match answer {
        Ok(answer) => answer,
        Err(why) => return Observation::skipped(why),
    };
    let Some(is_named) = answer.body.get("named_by_proxy").and_then(Value::as_bool) else {
        return Observation::skipped(format!(
            "/health/caller answers {}, so the proxy does not pass it",
            answer.status.as_u16()
        ));
    };
    match answer.body.get("address").and_then(Value::as_str) {
        Some(INVENTED_CALLER) => Observation::warn(
            "it believes an address that the caller invented. That is right only if this machine is itself in server.trusted_proxies",
        ),
        None => Observation::fail("a trusted proxy names no valid address"),
        Some(_) if is_named => Observation::pass("a trusted proxy names it"),
        Some(_) if base.starts_with("https://") => Observation::warn(
            "every caller seems to be the proxy, because no trusted proxy names the caller",
        ),
        Some(_) => Observation::pass("the caller connects directly"),
    }
}

/// Without a key, the service answers with a problem that has a code of its own.
fn lookup_without_key(answer: Result<Answer, String>) -> Observation {
    match answer {
        Err(why) => Observation::fail(why),
        Ok(answer) if answer.body.get("code") == Some(&"key-missing".into()) => {
            Observation::pass("the service asks for the key")
        }
        Ok(answer) if answer.body.get("code") == Some(&"network-forbidden".into()) => {
            Observation::pass("the service does not allow this network")
        }
        Ok(answer) => Observation::fail(format!(
            "status {}, and not the answer of the service",
            answer.status.as_u16()
        )),
    }
}

fn webhook_options(answer: Result<Answer, String>) -> Observation {
    match answer {
        Err(why) => Observation::fail(why),
        Ok(answer) if answer.status.is_success() && answer.allow.contains("POST") => {
            Observation::pass("it accepts POST")
        }
        Ok(answer) => Observation::fail(format!(
            "OPTIONS gets status {}, without the header Allow: POST",
            answer.status.as_u16()
        )),
    }
}

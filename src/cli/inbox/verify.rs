//! `hookpoint inbox verify`

use std::io::Read;
use std::path::{Path, PathBuf};

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use anyhow::Context;
use clap::Args;
use jiff::Timestamp;
use serde_json::{Value, json};
use url::Url;

use super::filter::time;
use crate::brand::BrandRules;
use crate::cli::output::{print_line, print_plain};
use crate::cli::webhook_settings::{check_secrets, choose_brand, table};
use crate::customer::model::source::Source;
use crate::settings::Settings;
use crate::sources::diagnosis::explain::{Endpoint, Explanation, ReceivedRequest, explain};
use crate::sources::diagnosis::reason::Reason;
use crate::sources::webhook::SecretIn;
use crate::webhooks::request::{headers, path_secret, query_secret};

#[derive(Debug, Args)]
pub(crate) struct VerifyArguments {
    /// The brand. Needed if the settings have several brands
    #[arg(long)]
    brand: Option<String>,
    /// The source that sent the webhook
    #[arg(long)]
    source: Source,
    /// The file with the body, byte for byte as it was sent; `-` for standard input
    #[arg(long, value_name = "FILE")]
    body: PathBuf,
    /// A header of the webhook, such as "x-signature: 0a1b". May be repeated
    #[arg(long = "header", value_name = "NAME: VALUE", value_parser = header)]
    headers: Vec<(HeaderName, HeaderValue)>,
    /// The URL to which the webhook was sent
    #[arg(long, conflicts_with = "secret_in_url")]
    url: Option<Url>,
    /// The secret in the URL to which the webhook was sent
    #[arg(long, value_name = "SECRET")]
    secret_in_url: Option<String>,
    /// When it arrived: 2026-11-20T09:30:00Z, or an age such as 30m. Default: now
    #[arg(long, value_name = "TIME", value_parser = time)]
    received_at: Option<Timestamp>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

fn header(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let (name, value) =
        text.split_once(':').ok_or("must have the form \"name: value\"".to_owned())?;
    let name = name.trim().parse().map_err(|_| "has no valid name of a header".to_owned())?;
    let value = value.trim().parse().map_err(|_| "has no valid value of a header".to_owned())?;
    Ok((name, value))
}

/// Verifies a webhook, prints the result, and fails if the service would reject the webhook.
pub(super) fn verify(
    arguments: &VerifyArguments,
    settings: &Settings,
    now: Timestamp,
) -> anyhow::Result<()> {
    let brand = choose_brand(settings, arguments.brand.as_deref())?;
    check_secrets(settings, brand, arguments.source)?;
    let body = read(&arguments.body)?;
    let most = settings.file.inbox.max_body_kilobytes.saturating_mul(1024);
    anyhow::ensure!(
        u64::try_from(body.len()).is_ok_and(|length| length <= most),
        "the body has {} bytes, more than inbox.max_body_kilobytes: the service answers 413",
        body.len()
    );
    let explanation = explanation(arguments, settings, brand, (body, now));
    if arguments.json {
        print_line(&as_json(&explanation, brand, arguments.source).to_string());
    } else {
        print_explanation(&explanation, brand, arguments.source);
    }
    anyhow::ensure!(explanation.verified, "the webhook is not verified");
    Ok(())
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    let mut body = Vec::new();
    if path == Path::new("-") {
        std::io::stdin().read_to_end(&mut body).context("cannot read standard input")?;
        return Ok(body);
    }
    std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

/// Explains the webhook. The other endpoints of all brands are those whose secret it may have.
fn explanation(
    arguments: &VerifyArguments,
    settings: &Settings,
    brand: &BrandRules,
    (body, now): (Vec<u8>, Timestamp),
) -> Explanation {
    let Some(verifier) = brand.webhook_verifiers.get(&arguments.source) else {
        let reasons = vec![Reason::NotConnected];
        return Explanation { verified: false, reasons, complete: false };
    };
    let place = verifier.verification.secret_in();
    let in_url = |wanted: SecretIn, of_url: fn(&Url) -> Option<String>| {
        let of_url = arguments.url.as_ref().and_then(of_url);
        let is_query = place == Some(SecretIn::Query);
        let given = arguments.secret_in_url.clone();
        of_url.or_else(|| given.filter(|_| is_query == (wanted == SecretIn::Query)))
    };
    let request = ReceivedRequest {
        headers: headers(&arguments.headers.iter().cloned().collect::<HeaderMap>()),
        path_secret: in_url(SecretIn::Path, |url| path_secret(url.path())),
        query_secret: in_url(SecretIn::Query, |url| query_secret(url.query().unwrap_or_default())),
        body,
        received_at: arguments.received_at.unwrap_or(now),
    };
    let all = settings.brands.iter().flat_map(|brand| {
        brand.webhook_verifiers.values().map(|verifier| Endpoint { brand: &brand.slug, verifier })
    });
    let others: Vec<Endpoint<'_>> =
        all.filter(|other| !std::ptr::eq(other.verifier, verifier)).collect();
    explain(Endpoint { brand: &brand.slug, verifier }, &others, &request)
}

/// The verification in the settings.
fn verification(brand: &BrandRules, source: Source) -> &'static str {
    brand.webhook_verifiers.get(&source).map_or("", |verifier| verifier.verification.name())
}

fn as_json(explanation: &Explanation, brand: &BrandRules, source: Source) -> Value {
    let reason = |reason: &Reason| {
        let mut value = json!(reason);
        if let Some(members) = value.as_object_mut() {
            members.insert("text".to_owned(), Value::from(reason.to_string()));
        }
        value
    };
    json!({
        "brand": brand.slug,
        "source": source.as_str(),
        "verification": verification(brand, source),
        "verified": explanation.verified,
        "reasons": explanation.reasons.iter().map(reason).collect::<Vec<_>>(),
        "complete": explanation.complete,
    })
}

fn print_explanation(explanation: &Explanation, brand: &BrandRules, source: Source) {
    let (slug, name) = (&brand.slug, verification(brand, source));
    let of = format!("{source} of {slug}, verification = \"{name}\"");
    if explanation.verified && name == "none" {
        print_line(&format!("Accepted, but not verified: {of}. Anybody can send such a webhook."));
        return;
    }
    if explanation.verified {
        print_line(&format!("Verified: the service accepts this webhook ({of})."));
        return;
    }
    print_line(&format!("Not verified ({of}):\n"));
    for reason in &explanation.reasons {
        print_plain(&format!("  - {reason}"));
    }
    let rest = if explanation.complete {
        "Apart from this, the webhook is valid."
    } else {
        "There may be further reasons. They can be found only when these are gone."
    };
    print_line(&format!("\n{rest}\nThe settings are in [{}].", table(brand, source)));
}

//! `hookpoint inbox verify`

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use clap::Args;
use jiff::Timestamp;
use serde_json::{Value, json};
use url::Url;

use super::filter::time;
use crate::brand::BrandRules;
use crate::cli::exit::Failure;
use crate::cli::output::{plain, print_line};
use crate::cli::secret_file::{MAX_SECRET, check_secret_length};
use crate::cli::webhook_settings::{check_secrets, choose_brand, table};
use crate::cli::wrapped::print_wrapped;
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
    /// A header of the webhook, such as "x-signature: 0a1b". May be repeated. Other users of this machine can see arguments
    #[arg(long = "header", value_name = "NAME: VALUE")]
    headers: Vec<String>,
    /// The URL to which the webhook was sent. Other users of this machine can see arguments, so prefer --secret-file
    #[arg(long, conflicts_with_all = ["secret_in_url", "secret_file"])]
    url: Option<String>,
    /// The secret in the URL to which the webhook was sent. Other users of this machine can see it; --secret-file avoids
    /// this
    #[arg(long, value_name = "SECRET", conflicts_with = "secret_file")]
    secret_in_url: Option<String>,
    /// A file with the secret in the URL to which the webhook was sent
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// When it arrived: 2026-11-20T09:30:00Z, or an age such as 30m. Default: now
    #[arg(long, value_name = "TIME", value_parser = time)]
    received_at: Option<Timestamp>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What the arguments say about the request. Mistakes repeat nothing of the arguments, because they have secrets.
struct Given {
    headers: HeaderMap,
    url: Option<Url>,
    secret: Option<String>,
}

impl Given {
    fn of(arguments: &VerifyArguments) -> anyhow::Result<Self> {
        let headers = arguments.headers.iter().map(|text| header(text));
        let url = arguments.url.as_deref().map(Url::parse).transpose();
        let in_file = arguments.secret_file.as_deref().map(secret).transpose()?;
        Ok(Self {
            headers: headers.collect::<Result<_, _>>()?,
            url: url.map_err(|_| Failure::mistake("--url: is not a URL"))?,
            secret: in_file.or_else(|| arguments.secret_in_url.clone()),
        })
    }
}

fn header(text: &str) -> Result<(HeaderName, HeaderValue), Failure> {
    let mistake = |what: &str| Failure::mistake(format!("--header: {what}"));
    let (name, value) =
        text.split_once(':').ok_or_else(|| mistake("must have the form \"name: value\""))?;
    let name = name.trim().parse().map_err(|_| mistake("has no valid name of a header"))?;
    let value = value.trim().parse().map_err(|_| mistake("has no valid value of a header"))?;
    Ok((name, value))
}

/// The secret in a file. A line break at its end does not belong to it.
fn secret(file: &Path) -> anyhow::Result<String> {
    let content = read(file, MAX_SECRET)?;
    check_secret_length(file, content.len())?;
    let text = String::from_utf8(content);
    let text = text.map_err(|_| anyhow::anyhow!("{} is not text", file.display()))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

/// Verifies a webhook, prints the result, and fails if the service would reject the webhook.
pub(super) fn verify(
    arguments: &VerifyArguments,
    settings: &Settings,
    now: Timestamp,
) -> anyhow::Result<()> {
    let brand = choose_brand(settings, arguments.brand.as_deref())?;
    let given = Given::of(arguments)?;
    check_secrets(settings, brand, arguments.source)?;
    let most = settings.file.inbox.max_body_kilobytes.saturating_mul(1024);
    let body = read(&arguments.body, most)?;
    if !u64::try_from(body.len()).is_ok_and(|length| length <= most) {
        return Err(Failure::problem(format!(
            "the body has more than {most} bytes (inbox.max_body_kilobytes): the service answers 413"
        ))
        .into());
    }
    let received_at = arguments.received_at.unwrap_or(now);
    let explanation = explanation(&given, settings, (brand, arguments.source), (body, received_at));
    if arguments.json {
        print_line(&as_json(&explanation, brand, arguments.source).to_string());
    } else {
        print_explanation(&explanation, brand, arguments.source);
    }
    if explanation.verified {
        Ok(())
    } else {
        Err(Failure::problem("the webhook is not verified").into())
    }
}

/// The content of a file, or of standard input; one byte more than `most` if it is longer.
fn read(path: &Path, most: u64) -> anyhow::Result<Vec<u8>> {
    let (mut content, most) = (Vec::new(), most.saturating_add(1));
    if path == Path::new("-") {
        let mut input = std::io::stdin().take(most);
        let read = input.read_to_end(&mut content);
        read.map_err(|error| anyhow::anyhow!("cannot read standard input: {error}"))?;
        return Ok(content);
    }
    File::open(path)
        .and_then(|file| file.take(most).read_to_end(&mut content))
        .map_err(|error| anyhow::anyhow!("cannot read {}: {error}", path.display()))?;
    Ok(content)
}

/// Explains the webhook. The other endpoints of all brands are those whose secret it may have.
fn explanation(
    given: &Given,
    settings: &Settings,
    (brand, source): (&BrandRules, Source),
    (body, received_at): (Vec<u8>, Timestamp),
) -> Explanation {
    let Some(verifier) = brand.webhook_verifiers.get(&source) else {
        let reasons = vec![Reason::NotConnected];
        return Explanation { verified: false, reasons, complete: false };
    };
    let place = verifier.verification.secret_in();
    let in_url = |wanted: SecretIn, of_url: fn(&Url) -> Option<String>| {
        let of_url = given.url.as_ref().and_then(of_url);
        let is_query = place == Some(SecretIn::Query);
        let secret = given.secret.clone();
        of_url.or_else(|| secret.filter(|_| is_query == (wanted == SecretIn::Query)))
    };
    let request = ReceivedRequest {
        headers: headers(&given.headers),
        path_secret: in_url(SecretIn::Path, |url| path_secret(url.path())),
        query_secret: in_url(SecretIn::Query, |url| query_secret(url.query().unwrap_or_default())),
        body,
        received_at,
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
    let of = if name.is_empty() {
        format!("{source} of {slug}, not connected")
    } else {
        format!("{source} of {slug}, verification = \"{name}\"")
    };
    if explanation.verified && name == "none" {
        print_wrapped(
            &format!("Accepted, but not verified: {of}. Anybody can send such a webhook."),
            0,
        );
        return;
    }
    if explanation.verified {
        print_wrapped(&format!("Verified: the service accepts this webhook ({of})."), 0);
        return;
    }
    print_wrapped(&format!("Not verified ({of}):\n"), 0);
    for reason in &explanation.reasons {
        print_wrapped(&plain(&format!("  - {reason}")), 4);
    }
    let rest = if explanation.complete {
        "Apart from this, the webhook is valid."
    } else {
        "Correct this, then verify the webhook again: something else may be wrong too."
    };
    print_line(&format!("\n{rest}\nThe settings are in [{}].", table(brand, source)));
}

//! `hookpoint sources trigger`

use clap::Args;
use jiff::Timestamp;
use serde_json::{Value, json};
use url::Url;

use super::post::{Answer, post};
use crate::brand::BrandRules;
use crate::cli::exit::Failure;
use crate::cli::health::service_address;
use crate::cli::output::{JsonArguments, confirm, print_json, print_line, print_plain};
use crate::cli::webhook_settings::{check_secrets, choose_brand, table};
use crate::cli::wrapped::print_wrapped;
use crate::clock::Clock;
use crate::customer::model::record::Change;
use crate::customer::model::source::Source;
use crate::settings::Settings;
use crate::sources::safe_url::is_safe_url;
use crate::sources::sample::{SamplePerson, sample};
use crate::sources::webhook::{OutgoingWebhook, SECRET_PARAMETER, SecretIn};
use crate::sources::{Delivery, ParsedWebhook};

#[derive(Debug, Args)]
pub(crate) struct TriggerArguments {
    /// The source whose webhook is sent
    source: Source,
    /// The event; --list shows them
    #[arg(required_unless_present = "list")]
    event: Option<String>,
    /// The brand. Needed if the settings have several brands
    #[arg(long)]
    brand: Option<String>,
    /// Base URL of the service. The secret may be sent there, so it needs https, except on this machine. Default:
    /// server.listen in the settings, on this machine
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// A name for the invented person. Webhooks with the same name are about the same person
    #[arg(long, value_name = "NAME", default_value = "1")]
    person: SamplePerson,
    /// List the events, and what each does
    #[arg(long)]
    list: bool,
    /// Do not ask for confirmation
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    output: JsonArguments,
}

/// What the service does with a sample, by the parser of the source.
enum Effect {
    /// It changes the data of the sample person.
    Person,
    /// It stores an event, which agents see if its owner is stored.
    Event,
    /// It stores nothing about a person, for this reason.
    Nothing(&'static str),
}

impl Effect {
    /// The effect for scripts, and the reason if it changes nothing.
    const fn for_scripts(&self) -> (&'static str, Option<&'static str>) {
        match self {
            Self::Person => ("person", None),
            Self::Event => ("event", None),
            Self::Nothing(why) => ("nothing", Some(why)),
        }
    }

    fn of(
        brand: &BrandRules,
        source: Source,
        webhook: &OutgoingWebhook,
        now: Timestamp,
    ) -> anyhow::Result<Self> {
        let (headers, body) = (webhook.headers.clone(), webhook.body.clone());
        let delivery = Delivery { headers, body, received_at: now };
        match brand.sources.parser(source).parse_webhook(&delivery) {
            Ok(ParsedWebhook::Changes(changes)) => {
                let is_person = |change: &Change| matches!(change, Change::Record { .. });
                Ok(if changes.iter().any(is_person) { Self::Person } else { Self::Event })
            }
            Ok(ParsedWebhook::Ignored(why)) => Ok(Self::Nothing(why)),
            Err(unreadable) => anyhow::bail!(
                "the settings of the brand {} cannot read this sample: {unreadable}",
                brand.slug
            ),
        }
    }
}

pub(super) async fn trigger(
    arguments: &TriggerArguments,
    settings: &Settings,
) -> anyhow::Result<()> {
    let brand = choose_brand(settings, arguments.brand.as_deref())?;
    let given = arguments.url.as_deref().map(base_url).transpose()?;
    let now = Clock::system().now();
    let Some(event) = arguments.event.as_ref().filter(|_| !arguments.list) else {
        return list(brand, arguments, now);
    };
    let (source, person) = (arguments.source, &arguments.person);
    let made = sample(brand.sources.samples(source), event, person, now);
    let unsigned = made.ok_or_else(|| {
        Failure::mistake(format!("there is no sample of this event; `hookpoint sources trigger {source} --list` shows the events"))
    })?;
    let effect = Effect::of(brand, source, &unsigned, now)?;
    check_secrets(settings, brand, source)?;
    let verifier = brand.webhook_verifiers.get(&source).ok_or_else(|| {
        let table = table(brand, source);
        Failure::mistake(format!("the source is not connected: [{table}] sets no verification"))
    })?;
    let signed = verifier.verification.sign(unsigned, now);
    let signed = signed.ok_or_else(|| {
        Failure::mistake(
            "the settings have no secret for this source, so the sample cannot be signed",
        )
    })?;
    let is_harmless = matches!(effect, Effect::Nothing(_));
    arguments.output.refuse_question(is_harmless || arguments.yes)?;
    if !is_harmless && !arguments.yes && !confirmed(brand, person)? {
        print_line("Nothing was sent.");
        return Ok(());
    }
    let answer =
        post(url((given, arguments.source), settings, brand, &signed).await?, signed).await?;
    report(&answer, &effect, brand, arguments)
}

fn confirmed(brand: &BrandRules, person: &SamplePerson) -> anyhow::Result<bool> {
    let (email, slug) = (person.email(), &brand.slug);
    print_wrapped(
        &format!(
            "This stores data of an invented person, {email}, in the brand {slug}. Agents can look the person up. `hookpoint customer erase` removes it."
        ),
        0,
    );
    confirm("Send it?", "send it")
}

/// The base URL from the arguments. The mistake does not repeat it, because it may have a secret.
fn base_url(text: &str) -> Result<Url, Failure> {
    let url = Url::parse(text).ok().filter(|_| is_safe_url(text));
    url.ok_or_else(|| {
        Failure::mistake(
            "--url: must be an https URL, or an http URL of this machine, without a user, a query and a fragment",
        )
    })
}

/// The URL of the source's endpoint, with the secret if it belongs there.
async fn url(
    (given, source): (Option<Url>, Source),
    settings: &Settings,
    brand: &BrandRules,
    webhook: &OutgoingWebhook,
) -> anyhow::Result<Url> {
    let mut url: Url = match given {
        Some(url) => url,
        None => {
            format!("http://{}", service_address(&settings.file.server.listen).await?).parse()?
        }
    };
    let path = format!("{}/webhooks/{}/{}", url.path().trim_end_matches('/'), brand.slug, source);
    match &webhook.url_secret {
        Some((SecretIn::Path, secret)) => url.set_path(&format!("{path}/{secret}")),
        Some((_, secret)) => {
            url.set_path(&path);
            url.set_query(Some(&format!("{SECRET_PARAMETER}={secret}")));
        }
        None => url.set_path(&path),
    }
    Ok(url)
}

/// Prints the answer, and how to see the result. Fails if the service does not acknowledge the webhook.
fn report(
    answer: &Answer,
    effect: &Effect,
    brand: &BrandRules,
    arguments: &TriggerArguments,
) -> anyhow::Result<()> {
    let (slug, source, email) = (&brand.slug, arguments.source, arguments.person.email());
    let status = answer.status;
    if arguments.output.json {
        print_json(&as_json(answer, effect, brand, arguments))?;
    } else {
        print_line(&format!("Status: {status}"));
        print_plain(&format!("Request id: {}", answer.request_id));
    }
    anyhow::ensure!(
        status != 401,
        "the service rejected the webhook; `hookpoint inbox status` has the reason"
    );
    anyhow::ensure!(
        (200..300).contains(&status),
        "a stored webhook gets 202: check the URL, and run `hookpoint doctor` for the state of the service"
    );
    if arguments.output.json {
        return Ok(());
    }
    print_line("\nSee the result:");
    print_line(&format!("  hookpoint inbox list --brand {slug} --source {source} --limit 5"));
    match effect {
        Effect::Event => print_line(
            "It is an event. Agents see it only if it belongs to a person who is stored.",
        ),
        Effect::Person => {
            print_line(&format!("  hookpoint lookup --brand {slug} --email {email}"));
            print_line(&format!(
                "Remove the invented person:\n  hookpoint customer erase --brand {slug} --email {email}"
            ));
        }
        Effect::Nothing(why) => {
            let text = format!("The inbox ignores this event ({why}), so no customer changes.");
            print_wrapped(&text, 0);
        }
    }
    Ok(())
}

/// The answer, for scripts.
fn as_json(
    answer: &Answer,
    effect: &Effect,
    brand: &BrandRules,
    arguments: &TriggerArguments,
) -> Value {
    let (effect, reason) = effect.for_scripts();
    json!({
        "brand": brand.slug,
        "source": arguments.source.as_str(),
        "event": arguments.event,
        "email": arguments.person.email(),
        "status": answer.status,
        "request_id": answer.request_id,
        "effect": effect,
        "reason": reason,
    })
}

/// Prints the events of a source, and what each does.
fn list(brand: &BrandRules, arguments: &TriggerArguments, now: Timestamp) -> anyhow::Result<()> {
    let (source, person) = (arguments.source, &arguments.person);
    let samples = brand.sources.samples(source);
    let mut all = Vec::new();
    for (event, _) in samples.recorded_webhooks() {
        let Some(webhook) = sample(samples, event, person, now) else { continue };
        let effect = Effect::of(brand, source, &webhook, now);
        if arguments.output.json {
            let (effect, reason) = match &effect {
                Ok(effect) => effect.for_scripts(),
                Err(_) => ("unreadable", None),
            };
            let source = source.as_str();
            all.push(
                json!({ "source": source, "event": event, "effect": effect, "reason": reason }),
            );
            continue;
        }
        let text = match effect {
            Ok(Effect::Person) => "changes data of the invented person".to_owned(),
            Ok(Effect::Event) => "stores an event only".to_owned(),
            Ok(Effect::Nothing(why)) => format!("changes nothing: {why}"),
            Err(error) => error.to_string(),
        };
        print_wrapped(&format!("  {event:<40} {text}"), 43);
    }
    if arguments.output.json { print_json(&all) } else { Ok(()) }
}

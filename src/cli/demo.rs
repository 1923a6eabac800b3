//! `hookpoint demo`

use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use super::{key, say, serve};
use crate::access::keys::NewKey;
use crate::app::Application;
use crate::clock::Clock;
use crate::collect::apply::apply;
use crate::customer::kind::Source;
use crate::demo::post::Sender;
use crate::demo::story::Recorded;
use crate::demo::vendor::Secrets;
use crate::demo::{self, examples, story};
use crate::settings::Settings;
use crate::storage::database::{Database, Place};
use crate::storage::deliveries::list_backlog;
use crate::storage::embedded::{Layout, sweep_abandoned};
use crate::storage::keys::insert_key;
use crate::telemetry;

#[derive(Debug, Args)]
pub(super) struct DemoArguments {
    /// Where to listen
    #[arg(long, default_value = "127.0.0.1:8080", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// The key that lookups need; "demo" when only this machine can ask, else a new one
    #[arg(long, value_parser = clap::builder::NonEmptyStringValueParser::new())]
    key: Option<String>,
    /// Raise every limit to this many, for load tests
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit_per_second: Option<u32>,
}

pub(super) async fn run(arguments: DemoArguments) -> anyhow::Result<()> {
    // As with the key: what only this machine can reach needs no secret that nobody knows.
    let secrets = if arguments.listen.ip().is_loopback() { Ok(Secrets::known()) } else { Secrets::random() };
    let secrets = secrets.map_err(|_| anyhow::anyhow!("the system has no random numbers to give"))?;
    let mut settings = demo::settings(&secrets).map_err(|mistakes| anyhow::anyhow!("{mistakes:?}"))?;
    configure(&mut settings, &arguments);
    telemetry::start(&settings.file.telemetry);
    telemetry::metrics();
    say("Starting an embedded Postgres and a brand with customers …");
    let data_dir = std::env::temp_dir().join(format!("{PREFIX}{}", std::process::id()));
    sweep_abandoned(&std::env::temp_dir(), PREFIX);
    // Whoever is erased here is gone with the demo.
    settings.file.erasure.ledger_file = data_dir.join("ledger.jsonl").display().to_string();
    let place = Place::Embedded(Layout {
        data_dir: data_dir.clone(),
        postgres_bin: None,
        cache_dir: crate::settings::default_cache_dir(),
        fetch: true,
        durable: false,
    });
    let told = live(settings, &place, &arguments, &secrets).await;
    let _ = std::fs::remove_dir_all(&data_dir);
    told
}

const PREFIX: &str = "hookpoint-demo-";

async fn live(settings: Settings, place: &Place, arguments: &DemoArguments, secrets: &Secrets) -> anyhow::Result<()> {
    let database = Database::open(place, settings.pool_size(), false).await?;
    let clock = Clock::system();
    let data_dir = database.data_dir();
    let application = Application::start(&settings.file, settings.brands, database, clock.clone()).await?;
    let told = tell(&application, arguments, secrets, clock, data_dir).await;
    match told {
        Ok(()) => serve::until_told_to_end(application).await,
        Err(error) => {
            application.stop().await;
            Err(error)
        }
    }
}

/// Has the sources send what was recorded of them, signed, and waits until all of it is applied. What their APIs would be asked
/// for is applied as it was answered.
async fn fill(application: &Application, secrets: &Secrets, clock: &Clock) -> anyhow::Result<()> {
    let brand = application.brands.values().next().context("the demo has no brand")?;
    let (answers, webhooks): (Vec<_>, Vec<_>) = story::recorded()?.into_iter().partition(|(_, recorded)| recorded.is_answer());
    let purchases = story::busy_purchases(story::BUSY_PURCHASES);
    let bar = bar(webhooks.len().saturating_add(purchases.len()));
    let sender = Sender::new(format!("http://{}", application.address))?;
    let sign = |(source, recorded): &(Source, Recorded)| secrets.sign(*source, recorded.headers(), &recorded.body, clock.now());
    // These one after the other, as they came: some say nothing of when.
    for webhook in &webhooks {
        sender.send(sign(webhook)).await?;
        bar.inc(1);
    }
    sender.send_all(purchases.iter().map(sign), &mut || bar.inc(1)).await?;
    apply(&application.database.pool, brand, story::changes(&answers, &brand.rules.sources)?).await?;
    while list_backlog(&application.database.pool, brand.id()).await?.iter().any(|backlog| backlog.state == "pending") {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    bar.finish_and_clear();
    Ok(())
}

fn bar(webhooks: usize) -> ProgressBar {
    let bar = ProgressBar::new(u64::try_from(webhooks).unwrap_or_default());
    let style = ProgressStyle::with_template("{wide_bar}  {human_pos} of {human_len} webhooks  {per_sec}");
    let hidden = !std::io::stderr().is_terminal();
    match style {
        Ok(style) if !hidden => bar.with_style(style),
        _ => ProgressBar::hidden(),
    }
}

/// Fills the brand and prints what to try.
async fn tell(
    application: &Application,
    arguments: &DemoArguments,
    secrets: &Secrets,
    clock: Clock,
    data_dir: Option<PathBuf>,
) -> anyhow::Result<()> {
    let brand = application.brands.values().next().context("the demo has no brand")?;
    fill(application, secrets, &clock).await?;
    let key = match &arguments.key {
        Some(key) => key.clone(),
        None if arguments.listen.ip().is_loopback() => "demo".to_owned(),
        None => NewKey::generate().map_err(|_| anyhow::anyhow!("the system has no random numbers to give"))?.reveal().to_owned(),
    };
    insert_key(&application.database.pool, &key::new_row(brand, "demo", &key, clock.now(), None)?).await?;
    let counts = crate::storage::brands::count_brand(&application.database.pool, brand.id(), clock.now()).await?;
    let encoded = percent_encoding::utf8_percent_encode(&key, percent_encoding::NON_ALPHANUMERIC);
    let url = format!("http://{}/omnidesk/customerlookup?key={encoded}", application.address);
    say(&format!(
        "\nReady: {} customers from {} records and {} events of OmnioTap, Omneo, OmniLab and Syncaroo.\n",
        counts.customers, counts.records, counts.events
    ));
    say("Try:");
    say(&format!("  curl '{url}&channelAddressType=email&address=thomas%40example.org'"));
    say(&format!("  curl '{url}&channelAddressType=phoneNumber&address=%2B31612312311'"));
    say(&format!("  curl '{url}&primaryID=NL-2026-00042'"));
    say(&format!("\nSend what the four systems would send, and ask again who {} is:", examples::EMAIL));
    for (_, request) in examples::examples(secrets, clock.now()) {
        say(&format!("  {}", request.as_curl(&format!("http://{}", application.address))));
    }
    say(&format!("  curl '{url}&channelAddressType=email&address={}'", examples::EMAIL.replace('@', "%40")));
    if let Some(metrics) = application.metrics_address {
        say(&format!("\nMetrics: http://{metrics}/metrics"));
    }
    say(&format!("Data:    {} (gone when the demo ends)", data_dir.map(|dir| dir.display().to_string()).unwrap_or_default()));
    say("End it with Ctrl-C.");
    Ok(())
}

fn configure(settings: &mut Settings, arguments: &DemoArguments) {
    let file = &mut settings.file;
    file.server.listen = arguments.listen.to_string();
    // Any free port, so that two demos can run side by side.
    file.server.metrics_listen = "127.0.0.1:0".to_owned();
    file.server.drain_seconds = 0;
    file.telemetry.level = "warn".to_owned();
    if let Some(limit) = arguments.limit_per_second {
        file.limits.lookups_per_second = limit;
        file.limits.wrong_keys_per_minute = limit.saturating_mul(60);
        file.limits.misses_per_minute = limit.saturating_mul(60);
    }
}

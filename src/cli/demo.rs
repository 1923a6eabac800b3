//! `hookpoint demo`

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;

use super::{key, say, serve};
use crate::access::keys::NewKey;
use crate::app::Application;
use crate::clock::Clock;
use crate::collect::apply::apply;
use crate::demo::{self, story};
use crate::settings::Settings;
use crate::storage::database::{Database, Place};
use crate::storage::embedded::{Layout, sweep_abandoned};
use crate::storage::keys::insert_key;
use crate::telemetry;

/// Changes that are applied at once.
const BATCH: usize = 500;

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
    let mut settings = demo::settings().map_err(|mistakes| anyhow::anyhow!("{mistakes:?}"))?;
    configure(&mut settings, &arguments);
    telemetry::start(&settings.file.telemetry);
    telemetry::metrics();
    say("Starting an embedded Postgres and a brand with customers …");
    let data_dir = std::env::temp_dir().join(format!("{PREFIX}{}", std::process::id()));
    sweep_abandoned(&std::env::temp_dir(), PREFIX);
    let place = Place::Embedded(Layout {
        data_dir: data_dir.clone(),
        postgres_bin: None,
        cache_dir: crate::settings::default_cache_dir(),
        fetch: true,
        durable: false,
    });
    let told = live(settings, &place, &arguments).await;
    let _ = std::fs::remove_dir_all(&data_dir);
    told
}

const PREFIX: &str = "hookpoint-demo-";

async fn live(settings: Settings, place: &Place, arguments: &DemoArguments) -> anyhow::Result<()> {
    let database = Database::open(place, settings.pool_size(), false).await?;
    let clock = Clock::system();
    let data_dir = database.data_dir();
    let application = Application::start(&settings.file, settings.brands, database, clock.clone()).await?;
    let told = tell(&application, arguments, clock, data_dir).await;
    match told {
        Ok(()) => serve::until_told_to_end(application).await,
        Err(error) => {
            application.stop().await;
            Err(error)
        }
    }
}

/// Fills the brand and prints what to try.
async fn tell(application: &Application, arguments: &DemoArguments, clock: Clock, data_dir: Option<PathBuf>) -> anyhow::Result<()> {
    let brand = application.brands.values().next().context("the demo has no brand")?;
    let mut deliveries = story::recorded()?;
    deliveries.extend(story::busy_purchases(story::BUSY_PURCHASES));
    let mut changes = story::changes(&deliveries, &brand.rules.sources)?;
    while !changes.is_empty() {
        let rest = changes.split_off(changes.len().min(BATCH));
        apply(&application.database.pool, brand, changes).await?;
        changes = rest;
    }
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

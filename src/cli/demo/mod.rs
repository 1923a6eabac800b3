//! `hookpoint demo`

mod fill;
mod send;

use std::net::SocketAddr;
use std::sync::Arc;

use clap::Args;

use self::send::Instructions;
use super::print_line;
use super::serve;
use super::serve::ShutdownSignal;
use crate::app::Application;
use crate::clock::Clock;
use crate::demo;
use crate::demo::background_activity::{BackgroundActivity, newcomer};
use crate::demo::seed;
use crate::demo::systems::{SystemOptions, Systems, World};
use crate::demo::webhook_signer::Secrets;
use crate::jobs::tasks::BackgroundTasks;
use crate::settings::Settings;
use crate::storage::database::{Database, Place};
use crate::storage::embedded::temporary::make_directory;
use crate::storage::embedded::{Layout, sweep_abandoned};
use crate::telemetry;

#[derive(Debug, Args)]
pub(super) struct DemoArguments {
    /// Address and port to listen on
    #[arg(long, default_value = "127.0.0.1:8080", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// API key for lookups. Default: "demo" if only this machine can reach the demo, otherwise a random key
    #[arg(long, value_parser = clap::builder::NonEmptyStringValueParser::new())]
    key: Option<String>,
    /// Set the rate limits to this many requests per second, for load tests
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit_per_second: Option<u32>,
}

pub(super) async fn run(arguments: DemoArguments) -> anyhow::Result<()> {
    let mut shutdown = ShutdownSignal::listen()?;
    // As with the key: if only this machine can reach the demo, well-known secrets are safe.
    let secrets =
        if arguments.listen.ip().is_loopback() { Ok(Secrets::known()) } else { Secrets::random() };
    let secrets =
        secrets.map_err(|_| anyhow::anyhow!("the operating system returned no random numbers"))?;
    let clock = Clock::system();
    let world = Arc::new(World::new(clock.clone()));
    let systems = Systems::start(Arc::clone(&world), &secrets, SystemOptions::default(), clock)?;
    let shown = show(&arguments, &secrets, systems, &mut shutdown).await;
    // The systems hold a reference to the data, and the data to the systems: break this circle.
    drop(world);
    shown
}

const PREFIX: &str = "hookpoint-demo-";

async fn show(
    arguments: &DemoArguments,
    secrets: &Secrets,
    systems: Systems,
    shutdown: &mut ShutdownSignal,
) -> anyhow::Result<()> {
    let text = demo::connected(&systems);
    let mut settings =
        demo::settings(&text, secrets).map_err(|mistakes| anyhow::anyhow!("{mistakes:?}"))?;
    configure(&mut settings, arguments);
    telemetry::start(&settings.file.telemetry);
    telemetry::metrics();
    print_line(
        "Starting an embedded Postgres, simulators of the four systems, and a brand with customers …",
    );
    sweep_abandoned(&std::env::temp_dir(), PREFIX);
    let data_dir = make_directory(&std::env::temp_dir(), PREFIX)?;
    // The suppression list is deleted together with the demo's data.
    settings.file.erasure.suppression_file = data_dir.join("ledger.jsonl").display().to_string();
    let cache_dir = crate::settings::default_cache_dir();
    let fetch = cache_dir.is_some();
    let layout = Layout {
        data_dir: data_dir.clone(),
        postgres_bin: None,
        cache_dir: cache_dir.unwrap_or_default(),
        fetch,
        durable: false,
    };
    let result =
        live(settings, &Place::Embedded(layout), (arguments, secrets), systems, &text, shutdown)
            .await;
    let _ = std::fs::remove_dir_all(&data_dir);
    result
}

async fn live(
    settings: Settings,
    place: &Place,
    (arguments, secrets): (&DemoArguments, &Secrets),
    mut systems: Systems,
    text: &str,
    shutdown: &mut ShutdownSignal,
) -> anyhow::Result<()> {
    let database = Database::open(place, settings.pool_size(), false).await?;
    let data_dir = database.data_dir();
    let application =
        Application::start_unprepared(&settings.file, settings.brands, database, Clock::system())
            .await?;
    let background = BackgroundTasks::new();
    let started = async {
        let world = Arc::clone(systems.world());
        let to_send = seed::settle(&world)?;
        fill::fill(&application, &systems, to_send, secrets, &settings.file).await?;
        newcomer::arrive(&world);
        systems.send_webhooks_to(format!("http://{}", application.address))?;
        let key = send::make_key(&application, arguments).await?;
        // First the listener must know the key and the data. Then the demo is ready.
        application.catch_up().await?;
        application.set_prepared();
        application.readiness().until_ready().await;
        send::print_instructions(&Instructions {
            key,
            application: &application,
            systems: &systems,
            secrets,
            data_dir,
            settings: text,
        })
        .await?;
        background.spawn_endless(BackgroundActivity::new(world).run_forever());
        Ok(true)
    };
    let started = tokio::select! {
        started = started => started,
        () = shutdown.received() => Ok(false),
    };
    let ended = match started {
        Ok(true) => serve::run_until_signal(application, shutdown).await,
        Ok(false) => {
            application.stop().await;
            Ok(())
        }
        Err(error) => {
            application.stop().await;
            Err(error)
        }
    };
    background.end().await;
    systems.stop().await;
    ended
}

fn configure(settings: &mut Settings, arguments: &DemoArguments) {
    let file = &mut settings.file;
    file.server.listen = arguments.listen.to_string();
    // Any free port, so that two demos can run side by side.
    file.server.metrics_listen = "127.0.0.1:0".to_owned();
    file.server.drain_seconds = 0;
    file.telemetry.level = "warn".to_owned();
    // `fill` runs the backfill itself, to show its progress.
    file.sync.backfill = false;
    if let Some(limit) = arguments.limit_per_second {
        file.limits.lookups_per_second = limit;
        file.limits.wrong_keys_per_minute = limit.saturating_mul(60);
        file.limits.not_found_per_minute = limit.saturating_mul(60);
    }
}

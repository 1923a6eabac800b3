//! `hookpoint demo`

mod arguments;
mod fill;
mod instructions;
mod settings_file;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;

pub(super) use self::arguments::DemoArguments;
use self::instructions::Instructions;
use self::settings_file::{settings_file, suppression_file};
use super::serve;
use super::serve::{Reloader, ShutdownSignal};
use super::wrapped::print_wrapped;
use crate::admin::audit::{Attribution, Via};
use crate::admin::console_access::create_link;
use crate::admin::keys::{KeyTerms, key_row};
use crate::admin::role::Role;
use crate::app::Application;
use crate::brand::Brand;
use crate::clock::Clock;
use crate::demo;
use crate::demo::background_activity::{BackgroundActivity, newcomer};
use crate::demo::seed;
use crate::demo::simulators::{SimulatedData, SimulatorOptions, Simulators};
use crate::demo::webhook_signer::Secrets;
use crate::http::api_keys::NewKey;
use crate::jobs::tasks::BackgroundTasks;
use crate::settings::{Settings, SettingsFile};
use crate::storage::api_keys::insert_key;
use crate::storage::brands::count_brand;
use crate::storage::database::{Database, Place};
use crate::storage::embedded::temporary::make_directory;
use crate::storage::embedded::{Layout, SHARED_BUFFERS_MEGABYTES, sweep_abandoned};
use crate::telemetry;

pub(super) async fn run(arguments: DemoArguments) -> anyhow::Result<()> {
    let mut shutdown = ShutdownSignal::listen()?;
    // As with the key: if only this machine can reach the demo, well-known secrets are safe.
    let secrets =
        if arguments.listen.ip().is_loopback() { Ok(Secrets::known()) } else { Secrets::random() };
    let secrets =
        secrets.map_err(|_| anyhow::anyhow!("the operating system returned no random numbers"))?;
    let clock = Clock::system();
    let data = Arc::new(SimulatedData::new(clock.clone()));
    let simulators =
        Simulators::start(Arc::clone(&data), &secrets, SimulatorOptions::default(), clock)?;
    let text = demo::connected(&simulators);
    let demo = Demo { arguments: &arguments, secrets: &secrets, text: &text };
    let shown = Box::pin(demo.run(simulators, &mut shutdown)).await;
    // The systems hold a reference to the data, and the data to the systems: break this circle.
    drop(data);
    shown
}

const PREFIX: &str = "hookpoint-demo-";

/// What the demo is made from.
#[derive(Clone, Copy)]
struct Demo<'a> {
    arguments: &'a DemoArguments,
    secrets: &'a Secrets,
    /// The settings of the brand, as TOML text.
    text: &'a str,
}

impl Demo<'_> {
    async fn run(
        self,
        simulators: Simulators,
        shutdown: &mut ShutdownSignal,
    ) -> anyhow::Result<()> {
        let mut settings = demo::settings(self.text, self.secrets)
            .map_err(|mistakes| anyhow::anyhow!("{mistakes:?}"))?;
        configure(&mut settings, self.arguments)?;
        telemetry::start(&settings.file.telemetry);
        telemetry::metrics();
        print_wrapped(
            "Starting an embedded Postgres, simulators of the four systems, and a brand with customers …",
            0,
        );
        let temporary = std::env::temp_dir();
        sweep_abandoned(&temporary, PREFIX);
        let data_dir = make_directory(&temporary, PREFIX).map_err(|error| {
            anyhow::anyhow!("the demo cannot store its data in {}: {error}", temporary.display())
        })?;
        settings.file.erasure.suppression_file = suppression_file(&data_dir).display().to_string();
        settings.file.database.data_dir = data_dir.display().to_string();
        let place = Place::Embedded(layout(&data_dir));
        let result = Box::pin(self.run_in(settings, &place, simulators, shutdown)).await;
        let _ = std::fs::remove_dir_all(&data_dir);
        let _ = std::fs::remove_file(suppression_file(&data_dir));
        result
    }

    async fn run_in(
        self,
        settings: Settings,
        place: &Place,
        mut simulators: Simulators,
        shutdown: &mut ShutdownSignal,
    ) -> anyhow::Result<()> {
        let database = Database::open(place, settings.pool_size(), false).await?;
        let data_dir = database.data_dir();
        let Settings { file, brands, .. } = settings;
        let application =
            Application::start_unprepared(&file, brands, database, Clock::system()).await?;
        let reloader = data_dir.as_deref().map(settings_file);
        let reloader = reloader.map(|path| Reloader::listen(Some(path), place.clone()));
        let reloader = reloader.transpose()?;
        let background = BackgroundTasks::new();
        let started = tokio::select! {
            data = self.prepare(&application, &mut simulators, &file, data_dir) => data.map(Some),
            () = shutdown.received() => Ok(None),
        };
        let ended = match started {
            Ok(Some(data)) => {
                background.spawn_endless(BackgroundActivity::new(data).run_forever());
                serve::run_until_signal(application, shutdown, reloader).await
            }
            Ok(None) => {
                application.stop().await;
                Ok(())
            }
            Err(error) => {
                application.stop().await;
                Err(error)
            }
        };
        background.end().await;
        simulators.stop().await;
        ended
    }

    /// Fills the brand, and prints the instructions.
    async fn prepare(
        self,
        application: &Application,
        simulators: &mut Simulators,
        file: &SettingsFile,
        data_dir: Option<PathBuf>,
    ) -> anyhow::Result<Arc<SimulatedData>> {
        let data = Arc::clone(simulators.data());
        let to_send = seed::seed_simulators(&data)?;
        fill::fill(application, simulators, to_send, self.secrets, file).await?;
        newcomer::arrive(&data);
        simulators.send_webhooks_to(format!("http://{}", application.address))?;
        let key = self.make_key(application).await?;
        // First the listener must know the key and the data. Then the demo is ready.
        application.wait_until_current().await?;
        application.set_prepared();
        application.readiness().until_ready().await;
        let brand = application.brands().values().next().context("the demo has no brand")?;
        let now = Clock::system().now();
        let instructions = Instructions {
            key,
            address: application.address,
            metrics_address: application.metrics_address,
            console: console_link(application, brand).await?,
            counts: count_brand(&application.database.pool, brand.id(), now).await?,
            simulators,
            secrets: self.secrets,
            data_dir,
            settings: file,
            brand: self.text,
        };
        instructions.print()?;
        Ok(data)
    }

    /// Creates the API key for lookups.
    async fn make_key(self, application: &Application) -> anyhow::Result<String> {
        let brand = application.brands().values().next().context("the demo has no brand")?;
        let key = match &self.arguments.key {
            Some(key) => key.clone(),
            None if self.arguments.listen.ip().is_loopback() => "demo".to_owned(),
            None => NewKey::generate()
                .map_err(|_| anyhow::anyhow!("the operating system returned no random numbers"))?
                .reveal()
                .to_owned(),
        };
        let terms = KeyTerms::new("demo");
        let row = key_row(brand, terms, &key, Clock::system().now())?;
        insert_key(&application.database.pool, &row).await?;
        Ok(key)
    }
}

/// A link to the console for the person who started the demo.
async fn console_link(application: &Application, brand: &Brand) -> anyhow::Result<Option<String>> {
    let Some(urls) = &application.console else { return Ok(None) };
    let (pool, now) = (&application.database.pool, Clock::system().now());
    let (by, reason) = ("demo", "the demo was started");
    let attribution = Attribution { by, reason, via: Via::Command };
    let code = create_link(pool, brand, (Role::Admin, by), attribution, now).await?;
    Ok(Some(urls.link(&brand.rules.slug, code.reveal())))
}

/// A port on which nothing listens, so that two demos can run side by side, and a reload finds the same one in the file.
fn free_address() -> anyhow::Result<String> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    Ok(listener.local_addr()?.to_string())
}

fn layout(data_dir: &Path) -> Layout {
    let cache_dir = crate::settings::default_cache_dir();
    Layout {
        data_dir: data_dir.to_owned(),
        postgres_bin: None,
        fetch: cache_dir.is_some(),
        cache_dir: cache_dir.unwrap_or_default(),
        shared_buffers_megabytes: SHARED_BUFFERS_MEGABYTES,
        durable: false,
    }
}

fn configure(settings: &mut Settings, arguments: &DemoArguments) -> anyhow::Result<()> {
    let file = &mut settings.file;
    file.server.listen = arguments.listen.to_string();
    // Any free port, so that two demos can run side by side.
    file.server.metrics_listen = free_address()?;
    file.console.listen = free_address()?;
    file.server.drain_seconds = 0;
    file.telemetry.level = "warn".to_owned();
    // `fill` runs the backfill itself, to show its progress.
    file.sync.backfill = false;
    if let Some(limit) = arguments.limit_per_second {
        file.limits.lookups_per_second = limit;
        file.limits.wrong_keys_per_minute = limit.saturating_mul(60);
        file.limits.not_found_per_minute = limit.saturating_mul(60);
    }
    Ok(())
}

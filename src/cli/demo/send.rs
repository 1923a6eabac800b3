//! Prints how to use the demo: commands to try, addresses, data directory.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::DemoArguments;
use crate::app::Application;
use crate::cli::{key, print_line};
use crate::clock::Clock;
use crate::customer::model::source::Source;
use crate::demo::background_activity::{PAUSE, REGULAR, newcomer};
use crate::demo::examples;
use crate::demo::systems::Systems;
use crate::demo::webhook_signer::Secrets;
use crate::http::api_keys::NewKey;
use crate::storage::api_keys::insert_key;

/// The parts that the printed instructions describe.
pub(super) struct Instructions<'a> {
    /// The API key for lookups.
    pub(super) key: String,
    pub(super) application: &'a Application,
    pub(super) systems: &'a Systems,
    pub(super) secrets: &'a Secrets,
    pub(super) data_dir: Option<PathBuf>,
    /// The brand's settings, as TOML text.
    pub(super) settings: &'a str,
}

/// Creates the API key for lookups.
pub(super) async fn make_key(
    application: &Application,
    arguments: &DemoArguments,
) -> anyhow::Result<String> {
    let (brand, clock) =
        (application.brands.values().next().context("the demo has no brand")?, Clock::system());
    let key = match &arguments.key {
        Some(key) => key.clone(),
        None if arguments.listen.ip().is_loopback() => "demo".to_owned(),
        None => NewKey::generate()
            .map_err(|_| anyhow::anyhow!("the operating system returned no random numbers"))?
            .reveal()
            .to_owned(),
    };
    insert_key(&application.database.pool, &key::new_row(brand, "demo", &key, clock.now(), None)?)
        .await?;
    Ok(key)
}

/// Prints the instructions.
pub(super) async fn print_instructions(instructions: &Instructions<'_>) -> anyhow::Result<()> {
    let Instructions { key, application, systems, secrets, .. } = instructions;
    let (brand, clock) =
        (application.brands.values().next().context("the demo has no brand")?, Clock::system());
    let counts =
        crate::storage::brands::count_brand(&application.database.pool, brand.id(), clock.now())
            .await?;
    let encoded = percent_encoding::utf8_percent_encode(key, percent_encoding::NON_ALPHANUMERIC);
    let base = format!("http://{}", application.address);
    let url = format!("{base}/omnidesk/customerlookup?key={encoded}");
    let by_email = |email: &str| {
        print_line(&format!(
            "  curl '{url}&channelAddressType=email&address={}'",
            email.replace('@', "%40")
        ))
    };
    print_line(&format!(
        "\nReady: {} customers from {} records and {} events of OmnioTap, Omneo, OmniLab and Syncaroo.\n",
        counts.customers, counts.records, counts.events
    ));
    print_line("Look up a customer by e-mail address, phone number or order number:");
    by_email("thomas@example.org");
    print_line(&format!("  curl '{url}&channelAddressType=phoneNumber&address=%2B31612312311'"));
    print_line(&format!("  curl '{url}&primaryID=NL-2026-00042'"));
    print_line(&format!(
        "\n{} is in no webhook and no backfill. The lookup itself fetches her from the systems:",
        newcomer::EMAIL
    ));
    by_email(newcomer::EMAIL);
    print_line(&format!(
        "\nEvery {} seconds a customer buys, books or asks something. {REGULAR} buys most often:",
        PAUSE.as_secs()
    ));
    by_email(REGULAR);
    print_line(&format!(
        "\nSend one webhook of each system, and look up {} after each:",
        examples::EMAIL
    ));
    for (_, request) in
        examples::examples(secrets, &systems.base_url(Source::Syncaroo), clock.now())
    {
        print_line(&format!("  {}", request.as_curl(&base)));
    }
    by_email(examples::EMAIL);
    if let Some(data_dir) = &instructions.data_dir {
        let file = write_settings(data_dir, instructions.settings, secrets)?;
        let program = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("hookpoint"));
        print_line("\nShow the state of the APIs and the webhooks, and explain a lookup:");
        for command in [
            "sync status".to_owned(),
            "inbox status".to_owned(),
            format!("lookup --email {REGULAR} --why"),
        ] {
            print_line(&format!("  {} --settings {} {command}", program.display(), file.display()));
        }
    }
    if let Some(metrics) = application.metrics_address {
        print_line(&format!("\nMetrics: http://{metrics}/metrics"));
    }
    print_line("Simulators:");
    for source in Source::ALL {
        print_line(&format!("  {:9}{}", source.as_str(), systems.base_url(source)));
    }
    print_line(&format!(
        "Data:    {} (deleted when the demo ends)",
        instructions.data_dir.as_deref().map(|dir| dir.display().to_string()).unwrap_or_default()
    ));
    print_line("Press Ctrl-C to stop the demo.");
    Ok(())
}

/// Writes the settings to a file, for commands that run beside the demo. Each secret gets a file of its own.
fn write_settings(data_dir: &Path, brand: &str, secrets: &Secrets) -> anyhow::Result<PathBuf> {
    let mut text =
        format!("[database]\ndata_dir = {:?}\n\n{brand}", data_dir.display().to_string());
    for (name, secret) in secrets.by_name() {
        let file = data_dir.join(name.to_lowercase());
        let mut open =
            std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&file)?;
        open.write_all(&secret)?;
        text = text.replace(
            &format!("env = {name:?}"),
            &format!("file = {:?}", file.display().to_string()),
        );
    }
    let file = data_dir.join("hookpoint.toml");
    std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&file)?
        .write_all(text.as_bytes())?;
    Ok(file)
}

//! `hookpoint doctor`

mod hookpoint;
mod report;
mod service;

use std::path::Path;
use std::time::Duration;

use clap::Args;

use crate::settings::Settings;

#[derive(Debug, Args)]
pub(super) struct DoctorArguments {
    #[command(flatten)]
    hookpoint: hookpoint::HookpointArguments,
    /// Wait this long for each answer
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=120))]
    timeout: u64,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Examines a hookpoint by its URL, or this service by its settings file. Fails if a check failed.
pub(super) async fn run(
    arguments: &DoctorArguments,
    settings_file: Option<&Path>,
) -> anyhow::Result<()> {
    let timeout = Duration::from_secs(arguments.timeout);
    let report = match arguments.hookpoint.url.as_deref() {
        Some(url) => hookpoint::examine(&arguments.hookpoint, url, timeout).await?,
        None => Box::pin(service::examine(Settings::load(settings_file), timeout)).await?,
    };
    report.print(arguments.json)
}

//! `hookpoint brand`

use clap::Subcommand;

use super::output::print_line;
use super::session::Session;
use crate::clock::Clock;
use crate::settings::Settings;
use crate::storage::brands::count_brand;

#[derive(Debug, Subcommand)]
pub(super) enum BrandCommand {
    /// List the brands of the settings, with counts of customers, records, events and valid keys
    List,
}

pub(super) async fn run(command: BrandCommand, settings: Settings) -> anyhow::Result<()> {
    let BrandCommand::List = command;
    let session = Session::read_only(settings).await?;
    let mut lines = Vec::new();
    for brand in session.brands.values() {
        let counts = count_brand(&session.database.pool, brand.id(), Clock::system().now()).await?;
        lines.push(format!(
            "{:<24}{:>12}{:>12}{:>12}{:>12}",
            brand.rules.slug, counts.customers, counts.records, counts.events, counts.live_keys
        ));
    }
    lines.sort();
    print_line(&format!(
        "{:<24}{:>12}{:>12}{:>12}{:>12}",
        "brand", "customers", "records", "events", "valid keys"
    ));
    lines.iter().for_each(|line| print_line(line));
    session.close().await;
    Ok(())
}

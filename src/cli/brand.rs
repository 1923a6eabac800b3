//! `hookpoint brand`

use clap::Subcommand;
use serde_json::json;

use super::output::{JsonArguments, print_json, print_line};
use super::session::Session;
use crate::clock::Clock;
use crate::settings::Settings;
use crate::storage::brands::{BrandCounts, count_brand};

#[derive(Debug, Subcommand)]
pub(super) enum BrandCommand {
    /// List the brands of the settings, with counts of customers, records, events and valid keys
    List(JsonArguments),
}

pub(super) async fn run(command: BrandCommand, settings: Settings) -> anyhow::Result<()> {
    let BrandCommand::List(output) = command;
    let session = Session::read_only(settings).await?;
    let counted = count(&session).await;
    session.close().await;
    let brands = counted?;
    if output.json {
        let of_brand = |(slug, counts): &(String, BrandCounts)| {
            json!({
                "brand": slug,
                "customers": counts.customers,
                "records": counts.records,
                "events": counts.events,
                "valid_keys": counts.live_keys,
            })
        };
        return print_json(&brands.iter().map(of_brand).collect::<Vec<_>>());
    }
    print_line(&format!(
        "{:<24}{:>12}{:>12}{:>12}{:>12}",
        "brand", "customers", "records", "events", "valid keys"
    ));
    for (slug, counts) in &brands {
        let BrandCounts { customers, records, events, live_keys } = counts;
        print_line(&format!("{slug:<24}{customers:>12}{records:>12}{events:>12}{live_keys:>12}"));
    }
    Ok(())
}

/// The brands, by slug.
async fn count(session: &Session) -> anyhow::Result<Vec<(String, BrandCounts)>> {
    let mut brands = Vec::new();
    for brand in session.brands_of(None)? {
        let counts = count_brand(&session.database.pool, brand.id(), Clock::system().now()).await?;
        brands.push((brand.rules.slug.clone(), counts));
    }
    Ok(brands)
}

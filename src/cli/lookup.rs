//! `hookpoint lookup`

use anyhow::Context;
use clap::Args;
use serde_json::Value;

use super::{open, say};
use crate::app::open_brands;
use crate::customer::email::Email;
use crate::customer::phone::Phone;
use crate::lookup::query::Question;
use crate::lookup::read::{ReadRules, find};
use crate::settings::Settings;

#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("question").required(true)))]
pub(super) struct LookupArguments {
    /// The brand; may be left out when there is only one
    #[arg(long)]
    brand: Option<String>,
    /// Who has this e-mail address?
    #[arg(long, group = "question", value_name = "ADDRESS")]
    email: Option<String>,
    /// Who has this phone number? In any usual spelling
    #[arg(long, group = "question", value_name = "NUMBER")]
    phone: Option<String>,
    /// Whose customer id, record id or order number is this?
    #[arg(long, group = "question")]
    id: Option<String>,
    /// The answer as Omnidesk would get it, and a new line
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(arguments: LookupArguments, settings: Settings) -> anyhow::Result<()> {
    let database = open(&settings).await?;
    let rules = ReadRules { max_customers: usize::try_from(settings.file.lookup.max_customers)?, several: settings.file.lookup.several };
    let names = super::names_of(&settings.brands);
    let brands = open_brands(&database, settings.brands).await?;
    let mut wanted = brands.values().filter(|brand| arguments.brand.as_ref().is_none_or(|slug| *slug == brand.rules.slug));
    let brand = match (wanted.next(), wanted.next()) {
        (Some(brand), None) => brand,
        (None, _) => anyhow::bail!("there is no such brand in the settings; brands: {names}"),
        (Some(_), Some(_)) => anyhow::bail!("there are several brands, so say --brand; brands: {names}"),
    };
    let question = match (&arguments.email, &arguments.phone, arguments.id) {
        (Some(email), ..) => Question::Address(Email::parse(email).context("that is not an e-mail address")?.into()),
        (_, Some(phone), _) => Question::Address(Phone::normalise(phone, brand.rules.identity.region).context("that is not a phone number")?.into()),
        (_, _, id) => Question::Id(id.unwrap_or_default()),
    };
    let found = find(&database.pool, brand, &question, rules).await?;
    database.close().await;
    if arguments.json {
        say(&found.body);
        return Ok(());
    }
    let customers: Vec<Value> = serde_json::from_str(&found.body)?;
    match customers.len() {
        0 => say("Nobody matches."),
        1 => {}
        n => say(&format!("{n} customers match: Omnidesk may show none of them.\n")),
    }
    customers.iter().for_each(show);
    Ok(())
}

fn show(customer: &Value) {
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let list = |key: &str| customer.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
    say(&format!("{} {}  ({})", text(customer, "customerFirstname"), text(customer, "customerLastname"), text(customer, "customerID")));
    for address in list("addresses") {
        say(&format!("  {:<12}{}", text(&address, "type"), text(&address, "address")));
    }
    for field in list("customFields").iter().filter_map(Value::as_object) {
        field.iter().for_each(|(name, value)| say(&format!("  {name}: {}", value.as_str().unwrap_or_default())));
    }
    for event in list("timeline") {
        say(&format!("  {}  {:<9} {}", text(&event, "lastUpdate"), text(&event, "source"), text(&event, "message")));
    }
}

//! `hookpoint lookup`

use std::collections::HashMap;
use std::sync::Arc;

use crate::storage::pool::Pool;
use anyhow::Context;
use clap::Args;
use serde_json::Value;

use super::{open_read_only, plain, plain_json, print_line};
use crate::admin::explain::{Explanation, explain};
use crate::app::find_brands;
use crate::brand::Brand;
use crate::customer::model::email::Email;
use crate::customer::model::phone::Phone;
use crate::customer::model::text::canonical_id;
use crate::lookup::query::Question;
use crate::lookup::query_customers::{ReadRules, find, find_keys};
use crate::settings::Settings;

#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("question").required(true)))]
pub(super) struct LookupArguments {
    /// The brand. Needed if the settings have several brands
    #[arg(long)]
    brand: Option<String>,
    /// Find the customers with this e-mail address
    #[arg(long, group = "question", value_name = "ADDRESS")]
    email: Option<String>,
    /// Find the customers with this phone number, in any usual spelling
    #[arg(long, group = "question", value_name = "NUMBER")]
    phone: Option<String>,
    /// Find the customer with this customer id, record id or order number
    #[arg(long, group = "question")]
    id: Option<String>,
    /// Print the answer as JSON, as Omnidesk gets it
    #[arg(long)]
    json: bool,
    /// Explain the result: why records are joined or kept apart, and where each field comes from
    #[arg(long, conflicts_with = "json")]
    why: bool,
}

pub(super) async fn run(arguments: LookupArguments, settings: Settings) -> anyhow::Result<()> {
    let database = open_read_only(&settings).await?;
    let rules = ReadRules {
        max_customers: usize::try_from(settings.file.lookup.max_customers)?,
        multiple_matches: settings.file.lookup.multiple_matches,
    };
    let names = crate::cli::names_of(&settings.brands);
    let brands = find_brands(&database, settings.brands).await?;
    let brand = choose(&brands, arguments.brand.as_deref(), &names)?;
    let question =
        question(brand, arguments.email.as_deref(), arguments.phone.as_deref(), arguments.id)?;
    let found = find(&database.pool, brand, &question, rules).await?;
    // An empty answer needs the explanations too: it does not say whether nobody matches, or too many.
    let needs_reasons = arguments.why || found.customers == 0;
    let explanations = if needs_reasons {
        explanations(&database.pool, brand, &question, rules).await?
    } else {
        Vec::new()
    };
    database.close().await;
    if arguments.json {
        print_line(&plain_json(&found.body));
        return Ok(());
    }
    let customers: Vec<Value> = serde_json::from_str(&found.body)?;
    match (customers.len(), explanations.len()) {
        (0, 0) => print_line("Nobody matches."),
        (0, n) => print_line(&format!(
            "At least {n} customers match. This is ambiguous, so Omnidesk gets none of them."
        )),
        (1, _) => {}
        (n, _) => print_line(&format!(
            "{n} customers match. All are sent; Omnidesk decides what the agent sees.\n"
        )),
    }
    let mut explanations = explanations.into_iter().filter(|_| arguments.why);
    for customer in &customers {
        show(customer);
        explanations.next().iter().for_each(show_why);
    }
    for explanation in explanations {
        line(&format!("({})", explanation.customer_id));
        show_why(&explanation);
    }
    Ok(())
}

/// Finds the brand: the one with the slug, or the only one.
pub(super) fn choose<'a>(
    brands: &'a HashMap<i32, Arc<Brand>>,
    slug: Option<&str>,
    names: &str,
) -> anyhow::Result<&'a Arc<Brand>> {
    let mut wanted =
        brands.values().filter(|brand| slug.is_none_or(|slug| slug == brand.rules.slug));
    match (wanted.next(), wanted.next()) {
        (Some(brand), None) => Ok(brand),
        (None, _) => anyhow::bail!("there is no such brand in the settings; brands: {names}"),
        (Some(_), Some(_)) => anyhow::bail!(
            "the settings have several brands; choose one with --brand; brands: {names}"
        ),
    }
}

/// The question for a lookup: the first argument that is given.
pub(super) fn question(
    brand: &Brand,
    email: Option<&str>,
    phone: Option<&str>,
    id: Option<String>,
) -> anyhow::Result<Question> {
    Ok(match (email, phone) {
        (Some(email), _) => Question::Address(
            Email::parse(email).context("--email is not an e-mail address")?.into(),
        ),
        (_, Some(phone)) => Question::Address(
            Phone::normalise(phone, brand.rules.identity.region)
                .context("--phone is not a phone number")?
                .into(),
        ),
        (None, None) => Question::Id(canonical_id(&id.unwrap_or_default())),
    })
}

async fn explanations(
    pool: &Pool,
    brand: &Brand,
    question: &Question,
    rules: ReadRules,
) -> anyhow::Result<Vec<Explanation>> {
    let mut connection = pool.acquire().await?;
    let mut explanations = Vec::new();
    for key in find_keys(&mut connection, brand, question, rules).await? {
        explanations.extend(explain(&mut connection, brand, &key).await?);
    }
    Ok(explanations)
}

/// Prints a line with text of the sources.
pub(super) fn line(text: &str) {
    print_line(&plain(text));
}

fn show_why(why: &Explanation) {
    print_line("\n  Records of this customer:");
    why.records.iter().for_each(|(key, name)| line(&format!("    {key}  {name}")));
    why.remarks.iter().for_each(|note| print_line(&format!("    {note}")));
    if !why.links.is_empty() {
        print_line("\n  Joined by:");
    }
    for (level, evidence, records) in &why.links {
        line(&format!("    {level:<13} {evidence}"));
        records.iter().for_each(|key| line(&format!("      {key}")));
    }
    if !why.decisions.is_empty() {
        print_line("\n  Decisions of people:");
    }
    for (same, left, right) in &why.decisions {
        line(&format!("    {left}"));
        line(&format!(
            "      {} {right}",
            if *same { "is the same person as" } else { "is not the same person as" }
        ));
    }
    if !why.doubts.is_empty() {
        print_line("\n  Kept apart from others that have the same value:");
    }
    for (level, evidence, grounds, others) in &why.doubts {
        line(&format!("    {level:<13} {evidence}  (reason: {grounds})"));
        others.iter().for_each(|other| line(&format!("      {other}")));
    }
    for (heading, addresses) in [
        ("Finds this customer, but joins no records:", &why.finds_only),
        ("Does not find this customer:", &why.finds_not),
    ] {
        if !addresses.is_empty() {
            print_line(&format!("\n  {heading}"));
        }
        for (address, why) in addresses {
            line(&format!("    {:<13} {}  ({why})", address.kind.as_str(), address.value));
        }
    }
    if !why.unread.is_empty() {
        print_line("\n  Left out, because the value could not be parsed:");
    }
    for (key, unread) in &why.unread {
        line(&format!("    {key}"));
        unread.iter().for_each(|(name, value)| {
            line(&format!("      {name}: '{value}' could not be parsed"))
        });
    }
    if !why.failed_templates.is_empty() {
        print_line("\n  Left out, because the template in the settings fails:");
        why.failed_templates.iter().for_each(|template| line(&format!("    {template}")));
    }
    print_line("\n  Values of each record, with their time (UTC):");
    for (record, record_values) in &why.record_values {
        line(&format!("    {record}"));
        for (name, value, at) in record_values {
            line(&format!("      {name} = {value}  ({})", at.strftime("%F %T")));
        }
    }
    print_line("");
}

/// Prints a customer as an agent sees it.
pub(super) fn show(customer: &Value) {
    let text = |value: &Value, key: &str| {
        value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let list = |key: &str| customer.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
    line(&format!(
        "{} {}  ({})",
        text(customer, "customerFirstname"),
        text(customer, "customerLastname"),
        text(customer, "customerID")
    ));
    for address in list("addresses") {
        line(&format!("  {:<12}{}", text(&address, "type"), text(&address, "address")));
    }
    for field in list("customFields").iter().filter_map(Value::as_object) {
        field.iter().for_each(|(name, value)| {
            line(&format!("  {name}: {}", value.as_str().unwrap_or_default()))
        });
    }
    for event in list("timeline") {
        line(&format!(
            "  {}  {:<9} {}",
            text(&event, "lastUpdate"),
            text(&event, "source"),
            text(&event, "message")
        ));
    }
}
